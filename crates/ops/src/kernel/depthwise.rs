//! The depthwise convolution: each channel has a window of weights of its own.
//!
//! Both the convolution and the gradient of its input are sums of vectors at regular distances,
//! times weights at regular distances. For the gradient with a stride, input pixels fall into
//! phases: all whose row and column leave the same rest when divided by the stride are reached by
//! the same weights, which lie a fixed number of taps apart. Without a stride there is one phase.

use pulp::{Simd, WithSimd};

use super::Write;
use super::correlation::Grid;
use crate::layout::Planes;
use crate::simd::Element;
use crate::windows::Windows;

/// Where the windows begin in an input, having asserted that they stay inside of its margin.
#[inline(always)]
fn grid(windows: Windows, input: &Planes, output: &Planes) -> Grid {
    let Windows { kernel: size, stride, dilation, padding } = windows;
    assert!(size > 0 && stride > 0 && dilation > 0, "a window has taps, strides and distances");
    assert!(padding <= input.margin, "the padding is larger than the margin");
    for (input_len, output_len) in [(input.height, output.height), (input.width, output.width)] {
        let last = (output_len.max(1) - 1) * stride + (size - 1) * dilation;
        assert!(last < input_len + input.margin + padding, "a window stands out of the margin");
    }
    let shift = input.margin - padding;
    Grid { first: shift * input.row() + shift, row: stride * input.row(), column: stride }
}

/// The convolution of one block of images.
#[derive(Debug)]
pub struct Depthwise<'a, E> {
    /// The input.
    pub input: &'a [E],
    /// Its shape; the margin, which must hold zeros, is as large as the windows need it.
    pub from: Planes,
    /// The weights, `[channels, size * size]`.
    pub weights: &'a [E],
    /// The output.
    pub output: &'a mut [E],
    /// Its shape.
    pub to: Planes,
    /// The windows.
    pub window: Windows,
    /// Whether the output is replaced.
    pub write: Write,
}

impl<E: Element> WithSimd for Depthwise<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { from, to, window, write, .. } = self;
        let size = window.kernel;
        let sweep = Sweep {
            from: grid(window, &from, &to),
            to: Grid { first: to.first(), row: to.row(), column: 1 },
            rows: to.height,
            columns: to.width,
            write,
        };
        let taps = Taps {
            rows: size,
            columns: size,
            row: window.dilation * from.row(),
            column: window.dilation,
            weight: 0,
            weight_row: size.cast_signed(),
            weight_column: 1,
        };
        let channels =
            channels::<S, E>((self.input, from), self.weights, (self.output, to), window);
        for (input, weights, output) in channels {
            sweep.run(s, input, weights, &taps, output);
        }
    }
}

/// The gradient of the input of a [`Depthwise`], of one block of images.
#[derive(Debug)]
pub struct InputGradient<'a, E> {
    /// The gradient of the output.
    pub gradient: &'a [E],
    /// Its shape; the margin, which must hold zeros, is as large as the distance from an input
    /// pixel to the windows that it would be in if the output had no end.
    pub from: Planes,
    /// The weights, `[channels, size * size]`.
    pub weights: &'a [E],
    /// The gradient of the input.
    pub output: &'a mut [E],
    /// Its shape.
    pub to: Planes,
    /// The windows.
    pub window: Windows,
    /// Whether the gradient is replaced.
    pub write: Write,
}

/// For how many channels phases are gone through together: few, so that they stay in the cache,
/// but enough that to find the taps of a phase takes no time.
const TOGETHER: usize = 4;

impl<E: Element> WithSimd for InputGradient<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { from, to, window, write, .. } = self;
        let Windows { kernel: size, stride, dilation, .. } = window;
        assert!(size > 0 && stride > 0 && dilation > 0, "a window has taps, strides and distances");
        let mut channels =
            channels::<S, E>((self.gradient, from), self.weights, (self.output, to), window);
        for _ in (0..to.channels).step_by(TOGETHER) {
            let mut together: [_; TOGETHER] = std::array::from_fn(|_| channels.next());
            for y in 0..stride.min(to.height) {
                let rows = Phase::new(&window, y, to.height, from.height, from.margin);
                for x in 0..stride.min(to.width) {
                    let columns = Phase::new(&window, x, to.width, from.width, from.margin);
                    let sweep = Sweep {
                        from: Grid {
                            first: rows.first * from.row() + columns.first,
                            row: from.row(),
                            column: 1,
                        },
                        to: Grid {
                            first: to.first() + y * to.row() + x,
                            row: stride * to.row(),
                            column: stride,
                        },
                        rows: rows.pixels,
                        columns: columns.pixels,
                        write,
                    };
                    let taps = Taps {
                        rows: rows.taps,
                        columns: columns.taps,
                        row: rows.distance * from.row(),
                        column: columns.distance,
                        weight: rows.last * size + columns.last,
                        weight_row: -(rows.step * size).cast_signed(),
                        weight_column: -columns.step.cast_signed(),
                    };
                    for (gradient, weights, output) in together.iter_mut().flatten() {
                        sweep.run(s, gradient, weights, &taps, output);
                    }
                }
            }
        }
    }
}

