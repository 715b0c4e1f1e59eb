//! Average and maximum pooling, and their gradients.
//!
//! A window is a product of a range of rows and a range of columns, cut to the image. So sums and
//! maxima are taken over the rows first, into a buffer of one row, and then over the columns. The
//! gradient of the average is a sum of the same kind: over the windows that an input pixel is in,
//! which are a range of rows and a range of columns too. No margin is read.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::Write;
use crate::layout::Planes;
use crate::simd::Element;

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

    /// The windows of an input.
    #[inline(always)]
    fn windows(&self, input: usize) -> Range<usize> {
        let end = self.windows_from(input + 1).min(self.outputs);
        let Pooling { size, stride, padding } = self.pooling;
        (input + padding + 1).saturating_sub(size).div_ceil(stride).min(end)..end
    }

    /// How many windows begin before an input, if there is no end to them.
    #[inline(always)]
    fn windows_from(&self, input: usize) -> usize {
        (input + self.pooling.padding).div_ceil(self.pooling.stride)
    }

    /// The windows, as a run.
    #[inline(always)]
    fn run(&self) -> Run {
        let Pooling { size, stride, padding } = self.pooling;
        let start = -padding.cast_signed();
        Run { at: 0, step: 1, count: self.outputs, start, stride, size }
    }

    /// The windows of all inputs that leave this rest when divided by the stride, as a run: from
    /// one to the next, they move on by one.
    #[inline(always)]
    fn run_of_windows(&self, rest: usize) -> Run {
        let Pooling { size, stride, padding } = self.pooling;
        let end = self.windows_from(rest + 1);
        // Through a whole number of strides the difference becomes positive.
        let start = (rest + padding + 1 + size * stride - size).div_ceil(stride);
        Run {
            at: rest,
            step: stride,
            count: (self.inputs - rest).div_ceil(stride),
            start: start.cast_signed() - size.cast_signed(),
            stride: 1,
            size: end + size - start,
        }
    }
}

