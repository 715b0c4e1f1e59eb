//! The depthwise convolution with a stride of 1, of images in the plain order, one channel of one
//! image at a time.
//!
//! A channel is copied into a buffer with zeros around it, where the end of a row and the beginning
//! of the next share theirs. All windows are then one run of windows: what is computed for the gaps
//! between rows is not looked at. So a whole vector of neighbors is computed at once for any width,
//! and no image has to be interleaved.

use std::mem::MaybeUninit;

use pulp::{Simd, WithSimd};

use crate::simd::Element;
use crate::windows::Windows;

/// The shape of a depthwise convolution with a stride of 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaneShape {
    /// Channels.
    pub channels: usize,
    /// Rows and columns of the input.
    pub input: (usize, usize),
    /// Rows and columns of the output.
    pub output: (usize, usize),
    /// The windows, with a stride of 1.
    pub windows: Windows,
}

impl PlaneShape {
    /// Whether the kernels of this file can do it.
    pub fn is_possible(&self) -> bool {
        let Windows { stride, padding, .. } = self.windows;
        let fits = |input: usize, output: usize| output + self.span() == input + 2 * padding;
        stride == 1
            && padding <= self.span()
            && fits(self.input.0, self.output.0)
            && fits(self.input.1, self.output.1)
    }

    /// The distance of the first and last pixel of a window.
    fn span(&self) -> usize {
        (self.windows.kernel - 1) * self.windows.dilation
    }

    /// How far the first window of the gradient stands out.
    fn gradient_padding(&self) -> usize {
        self.span() - self.windows.padding
    }

    /// The distance of two rows in a buffer: the more it is above the width, the more is computed
    /// for nothing.
    pub fn row(&self) -> usize {
        self.input.1 + (2 * self.windows.padding).max(self.span())
    }

    /// The size of a buffer: so many rows, and what the last vectors read and write behind them.
    fn buffer<S: Simd, E: Element>(&self) -> usize {
        let rows = (self.input.0 + (2 * self.windows.padding).max(self.span())) + 1;
        rows * self.row() + 2 * E::lanes::<S>()
    }

    /// The numbers of scratch that the kernels need.
    pub fn scratch<E: Element>(&self) -> usize {
        struct Size<E>(PlaneShape, std::marker::PhantomData<E>);
        impl<E: Element> WithSimd for Size<E> {
            type Output = usize;
            #[inline(always)]
            fn with_simd<S: Simd>(self, _: S) -> usize {
                3 * self.0.buffer::<S, E>()
            }
        }
        crate::simd::dispatch(Size::<E>(*self, std::marker::PhantomData))
    }

    /// The distance of a tap from the first one.
    #[inline(always)]
    fn offset(&self, tap: usize) -> usize {
        let Windows { kernel, dilation, .. } = self.windows;
        tap / kernel * dilation * self.row() + tap % kernel * dilation
    }

    fn assert_possible(&self) {
        assert!(self.windows.kernel > 0 && self.windows.dilation > 0, "a window has taps");
        assert!(self.is_possible(), "a stride of 1, and each pixel in reach: {self:?}");
    }
}

/// The convolution of some images. Its output are the outputs, written.
#[derive(Debug)]
pub struct PlaneDepthwise<'a, 't, E> {
    /// The images.
    pub images: &'a [E],
    /// The shape.
    pub shape: PlaneShape,
    /// The weights, `[channels, kernel * kernel]`.
    pub weights: &'a [E],
    /// What is added to each channel, or nothing.
    pub bias: Option<&'a [E]>,
    /// As many outputs.
    pub output: &'t mut [MaybeUninit<E>],
    /// Room for [`PlaneShape::scratch`] numbers.
    pub scratch: &'a mut [E],
}

impl<'t, E: Element> WithSimd for PlaneDepthwise<'_, 't, E> {
    type Output = &'t mut [E];

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) -> &'t mut [E] {
        let Self { images, shape, weights, bias, output, scratch } = self;
        shape.assert_possible();
        let size = shape.windows.kernel * shape.windows.kernel;
        assert_eq!(weights.len(), shape.channels * size, "the number of weights");
        let (padded, rest) = scratch.split_at_mut(shape.buffer::<S, E>());
        let (result, _) = rest.split_at_mut(shape.buffer::<S, E>());
        padded.fill(E::default());
        let (rows, width) = shape.output;
        let input_size = shape.input.0 * shape.input.1;
        let (planes, more) = (images.len() / input_size, images.len() % input_size);
        assert!(more == 0 && output.len() == planes * rows * width, "as many outputs");
        let padding = shape.windows.padding;
        for at in 0..planes {
            let channel = at % shape.channels;
            let input = &images[at * input_size..][..input_size];
            put_rows::<S, E>(input, shape.input, padded, (padding, shape.row()));
            let weights = &weights[channel * size..][..size];
            let bias = bias.map_or(E::default(), |bias| bias[channel]);
            let length = (rows - 1) * shape.row() + width;
            correlate::<S, E>(s, &shape, padded, weights, (false, bias), result, length);
            for y in 0..rows {
                let output = &mut output[(at * rows + y) * width..][..width];
                write_row::<S, E>(&result[y * shape.row()..][..width], output);
            }
        }
        #[expect(unsafe_code, reason = "there is no safe way to say that all is written")]
        // SAFETY: `write_row` writes all of a row or panics, and the loops go through all rows of
        // all planes, which are the whole output, as asserted above.
        unsafe {
            output.assume_init_mut()
        }
    }
}

