//! Sums of products over windows: the convolution, its gradient for the input, and its gradient for
//! the weights.

use pulp::{Simd, WithSimd};

use super::Write;
use crate::simd::Element;

/// The most output channels that are computed together. With two pixels side by side these are
/// twelve sums in registers, enough to hide how long a multiplication takes, and leave four of the
/// sixteen registers that the smallest machines have.
const TILE: usize = 6;

/// How output channels are divided into tiles: as few as there must be, and as even as they can be.
#[derive(Clone, Copy, Debug)]
struct Tiles {
    count: usize,
    /// The channels of a tile, and how many tiles have one more.
    size: usize,
    larger: usize,
}

impl Tiles {
    #[inline(always)]
    fn new(channels: usize) -> Self {
        let count = channels.div_ceil(TILE).max(1);
        Self { count, size: channels / count, larger: channels % count }
    }

    /// The first channel of a tile; behind the last tile, the number of channels.
    #[inline(always)]
    fn first(self, tile: usize) -> usize {
        tile * self.size + tile.min(self.larger)
    }
}

/// Weights in the order in which [`Correlation`] reads them: for each tile of output channels, for
/// each offset, those of the channels of the tile.
///
/// `weight(channel, offset)` is called once for each.
pub fn pack_weights<E: Element>(
    channels: usize,
    offsets: usize,
    weight: impl Fn(usize, usize) -> E,
    packed: &mut [E],
) {
    for (packed, (channel, offset)) in std::iter::zip(packed, packed_order(channels, offsets)) {
        *packed = weight(channel, offset);
    }
}

/// The channel and offset of each weight, in the order of [`pack_weights`].
pub fn packed_order(channels: usize, offsets: usize) -> impl Iterator<Item = (usize, usize)> {
    let tiles = Tiles::new(channels);
    (0..tiles.count).flat_map(move |tile| {
        let channels = tiles.first(tile)..tiles.first(tile + 1);
        (0..offsets).flat_map(move |offset| channels.clone().map(move |channel| (channel, offset)))
    })
}

/// Where the pixels of an image are in a channel, in vectors: pixel `(y, x)` at
/// `first + y * row + x * column`.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    /// The first pixel.
    pub first: usize,
    /// The distance of two rows.
    pub row: usize,
    /// The distance of two pixels in a row.
    pub column: usize,
}

impl Grid {
    /// The last place of a window, given the numbers of rows and columns, and the number and the
    /// distance of the taps in each direction. So wide that nothing overflows.
    #[inline(always)]
    pub(super) fn farthest(&self, pixels: [usize; 2], taps: [(usize, usize); 2]) -> u128 {
        let pixels = std::iter::zip(pixels, [self.row, self.column]);
        let far =
            |(count, distance): (usize, usize)| count.saturating_sub(1) as u128 * distance as u128;
        pixels.chain(taps).map(far).fold(self.first as u128, u128::saturating_add)
    }
}

/// Each output pixel of each output channel is the sum of input vectors, at fixed distances from
/// its place, times weights. One block of interleaved images.
#[derive(Debug)]
pub struct Correlation<'a, E> {
    /// The input, all channels.
    pub input: &'a [E],
    /// Where the window of each output pixel begins.
    pub from: Grid,
    /// The distances of the inputs of a window from where it begins, through all channels.
    pub offsets: &'a [usize],
    /// The weights, as [`pack_weights`] orders them.
    pub weights: &'a [E],
    /// The output, all channels.
    pub output: &'a mut [E],
    /// Where the output pixels are.
    pub to: Grid,
    /// The output channels.
    pub channels: usize,
    /// The distance of two output channels.
    pub plane: usize,
    /// The rows of output pixels.
    pub rows: usize,
    /// The output pixels in a row.
    pub columns: usize,
    /// Whether the output is replaced.
    pub write: Write,
}

