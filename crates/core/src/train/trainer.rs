//! A model in training, step by step.

use candle_core::{DType, Tensor};

use super::config::TrainConfig;
use super::data::{Batch, Data, Part};
use super::fit::{Score, evaluate, evaluate_with};
use super::loss::{cross_entropy, cross_entropy_gradient, score};
use super::optim::Optimizer;
use super::program::{Mode, Program};
use super::update::Weights;
use crate::nn::{ForwardContext, Model};
use crate::{Result, Seed};

/// A model in training: on the CPU by a program, where every operation of it has one, else by the
/// gradients of the tensor library.
pub struct Trainer<'a> {
    model: &'a Model,
    config: TrainConfig,
    means: Means,
}

enum Means {
    Program { program: Box<Program>, weights: Box<Weights>, for_logits: Vec<f32> },
    Tensors { optimizer: Optimizer, loss: Option<Tensor> },
}

impl<'a> Trainer<'a> {
    /// What trains this model.
    ///
    /// # Errors
    /// If its tensors cannot be read.
    pub fn new(model: &'a Model, config: &TrainConfig) -> Result<Self> {
        let means = match Program::new(model, config.batch_size)? {
            Some(program) => {
                let weights = Weights::new(config, model.parameters(), program.parameters())?;
                let for_logits = vec![0.0; config.batch_size * model.classes()];
                let (program, weights) = (Box::new(program), Box::new(weights));
                Means::Program { program, weights, for_logits }
            }
            None => Means::tensors(model, config),
        };
        Ok(Self { model, config: *config, means })
    }

    /// What trains this model by the tensor library alone.
    #[cfg(test)]
    pub(super) fn by_tensors(model: &'a Model, config: &TrainConfig) -> Self {
        Self { model, config: *config, means: Means::tensors(model, config) }
    }

    /// What it trains.
    pub(super) fn model(&self) -> &'a Model {
        self.model
    }

    /// How it trains.
    pub(super) fn config(&self) -> TrainConfig {
        self.config
    }

    /// Whether it is a program that trains it.
    #[cfg(test)]
    pub(super) fn is_program(&self) -> bool {
        matches!(self.means, Means::Program { .. })
    }

    /// Computes the mean loss of a batch, and what its gradient needs. Dropout derives from the
    /// seed.
    ///
    /// # Errors
    /// If the tensor library fails.
    pub fn loss(&mut self, batch: &Batch, seed: Seed) -> Result<f64> {
        let smoothing = self.config.label_smoothing;
        match &mut self.means {
            Means::Program { program, weights, for_logits } => {
                let logits = program.forward(weights, &batch.values, Mode::Train(seed));
                let for_logits = &mut for_logits[..logits.len()];
                Ok(cross_entropy_gradient(logits, &batch.labels, smoothing, for_logits))
            }
            Means::Tensors { loss, .. } => {
                let inputs = batch.inputs(self.model.input_shape(), self.model.device())?;
                let logits = self.model.forward(&inputs, &mut ForwardContext::train(seed))?;
                let mean = cross_entropy(&logits, &batch.labels, smoothing)?;
                let value = mean.to_dtype(DType::F64)?.to_scalar::<f64>()?;
                *loss = Some(mean);
                Ok(value)
            }
        }
    }

    /// Moves the weights against the gradient of the last loss.
    ///
    /// # Errors
    /// If the tensor library fails.
    pub fn step(&mut self, learning_rate: f64) -> Result<()> {
        match &mut self.means {
            Means::Program { program, weights, for_logits } => {
                let len = program.examples() * self.model.classes();
                program.backward(weights, &for_logits[..len]);
                weights.step(learning_rate);
            }
            Means::Tensors { optimizer, loss } => {
                if let Some(loss) = loss.take() {
                    optimizer.step(&loss.backward()?, learning_rate)?;
                }
            }
        }
        Ok(())
    }

    /// How well the model does on a part of the data.
    ///
    /// # Errors
    /// If the part has no examples.
    pub fn evaluate(&mut self, data: &Data, part: Part) -> Result<Score> {
        let classes = self.model.classes();
        match &mut self.means {
            Means::Program { program, weights, .. } => {
                evaluate_with(data, part, program.batch(), |batch| {
                    let logits = program.forward(weights, &batch.values, Mode::Evaluate);
                    Ok(score(logits, &batch.labels, classes))
                })
            }
            Means::Tensors { .. } => evaluate(self.model, data, part, self.config.eval_batch_size),
        }
    }

    /// Brings the tensors of the model up to date.
    ///
    /// # Errors
    /// If the tensor library fails.
    pub fn save(&self) -> Result<()> {
        match &self.means {
            Means::Program { program, weights, .. } => {
                weights.save()?;
                program.save_statistics()
            }
            Means::Tensors { .. } => Ok(()),
        }
    }

    /// The number of steps so far, and the moments of the optimizer by name.
    ///
    /// # Errors
    /// If the tensor library fails.
    pub(super) fn state(&self) -> Result<(i32, Vec<(String, Tensor)>)> {
        match &self.means {
            Means::Program { weights, .. } => weights.state(),
            Means::Tensors { optimizer, .. } => Ok(optimizer.state()),
        }
    }

    /// Goes on from the present tensors of the model with the moments that `read` finds by their
    /// names, shaped as a parameter.
    pub(super) fn restore(
        &mut self,
        steps: i32,
        read: impl Fn(&str, &Tensor) -> Result<Option<Tensor>>,
    ) -> Result<()> {
        match &mut self.means {
            Means::Program { program, weights, .. } => {
                program.load_statistics()?;
                weights.restore(steps, read)
            }
            Means::Tensors { optimizer, .. } => optimizer.restore(steps, read),
        }
    }
}

impl Means {
    fn tensors(model: &Model, config: &TrainConfig) -> Self {
        Self::Tensors { optimizer: Optimizer::new(config, model.parameters()), loss: None }
    }
}
