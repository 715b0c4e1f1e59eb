//! The training loop.

use candle_core::DType;
use nascent_record::Metrics;
use serde::{Deserialize, Serialize};

use super::augment::Augment;
use super::checkpoint::{self, Progress, Weights};
use super::config::TrainConfig;
use super::data::{Batch, Data, Part};
use super::loader::{self, Order};
use super::loss::score;
use super::schedule::Schedule;
use super::trainer::Trainer;
use crate::evaluate::{Flow, Phase, Reporter};
use crate::nn::{Model, Shape};
use crate::{Error, Result, Seed};

/// How well a model does on a part of the data.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The part of right answers, from 0 to 1.
    pub accuracy: f64,
    /// The mean cross-entropy.
    pub loss: f64,
}

/// What an epoch came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochResult {
    /// Its number, from 1.
    pub epoch: u32,
    /// The mean loss of its batches, while they were trained on.
    pub train_loss: f64,
    /// The score on the validation part, after it.
    pub valid: Score,
}

impl EpochResult {
    /// Whether it is better than another: more right answers, or as many with a lower loss.
    fn beats(&self, other: &Self) -> bool {
        let order = self.valid.accuracy.total_cmp(&other.valid.accuracy);
        order.then(other.valid.loss.total_cmp(&self.valid.loss)).is_gt()
    }

    /// As metrics: `train_loss`, `valid_accuracy`, `valid_loss`.
    ///
    /// # Errors
    /// If one is not finite.
    pub fn metrics(&self) -> Result<Metrics> {
        Ok(Metrics::new([
            ("train_loss", self.train_loss),
            ("valid_accuracy", self.valid.accuracy),
            ("valid_loss", self.valid.loss),
        ])?)
    }
}

/// How long a training is, and where it begins.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// The last epoch, counted from the start of the training, whoever made that.
    pub epochs: u32,
    /// The epochs that the learning rate is planned for, where that is more: a training of 1 epoch
    /// that may go on to 3 begins as one of 3.
    pub horizon: u32,
    /// What all randomness derives from; that of the checkpoint, if there is one.
    pub seed: Seed,
    /// What an earlier training left, which this one goes on with.
    pub checkpoint: Option<&'a [u8]>,
    /// Whether it leaves a checkpoint.
    pub keep_checkpoint: bool,
}

impl Plan<'_> {
    /// A whole training of so many epochs.
    pub fn new(epochs: u32, seed: Seed) -> Self {
        Self { epochs, horizon: epochs, seed, checkpoint: None, keep_checkpoint: false }
    }
}

/// What a training came to.
#[derive(Clone, Debug, Default)]
pub struct Fit {
    /// The epochs that were trained to their end, those of a checkpoint not among them.
    pub epochs: u32,
    /// Whether the reporter stopped it.
    pub stopped: bool,
    /// The last epoch.
    pub last: Option<EpochResult>,
    /// The best epoch by validation accuracy, then by validation loss, then the earlier.
    pub best: Option<EpochResult>,
    /// What a later training can go on with, if it was asked for and the training was not stopped.
    pub checkpoint: Option<Vec<u8>>,
}

/// Trains a model; in the end it has the weights of the best epoch.
///
/// All randomness derives from the seed. The learning curve is reported after every epoch, and
/// between two batches the reporter is asked whether to go on; when it says stop, the training ends
/// at once. A training that goes on with a checkpoint gives the same weights and results, bit for
/// bit, as one that was never interrupted, if both have one horizon.
///
/// # Errors
/// [`Error::Diverged`] if a loss is no number any more, or a million; [`Error::Checkpoint`] if the
/// checkpoint is not of this model and these settings, or is of more epochs.
pub fn fit(
    model: &Model,
    data: &Data,
    config: &TrainConfig,
    plan: &Plan<'_>,
    reporter: &mut dyn Reporter,
) -> Result<Fit> {
    model.set_input_statistics(data.mean(), data.deviation())?;
    fit_by(Trainer::new(model, config)?, data, plan, reporter)
}

