//! The supernet that is trained: all of it, or operations on a part of the channels.

use candle_core::Device;

use super::OneShot;
use crate::nn::Model;
use crate::search::gradient::method::Method;
use crate::search::gradient::relaxation::divided;
use crate::search::gradient::settings::Settings;
use crate::space::Supernet;
use crate::train::{Data, SharedWeights};
use crate::{Result, Seed};

/// A supernet with its channels in so many parts, and its first weights.
///
/// # Errors
/// If it cannot be divided so, or does not fit the data.
pub(super) fn divided_weights(
    name: &str,
    whole: &Supernet,
    parts: usize,
    settings: &Settings,
    data: &Data,
    seed: Seed,
) -> Result<(Supernet, SharedWeights)> {
    let supernet = divided(name, whole.clone(), parts)?;
    let (seed, config) = (seed.derive("supernet", 0), settings.train_config());
    let (shape, classes) = (data.dataset().shape(), data.dataset().classes().len());
    let mut shared = SharedWeights::new(&supernet, shape, classes, &config, seed)?;
    shared.set_input_statistics(data.mean(), data.deviation())?;
    Ok((supernet, shared))
}

/// The network of a supernet in which operations see all channels, for the inputs of another one.
pub(super) fn whole_model(whole: &Supernet, like: &Model) -> Result<Model> {
    let (shape, classes) = (like.input_shape(), like.classes());
    Model::new(&whole.graph, shape, classes, Seed::new(0), &Device::Cpu)
}

impl<M: Method> OneShot<M> {
    /// Divides the channels as is right behind the present epoch. If that is another way than now, the
    /// weights and moments go on, see [`SharedWeights::widen`].
    pub(super) fn divide(&mut self) -> Result<()> {
        let Self { name, whole, settings, data, seed, .. } = self;
        let parts = self.method.parts(self.epochs, settings.supernet_epochs);
        if parts == self.parts {
            return Ok(());
        }
        let (supernet, mut shared) = divided_weights(name, whole, parts, settings, data, *seed)?;
        shared.widen(&self.shared, seed.derive("widen", u64::from(self.epochs)))?;
        (self.supernet, self.shared, self.parts) = (supernet, shared, parts);
        Ok(())
    }
}
