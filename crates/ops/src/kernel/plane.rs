//! The depthwise convolution with a stride of 1, of images in the plain order, one channel of one
//! image at a time.
//!
//! A channel is copied into a buffer with zeros around it, where the end of a row and the beginning
//! of the next share theirs. All windows are then one run of windows: what is computed for the gaps
//! between rows is not looked at. So a whole vector of neighbors is computed at once for any width,
//! and no image has to be interleaved. Where rows are whole vectors, there is nothing to leave out:
//! a column of vectors is computed at once, and goes where it belongs.

use std::mem::MaybeUninit;

use pulp::{Simd, WithSimd};

use crate::simd::{Element, dispatch_rows};
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

    /// How many planes are copied into buffers before the first one is read: what was just written
    /// in one place and is read in another has to go through the cache first. Large planes take long
    /// enough by themselves.
    fn together<S: Simd, E: Element>(&self) -> usize {
        (4096 / self.buffer::<S, E>()).clamp(1, 16)
    }

    /// Runs one of the kernels, with registers that the rows fill if there are any: with the widest
    /// ones, much of short rows would be computed for nothing, or number by number.
    pub fn dispatch<E: Element, K: WithSimd>(&self, kernel: K) -> K::Output {
        dispatch_rows::<E, K>(self.output.1, kernel)
    }

    /// The numbers of scratch that the kernels need.
    pub fn scratch<E: Element>(&self) -> usize {
        struct Size<E>(PlaneShape, std::marker::PhantomData<E>);
        impl<E: Element> WithSimd for Size<E> {
            type Output = usize;
            #[inline(always)]
            fn with_simd<S: Simd>(self, _: S) -> usize {
                (2 * self.0.together::<S, E>() + 1) * self.0.buffer::<S, E>()
            }
        }
        self.dispatch::<E, _>(Size::<E>(*self, std::marker::PhantomData))
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
        let (buffer, together) = (shape.buffer::<S, E>(), shape.together::<S, E>());
        let (padded, rest) = scratch.split_at_mut(together * buffer);
        let result = &mut rest[..buffer];
        padded.fill(E::default());
        let (rows, width) = shape.output;
        let input_size = shape.input.0 * shape.input.1;
        let (planes, more) = (images.len() / input_size, images.len() % input_size);
        assert!(more == 0 && output.len() == planes * rows * width, "as many outputs");
        let padding = shape.windows.padding;
        for first in (0..planes).step_by(together) {
            let inputs = images[first * input_size..].chunks_exact(input_size);
            for (input, padded) in inputs.zip(padded.chunks_exact_mut(buffer)) {
                put_rows::<S, E>(input, shape.input, padded, (padding, shape.row()));
            }
            let outputs = output[first * rows * width..].chunks_exact_mut(rows * width);
            for (at, (output, padded)) in outputs.zip(padded.chunks_exact(buffer)).enumerate() {
                let channel = (first + at) % shape.channels;
                let weights = &weights[channel * size..][..size];
                let bias = bias.map_or(E::default(), |bias| bias[channel]);
                let how = (false, bias);
                correlate::<S, E>(s, &shape, padded, weights, how, (result, output), width);
            }
        }
        #[expect(unsafe_code, reason = "there is no safe way to say that all is written")]
        // SAFETY: `correlate` writes all of a plane or panics, and the loops go through all planes,
        // which are the whole output, as asserted above.
        unsafe {
            output.assume_init_mut()
        }
    }
}

/// The gradients of a [`PlaneDepthwise`]. Its output is that of the images, written.
#[derive(Debug)]
pub struct PlaneGradients<'a, 't, E> {
    /// The images.
    pub images: &'a [E],
    /// The gradients of the outputs.
    pub gradient: &'a [E],
    /// The shape.
    pub shape: PlaneShape,
    /// The weights, `[channels, kernel * kernel]`.
    pub weights: &'a [E],
    /// The gradient of the images, where it is wanted.
    pub for_images: Option<&'t mut [MaybeUninit<E>]>,
    /// For each weight as many numbers as the widest register has, where its gradient is wanted: it
    /// is added to them lane by lane, or to the first of them, if the kernel runs with narrower ones.
    pub sums: Option<&'a mut [E]>,
    /// Room for [`PlaneShape::scratch`] numbers.
    pub scratch: &'a mut [E],
}

