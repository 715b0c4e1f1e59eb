//! The convolution with windows of one pixel: for each image, a product of the weights with the
//! image, whose channels are the rows of a matrix. Nothing has to be interleaved.

use rayon::prelude::*;

use super::custom::Number;
use super::scratch::Scratch;
use crate::matrix::{Matrix, multiply_here};

/// The shapes of a convolution with windows of one pixel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pointwise {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) pixels: usize,
}

/// How many images have the gradient of the weights added up together. Fixed, so that the order of
/// the sum is the same on any number of threads.
const TOGETHER: usize = 8;

impl Pointwise {
    pub(super) fn forward<E: Number>(
        &self,
        x: &[E],
        weight: &[E],
        bias: Option<&[E]>,
        y: &mut [E],
    ) {
        let Self { inputs, outputs, pixels } = *self;
        let keep = <E as crate::simd::Element>::of(if bias.is_some() { 1.0 } else { 0.0 });
        let images = x.par_chunks(inputs * pixels).zip(y.par_chunks_mut(outputs * pixels));
        images.for_each(|(x, y)| {
            for (bias, row) in bias.into_iter().flatten().zip(y.chunks_exact_mut(pixels)) {
                row.fill(*bias);
            }
            let weight = Matrix::new(weight, outputs, inputs);
            multiply_here(weight, Matrix::new(x, inputs, pixels), keep, y);
        });
    }

    pub(super) fn input_gradient<E: Number>(&self, gradient: &[E], weight: &[E], for_x: &mut [E]) {
        let Self { inputs, outputs, pixels } = *self;
        let images =
            gradient.par_chunks(outputs * pixels).zip(for_x.par_chunks_mut(inputs * pixels));
        images.for_each(|(gradient, for_x)| {
            let weight = Matrix::new(weight, outputs, inputs).transposed();
            let gradient = Matrix::new(gradient, outputs, pixels);
            multiply_here(weight, gradient, E::default(), for_x);
        });
    }

    pub(super) fn weight_gradient<E: Number>(&self, x: &[E], gradient: &[E], for_weight: &mut [E]) {
        let Self { inputs, outputs, pixels } = *self;
        let size = outputs * inputs;
        let (input, output) = (inputs * pixels, outputs * pixels);
        let mut parts = Scratch::<E>::new(x.len().div_ceil(TOGETHER * input) * size);
        let images = x.par_chunks(TOGETHER * input).zip(gradient.par_chunks(TOGETHER * output));
        images.zip(parts.par_chunks_mut(size)).for_each(|((x, gradient), part)| {
            let mut keep = 0.0;
            for (x, gradient) in
                std::iter::zip(x.chunks_exact(input), gradient.chunks_exact(output))
            {
                let x = Matrix::new(x, inputs, pixels).transposed();
                let gradient = Matrix::new(gradient, outputs, pixels);
                multiply_here(gradient, x, <E as crate::simd::Element>::of(keep), part);
                keep = 1.0;
            }
        });
        for part in parts.chunks_exact(size) {
            for (sum, value) in std::iter::zip(&mut *for_weight, part) {
                *sum += *value;
            }
        }
    }
}
