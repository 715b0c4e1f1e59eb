//! The convolution with windows of one pixel, image by image.

use rayon::prelude::*;

use super::custom::{Number, written};
use crate::kernel::pointwise::{Pointwise, PointwiseShape, PointwiseWeightGradient};
use crate::scratch::Scratch;
use crate::simd::dispatch;

/// The outputs of a batch.
pub(super) fn forward<E: Number>(
    shape: PointwiseShape,
    x: &[E],
    weight: &[E],
    bias: Option<&[E]>,
) -> Vec<E> {
    convolve(shape, x, |output, input| weight[output * shape.inputs + input], bias)
}

/// The gradients of the inputs of a batch.
pub(super) fn input_gradient<E: Number>(
    shape: PointwiseShape,
    gradient: &[E],
    weight: &[E],
) -> Vec<E> {
    let weight = |to: usize, from: usize| weight[from * shape.inputs + to];
    convolve(shape.turned(), gradient, weight, None)
}

fn convolve<E: Number>(
    shape: PointwiseShape,
    images: &[E],
    weight: impl Fn(usize, usize) -> E,
    bias: Option<&[E]>,
) -> Vec<E> {
    let mut weights = Scratch::new(shape.weights());
    shape.pack_weights(weight, &mut weights);
    let (input, output) = (shape.inputs * shape.pixels, shape.outputs * shape.pixels);
    written(images.len() / input * shape.outputs * shape.pixels, output, |at, output| {
        let (input, weights) = (&images[at * input..][..input], &weights);
        let scratch = &mut Scratch::new(shape.scratch::<E>());
        dispatch(Pointwise { input, shape, weights, bias, output, scratch })
    })
}

/// How many bytes of images and gradients are added up together: what stays in the cache. Fixed, so
/// that the order of the sum is the same on any number of threads.
const TOGETHER: usize = 256 << 10;

/// The gradient of the weights, summed over a batch.
pub(super) fn weight_gradient<E: Number>(shape: PointwiseShape, x: &[E], gradient: &[E]) -> Vec<E> {
    let PointwiseShape { inputs, outputs, pixels } = shape;
    let size = outputs * inputs;
    let bytes = (inputs + outputs) * pixels * size_of::<E>();
    let images = (TOGETHER / bytes).max(1);
    let (input, output) = (images * inputs * pixels, images * outputs * pixels);
    let mut parts = Scratch::<E>::new(x.len().div_ceil(input) * size);
    let images = x.par_chunks(input).zip(gradient.par_chunks(output));
    images.zip(parts.par_chunks_mut(size)).for_each(|((input, gradient), target)| {
        dispatch(PointwiseWeightGradient { input, gradient, shape, target });
    });
    let mut sum = vec![E::default(); size];
    for part in parts.chunks_exact(size) {
        for (sum, value) in std::iter::zip(&mut sum, part) {
            *sum += *value;
        }
    }
    sum
}