/// Ranges of the same size at regular distances, each with a place to which it belongs. They may
/// begin before the first number, and end behind the last.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// The first place.
    at: usize,
    /// The distance of two places.
    step: usize,
    /// How many there are.
    count: usize,
    /// Where the first range begins.
    start: isize,
    /// The distance of two ranges.
    stride: usize,
    /// The numbers in a range.
    size: usize,
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
    /// By what a window is too large, along an axis: its size divided by the part that counts.
    #[inline(always)]
    fn excess(&self, axis: &Axis, output: usize) -> Option<f64> {
        let inside = axis.window(output).len();
        (self.divisor == Divisor::Inside && inside < axis.pooling.size)
            .then(|| axis.pooling.size as f64 / inside as f64)
    }

    #[inline(always)]
    fn run<S: Simd, E: Element>(&self, s: S, input: &[E], output: &mut [E], scratch: &mut [E]) {
        let Self { from, to, rows, columns, .. } = self;
        let input = E::vectors::<S>(input);
        let output = E::vectors_mut::<S>(output);
        let scratch = &mut E::vectors_mut::<S>(scratch)[..from.width];
        assert_eq!(input.len(), from.vectors(), "the size of the input");
        assert_eq!(output.len(), to.vectors(), "the size of the output");
        let inputs = input.chunks_exact(from.plane().max(1));
        let outputs = output.chunks_exact_mut(to.plane().max(1));
        let share = 1.0 / (rows.pooling.size * columns.pooling.size) as f64;
        for (input, output) in inputs.zip(outputs) {
            for y in 0..to.height {
                let range = if KIND == GRADIENT { rows.windows(y) } else { rows.window(y) };
                let factor = |row: usize| match KIND {
                    MAX => 1.0,
                    AVERAGE => share * self.excess(rows, y).unwrap_or(1.0),
                    _ => share * self.excess(rows, row).unwrap_or(1.0),
                };
                let row = |i: usize| &input[from.first() + i * from.row()..][..from.width];
                self.reduce_rows::<S, E>(s, row, range, factor, scratch);
                let output = &mut output[to.first() + y * to.row()..][..to.width];
                if KIND == GRADIENT {
                    for rest in 0..columns.pooling.stride.min(to.width) {
                        let run = columns.run_of_windows(rest);
                        self.reduce_columns::<S, E>(s, scratch, run, output);
                    }
                } else {
                    self.reduce_columns::<S, E>(s, scratch, columns.run(), output);
                }
            }
        }
    }

    /// Each range of a row into one.
    #[inline(always)]
    fn reduce_columns<S: Simd, E: Element>(
        &self,
        s: S,
        row: &[E::Vector<S>],
        run: Run,
        output: &mut [E::Vector<S>],
    ) {
        match run.size {
            1 => self.reduce_columns_of::<S, E, 1>(s, row, run, output),
            2 => self.reduce_columns_of::<S, E, 2>(s, row, run, output),
            3 => self.reduce_columns_of::<S, E, 3>(s, row, run, output),
            _ => self.reduce_columns_of::<S, E, 0>(s, row, run, output),
        }
    }

    /// `SIZE` is the size of each range, or 0 for any.
    #[inline(always)]
    fn reduce_columns_of<S: Simd, E: Element, const SIZE: usize>(
        &self,
        s: S,
        row: &[E::Vector<S>],
        run: Run,
        output: &mut [E::Vector<S>],
    ) {
        let Run { mut at, step, count, mut start, stride, size } = run;
        let size = if SIZE == 0 { size } else { SIZE };
        let end = (at + count * step).min(output.len());
        while at < end {
            // Ranges that stand out, on the left or on the right.
            while at < end && (start < 0 || start.cast_unsigned() + size > row.len()) {
                let to = (start + size.cast_signed()).max(0).cast_unsigned().min(row.len());
                let range = start.max(0).cast_unsigned().min(to)..to;
                let mut value = Self::reduce::<S, E>(s, &row[range]);
                if KIND == AVERAGE
                    && let Some(excess) = self.excess(&self.columns, at)
                {
                    value = E::mul(s, value, E::splat(s, E::of(excess)));
                }
                self.put::<S, E>(s, &mut output[at], value);
                at += step;
                start += stride.cast_signed();
            }
            let mut from = start.max(0).cast_unsigned();
            while at < end && from + size <= row.len() {
                let value = Self::reduce::<S, E>(s, &row[from..from + size]);
                self.put::<S, E>(s, &mut output[at], value);
                at += step;
                from += stride;
            }
            start = from.cast_signed();
        }
    }

    #[inline(always)]
    fn put<S: Simd, E: Element>(&self, s: S, output: &mut E::Vector<S>, value: E::Vector<S>) {
        *output = match self.write {
            Write::Set => value,
            Write::Add => E::add(s, *output, value),
        };
    }

    #[inline(always)]
    fn reduce<S: Simd, E: Element>(s: S, values: &[E::Vector<S>]) -> E::Vector<S> {
        let Some((first, rest)) = values.split_first() else {
            return E::splat(s, E::default());
        };
        let mut value = *first;
        for other in rest {
            value = Self::join::<S, E>(s, value, *other);
        }
        value
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
            // Windows that stand out are the first and the last.
            let mut correct = |x: usize| {
                let excess = self.excess(&self.columns, x);
                if let Some(excess) = excess {
                    out[x] = E::mul(s, out[x], E::splat(s, E::of(excess)));
                }
                excess.is_some()
            };
            let width = self.from.width;
            let first = (0..width).find(|x| !correct(*x)).unwrap_or(width);
            (first..width).rev().find(|x| !correct(*x));
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
            let mut rows_left = if write == Write::Set { 0..to.height } else { 0..0 };
            for y in 0..from.height {
                let range = rows.window(y);
                // Rows become zeros just before they are needed.
                while rows_left.start < range.end
                    && let Some(row) = rows_left.next()
                {
                    output[to.first() + row * to.row()..][..to.width].fill(zero);
                }
                let start = from.first() + y * from.row();
                let window = MaxRow::<S, E> {
                    s,
                    input,
                    maxima: &maxima[start..start + from.width],
                    gradients: &gradient[start..start + from.width],
                    start: to.first() + range.start * to.row(),
                    row: to.row(),
                    columns,
                    output,
                };
                match (pooling.size, pooling.stride, range.len()) {
                    (3, 1, 2) => window.give_overlapping::<2>(),
                    (3, 1, 3) => window.give_overlapping::<3>(),
                    (_, _, rows) => window.give(rows),
                }
            }
            for row in rows_left {
                output[to.first() + row * to.row()..][..to.width].fill(zero);
            }
        }
    }
}