impl<'t, E: Element> WithSimd for PlaneGradients<'_, 't, E> {
    type Output = Option<&'t mut [E]>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) -> Option<&'t mut [E]> {
        let Self { images, gradient, shape, weights, mut for_images, sums, scratch } = self;
        shape.assert_possible();
        let size = shape.windows.kernel * shape.windows.kernel;
        assert_eq!(weights.len(), shape.channels * size, "the number of weights");
        let (buffer, together) = (shape.buffer::<S, E>(), shape.together::<S, E>());
        let (padded, rest) = scratch.split_at_mut(together * buffer);
        let (padded_gradient, rest) = rest.split_at_mut(together * buffer);
        let result = &mut rest[..buffer];
        padded.fill(E::default());
        padded_gradient.fill(E::default());
        let mut sums = sums.map(|sums| E::vectors_mut::<S>(sums));
        // How many registers lie beside each other for each weight.
        let beside = sums.as_ref().map_or(0, |sums| sums.len() / weights.len());
        let (input_size, output_size) =
            (shape.input.0 * shape.input.1, shape.output.0 * shape.output.1);
        let (planes, more) = (images.len() / input_size, images.len() % input_size);
        assert!(more == 0 && gradient.len() == planes * output_size, "as many outputs");
        let targets = for_images.as_ref().map_or(images.len(), |target| target.len());
        assert_eq!(targets, images.len(), "a gradient for each pixel");
        let (row, padding) = (shape.row(), shape.gradient_padding());
        let window = shape.windows.padding;
        for first in (0..planes).step_by(together) {
            let gradients = gradient[first * output_size..].chunks_exact(output_size);
            for (gradient, padded) in gradients.zip(padded_gradient.chunks_exact_mut(buffer)) {
                put_rows::<S, E>(gradient, shape.output, padded, (padding, row));
            }
            if let Some(sums) = &mut sums {
                let inputs = images[first * input_size..].chunks_exact(input_size);
                for (input, padded) in inputs.zip(padded.chunks_exact_mut(buffer)) {
                    put_rows::<S, E>(input, shape.input, padded, (window, row));
                }
                let padded = std::iter::zip(padded.chunks(buffer), padded_gradient.chunks(buffer));
                for (at, (padded, gradient)) in padded.take(planes - first).enumerate() {
                    let channel = (first + at) % shape.channels;
                    let sums = &mut sums[channel * size * beside..][..size * beside];
                    let gradient = &gradient[padding * row + padding..];
                    weight_gradient::<S, E>(s, &shape, padded, gradient, (sums, beside));
                }
            }
            if let Some(for_images) = &mut for_images {
                let targets = for_images[first * input_size..].chunks_exact_mut(input_size);
                let gradients = padded_gradient.chunks_exact(buffer);
                for (at, (target, gradient)) in targets.zip(gradients).enumerate() {
                    let channel = (first + at) % shape.channels;
                    let weights = &weights[channel * size..][..size];
                    let (how, width) = ((true, E::default()), shape.input.1);
                    correlate::<S, E>(s, &shape, gradient, weights, how, (result, target), width);
                }
            }
        }
        for_images.map(|target| {
            #[expect(unsafe_code, reason = "there is no safe way to say that all is written")]
            // SAFETY: `correlate` writes all of a plane or panics, and the loops go through all
            // planes, which are the whole target, as asserted above.
            unsafe {
                target.assume_init_mut()
            }
        })
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
    let lanes = E::lanes::<S>();
    if width == lanes {
        let rows = std::iter::zip(E::vectors::<S>(plane), buffer.chunks_exact_mut(row));
        for (from, to) in rows {
            E::vectors_mut::<S>(&mut to[..lanes]).fill(*from);
        }
        return;
    }
    for (from, to) in std::iter::zip(plane.chunks_exact(width), buffer.chunks_mut(row)) {
        copy_row::<S, E>(from, &mut to[..width]);
    }
}

