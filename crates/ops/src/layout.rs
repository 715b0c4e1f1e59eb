//! How images lie in memory while kernels work on them.
//!
//! As many images as a register has lanes lie interleaved: a vector holds one pixel of one channel
//! of each of them. Then every operation on pixels is an operation on whole vectors, whatever the
//! size of the image, the stride or the dilation, and nothing is ever shuffled. Around each channel
//! lies a margin of zeros, so that windows may stand out without a special case.

use std::ops::Range;

use bytemuck::Zeroable;
use pulp::{Simd, WithSimd};

use crate::simd::{Element, dispatch};
use crate::transpose::{MOST_LANES, transpose};

/// The shape of an interleaved image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Planes {
    /// Channels.
    pub channels: usize,
    /// Rows of pixels.
    pub height: usize,
    /// Pixels in a row.
    pub width: usize,
    /// How many zeros lie on each side of a channel.
    pub margin: usize,
}

impl Planes {
    /// The same images without a margin.
    #[must_use]
    pub fn without_margin(&self) -> Self {
        Self { margin: 0, ..*self }
    }

    /// The distance of two rows, in vectors.
    pub fn row(&self) -> usize {
        self.width + 2 * self.margin
    }

    /// The distance of two channels, in vectors.
    pub fn plane(&self) -> usize {
        (self.height + 2 * self.margin) * self.row()
    }

    /// The number of vectors.
    pub fn vectors(&self) -> usize {
        self.channels * self.plane()
    }

    /// Where the first pixel of a channel is, in vectors from its start.
    pub fn first(&self) -> usize {
        self.margin * self.row() + self.margin
    }
}

/// Whether memory that is used again is only as large as what it is used for. `cargo xtask sanitize`
/// compiles this crate so: nobody would see a read behind the end that stays within the memory.
pub(crate) const EXACT: bool = option_env!("NASCENT_EXACT_MEMORY").is_some();

/// Numbers of which the first begins a cache line.
#[derive(Clone, Debug, Default)]
pub struct Buffer<E> {
    lines: Vec<Line>,
    len: usize,
    kind: std::marker::PhantomData<E>,
}

#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([u8; 64]);

#[expect(unsafe_code, reason = "bytemuck cannot derive this for an aligned struct")]
// SAFETY: a `Line` is 64 bytes of which every pattern is valid, and has no padding.
unsafe impl Zeroable for Line {}
#[expect(unsafe_code, reason = "bytemuck cannot derive this for an aligned struct")]
// SAFETY: as above, and it is `Copy` and `'static`.
unsafe impl bytemuck::Pod for Line {}

impl<E: Element> Buffer<E> {
    /// So many zeros.
    pub fn zeros(len: usize) -> Self {
        let lines = (len * size_of::<E>()).div_ceil(size_of::<Line>());
        Self { lines: vec![Line::zeroed(); lines], len, kind: std::marker::PhantomData }
    }

    /// The numbers.
    pub fn as_slice(&self) -> &[E] {
        &bytemuck::cast_slice(&self.lines)[..self.len]
    }

    /// The numbers, to be changed.
    pub fn as_mut_slice(&mut self) -> &mut [E] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.len]
    }

    /// The same memory for another kind of number, whose values are anything.
    pub fn retyped<F: Element>(self) -> Buffer<F> {
        let len = self.lines.len() * (size_of::<Line>() / size_of::<F>());
        Buffer { lines: self.lines, len, kind: std::marker::PhantomData }
    }

    /// At least so many numbers, whose values are anything.
    pub fn at_least(&mut self, len: usize) -> &mut [E] {
        if self.len < len || EXACT && self.len != len {
            *self = Self::zeros(len);
        }
        &mut self.as_mut_slice()[..len]
    }
}

/// Interleaves up to as many images as there are lanes, which lie behind each other in the order
/// channel, row, column, into one block. Lanes without an image become zeros; the margin of the
/// block is left as it is.
///
/// # Panics
///
/// If the images are no whole number up to the lanes, or the block has another size.
pub fn pack<E: Element>(images: &[E], planes: Planes, block: &mut [E]) {
    pack_channels(images, (planes.channels, 0), planes, block);
}