/// The same by this trainer, which has done nothing yet; its model knows the statistics of its inputs.
fn fit_by(
    mut trainer: Trainer<'_>,
    data: &Data,
    plan: &Plan<'_>,
    reporter: &mut dyn Reporter,
) -> Result<Fit> {
    let (model, config) = (trainer.model(), &trainer.config());
    let shape = Shape::new(model.input_shape())?;
    let augment = Augment::new(config, shape, data.mean());
    let batches = batches(data.examples(Part::Train).len(), config.batch_size);
    let schedule = Schedule::new(config, batches, plan.horizon.max(plan.epochs));
    let (mut progress, mut best_weights) = match plan.checkpoint {
        Some(bytes) => checkpoint::read(bytes, model, &mut trainer, config)?,
        None => (Progress::new(plan.seed), None),
    };
    let (seed, before) = (progress.seed, progress.epochs);
    if before > plan.epochs {
        let problem = format!("it is of {before} epochs, and the training is of {}", plan.epochs);
        return Err(Error::Checkpoint { problem });
    }
    if before > 0 && best_weights.is_none() {
        best_weights = Some(Weights::of(model)?);
    }
    let mut stopped = false;
    for epoch in before + 1..=plan.epochs {
        if config.early_stop_patience > 0 && progress.since_best >= config.early_stop_patience {
            break;
        }
        let examples = data.shuffled(seed, epoch);
        let order = Order {
            part: Part::Train,
            examples: &examples[..examples.len().min(batches * config.batch_size)],
            size: config.batch_size,
            augment: augment.as_ref().map(|augment| (augment, seed, epoch)),
        };
        reporter.begin(Phase::Train);
        let Some(train_loss) =
            train_epoch(&mut trainer, data, order, &schedule, (seed, epoch), reporter)?
        else {
            stopped = true;
            break;
        };
        reporter.begin(Phase::Evaluate);
        let valid = trainer.evaluate(data, Part::Valid)?;
        trainer.save()?;
        finite(epoch, "valid_loss", valid.loss)?;
        let result = EpochResult { epoch, train_loss, valid };
        progress.epochs = epoch;
        progress.last = Some(result);
        if progress.best.is_none_or(|best| result.beats(&best)) {
            progress.best = Some(result);
            best_weights = if epoch < plan.epochs { Some(Weights::of(model)?) } else { None };
            progress.since_best = 0;
        } else {
            progress.since_best += 1;
        }
        if reporter.report(epoch, &result.metrics()?) == Flow::Stop {
            stopped = true;
            break;
        }
    }
    let keeps = plan.keep_checkpoint && !stopped;
    let checkpoint = keeps.then(|| {
        let best = best_weights.as_ref().filter(|_| progress.best != progress.last);
        checkpoint::write(&progress, model, best, trainer.state()?, config)
    });
    let checkpoint = checkpoint.transpose()?;
    if let Some(weights) = best_weights {
        weights.load(model)?;
    }
    let Progress { epochs, last, best, .. } = progress;
    Ok(Fit { epochs: epochs - before, stopped, last, best, checkpoint })
}

/// Trains on these batches: the mean loss, or nothing if the reporter says stop.
fn train_epoch(
    trainer: &mut Trainer<'_>,
    data: &Data,
    order: Order<'_>,
    schedule: &Schedule,
    (seed, epoch): (Seed, u32),
    reporter: &mut dyn Reporter,
) -> Result<Option<f64>> {
    let before = (epoch - 1) as usize * order.examples.len().div_ceil(order.size);
    trainer.set_progress(schedule.progress(epoch));
    loader::batches(data, order, |batches| {
        let mut sum = 0.0;
        for number in before.. {
            let Some(batch) = batches.take() else { break };
            if reporter.poll() == Flow::Stop {
                return Ok(None);
            }
            let loss = trainer.loss(batch, seed.derive("dropout", number as u64))?;
            finite(epoch, "train_loss", loss)?;
            trainer.step(schedule.rate(number))?;
            sum += loss * batch.labels.len() as f64;
        }
        Ok(Some(sum / order.examples.len() as f64))
    })
}

/// The number of batches of an epoch. A last batch of one example is left out, unless it is the
/// only one: it has no variance to normalize with.
fn batches(examples: usize, batch_size: usize) -> usize {
    let whole = examples / batch_size;
    match examples % batch_size {
        0 => whole,
        1 if whole > 0 => whole,
        _ => whole + 1,
    }
}

/// A loss from which no training comes back: with normalized activations, weights may grow for a
/// long time before a number overflows.
const DIVERGED: f64 = 1e6;

fn finite(epoch: u32, what: &'static str, value: f64) -> Result<()> {
    if value.abs() < DIVERGED { Ok(()) } else { Err(Error::Diverged { epoch, what, value }) }
}

