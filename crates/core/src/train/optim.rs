//! What updates the weights, with the arithmetic of PyTorch.

use candle_core::Tensor;
use candle_core::backprop::GradStore;

use super::config::{OptimizerKind, TrainConfig};
use crate::Result;
use crate::nn::Parameter;

/// What is added to the root of the second moment of adamw.
const EPSILON: f64 = 1e-8;

/// What updates the weights, with its memory of past gradients.
pub struct Optimizer {
    config: TrainConfig,
    parameters: Vec<Parameter>,
    /// Momentum or first moment, and second moment, of each parameter that has had a gradient.
    moments: Vec<(Option<Tensor>, Option<Tensor>)>,
    steps: i32,
}

impl Optimizer {
    /// An optimizer of these parameters.
    pub fn new(config: &TrainConfig, parameters: &[Parameter]) -> Self {
        Self {
            config: config.clone(),
            parameters: parameters.to_vec(),
            moments: vec![(None, None); parameters.len()],
            steps: 0,
        }
    }

    /// How many numbers it remembers for each weight.
    pub(crate) fn moments(kind: OptimizerKind) -> u64 {
        match kind {
            OptimizerKind::Sgd => 1,
            OptimizerKind::Adamw => 2,
        }
    }

    /// Moves the parameters against their gradients. A parameter without a gradient, because
    /// nothing depends on it, stays.
    ///
    /// # Errors
    /// If the tensor library fails.
    pub fn step(&mut self, gradients: &GradStore, rate: f64) -> Result<()> {
        self.steps += 1;
        // Detached: a gradient may hold on to the tensors that it was computed of.
        let mut found: Vec<Option<Tensor>> = self
            .parameters
            .iter()
            .map(|parameter| gradients.get(parameter.var.as_tensor()).map(Tensor::detach))
            .collect();
        if self.config.clip_norm > 0.0 {
            clip(&mut found, self.config.clip_norm)?;
        }
        for (at, gradient) in found.into_iter().enumerate() {
            if let Some(gradient) = gradient {
                match self.config.optimizer {
                    OptimizerKind::Sgd => self.sgd(at, gradient, rate)?,
                    OptimizerKind::Adamw => self.adamw(at, &gradient, rate)?,
                }
            }
        }
        Ok(())
    }

    fn decay(&self, at: usize) -> f64 {
        let decays = self.config.decay_all || self.parameters[at].is_weight;
        if decays { self.config.weight_decay } else { 0.0 }
    }

    fn sgd(&mut self, at: usize, mut gradient: Tensor, rate: f64) -> Result<()> {
        let weight = self.parameters[at].var.as_detached_tensor();
        let decay = self.decay(at);
        if decay > 0.0 {
            gradient = (gradient + (&weight * decay)?)?;
        }
        let momentum = self.config.momentum;
        if momentum > 0.0 {
            let velocity = match &self.moments[at].0 {
                Some(velocity) => ((velocity * momentum)? + &gradient)?,
                None => gradient.clone(),
            };
            gradient = if self.config.nesterov {
                (gradient + (&velocity * momentum)?)?
            } else {
                velocity.clone()
            };
            self.moments[at].0 = Some(velocity);
        }
        self.parameters[at].var.set(&(weight - (gradient * rate)?)?)?;
        Ok(())
    }

    fn adamw(&mut self, at: usize, gradient: &Tensor, rate: f64) -> Result<()> {
        let weight = self.parameters[at].var.as_detached_tensor();
        let weight = (weight * (1.0 - rate * self.decay(at)))?;
        let (beta_1, beta_2) = (self.config.beta_1, self.config.beta_2);
        let follow = |old: &Option<Tensor>, new: Tensor, beta: f64| match old {
            Some(old) => (old * beta)? + (new * (1.0 - beta))?,
            None => new * (1.0 - beta),
        };
        let first = follow(&self.moments[at].0, gradient.clone(), beta_1)?;
        let second = follow(&self.moments[at].1, gradient.sqr()?, beta_2)?;
        let (bias_1, bias_2) = (1.0 - beta_1.powi(self.steps), 1.0 - beta_2.powi(self.steps));
        let root = ((second.sqrt()? / bias_2.sqrt())? + EPSILON)?;
        let change = ((&first / root)? * (rate / bias_1))?;
        self.parameters[at].var.set(&(weight - change)?)?;
        self.moments[at] = (Some(first), Some(second));
        Ok(())
    }
}

/// Scales the gradients down to this common norm, if it is larger.
fn clip(gradients: &mut [Option<Tensor>], limit: f64) -> Result<()> {
    let mut sum = 0.0;
    for gradient in gradients.iter().flatten() {
        let squares = gradient.sqr()?.sum_all()?;
        sum += squares.to_dtype(candle_core::DType::F64)?.to_scalar::<f64>()?;
    }
    let factor = limit / (sum.sqrt() + 1e-6);
    if factor < 1.0 {
        for gradient in gradients.iter_mut().flatten() {
            *gradient = (&*gradient * factor)?;
        }
    }
    Ok(())
}
