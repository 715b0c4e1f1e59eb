//! Operations, and the networks that are built of them.
//!
//! A [`Graph`](nascent_record::Graph) says what a network is; [`Model`] is that network with weights.
//! What an operation named in a graph means stands in one table, [`OPS`].
//!
//! Images are `[batch, channels, height, width]`, and features `[batch, features]`.

mod builder;
mod layers;
mod model;
mod network;
mod ops;
mod reduce;
#[cfg(test)]
mod tests;
pub(crate) mod weights;
mod window;

use std::fmt;
use std::time::{Duration, Instant};

use candle_core::{Tensor, Var};
use nascent_record::suggestion;

pub(crate) use layers::{Activation, NORM_EPSILON, NORM_MOMENTUM};
pub use window::Window;

pub(crate) use network::{FIRST_OF_TWO, shared_name};

pub use builder::{Builder, Cost, Parameter, Start};
#[cfg(any(test, feature = "conformance"))]
pub use model::check_forward;
pub use model::{Model, cost, measures};

use crate::train::program::{Trace, Value};
use crate::{Error, Result, Rng, Seed};

/// The shape of one example between two operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// An image, or the feature maps of one.
    Image {
        /// The number of channels.
        channels: usize,
        /// The number of rows.
        height: usize,
        /// The number of columns.
        width: usize,
    },
    /// A vector.
    Features(usize),
}

impl Shape {
    /// `[channels, height, width]` or `[features]`.
    ///
    /// # Errors
    /// If it is neither, or empty.
    pub fn new(dims: &[usize]) -> Result<Self> {
        match *dims {
            _ if dims.contains(&0) => Err(infeasible(format!("the shape {dims:?} is empty"))),
            [channels, height, width] => Ok(Self::Image { channels, height, width }),
            [features] => Ok(Self::Features(features)),
            _ => Err(infeasible(format!(
                "the shape {dims:?} is neither [channels, height, width] nor [features]"
            ))),
        }
    }

    /// The number of values.
    pub fn len(self) -> usize {
        match self {
            Self::Image { channels, height, width } => channels * height * width,
            Self::Features(features) => features,
        }
    }

    /// Whether there are no values, which no valid shape has.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The sizes of a tensor with a batch of this shape.
    /// `[channels, height, width]` or `[features]`.
    fn dims(self) -> Vec<usize> {
        match self {
            Self::Image { channels, height, width } => vec![channels, height, width],
            Self::Features(features) => vec![features],
        }
    }

    fn batch(self, batch: usize) -> Vec<usize> {
        [vec![batch], self.dims()].concat()
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image { channels, height, width } => write!(f, "[{channels}, {height}, {width}]"),
            Self::Features(features) => write!(f, "[{features}]"),
        }
    }
}

/// What a forward pass is for.
pub struct ForwardContext {
    rng: Option<Rng>,
    coefficients: Option<Tensor>,
    progress: f64,
    /// Logits beside the output, for the loss alone.
    auxiliary: Option<Tensor>,
    /// How long took what each coefficient multiplies, if that is measured.
    times: Option<Vec<Duration>>,
}

impl ForwardContext {
    /// Training: batch statistics, dropout from this seed, gradients.
    pub fn train(seed: Seed) -> Self {
        Self { rng: Some(seed.rng()), ..Self::eval() }
    }

    /// Evaluation: running statistics, no dropout, no gradients.
    pub fn eval() -> Self {
        Self { rng: None, coefficients: None, progress: 1.0, auxiliary: None, times: None }
    }

    /// The same with the coefficients `[n]` of a supernet.
    #[must_use]
    pub fn with_coefficients(self, coefficients: Tensor) -> Self {
        Self { coefficients: Some(coefficients), ..self }
    }

    /// The same when this part of the training is done, from 0 to 1: what is left out at random grows
    /// with it. 1 where nothing is said.
    #[must_use]
    pub fn at(self, progress: f64) -> Self {
        Self { progress, ..self }
    }

    /// The same, measuring how long takes what each of so many coefficients multiplies.
    #[must_use]
    pub(crate) fn timed(self, coefficients: usize) -> Self {
        Self { times: Some(vec![Duration::ZERO; coefficients]), ..self }
    }

    /// How long took what each coefficient multiplies, in all places where it does; nothing if that was
    /// not measured.
    pub(crate) fn times(&self) -> &[Duration] {
        self.times.as_deref().unwrap_or_default()
    }