/// The gradients of a [`PlaneDepthwise`].
#[derive(Debug)]
pub struct PlaneGradients<'a, E> {
    /// The images.
    pub images: &'a [E],
    /// The gradients of the outputs.
    pub gradient: &'a [E],
    /// The shape.
    pub shape: PlaneShape,
    /// The weights, `[channels, kernel * kernel]`.
    pub weights: &'a [E],
    /// The gradient of the images, where it is wanted.
    pub for_images: Option<&'a mut [E]>,
    /// For each weight a vector, to which its gradient is added lane by lane, where it is wanted.
    pub sums: Option<&'a mut [E]>,
    /// Room for [`PlaneShape::scratch`] numbers.
    pub scratch: &'a mut [E],
}

impl<E: Element> WithSimd for PlaneGradients<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { images, gradient, shape, weights, mut for_images, sums, scratch } = self;
        shape.assert_possible();
        let size = shape.windows.kernel * shape.windows.kernel;
        assert_eq!(weights.len(), shape.channels * size, "the number of weights");
        let (padded, rest) = scratch.split_at_mut(shape.buffer::<S, E>());
        let (result, padded_gradient) = rest.split_at_mut(shape.buffer::<S, E>());
        let padded_gradient = &mut padded_gradient[..shape.buffer::<S, E>()];
        padded.fill(E::default());
        padded_gradient.fill(E::default());
        let mut sums = sums.map(|sums| E::vectors_mut::<S>(sums));
        let (input_size, output_size) =
            (shape.input.0 * shape.input.1, shape.output.0 * shape.output.1);
        let (row, padding) = (shape.row(), shape.gradient_padding());
        let planes =
            std::iter::zip(images.chunks_exact(input_size), gradient.chunks_exact(output_size));
        for (at, (input, gradient)) in planes.enumerate() {
            let channel = at % shape.channels;
            put_rows::<S, E>(gradient, shape.output, padded_gradient, (padding, row));
            if let Some(sums) = &mut sums {
                put_rows::<S, E>(input, shape.input, padded, (shape.windows.padding, row));
                let sums = &mut sums[channel * size..][..size];
                let length = (shape.output.0 - 1) * row + shape.output.1;
                let gradient = &padded_gradient[padding * row + padding..];
                weight_gradient::<S, E>(s, &shape, padded, gradient, sums, length);
            }
            if let Some(for_images) = &mut for_images {
                let weights = &weights[channel * size..][..size];
                let length = (shape.input.0 - 1) * row + shape.input.1;
                let how = (true, E::default());
                correlate::<S, E>(s, &shape, padded_gradient, weights, how, result, length);
                let target = &mut for_images[at * input_size..][..input_size];
                take_rows::<S, E>(result, row, target, shape.input.1);
            }
        }
    }
}

/// Copies a row: short ones in less time than a call takes.
#[inline(always)]
fn copy_row<S: Simd, E: Element>(from: &[E], to: &mut [E]) {
    let vectors = E::vectors::<S>(from);
    let whole = vectors.len() * E::lanes::<S>();
    for (to, from) in std::iter::zip(E::vectors_mut::<S>(to), vectors) {
        *to = *from;
    }
    for (to, from) in std::iter::zip(&mut to[whole..], &from[whole..]) {
        *to = *from;
    }
}

/// As [`copy_row`], to where nothing is yet: all of it is written.
#[inline(always)]
fn write_row<S: Simd, E: Element>(from: &[E], to: &mut [MaybeUninit<E>]) {
    assert_eq!(from.len(), to.len(), "a row as long");
    let lanes = E::lanes::<S>();
    let vectors = E::vectors::<S>(from);
    let whole = vectors.len() * lanes;
    let (targets, rest) = to.split_at_mut(whole);
    for (to, from) in std::iter::zip(targets.chunks_exact_mut(lanes), vectors) {
        to.write_copy_of_slice(bytemuck::cast_slice(std::slice::from_ref(from)));
    }
    for (to, from) in std::iter::zip(rest, &from[whole..]) {
        to.write(*from);
    }
}

/// Copies a plane into a buffer, so far from its upper and left end.
#[inline(always)]
fn put_rows<S: Simd, E: Element>(
    plane: &[E],
    (_, width): (usize, usize),
    buffer: &mut [E],
    (padding, row): (usize, usize),
) {
    let buffer = &mut buffer[padding * row + padding..];
    for (from, to) in std::iter::zip(plane.chunks_exact(width), buffer.chunks_mut(row)) {
        copy_row::<S, E>(from, &mut to[..width]);
    }
}

