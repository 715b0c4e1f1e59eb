//! Depthwise convolutions whose windows have gaps.

use candle_core::{Tensor, Var};
use nascent_ops::op::{Conv2d, conv2d};

use super::layers::{pooled, wrong};
use super::{Builder, ForwardContext, Layer, Shape, Start, Window};
use crate::Result;
use crate::train::program::{Trace, Value};

/// A convolution of each channel by itself, without bias, whose taps lie `dilation` pixels apart.
pub(crate) struct DilatedDepthwise {
    weight: Var,
    window: Window,
    dilation: usize,
}

impl DilatedDepthwise {
    pub(crate) fn build(
        input: Shape,
        window: Window,
        dilation: usize,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        let Shape::Image { channels, .. } = input else {
            return Err(wrong(builder, "needs an image", input));
        };
        let output = pooled(input, window, None)?;
        let Window { kernel, .. } = window;
        let start = Start::KaimingNormal { fan_in: kernel * kernel };
        let weight = builder.parameter("weight", &[channels, 1, kernel, kernel], start)?;
        builder.count_flops(kernel * kernel * output.len());
        builder.count_activations(output.len());
        Ok((Box::new(Self { weight, window, dilation }), output))
    }
}

impl Layer for DilatedDepthwise {
    fn forward(&self, x: &Tensor, cx: &mut ForwardContext) -> Result<Tensor> {
        let (weight, dilation) = (cx.parameter(&self.weight), self.dilation);
        let (stride, padding) = (self.window.stride, dilation * self.window.padding());
        let config = Conv2d { stride, padding, dilation, groups: weight.dim(0)? };
        Ok(conv2d(x, &weight, None, config)?)
    }

    fn trace(&self, x: Value, trace: &mut Trace) -> Option<Value> {
        trace.dilated_depthwise(x, &self.weight, self.window, self.dilation)
    }
}