/// As [`pack`], of some channels of the images: all that they have, and the first of those that are
/// in the block.
///
/// # Panics
///
/// As [`pack`], or if the images have not these channels.
pub fn pack_channels<E: Element>(
    images: &[E],
    (channels, first): (usize, usize),
    planes: Planes,
    block: &mut [E],
) {
    dispatch(Pack { images, part: Part::new(&planes, channels, first), planes, block });
}

/// Takes the images out of a block: the reverse of [`pack`], for as many images as there is room.
///
/// # Panics
///
/// If there is room for no whole number of images up to the lanes, or the block has another size.
pub fn unpack<E: Element>(block: &[E], planes: Planes, images: &mut [E]) {
    unpack_channels(block, planes, (planes.channels, 0), images);
}

/// As [`unpack`], of some channels of the images: all that they have, and the first of those that
/// are in the block. The others stay as they are.
///
/// # Panics
///
/// As [`unpack`], or if the images have not these channels.
pub fn unpack_channels<E: Element>(
    block: &[E],
    planes: Planes,
    (channels, first): (usize, usize),
    images: &mut [E],
) {
    dispatch(Unpack { block, planes, part: Part::new(&planes, channels, first), images });
}

/// Sets the margin of a block to zeros.
///
/// # Panics
///
/// If the block has another size.
pub fn clear_margin<E: Element>(planes: Planes, block: &mut [E]) {
    let lanes = crate::simd::lanes::<E>();
    assert_eq!(block.len(), planes.vectors() * lanes, "the size of a block of {planes:?}");
    if planes.margin == 0 {
        return;
    }
    for plane in block.chunks_exact_mut(planes.plane() * lanes) {
        let mut start = 0;
        for y in 0..planes.height {
            let first = planes.first() + y * planes.row();
            plane[start * lanes..first * lanes].fill(E::default());
            start = first + planes.width;
        }
        plane[start * lanes..].fill(E::default());
    }
}

/// Which part of an image is in a block, in numbers.
#[derive(Clone, Copy, Debug)]
struct Part {
    /// The size of an image.
    image: usize,
    /// Where the part begins.
    start: usize,
}

impl Part {
    fn new(planes: &Planes, channels: usize, first: usize) -> Self {
        assert!(first + planes.channels <= channels, "there are {channels} channels");
        let plane = planes.height * planes.width;
        Self { image: channels * plane, start: first * plane }
    }
}

/// Asserts that images and a block are of the shape.
#[inline(always)]
fn assert_shapes<S: Simd, E: Element>(images: usize, block: usize, part: Part, planes: &Planes) {
    let Part { image, .. } = part;
    let whole = image == 0 || images.is_multiple_of(image) && images / image <= E::lanes::<S>();
    assert!(whole, "{images} numbers are no images of {planes:?}");
    assert_eq!(block, planes.vectors() * E::lanes::<S>(), "the size of a block of {planes:?}");
}

/// How many squares are turned together, beside each other in an image: a cache fetches what lies
/// beside each other, and has room for few lines as far apart as images often are.
const SQUARES: usize = 8;

struct Pack<'a, E> {
    images: &'a [E],
    part: Part,
    planes: Planes,
    block: &'a mut [E],
}

impl<E: Element> WithSimd for Pack<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { images, part, planes, block } = self;
        assert_shapes::<S, E>(images.len(), block.len(), part, &planes);
        let lanes = E::lanes::<S>();
        let block = E::vectors_mut::<S>(block);
        let pixels = planes.height * planes.width;
        let mut squares = [E::splat(s, E::default()); MOST_LANES * SQUARES];
        let squares = &mut squares[..lanes * SQUARES];
        for channel in 0..planes.channels {
            let mut place = Place::new(&planes, channel);
            for first in (0..pixels).step_by(squares.len()) {
                let count = squares.len().min(pixels - first);
                for lane in 0..lanes {
                    let start = lane * part.image + part.start + channel * pixels + first;
                    for at in (0..count).step_by(lanes) {
                        squares[at + lane] =
                            load::<S, E>(s, images, start + at, lanes.min(count - at));
                    }
                }
                for square in squares[..count.next_multiple_of(lanes)].chunks_exact_mut(lanes) {
                    transpose::<S, E>(square);
                }
                for (place, run) in place.runs(count) {
                    copy(&squares[run.clone()], &mut block[place..][..run.len()]);
                }
            }
        }
    }
}

