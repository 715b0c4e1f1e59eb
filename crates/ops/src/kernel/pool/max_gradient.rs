//! The gradient of the maximum: which pixel was the largest is found anew from the input and the
//! output, instead of being kept.

use pulp::{Simd, WithSimd};

use super::{Axis, Pooling};
use crate::kernel::Write;
use crate::layout::Planes;
use crate::simd::Element;

/// The gradient of the input of a [`MaxPool`](super::MaxPool), of one block of images: each output gives its
/// gradient to the first pixel of its window, row by row, that is equal to it. An output that is
/// not a number is equal to none, and gives it to none.
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
