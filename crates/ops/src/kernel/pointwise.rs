//! The convolution with windows of one pixel, of images in the plain order: for each image a product
//! of the weights with the image, whose channels are the rows of a matrix. Nothing is interleaved:
//! the vectors are neighbors in a row.

use std::mem::MaybeUninit;

use pulp::{Simd, WithSimd};

use crate::simd::Element;

/// The shape of a convolution with windows of one pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PointwiseShape {
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub outputs: usize,
    /// Pixels of a channel.
    pub pixels: usize,
}

/// Output channels that are computed together.
const OUTPUTS: usize = 6;
/// Vectors of pixels that are computed together; so 12 sums are in registers, and an addition does
/// not wait for the one before.
const VECTORS: usize = 2;
/// Tiles of so many pixels that follow each other in a row are worked on together: rows are often a
/// power of two apart, and would push each other out of the cache if less of each were read.
const TILES: usize = 4;

impl PointwiseShape {
    /// The shape of the convolution that the gradient of the input is.
    #[must_use]
    pub fn turned(self) -> Self {
        Self { inputs: self.outputs, outputs: self.inputs, ..self }
    }

    /// The number of packed weights.
    pub fn weights(&self) -> usize {
        self.outputs.next_multiple_of(OUTPUTS) * self.inputs
    }

    /// The numbers of scratch that [`Pointwise`] needs.
    pub fn scratch<E: Element>(&self) -> usize {
        self.inputs * TILES * VECTORS * crate::simd::lanes::<E>()
    }

    /// Puts weights, of which this function gives that of an output and an input, into the form that
    /// [`Pointwise`] reads.
    ///
    /// # Panics
    ///
    /// If there are not [`weights`](Self::weights) numbers of room.
    pub fn pack_weights<E: Element>(&self, weight: impl Fn(usize, usize) -> E, packed: &mut [E]) {
        assert_eq!(packed.len(), self.weights(), "room for the weights of {self:?}");
        let groups = packed.chunks_exact_mut(OUTPUTS * self.inputs);
        for (group, packed) in groups.enumerate() {
            for (input, packed) in packed.chunks_exact_mut(OUTPUTS).enumerate() {
                for (at, packed) in packed.iter_mut().enumerate() {
                    let output = group * OUTPUTS + at;
                    *packed =
                        if output < self.outputs { weight(output, input) } else { E::default() };
                }
            }
        }
    }
}

/// The convolution of one image. Its output is the output, written.
#[derive(Debug)]
pub struct Pointwise<'a, 't, E> {
    /// The image.
    pub input: &'a [E],
    /// The shape.
    pub shape: PointwiseShape,
    /// The weights, from [`PointwiseShape::pack_weights`].
    pub weights: &'a [E],
    /// What is added to each channel, or nothing.
    pub bias: Option<&'a [E]>,
    /// The output.
    pub output: &'t mut [MaybeUninit<E>],
    /// Room for [`PointwiseShape::scratch`] numbers.
    pub scratch: &'a mut [E],
}

impl<'t, E: Element> WithSimd for Pointwise<'_, 't, E> {
    type Output = &'t mut [E];

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) -> &'t mut [E] {
        let Self { input, shape, weights, bias, output, scratch } = self;
        let PointwiseShape { inputs, outputs, pixels } = shape;
        assert!(inputs > 0 && pixels > 0, "images have pixels");
        assert_eq!(input.len(), inputs * pixels, "an image of {shape:?}");
        assert_eq!(weights.len(), shape.weights(), "the number of packed weights");
        assert_eq!(output.len(), outputs * pixels, "an output of {shape:?}");
        let scratch = E::vectors_mut::<S>(scratch);
        let size = TILES * VECTORS * E::lanes::<S>();
        for at in (0..pixels).step_by(size) {
            let place = (at, size.min(pixels - at), pixels);
            some_pixels::<S, E>(s, input, weights, bias, output, place, scratch);
        }
        #[expect(unsafe_code, reason = "there is no safe way to say that all is written")]
        // SAFETY: the loop goes through all pixels, without a gap, and `some_pixels` writes those
        // that it is given in all rows of the output, of which there are as many as asserted above.
        unsafe {
            output.assume_init_mut()
        }
    }
}