/// All windows of a plane, with the weights in their order or turned around, and a bias: written into
/// the second of both outputs, whose rows have this width. The first one is room for a buffer.
#[inline(always)]
fn correlate<S: Simd, E: Element>(
    s: S,
    shape: &PlaneShape,
    input: &[E],
    weights: &[E],
    how: (bool, E),
    output: (&mut [E], &mut [MaybeUninit<E>]),
    width: usize,
) {
    // A known size of the windows makes addresses of the distances of their pixels.
    match shape.windows.kernel {
        3 => correlate_with::<S, E, 3>(s, shape, input, weights, how, output, width),
        5 => correlate_with::<S, E, 5>(s, shape, input, weights, how, output, width),
        _ => correlate_with::<S, E, 0>(s, shape, input, weights, how, output, width),
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
    (result, output): (&mut [E], &mut [MaybeUninit<E>]),
    width: usize,
) {
    let (row, lanes, rows) = (shape.row(), E::lanes::<S>(), output.len() / width);
    if width.is_multiple_of(lanes) {
        // Windows as far apart as their pixels read the same rows. Five weights leave few registers.
        let dilation = shape.windows.dilation;
        for x in (0..width).step_by(lanes) {
            for first in 0..dilation.min(rows) {
                let mut y = first;
                while y < rows {
                    let input = &input[y * row + x..];
                    let output = &mut output[y * width + x..];
                    let count = match (K, (rows - y).div_ceil(dilation)) {
                        (3, 8..) => {
                            column::<S, E, K, 8>(s, shape, input, weights, how, output, width)
                        }
                        (_, 4..) => {
                            column::<S, E, K, 4>(s, shape, input, weights, how, output, width)
                        }
                        (_, 2..) => {
                            column::<S, E, K, 2>(s, shape, input, weights, how, output, width)
                        }
                        _ => column::<S, E, K, 1>(s, shape, input, weights, how, output, width),
                    };
                    y += count * dilation;
                }
            }
        }
        return;
    }
    let mut left = ((rows - 1) * row + width).div_ceil(lanes);
    let mut at = 0;
    while left > 0 {
        let (input, output) = (&input[at..], &mut result[at..]);
        let done = match left {
            8.. => run::<S, E, K, 8>(s, shape, input, weights, how, output),
            4.. => run::<S, E, K, 4>(s, shape, input, weights, how, output),
            2.. => run::<S, E, K, 2>(s, shape, input, weights, how, output),
            _ => run::<S, E, K, 1>(s, shape, input, weights, how, output),
        };
        left -= done;
        at += done * lanes;
    }
    for (output, result) in std::iter::zip(output.chunks_exact_mut(width), result.chunks(row)) {
        write_row::<S, E>(&result[..width], output);
    }
}

/// `P` vectors of windows below each other, as far apart as the pixels of a window, written. Gives
/// `P` back.
#[inline(always)]
fn column<S: Simd, E: Element, const K: usize, const P: usize>(
    s: S,
    shape: &PlaneShape,
    input: &[E],
    weights: &[E],
    how: (bool, E),
    output: &mut [MaybeUninit<E>],
    width: usize,
) -> usize {
    let lanes = E::lanes::<S>();
    let sums = if K == 0 {
        windows::<S, E, K, P>(s, shape, input, weights, how, shape.row() * shape.windows.dilation)
    } else {
        rows::<S, E, K, P>(s, shape, input, weights, how)
    };
    let distance = width * shape.windows.dilation;
    let output = &mut output[..(P - 1) * distance + lanes];
    for (i, sum) in sums.iter().enumerate() {
        let start = i * distance;
        #[expect(unsafe_code, reason = "with a check for each, the sums go through memory first")]
        // SAFETY: `i` is less than `P`, so that the vector ends where the output has been cut, or
        // before.
        let output = unsafe { output.get_unchecked_mut(start..start + lanes) };
        output.write_copy_of_slice(bytemuck::cast_slice(std::slice::from_ref(sum)));
    }
    P
}

/// `P` vectors of windows beside each other. Gives `P` back.
#[inline(always)]
fn run<S: Simd, E: Element, const K: usize, const P: usize>(
    s: S,
    shape: &PlaneShape,
    input: &[E],
    weights: &[E],
    how: (bool, E),
    output: &mut [E],
) -> usize {
    let lanes = E::lanes::<S>();
    let sums = windows::<S, E, K, P>(s, shape, input, weights, how, lanes);
    let output = E::vectors_mut::<S>(&mut output[..P * lanes]);
    for (output, sum) in std::iter::zip(output, sums) {
        *output = sum;
    }
    P
}

/// `P` vectors of windows, at this distance.
#[inline(always)]
fn windows<S: Simd, E: Element, const K: usize, const P: usize>(
    s: S,
    shape: &PlaneShape,
    input: &[E],
    weights: &[E],
    (turned, bias): (bool, E),
    distance: usize,
) -> [E::Vector<S>; P] {
    let lanes = E::lanes::<S>();
    let size = if K == 0 { shape.windows.kernel } else { K };
    let (row, column) = (shape.windows.dilation * shape.row(), shape.windows.dilation);
    let last = (size - 1) * row + (size - 1) * column;
    let input = &input[..last + (P - 1) * distance + lanes];
    let weights = &weights[..size * size];
    let mut sums = [E::splat(s, bias); P];
    for y in 0..size {
        for x in 0..size {
            let tap = y * size + x;
            let weight = weights[if turned { size * size - 1 - tap } else { tap }];
            let weight = E::splat(s, weight);
            for (i, sum) in sums.iter_mut().enumerate() {
                let start = y * row + x * column + i * distance;
                #[expect(
                    unsafe_code,
                    reason = "a check for each tap takes as long as its products"
                )]
                // SAFETY: `y` and `x` are less than `size`, and `i` is less than `P`, so that
                // `start` is at most `last + (P - 1) * distance`, to which and the lanes behind it
                // the input has been cut.
                let values = unsafe { input.get_unchecked(start..start + lanes) };
                if let [value] = E::vectors::<S>(values) {
                    *sum = E::mul_add(s, weight, *value, *sum);
                }
            }
        }
    }
    sums
}

