//! The operations on the edges of NAS-Bench-201 (X. Dong, Y. Yang 2020, arXiv:2001.00326).

use nascent_record::Op as Settings;

use super::window;
use crate::Result;
use crate::nn::layers::{
    Activation, Average, BatchNorm, Convolution, Pass, Sequence, Zeros, wrong,
};
use crate::nn::{Builder, Layer, Op, Shape, Window};

/// No connection.
pub(crate) struct Zero;

impl Op for Zero {
    fn name(&self) -> &'static str {
        "none"
    }
    fn summary(&self) -> &'static str {
        "No connection: contributes nothing."
    }
    fn build(
        &self,
        _: &Settings,
        input: Shape,
        _: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        Ok((Box::new(Zeros), input))
    }
}

/// The input as it is, under the name of NAS-Bench-201.
pub(crate) struct SkipConnect;

impl Op for SkipConnect {
    fn name(&self) -> &'static str {
        "skip_connect"
    }
    fn summary(&self) -> &'static str {
        "The input as it is, around other operations."
    }
    fn build(
        &self,
        _: &Settings,
        input: Shape,
        _: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        Ok((Box::new(Pass), input))
    }
}

/// The input as it is.
pub(crate) struct Identity;

impl Op for Identity {
    fn name(&self) -> &'static str {
        "identity"
    }
    fn summary(&self) -> &'static str {
        "The input as it is."
    }
    fn build(
        &self,
        _: &Settings,
        input: Shape,
        _: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        Ok((Box::new(Pass), input))
    }
}

/// ReLU, convolution, batch normalization: to `outputs` channels.
pub(super) fn relu_conv_bn(
    input: Shape,
    outputs: usize,
    window: Window,
    builder: &mut Builder<'_>,
) -> Result<(Box<dyn Layer>, Shape)> {
    let relu = Activation::Relu.build(input, builder);
    let (conv, output) = Convolution::build(input, outputs, window, &mut builder.part("conv"))?;
    let norm = BatchNorm::build(output, &mut builder.part("norm"))?;
    Ok((Box::new(Sequence(vec![relu, conv, norm])), output))
}

fn keeping(
    input: Shape,
    kernel: usize,
    builder: &mut Builder<'_>,
) -> Result<(Box<dyn Layer>, Shape)> {
    let Shape::Image { channels, .. } = input else {
        return Err(wrong(builder, "needs an image", input));
    };
    relu_conv_bn(input, channels, Window { kernel, stride: 1 }, builder)
}

/// ReLU, 1x1 convolution, batch normalization.
pub(crate) struct NorConv1x1;

impl Op for NorConv1x1 {
    fn name(&self) -> &'static str {
        "nor_conv_1x1"
    }
    fn summary(&self) -> &'static str {
        "ReLU, 1x1 convolution and batch normalization; keeps the shape."
    }
    fn build(
        &self,
        _: &Settings,
        input: Shape,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        keeping(input, 1, builder)
    }
}

/// ReLU, 3x3 convolution, batch normalization.
pub(crate) struct NorConv3x3;

impl Op for NorConv3x3 {
    fn name(&self) -> &'static str {
        "nor_conv_3x3"
    }
    fn summary(&self) -> &'static str {
        "ReLU, 3x3 convolution and batch normalization; keeps the shape."
    }
    fn build(
        &self,
        _: &Settings,
        input: Shape,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        keeping(input, 3, builder)
    }
}

/// 3x3 average pooling.
pub(crate) struct AvgPool3x3;

impl Op for AvgPool3x3 {
    fn name(&self) -> &'static str {
        "avg_pool_3x3"
    }
    fn summary(&self) -> &'static str {
        "3x3 average pooling; padding does not count."
    }
    fn attributes(&self) -> &'static [&'static str] {
        &["stride"]
    }
    fn build(
        &self,
        op: &Settings,
        input: Shape,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        Average::build(input, window(op)?, builder)
    }
}
