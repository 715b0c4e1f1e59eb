//! Convolution blocks of networks that are built block by block.

use nascent_record::Op as Settings;

use super::channels::{MASK, mask};
use super::{ONE, activation, number, window};
use crate::Result;
use crate::nn::layers::{BatchNorm, Convolution, Parallel, Pass, Sequence, wrong};
use crate::nn::{Builder, Layer, Op, Shape, Window};

/// The attribute `channels`; those of the input, if nothing is said.
fn channels(op: &Settings, input: Shape) -> Result<usize> {
    let default = match input {
        Shape::Image { channels, .. } => channels,
        // The convolution will say that this is no image.
        Shape::Features(_) => 1,
    };
    number(op, "channels", Some(default))
}

/// Convolution, batch normalization, activation.
pub(crate) struct Conv;

impl Op for Conv {
    fn name(&self) -> &'static str {
        "conv"
    }
    fn summary(&self) -> &'static str {
        "Convolution, batch normalization and activation."
    }
    fn attributes(&self) -> &'static [&'static str] {
        &["channels", "kernel", "stride", "activation"]
    }
    fn build(
        &self,
        op: &Settings,
        input: Shape,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        let channels = channels(op, input)?;
        let mut part = builder.part("conv");
        let (conv, shape) = Convolution::build(input, channels, window(op)?, &mut part)?;
        let norm = BatchNorm::build(shape, &mut builder.part("norm"))?;
        let activation = activation(op)?.build(shape, builder);
        Ok((Box::new(Sequence(vec![conv, norm, activation])), shape))
    }
}

/// Depthwise, then 1x1 convolution.
pub(crate) struct SeparableConv;

impl Op for SeparableConv {
    fn name(&self) -> &'static str {
        "separable_conv"
    }
    fn summary(&self) -> &'static str {
        "Depthwise and 1x1 convolution, each with batch normalization and activation, as in MobileNet."
    }
    fn attributes(&self) -> &'static [&'static str] {
        &["channels", "kernel", "stride", "activation"]
    }
    fn build(
        &self,
        op: &Settings,
        input: Shape,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        let channels = channels(op, input)?;
        let kind = activation(op)?;
        let mut part = builder.part("depthwise");
        let (depthwise, inner) = Convolution::depthwise(input, window(op)?, 1, &mut part)?;
        let norm_1 = BatchNorm::build(inner, &mut builder.part("norm_1"))?;
        let activation_1 = kind.build(inner, builder);
        let mut part = builder.part("pointwise");
        let (pointwise, shape) = Convolution::build(inner, channels, ONE, &mut part)?;
        let norm_2 = BatchNorm::build(shape, &mut builder.part("norm_2"))?;
        let activation_2 = kind.build(shape, builder);
        let layers = vec![depthwise, norm_1, activation_1, pointwise, norm_2, activation_2];
        Ok((Box::new(Sequence(layers)), shape))
    }
}

/// Inverted residual block.
pub(crate) struct MbConv;

impl Op for MbConv {
    fn name(&self) -> &'static str {
        "mbconv"
    }
    fn summary(&self) -> &'static str {
        "Inverted residual block of MobileNetV2: widen, depthwise convolution, narrow; with a skip \
         where the shape is kept. In a supernet its input has `widths`, mixed by the coefficients from \
         `coefficient` on."
    }
    fn attributes(&self) -> &'static [&'static str] {
        &["channels", "kernel", "stride", "activation", "expansion"]
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
        let outputs = self::channels(op, input)?;
        let expansion = number(op, "expansion", Some(4))?;
        let kind = activation(op)?;
        let mut layers = Vec::new();
        let mut shape = input;
        if expansion > 1 {
            let mut part = builder.part("expand");
            let (expand, inner) = Convolution::build(input, channels * expansion, ONE, &mut part)?;
            let norm = BatchNorm::build(inner, &mut builder.part("norm_1"))?;
            layers.extend([expand, norm, kind.build(inner, builder)]);
            shape = inner;
        }
        let (window, mut part) = (window(op)?, builder.part("depthwise"));
        let (depthwise, inner) = Convolution::depthwise(shape, window, 1, &mut part)?;
        let norm = BatchNorm::build(inner, &mut builder.part("norm_2"))?;
        layers.extend([depthwise, norm, kind.build(inner, builder)]);
        // So far each channel is by itself: one that a narrower block lacks is harmless until here.
        mask(op, inner, expansion, &mut layers, builder)?;
        let (project, shape) =
            Convolution::build(inner, outputs, ONE, &mut builder.part("project"))?;
        layers.extend([project, BatchNorm::build(shape, &mut builder.part("norm_3"))?]);
        let block: Box<dyn Layer> = Box::new(Sequence(layers));
        // A stride keeps the shape of a single pixel, and is still no block that keeps its shape.
        if shape == input && window.stride == 1 {
            builder.count_activations(shape.len());
            return Ok((Box::new(Parallel(Box::new(Pass), block)), shape));
        }
        Ok((block, shape))
    }
}

/// Fits one shape to another.
pub(crate) struct Projection;

impl Op for Projection {
    fn name(&self) -> &'static str {
        "projection"
    }
    fn summary(&self) -> &'static str {
        "1x1 convolution and batch normalization, to fit one shape to another."
    }
    fn attributes(&self) -> &'static [&'static str] {
        &["channels", "stride"]
    }
    fn build(
        &self,
        op: &Settings,
        input: Shape,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        let window = Window { kernel: 1, stride: number(op, "stride", Some(1))? };
        let channels = number(op, "channels", None)?;
        let mut part = builder.part("conv");
        let (conv, shape) = Convolution::build(input, channels, window, &mut part)?;
        let norm = BatchNorm::build(shape, &mut builder.part("norm"))?;
        Ok((Box::new(Sequence(vec![conv, norm])), shape))
    }
}