/// `P` vectors of windows below each other, as far apart as the pixels of a window, whose size is
/// `K`: each vector of the input is read once, for all windows that it is in.
#[inline(always)]
fn rows<S: Simd, E: Element, const K: usize, const P: usize>(
    s: S,
    shape: &PlaneShape,
    input: &[E],
    weights: &[E],
    (turned, bias): (bool, E),
) -> [E::Vector<S>; P] {
    let (lanes, dilation) = (E::lanes::<S>(), shape.windows.dilation);
    let row = shape.row() * dilation;
    let input = &input[..(P - 1 + K - 1) * row + (K - 1) * dilation + lanes];
    let weights = &weights[..K * K];
    let mut sums = [E::splat(s, bias); P];
    for x in 0..K {
        let mut column = [E::splat(s, E::default()); K];
        for (y, weight) in column.iter_mut().enumerate() {
            let tap = y * K + x;
            *weight = E::splat(s, weights[if turned { K * K - 1 - tap } else { tap }]);
        }
        for line in 0..P + K - 1 {
            let start = line * row + x * dilation;
            #[expect(unsafe_code, reason = "a check for each vector takes as long as its products")]
            // SAFETY: `x` is less than `K` and `line` less than `P + K - 1`, so that the vector at
            // `start` ends where the input has been cut, or before.
            let values = unsafe { input.get_unchecked(start..start + lanes) };
            if let [value] = E::vectors::<S>(values) {
                for (y, weight) in column.iter().enumerate() {
                    if line >= y && line - y < P {
                        sums[line - y] = E::mul_add(s, *weight, *value, sums[line - y]);
                    }
                }
            }
        }
    }
    sums
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
    (sums, beside): (&mut [E::Vector<S>], usize),
) {
    let (lanes, (rows, width)) = (E::lanes::<S>(), shape.output);
    // Row by row where these are whole vectors, else all in one, with the gaps.
    let all = (rows - 1) * shape.row() + width;
    let (runs, length) =
        if width.is_multiple_of(lanes) { (rows, width) } else { (1, all.next_multiple_of(lanes)) };
    let end = (runs - 1) * shape.row() + length;
    let gradient = &gradient[..end];
    let Windows { kernel, dilation, .. } = shape.windows;
    let row = dilation * shape.row();
    // The last tap is a span below and beside the first.
    let input = &input[..shape.span() * (shape.row() + 1) + end];
    let mut taps = (0..kernel).flat_map(|y| (0..kernel).map(move |x| y * row + x * dilation));
    for sums in sums.chunks_mut(TAPS * beside) {
        // Taps that are not there are computed as the first, and ignored.
        let mut offsets = [0; TAPS];
        for (offset, tap) in std::iter::zip(&mut offsets, &mut taps) {
            *offset = tap;
        }
        let mut local = [E::splat(s, E::default()); TAPS];
        for run in 0..runs {
            for at in (0..length).step_by(lanes) {
                let at = run * shape.row() + at;
                let [gradient] = E::vectors::<S>(&gradient[at..at + lanes]) else { continue };
                for (sum, offset) in std::iter::zip(&mut local, offsets) {
                    let start = offset + at;
                    #[expect(
                        unsafe_code,
                        reason = "a check for each tap takes as long as its products"
                    )]
                    // SAFETY: `offset` is at most that of the last tap, and the vector of the
                    // gradient ends at `end` or before, to the sum of which the input has been cut.
                    let values = unsafe { input.get_unchecked(start..start + lanes) };
                    if let [value] = E::vectors::<S>(values) {
                        *sum = E::mul_add(s, *gradient, *value, *sum);
                    }
                }
            }
        }
        for (sum, local) in std::iter::zip(sums.iter_mut().step_by(beside), local) {
            *sum = E::add(s, *sum, local);
        }
    }
}
