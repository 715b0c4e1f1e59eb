//! Averages and maxima over windows, and sums over the windows that a pixel is in.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::{Axis, Divisor, Pooling, Run};
use crate::kernel::Write;
use crate::layout::Planes;
use crate::simd::Element;

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