/// How well a model does on a part of the data.
///
/// # Errors
/// If the part has no examples.
pub fn evaluate(model: &Model, data: &Data, part: Part, batch_size: usize) -> Result<Score> {
    evaluate_with(data, part, batch_size, |batch| {
        let inputs = batch.inputs(model.input_shape(), model.device())?;
        let logits = model.predict(&inputs)?.to_dtype(DType::F32)?.flatten_all()?;
        Ok(score(&logits.to_vec1::<f32>()?, &batch.labels, model.classes()))
    })
}

/// The same where `predict` tells the sum of the losses of a batch, and how many answers are right.
pub(super) fn evaluate_with(
    data: &Data,
    part: Part,
    batch_size: usize,
    mut predict: impl FnMut(&Batch) -> Result<(f64, usize)>,
) -> Result<Score> {
    let examples = data.examples(part);
    if examples.is_empty() {
        return Err(Error::Missing {
            evaluator: "train",
            what: "test data: the dataset has none and test_fraction is 0".to_owned(),
        });
    }
    let order = Order { part, examples, size: batch_size, augment: None };
    loader::batches(data, order, |batches| {
        let (mut loss, mut right) = (0.0, 0);
        while let Some(batch) = batches.take() {
            let (sum, count) = predict(batch)?;
            loss += sum;
            right += count;
        }
        let count = examples.len() as f64;
        Ok(Score { accuracy: right as f64 / count, loss: loss / count })
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::Device;
    use nascent_datasets::Dataset;

    use super::*;
    use crate::evaluate::Silent;
    use crate::space::{SearchSpace as _, nas_bench_201};

    /// Whether programs and tensors learn as much: the validation accuracies of 5 seeds after
    /// `epochs` epochs differ on average by no more than one of them does from seed to seed.
    fn compare(dataset: &Arc<Dataset>, shape: &[usize], epochs: u32) {
        let space = nas_bench_201::Config { channels: 8, cells: 1 };
        let space = nas_bench_201::NasBench201::new(space).unwrap();
        let graph = "|nor_conv_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+\
                     |avg_pool_3x3~0|none~1|nor_conv_3x3~2|";
        let graph = space.graph(&space.parse(graph).unwrap()).unwrap();
        let config = TrainConfig::default();
        let accuracy = |seed: u64, program: bool| {
            let seed = Seed::new(seed);
            let data = Data::new(Arc::clone(dataset), &config, seed).unwrap();
            let model = Model::new(&graph, shape, 10, seed, &Device::Cpu).unwrap();
            model.set_input_statistics(data.mean(), data.deviation()).unwrap();
            let trainer = if program {
                Trainer::new(&model, &config).unwrap()
            } else {
                Trainer::by_tensors(&model, &config)
            };
            assert_eq!(trainer.is_program(), program);
            let fit = fit_by(trainer, &data, &Plan::new(epochs, seed), &mut Silent).unwrap();
            fit.best.unwrap().valid.accuracy
        };
        let of = |program| (1..=5).map(|seed| accuracy(seed, program)).collect::<Vec<_>>();
        let (ours, theirs) = (of(true), of(false));
        println!("by programs {ours:.4?}, by tensors {theirs:.4?}");
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let (our_mean, their_mean) = (mean(&ours), mean(&theirs));
        let squares = theirs.iter().map(|value| (value - their_mean).powi(2));
        let deviation = (squares.sum::<f64>() / (theirs.len() - 1) as f64).sqrt();
        assert!(our_mean > 0.3, "nothing is learned: {ours:?}");
        assert!(
            (our_mean - their_mean).abs() <= deviation,
            "{our_mean} and {their_mean}, the deviation over seeds is {deviation}"
        );
    }

    #[test]
    fn programs_learn_digits_as_tensors_do() {
        let digits = nascent_datasets::load("digits", None).unwrap().limited(600, 0);
        compare(&Arc::new(digits), &[1, 8, 8], 2);
    }

    /// `cargo test -p nascent --lib programs_learn -- --ignored --nocapture` prints the accuracies.
    #[test]
    #[ignore = "trains for minutes, and needs Fashion-MNIST"]
    fn programs_learn_fashion_as_tensors_do() {
        let fashion = nascent_datasets::load("fashion_mnist", None).unwrap().limited(3000, 0);
        compare(&Arc::new(fashion), &[1, 28, 28], 3);
    }
}
