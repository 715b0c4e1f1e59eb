//! What is computed of rows of features number by number, or column by column.
//!
//! They are few beside the numbers of the linear maps between them, so these are plain loops on one
//! thread.

use std::f32::consts::{FRAC_1_SQRT_2, PI};
use std::iter::zip;

use candle_core::cpu::erf::erf_f32;

use super::features::Features;
use super::norm::NormState;
use super::step::Rows;
use crate::Rng;
use crate::nn::{Activation, NORM_EPSILON};
use crate::train::init::dropout_values;

/// What a gradient is computed of.
pub(super) struct Pass<'a> {
    x: &'a [f32],
    y: &'a [f32],
    gradient: &'a [f32],
}

impl Features {
    /// Computes the present batch of rows from others.
    pub(super) fn compute(&mut self, x: Rows, y: Rows, f: impl FnOnce(&[f32], &mut [f32])) {
        let mut target = std::mem::take(&mut self.rows[y.0]);
        f(self.get(x), &mut target[..self.count * self.widths[y.0]]);
        self.rows[y.0] = target;
    }

    /// Computes the gradient of `x`, of which `y` was computed.
    pub(super) fn differentiate(
        &mut self,
        x: Rows,
        y: Rows,
        f: impl FnOnce(&Pass<'_>, &mut [f32]),
    ) {
        let mut target = std::mem::take(&mut self.gradients[x.0]);
        let pass = Pass { x: self.get(x), y: self.get(y), gradient: self.gradient(y) };
        f(&pass, &mut target[..self.count * self.widths[x.0]]);
        self.gradients[x.0] = target;
    }

    /// Normalizes columns: by the batch where there is room for its sums, else by running
    /// statistics.
    pub(super) fn batch_norm(
        &mut self,
        (x, y): (Rows, Rows),
        state: &mut NormState,
        (scale, shift): (&[f32], &[f32]),
        sums: &mut [[f64; 2]],
        share: Option<f64>,
    ) {
        let count = self.count as f64;
        self.compute(x, y, |x, y| {
            if let Some(share) = share {
                column_sums(x, x, sums);
                state.observe(sums, count, share);
                state.normalize_by_batch(scale, shift);
            } else {
                state.normalize_by_running(scale, shift);
            }
            for (x, y) in zip(x.chunks_exact(scale.len()), y.chunks_exact_mut(scale.len())) {
                for ((y, x), [factor, offset]) in zip(zip(y, x), &state.scale_shift) {
                    *y = x * factor + offset;
                }
            }
        });
    }

    pub(super) fn batch_norm_back(
        &mut self,
        (x, y): (Rows, Rows),
        state: &mut NormState,
        scale: &[f32],
        (for_scale, for_shift): (&mut [f32], &mut [f32]),
        sums: &mut [[f64; 2]],
    ) {
        let count = self.count as f64;
        self.differentiate(x, y, |Pass { x, gradient, .. }, dx| {
            column_sums(gradient, x, sums);
            state.differentiate(sums, count, scale, for_scale);
            for (target, [sum, _]) in zip(for_shift, sums) {
                *target = *sum as f32;
            }
            let width = scale.len();
            let rows = zip(gradient.chunks_exact(width), x.chunks_exact(width));
            for ((gradient, x), dx) in rows.zip(dx.chunks_exact_mut(width)) {
                for ((dx, [a, b, c]), (gradient, x)) in
                    zip(zip(dx, &state.factors), zip(gradient, x))
                {
                    *dx = a * gradient + b * x + c;
                }
            }
        });
    }

    pub(super) fn layer_norm(&mut self, x: Rows, y: Rows, scale: &[f32], shift: &[f32]) {
        let width = scale.len();
        self.compute(x, y, |x, y| {
            for (x, y) in zip(x.chunks_exact(width), y.chunks_exact_mut(width)) {
                let (mean, inverse) = row_statistics(x);
                for ((y, x), (scale, shift)) in zip(zip(y, x), zip(scale, shift)) {
                    *y = (x - mean) * inverse * scale + shift;
                }
            }
        });
    }

    /// With the normalized `z = (x - mean) * inverse` and `h = gradient * scale`, the gradient of a
    /// row is `inverse * (h - mean(h) - z * mean(h * z))`.
    pub(super) fn layer_norm_back(
        &mut self,
        x: Rows,
        y: Rows,
        scale: &[f32],
        (for_scale, for_shift): (&mut [f32], &mut [f32]),
    ) {
        let width = scale.len();
        for_scale.fill(0.0);
        for_shift.fill(0.0);
        self.differentiate(x, y, |Pass { x, gradient, .. }, dx| {
            let rows = zip(gradient.chunks_exact(width), x.chunks_exact(width));
            for ((gradient, x), dx) in rows.zip(dx.chunks_exact_mut(width)) {
                let (mean, inverse) = row_statistics(x);
                let (mut sum, mut products) = (0.0, 0.0);
                let targets = zip(&mut *for_scale, &mut *for_shift);
                for (((gradient, x), scale), targets) in zip(zip(gradient, x), scale).zip(targets) {
                    let z = (x - mean) * inverse;
                    *targets.0 += gradient * z;
                    *targets.1 += gradient;
                    let h = gradient * scale;
                    sum += f64::from(h);
                    products += f64::from(h * z);
                }
                let sum = (sum / width as f64) as f32;
                let products = (products / width as f64) as f32;
                for ((dx, x), (gradient, scale)) in zip(zip(dx, x), zip(gradient, scale)) {
                    let z = (x - mean) * inverse;
                    *dx = inverse * (gradient * scale - sum - z * products);
                }
            }
        });
    }

    /// Multiplies with a mask that is drawn while training.
    pub(super) fn dropout(&mut self, x: Rows, y: Rows, mask: Rows, draw: Option<(&mut Rng, f64)>) {
        let Some((rng, rate)) = draw else {
            return self.compute(x, y, |x, y| y.copy_from_slice(x));
        };
        let mut factors = std::mem::take(&mut self.rows[mask.0]);
        self.compute(x, y, |x, y| {
            let drawn = zip(&mut factors, dropout_values(rng, rate));
            for ((y, x), (factor, value)) in zip(zip(y, x), drawn) {
                *factor = value as f32;
                *y = x * *factor;
            }
        });
        self.rows[mask.0] = factors;
    }

    pub(super) fn dropout_back(&mut self, x: Rows, y: Rows, mask: Rows) {
        let factors = std::mem::take(&mut self.rows[mask.0]);
        self.differentiate(x, y, |Pass { gradient, .. }, dx| {
            for (dx, (gradient, factor)) in zip(dx, zip(*gradient, &factors)) {
                *dx = gradient * factor;
            }
        });
        self.rows[mask.0] = factors;
    }
}

/// For each column, the sum of `a`, and of the products of `a` and `b`.
fn column_sums(a: &[f32], b: &[f32], sums: &mut [[f64; 2]]) {
    sums.fill([0.0; 2]);
    let width = sums.len();
    for (a, b) in zip(a.chunks_exact(width), b.chunks_exact(width)) {
        for ([sum, products], (a, b)) in zip(&mut *sums, zip(a, b)) {
            *sum += f64::from(*a);
            *products += f64::from(*a) * f64::from(*b);
        }
    }
}

/// The mean of a row, and the inverse of its deviation.
fn row_statistics(row: &[f32]) -> (f32, f32) {
    let count = row.len() as f64;
    let mean = row.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
    let variance = row.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / count;
    (mean as f32, (1.0 / (variance + NORM_EPSILON).sqrt()) as f32)
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// The part of the standard normal distribution below `x`.
fn below(x: f32) -> f32 {
    0.5 * (1.0 + erf_f32(x * FRAC_1_SQRT_2))
}

fn each(x: &[f32], y: &mut [f32], f: impl Fn(f32) -> f32) {
    for (y, x) in zip(y, x) {
        *y = f(*x);
    }
}

/// A nonlinearity of each number.
pub(super) fn activation(kind: Activation, x: &[f32], y: &mut [f32]) {
    match kind {
        Activation::Relu => each(x, y, |x| x.max(0.0)),
        Activation::Gelu => each(x, y, |x| x * below(x)),
        Activation::Silu => each(x, y, |x| x * sigmoid(x)),
        Activation::Tanh => each(x, y, f32::tanh),
    }
}

/// The gradient of a nonlinearity, from what its derivative is easiest to compute of.
pub(super) fn activation_back(kind: Activation, pass: &Pass<'_>, dx: &mut [f32]) {
    let Pass { x, y, gradient } = *pass;
    match kind {
        Activation::Relu => each(y, dx, |y| if y > 0.0 { 1.0 } else { 0.0 }),
        Activation::Gelu => {
            let density = |x: f32| (-0.5 * x * x).exp() / (2.0 * PI).sqrt();
            each(x, dx, |x| below(x) + x * density(x));
        }
        Activation::Silu => each(x, dx, |x| {
            let part = sigmoid(x);
            part * (1.0 + x * (1.0 - part))
        }),
        Activation::Tanh => each(y, dx, |y| 1.0 - y * y),
    }
    for (dx, gradient) in zip(dx, gradient) {
        *dx *= gradient;
    }
}
