//! How images lie in memory while kernels work on them.
//!
//! As many images as a register has lanes lie interleaved: a vector holds one pixel of one channel
//! of each of them. Then every operation on pixels is an operation on whole vectors, whatever the
//! size of the image, the stride or the dilation, and nothing is ever shuffled. Around each channel
//! lies a margin of zeros, so that windows may stand out without a special case.

use bytemuck::Zeroable;

use crate::simd::{Element, lanes};

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

    /// At least so many numbers, whose values are anything.
    pub fn at_least(&mut self, len: usize) -> &mut [E] {
        if self.len < len {
            *self = Self::zeros(len);
        }
        &mut self.as_mut_slice()[..len]
    }
}

/// Interleaves up to as many images as there are lanes, `[images, channels, height, width]`, into a
/// block. Lanes without an image become 0; the margin stays.
pub fn pack<E: Element>(images: &[E], planes: Planes, block: &mut [E]) {
    let lanes = lanes::<E>();
    let size = planes.channels * planes.height * planes.width;
    for channel in 0..planes.channels {
        for y in 0..planes.height {
            let start = channel * planes.plane() + planes.first() + y * planes.row();
            let row = &mut block[start * lanes..(start + planes.width) * lanes];
            row.fill(E::default());
            let from = (channel * planes.height + y) * planes.width;
            for (lane, image) in images.chunks_exact(size).enumerate() {
                let image = &image[from..from + planes.width];
                for (target, value) in std::iter::zip(row.chunks_exact_mut(lanes), image) {
                    target[lane] = *value;
                }
            }
        }
    }
}
