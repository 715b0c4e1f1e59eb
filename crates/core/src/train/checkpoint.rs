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
use super::optim::Optimizer;
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
    optimizer: &Optimizer,
    config: &TrainConfig,
) -> Result<Vec<u8>> {
    let (steps, moments) = optimizer.state();
    let (graph, config) = (model.graph().clone(), *config);
    let description = Description { checkpoint: progress.clone(), graph, config, steps };
    let last = model.tensors().map(|(name, var)| (format!("last.{name}"), var.as_tensor()));
    let best = best.into_iter().flat_map(|weights| &weights.0);
    let best = best.map(|(name, tensor)| (format!("best.{name}"), tensor));
    weights::write(last.chain(best).chain(moments), &description)
}

/// Brings a model and an optimizer to where a checkpoint was made. Returns how far the training is,
/// and the weights of its best epoch if they are not the present ones.
///
/// # Errors
/// [`Error::Checkpoint`] if the bytes are damaged, or of another network or other settings.
pub(super) fn read(
    bytes: &[u8],
    model: &Model,
    optimizer: &mut Optimizer,
    config: &TrainConfig,
) -> Result<(Progress, Option<Weights>)> {
    restore(bytes, model, optimizer, config).map_err(|error| match error {
        Error::Weights { problem } => Error::Checkpoint { problem },
        other => other,
    })
}

fn restore(
    bytes: &[u8],
    model: &Model,
    optimizer: &mut Optimizer,
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
    optimizer.restore(steps, |name, like| {
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
