//! Memory that is needed for a moment. Each thread keeps what it has used, and uses it again.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

use crate::layout::Buffer;
use crate::simd::Element;

thread_local! {
    /// What nothing uses at the moment.
    static FREE: RefCell<Vec<Buffer<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Numbers whose values are anything at first.
#[derive(Debug)]
pub struct Scratch<E: Element> {
    buffer: Buffer<E>,
    len: usize,
}

impl<E: Element> Scratch<E> {
    /// So many numbers.
    pub fn new(len: usize) -> Self {
        let free = FREE.with_borrow_mut(|free| take(free, len * size_of::<E>()));
        let mut buffer = free.retyped::<E>();
        buffer.at_least(len);
        Self { buffer, len }
    }
}

/// The smallest buffer of at least so many bytes, or else the largest one, which has to grow.
fn take(free: &mut Vec<Buffer<f32>>, bytes: usize) -> Buffer<f32> {
    let len = |buffer: &Buffer<f32>| size_of_val(buffer.as_slice());
    let suits = |(_, buffer): &(usize, &Buffer<f32>)| len(buffer) >= bytes;
    let smallest = free.iter().enumerate().filter(suits).min_by_key(|(_, buffer)| len(buffer));
    let largest = || free.iter().enumerate().max_by_key(|(_, buffer)| len(buffer));
    match smallest.or_else(largest) {
        Some((at, _)) => free.swap_remove(at),
        None => Buffer::default(),
    }
}

impl<E: Element> Deref for Scratch<E> {
    type Target = [E];

    fn deref(&self) -> &[E] {
        &self.buffer.as_slice()[..self.len]
    }
}

impl<E: Element> DerefMut for Scratch<E> {
    fn deref_mut(&mut self) -> &mut [E] {
        &mut self.buffer.as_mut_slice()[..self.len]
    }
}

impl<E: Element> Drop for Scratch<E> {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer).retyped();
        // The thread may be about to end, and its memory gone already.
        let _ended = FREE.try_with(|free| {
            if let Ok(mut free) = free.try_borrow_mut() {
                free.push(buffer);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_that_is_large_enough_is_used_again() {
        let sizes =
            || FREE.with_borrow(|free| free.iter().map(|b| b.as_slice().len()).collect::<Vec<_>>());
        drop((Scratch::<f32>::new(1000), Scratch::<f32>::new(100), Scratch::<f64>::new(300)));
        let mut before = sizes();
        before.sort_unstable();
        for _ in 0..2 {
            let first = Scratch::<f32>::new(90);
            assert_eq!(first.len(), 90);
            assert!(first.buffer.as_slice().len() < 200);
            let second = Scratch::<f64>::new(200);
            assert!(second.buffer.as_slice().len() < 400);
        }
        let mut after = sizes();
        after.sort_unstable();
        // Memory that is to be exact for the sanitizer is made anew for each size.
        if !crate::layout::EXACT {
            assert_eq!(before, after);
        }
    }
}