impl<E: Element> WithSimd for Correlation<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { from, to, offsets, rows, columns, channels, plane, write, .. } = self;
        let input = E::vectors::<S>(self.input);
        let output = E::vectors_mut::<S>(self.output);
        let weights = self.weights;
        if rows == 0 || columns == 0 || channels == 0 {
            return;
        }
        let reach = offsets.iter().copied().max().unwrap_or(0);
        let last = from.farthest([rows, columns], [(2, reach), (1, 0)]);
        assert!(last < input.len() as u128, "a window stands out of the input");
        let last = to.farthest([rows, columns], [(channels, plane), (1, 0)]);
        assert!(last < output.len() as u128, "a pixel is outside of the output");
        assert!(weights.len() >= channels * offsets.len(), "weights are missing");
        let tiles = Tiles::new(channels);
        let mut tile =
            Tile { s, input, offsets, output, plane, write, from: from.column, to: to.column };
        for y in 0..rows {
            for x in (0..columns).step_by(PIXELS) {
                let window = from.first + y * from.row + x * from.column;
                let pixel = to.first + y * to.row + x * to.column;
                for at in 0..tiles.count {
                    let (first, next) = (tiles.first(at), tiles.first(at + 1));
                    let weights = &weights[first * offsets.len()..next * offsets.len()];
                    let pixel = pixel + first * plane;
                    if columns - x < PIXELS {
                        tile.compute_channels::<1>(window, weights, pixel, next - first);
                    } else {
                        tile.compute_channels::<PIXELS>(window, weights, pixel, next - first);
                    }
                }
            }
        }
    }
}

/// How many pixels are computed together.
const PIXELS: usize = 2;

struct Tile<'a, S: Simd, E: Element> {
    s: S,
    input: &'a [E::Vector<S>],
    offsets: &'a [usize],
    output: &'a mut [E::Vector<S>],
    plane: usize,
    write: Write,
    from: usize,
    to: usize,
}

impl<S: Simd, E: Element> Tile<'_, S, E> {
    #[inline(always)]
    fn compute_channels<const P: usize>(
        &mut self,
        window: usize,
        weights: &[E],
        pixel: usize,
        channels: usize,
    ) {
        match channels {
            1 => self.compute::<P, 1>(window, weights, pixel),
            2 => self.compute::<P, 2>(window, weights, pixel),
            3 => self.compute::<P, 3>(window, weights, pixel),
            4 => self.compute::<P, 4>(window, weights, pixel),
            5 => self.compute::<P, 5>(window, weights, pixel),
            _ => self.compute::<P, TILE>(window, weights, pixel),
        }
    }

    /// `P` pixels of `C` channels.
    #[inline(always)]
    fn compute<const P: usize, const C: usize>(
        &mut self,
        window: usize,
        weights: &[E],
        pixel: usize,
    ) {
        let s = self.s;
        let mut sums = [[E::splat(s, E::default()); P]; C];
        let windows: [_; P] = std::array::from_fn(|i| &self.input[window + i * self.from..]);
        let (weights, _) = weights.as_chunks::<C>();
        for at in 0..self.offsets.len() {
            #[expect(unsafe_code, reason = "a check here would take as long as the products")]
            // SAFETY: `at` is below the number of offsets, and `with_simd` has cut the weights of
            // the tile to one for each channel and offset. It has also asserted that the farthest
            // offset of the last window is inside of the input, and no window begins behind that
            // one.
            let (values, weights) = unsafe {
                let offset = *self.offsets.get_unchecked(at);
                (windows.map(|window| *window.get_unchecked(offset)), weights.get_unchecked(at))
            };
            for (sums, weight) in std::iter::zip(&mut sums, weights) {
                let weight = E::splat(s, *weight);
                for (sum, value) in std::iter::zip(sums, values) {
                    *sum = E::mul_add(s, weight, value, *sum);
                }
            }
        }
        for (channel, sums) in sums.iter().enumerate() {
            for (i, sum) in sums.iter().enumerate() {
                let output = &mut self.output[pixel + channel * self.plane + i * self.to];
                *output = match self.write {
                    Write::Set => *sum,
                    Write::Add => E::add(s, *output, *sum),
                };
            }
        }
    }
}

/// Each output channel is a sum of input channels times weights, pixel by pixel: a [`Correlation`] of
/// one pixel, for pixels that lie beside each other.
#[derive(Debug)]
pub struct Mix<'a, E> {
    /// The input, from the first pixel on.
    pub input: &'a [E],
    /// The distance of two input channels, in vectors.
    pub input_plane: usize,
    /// The input channels.
    pub inputs: usize,
    /// The weights, as [`pack_weights`] orders them.
    pub weights: &'a [E],
    /// The output, from the first pixel on.
    pub output: &'a mut [E],
    /// The distance of two output channels, in vectors.
    pub output_plane: usize,
    /// The output channels.
    pub outputs: usize,
    /// The pixels.
    pub pixels: usize,
    /// Whether the output is replaced.
    pub write: Write,
}