/// A row of windows that give their gradients to the pixels.
struct MaxRow<'a, S: Simd, E: Element> {
    s: S,
    input: &'a [E::Vector<S>],
    maxima: &'a [E::Vector<S>],
    gradients: &'a [E::Vector<S>],
    /// Where the first row of pixels begins.
    start: usize,
    /// The distance of two rows.
    row: usize,
    columns: Axis,
    output: &'a mut [E::Vector<S>],
}

impl<S: Simd, E: Element> MaxRow<'_, S, E> {
    /// Windows of so many rows.
    #[inline(always)]
    fn give(mut self, rows: usize) {
        for x in 0..self.maxima.len() {
            self.give_one(x, rows);
        }
    }

    #[inline(always)]
    fn give_one(&mut self, x: usize, rows: usize) {
        let Self { s, input, start, row, .. } = *self;
        let (max, mut left) = (self.maxima[x], self.gradients[x]);
        let zero = E::splat(s, E::default());
        let columns = self.columns.window(x);
        for y in 0..rows {
            let start = start + y * row;
            let places = start + columns.start..start + columns.end;
            for (output, input) in std::iter::zip(&mut self.output[places.clone()], &input[places])
            {
                let given = E::where_equal(s, *input, max, left, zero);
                *output = E::add(s, *output, given);
                left = E::where_equal(s, *input, max, zero, left);
            }
        }
    }

    /// Windows of `R` rows and 3 columns, one column apart. What is given to the three columns of a
    /// window stays in registers until no window to the right gives them more.
    #[inline(always)]
    fn give_overlapping<const R: usize>(mut self) {
        let Self { s, input, start, row, columns, maxima, gradients, .. } = self;
        let zero = E::splat(s, E::default());
        let padding = columns.pooling.padding;
        // Those that do not stand out.
        let whole = padding.min(maxima.len())
            ..(columns.inputs + padding).saturating_sub(2).min(maxima.len());
        if whole.is_empty() {
            return self.give(R);
        }
        for x in (0..whole.start).chain(whole.end..maxima.len()) {
            self.give_one(x, R);
        }
        let length = whole.len() + 2;
        let inputs: [_; R] = std::array::from_fn(|y| &input[start + y * row..][..length]);
        let windows = std::iter::zip(&maxima[whole.clone()], &gradients[whole]);
        let mut held = [[zero; 3]; R];
        for (x, (max, gradient)) in windows.enumerate() {
            let mut left = *gradient;
            for (y, held) in held.iter_mut().enumerate() {
                for (held, input) in std::iter::zip(&mut *held, &inputs[y][x..x + 3]) {
                    *held = E::add(s, *held, E::where_equal(s, *input, *max, left, zero));
                    left = E::where_equal(s, *input, *max, zero, left);
                }
                let output = &mut self.output[start + y * row + x];
                *output = E::add(s, *output, held[0]);
                *held = [held[1], held[2], zero];
            }
        }
        for (y, held) in held.iter().enumerate() {
            for (x, held) in held[..2].iter().enumerate() {
                let output = &mut self.output[start + y * row + length - 2 + x];
                *output = E::add(s, *output, *held);
            }
        }
    }
}
