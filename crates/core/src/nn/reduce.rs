//! Halving an image without pooling.

use candle_core::{Tensor, Var};
use nascent_ops::op::{Conv2d, conv2d};

use super::layers::{pooled, wrong};
use super::{Builder, ForwardContext, Layer, Shape, Start, Window, infeasible};
use crate::Result;
use crate::train::program::{Trace, Value};

/// Two 1x1 convolutions with a stride of 2, each to half of the channels; the second one looks at
/// the pixels that are one down and one to the right. What is outside of the image is 0.
pub(crate) struct HalvingConvolutions {
    weights: [Var; 2],
}

/// The windows of both.
const HALVING: Window = Window { kernel: 1, stride: 2 };

impl HalvingConvolutions {
    pub(crate) fn build(
        input: Shape,
        outputs: usize,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        let Shape::Image { channels, .. } = input else {
            return Err(wrong(builder, "needs an image", input));
        };
        if !outputs.is_multiple_of(2) {
            let path = builder.path();
            let problem = format!("\"{path}\" needs an even number of channels, not {outputs}");
            return Err(infeasible(problem));
        }
        let output = pooled(input, HALVING, Some(outputs))?;
        let (dims, start) =
            ([outputs / 2, channels, 1, 1], Start::KaimingNormal { fan_in: channels });
        let weights = [
            builder.part("conv_1").parameter("weight", &dims, start)?,
            builder.part("conv_2").parameter("weight", &dims, start)?,
        ];
        builder.count_flops(channels * output.len());
        builder.count_activations(output.len());
        Ok((Box::new(Self { weights }), output))
    }
}

impl Layer for HalvingConvolutions {
    fn forward(&self, x: &Tensor, cx: &mut ForwardContext) -> Result<Tensor> {
        let [first, second] = [0, 1].map(|at| cx.parameter(&self.weights[at]));
        let config = Conv2d { stride: 2, ..Conv2d::default() };
        let mut shifted = x.clone();
        for axis in [2, 3] {
            if !x.dim(axis)?.is_multiple_of(2) {
                shifted = shifted.pad_with_zeros(axis, 0, 1)?;
            }
            shifted = shifted.narrow(axis, 1, shifted.dim(axis)? - 1)?;
        }
        let halves = [
            conv2d(x, &first, None, config)?,
            conv2d(&shifted.contiguous()?, &second, None, config)?,
        ];
        Ok(Tensor::cat(&halves, 1)?)
    }

    fn trace(&self, x: Value, trace: &mut Trace) -> Option<Value> {
        let [first, second] = &self.weights;
        trace.halving(x, [first, second])
    }
}