impl<E: Element> WithSimd for Mix<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { input_plane, inputs, output_plane, outputs, pixels, write, .. } = self;
        let input = E::vectors::<S>(self.input);
        let output = E::vectors_mut::<S>(self.output);
        if inputs == 0 || outputs == 0 || pixels == 0 {
            return;
        }
        // So wide that nothing overflows.
        let needed = (inputs - 1) as u128 * input_plane as u128 + pixels as u128;
        assert!(needed <= input.len() as u128, "pixels are missing");
        let mut mix =
            ChannelMix { s, input, inputs, input_plane, output, output_plane, pixels, write };
        let tiles = Tiles::new(outputs);
        for at in 0..tiles.count {
            let (first, next) = (tiles.first(at), tiles.first(at + 1));
            let weights = &self.weights[first * inputs..next * inputs];
            let start = first * output_plane;
            match next - first {
                1 => mix.compute::<1>(weights, start),
                2 => mix.compute::<2>(weights, start),
                3 => mix.compute::<3>(weights, start),
                4 => mix.compute::<4>(weights, start),
                5 => mix.compute::<5>(weights, start),
                _ => mix.compute::<TILE>(weights, start),
            }
        }
    }
}

struct ChannelMix<'a, S: Simd, E: Element> {
    s: S,
    input: &'a [E::Vector<S>],
    inputs: usize,
    input_plane: usize,
    output: &'a mut [E::Vector<S>],
    output_plane: usize,
    pixels: usize,
    write: Write,
}

impl<S: Simd, E: Element> ChannelMix<'_, S, E> {
    #[inline(always)]
    fn compute<const C: usize>(&mut self, weights: &[E], start: usize) {
        let whole = self.pixels / PIXELS * PIXELS;
        for x in (0..whole).step_by(PIXELS) {
            self.pixels::<C, PIXELS>(weights, x, start + x);
        }
        for x in whole..self.pixels {
            self.pixels::<C, 1>(weights, x, start + x);
        }
    }

    #[inline(always)]
    fn pixels<const C: usize, const P: usize>(&mut self, weights: &[E], x: usize, to: usize) {
        let s = self.s;
        let (weights, _) = weights.as_chunks::<C>();
        let mut sums = [[E::splat(s, E::default()); P]; C];
        let mut at = x;
        for input in 0..self.inputs {
            let mut values = [E::splat(s, E::default()); P];
            #[expect(unsafe_code, reason = "a check here would take as long as the products")]
            // SAFETY: `with_simd` has asserted that the last input channel has all pixels; `at` goes
            // from a pixel to the same of the next channel, once for each channel. It has also cut
            // the weights of the tile to one for each of its channels and each input channel.
            let weights = unsafe {
                for (i, value) in values.iter_mut().enumerate() {
                    *value = *self.input.get_unchecked(at + i);
                }
                weights.get_unchecked(input)
            };
            at += self.input_plane;
            for (sums, weight) in std::iter::zip(&mut sums, weights) {
                let weight = E::splat(s, *weight);
                for (sum, value) in std::iter::zip(sums, values) {
                    *sum = E::mul_add(s, weight, value, *sum);
                }
            }
        }
        for (channel, sums) in sums.iter().enumerate() {
            let output = &mut self.output[to + channel * self.output_plane..][..P];
            for (output, sum) in std::iter::zip(output, sums) {
                *output = match self.write {
                    Write::Set => *sum,
                    Write::Add => E::add(s, *output, *sum),
                };
            }
        }
    }
}

/// How many output channels have the gradient of their weights computed together.
pub const WIDE: usize = 4;

/// How many inputs of a window are correlated with [`WIDE`] output channels together.
pub const DEEP: usize = 3;

/// For each output channel of a tile and each offset, the sum of input vectors times output
/// gradients over all pixels and images: the gradient of the weights of a [`Correlation`].
///
/// The sums are of lanes; [`add_lanes`] adds the lanes.
#[derive(Debug)]
pub struct WeightGradient<'a, E> {
    /// The input, all channels.
    pub input: &'a [E],
    /// Where the window of each output pixel begins.
    pub from: Grid,
    /// The distances of the inputs of a window from where it begins, through all channels.
    pub offsets: &'a [usize],
    /// The gradient of the output, from the first channel of the tile on.
    pub gradient: &'a [E],
    /// Where the output pixels are.
    pub to: Grid,
    /// The channels of the tile, up to [`WIDE`].
    pub channels: usize,
    /// The distance of two output channels.
    pub plane: usize,
    /// The rows of output pixels.
    pub rows: usize,
    /// The output pixels in a row.
    pub columns: usize,
    /// For each [`DEEP`] offsets, `WIDE * DEEP` vectors.
    pub sums: &'a mut [E],
    /// Whether what is there is replaced, or the sums of this block are added to it.
    pub write: Write,
}

