//! The 3x3 convolution in tiles, see [`winograd`](crate::kernel::winograd).

use rayon::prelude::*;

use super::{Convolution, sum_len};
use crate::kernel::Write;
use crate::kernel::correlation::{Grid, WIDE, WeightGradient};
use crate::kernel::winograd::{
    POSITIONS, Side, Winograd, WinogradSums, WinogradTiles, products, scratch_len,
    transform_weights,
};
use crate::layout::Planes;
use crate::scratch::Scratch;
use crate::simd::{Element, dispatch, lanes};
use crate::windows::Windows;

/// From how many channels on it pays to transform tiles.
const WINOGRAD_CHANNELS: usize = 8;

/// How many pairs of channels have to share what it takes to transform the tiles of one channel, for
/// the gradient of the weights.
const WINOGRAD_SHARED: usize = 16;

/// Up to how many pairs of an input and an output channel the gradients of the weights are summed in
/// tiles: they take `POSITIONS` vectors for each pair.
const WINOGRAD_PAIRS: usize = 64 * 64;

/// How many tiles are transformed together for the gradient of the weights.
const TILES_TOGETHER: usize = 16;

/// The distance of two channels of such tiles: no multiple of what a cache repeats itself with.
pub(super) const TILE_CHANNEL: usize = POSITIONS * TILES_TOGETHER + 5;

impl Convolution {
    /// Whether tiles pay: enough channels to share what their transformation takes, and at most half
    /// of the products.
    pub(super) fn is_winograd(&self) -> bool {
        let Windows { kernel, stride, dilation, .. } = self.windows;
        let few = self.input.channels.min(self.output.channels) < WINOGRAD_CHANNELS;
        let half = |planes: Planes| {
            2 * products(planes.height, planes.width) <= 9 * planes.height * planes.width
        };
        (kernel, stride, dilation, self.groups) == (3, 1, 1, 1)
            && !few
            && half(self.input)
            && half(self.output)
    }

    /// Whether the gradient of the weights is computed in tiles too.
    pub(super) fn gradient_has_tiles(&self) -> bool {
        let (from, to) = (self.input.channels, self.output.channels);
        let pays = from * to >= WINOGRAD_SHARED * (from + to) && from * to <= WINOGRAD_PAIRS;
        self.is_winograd() && pays
    }

    /// How many numbers of scratch it needs in all three directions, for weights and for sums.
    pub(super) fn tile_lens<E: Element>(&self) -> (usize, usize) {
        let (inputs, outputs) = (self.input.channels, self.output.channels);
        let weights = POSITIONS * inputs * outputs;
        let tiles = (inputs + outputs) * TILE_CHANNEL * lanes::<E>();
        if self.gradient_has_tiles() {
            let sums = POSITIONS * sum_len::<E>(outputs, inputs);
            (weights.max(tiles), sums)
        } else {
            (weights, sum_len::<E>(outputs, 9 * inputs))
        }
    }

    /// The gradient of the weights of a 3x3 convolution by fewer products. Every sum is in the same
    /// order on any number of threads.
    pub(super) fn weight_gradient_by_tiles<E: Element>(
        &self,
        input: &[E],
        gradient: &[E],
        target: &mut [E],
    ) {
        let (lanes, planes) = (lanes::<E>(), self.output);
        let (inputs, outputs) = (self.input.channels, planes.channels);
        let block = input.len() / (self.input.vectors() * lanes);
        let all = block * products(planes.height, planes.width) / POSITIONS;
        let channel = TILE_CHANNEL * lanes;
        let mut tiles = Scratch::new((inputs + outputs) * channel);
        let (size, position) = (sum_len::<E>(WIDE, inputs), sum_len::<E>(outputs, inputs));
        let mut sums = Scratch::new(POSITIONS * position);
        for first in (0..all).step_by(TILES_TOGETHER) {
            let count = (all - first).min(TILES_TOGETHER);
            tiles.par_chunks_exact_mut(channel).enumerate().for_each(|(number, target)| {
                let (images, planes, corner, side) = match number.checked_sub(inputs) {
                    None => (input, self.input, self.from(), Side::Input),
                    Some(_) => (gradient, planes, self.to(), Side::Gradient),
                };
                let number = if side == Side::Input { number } else { number - inputs };
                dispatch(WinogradTiles {
                    images,
                    block: planes.vectors(),
                    from: Grid { first: corner.first + number * planes.plane(), ..corner },
                    rows: self.output.height,
                    columns: self.output.width,
                    side,
                    first,
                    count,
                    target,
                    distance: TILES_TOGETHER,
                });
            });
            let tiles = &tiles;
            sums.par_chunks_exact_mut(position).enumerate().for_each(|(position, sums)| {
                let tiles = &tiles[position * TILES_TOGETHER * lanes..];
                let row = Grid { first: 0, row: 0, column: 1 };
                for (wide, sums) in sums.chunks_exact_mut(size).enumerate() {
                    dispatch(WeightGradient {
                        input: tiles,
                        from: row,
                        offsets: &self.tile_offsets,
                        gradient: &tiles[(inputs + wide * WIDE) * channel..],
                        to: row,
                        channels: (outputs - wide * WIDE).min(WIDE),
                        plane: TILE_CHANNEL,
                        rows: 1,
                        columns: count,
                        sums,
                        write: if first == 0 { Write::Set } else { Write::Add },
                    });
                }
            });
        }
        target.par_chunks_mut(WIDE * inputs * 9).enumerate().for_each(|(wide, target)| {
            dispatch(WinogradSums {
                sums: &sums[wide * size..],
                distance: position / lanes,
                outputs: target.len() / (inputs * 9),
                inputs,
                target,
            });
        });
    }
}

/// The weights of a 3x3 convolution by fewer products: `weight(to, from, tap)` is one of nine.
pub(super) fn pack_tiles<E: Element>(
    inputs: usize,
    outputs: usize,
    weight: impl Fn(usize, usize, usize) -> E,
) -> Scratch<E> {
    let mut packed = Scratch::new(POSITIONS * inputs * outputs);
    transform_weights(outputs, inputs, weight, &mut packed);
    packed
}

/// A 3x3 convolution of one block by fewer products, in either direction.
pub(super) fn tile_by_tile<E: Element>(
    (input, (planes, from)): (&[E], (Planes, Grid)),
    weights: &[E],
    (output, (target, to)): (&mut [E], (Planes, Grid)),
    write: Write,
) {
    let (inputs, outputs) = (planes.channels, target.channels);
    let needed = scratch_len::<E>(inputs, outputs, (target.height, target.width), lanes::<E>());
    dispatch(Winograd {
        input,
        from,
        input_plane: planes.plane(),
        inputs,
        weights,
        output,
        to,
        output_plane: target.plane(),
        outputs,
        rows: target.height,
        columns: target.width,
        write,
        scratch: &mut Scratch::new(needed),
    });
}
