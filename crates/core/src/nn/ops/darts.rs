//! The operations of the DARTS space (H. Liu, K. Simonyan, Y. Yang 2019, arXiv:1806.09055).

use nascent_record::Op as Settings;

use super::cell::relu_conv_bn;
use super::{number, window};
use crate::Result;
use crate::nn::dilated::DilatedDepthwise;
use crate::nn::layers::{Activation, BatchNorm, Convolution, Largest, Sequence, wrong};
use crate::nn::reduce::HalvingConvolutions;
use crate::nn::{Builder, Layer, Op, Shape, Window};

/// 1x1 windows, side by side.
const ONE: Window = Window { kernel: 1, stride: 1 };

/// The channels of an image.
fn channels(input: Shape, builder: &Builder<'_>) -> Result<usize> {
    match input {
        Shape::Image { channels, .. } => Ok(channels),
        Shape::Features(_) => Err(wrong(builder, "needs an image", input)),
    }
}

/// ReLU, convolution, batch normalization.
pub(crate) struct ReluConvBn;

impl Op for ReluConvBn {
    fn name(&self) -> &'static str {
        "relu_conv_bn"
    }
    fn summary(&self) -> &'static str {
        "ReLU, convolution (1x1 if nothing is said) and batch normalization."
    }
    fn attributes(&self) -> &'static [&'static str] {
        &["channels", "kernel", "stride"]
    }
    fn build(
        &self,
        op: &Settings,
        input: Shape,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        let kernel = number(op, "kernel", Some(1))?;
        let stride = number(op, "stride", Some(1))?;
        relu_conv_bn(input, number(op, "channels", None)?, Window { kernel, stride }, builder)
    }
}

/// A connection that halves height and width.
pub(crate) struct FactorizedReduce;

impl Op for FactorizedReduce {
    fn name(&self) -> &'static str {
        "factorized_reduce"
    }
    fn summary(&self) -> &'static str {
        "ReLU, two 1x1 convolutions with a stride of 2, the second one shifted by a pixel, side by \
         side, and batch normalization."
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
        let outputs = number(op, "channels", Some(channels(input, builder)?))?;
        let relu = Activation::Relu.build(input, builder);
        let (halving, output) = HalvingConvolutions::build(input, outputs, builder)?;
        let norm = BatchNorm::build(output, &mut builder.part("norm"))?;
        Ok((Box::new(Sequence(vec![relu, halving, norm])), output))
    }
}

/// ReLU, depthwise and 1x1 convolution, batch normalization: twice.
pub(crate) struct SepConv {
    name: &'static str,
    summary: &'static str,
    kernel: usize,
}

impl SepConv {
    pub(crate) const SMALL: Self = Self {
        name: "sep_conv_3x3",
        summary: "Twice: ReLU, depthwise 3x3 and 1x1 convolution, batch normalization.",
        kernel: 3,
    };
    pub(crate) const LARGE: Self = Self {
        name: "sep_conv_5x5",
        summary: "Twice: ReLU, depthwise 5x5 and 1x1 convolution, batch normalization.",
        kernel: 5,
    };
}

impl Op for SepConv {
    fn name(&self) -> &'static str {
        self.name
    }
    fn summary(&self) -> &'static str {
        self.summary
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
        let outputs = channels(input, builder)?;
        let mut layers = Vec::new();
        let mut shape = input;
        for (half, stride) in [(1, number(op, "stride", Some(1))?), (2, 1)] {
            let window = Window { kernel: self.kernel, stride };
            let relu = Activation::Relu.build(shape, builder);
            let mut part = builder.part(&format!("depthwise_{half}"));
            let (depthwise, inner) = Convolution::depthwise(shape, window, &mut part)?;
            let mut part = builder.part(&format!("pointwise_{half}"));
            let (pointwise, _) = Convolution::build(inner, outputs, ONE, &mut part)?;
            let norm = BatchNorm::build(inner, &mut builder.part(&format!("norm_{half}")))?;
            layers.extend([relu, depthwise, pointwise, norm]);
            shape = inner;
        }
        Ok((Box::new(Sequence(layers)), shape))
    }
}

/// ReLU, dilated depthwise and 1x1 convolution, batch normalization.
pub(crate) struct DilConv {
    name: &'static str,
    summary: &'static str,
    kernel: usize,
}

impl DilConv {
    pub(crate) const SMALL: Self = Self {
        name: "dil_conv_3x3",
        summary: "ReLU, depthwise 3x3 convolution of every second pixel, 1x1 convolution, batch \
                  normalization.",
        kernel: 3,
    };
    pub(crate) const LARGE: Self = Self {
        name: "dil_conv_5x5",
        summary: "ReLU, depthwise 5x5 convolution of every second pixel, 1x1 convolution, batch \
                  normalization.",
        kernel: 5,
    };
}

impl Op for DilConv {
    fn name(&self) -> &'static str {
        self.name
    }
    fn summary(&self) -> &'static str {
        self.summary
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
        let outputs = channels(input, builder)?;
        let window = Window { kernel: self.kernel, stride: number(op, "stride", Some(1))? };
        let relu = Activation::Relu.build(input, builder);
        let mut part = builder.part("depthwise");
        let (depthwise, inner) = DilatedDepthwise::build(input, window, 2, &mut part)?;
        let mut part = builder.part("pointwise");
        let (pointwise, shape) = Convolution::build(inner, outputs, ONE, &mut part)?;
        let norm = BatchNorm::build(shape, &mut builder.part("norm"))?;
        Ok((Box::new(Sequence(vec![relu, depthwise, pointwise, norm])), shape))
    }
}

/// 3x3 maximum pooling.
pub(crate) struct MaxPool3x3;

impl Op for MaxPool3x3 {
    fn name(&self) -> &'static str {
        "max_pool_3x3"
    }
    fn summary(&self) -> &'static str {
        "3x3 maximum pooling."
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
        Largest::build(input, window(op)?, builder)
    }
}