/// Copies the beginnings of rows out of a buffer.
#[inline(always)]
fn take_rows<S: Simd, E: Element>(buffer: &[E], row: usize, plane: &mut [E], width: usize) {
    for (to, from) in std::iter::zip(plane.chunks_exact_mut(width), buffer.chunks(row)) {
        copy_row::<S, E>(&from[..width], to);
    }
}

/// A run of windows that begin side by side, with the weights in their order or turned around, and
/// a bias.
#[inline(always)]
fn correlate<S: Simd, E: Element>(
    s: S,
    shape: &PlaneShape,
    input: &[E],
    weights: &[E],
    how: (bool, E),
    output: &mut [E],
    length: usize,
) {
    // A known size of the windows makes addresses of the distances of their pixels.
    match shape.windows.kernel {
        3 => correlate_with::<S, E, 3>(s, shape, input, weights, how, output, length),
        5 => correlate_with::<S, E, 5>(s, shape, input, weights, how, output, length),
        _ => correlate_with::<S, E, 0>(s, shape, input, weights, how, output, length),
    }
}

/// `K` is the size of the windows, or 0 for any.
#[inline(always)]
fn correlate_with<S: Simd, E: Element, const K: usize>(
    s: S,
    shape: &PlaneShape,
    input: &[E],
    weights: &[E],
    how: (bool, E),
    output: &mut [E],
    length: usize,
) {
    let mut left = length.div_ceil(E::lanes::<S>());
    let mut at = 0;
    while left > 0 {
        let (input, output) = (&input[at..], &mut output[at..]);
        let done = match left {
            8.. => windows::<S, E, K, 8>(s, shape, input, weights, how, output),
            4.. => windows::<S, E, K, 4>(s, shape, input, weights, how, output),
            2.. => windows::<S, E, K, 2>(s, shape, input, weights, how, output),
            _ => windows::<S, E, K, 1>(s, shape, input, weights, how, output),
        };
        left -= done;
        at += done * E::lanes::<S>();
    }
}

/// `P` vectors of windows.
#[inline(always)]
fn windows<S: Simd, E: Element, const K: usize, const P: usize>(
    s: S,
    shape: &PlaneShape,
    input: &[E],
    weights: &[E],
    (turned, bias): (bool, E),
    output: &mut [E],
) -> usize {
    let width = P * E::lanes::<S>();
    let size = if K == 0 { shape.windows.kernel } else { K };
    let (row, column) = (shape.windows.dilation * shape.row(), shape.windows.dilation);
    let last = (size - 1) * row + (size - 1) * column;
    let input = &input[..last + width];
    let weights = &weights[..size * size];
    let mut sums = [E::splat(s, bias); P];
    for y in 0..size {
        for x in 0..size {
            let tap = y * size + x;
            let weight = weights[if turned { size * size - 1 - tap } else { tap }];
            let start = y * row + x * column;
            #[expect(unsafe_code, reason = "a check for each tap takes as long as its products")]
            // SAFETY: `y` and `x` are less than `size`, so that `start` is at most `last`, and the
            // input has been cut to `last + width`.
            let values = unsafe { input.get_unchecked(start..start + width) };
            let weight = E::splat(s, weight);
            for (sum, value) in std::iter::zip(&mut sums, E::vectors::<S>(values)) {
                *sum = E::mul_add(s, weight, *value, *sum);
            }
        }
    }
    let output = E::vectors_mut::<S>(&mut output[..width]);
    for (output, sum) in std::iter::zip(output, sums) {
        *output = sum;
    }
    P
}

/// How many taps have the gradient of their weights computed together.
const TAPS: usize = 9;

/// The products of a gradient, with zeros in the gaps, with what each tap reads.
#[inline(always)]
fn weight_gradient<S: Simd, E: Element>(
    s: S,
    shape: &PlaneShape,
    input: &[E],
    gradient: &[E],
    sums: &mut [E::Vector<S>],
    length: usize,
) {
    let lanes = E::lanes::<S>();
    let length = length.div_ceil(lanes) * lanes;
    let gradient = E::vectors::<S>(&gradient[..length]);
    for (group, sums) in sums.chunks_mut(TAPS).enumerate() {
        // Taps that are not there are computed as the first, and ignored.
        let inputs: [&[E::Vector<S>]; TAPS] = std::array::from_fn(|tap| {
            let tap = if tap < sums.len() { group * TAPS + tap } else { 0 };
            E::vectors::<S>(&input[shape.offset(tap)..][..length])
        });
        let mut local = [E::splat(s, E::default()); TAPS];
        for (i, gradient) in gradient.iter().enumerate() {
            for (sum, input) in std::iter::zip(&mut local, inputs) {
                *sum = E::mul_add(s, *gradient, input[i], *sum);
            }
        }
        for (sum, local) in std::iter::zip(sums, local) {
            *sum = E::add(s, *sum, local);
        }
    }
}
