//! A training that ends early and goes on later, as if it had never ended.
//!
//! All randomness of a training derives from its seed and the number of the epoch or batch, so that
//! weights, moments, running statistics and the progress are all there is to keep.

use std::collections::BTreeMap;

use candle_core::Tensor;
use nascent_record::Graph;
use safetensors::tensor::SafeTensors;
use serde::{Deserialize, Serialize};

use super::config::TrainConfig;
use super::fit::EpochResult;
use super::trainer::Trainer;
use crate::nn::{Model, weights};
use crate::{Error, Result, Seed};

/// How far a training is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// What its randomness derives from.
    pub(super) seed: Seed,
    /// The epochs that were trained to their end.
    pub(super) epochs: u32,
    /// The last of them.
    pub(super) last: Option<EpochResult>,
    /// The best of them.
    pub(super) best: Option<EpochResult>,
    /// The epochs since the best.
    pub(super) since_best: u32,
}

impl Progress {
    /// That of a training that begins.
    pub(super) fn new(seed: Seed) -> Self {
        Self { seed, epochs: 0, last: None, best: None, since_best: 0 }
    }
}

/// What a checkpoint is of.
#[derive(Serialize, Deserialize)]
struct Description {
    checkpoint: Progress,
    graph: Graph,
    config: TrainConfig,
    steps: i32,
}

/// The weights and running statistics of a model at some moment, by name.
#[derive(Clone)]
pub(super) struct Weights(BTreeMap<String, Tensor>);

impl Weights {
    /// A copy of those that a model has.
    pub(super) fn of(model: &Model) -> Result<Self> {
        let tensors = model
            .tensors()
            .map(|(name, var)| Ok((name.to_owned(), var.as_detached_tensor().copy()?)));
        Ok(Self(tensors.collect::<Result<_>>()?))
    }

    /// Gives them to the model that they are of.
    pub(super) fn load(&self, model: &Model) -> Result<()> {
        for (name, var) in model.tensors() {
            if let Some(tensor) = self.0.get(name) {
                var.set(tensor)?;
            }
        }
        Ok(())
    }
}

/// A checkpoint as safetensors: the present weights as `last.…`, those of the best epoch as
/// `best.…` if they are others, the moments of the optimizer, and the rest in the metadata.
pub(super) fn write(
    progress: &Progress,
    model: &Model,
    best: Option<&Weights>,
    (steps, moments): (i32, Vec<(String, Tensor)>),
    config: &TrainConfig,
) -> Result<Vec<u8>> {
    let (graph, config) = (model.graph().clone(), *config);
    let description = Description { checkpoint: progress.clone(), graph, config, steps };
    let last = model.tensors().map(|(name, var)| (format!("last.{name}"), var.as_tensor()));
    let best = best.into_iter().flat_map(|weights| &weights.0);
    let best = best.map(|(name, tensor)| (format!("best.{name}"), tensor));
    let moments = moments.iter().map(|(name, moment)| (name.clone(), moment));
    weights::write(last.chain(best).chain(moments), &description)
}

/// Brings a model and what trains it to where a checkpoint was made. Returns how far the training is,
/// and the weights of its best epoch if they are not the present ones.
///
/// # Errors
/// [`Error::Checkpoint`] if the bytes are damaged, or of another network or other settings.
pub(super) fn read(
    bytes: &[u8],
    model: &Model,
    trainer: &mut Trainer<'_>,
    config: &TrainConfig,
) -> Result<(Progress, Option<Weights>)> {
    restore(bytes, model, trainer, config).map_err(|error| match error {
        Error::Weights { problem } => Error::Checkpoint { problem },
        other => other,
    })
}

