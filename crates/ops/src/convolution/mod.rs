//! The convolution of a batch of interleaved images.

use candle_core::{Result, bail};
use rayon::prelude::*;

use crate::kernel::Write;
use crate::kernel::correlation::{
    Correlation, DEEP, Grid, WIDE, WeightGradient, add_lanes, pack_weights,
};
use crate::layout::Planes;
use crate::scratch::Scratch;
use crate::simd::{Element, dispatch, lanes};
use crate::windows::Windows;

mod tiles;

use tiles::{TILE_CHANNEL, pack_tiles, tile_by_tile};

/// A convolution of images of one shape. Weights are `[output channels, input channels / groups,
/// kernel, kernel]`; images are interleaved in blocks, the margins of zeros around them wide enough.
#[derive(Clone, Debug)]
pub struct Convolution {
    input: Planes,
    output: Planes,
    windows: Windows,
    groups: usize,
    /// The distances of the inputs of a window, for one group.
    offsets: Vec<usize>,
    /// The distances of the input channels among transformed tiles.
    tile_offsets: Vec<usize>,
    phases: Vec<Phase>,
}

/// Input pixels of one remainder to the stride, and the output gradients that reach them.
#[derive(Clone, Debug)]
struct Phase {
    to: Grid,
    from: Grid,
    rows: usize,
    columns: usize,
    offsets: Vec<usize>,
    /// The tap of each offset within one output channel.
    taps: Vec<usize>,
}

impl Convolution {
    /// A convolution from images of one shape to images of another. Which margins they need depends on
    /// the direction: see [`Windows::margin`] and [`gradient_margin`](Self::gradient_margin).
    ///
    /// # Errors
    /// If the channels are not divisible by the groups.
    pub fn new(input: Planes, output: Planes, windows: Windows, groups: usize) -> Result<Self> {
        let Windows { kernel, stride, dilation, .. } = windows;
        if kernel == 0 || stride == 0 || dilation == 0 || groups == 0 {
            bail!("convolution: kernel, stride, dilation and groups are at least 1: {windows:?}");
        }
        if !input.channels.is_multiple_of(groups) || !output.channels.is_multiple_of(groups) {
            let (from, to) = (input.channels, output.channels);
            bail!("convolution: {from} to {to} channels cannot be divided into {groups} groups");
        }
        let inputs = input.channels / groups;
        let offsets = (0..inputs)
            .flat_map(|channel| {
                (0..kernel * kernel).map(move |tap| {
                    let (y, x) = (tap / kernel * dilation, tap % kernel * dilation);
                    channel * input.plane() + y * input.row() + x
                })
            })
            .collect();
        let tile_offsets = (0..inputs).map(|channel| channel * TILE_CHANNEL).collect();
        let phases = Vec::new();
        let mut this = Self { input, output, windows, groups, offsets, tile_offsets, phases };
        this.phases = this.phases();
        Ok(this)
    }

    /// The margin that the gradient of an output of this size needs.
    pub fn gradient_margin(windows: Windows, input: Planes, output: Planes) -> usize {
        let rows = windows.gradient_margin(input.height, output.height);
        rows.max(windows.gradient_margin(input.width, output.width))
    }

    fn phases(&self) -> Vec<Phase> {
        let Self { input, output, windows, .. } = self;
        let (stride, kernel) = (windows.stride, windows.kernel);
        let outputs = output.channels / self.groups;
        let mut phases = Vec::new();
        for (y, x) in (0..stride).flat_map(|y| (0..stride).map(move |x| (y, x))) {
            if y >= input.height || x >= input.width {
                continue;
            }
            let taps: Vec<(usize, isize)> = windows
                .taps_on(y)
                .flat_map(|(tap_y, row)| {
                    windows.taps_on(x).map(move |(tap_x, column)| {
                        (tap_y * kernel + tap_x, row * output.row() as isize + column)
                    })
                })
                .collect();
            let least = taps.iter().map(|(_, distance)| *distance).min().unwrap_or(0);
            let first = output.first() as isize + least;
            let distances = taps.iter().map(|(_, distance)| (distance - least).unsigned_abs());
            let distances: Vec<usize> = distances.collect();
            let channels = 0..outputs;
            phases.push(Phase {
                to: Grid {
                    first: input.first() + y * input.row() + x,
                    row: stride * input.row(),
                    column: stride,
                },
                // Never below 0 where the margin is wide enough, which is checked before use.
                from: Grid { first: first.max(0).unsigned_abs(), row: output.row(), column: 1 },
                rows: (input.height - y).div_ceil(stride),
                columns: (input.width - x).div_ceil(stride),
                offsets: channels
                    .flat_map(|channel| distances.iter().map(move |d| channel * output.plane() + d))
                    .collect(),
                taps: taps.iter().map(|(tap, _)| *tap).collect(),
            });
        }
        phases
    }

