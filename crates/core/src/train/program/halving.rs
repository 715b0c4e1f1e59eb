//! Two 1x1 convolutions with a stride of 2 behind each other, the second one shifted by a pixel.

use std::ops::Range;

use nascent_ops::kernel::Write;
use nascent_ops::kernel::correlation::{
    Correlation, DEEP, Grid, WIDE, WeightGradient, add_lanes, pack_weights,
};
use nascent_ops::kernel::rows::Target;
use nascent_ops::layout::Planes;
use nascent_ops::scratch::Scratch;
use nascent_ops::simd::{dispatch, lanes};
use rayon::prelude::*;

use super::images::Images;
use super::step::{Gradient, Image};

/// The step: half of the output channels are computed of the pixels of even rows and columns, the
/// others of those of odd ones.
#[derive(Debug)]
pub(super) struct Halving {
    pub(super) x: Image,
    pub(super) y: Image,
    pub(super) weights: [Range<usize>; 2],
    pub(super) dy: Option<Image>,
    pub(super) dx: Option<Gradient>,
}

/// The margin that an image of this shape needs: of an odd number of pixels, the last shifted one is
/// outside.
pub(super) fn margin(planes: Planes) -> usize {
    usize::from(!planes.height.is_multiple_of(2) || !planes.width.is_multiple_of(2))
}

/// Every second pixel, from the one that is `shift` down and to the right of the first.
fn every_second(planes: Planes, shift: usize) -> Grid {
    let first = planes.first() + shift * (planes.row() + 1);
    Grid { first, row: 2 * planes.row(), column: 2 }
}

fn all(planes: Planes) -> Grid {
    Grid { first: planes.first(), row: planes.row(), column: 1 }
}

/// The distances of so many channels.
fn channels(planes: Planes, count: usize) -> Vec<usize> {
    (0..count).map(|channel| channel * planes.plane()).collect()
}

pub(super) fn halving(step: &Halving, images: &mut Images, weights: &[f32]) {
    let (from, half) = (images.planes(step.x), images.planes(step.y).channels / 2);
    let offsets = channels(from, from.channels);
    let mut packed = Scratch::new(2 * half * from.channels);
    for (weight, packed) in
        std::iter::zip(&step.weights, packed.chunks_exact_mut(half * from.channels))
    {
        let weight = &weights[weight.clone()];
        let at = |channel: usize, input: usize| weight[channel * from.channels + input];
        pack_weights(half, from.channels, at, packed);
    }
    images.write_blocks(step.y, |images, block, Target { data, planes: to }| {
        let halves = data.chunks_exact_mut(half * to.plane() * lanes::<f32>());
        let packed = packed.chunks_exact(half * from.channels);
        for (shift, (output, weights)) in halves.zip(packed).enumerate() {
            dispatch(Correlation {
                input: images.block(step.x, block).data,
                from: every_second(from, shift),
                offsets: &offsets,
                weights,
                output,
                to: all(to),
                channels: half,
                plane: to.plane(),
                rows: to.height,
                columns: to.width,
                write: Write::Set,
            });
        }
    });
}

pub(super) fn halving_back(
    step: &Halving,
    images: &mut Images,
    weights: &[f32],
    gradients: &mut [f32],
) {
    let Some(dy) = step.dy else { return };
    weight_gradients(step, dy, images, gradients);
    let Some((dx, write)) = step.dx else { return };
    let (from, inputs) = (images.planes(dy), images.planes(dx).channels);
    let half = from.channels / 2;
    let offsets = channels(from, half);
    let mut packed = Scratch::new(2 * half * inputs);
    for (weight, packed) in std::iter::zip(&step.weights, packed.chunks_exact_mut(half * inputs)) {
        let weight = &weights[weight.clone()];
        pack_weights(inputs, half, |input, channel| weight[channel * inputs + input], packed);
    }
    images.write_blocks(dx, |images, block, Target { data, planes: to }| {
        if write == Write::Set {
            data.fill(0.0);
        }
        let gradient = images.block(dy, block).data;
        let halves = gradient.chunks_exact(half * from.plane() * lanes::<f32>());
        let packed = packed.chunks_exact(half * inputs);
        for (shift, (input, weights)) in halves.zip(packed).enumerate() {
            dispatch(Correlation {
                input,
                from: all(from),
                offsets: &offsets,
                weights,
                output: &mut *data,
                to: every_second(to, shift),
                channels: inputs,
                plane: to.plane(),
                rows: (to.height - shift).div_ceil(2),
                columns: (to.width - shift).div_ceil(2),
                write,
            });
        }
    });
}

fn weight_gradients(step: &Halving, dy: Image, images: &Images, gradients: &mut [f32]) {
    let (from, to, lanes) = (images.planes(step.x), images.planes(dy), lanes::<f32>());
    let (half, count) = (to.channels / 2, from.channels);
    let offsets = channels(from, count);
    let size = count.div_ceil(DEEP) * DEEP * WIDE * lanes;
    let mut sums = Scratch::new(half.div_ceil(WIDE) * size);
    for (shift, weight) in step.weights.iter().enumerate() {
        let tiles = gradients[weight.clone()].par_chunks_mut(WIDE * count);
        tiles.zip(sums.par_chunks_mut(size)).enumerate().for_each(|(tile, (target, sums))| {
            let first = (shift * half + tile * WIDE) * to.plane() * lanes;
            for block in 0..images.blocks {
                dispatch(WeightGradient {
                    input: images.block(step.x, block).data,
                    from: every_second(from, shift),
                    offsets: &offsets,
                    gradient: &images.block(dy, block).data[first..],
                    to: all(to),
                    channels: target.len() / count,
                    plane: to.plane(),
                    rows: to.height,
                    columns: to.width,
                    sums,
                    write: if block == 0 { Write::Set } else { Write::Add },
                });
            }
            add_lanes(sums, target.len() / count, count, target);
        });
    }
}
