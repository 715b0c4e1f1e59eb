//! The weights that all networks of a supernet share, in training.

use std::collections::HashMap;

use candle_core::{Device, Tensor};
use rand::RngExt as _;

use super::config::TrainConfig;
use super::data::Batch;
use super::loss::{cross_entropy_gradient, score};
use super::program::{Mode, Program};
use super::update::Weights;
use crate::nn::{Model, Parameter, infeasible, shared_name, weights};
use crate::space::Supernet;
use crate::{Result, Seed};

/// What a batch came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BatchScore {
    /// The mean loss.
    pub loss: f64,
    /// How many answers were right.
    pub right: usize,
}

/// A [`Supernet`] with weights, trained batch by batch with coefficients that may be others each
/// time.
///
/// Normalization is by the batch: the running statistics of one mixture say nothing about another.
/// Those of a single one are there after [`Self::calibrate`], for [`Self::evaluate`]. What the coefficients multiply is normalized without a scale and a shift
/// of its own, which would take the meaning from the coefficients (Liu et al. 2019, section A.1.1).
pub struct SharedWeights {
    model: Model,
    program: Program,
    weights: Weights,
    for_logits: Vec<f32>,
    smoothing: f64,
    /// The present coefficients.
    coefficients: Vec<f32>,
    /// For each parameter the coefficient that multiplies what it is part of.
    owners: Vec<Option<usize>>,
}

impl SharedWeights {
    /// The supernet with first weights from this seed, for inputs of this shape. Of the settings, the
    /// size of the batches, the optimizer and the loss count.
    ///
    /// # Errors
    /// If the network does not fit the inputs, or has an operation that only the tensor library
    /// computes.
    pub fn new(
        supernet: &Supernet,
        input: &[usize],
        classes: usize,
        config: &TrainConfig,
        seed: Seed,
    ) -> Result<Self> {
        let model = Model::new(&supernet.graph, input, classes, seed, &Device::Cpu)?;
        let program = Program::new(&model, config.batch_size)?;
        let program = program.ok_or_else(|| {
            infeasible("the supernet has an operation that cannot be mixed; choose another space")
        })?;
        let weights = Weights::new(config, model.parameters(), program.parameters())?;
        let for_logits = vec![0.0; config.batch_size * classes];
        let coefficients = vec![1.0; supernet.coefficients()];
        let (smoothing, owners) = (config.label_smoothing, model.coefficients_of_parameters());
        Ok(Self { model, program, weights, for_logits, smoothing, coefficients, owners })
    }

    /// Sets what inputs are normalized with, per channel or feature.
    ///
    /// # Errors
    /// If there is not one for each channel.
    pub fn set_input_statistics(&mut self, mean: &[f64], deviation: &[f64]) -> Result<()> {
        self.model.set_input_statistics(mean, deviation)?;
        self.program.load_input(&self.model)
    }

    /// Its network.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Sets the coefficients. What one of them multiplies is not computed while it is 0.
    ///
    /// # Errors
    /// If there is not a number for each.
    pub fn set_coefficients(&mut self, coefficients: &[f32]) -> Result<()> {
        if coefficients.len() != self.coefficients.len() {
            let (needs, has) = (self.coefficients.len(), coefficients.len());
            return Err(infeasible(format!("a supernet of {needs} coefficients is given {has}")));
        }
        self.coefficients.copy_from_slice(coefficients);
        // The last ones multiply nothing, where the last option is to have no operation.
        let used = self.program.coefficients();
        let len = used.len();
        used.copy_from_slice(&coefficients[..len]);
        Ok(())
    }

    /// Computes a batch, and what [`Self::backward`] needs.
    pub fn forward(&mut self, batch: &Batch, seed: Seed) -> BatchScore {
        self.compute(batch, Mode::Train { seed, progress: 1.0 })
    }

    /// Computes a batch, of which the statistics of normalizations are taken in: behind the first one,
    /// number 1, they are its own, and behind others the mean of all. What is not computed keeps those
    /// that it had.
    pub fn calibrate(&mut self, batch: &Batch, number: u32) {
        self.compute(batch, Mode::Calibrate { number });
    }

    /// Computes a batch with the statistics that [`Self::calibrate`] has found; there is no backward
    /// pass behind it.
    pub fn evaluate(&mut self, batch: &Batch) -> BatchScore {
        self.compute(batch, Mode::Evaluate)
    }

    fn compute(&mut self, batch: &Batch, mode: Mode) -> BatchScore {
        let logits = self.program.forward(&self.weights, &batch.values, mode);
        let (_, right) = score(logits, &batch.labels, self.model.classes());
        let for_logits = &mut self.for_logits[..logits.len()];
        let loss = cross_entropy_gradient(logits, &batch.labels, self.smoothing, for_logits);
        BatchScore { loss, right }
    }

    /// Computes the gradients of the last loss.
    pub fn backward(&mut self) {
        let len = self.program.examples() * self.model.classes();
        self.program.backward(&mut self.weights, &self.for_logits[..len]);
    }

    /// The gradients of the coefficients, from the last backward pass; 0 for those that are 0.
    pub fn coefficient_gradients(&self) -> Vec<f64> {
        let mut gradients = self.program.coefficient_gradients().to_vec();
        gradients.resize(self.coefficients.len(), 0.0);
        gradients
    }

    /// How many coefficients it has.
    pub fn coefficients(&self) -> usize {
        self.coefficients.len()
    }

