//! What stands around the cells of NAS-Bench-201.

use nascent_record::Op as Settings;

use super::cell::relu_conv_bn;
use super::channels::{MASK, mask};
use super::{ONE, number};
use crate::Result;
use crate::nn::layers::{
    Activation, Average, BatchNorm, Convolution, Dense, GlobalAverage, Parallel, Sequence, wrong,
};
use crate::nn::{AUXILIARY_HEAD, Builder, Layer, Op, Shape, Window, infeasible};

/// The first layer of a convolutional network.
pub(crate) struct Stem;

impl Op for Stem {
    fn name(&self) -> &'static str {
        "stem"
    }
    fn summary(&self) -> &'static str {
        "3x3 convolution and batch normalization: the first layer. In a supernet it has `widths`, mixed \
         by the coefficients from `coefficient` on."
    }
    fn attributes(&self) -> &'static [&'static str] {
        &["channels"]
    }
    fn supernet_attributes(&self) -> &'static [&'static str] {
        &MASK
    }
    fn build(
        &self,
        op: &Settings,
        input: Shape,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        let channels = number(op, "channels", None)?;
        let window = Window { kernel: 3, stride: 1 };
        let mut part = builder.part("conv");
        let (conv, shape) = Convolution::build(input, channels, window, &mut part)?;
        let mut layers = vec![conv, BatchNorm::build(shape, &mut builder.part("norm"))?];
        mask(op, shape, 1, &mut layers, builder)?;
        Ok((Box::new(Sequence(layers)), shape))
    }
}

/// Residual block that halves height and width.
pub(crate) struct ResidualReduction;

impl Op for ResidualReduction {
    fn name(&self) -> &'static str {
        "residual_reduction"
    }
    fn summary(&self) -> &'static str {
        "Residual block with two 3x3 convolutions that halves height and width."
    }
    fn attributes(&self) -> &'static [&'static str] {
        &["channels"]
    }
    fn build(
        &self,
        op: &Settings,
        input: Shape,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        let channels = number(op, "channels", None)?;
        let reduce = Window { kernel: 3, stride: 2 };
        let keep = Window { kernel: 3, stride: 1 };
        let (first, inner) = relu_conv_bn(input, channels, reduce, &mut builder.part("conv_a"))?;
        let (second, shape) = relu_conv_bn(inner, channels, keep, &mut builder.part("conv_b"))?;
        let mut part = builder.part("shortcut");
        let (pool, pooled) = Average::build(input, Window { kernel: 2, stride: 2 }, &mut part)?;
        let one = Window { kernel: 1, stride: 1 };
        let (project, _) = Convolution::build(pooled, channels, one, &mut part)?;
        builder.count_activations(shape.len());
        let shortcut = Sequence(vec![pool, project]);
        let block = Sequence(vec![first, second]);
        Ok((Box::new(Parallel(Box::new(shortcut), Box::new(block))), shape))
    }
}

/// From feature maps to the classes.
pub(crate) struct Head;

impl Op for Head {
    fn name(&self) -> &'static str {
        "head"
    }
    fn summary(&self) -> &'static str {
        "Batch normalization, ReLU, global average and a linear layer to the classes: the last layer. \
         In a supernet its input has `widths`, mixed by the coefficients from `coefficient` on."
    }
    fn supernet_attributes(&self) -> &'static [&'static str] {
        &MASK
    }
    fn build(
        &self,
        op: &Settings,
        input: Shape,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        let Shape::Image { channels, .. } = input else {
            return Err(wrong(builder, "needs an image", input));
        };
        let norm = BatchNorm::build(input, &mut builder.part("norm"))?;
        let mut layers = vec![norm, Activation::Relu.build(input, builder)];
        // A normalization shifts what was 0.
        mask(op, input, 1, &mut layers, builder)?;
        let classes = builder.classes();
        let features = Shape::Features(channels);
        let (linear, output) = Dense::build(features, classes, &mut builder.part("linear"))?;
        layers.extend([Box::new(GlobalAverage), linear]);
        Ok((Box::new(Sequence(layers)), output))
    }
}

/// From feature maps in the middle of a network to the classes.
pub(crate) struct AuxiliaryHead;

impl Op for AuxiliaryHead {
    fn name(&self) -> &'static str {
        AUXILIARY_HEAD
    }
    fn summary(&self) -> &'static str {
        "Logits for the loss alone, where it weighs `weight`: pooling, two convolutions, a linear layer."
    }
    fn attributes(&self) -> &'static [&'static str] {
        &["weight"]
    }
    fn build(
        &self,
        op: &Settings,
        input: Shape,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        if !op.float("weight").is_some_and(|weight| weight.is_finite() && weight > 0.0) {
            return Err(infeasible("\"auxiliary_head\" needs the number \"weight\" above 0"));
        }
        let before = Activation::Relu.build(input, builder);
        let pooled = Window { kernel: 5, stride: 3 };
        let (pool, shape) = Average::build(input, pooled, builder)?;
        let (narrow, shape) =
            Convolution::build(shape, AUXILIARY[0], ONE, &mut builder.part("conv_a"))?;
        let norm = BatchNorm::build(shape, &mut builder.part("norm_a"))?;
        let keep = Window { kernel: 3, stride: 1 };
        let (block, shape) = relu_conv_bn(shape, AUXILIARY[1], keep, &mut builder.part("conv_b"))?;
        let relu = Activation::Relu.build(shape, builder);
        let (features, classes) = (Shape::Features(AUXILIARY[1]), builder.classes());
        let (linear, output) = Dense::build(features, classes, &mut builder.part("linear"))?;
        let average: Box<dyn Layer> = Box::new(GlobalAverage);
        let layers = vec![before, pool, narrow, norm, block, relu, average, linear];
        Ok((Box::new(Sequence(layers)), output))
    }
}

/// The channels behind the convolutions of an auxiliary head.
const AUXILIARY: [usize; 2] = [128, 768];