    /// The result of some work, whose time counts for a coefficient if that is measured.
    #[expect(
        clippy::disallowed_methods,
        reason = "measured on request, and no part of the history"
    )]
    fn timing<T>(&mut self, coefficient: Option<usize>, work: impl FnOnce(&mut Self) -> T) -> T {
        let begun = self.times.is_some().then(Instant::now);
        let result = work(self);
        if let (Some(begun), Some(times), Some(at)) = (begun, &mut self.times, coefficient)
            && let Some(time) = times.get_mut(at)
        {
            *time += begun.elapsed();
        }
        result
    }

    /// The part of the training that is done.
    pub fn progress(&self) -> f64 {
        self.progress
    }

    /// The logits of the auxiliary head, if the network has one and the pass was in training.
    pub fn take_auxiliary(&mut self) -> Option<Tensor> {
        self.auxiliary.take()
    }

    /// The coefficient of an edge.
    fn coefficient(&self, at: usize) -> Result<Tensor> {
        let all = self.coefficients.as_ref();
        let all = all.ok_or_else(|| infeasible("a supernet computes with coefficients"))?;
        Ok(all.get(at)?)
    }

    /// Whether it is for training.
    pub fn is_train(&self) -> bool {
        self.rng.is_some()
    }

    /// The generator of dropout masks; none in evaluation.
    pub fn rng(&mut self) -> Option<&mut Rng> {
        self.rng.as_mut()
    }

    /// A parameter as this pass sees it: in evaluation nothing is recorded for a gradient.
    pub fn parameter(&self, var: &Var) -> Tensor {
        if self.is_train() { var.as_tensor().clone() } else { var.as_detached_tensor() }
    }
}

/// A built operation: a function of a batch, with parameters.
pub trait Layer: Send + Sync {
    /// Computes the output of a batch.
    ///
    /// # Errors
    /// If the tensor library fails.
    fn forward(&self, x: &Tensor, cx: &mut ForwardContext) -> Result<Tensor>;

    /// Takes down what it computes as operations of the fast path; `None` if it is none of them.
    fn trace(&self, x: Value, trace: &mut Trace) -> Option<Value> {
        let _ = (x, trace);
        None
    }
}

/// An operation that a graph may name.
pub trait Op: Sync {
    /// Its name in a graph.
    fn name(&self) -> &'static str;

    /// What it does, in one sentence.
    fn summary(&self) -> &'static str;

    /// The names of its attributes.
    fn attributes(&self) -> &'static [&'static str] {
        &[]
    }

    /// The names of attributes that supernets give it, beside [`Op::attributes`]: a space that a person
    /// declares has none of them.
    fn supernet_attributes(&self) -> &'static [&'static str] {
        &[]
    }

    /// Builds it for inputs of this shape; returns it with the shape of its output. Parameters and
    /// cost are registered with the builder, which may only be counting.
    ///
    /// # Errors
    /// [`Error::Infeasible`] if it does not fit the input or lacks an attribute.
    fn build(
        &self,
        op: &nascent_record::Op,
        input: Shape,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)>;
}

/// The operation that makes logits beside those of the network, for the loss of a training alone. It
/// stands on a node of the network, not of a cell, from which no edge leaves.
pub(crate) const AUXILIARY_HEAD: &str = "auxiliary_head";

/// All operations.
pub static OPS: &[&dyn Op] = &[
    &ops::Zero,
    &ops::SkipConnect,
    &ops::Identity,
    &ops::NorConv1x1,
    &ops::NorConv3x3,
    &ops::AvgPool3x3,
    &ops::MaxPool3x3,
    &ops::SeparableBlock::SEP_CONV_3X3,
    &ops::SeparableBlock::SEP_CONV_5X5,
    &ops::SeparableBlock::DIL_CONV_3X3,
    &ops::SeparableBlock::DIL_CONV_5X5,
    &ops::ReluConvBn,
    &ops::FactorizedReduce,
    &ops::Conv,
    &ops::SeparableConv,
    &ops::MbConv,
    &ops::AvgPool,
    &ops::MaxPool,
    &ops::GlobalAveragePool,
    &ops::ChannelParts,
    &ops::ChannelShuffle,
    &ops::ChannelMaskOp,
    &ops::DropPathOp,
    &ops::Projection,
    &ops::Stem,
    &ops::ResidualReduction,
    &ops::Head,
    &ops::AuxiliaryHead,
    &ops::Flatten,
    &ops::Linear,
    &ops::Classifier,
    &ops::BatchNormOp,
    &ops::LayerNormOp,
    &ops::ActivationOp,
    &ops::DropoutOp,
];

/// The operation with this name.
///
/// # Errors
/// If there is none.
pub fn find(name: &str) -> Result<&'static dyn Op> {
    OPS.iter().copied().find(|op| op.name() == name).ok_or_else(|| Error::Unknown {
        kind: "operation",
        name: name.to_owned(),
        suggestion: suggestion(name, OPS.iter().map(|op| op.name())),
    })
}

pub(crate) fn infeasible(problem: impl Into<String>) -> Error {
    Error::Infeasible { problem: problem.into() }
}
