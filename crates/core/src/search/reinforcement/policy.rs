//! A policy: a probability for each option of each choice, given the decisions before it.
//!
//! It has two sides. A [`Sampler`] is plain numbers, and draws architectures quickly: a converged
//! policy is asked many times for one new architecture. [`Policy::logits`] says the same of a whole
//! batch as tensors of candle, which gives the gradient.

use std::sync::Arc;

use candle_core::{D, Device, Tensor};
use nascent_record::{Architecture, Spec};
use rand::RngExt as _;

use super::options::{Decisions, OptionTable};
use crate::nn::Parameter;
use crate::train::{Optimizer, OptimizerKind, TrainConfig};
use crate::{Result, Rng};

/// The side of a policy that is trained.
pub(super) trait Policy: Send {
    /// The weights.
    fn parameters(&self) -> &[Parameter];

    /// For each choice that applies in some architecture of the batch, its number and its logits: a
    /// row for each architecture. The rows of those in which it does not apply mean nothing.
    fn logits(&self, batch: &[&Decisions]) -> Result<Vec<(usize, Tensor)>>;

    /// A copy of the weights as they are now.
    fn sampler(&self) -> Result<Arc<dyn Sampler>>;
}

/// What moves the weights of a policy: Adam, without decay and limits.
pub(super) fn adam(policy: &dyn Policy) -> Optimizer {
    let config = TrainConfig {
        optimizer: OptimizerKind::Adamw,
        weight_decay: 0.0,
        clip_norm: 0.0,
        ..TrainConfig::default()
    };
    Optimizer::new(&config, policy.parameters())
}

/// The side of a policy that draws.
pub(super) trait Sampler: Send + Sync {
    /// What is remembered of the decisions, before the first.
    fn start(&self) -> Vec<f32>;

    /// The logits of choice `at`; `last` is the row of the last decision, if there was one.
    fn logits(&self, at: usize, last: Option<usize>, memory: &mut Vec<f32>) -> Vec<f32>;
}

/// How logits become probabilities: `softmax(c · tanh(logits / temperature))`, without the tanh
/// where c is 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Squash {
    pub(super) temperature: f32,
    pub(super) tanh_constant: f32,
}

impl Squash {
    fn tensor(self, logits: &Tensor) -> Result<Tensor> {
        let scaled = (logits / f64::from(self.temperature))?;
        if self.tanh_constant > 0.0 {
            return Ok((scaled.tanh()? * f64::from(self.tanh_constant))?);
        }
        Ok(scaled)
    }

    fn plain(self, logits: &mut [f32]) {
        for logit in logits {
            *logit /= self.temperature;
            if self.tanh_constant > 0.0 {
                *logit = logit.tanh() * self.tanh_constant;
            }
        }
    }
}

/// The probabilities of logits.
fn softmax(logits: &[f32], temperature: f32) -> Vec<f32> {
    let highest = logits.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b));
    let mut weights: Vec<f32> =
        logits.iter().map(|logit| ((logit - highest) / temperature).exp()).collect();
    let sum: f32 = weights.iter().sum();
    for weight in &mut weights {
        *weight /= sum;
    }
    weights
}

/// An architecture that was drawn, and what the policy thought of the choices on the way.
pub(super) struct Drawn {
    pub(super) architecture: Architecture,
    /// The probabilities of the options of each choice that applies, with its number.
    pub(super) probabilities: Vec<(usize, Vec<f32>)>,
}

impl Drawn {
    /// The sum of the entropies of the decisions, in nats.
    pub(super) fn entropy(&self) -> f64 {
        let all = self.probabilities.iter().flat_map(|(_, p)| p);
        all.filter(|p| **p > 0.0).map(|p| -f64::from(p * p.ln())).sum()
    }
}

/// Draws an architecture, with all logits divided by `flatten`.
pub(super) fn draw(
    sampler: &dyn Sampler,
    spec: &Spec,
    table: &OptionTable,
    squash: Squash,
    flatten: f32,
    rng: &mut Rng,
) -> Result<Drawn> {
    let (mut memory, mut last) = (sampler.start(), None);
    let mut probabilities = Vec::with_capacity(table.len());
    let architecture = spec.build(|at, choice| {
        let mut logits = sampler.logits(at, last, &mut memory);
        squash.plain(&mut logits);
        let option = pick(&softmax(&logits, flatten), rng.random());
        probabilities.push((at, softmax(&logits, 1.0)));
        last = Some(table.first_row(at) + option);
        table.draw(at, choice, option, rng)
    })?;
    Ok(Drawn { architecture, probabilities })
}

/// The option at which the running sum of the probabilities passes `unit`.
fn pick(probabilities: &[f32], unit: f32) -> usize {
    let mut sum = 0.0;
    let passes = |p: &f32| {
        sum += p;
        unit < sum
    };
    // Rounding may leave the sum below 1.
    probabilities.iter().position(passes).unwrap_or(probabilities.len() - 1)
}

/// The logarithm of the probability with which these decisions are made.
pub(super) fn log_probability(
    sampler: &dyn Sampler,
    table: &OptionTable,
    squash: Squash,
    decisions: &Decisions,
) -> f64 {
    let (mut memory, mut last, mut sum) = (sampler.start(), None, 0.0);
    for (at, option) in decisions.iter().enumerate() {
        let Some(option) = *option else { continue };
        let mut logits = sampler.logits(at, last, &mut memory);
        squash.plain(&mut logits);
        let highest = logits.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b));
        let rest: f32 = logits.iter().map(|logit| (logit - highest).exp()).sum();
        sum += f64::from(logits[option] - highest - rest.ln());
        last = Some(table.first_row(at) + option);
    }
    sum
}

/// What a policy says of a batch, one number for each architecture.
pub(super) struct Evaluated {
    /// The logarithm of the probability of its decisions.
    pub(super) log_probability: Tensor,
    /// The sum of the entropies of its decisions, given those before each.
    pub(super) entropy: Tensor,
}

/// What a policy says of a batch.
pub(super) fn evaluate(
    policy: &dyn Policy,
    squash: Squash,
    batch: &[&Decisions],
) -> Result<Evaluated> {
    let mut log_probability = Tensor::zeros(batch.len(), candle_core::DType::F32, &Device::Cpu)?;
    let mut entropy = log_probability.clone();
    for (at, logits) in policy.logits(batch)? {
        let logs = candle_nn::ops::log_softmax(&squash.tensor(&logits)?, D::Minus1)?;
        let chosen: Vec<u32> = batch.iter().map(|d| d[at].unwrap_or(0) as u32).collect();
        let chosen = Tensor::from_vec(chosen, (batch.len(), 1), &Device::Cpu)?;
        let chosen = logs.gather(&chosen, D::Minus1)?.squeeze(D::Minus1)?;
        let spread = (logs.exp()? * &logs)?.sum(D::Minus1)?;
        let applies = applies(batch, at)?;
        log_probability = (log_probability + (chosen * &applies)?)?;
        entropy = (entropy - (spread * applies)?)?;
    }
    Ok(Evaluated { log_probability, entropy })
}

/// 1 for each architecture of the batch in which choice `at` applies, 0 for the others.
pub(super) fn applies(batch: &[&Decisions], at: usize) -> Result<Tensor> {
    let mask = batch.iter().map(|d| if d[at].is_some() { 1_f32 } else { 0.0 });
    Ok(Tensor::from_iter(mask, &Device::Cpu)?)
}
