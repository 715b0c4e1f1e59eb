//! The weights of a program, one after the other, and what updates them.

use std::ops::Range;

use candle_core::{Device, Tensor};
use nascent_ops::update::{AdamW, Sgd, sum_of_squares};

use super::config::{OptimizerKind, TrainConfig};
use super::optim::{EPSILON, clip_factor, decay};
use crate::Result;
use crate::nn::Parameter;

/// All weights with their gradients and moments, as flat as the optimizer wants them.
pub(crate) struct Weights {
    config: TrainConfig,
    parameters: Vec<Parameter>,
    /// Where each parameter is; those that nothing depends on have no gradient, and stay.
    ranges: Vec<Option<Range<usize>>>,
    values: Vec<f32>,
    gradients: Vec<f32>,
    first: Vec<f32>,
    second: Vec<f32>,
    steps: i32,
}

impl Weights {
    /// The weights of these parameters, as they are; `ranges` says where each goes.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) fn new(
        config: &TrainConfig,
        parameters: &[Parameter],
        ranges: &[Option<Range<usize>>],
    ) -> Result<Self> {
        let len = ranges.iter().flatten().map(|range| range.end).max().unwrap_or(0);
        let second = if config.optimizer == OptimizerKind::Adamw { len } else { 0 };
        let mut weights = Self {
            config: *config,
            parameters: parameters.to_vec(),
            ranges: ranges.to_vec(),
            values: vec![0.0; len],
            gradients: vec![0.0; len],
            first: vec![0.0; len],
            second: vec![0.0; second],
            steps: 0,
        };
        weights.load()?;
        Ok(weights)
    }

    fn load(&mut self) -> Result<()> {
        for (parameter, range) in std::iter::zip(&self.parameters, &self.ranges) {
            if let Some(range) = range {
                let values: Vec<f32> = parameter.var.flatten_all()?.to_vec1()?;
                self.values[range.clone()].copy_from_slice(&values);
            }
        }
        Ok(())
    }

    /// Gives them to the model.
    ///
    /// # Errors
    /// If the tensor library fails.
    pub(crate) fn save(&self) -> Result<()> {
        for (parameter, range) in std::iter::zip(&self.parameters, &self.ranges) {
            if let Some(range) = range {
                parameter.var.set(&shaped(&self.values[range.clone()], &parameter.var)?)?;
            }
        }
        Ok(())
    }

    /// The weights.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// The weights, and their gradients to be written.
    pub(crate) fn values_and_gradients(&mut self) -> (&[f32], &mut [f32]) {
        (&self.values, &mut self.gradients)
    }

    /// The weights, to be changed.
    pub(crate) fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// Their gradients.
    pub(crate) fn gradients(&self) -> &[f32] {
        &self.gradients
    }

    /// The first moments.
    pub(crate) fn moments(&self) -> &[f32] {
        &self.first
    }

    /// The first moments, to be changed.
    pub(crate) fn moments_mut(&mut self) -> &mut [f32] {
        &mut self.first
    }

    /// Moves the weights against their gradients.
    pub(crate) fn step(&mut self, learning_rate: f64) {
        self.step_where(learning_rate, |_| true);
    }

    /// Moves those of the parameters with these numbers; the others, and their moments, stay.
    pub(crate) fn step_where(&mut self, learning_rate: f64, moves: impl Fn(usize) -> bool) {
        self.steps += 1;
        let config = &self.config;
        let ranges = || self.ranges.iter().flatten();
        let gradient_scale = if config.clip_norm > 0.0 {
            let squares = ranges().map(|range| sum_of_squares(&self.gradients[range.clone()]));
            clip_factor(squares.sum(), config.clip_norm)
        } else {
            1.0
        };
        for (_, (parameter, range)) in
            std::iter::zip(&self.parameters, &self.ranges).enumerate().filter(|(at, _)| moves(*at))
        {
            let Some(range) = range.clone() else { continue };
            let weight_decay = decay(config, parameter);
            let gradients = &self.gradients[range.clone()];
            let (values, first) = (&mut self.values[range.clone()], &mut self.first[range.clone()]);
            match config.optimizer {
                OptimizerKind::Sgd => {
                    let (momentum, nesterov) = (config.momentum, config.nesterov);
                    Sgd { learning_rate, momentum, nesterov, weight_decay, gradient_scale }
                        .step(values, gradients, first);
                }
                OptimizerKind::Adamw => AdamW {
                    learning_rate,
                    beta_1: config.beta_1,
                    beta_2: config.beta_2,
                    epsilon: EPSILON,
                    weight_decay,
                    gradient_scale,
                    step: self.steps,
                }
                .step(values, gradients, first, &mut self.second[range]),
            }
        }
    }

    /// The number of steps so far, and the moments by name.
    ///
    /// # Errors
    /// If the tensor library fails.
    pub(super) fn state(&self) -> Result<(i32, Vec<(String, Tensor)>)> {
        let mut moments = Vec::new();
        if self.steps > 0 {
            for (order, values) in [("first", &self.first), ("second", &self.second)] {
                for (parameter, range) in std::iter::zip(&self.parameters, &self.ranges) {
                    if let Some(values) = range.clone().and_then(|range| values.get(range)) {
                        let name = format!("{order}.{}", parameter.name);
                        moments.push((name, shaped(values, &parameter.var)?));
                    }
                }
            }
        }
        Ok((self.steps, moments))
    }

    /// Takes the present weights of the model, and goes back to a state. `read` finds a moment by
    /// its name, shaped as a parameter.
    pub(super) fn restore(
        &mut self,
        steps: i32,
        read: impl Fn(&str, &Tensor) -> Result<Option<Tensor>>,
    ) -> Result<()> {
        self.load()?;
        self.steps = steps;
        for (order, values) in [("first", &mut self.first), ("second", &mut self.second)] {
            for (parameter, range) in std::iter::zip(&self.parameters, &self.ranges) {
                let Some(values) = range.clone().and_then(|range| values.get_mut(range)) else {
                    continue;
                };
                let name = format!("{order}.{}", parameter.name);
                match read(&name, parameter.var.as_tensor())? {
                    Some(moment) => {
                        let moment: Vec<f32> = moment.flatten_all()?.to_vec1()?;
                        values.copy_from_slice(&moment);
                    }
                    None => values.fill(0.0),
                }
            }
        }
        Ok(())
    }
}

/// Numbers in the shape of a tensor.
fn shaped(values: &[f32], like: &Tensor) -> Result<Tensor> {
    Ok(Tensor::from_slice(values, like.shape(), &Device::Cpu)?)
}