/// The rows, or the columns, of an input that leave the same rest when divided by the stride, and
/// the taps that reach them.
#[derive(Clone, Copy, Debug)]
struct Phase {
    /// How many rows.
    pixels: usize,
    /// How many taps.
    taps: usize,
    /// The last tap.
    last: usize,
    /// The distance of two taps.
    step: usize,
    /// The row of the gradient, counted from the start of the margin, whose last tap reaches the
    /// first row.
    first: usize,
    /// How many rows of the gradient are between those that reach a row through two taps.
    distance: usize,
}

impl Phase {
    #[inline(always)]
    fn new(window: &Windows, rest: usize, pixels: usize, outputs: usize, margin: usize) -> Self {
        let Windows { kernel: size, stride, dilation, padding } = *window;
        let pixels = (pixels - rest).div_ceil(stride);
        // Tap `t` of output `y` reads input `y * stride + t * dilation - padding`.
        let place = rest + padding;
        let (mut taps, mut first, mut last) = (0, 0, 0);
        for tap in 0..size {
            if (tap * dilation) % stride == place % stride {
                if taps == 0 {
                    first = tap;
                }
                last = tap;
                taps += 1;
            }
        }
        if taps == 0 {
            return Self { pixels, taps, last: 0, step: 0, first: 0, distance: 0 };
        }
        let step = if taps == 1 { 0 } else { (last - first) / (taps - 1) };
        // The outputs, counted from the start of the margin; both divisions leave no rest.
        let lowest = (margin * stride + place).checked_sub(last * dilation);
        let highest = (margin * stride + place).checked_sub(first * dilation);
        let inside = highest.is_some_and(|i| i / stride + pixels <= outputs + 2 * margin);
        assert!(lowest.is_some() && inside, "a pixel is reached from outside of the margin");
        let first = lowest.unwrap_or(0) / stride;
        Self { pixels, taps, last, step, first, distance: step * dilation / stride }
    }
}