fn restore(
    bytes: &[u8],
    model: &Model,
    trainer: &mut Trainer<'_>,
    config: &TrainConfig,
) -> Result<(Progress, Option<Weights>)> {
    let foreign = |problem: &str| Err(Error::Checkpoint { problem: problem.to_owned() });
    let saved =
        SafeTensors::deserialize(bytes).map_err(|e| Error::Weights { problem: e.to_string() })?;
    let Description { checkpoint: progress, graph, config: theirs, steps } =
        weights::describe(bytes)?;
    if graph != *model.graph() {
        return foreign("it is of another network");
    }
    if theirs != *config {
        return foreign("it is of a training with other settings");
    }
    for (name, var) in model.tensors() {
        var.set(&weights::read(&saved, &format!("last.{name}"), var.as_tensor())?)?;
    }
    let has = |name: &str| saved.tensor(name).is_ok();
    trainer.restore(steps, |name, like| {
        has(name).then(|| weights::read(&saved, name, like)).transpose()
    })?;
    let best = if progress.best == progress.last {
        None
    } else {
        let tensors = model.tensors().map(|(name, var)| {
            let tensor = weights::read(&saved, &format!("best.{name}"), var.as_tensor())?;
            Ok((name.to_owned(), tensor))
        });
        Some(Weights(tensors.collect::<Result<_>>()?))
    };
    Ok((progress, best))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::Device;

    use super::super::config::OptimizerKind;
    use super::super::{Data, Fit, Plan, fit};
    use super::*;
    use crate::evaluate::Silent;
    use crate::space::SearchSpace;

    const NETWORK: &str = "depth=2,width_1=32,width_2=16,activation=relu,\
                           normalization=batch_norm,dropout=on,dropout_rate=0.2";
    const OTHER: &str = "depth=1,width_1=16,activation=relu,normalization=none,dropout=off";

    struct Setting {
        space: Box<dyn SearchSpace>,
        data: Data,
        config: TrainConfig,
    }

    impl Setting {
        fn new(config: TrainConfig) -> Self {
            let space = crate::space::find("mlp").unwrap();
            let space = space.make(&serde_json::Value::Null, &()).unwrap();
            let digits = nascent_datasets::load("digits", None).unwrap().limited(300, 0);
            let data = Data::new(Arc::new(digits), &config, Seed::new(1)).unwrap();
            Self { space, data, config }
        }

        /// What came of a training that ends at `epochs` of 6, and the weights.
        fn train(
            &self,
            network: &str,
            seed: u64,
            epochs: u32,
            checkpoint: Option<&[u8]>,
        ) -> Result<(Fit, Vec<u8>)> {
            let graph = self.space.graph(&self.space.parse(network).unwrap())?;
            let seed = Seed::new(seed);
            let model = Model::new(&graph, &[1, 8, 8], 10, seed, &Device::Cpu)?;
            let plan = Plan { epochs, horizon: 6, seed, checkpoint, keep_checkpoint: true };
            let fit = fit(&model, &self.data, &self.config, &plan, &mut Silent)?;
            Ok((fit, model.to_safetensors()?))
        }
    }

    #[test]
    fn a_training_that_goes_on_is_bit_for_bit_one_that_never_ended() {
        let sgd = TrainConfig { augment_crop: 1, label_smoothing: 0.1, ..TrainConfig::default() };
        let adamw = TrainConfig { optimizer: OptimizerKind::Adamw, learning_rate: 0.01, ..sgd };
        // So slow that the best epoch is an early one, and patience ends the training.
        let slow = TrainConfig { learning_rate: 1e-9, early_stop_patience: 2, ..sgd };
        for config in [sgd, adamw, slow] {
            let setting = Setting::new(config);
            let (whole, weights) = setting.train(NETWORK, 3, 6, None).unwrap();
            for cuts in [&[1, 6][..], &[5, 6], &[2, 3, 6]] {
                let (mut epochs, mut checkpoint) = (0, None);
                for (at, &end) in cuts.iter().enumerate() {
                    // The seed of those that go on is another one.
                    let seed = 3 + at as u64;
                    let part = setting.train(NETWORK, seed, end, checkpoint.as_deref()).unwrap();
                    epochs += part.0.epochs;
                    checkpoint.clone_from(&part.0.checkpoint);
                    if end == 6 {
                        assert!(part.1 == weights, "{cuts:?} {config:?}");
                        assert_eq!((part.0.best, part.0.last), (whole.best, whole.last));
                        assert!(part.0.checkpoint == whole.checkpoint, "{cuts:?}");
                    }
                }
                assert_eq!(epochs, whole.epochs, "{cuts:?}");
            }
            assert_eq!(
                config.early_stop_patience > 0,
                whole.best != whole.last && whole.epochs < 6
            );
        }
    }

    #[test]
    fn a_damaged_or_foreign_checkpoint_is_refused() {
        let setting = Setting::new(TrainConfig::default());
        let bytes = setting.train(NETWORK, 3, 2, None).unwrap().0.checkpoint.unwrap();
        let message = |setting: &Setting, network: &str, epochs, bytes: &[u8]| {
            let error = setting.train(network, 3, epochs, Some(bytes)).err().unwrap();
            assert!(matches!(error, Error::Checkpoint { .. }), "{error}");
            error.to_string()
        };
        for damaged in [&bytes[..0], &bytes[..100], &bytes[..bytes.len() - 4]] {
            message(&setting, NETWORK, 3, damaged);
        }
        let weights = setting.train(NETWORK, 3, 1, None).unwrap().1;
        message(&setting, NETWORK, 3, &weights);
        assert!(message(&setting, OTHER, 3, &bytes).ends_with("it is of another network"));
        let text = message(&setting, NETWORK, 1, &bytes);
        assert!(text.ends_with("it is of 2 epochs, and the training is of 1"), "{text}");
        let faster = TrainConfig { learning_rate: 0.2, ..setting.config };
        let text = message(&Setting::new(faster), NETWORK, 3, &bytes);
        assert!(text.ends_with("it is of a training with other settings"), "{text}");
    }
}
