//! The operations of the DARTS space (H. Liu, K. Simonyan, Y. Yang 2019, arXiv:1806.09055).

use nascent_record::Op as Settings;

use super::cell::relu_conv_bn;
use super::{ONE, number, window};
use crate::Result;
use crate::nn::layers::{Activation, BatchNorm, Convolution, Largest, Sequence, wrong};
use crate::nn::reduce::HalvingConvolutions;
use crate::nn::{Builder, Layer, Op, Shape, Window};

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

/// ReLU, depthwise and 1x1 convolution, batch normalization; once or twice.
pub(crate) struct SeparableBlock {
    name: &'static str,
    summary: &'static str,
    kernel: usize,
    dilation: usize,
    times: usize,
}

impl SeparableBlock {
    pub(crate) const SEP_CONV_3X3: Self = Self {
        name: "sep_conv_3x3",
        summary: "Twice: ReLU, depthwise 3x3 and 1x1 convolution, batch normalization.",
        kernel: 3,
        dilation: 1,
        times: 2,
    };
    pub(crate) const SEP_CONV_5X5: Self = Self {
        name: "sep_conv_5x5",
        summary: "Twice: ReLU, depthwise 5x5 and 1x1 convolution, batch normalization.",
        kernel: 5,
        ..Self::SEP_CONV_3X3
    };
    pub(crate) const DIL_CONV_3X3: Self = Self {
        name: "dil_conv_3x3",
        summary: "ReLU, depthwise 3x3 convolution of every second pixel, 1x1 convolution, batch \
                  normalization.",
        kernel: 3,
        dilation: 2,
        times: 1,
    };
    pub(crate) const DIL_CONV_5X5: Self = Self {
        name: "dil_conv_5x5",
        summary: "ReLU, depthwise 5x5 convolution of every second pixel, 1x1 convolution, batch \
                  normalization.",
        kernel: 5,
        ..Self::DIL_CONV_3X3
    };
}

impl Op for SeparableBlock {
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
        let mut stride = number(op, "stride", Some(1))?;
        let (mut layers, mut shape) = (Vec::new(), input);
        for time in 1..=self.times {
            let window = Window { kernel: self.kernel, stride };
            let relu = Activation::Relu.build(shape, builder);
            let mut part = builder.part(&format!("depthwise_{time}"));
            let (depthwise, inner) =
                Convolution::depthwise(shape, window, self.dilation, &mut part)?;
            let mut part = builder.part(&format!("pointwise_{time}"));
            let (pointwise, _) = Convolution::build(inner, outputs, ONE, &mut part)?;
            let norm = BatchNorm::build(inner, &mut builder.part(&format!("norm_{time}")))?;
            layers.extend([relu, depthwise, pointwise, norm]);
            (shape, stride) = (inner, 1);
        }
        Ok((Box::new(Sequence(layers)), shape))
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
