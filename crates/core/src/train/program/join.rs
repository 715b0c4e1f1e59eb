//! Sums of images, normalizations in them, and images behind each other.

use nascent_ops::kernel::Write;
use nascent_ops::kernel::rows::{
    AddScaled, GradientMoments, Join as JoinKernel, Moments, NormalizedGradient, PositiveGradient,
    Source, Target, Term as JoinTerm,
};
use nascent_ops::layout::Planes;
use nascent_ops::simd::{dispatch, lanes};
use rayon::prelude::*;

use super::images::Images;
use super::norm::NormState;
use super::step::{Gradient, Image, Join, Norm, Term};

/// The coefficients of a supernet, and their gradients.
#[derive(Debug, Default)]
pub(super) struct Coefficients {
    pub(super) values: Vec<f32>,
    pub(super) gradients: Vec<f64>,
}

impl Coefficients {
    /// What a term is multiplied with.
    fn of(&self, term: &Term) -> f32 {
        term.coefficient.map_or(1.0, |at| self.values[at])
    }

    /// Whether a coefficient leaves out what it multiplies.
    pub(super) fn leave_out(&self, coefficient: Option<usize>) -> bool {
        coefficient.is_some_and(|at| self.values[at] == 0.0)
    }
}

pub(super) fn join(
    join: &Join,
    images: &mut Images,
    (weights, coefficients): (&[f32], &Coefficients),
    (of_norms, norms): (&[Norm], &mut [NormState]),
    sums: &mut [[f64; 2]],
    (count, share): (usize, Option<f64>),
) {
    for term in join.terms.iter().filter(|term| !coefficients.leave_out(term.coefficient)) {
        if let Some(norm) = term.norm {
            let (of, state) = (&of_norms[norm], &mut norms[norm]);
            let (scale, shift) = (&weights[of.scale.clone()], &weights[of.shift.clone()]);
            if let Some(share) = share {
                moments(images, term.x, sums);
                let pixels = pixels(images, term.x, count);
                state.observe(&sums[..of.channels], pixels, share);
                state.normalize_by_batch(scale, shift);
            } else {
                state.normalize_by_running(scale, shift);
            }
        }
    }
    add_up(join, images, norms, coefficients);
}

pub(super) fn join_back(
    join: &Join,
    images: &mut Images,
    (weights, gradients): (&[f32], &mut [f32]),
    coefficients: &mut Coefficients,
    (of_norms, norms): (&[Norm], &mut [NormState]),
    sums: &mut [[f64; 2]],
    count: usize,
) {
    let Some(total) = join.total else { return };
    let is_in = |term: &&Term| !coefficients.leave_out(term.coefficient);
    let mut summed = gather_gradient(join, join.terms.iter().find(is_in), images, sums);
    for term in &join.terms {
        if coefficients.leave_out(term.coefficient) {
            if let Some((dx, Write::Set)) = term.dx
                && term.is_shared
            {
                zero(images, dx);
            }
            continue;
        }
        let factor = coefficients.of(term);
        let Some(norm) = term.norm else {
            if let Some(at) = term.coefficient {
                gradient_moments(images, total, term.x, sums);
                let channels = images.planes(term.x).channels;
                let products = sums[..channels].iter().map(|[_, products]| products);
                coefficients.gradients[at] += products.sum::<f64>();
            }
            if let Some(dx) = term.dx {
                add(images, total, factor, dx);
            }
            continue;
        };
        let (of, state) = (&of_norms[norm], &mut norms[norm]);
        if !std::mem::take(&mut summed) {
            gradient_moments(images, total, term.x, sums);
        }
        let pixels = pixels(images, term.x, count);
        let (scale, shift) = (&weights[of.scale.clone()], &weights[of.shift.clone()]);
        let for_scale = &mut gradients[of.scale.clone()];
        state.differentiate(&sums[..of.channels], pixels, scale, for_scale);
        if let Some(at) = term.coefficient {
            // The term is the factor times `scale * normalized + shift`.
            for (channel, [sum, _]) in sums[..of.channels].iter().enumerate() {
                let of_scale = f64::from(scale[channel]) * f64::from(for_scale[channel]);
                coefficients.gradients[at] += of_scale + f64::from(shift[channel]) * sum;
            }
            for number in &mut *for_scale {
                *number *= factor;
            }
            for factors in &mut state.factors {
                *factors = factors.map(|number| number * factor);
            }
        }
        for (target, [sum, _]) in std::iter::zip(&mut gradients[of.shift.clone()], &*sums) {
            *target = factor * *sum as f32;
        }
        if let Some((dx, write)) = term.dx {
            normalized_gradient(images, total, term.x, &state.factors, dx, write);
        }
    }
}

