//! Average and maximum pooling, and their gradients.
//!
//! A window is a product of a range of rows and a range of columns, cut to the image. So sums and
//! maxima are taken over the rows first, into a buffer of one row, and then over the columns. The
//! gradient of the average is a sum of the same kind: over the windows that an input pixel is in,
//! which are a range of rows and a range of columns too. No margin is read.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::correlation::Write;
use crate::{layout::Planes, simd::Element};

/// The windows of a pooling, as high as wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pooling {
    /// The pixels in a row of a window, and its rows.
    pub size: usize,
    /// How far the windows of neighboring output pixels are apart.
    pub stride: usize,
    /// How far the first window stands out of the image, above and to the left.
    pub padding: usize,
}

/// By what the sum of a window is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Divisor {
    /// By the number of its pixels that are in the image.
    Inside,
    /// By the number of all its pixels.
    All,
}

/// The rows of a pooling, or its columns.
#[derive(Clone, Copy, Debug)]
struct Axis {
    pooling: Pooling,
    inputs: usize,
    outputs: usize,
}

impl Axis {
    /// The rows and the columns; asserts that each window has a pixel of the image.
    #[inline(always)]
    fn both(pooling: Pooling, inputs: &Planes, outputs: &Planes) -> (Self, Self) {
        assert_eq!(inputs.channels, outputs.channels, "as many channels");
        let rows = Self { pooling, inputs: inputs.height, outputs: outputs.height };
        let columns = Self { pooling, inputs: inputs.width, outputs: outputs.width };
        for Self { pooling: Pooling { size, stride, padding }, inputs, outputs } in [rows, columns]
        {
            assert!(padding < size && stride > 0, "a window is larger than the padding");
            let inside = outputs == 0 || (outputs - 1) * stride < inputs + padding;
            assert!(inside, "a window is outside of the image");
        }
        (rows, columns)
    }

    /// The inputs of a window.
    #[inline(always)]
    fn window(&self, output: usize) -> Range<usize> {
        let Pooling { size, stride, padding } = self.pooling;
        let start = output * stride;
        start.saturating_sub(padding)..(start + size - padding).min(self.inputs)
    }

    /// The windows of an input, given those of the input before it, or none at the first.
    #[inline(always)]
    fn windows(&self, input: usize, before: Range<usize>) -> Range<usize> {
        let Pooling { size, stride, padding } = self.pooling;
        let Range { mut start, mut end } = before;
        while end < self.outputs && end * stride <= input + padding {
            end += 1;
        }
        while start < end && start * stride + size <= input + padding {
            start += 1;
        }
        start..end
    }
}

/// The average of each window of one block of images.
#[derive(Debug)]
pub struct AveragePool<'a, E> {
    /// The input.
    pub input: &'a [E],
    /// Its shape.
    pub from: Planes,
    /// The output.
    pub output: &'a mut [E],
    /// Its shape.
    pub to: Planes,
    /// The windows.
    pub pooling: Pooling,
    /// What the sums are divided by.
    pub divisor: Divisor,
    /// Whether the output is replaced.
    pub write: Write,
    /// Room for a row of the input: at least as many vectors as it is wide.
    pub scratch: &'a mut [E],
}

impl<E: Element> WithSimd for AveragePool<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { from, to, pooling, divisor, write, .. } = self;
        let (rows, columns) = Axis::both(pooling, &from, &to);
        let reduce = Reduce::<AVERAGE> { from, to, rows, columns, divisor, write };
        reduce.run::<S, E>(s, self.input, self.output, self.scratch);
    }
}

/// The gradient of the input of an [`AveragePool`], of one block of images.
#[derive(Debug)]
pub struct AverageGradient<'a, E> {
    /// The gradient of the output.
    pub gradient: &'a [E],
    /// Its shape.
    pub from: Planes,
    /// The gradient of the input.
    pub output: &'a mut [E],
    /// Its shape.
    pub to: Planes,
    /// The windows.
    pub pooling: Pooling,
    /// What the sums were divided by.
    pub divisor: Divisor,
    /// Whether the gradient is replaced.
    pub write: Write,
    /// Room for a row of the gradient of the output: at least as many vectors as it is wide.
    pub scratch: &'a mut [E],
}

impl<E: Element> WithSimd for AverageGradient<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { from, to, pooling, divisor, write, .. } = self;
        let (rows, columns) = Axis::both(pooling, &to, &from);
        let reduce = Reduce::<GRADIENT> { from, to, rows, columns, divisor, write };
        reduce.run::<S, E>(s, self.gradient, self.output, self.scratch);
    }
}