    /// For each coefficient whether what it multiplies has weights.
    pub fn have_weights(&self) -> Vec<bool> {
        let mut have = vec![false; self.coefficients.len()];
        for (parameter, owner) in std::iter::zip(self.model.parameters(), &self.owners) {
            if let Some(owner) = owner.filter(|_| parameter.is_weight) {
                have[owner] = true;
            }
        }
        have
    }

    /// How many of the weights are trained.
    pub fn trained(&self) -> usize {
        self.model.cost().params as usize - self.program.frozen()
    }

    /// The weights, one after the other.
    pub fn weights(&self) -> &[f32] {
        self.weights.values()
    }

    /// The weights of the network that these coefficients make, as safetensors, for
    /// [`Model::inherit`]: by the names that they have in that network alone, and of masked channels
    /// only the first ones that it has. Scales and shifts behind a mixed operation are not among them,
    /// since a supernet does not train those.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn of_network(&self, coefficients: &[f32]) -> Result<Vec<u8>> {
        let parameters = self.model.parameters();
        let trace = self.model.trace();
        let shapes = trace.map(|(trace, _)| trace.narrowed(coefficients)).unwrap_or_default();
        let mut start = 0;
        let mut tensors = Vec::new();
        for (Parameter { name, var, is_weight }, owner) in std::iter::zip(parameters, &self.owners)
        {
            let range = start..start + var.elem_count();
            start = range.end;
            let is_part = owner.is_none_or(|owner| *is_weight && coefficients[owner] != 0.0);
            if is_part {
                let values = &self.weights.values()[range];
                let mut tensor = Tensor::from_slice(values, var.dims(), &Device::Cpu)?;
                for (dim, count) in
                    shapes.get(&var.as_tensor().id()).into_iter().flatten().enumerate()
                {
                    tensor = tensor.narrow(dim, 0, *count)?;
                }
                tensors.push((shared_name(name), tensor));
            }
        }
        let tensors = tensors.iter().map(|(name, tensor)| (name.clone(), tensor));
        weights::write(tensors, &())
    }

    /// The weights, to be changed.
    pub fn weights_mut(&mut self) -> &mut [f32] {
        self.weights.values_mut()
    }

    /// Their gradients, from the last backward pass.
    pub fn gradients(&self) -> &[f32] {
        self.weights.gradients()
    }

    /// Takes weights and moments from a supernet whose operations see fewer channels, by the names of
    /// the parameters. Channels that there were not are copies of others, which are drawn: the same ones
    /// for all layers of a width, so that what a layer puts out and the next one reads belong together
    /// (Chen, Goodfellow and Shlens, "Net2Net", ICLR 2016, <https://arxiv.org/abs/1511.05641>, section
    /// 2.2, without the division of what is read twice: normalizations follow).
    ///
    /// # Errors
    /// If a parameter is not there, or is not smaller.
    pub fn widen(&mut self, from: &Self, seed: Seed) -> Result<()> {
        let mut rng = seed.rng();
        let mut known_origins: HashMap<(usize, usize), Vec<usize>> = HashMap::new();
        let mut known = HashMap::new();
        let mut start = 0;
        for parameter in from.model.parameters() {
            known.insert(&*parameter.name, (start, parameter.var.dims()));
            start += parameter.var.elem_count();
        }
        let mut start = 0;
        for Parameter { name, var, .. } in self.model.parameters() {
            let no_source = || infeasible(format!("`{name}` has no narrower one to be made of"));
            let (source, narrow) = known.get(&**name).ok_or_else(no_source)?;
            let wide = var.dims();
            let is_wider = std::iter::zip(*narrow, wide).all(|(narrow, wide)| narrow <= wide);
            if narrow.len() != wide.len() || !is_wider {
                return Err(no_source());
            }
            let origins = std::iter::zip(*narrow, wide).map(|(narrow, wide)| {
                let draw = || {
                    let mut origin =
                        |at| if at < *narrow { at } else { rng.random_range(0..*narrow) };
                    (0..*wide).map(&mut origin).collect::<Vec<usize>>()
                };
                known_origins.entry((*narrow, *wide)).or_insert_with(draw).clone()
            });
            let origins: Vec<Vec<usize>> = origins.collect();
            for target in 0..var.elem_count() {
                // The place in each dimension, from the last one on.
                let (mut rest, mut at, mut stride) = (target, *source, 1);
                for (origins, narrow) in std::iter::zip(&origins, *narrow).rev() {
                    at += origins[rest % origins.len()] * stride;
                    stride *= narrow;
                    rest /= origins.len();
                }
                self.weights.values_mut()[start + target] = from.weights.values()[at];
                self.weights.moments_mut()[start + target] = from.weights.moments()[at];
            }
            start += var.elem_count();
        }
        Ok(())
    }

    /// Moves the weights against their gradients. Those of what is not computed, because its
    /// coefficient is 0, stay where they are, with their moments.
    pub fn step(&mut self, learning_rate: f64) {
        let (owners, coefficients) = (&self.owners, &self.coefficients);
        self.weights.step_where(learning_rate, |parameter| {
            owners[parameter].is_none_or(|owner| coefficients[owner] != 0.0)
        });
    }

    /// The moments of the optimizer, one after the other.
    pub fn moments(&self) -> &[f32] {
        self.weights.moments()
    }

    /// The moments of the optimizer, to be changed.
    pub fn moments_mut(&mut self) -> &mut [f32] {
        self.weights.moments_mut()
    }
}

#[cfg(test)]
mod tests;