pub(super) fn concat(xs: &[(Image, Option<Gradient>)], y: Image, images: &mut Images) {
    let mut first = 0;
    for (x, _) in xs {
        let channels = images.planes(*x).channels;
        if images.is_part(*x, y) {
            first += channels;
            continue;
        }
        images.write_blocks(y, |images, block, target| {
            let source = images.block(*x, block);
            let target = part_of(target, first, channels);
            dispatch(AddScaled { source, target, factor: 1.0, write: Write::Set });
        });
        first += channels;
    }
}

pub(super) fn concat_back(
    xs: &[(Image, Option<Gradient>)],
    dy: Option<Image>,
    images: &mut Images,
) {
    let Some(dy) = dy else { return };
    let mut first = 0;
    for (x, dx) in xs {
        let channels = images.planes(*x).channels;
        if let Some((dx, write)) = *dx {
            images.write_blocks(dx, |images, block, target| {
                let source = channels_of(images.block(dy, block), first, channels);
                dispatch(AddScaled { source, target, factor: 1.0, write });
            });
        }
        first += channels;
    }
}

/// Adds up two sums for each channel over the blocks of a batch, into the first of `sums`: in the
/// order of the blocks, whoever computed them.
fn sum_blocks(
    images: &Images,
    x: Image,
    sums: &mut [[f64; 2]],
    of_block: impl Fn(usize, &mut [[f64; 2]]) + Sync,
) {
    let channels = images.planes(x).channels;
    let sums = &mut sums[..images.blocks * channels];
    sums.fill([0.0; 2]);
    sums.par_chunks_exact_mut(channels).enumerate().for_each(|(block, sums)| of_block(block, sums));
    add_blocks(sums, channels);
}

fn add_blocks(sums: &mut [[f64; 2]], channels: usize) {
    let (first, rest) = sums.split_at_mut(channels);
    for other in rest.chunks_exact(channels) {
        for (total, sums) in std::iter::zip(&mut *first, other) {
            total[0] += sums[0];
            total[1] += sums[1];
        }
    }
}

fn moments(images: &Images, x: Image, sums: &mut [[f64; 2]]) {
    sum_blocks(images, x, sums, |block, sums| {
        dispatch(Moments { source: images.block(x, block), sums });
    });
}

pub(super) fn gradient_moments(images: &Images, gradient: Image, x: Image, sums: &mut [[f64; 2]]) {
    sum_blocks(images, x, sums, |block, sums| {
        let source = images.block(x, block);
        dispatch(GradientMoments { gradient: images.block(gradient, block), source, sums });
    });
}