    /// Where the first window begins.
    ///
    /// # Panics
    /// If the margin of the input is too small.
    fn from(&self) -> Grid {
        let (input, output, windows) = (self.input, self.output, self.windows);
        let needed = windows.margin(input.height, input.width, output.height, output.width);
        assert!(input.margin >= needed, "the input needs a margin of {needed}");
        let before = input.margin - windows.padding;
        Grid {
            first: before * input.row() + before,
            row: windows.stride * input.row(),
            column: windows.stride,
        }
    }

    fn to(&self) -> Grid {
        Grid { first: self.output.first(), row: self.output.row(), column: 1 }
    }

    /// Its windows.
    pub fn windows(&self) -> Windows {
        self.windows
    }

    /// The number of weights.
    pub fn weights(&self) -> usize {
        self.output.channels * self.offsets.len()
    }

    /// How many numbers of scratch it needs in all three directions, for weights and for sums; each
    /// thread needs some more, that fit into its cache.
    pub fn scratch_lens<E: Element>(&self) -> (usize, usize) {
        if self.is_winograd() {
            return self.tile_lens::<E>();
        }
        let outputs = self.output.channels / self.groups;
        (self.weights(), sum_len::<E>(outputs, self.offsets.len()))
    }

    /// Computes the outputs of a batch.
    ///
    /// # Panics
    /// If the margin of the input is smaller than [`Windows::margin`] says.
    pub fn forward<E: Element>(&self, input: &[E], weights: &[E], output: &mut [E], write: Write) {
        let (packed, lanes) = (self.pack_weights(weights), lanes::<E>());
        let inputs = input.par_chunks_exact(self.input.vectors() * lanes);
        let outputs = output.par_chunks_exact_mut(self.output.vectors() * lanes);
        inputs.zip(outputs).for_each(|(input, output)| {
            self.forward_block(input, &packed, output, write);
        });
    }

    /// Puts weights into the form in which [`forward_block`](Self::forward_block) reads them.
    pub fn pack_weights<E: Element>(&self, weights: &[E]) -> Scratch<E> {
        let count = self.offsets.len();
        let outputs = self.output.channels / self.groups;
        if self.is_winograd() {
            let inputs = self.input.channels;
            let weight =
                |to: usize, from: usize, tap: usize| weights[(to * inputs + from) * 9 + tap];
            return pack_tiles(inputs, outputs, weight);
        }
        let mut packed = Scratch::new(self.weights());
        for (weights, packed) in
            std::iter::zip(weights.chunks(outputs * count), packed.chunks_mut(outputs * count))
        {
            pack_weights(outputs, count, |channel, at| weights[channel * count + at], packed);
        }
        packed
    }

    /// Computes the outputs of one block, with weights from [`pack_weights`](Self::pack_weights).
    pub fn forward_block<E: Element>(
        &self,
        input: &[E],
        packed: &[E],
        output: &mut [E],
        write: Write,
    ) {
        let (lanes, count) = (lanes::<E>(), self.offsets.len());
        if self.is_winograd() {
            let (from, to) = ((self.input, self.from()), (self.output, self.to()));
            tile_by_tile((input, from), packed, (output, to), write);
            return;
        }
        let outputs = self.output.channels / self.groups;
        let group = self.input.channels / self.groups * self.input.plane() * lanes;
        let output_group = outputs * self.output.plane() * lanes;
        for number in 0..self.groups {
            dispatch(Correlation {
                input: &input[number * group..][..group],
                from: self.from(),
                offsets: &self.offsets,
                weights: &packed[number * outputs * count..][..outputs * count],
                output: &mut output[number * output_group..][..output_group],
                to: self.to(),
                channels: outputs,
                plane: self.output.plane(),
                rows: self.output.height,
                columns: self.output.width,
                write,
            });
        }
    }

    /// Computes the gradients of the inputs of a batch from those of its outputs.
    ///
    /// # Panics
    /// If the margin of the output is smaller than [`gradient_margin`](Self::gradient_margin).
    pub fn input_gradient<E: Element>(
        &self,
        gradient: &[E],
        weights: &[E],
        target: &mut [E],
        write: Write,
    ) {
        let (packed, lanes) = (self.pack_gradient_weights(weights), lanes::<E>());
        let gradients = gradient.par_chunks_exact(self.output.vectors() * lanes);
        let targets = target.par_chunks_exact_mut(self.input.vectors() * lanes);
        gradients.zip(targets).for_each(|(gradient, target)| {
            self.input_gradient_block(gradient, &packed, target, write);
        });
    }