/// The maximum of each window of one block of images.
#[derive(Debug)]
pub struct MaxPool<'a, E> {
    /// The input.
    pub input: &'a [E],
    /// Its shape.
    pub from: Planes,
    /// The output.
    pub output: &'a mut [E],
    /// Its shape.
    pub to: Planes,
    /// The windows.
    pub pooling: Pooling,
    /// Whether the output is replaced.
    pub write: Write,
    /// Room for a row of the input: at least as many vectors as it is wide.
    pub scratch: &'a mut [E],
}

impl<E: Element> WithSimd for MaxPool<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { from, to, pooling, write, .. } = self;
        let (rows, columns) = Axis::both(pooling, &from, &to);
        let reduce = Reduce::<MAX> { from, to, rows, columns, divisor: Divisor::All, write };
        reduce.run::<S, E>(s, self.input, self.output, self.scratch);
    }
}

/// Sums over windows.
const AVERAGE: u8 = 0;
/// Sums over the windows that a pixel is in.
const GRADIENT: u8 = 1;
/// Maxima over windows.
const MAX: u8 = 2;

/// Something over a range of rows and a range of columns for each pixel.
#[derive(Clone, Copy, Debug)]
struct Reduce<const KIND: u8> {
    from: Planes,
    to: Planes,
    rows: Axis,
    columns: Axis,
    divisor: Divisor,
    write: Write,
}

impl<const KIND: u8> Reduce<KIND> {
    /// The range of a pixel, given that of the pixel before it.
    #[inline(always)]
    fn range(axis: &Axis, at: usize, before: Range<usize>) -> Range<usize> {
        if KIND == GRADIENT { axis.windows(at, before) } else { axis.window(at) }
    }

    /// The size of a window divided by what its pixels count, along an axis.
    #[inline(always)]
    fn excess(&self, axis: &Axis, output: usize) -> Option<f64> {
        let inside = axis.window(output).len();
        (self.divisor == Divisor::Inside && inside < axis.pooling.size)
            .then(|| axis.pooling.size as f64 / inside as f64)
    }

    #[inline(always)]
    fn run<S: Simd, E: Element>(&self, s: S, input: &[E], output: &mut [E], scratch: &mut [E]) {
        let Self { from, to, rows, columns, write, .. } = self;
        let input = E::vectors::<S>(input);
        let output = E::vectors_mut::<S>(output);
        let scratch = &mut E::vectors_mut::<S>(scratch)[..from.width];
        assert_eq!(input.len(), from.vectors(), "the size of the input");
        assert_eq!(output.len(), to.vectors(), "the size of the output");
        let inputs = input.chunks_exact(from.plane().max(1));
        let outputs = output.chunks_exact_mut(to.plane().max(1));
        let share = 1.0 / (rows.pooling.size * columns.pooling.size) as f64;
        for (input, output) in inputs.zip(outputs) {
            let mut range = 0..0;
            for y in 0..to.height {
                range = Self::range(rows, y, range);
                // The factor of each row.
                let factor = |row: usize| match KIND {
                    MAX => 1.0,
                    AVERAGE => share * self.excess(rows, y).unwrap_or(1.0),
                    _ => share * self.excess(rows, row).unwrap_or(1.0),
                };
                let row = |i: usize| &input[from.first() + i * from.row()..][..from.width];
                self.reduce_rows::<S, E>(s, row, range.clone(), factor, scratch);
                let start = to.first() + y * to.row();
                let output = &mut output[start..start + to.width];
                let mut range = 0..0;
                for (x, output) in output.iter_mut().enumerate() {
                    range = Self::range(columns, x, range);
                    let mut value = match &scratch[range.clone()] {
                        [] => E::splat(s, E::default()),
                        [a] => *a,
                        [a, b] => Self::join::<S, E>(s, *a, *b),
                        [a, b, rest @ ..] => {
                            let mut value = Self::join::<S, E>(s, *a, *b);
                            for c in rest {
                                value = Self::join::<S, E>(s, value, *c);
                            }
                            value
                        }
                    };
                    if KIND == AVERAGE
                        && let Some(excess) = self.excess(columns, x)
                    {
                        value = E::mul(s, value, E::splat(s, E::of(excess)));
                    }
                    *output = match write {
                        Write::Set => value,
                        Write::Add => E::add(s, *output, value),
                    };
                }
            }
        }
    }

    #[inline(always)]
    fn join<S: Simd, E: Element>(s: S, a: E::Vector<S>, b: E::Vector<S>) -> E::Vector<S> {
        if KIND == MAX { E::max(s, a, b) } else { E::add(s, a, b) }
    }

