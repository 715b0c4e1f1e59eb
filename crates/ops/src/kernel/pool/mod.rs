//! Average and maximum pooling, and their gradients.
//!
//! A window is a product of a range of rows and a range of columns, cut to the image. So sums and
//! maxima are taken over the rows first, into a buffer of one row, and then over the columns. The
//! gradient of the average is a sum of the same kind: over the windows that an input pixel is in,
//! which are a range of rows and a range of columns too. No margin is read.

use std::ops::Range;

use crate::layout::Planes;

mod max_gradient;
mod reduce;

pub use max_gradient::MaxGradient;
pub use reduce::{AverageGradient, AveragePool, MaxPool};

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