/// How many numbers of a gradient are gone through at once: half of a small cache.
const CHUNK_BYTES: usize = 16 << 10;

impl<E: Element> WithSimd for WeightGradient<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { from, to, offsets, rows, columns, channels, plane, write, .. } = self;
        let input = E::vectors::<S>(self.input);
        let gradient = E::vectors::<S>(self.gradient);
        let sums = E::vectors_mut::<S>(self.sums);
        if rows == 0 || columns == 0 || channels == 0 || offsets.is_empty() {
            return;
        }
        let reach = offsets.iter().copied().max().unwrap_or(0);
        let last = from.farthest([rows, columns], [(2, reach), (1, 0)]);
        assert!(last < input.len() as u128, "a window stands out of the input");
        let last = to.farthest([rows, columns], [(channels, plane), (1, 0)]);
        assert!(last < gradient.len() as u128, "a pixel is outside");
        let bytes = WIDE * columns * size_of::<E::Vector<S>>();
        let chunk = (CHUNK_BYTES / bytes).max(1);
        // Channels and offsets that are not there are computed with the last that are, and ignored.
        let planes: [usize; WIDE] = std::array::from_fn(|j| j.min(channels - 1) * plane);
        for y in (0..rows).step_by(chunk) {
            let rows = (rows - y).min(chunk);
            let (sums, _) = sums.as_chunks_mut::<DEEP>();
            let (sums, _) = sums.as_chunks_mut::<WIDE>();
            for (offsets, sums) in std::iter::zip(offsets.chunks(DEEP), sums) {
                let offsets: [usize; DEEP] =
                    std::array::from_fn(|i| offsets[i.min(offsets.len() - 1)]);
                let mut local = [[E::splat(s, E::default()); DEEP]; WIDE];
                if write == Write::Add || y > 0 {
                    local = *sums;
                }
                for y in y..y + rows {
                    let window = from.first + y * from.row;
                    let pixel = to.first + y * to.row;
                    let inputs = offsets.map(|offset| &input[window + offset..]);
                    let gradients = planes.map(|plane| &gradient[pixel + plane..]);
                    for x in 0..columns {
                        #[expect(
                            unsafe_code,
                            reason = "a check would take as long as the products"
                        )]
                        // SAFETY: it is asserted above that the last pixel of the last row is
                        // inside, at the farthest offset and in the last channel.
                        let (inputs, gradients) = unsafe {
                            (
                                inputs.map(|row| *row.get_unchecked(x * from.column)),
                                gradients.map(|row| *row.get_unchecked(x * to.column)),
                            )
                        };
                        for (sums, gradient) in std::iter::zip(&mut local, gradients) {
                            for (sum, input) in std::iter::zip(sums, inputs) {
                                *sum = E::mul_add(s, gradient, input, *sum);
                            }
                        }
                    }
                }
                *sums = local;
            }
        }
    }
}

/// Adds up the lanes of the sums of a [`WeightGradient`], to a gradient `[channels, offsets]`.
pub fn add_lanes<E: Element>(sums: &[E], channels: usize, offsets: usize, target: &mut [E]) {
    struct Sum<'a, E> {
        sums: &'a [E],
        channels: usize,
        offsets: usize,
        target: &'a mut [E],
    }
    impl<E: Element> WithSimd for Sum<'_, E> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, s: S) {
            let (sums, _) = E::vectors::<S>(self.sums).as_chunks::<DEEP>();
            let (sums, _) = sums.as_chunks::<WIDE>();
            for (deep, sums) in sums.iter().enumerate() {
                for (channel, sums) in sums.iter().enumerate().take(self.channels) {
                    let known = DEEP.min(self.offsets - deep * DEEP);
                    let start = channel * self.offsets + deep * DEEP;
                    let target = &mut self.target[start..start + known];
                    for (target, sum) in std::iter::zip(target, sums) {
                        *target = E::sum(s, *sum);
                    }
                }
            }
        }
    }
    crate::simd::dispatch(Sum { sums, channels, offsets, target });
}