/// Copies vectors: a few in less time than a call takes.
#[inline(always)]
fn copy<V: Copy>(from: &[V], to: &mut [V]) {
    for (to, from) in std::iter::zip(to, from) {
        *to = *from;
    }
}

/// So many numbers, with anything behind them; zeros, if not all of them are there.
#[inline(always)]
fn load<S: Simd, E: Element>(s: S, numbers: &[E], start: usize, count: usize) -> E::Vector<S> {
    let mut vector = E::splat(s, E::default());
    let lanes = E::lanes::<S>();
    if let Some(numbers) = numbers.get(start..start + lanes) {
        vector = bytemuck::pod_read_unaligned(bytemuck::cast_slice(numbers));
    } else if let Some(numbers) = numbers.get(start..start + count) {
        let vector: &mut [E] = bytemuck::cast_slice_mut(std::slice::from_mut(&mut vector));
        vector[..count].copy_from_slice(numbers);
    }
    vector
}

/// Where the pixels of a channel are in a block.
struct Place {
    at: usize,
    width: usize,
    margin: usize,
    /// How many pixels are left in the row.
    left: usize,
}

impl Place {
    #[inline(always)]
    fn new(planes: &Planes, channel: usize) -> Self {
        let at = channel * planes.plane() + planes.first();
        Self { at, width: planes.width, margin: planes.margin, left: planes.width }
    }

    /// The next pixels, as many as are asked for: row by row where they are, and which of them.
    #[inline(always)]
    fn runs(&mut self, count: usize) -> impl Iterator<Item = (usize, Range<usize>)> {
        let mut done = 0;
        std::iter::from_fn(move || {
            let run = self.left.min(count - done);
            if run == 0 {
                return None;
            }
            let (at, range) = (self.at, done..done + run);
            done += run;
            self.at += run;
            self.left -= run;
            if self.left == 0 {
                self.at += 2 * self.margin;
                self.left = self.width;
            }
            Some((at, range))
        })
    }
}

struct Unpack<'a, E> {
    block: &'a [E],
    planes: Planes,
    part: Part,
    images: &'a mut [E],
}

impl<E: Element> WithSimd for Unpack<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { block, planes, part, images } = self;
        assert_shapes::<S, E>(images.len(), block.len(), part, &planes);
        let lanes = E::lanes::<S>();
        let block = E::vectors::<S>(block);
        let pixels = planes.height * planes.width;
        let mut squares = [E::splat(s, E::default()); MOST_LANES * SQUARES];
        let squares = &mut squares[..lanes * SQUARES];
        for channel in 0..planes.channels {
            let mut place = Place::new(&planes, channel);
            for first in (0..pixels).step_by(squares.len()) {
                let count = squares.len().min(pixels - first);
                for (place, run) in place.runs(count) {
                    copy(&block[place..][..run.len()], &mut squares[run]);
                }
                for square in squares[..count.next_multiple_of(lanes)].chunks_exact_mut(lanes) {
                    transpose::<S, E>(square);
                }
                for lane in 0..lanes {
                    let start = lane * part.image + part.start + channel * pixels + first;
                    let Some(target) = images.get_mut(start..start + count) else { break };
                    for (at, target) in target.chunks_mut(lanes).enumerate() {
                        let row = &squares[at * lanes + lane];
                        if let [target] = E::vectors_mut::<S>(target) {
                            *target = *row;
                        } else {
                            let row: &[E] = bytemuck::cast_slice(std::slice::from_ref(row));
                            target.copy_from_slice(&row[..target.len()]);
                        }
                    }
                }
            }
        }
    }
}
