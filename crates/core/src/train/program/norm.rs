//! What batch normalizations of images and of features have in common.

use super::step::Norm;
use crate::Result;
use crate::nn::NORM_EPSILON;

/// What a batch normalization has at the moment.
pub(super) struct NormState {
    pub(super) running_mean: Vec<f32>,
    pub(super) running_variance: Vec<f32>,
    mean: Vec<f64>,
    inverse: Vec<f64>,
    /// What the numbers of a channel are multiplied with, and what is added then.
    pub(super) scale_shift: Vec<[f32; 2]>,
    /// Those of the gradient, see [`Self::differentiate`].
    pub(super) factors: Vec<[f32; 3]>,
}

impl NormState {
    pub(super) fn new(norm: &Norm) -> Result<Self> {
        let channels = norm.channels;
        Ok(Self {
            running_mean: norm.mean.flatten_all()?.to_vec1()?,
            running_variance: norm.variance.flatten_all()?.to_vec1()?,
            mean: vec![0.0; channels],
            inverse: vec![0.0; channels],
            scale_shift: vec![[0.0; 2]; channels],
            factors: vec![[0.0; 3]; channels],
        })
    }

    /// Takes in the sums of a batch, and of its squares, over `n` pixels of a channel; `share` is how
    /// much of its statistics the running ones take.
    pub(super) fn observe(&mut self, sums: &[[f64; 2]], n: f64, share: f64) {
        for (channel, [sum, squares]) in sums.iter().enumerate() {
            let mean = sum / n;
            let variance = (squares / n - mean * mean).max(0.0);
            self.mean[channel] = mean;
            self.inverse[channel] = 1.0 / (variance + NORM_EPSILON).sqrt();
            let unbiased = variance * n / (n - 1.0).max(1.0);
            let follow = |running: &mut f32, new: f64| {
                let kept = f64::from(*running) * (1.0 - share);
                *running = (kept + new * share) as f32;
            };
            follow(&mut self.running_mean[channel], mean);
            follow(&mut self.running_variance[channel], unbiased);
        }
    }

    pub(super) fn normalize_by_batch(&mut self, scale: &[f32], shift: &[f32]) {
        for (channel, target) in self.scale_shift.iter_mut().enumerate() {
            let factor = f64::from(scale[channel]) * self.inverse[channel];
            let offset = f64::from(shift[channel]) - self.mean[channel] * factor;
            *target = [factor as f32, offset as f32];
        }
    }

    pub(super) fn normalize_by_running(&mut self, scale: &[f32], shift: &[f32]) {
        for (channel, target) in self.scale_shift.iter_mut().enumerate() {
            let deviation = (f64::from(self.running_variance[channel]) + NORM_EPSILON).sqrt();
            let factor = f64::from(scale[channel]) / deviation;
            let mean = f64::from(self.running_mean[channel]);
            *target = [factor as f32, (f64::from(shift[channel]) - mean * factor) as f32];
        }
    }

    /// From the sums of the gradient, and of its products with what was normalized: the gradient of
    /// the scale, and the factors of that of the input, `a * gradient + b * input + c`.
    pub(super) fn differentiate(
        &mut self,
        sums: &[[f64; 2]],
        n: f64,
        scale: &[f32],
        for_scale: &mut [f32],
    ) {
        for (channel, [sum, products]) in sums.iter().enumerate() {
            let (mean, inverse) = (self.mean[channel], self.inverse[channel]);
            let scaled = (products - mean * sum) * inverse;
            for_scale[channel] = scaled as f32;
            let a = inverse * f64::from(scale[channel]);
            let b = -a * inverse * scaled / n;
            let c = -a * sum / n - b * mean;
            self.factors[channel] = [a as f32, b as f32, c as f32];
        }
    }
}
