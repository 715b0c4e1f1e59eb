//! The operations of networks on features.

use nascent_record::Op as Settings;

use super::number;
use crate::Result;
use crate::nn::layers::{
    Activation, BatchNorm, Dense, DropPath, Dropout, LayerNorm, Pass, ToFeatures, wrong,
};
use crate::nn::{Builder, Layer, Op, Shape, infeasible};

/// An image as features.
pub(crate) struct Flatten;

impl Op for Flatten {
    fn name(&self) -> &'static str {
        "flatten"
    }
    fn summary(&self) -> &'static str {
        "An image as a vector of features; features as they are."
    }
    fn build(
        &self,
        _: &Settings,
        input: Shape,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        let output = Shape::Features(input.len());
        Ok(match input {
            Shape::Features(_) => (Box::new(Pass), output),
            Shape::Image { .. } => {
                builder.count_activations(input.len());
                (Box::new(ToFeatures), output)
            }
        })
    }
}

/// A linear layer.
pub(crate) struct Linear;

impl Op for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }
    fn summary(&self) -> &'static str {
        "Linear layer with bias."
    }
    fn attributes(&self) -> &'static [&'static str] {
        &["width"]
    }
    fn build(
        &self,
        op: &Settings,
        input: Shape,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        Dense::build(input, number(op, "width", None)?, builder)
    }
}

/// A linear layer to the classes.
pub(crate) struct Classifier;

impl Op for Classifier {
    fn name(&self) -> &'static str {
        "classifier"
    }
    fn summary(&self) -> &'static str {
        "Linear layer to the classes: the last layer."
    }
    fn build(
        &self,
        _: &Settings,
        input: Shape,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        Dense::build(input, builder.classes(), builder)
    }
}

/// Batch normalization.
pub(crate) struct BatchNormOp;

impl Op for BatchNormOp {
    fn name(&self) -> &'static str {
        "batch_norm"
    }
    fn summary(&self) -> &'static str {
        "Batch normalization of channels or features."
    }
    fn build(
        &self,
        _: &Settings,
        input: Shape,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        Ok((BatchNorm::build(input, builder)?, input))
    }
}

/// Layer normalization.
pub(crate) struct LayerNormOp;

impl Op for LayerNormOp {
    fn name(&self) -> &'static str {
        "layer_norm"
    }
    fn summary(&self) -> &'static str {
        "Normalization of the features of each example."
    }
    fn build(
        &self,
        _: &Settings,
        input: Shape,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        Ok((LayerNorm::build(input, builder)?, input))
    }
}

/// A nonlinearity.
pub(crate) struct ActivationOp;

impl Op for ActivationOp {
    fn name(&self) -> &'static str {
        "activation"
    }
    fn summary(&self) -> &'static str {
        "Nonlinearity: relu, gelu, silu or tanh."
    }
    fn attributes(&self) -> &'static [&'static str] {
        &["kind"]
    }
    fn build(
        &self,
        op: &Settings,
        input: Shape,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        let kind = Activation::parse(op.text("kind").unwrap_or("relu"))?;
        Ok((kind.build(input, builder), input))
    }
}

/// Zeros at random places.
pub(crate) struct DropoutOp;

impl Op for DropoutOp {
    fn name(&self) -> &'static str {
        "dropout"
    }
    fn summary(&self) -> &'static str {
        "Zeros at random places while training."
    }
    fn attributes(&self) -> &'static [&'static str] {
        &["rate"]
    }
    fn build(
        &self,
        op: &Settings,
        input: Shape,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        let rate = rate(op)?;
        builder.count_activations(2 * input.len());
        Ok((Box::new(Dropout(rate)), input))
    }
}

/// Whole images that are zeros at random.
pub(crate) struct DropPathOp;

impl Op for DropPathOp {
    fn name(&self) -> &'static str {
        "drop_path"
    }
    fn summary(&self) -> &'static str {
        "Whole images that are zeros at random while training, more often towards its end."
    }
    fn attributes(&self) -> &'static [&'static str] {
        &["rate"]
    }
    fn build(
        &self,
        op: &Settings,
        input: Shape,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        let Shape::Image { .. } = input else {
            return Err(wrong(builder, "needs an image", input));
        };
        let rate = rate(op)?;
        builder.count_activations(input.len());
        Ok((Box::new(DropPath(rate)), input))
    }
}

/// The attribute `rate`.
fn rate(op: &Settings) -> Result<f64> {
    let rate = op.float("rate").filter(|rate| (0.0..1.0).contains(rate));
    rate.ok_or_else(|| {
        infeasible(format!("\"{}\" needs the number \"rate\" from 0 to below 1", op.name))
    })
}
