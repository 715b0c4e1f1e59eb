//! A model in training, step by step.

use candle_core::{DType, Tensor};

use super::config::TrainConfig;
use super::data::{Batch, Data, Part};
use super::fit::{Score, evaluate, evaluate_with};
use super::loss::{cross_entropy, cross_entropy_gradient, score};
use super::optim::{Optimizer, number};
use super::program::{Mode, Program};
use super::scale::LossScale;
use super::update::Weights;
use crate::nn::{ForwardContext, Model};
use crate::{Result, Seed};

/// A model in training: on the CPU by a program, where every operation of it has one, else by the
/// gradients of the tensor library.
pub struct Trainer<'a> {
    model: &'a Model,
    config: TrainConfig,
    /// How much the loss of the auxiliary head weighs, if the network has one.
    auxiliary_weight: f64,
    progress: f64,
    means: Means,
}

/// Its name among the moments of the optimizer.
const LOSS_SCALE: &str = "loss_scale";

enum Means {
    Program { program: Box<Program>, weights: Box<Weights>, for_logits: Vec<f32>, others: Vec<f32> },
    Tensors { optimizer: Optimizer, loss: Option<Tensor>, scale: Option<LossScale> },
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
                Means::Program { program, weights, for_logits, others: Vec::new() }
            }
            None => Means::tensors(model, config),
        };
        Ok(Self::by(model, config, means))
    }

    /// What trains this model by the tensor library alone.
    #[cfg(test)]
    pub(super) fn by_tensors(model: &'a Model, config: &TrainConfig) -> Self {
        Self::by(model, config, Means::tensors(model, config))
    }

    fn by(model: &'a Model, config: &TrainConfig, means: Means) -> Self {
        let auxiliary_weight = model.auxiliary_weight();
        Self { model, config: *config, auxiliary_weight, progress: 1.0, means }
    }

    /// Says which part of the training is done, from 0 to 1: paths are dropped more often later.
    pub fn set_progress(&mut self, progress: f64) {
        self.progress = progress;
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

    /// Computes the mean loss of a batch, with that of an auxiliary head by its weight, and what its
    /// gradient needs. Dropout derives from the seed.
    ///
    /// # Errors
    /// If the tensor library fails.
    pub fn loss(&mut self, batch: &Batch, seed: Seed) -> Result<f64> {
        let smoothing = self.config.label_smoothing;
        match &mut self.means {
            Means::Program { program, weights, for_logits, others } => {
                let mode = Mode::Train { seed, progress: self.progress };
                let logits = program.forward(weights, &batch.values, mode);
                let for_logits = &mut for_logits[..logits.len()];
                let mut loss = cross_entropy_gradient(logits, &batch.labels, smoothing, for_logits);
                if let Some(logits) = program.auxiliary() {
                    others.resize(logits.len(), 0.0);
                    let other = cross_entropy_gradient(logits, &batch.labels, smoothing, others);
                    loss += self.auxiliary_weight * other;
                    for gradient in &mut *others {
                        *gradient *= self.auxiliary_weight as f32;
                    }
                    program.set_auxiliary_gradient(others);
                }
                Ok(loss)
            }
            Means::Tensors { loss, .. } => {
                let inputs = batch.inputs(self.model.input_shape(), self.model.device())?;
                let mut cx = ForwardContext::train(seed).at(self.progress);
                let logits = self.model.forward(&inputs, &mut cx)?;
                let mut mean = cross_entropy(&logits, &batch.labels, smoothing)?;
                if let Some(logits) = cx.take_auxiliary() {
                    let logits = logits.to_dtype(self.model.dtype())?;
                    let other = cross_entropy(&logits, &batch.labels, smoothing)?;
                    mean = (mean + (other * self.auxiliary_weight)?)?;
                }
                let value = number(&mean)?;
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
            Means::Program { program, weights, for_logits, .. } => {
                let len = program.examples() * self.model.classes();
                program.backward(weights, &for_logits[..len]);
                weights.step(learning_rate);
            }
            Means::Tensors { optimizer, loss, scale } => match (loss.take(), scale) {
                (None, _) => {}
                (Some(loss), None) => optimizer.step(&loss.backward()?, learning_rate)?,
                (Some(loss), Some(scale)) => {
                    let gradients = (loss * scale.value())?.backward()?;
                    let was_good = optimizer.step_scaled(&gradients, learning_rate, *scale)?;
                    scale.follow(was_good);
                }
            },
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
            Means::Tensors { optimizer, scale, .. } => {
                let (steps, mut moments) = optimizer.state();
                if let Some(scale) = scale {
                    moments.push((LOSS_SCALE.to_owned(), scale.to_tensor()?));
                }
                Ok((steps, moments))
            }
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
            Means::Tensors { optimizer, scale, .. } => {
                if let Some(scale) = scale
                    && let Some(kept) = read(LOSS_SCALE, &scale.to_tensor()?)?
                {
                    *scale = LossScale::from_tensor(&kept)?;
                }
                optimizer.restore(steps, read)
            }
        }
    }
}

impl Means {
    fn tensors(model: &Model, config: &TrainConfig) -> Self {
        let optimizer = Optimizer::new(config, model.parameters());
        let scale = (model.compute_dtype() == DType::F16).then(LossScale::new);
        Self::Tensors { optimizer, loss: None, scale }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::Device;
    use nascent_ops::op::by_reference;
    use nascent_record::{Graph, Op};

    use super::*;
    use crate::train::Precision;

    fn data(config: &TrainConfig) -> Data {
        let digits = nascent_datasets::load("digits", None).unwrap().limited(300, 0);
        Data::new(Arc::new(digits), config, Seed::new(1)).unwrap()
    }

    fn model(data: &Data, precision: Precision) -> Model {
        let mut graph = Graph::new("chain");
        let stem = Op::new("stem").with("channels", 6_usize);
        let average = Op::new("avg_pool").with("kernel", 3_usize);
        for op in [stem, Op::new("nor_conv_3x3"), average, Op::new("max_pool"), Op::new("head")] {
            graph.then(&op.name, op.clone());
        }
        let model = Model::new(&graph, &[1, 8, 8], 10, Seed::new(3), &Device::Cpu).unwrap();
        model.set_input_statistics(data.mean(), data.deviation()).unwrap();
        model.computing_in(precision.dtype())
    }

    /// The losses of some steps, and that of the held-out examples after them.
    fn losses(precision: Precision) -> Vec<f64> {
        let config = TrainConfig { precision, batch_size: 60, ..TrainConfig::default() };
        let data = data(&config);
        let model = model(&data, precision);
        let mut trainer = Trainer::new(&model, &config).unwrap();
        assert_eq!(trainer.is_program(), precision == Precision::F32);
        let order = data.shuffled(Seed::new(2), 1);
        let mut batch = Batch::default();
        let mut losses = Vec::new();
        for examples in order.chunks(config.batch_size).cycle().take(40) {
            data.batch(Part::Train, examples, None, &mut batch);
            losses.push(trainer.loss(&batch, Seed::new(4)).unwrap());
            trainer.step(0.1).unwrap();
        }
        let (_, moments) = trainer.state().unwrap();
        let kept = moments.iter().map(|(_, moment)| moment.dtype());
        let tensors = model.tensors().map(|(_, var)| var.dtype());
        assert!(kept.chain(tensors).all(|dtype| dtype == DType::F32));
        losses.push(trainer.evaluate(&data, Part::Valid).unwrap().loss);
        losses
    }

    #[test]
    fn half_precision_learns_as_single_precision_but_for_rounding() {
        let exact = losses(Precision::F32);
        assert!(exact[39] < 0.7 * exact[0], "{exact:?}");
        for (precision, tolerance) in [(Precision::Bf16, 0.01), (Precision::F16, 0.005)] {
            let half = by_reference(|| losses(precision));
            let distance = |(a, b): (&f64, &f64)| (a - b).abs() / (1.0 + a);
            let largest = std::iter::zip(&exact, &half).map(distance).fold(0.0, f64::max);
            assert!(largest > 1e-6, "{precision:?} is not what it is computed in");
            assert!(largest < tolerance, "{precision:?}: {largest}, {half:?} instead of {exact:?}");
        }
    }

    #[test]
    fn a_checkpoint_keeps_the_scale_of_the_loss() {
        let config = TrainConfig::default();
        let data = data(&config);
        let model = model(&data, Precision::F16);
        let mut trainer = Trainer::new(&model, &config).unwrap();
        let saved = vec![32768.0_f32, 7.0];
        let found = Tensor::new(&*saved, &Device::Cpu).unwrap();
        trainer.restore(3, |name, _| Ok((name == LOSS_SCALE).then(|| found.clone()))).unwrap();
        let (steps, moments) = trainer.state().unwrap();
        let (name, kept) = &moments[0];
        assert_eq!((steps, &**name, kept.to_vec1::<f32>().unwrap()), (3, LOSS_SCALE, saved));
    }
}
