//! Memory that is needed for a moment. Each thread keeps what it has used, and uses it again.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::sync::Once;

use crate::layout::Buffer;
use crate::simd::Element;

thread_local! {
    /// What nothing uses at the moment.
    static FREE: RefCell<Vec<Buffer<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Has the allocator keep the memory of tensors that are dropped.
///
/// glibc gives large pieces of memory back to the system at once, and has to have them zeroed, page
/// by page, when the next tensor needs them: that takes several times as long as a ReLU of it. How
/// large is large it learns from what is freed, up to 32 MiB. So it is shown such a piece, once.
/// Other allocators take no notice.
pub(super) fn keep_memory() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| drop(std::hint::black_box(vec![0_u8; (32 << 20) - (64 << 10)])));
}

/// Numbers whose values are anything at first.
pub(super) struct Scratch<E: Element> {
    buffer: Buffer<E>,
    len: usize,
}

impl<E: Element> Scratch<E> {
    /// So many numbers.
    pub(super) fn new(len: usize) -> Self {
        let free = FREE.with_borrow_mut(Vec::pop).unwrap_or_default();
        let mut buffer = free.retyped::<E>();
        buffer.at_least(len);
        Self { buffer, len }
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