    /// Puts weights into the form in which
    /// [`input_gradient_block`](Self::input_gradient_block) reads them.
    pub fn pack_gradient_weights<E: Element>(&self, weights: &[E]) -> Scratch<E> {
        let (inputs, outputs) =
            (self.input.channels / self.groups, self.output.channels / self.groups);
        if self.is_winograd() {
            // The windows of the gradient are those of the convolution, turned around.
            let weight =
                |to: usize, from: usize, tap: usize| weights[(from * inputs + to) * 9 + 8 - tap];
            return pack_tiles(outputs, inputs, weight);
        }
        let size = self.windows.kernel * self.windows.kernel;
        let mut packed = Scratch::new(self.weights());
        let mut rest = &mut packed[..];
        for group in 0..self.groups {
            for phase in &self.phases {
                let taps = &phase.taps;
                let (packed, behind) = rest.split_at_mut(inputs * phase.offsets.len());
                let weight = |channel: usize, at: usize| {
                    let (output, tap) = (group * outputs + at / taps.len(), taps[at % taps.len()]);
                    weights[(output * inputs + channel) * size + tap]
                };
                pack_weights(inputs, phase.offsets.len(), weight, packed);
                rest = behind;
            }
        }
        packed
    }

    /// Computes the gradient of the inputs of one block, with weights from
    /// [`pack_gradient_weights`](Self::pack_gradient_weights).
    ///
    /// # Panics
    /// If the margin of the output is smaller than [`gradient_margin`](Self::gradient_margin).
    pub fn input_gradient_block<E: Element>(
        &self,
        gradient: &[E],
        mut packed: &[E],
        target: &mut [E],
        write: Write,
    ) {
        let needed = Self::gradient_margin(self.windows, self.input, self.output);
        assert!(self.output.margin >= needed, "the gradient needs a margin of {needed}");
        if self.is_winograd()
            && let [phase] = &self.phases[..]
        {
            let (from, to) = ((self.output, phase.from), (self.input, phase.to));
            tile_by_tile((gradient, from), packed, (target, to), write);
            return;
        }
        let lanes = lanes::<E>();
        let (inputs, outputs) =
            (self.input.channels / self.groups, self.output.channels / self.groups);
        let group = outputs * self.output.plane() * lanes;
        let target_group = inputs * self.input.plane() * lanes;
        for number in 0..self.groups {
            for phase in &self.phases {
                let (weights, behind) = packed.split_at(inputs * phase.offsets.len());
                dispatch(Correlation {
                    input: &gradient[number * group..][..group],
                    from: phase.from,
                    offsets: &phase.offsets,
                    weights,
                    output: &mut target[number * target_group..][..target_group],
                    to: phase.to,
                    channels: inputs,
                    plane: self.input.plane(),
                    rows: phase.rows,
                    columns: phase.columns,
                    write,
                });
                packed = behind;
            }
        }
    }

    /// Computes the gradient of the weights from a batch of inputs and the gradients of its outputs.
    /// The order of every sum is the same on any number of threads.
    pub fn weight_gradient<E: Element>(&self, input: &[E], gradient: &[E], target: &mut [E]) {
        if gradient.is_empty() {
            target.fill(E::default());
            return;
        }
        if self.gradient_has_tiles() {
            self.weight_gradient_by_tiles(input, gradient, target);
            return;
        }
        let (lanes, count) = (lanes::<E>(), self.offsets.len());
        let (inputs, outputs) =
            (self.input.channels / self.groups, self.output.channels / self.groups);
        let size = sum_len::<E>(WIDE, count);
        let mut sums = Scratch::new(sum_len::<E>(outputs, count));
        for (group, target) in target.chunks_mut(outputs * count).enumerate() {
            let first_input = group * inputs * self.input.plane() * lanes;
            // Each thread has some tiles, so that a block stays in its cache from tile to tile.
            let share = outputs.div_ceil(WIDE).div_ceil(rayon::current_num_threads());
            let parts =
                target.par_chunks_mut(WIDE * count * share).zip(sums.par_chunks_mut(size * share));
            parts.enumerate().for_each(|(part, (target, sums))| {
                let first = group * outputs + part * share * WIDE;
                let channels = target.len() / count;
                let blocks = std::iter::zip(
                    input.chunks_exact(self.input.vectors() * lanes),
                    gradient.chunks_exact(self.output.vectors() * lanes),
                );
                for (block, (input, gradient)) in blocks.enumerate() {
                    for (tile, sums) in sums.chunks_exact_mut(size).enumerate() {
                        let first = (first + tile * WIDE) * self.output.plane() * lanes;
                        dispatch(WeightGradient {
                            input: &input[first_input..],
                            from: self.from(),
                            offsets: &self.offsets,
                            gradient: &gradient[first..],
                            to: self.to(),
                            channels: (channels - tile * WIDE).min(WIDE),
                            plane: self.output.plane(),
                            rows: self.output.height,
                            columns: self.output.width,
                            sums,
                            write: if block == 0 { Write::Set } else { Write::Add },
                        });
                    }
                }
                let tiles = target.chunks_mut(WIDE * count).zip(sums.chunks_exact(size));
                for (target, sums) in tiles {
                    add_lanes(sums, target.len() / count, count, target);
                }
            });
        }
    }
}

/// How many numbers the sums of a gradient of weights have: for each output channel and offset one in
/// each lane.
fn sum_len<E: Element>(outputs: usize, offsets: usize) -> usize {
    outputs.next_multiple_of(WIDE) * offsets.next_multiple_of(DEEP) * lanes::<E>()
}
