//! What is kept of an epoch, so that a search goes on behind it.

use candle_core::{Device, Tensor};
use safetensors::tensor::SafeTensors;
use serde::{Deserialize, Serialize};

use super::OneShot;
use crate::nn::weights;
use crate::search::gradient::alpha::Adam;
use crate::search::gradient::curvature::Watch;
use crate::search::gradient::method::{Method, Scored};
use crate::{Error, Result};

/// What a snapshot is of, beside the weights.
#[derive(Serialize, Deserialize)]
struct Description {
    searcher: String,
    epochs: u32,
    alpha: Vec<f64>,
    adam: Adam,
    scored: Vec<Scored>,
    ended: Option<u32>,
    watch: Watch,
}

/// The names of the tensors of a snapshot.
const WEIGHTS: &str = "weights";
const MOMENTS: &str = "moments";
/// How those of the method begin.
const METHOD: &str = "method.";

impl<M: Method> OneShot<M> {
    /// The snapshot of now.
    pub(super) fn written(&self) -> Result<Vec<u8>> {
        let description = Description {
            searcher: self.name.to_owned(),
            epochs: self.epochs,
            alpha: self.alpha.values.clone(),
            adam: self.adam.clone(),
            scored: self.scored.clone(),
            ended: self.ended,
            watch: self.watch.clone(),
        };
        let tensor = |values: &[f32]| Tensor::from_slice(values, values.len(), &Device::Cpu);
        let mut tensors = vec![
            (WEIGHTS.to_owned(), tensor(self.shared.weights())?),
            (MOMENTS.to_owned(), tensor(self.shared.moments())?),
        ];
        let of_method = self.method.state()?.into_iter();
        tensors.extend(of_method.map(|(name, tensor)| (format!("{METHOD}{name}"), tensor)));
        let named = tensors.iter().map(|(name, tensor)| (name.clone(), tensor));
        weights::write(named, &description)
    }

    /// Goes back to a snapshot.
    pub(super) fn read(&mut self, snapshot: &[u8]) -> Result<()> {
        let damaged = |problem: String| Error::Resume { problem };
        let saved = SafeTensors::deserialize(snapshot).map_err(|e| damaged(e.to_string()))?;
        let Description { searcher, epochs, alpha, adam, scored, ended, watch } =
            weights::describe(snapshot)?;
        if searcher != self.name || alpha.len() != self.alpha.values.len() {
            return Err(damaged(format!("the snapshot is of another searcher, {searcher}")));
        }
        (self.alpha.values, self.adam, self.epochs, self.scored) = (alpha, adam, epochs, scored);
        (self.ended, self.watch) = (ended, watch);
        self.divide()?;
        let read = |name: &str, values: &[f32]| -> Result<Vec<f32>> {
            let like = Tensor::from_slice(values, values.len(), &Device::Cpu)?;
            Ok(weights::read(&saved, name, &like)?.to_vec1()?)
        };
        let (values, moments) =
            (read(WEIGHTS, self.shared.weights())?, read(MOMENTS, self.shared.moments())?);
        self.shared.weights_mut().copy_from_slice(&values);
        self.shared.moments_mut().copy_from_slice(&moments);
        self.method.restore(&|name, like| {
            let name = format!("{METHOD}{name}");
            let is_there = saved.tensor(&name).is_ok();
            is_there.then(|| weights::read(&saved, &name, like)).transpose()
        })
    }
}