/// The planes and weights of a channel.
type Channel<'a, S, E> =
    (&'a [<E as Element>::Vector<S>], &'a [E], &'a mut [<E as Element>::Vector<S>]);

/// One channel after the other.
#[inline(always)]
fn channels<'a, S: Simd, E: Element>(
    (input, from): (&'a [E], Planes),
    weights: &'a [E],
    (output, to): (&'a mut [E], Planes),
    window: Windows,
) -> impl Iterator<Item = Channel<'a, S, E>> {
    let input = E::vectors::<S>(input);
    let output = E::vectors_mut::<S>(output);
    assert_eq!(from.channels, to.channels, "as many channels");
    assert_eq!(input.len(), from.vectors(), "the size of the input");
    assert_eq!(output.len(), to.vectors(), "the size of the output");
    assert_eq!(
        weights.len(),
        from.channels * window.kernel * window.kernel,
        "the number of weights"
    );
    let inputs = input.chunks_exact(from.plane().max(1));
    let outputs = output.chunks_exact_mut(to.plane().max(1));
    inputs
        .zip(weights.chunks_exact(window.kernel * window.kernel))
        .zip(outputs)
        .map(|((i, w), o)| (i, w, o))
}

/// The taps that reach a pixel: distances in the input, and places among the weights.
#[derive(Clone, Copy, Debug)]
struct Taps {
    rows: usize,
    columns: usize,
    /// The distance of two rows of taps.
    row: usize,
    /// The distance of two taps in a row.
    column: usize,
    /// The place of the weight of the first tap.
    weight: usize,
    weight_row: isize,
    weight_column: isize,
}

/// Which pixels of a channel are computed.
#[derive(Clone, Copy, Debug)]
struct Sweep {
    /// Where the first taps are.
    from: Grid,
    /// Where the output pixels are.
    to: Grid,
    rows: usize,
    columns: usize,
    write: Write,
}

impl Sweep {
    #[inline(always)]
    fn run<S: Simd, E: Element>(
        &self,
        s: S,
        input: &[E::Vector<S>],
        weights: &[E],
        taps: &Taps,
        output: &mut [E::Vector<S>],
    ) {
        // A known distance of the pixels makes addresses of them.
        match self.from.column {
            1 => self.run_with::<S, E, 1>(s, input, weights, taps, output),
            _ => self.run_with::<S, E, 0>(s, input, weights, taps, output),
        }
    }

    /// `COLUMN` is the distance of the first taps in the input, or 0 for any.
    #[inline(always)]
    fn run_with<S: Simd, E: Element, const COLUMN: usize>(
        &self,
        s: S,
        input: &[E::Vector<S>],
        weights: &[E],
        taps: &Taps,
        output: &mut [E::Vector<S>],
    ) {
        let Self { from, to, rows, columns, write } = *self;
        if rows == 0 || columns == 0 {
            return;
        }
        if taps.rows > 0 && taps.columns > 0 {
            let last = from
                .farthest([rows, columns], [(taps.rows, taps.row), (taps.columns, taps.column)]);
            assert!(last < input.len() as u128, "a window stands out of the input");
            let far = |count: usize, step: isize| (count - 1) as i128 * step as i128;
            let last = taps.weight as i128
                + far(taps.rows, taps.weight_row)
                + far(taps.columns, taps.weight_column);
            let inside = |weight: i128| (0..weights.len() as i128).contains(&weight);
            let ordered = taps.weight_row.signum() * taps.weight_column.signum() >= 0;
            assert!(
                inside(taps.weight as i128) && inside(last) && ordered,
                "a tap without a weight"
            );
        }
        let mut tile = Tile::<S, E, COLUMN> {
            s,
            input,
            weights,
            taps,
            output,
            from: from.column,
            to: to.column,
            write,
        };
        for y in 0..rows {
            let (mut window, mut pixel) = (from.first + y * from.row, to.first + y * to.row);
            let mut left = columns;
            while left > 0 {
                let done = match left {
                    8.. => tile.compute::<8>(window, pixel),
                    4.. => tile.compute::<4>(window, pixel),
                    2.. => tile.compute::<2>(window, pixel),
                    _ => tile.compute::<1>(window, pixel),
                };
                window += done * from.column;
                pixel += done * to.column;
                left -= done;
            }
        }
    }
}

struct Tile<'a, S: Simd, E: Element, const COLUMN: usize> {
    s: S,
    input: &'a [E::Vector<S>],
    weights: &'a [E],
    taps: &'a Taps,
    output: &'a mut [E::Vector<S>],
    from: usize,
    to: usize,
    write: Write,
}

impl<S: Simd, E: Element, const COLUMN: usize> Tile<'_, S, E, COLUMN> {
    /// `P` pixels side by side; says how many these were.
    #[inline(always)]
    fn compute<const P: usize>(&mut self, window: usize, pixel: usize) -> usize {
        let Self { s, input, weights, taps, .. } = *self;
        let from = if COLUMN == 0 { self.from } else { COLUMN };
        let mut sums = [E::splat(s, E::default()); P];
        for row in 0..taps.rows {
            let mut place = window + row * taps.row;
            let mut weight = taps.weight.cast_signed() + row.cast_signed() * taps.weight_row;
            for _ in 0..taps.columns {
                #[expect(unsafe_code, reason = "a check here would take as long as the products")]
                // SAFETY: `run_with` has asserted that the last tap of the last pixel is inside of
                // the input, and places only grow towards it; and that the first and the last
                // weight are among the weights, between which all others are.
                unsafe {
                    let weight = E::splat(s, *weights.get_unchecked(weight.cast_unsigned()));
                    for (i, sum) in sums.iter_mut().enumerate() {
                        let value = *input.get_unchecked(place + i * from);
                        *sum = E::mul_add(s, weight, value, *sum);
                    }
                }
                place += taps.column;
                weight += taps.weight_column;
            }
        }
        let output = &mut self.output[pixel..=pixel + (P - 1) * self.to];
        for (i, sum) in sums.iter().enumerate() {
            let output = &mut output[i * self.to];
            *output = match self.write {
                Write::Set => *sum,
                Write::Add => E::add(s, *output, *sum),
            };
        }
        P
    }
}

