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

use candle_core::{Tensor, Var};
use nascent_record::suggestion;

pub(crate) use layers::{Activation, NORM_EPSILON, NORM_MOMENTUM};
pub use window::Window;

pub use builder::{Builder, Cost, Parameter, Start};
#[cfg(any(test, feature = "conformance"))]
pub use model::check_forward;
pub use model::{Model, cost};

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
    fn batch(self, batch: usize) -> Vec<usize> {
        match self {
            Self::Image { channels, height, width } => vec![batch, channels, height, width],
            Self::Features(features) => vec![batch, features],
        }
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
}

impl ForwardContext {
    /// Training: batch statistics, dropout from this seed, gradients.
    pub fn train(seed: Seed) -> Self {
        Self { rng: Some(seed.rng()), coefficients: None }
    }

    /// Evaluation: running statistics, no dropout, no gradients.
    pub fn eval() -> Self {
        Self { rng: None, coefficients: None }
    }

    /// The same with the coefficients `[n]` of a supernet.
    #[must_use]
    pub fn with_coefficients(self, coefficients: Tensor) -> Self {
        Self { coefficients: Some(coefficients), ..self }
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
    &ops::Projection,
    &ops::Stem,
    &ops::ResidualReduction,
    &ops::Head,
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