    /// A range of rows into one.
    #[inline(always)]
    fn reduce_rows<'a, S: Simd, E: Element>(
        &self,
        s: S,
        row: impl Fn(usize) -> &'a [E::Vector<S>],
        range: Range<usize>,
        factor: impl Fn(usize) -> f64,
        out: &mut [E::Vector<S>],
    ) {
        let factors = |i: usize| E::splat(s, E::of(factor(i)));
        let mut left = range;
        // Three at once are read in one pass, and are all in most cases.
        let i = left.start;
        match left.len() {
            0 => out.fill(E::splat(s, E::default())),
            1 => {
                let fa = factors(i);
                for (out, a) in std::iter::zip(&mut *out, row(i)) {
                    *out = if KIND == MAX { *a } else { E::mul(s, fa, *a) };
                }
            }
            2 => {
                let (fa, fb) = (factors(i), factors(i + 1));
                for ((out, a), b) in std::iter::zip(&mut *out, row(i)).zip(row(i + 1)) {
                    *out = if KIND == MAX {
                        E::max(s, *a, *b)
                    } else {
                        E::mul_add(s, fb, *b, E::mul(s, fa, *a))
                    };
                }
            }
            _ => {
                let (fa, fb, fc) = (factors(i), factors(i + 1), factors(i + 2));
                let rows = row(i).iter().zip(row(i + 1)).zip(row(i + 2));
                for (out, ((a, b), c)) in std::iter::zip(&mut *out, rows) {
                    *out = if KIND == MAX {
                        E::max(s, E::max(s, *a, *b), *c)
                    } else {
                        E::mul_add(s, fc, *c, E::mul_add(s, fb, *b, E::mul(s, fa, *a)))
                    };
                }
            }
        }
        left.start = (i + 3).min(left.end);
        for i in left {
            let factor = factors(i);
            for (out, a) in std::iter::zip(&mut *out, row(i)) {
                *out =
                    if KIND == MAX { E::max(s, *out, *a) } else { E::mul_add(s, factor, *a, *out) };
            }
        }
        if KIND == GRADIENT && self.divisor == Divisor::Inside {
            for (x, out) in out.iter_mut().enumerate() {
                if let Some(excess) = self.excess(&self.columns, x) {
                    *out = E::mul(s, *out, E::splat(s, E::of(excess)));
                }
            }
        }
    }
}

/// The gradient of the input of a [`MaxPool`], of one block of images: each output gives its
/// gradient to the first pixel of its window, row by row, that is equal to it.
#[derive(Debug)]
pub struct MaxGradient<'a, E> {
    /// The input.
    pub input: &'a [E],
    /// Its maxima.
    pub maxima: &'a [E],
    /// The gradient of the maxima, of the same shape.
    pub gradient: &'a [E],
    /// The shape of both.
    pub from: Planes,
    /// The gradient of the input.
    pub output: &'a mut [E],
    /// The shape of the input and of its gradient.
    pub to: Planes,
    /// The windows.
    pub pooling: Pooling,
    /// Whether the gradient is replaced.
    pub write: Write,
}

impl<E: Element> WithSimd for MaxGradient<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { from, to, pooling, write, .. } = self;
        let (rows, columns) = Axis::both(pooling, &to, &from);
        let input = E::vectors::<S>(self.input);
        let maxima = E::vectors::<S>(self.maxima);
        let gradient = E::vectors::<S>(self.gradient);
        let output = E::vectors_mut::<S>(self.output);
        assert_eq!(input.len(), to.vectors(), "the size of the input");
        assert_eq!(maxima.len(), from.vectors(), "the size of the maxima");
        assert_eq!(gradient.len(), from.vectors(), "the size of the gradient");
        assert_eq!(output.len(), to.vectors(), "the size of the output");
        let zero = E::splat(s, E::default());
        let inputs = input.chunks_exact(to.plane().max(1));
        let outputs = output.chunks_exact_mut(to.plane().max(1));
        let maxima = maxima.chunks_exact(from.plane().max(1));
        let gradients = gradient.chunks_exact(from.plane().max(1));
        for (((input, output), maxima), gradient) in inputs.zip(outputs).zip(maxima).zip(gradients)
        {
            if write == Write::Set {
                for y in 0..to.height {
                    output[to.first() + y * to.row()..][..to.width].fill(zero);
                }
            }
            for y in 0..from.height {
                let range = rows.window(y);
                let start = from.first() + y * from.row();
                let maxima = &maxima[start..start + from.width];
                let gradients = &gradient[start..start + from.width];
                for (x, (max, gradient)) in std::iter::zip(maxima, gradients).enumerate() {
                    let mut left = *gradient;
                    let columns = columns.window(x);
                    for row in range.clone() {
                        let start = to.first() + row * to.row();
                        let places = start + columns.start..start + columns.end;
                        let outputs = &mut output[places.clone()];
                        for (output, input) in std::iter::zip(outputs, &input[places]) {
                            let given = E::where_equal(s, *input, *max, left, zero);
                            *output = E::add(s, *output, given);
                            left = E::where_equal(s, *input, *max, zero, left);
                        }
                    }
                }
            }
        }
    }
}
