//! The gradient of the maximum: which pixel was the largest is found anew from the input and the
//! output, instead of being kept.

use pulp::{Simd, WithSimd};

use super::{Axis, Pooling};
use crate::kernel::Write;
use crate::kernel::rows::{Source, Target};
use crate::layout::Planes;
use crate::simd::Element;

/// The gradient of the input of a [`MaxPool`](super::MaxPool), of one block of images: each output gives its
/// gradient to the first pixel of its window, row by row, that is equal to it. An output that is
/// not a number is equal to none, and gives it to none.
#[derive(Debug)]
pub struct MaxGradient<'a, E> {
    /// The input.
    pub input: Source<'a, E>,
    /// Its maxima.
    pub maxima: Source<'a, E>,
    /// The gradient of the maxima.
    pub gradient: Source<'a, E>,
    /// The gradient of the input.
    pub output: Target<'a, E>,
    /// The windows.
    pub pooling: Pooling,
    /// Whether the gradient is replaced.
    pub write: Write,
}

impl<E: Element> WithSimd for MaxGradient<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { input, maxima, gradient, output, pooling, write } = self;
        let shapes = [input.planes, maxima.planes, gradient.planes, output.planes];
        let [of_input, of_maxima, from, to] = shapes;
        assert_eq!(of_input.without_margin(), to.without_margin(), "the shape of the input");
        assert_eq!(of_maxima.without_margin(), from.without_margin(), "the shape of the maxima");
        let (rows, columns) = Axis::both(pooling, &to, &from);
        let input = E::vectors::<S>(input.data);
        let maxima = E::vectors::<S>(maxima.data);
        let gradient = E::vectors::<S>(gradient.data);
        let output = E::vectors_mut::<S>(output.data);
        assert_eq!(input.len(), of_input.vectors(), "the size of the input");
        assert_eq!(maxima.len(), of_maxima.vectors(), "the size of the maxima");
        assert_eq!(gradient.len(), from.vectors(), "the size of the gradient");
        assert_eq!(output.len(), to.vectors(), "the size of the output");
        let zero = E::splat(s, E::default());
        let inputs = input.chunks_exact(of_input.plane().max(1));
        let outputs = output.chunks_exact_mut(to.plane().max(1));
        let maxima = maxima.chunks_exact(of_maxima.plane().max(1));
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
                let start = |planes: Planes, y: usize| planes.first() + y * planes.row();
                let window = MaxRow::<S, E> {
                    s,
                    input: &input[start(of_input, range.start)..],
                    input_row: of_input.row(),
                    maxima: &maxima[start(of_maxima, y)..][..from.width],
                    gradients: &gradient[start(from, y)..][..from.width],
                    output: &mut output[start(to, range.start)..],
                    row: to.row(),
                    columns,
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
    /// From the first row of pixels on.
    input: &'a [E::Vector<S>],
    /// The distance of two rows of it.
    input_row: usize,
    maxima: &'a [E::Vector<S>],
    gradients: &'a [E::Vector<S>],
    /// From the first row of pixels on.
    output: &'a mut [E::Vector<S>],
    /// The distance of two rows of it.
    row: usize,
    columns: Axis,
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
        let Self { s, input, input_row, row, .. } = *self;
        let (max, mut left) = (self.maxima[x], self.gradients[x]);
        let zero = E::splat(s, E::default());
        let columns = self.columns.window(x);
        for y in 0..rows {
            let input = &input[y * input_row..][columns.clone()];
            let output = &mut self.output[y * row..][columns.clone()];
            for (output, input) in std::iter::zip(output, input) {
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
        let Self { s, input, input_row, row, columns, maxima, gradients, .. } = self;
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
        let inputs: [_; R] = std::array::from_fn(|y| &input[y * input_row..][..length]);
        let windows = std::iter::zip(&maxima[whole.clone()], &gradients[whole]);
        let mut held = [[zero; 3]; R];
        for (x, (max, gradient)) in windows.enumerate() {
            let mut left = *gradient;
            for (y, held) in held.iter_mut().enumerate() {
                for (held, input) in std::iter::zip(&mut *held, &inputs[y][x..x + 3]) {
                    *held = E::add(s, *held, E::where_equal(s, *input, *max, left, zero));
                    left = E::where_equal(s, *input, *max, zero, left);
                }
                let output = &mut self.output[y * row + x];
                *output = E::add(s, *output, held[0]);
                *held = [held[1], held[2], zero];
            }
        }
        for (y, held) in held.iter().enumerate() {
            for (x, held) in held[..2].iter().enumerate() {
                let output = &mut self.output[y * row + length - 2 + x];
                *output = E::add(s, *output, *held);
            }
        }
    }
}