/// How many taps have the gradient of their weights computed together.
const WIDE: usize = 9;

/// How many bytes of the input are gone through at once: with as many of the gradient, half of a
/// small cache.
const CHUNK_BYTES: usize = 8 << 10;

/// The gradient of the weights of a [`Depthwise`]: for each channel and tap, the sum of what the
/// tap read times the gradient of the output, over all pixels of one block of images.
///
/// It is added to `sums` lane by lane; when all blocks are, [`sum_lanes`](super::sum_lanes) makes
/// the gradient of it.
#[derive(Debug)]
pub struct WeightGradient<'a, E> {
    /// The input.
    pub input: &'a [E],
    /// Its shape; the margin, which must hold zeros, is as large as the windows need it.
    pub from: Planes,
    /// The gradient of the output.
    pub gradient: &'a [E],
    /// Its shape.
    pub to: Planes,
    /// The windows.
    pub window: Windows,
    /// `[channels, size * size]` vectors.
    pub sums: &'a mut [E],
}

impl<E: Element> WithSimd for WeightGradient<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { from, to, window, .. } = self;
        let input = E::vectors::<S>(self.input);
        let gradient = E::vectors::<S>(self.gradient);
        let sums = E::vectors_mut::<S>(self.sums);
        assert_eq!(from.channels, to.channels, "as many channels");
        assert_eq!(input.len(), from.vectors(), "the size of the input");
        assert_eq!(gradient.len(), to.vectors(), "the size of the gradient");
        assert_eq!(sums.len(), from.channels * window.kernel * window.kernel, "the number of sums");
        let grid = grid(window, &from, &to);
        if to.height == 0 || to.width == 0 {
            return;
        }
        let inputs = input.chunks_exact(from.plane());
        let gradients = gradient.chunks_exact(to.plane());
        let channels = sums.chunks_exact_mut(window.kernel * window.kernel);
        let (row, column) = (window.dilation * from.row(), window.dilation);
        let taps = [(window.kernel, row), (window.kernel, column)];
        let last = grid.farthest([to.height, to.width], taps);
        assert!(last < from.plane() as u128, "a window stands out of the input");
        let chunk = (CHUNK_BYTES / (from.row() * size_of::<E::Vector<S>>())).max(1);
        for ((input, gradient), sums) in inputs.zip(gradients).zip(channels) {
            for y in (0..to.height).step_by(chunk) {
                let rows = y..(y + chunk).min(to.height);
                let mut tap = (0, 0);
                for sums in sums.chunks_mut(WIDE) {
                    let mut offsets = [0; WIDE];
                    // Taps that are not there are computed as the first, and ignored.
                    for offset in offsets.iter_mut().take(sums.len()) {
                        *offset = tap.0 * row + tap.1 * column;
                        tap = if tap.1 + 1 == window.kernel {
                            (tap.0 + 1, 0)
                        } else {
                            (tap.0, tap.1 + 1)
                        };
                    }
                    let mut local = [E::splat(s, E::default()); WIDE];
                    let start = grid.first + rows.start * grid.row;
                    let length = (rows.len() - 1) * grid.row + (to.width - 1) * grid.column + 1;
                    let inputs = offsets.map(|offset| &input[start + offset..][..length]);
                    for (i, y) in rows.clone().enumerate() {
                        let gradients = &gradient[to.first() + y * to.row()..][..to.width];
                        for (x, gradient) in gradients.iter().enumerate() {
                            let place = i * grid.row + x * grid.column;
                            for (sum, input) in std::iter::zip(&mut local, inputs) {
                                #[expect(unsafe_code, reason = "nine checks for nine products")]
                                // SAFETY: `i` is less than `rows.len()` and `x` less than
                                // `to.width`, so that `place` is less than `length`, to which the
                                // slices have been cut; that has not overflowed, for the last
                                // place of all has been asserted above to be in the plane.
                                let value = unsafe { *input.get_unchecked(place) };
                                *sum = E::mul_add(s, *gradient, value, *sum);
                            }
                        }
                    }
                    for (sum, local) in std::iter::zip(sums, local) {
                        *sum = E::add(s, *sum, local);
                    }
                }
            }
        }
    }
}