fn add_up(join: &Join, images: &mut Images, norms: &[NormState], coefficients: &Coefficients) {
    let run = |images: &Images,
               block: usize,
               sum: Option<Target<'_, f32>>,
               positive: Option<Target<'_, f32>>| {
        let terms: Vec<JoinTerm<'_, f32>> = join
            .terms
            .iter()
            .filter(|term| !coefficients.leave_out(term.coefficient))
            .map(|term| JoinTerm {
                factor: coefficients.of(term),
                source: images.block(term.x, block),
                scale_shift: term.norm.map_or(&[][..], |norm| &norms[norm].scale_shift),
            })
            .collect();
        let lanes = images.filled(block);
        dispatch(JoinKernel { terms: &terms, sum, positive, lanes });
    };
    match (join.sum, join.positive) {
        (Some(sum), Some(positive)) => {
            images.write_two_blocks((sum, positive), |images, block, sum, positive| {
                run(images, block, Some(sum), Some(positive));
            });
        }
        (Some(sum), None) => {
            images.write_blocks(sum, |images, block, sum| run(images, block, Some(sum), None));
        }
        (None, Some(positive)) => images.write_blocks(positive, |images, block, positive| {
            run(images, block, None, Some(positive));
        }),
        (None, None) => {}
    }
}

/// Brings the gradients of a sum and of its positive part together. If the first term is normalized,
/// it takes the sums of each block for it while the block is at hand, and says so.
fn gather_gradient(
    join: &Join,
    first: Option<&Term>,
    images: &mut Images,
    sums: &mut [[f64; 2]],
) -> bool {
    let (Some(total), Some(from), Some(positive)) = (join.total, join.from_positive, join.positive)
    else {
        return false;
    };
    let write = if join.from_sum.is_some() { Write::Add } else { Write::Set };
    let gather = |images: &Images, block: usize, target: Target<'_, f32>| {
        let gradient = images.block(from, block);
        let positive = images.block(positive, block);
        dispatch(PositiveGradient { gradient, positive, target, write });
    };
    let Some(Term { x, norm: Some(_), .. }) = first else {
        images.write_blocks(total, gather);
        return false;
    };
    let channels = images.planes(total).channels;
    let sums = &mut sums[..images.blocks * channels];
    sums.fill([0.0; 2]);
    images.write_blocks_with(
        total,
        sums.par_chunks_exact_mut(channels),
        |images, block, Target { data, planes }, sums| {
            gather(images, block, Target { data: &mut *data, planes });
            let gradient = Source { data, planes };
            dispatch(GradientMoments { gradient, source: images.block(*x, block), sums });
        },
    );
    add_blocks(sums, channels);
    true
}

/// The pixels of a channel in a batch.
fn pixels(images: &Images, image: Image, count: usize) -> f64 {
    let planes = images.planes(image);
    (planes.height * planes.width * count) as f64
}

fn add(images: &mut Images, source: Image, factor: f32, (target, write): (Image, Write)) {
    images.write_blocks(target, |images, block, target| {
        let source = images.block(source, block);
        dispatch(AddScaled { source, target, factor, write });
    });
}

/// Sets an image to zeros.
pub(super) fn zero(images: &mut Images, image: Image) {
    images.write_blocks(image, |_, _, target| target.data.fill(0.0));
}

fn normalized_gradient(
    images: &mut Images,
    gradient: Image,
    x: Image,
    factors: &[[f32; 3]],
    target: Image,
    write: Write,
) {
    images.write_blocks(target, |images, block, target| {
        let (gradient, source) = (images.block(gradient, block), images.block(x, block));
        let lanes = images.filled(block);
        dispatch(NormalizedGradient { gradient, source, factors, target, write, lanes });
    });
}

/// Some channels of a block that is written.
pub(super) fn part_of(target: Target<'_, f32>, first: usize, channels: usize) -> Target<'_, f32> {
    let Target { data, planes } = target;
    let len = planes.plane() * lanes::<f32>();
    Target {
        data: &mut data[first * len..][..channels * len],
        planes: Planes { channels, ..planes },
    }
}

/// Some channels of a block that is read.
pub(super) fn channels_of(
    source: Source<'_, f32>,
    first: usize,
    channels: usize,
) -> Source<'_, f32> {
    let Source { data, planes } = source;
    let len = planes.plane() * lanes::<f32>();
    Source { data: &data[first * len..][..channels * len], planes: Planes { channels, ..planes } }
}
