//! Sums over whole batches in the plain order, in parallel and in a fixed order.

use rayon::prelude::*;

use super::custom::Number;
use crate::kernel::plain::{Combine, Moments, Plain, Sums};
use crate::layout::Planes;
use crate::scratch::Scratch;
use crate::simd::dispatch;

/// About how many numbers a task works on.
const TASK: usize = 1 << 15;

/// The numbers of the images that a task works on.
pub(super) fn task(shape: Plain) -> usize {
    let numbers = shape.numbers().max(1);
    (TASK / numbers).max(1) * numbers
}

/// For each channel the sums of [`Moments`] over a batch.
pub(super) fn moments<E: Number>(
    gradient: Option<&[E]>,
    images: &[E],
    shape: Plain,
    centers: &[E],
) -> Vec<[f64; 2]> {
    let size = task(shape);
    let tasks = images.len().div_ceil(size);
    let mut parts = vec![[0.0; 2]; tasks * shape.channels];
    parts.par_chunks_mut(shape.channels.max(1)).enumerate().for_each(|(at, sums)| {
        let range = at * size..((at + 1) * size).min(images.len());
        let gradient = gradient.map(|gradient| &gradient[range.clone()]);
        dispatch(Moments { gradient, images: &images[range], shape, centers, sums });
    });
    let mut sums = vec![[0.0; 2]; shape.channels];
    for part in parts.chunks_exact(shape.channels.max(1)) {
        for (sum, part) in std::iter::zip(&mut sums, part) {
            *sum = [sum[0] + part[0], sum[1] + part[1]];
        }
    }
    sums
}

/// [`Combine`] over a batch.
pub(super) fn combine<E: Number>(
    gradient: Option<&[E]>,
    images: &[E],
    shape: Plain,
    factors: &[[E; 3]],
) -> Vec<E> {
    let size = task(shape);
    let mut target = vec![E::default(); images.len()];
    target.par_chunks_mut(size).enumerate().for_each(|(at, target)| {
        let range = at * size..at * size + target.len();
        let gradient = gradient.map(|gradient| &gradient[range.clone()]);
        dispatch(Combine { gradient, images: &images[range], shape, factors, target });
    });
    target
}

/// The sum of each channel over a batch.
pub(super) fn channel_sums<E: Number>(images: &[E], planes: Planes) -> Vec<E> {
    let Planes { channels, height, width, .. } = planes;
    let pixels = height * width;
    let mut parts = Scratch::<E>::new(images.len() / pixels);
    let size = task(Plain { channels, pixels });
    images.par_chunks(size).zip(parts.par_chunks_mut(size / pixels)).for_each(|(images, sums)| {
        dispatch(Sums { images, pixels, sums, factor: 1.0 });
    });
    let mut sums = vec![0.0; channels];
    for parts in parts.chunks_exact(channels) {
        for (sum, part) in std::iter::zip(&mut sums, parts) {
            *sum += part.wide();
        }
    }
    sums.into_iter().map(<E as crate::simd::Element>::of).collect()
}