/// All outputs of some pixels, at most [`TILES`]: `count` of them from `at` on.
#[inline(always)]
fn some_pixels<S: Simd, E: Element>(
    s: S,
    input: &[E],
    weights: &[E],
    bias: Option<&[E]>,
    output: &mut [MaybeUninit<E>],
    (at, count, pixels): (usize, usize, usize),
    scratch: &mut [E::Vector<S>],
) {
    let (inputs, size) = (input.len() / pixels, VECTORS * E::lanes::<S>());
    let (tiles, _) = scratch.as_chunks_mut::<VECTORS>();
    for (channel, row) in input.chunks_exact(pixels).enumerate() {
        let targets = tiles[channel..].iter_mut().step_by(inputs);
        for (target, pixels) in targets.zip(row[at..at + count].chunks(size)) {
            put::<S, E>(pixels, target);
        }
    }
    let groups = weights.chunks_exact(OUTPUTS * inputs);
    for (group, (weights, rows)) in groups.zip(output.chunks_mut(OUTPUTS * pixels)).enumerate() {
        let (weights, _) = weights.as_chunks::<OUTPUTS>();
        let mut first = [E::splat(s, E::default()); OUTPUTS];
        if let Some(bias) = bias {
            for (first, bias) in std::iter::zip(&mut first, &bias[group * OUTPUTS..]) {
                *first = E::splat(s, *bias);
            }
        }
        for (tile, start) in tiles.chunks_exact(inputs).zip((0..count).step_by(size)) {
            let mut sums = [[first[0]; VECTORS]; OUTPUTS];
            for (sums, first) in std::iter::zip(&mut sums, first) {
                *sums = [first; VECTORS];
            }
            for (values, weights) in std::iter::zip(tile, weights) {
                for (sums, weight) in std::iter::zip(&mut sums, weights) {
                    let weight = E::splat(s, *weight);
                    for (sum, value) in std::iter::zip(sums, values) {
                        *sum = E::mul_add(s, weight, *value, *sum);
                    }
                }
            }
            if rows.len() == OUTPUTS * pixels && count - start >= size {
                // Without numbers that are only known now, the sums stay in registers.
                for (row, sums) in sums.iter().enumerate() {
                    let row = &mut rows[row * pixels + at + start..][..size];
                    for (i, sum) in sums.iter().enumerate() {
                        row[i * E::lanes::<S>()..][..E::lanes::<S>()]
                            .write_copy_of_slice(bytemuck::cast_slice(std::slice::from_ref(sum)));
                    }
                }
                continue;
            }
            let size = size.min(count - start);
            for (row, sums) in std::iter::zip(rows.chunks_exact_mut(pixels), &sums) {
                let sums = bytemuck::cast_slice(sums);
                row[at + start..][..size].write_copy_of_slice(&sums[..size]);
            }
        }
    }
}

/// Puts numbers into vectors; what is left of the last one are zeros.
#[inline(always)]
fn put<S: Simd, E: Element>(numbers: &[E], target: &mut [E::Vector<S>]) {
    let whole = E::vectors::<S>(numbers);
    if let (Some(whole), Some(target)) =
        (whole.first_chunk::<VECTORS>(), target.first_chunk_mut::<VECTORS>())
    {
        for (target, vector) in std::iter::zip(target, whole) {
            *target = *vector;
        }
        return;
    }
    let target = bytemuck::cast_slice_mut(target);
    target[..numbers.len()].copy_from_slice(numbers);
    target[numbers.len()..].fill(E::default());
}

/// The gradient of the weights, `[outputs, inputs]`, of some images.
#[derive(Debug)]
pub struct PointwiseWeightGradient<'a, E> {
    /// The images.
    pub input: &'a [E],
    /// The gradients of as many outputs.
    pub gradient: &'a [E],
    /// The shape.
    pub shape: PointwiseShape,
    /// Where it goes.
    pub target: &'a mut [E],
}

impl<E: Element> WithSimd for PointwiseWeightGradient<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { input, gradient, shape, target } = self;
        let PointwiseShape { inputs, outputs, pixels } = shape;
        assert!(inputs > 0 && outputs > 0 && pixels > 0, "images have pixels");
        assert_eq!(target.len(), outputs * inputs, "a number for each weight");
        let whole = pixels / E::lanes::<S>();
        let end = whole * E::lanes::<S>();
        for (group, target) in target.chunks_mut(OUTPUTS * inputs).enumerate() {
            for first in (0..inputs).step_by(VECTORS) {
                let mut sums = [[E::splat(s, E::default()); VECTORS]; OUTPUTS];
                let images = input.chunks_exact(inputs * pixels);
                for (x, g) in std::iter::zip(images, gradient.chunks_exact(outputs * pixels)) {
                    // What stands out is computed as the last channel, and ignored.
                    let x_row = |at: usize| &x[(first + at).min(inputs - 1) * pixels..][..pixels];
                    let g_row = |at: usize| {
                        &g[(group * OUTPUTS + at).min(outputs - 1) * pixels..][..pixels]
                    };
                    let xs: [&[E::Vector<S>]; VECTORS] =
                        std::array::from_fn(|at| &E::vectors::<S>(x_row(at))[..whole]);
                    let gs: [&[E::Vector<S>]; OUTPUTS] =
                        std::array::from_fn(|at| &E::vectors::<S>(g_row(at))[..whole]);
                    for i in 0..whole {
                        for (sums, g) in std::iter::zip(&mut sums, gs) {
                            for (sum, x) in std::iter::zip(sums, xs) {
                                *sum = E::mul_add(s, g[i], x[i], *sum);
                            }
                        }
                    }
                    if end < pixels {
                        for (at, sums) in sums.iter_mut().enumerate() {
                            let g = last::<S, E>(s, &g_row(at)[end..]);
                            for (at, sum) in sums.iter_mut().enumerate() {
                                let x = last::<S, E>(s, &x_row(at)[end..]);
                                *sum = E::mul_add(s, g, x, *sum);
                            }
                        }
                    }
                }
                for (target, sums) in std::iter::zip(target.chunks_exact_mut(inputs), sums) {
                    for (target, sum) in std::iter::zip(&mut target[first..], sums) {
                        *target = E::sum(s, sum);
                    }
                }
            }
        }
    }
}

/// The numbers that fill no vector, with zeros behind them.
#[inline(always)]
fn last<S: Simd, E: Element>(s: S, numbers: &[E]) -> E::Vector<S> {
    let mut vector = [E::splat(s, E::default())];
    bytemuck::cast_slice_mut(&mut vector)[..numbers.len()].copy_from_slice(numbers);
    vector[0]
}
