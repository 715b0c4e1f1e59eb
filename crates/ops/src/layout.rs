//! How images lie in memory while kernels work on them.
//!
//! As many images as a register has lanes lie interleaved: a vector holds one pixel of one channel
//! of each of them. Then every operation on pixels is an operation on whole vectors, whatever the
//! size of the image, the stride or the dilation, and nothing is ever shuffled. Around each channel
//! lies a margin of zeros, so that windows may stand out without a special case.

use bytemuck::Zeroable;
use pulp::{Simd, WithSimd};

use crate::simd::{Element, dispatch};

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
const EXACT: bool = option_env!("NASCENT_EXACT_MEMORY").is_some();

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

/// The rows of all channels: where they are in an image, and where in a block, in numbers.
#[inline(always)]
fn rows(planes: Planes, lanes: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..planes.channels * planes.height).map(move |row| {
        let (channel, y) = (row / planes.height, row % planes.height);
        let start = channel * planes.plane() + planes.first() + y * planes.row();
        (row * planes.width, start * lanes)
    })
}

struct Pack<'a, E> {
    images: &'a [E],
    part: Part,
    planes: Planes,
    block: &'a mut [E],
}

impl<E: Element> WithSimd for Pack<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        assert_shapes::<S, E>(self.images.len(), self.block.len(), self.part, &self.planes);
        match E::lanes::<S>() {
            2 => self.run::<2>(),
            4 => self.run::<4>(),
            8 => self.run::<8>(),
            16 => self.run::<16>(),
            lanes => unreachable!("no register has {lanes} lanes"),
        }
    }
}

impl<E: Element> Pack<'_, E> {
    #[inline(always)]
    fn run<const L: usize>(self) {
        let Self { images, part: Part { image, start }, planes, block } = self;
        let zeros = [E::default(); L];
        for (from, to) in rows(planes, L) {
            // The row of each image; of those that are not there, nothing. Squares of as many
            // pixels as images keep what is read and what is written in the cache.
            let sources: [&[E]; L] = std::array::from_fn(|lane| {
                let start = start + lane * image + from;
                images.get(start..start + planes.width).unwrap_or(&[])
            });
            let (pixels, _) = block[to..to + planes.width * L].as_chunks_mut::<L>();
            let (tiles, rest) = pixels.as_chunks_mut::<L>();
            let whole = tiles.len() * L;
            let squares = sources.map(|source| source.as_chunks::<L>().0);
            for (i, tile) in tiles.iter_mut().enumerate() {
                let square = squares.map(|square| square.get(i).unwrap_or(&zeros));
                for (x, pixel) in tile.iter_mut().enumerate() {
                    *pixel = square.map(|values| values[x]);
                }
            }
            for (x, pixel) in rest.iter_mut().enumerate() {
                for (value, source) in std::iter::zip(pixel, sources) {
                    *value = source.get(whole + x).copied().unwrap_or_default();
                }
            }
        }
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
    fn with_simd<S: Simd>(self, _: S) {
        assert_shapes::<S, E>(self.images.len(), self.block.len(), self.part, &self.planes);
        match E::lanes::<S>() {
            2 => self.run::<2>(),
            4 => self.run::<4>(),
            8 => self.run::<8>(),
            16 => self.run::<16>(),
            lanes => unreachable!("no register has {lanes} lanes"),
        }
    }
}

impl<E: Element> Unpack<'_, E> {
    #[inline(always)]
    fn run<const L: usize>(self) {
        let Self { block, planes, part: Part { image, start: part }, images } = self;
        if image == 0 {
            return;
        }
        for (to, from) in rows(planes, L) {
            let (pixels, _) = block[from..from + planes.width * L].as_chunks::<L>();
            let (tiles, rest) = pixels.as_chunks::<L>();
            let whole = tiles.len() * L;
            for (i, tile) in tiles.iter().enumerate() {
                for lane in 0..L {
                    let start = part + lane * image + to + i * L;
                    if let Some(values) = images.get_mut(start..start + L) {
                        for (value, pixel) in std::iter::zip(values, tile) {
                            *value = pixel[lane];
                        }
                    }
                }
            }
            for (lane, image) in images.chunks_exact_mut(image).enumerate() {
                let values = &mut image[part + to + whole..][..rest.len()];
                for (value, pixel) in std::iter::zip(values, rest) {
                    *value = pixel[lane];
                }
            }
        }
    }
}
