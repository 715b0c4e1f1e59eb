//! The parts that operations are built of.

use candle_core::{Tensor, Var};
use nascent_ops::op;

use super::{Builder, ForwardContext, Layer, Shape, Start, Window, infeasible};
use crate::Result;
use crate::train::init::dropout_mask;
use crate::train::program::{NormVars, Trace, Value};

/// Layers one after the other.
pub(crate) struct Sequence(pub(crate) Vec<Box<dyn Layer>>);

impl Layer for Sequence {
    fn forward(&self, x: &Tensor, cx: &mut ForwardContext) -> Result<Tensor> {
        self.0.iter().try_fold(x.clone(), |x, layer| layer.forward(&x, cx))
    }

    fn trace(&self, x: Value, trace: &mut Trace) -> Option<Value> {
        self.0.iter().try_fold(x, |x, layer| layer.trace(x, trace))
    }
}

/// The sum of two layers of the same input.
pub(crate) struct Parallel(pub(crate) Box<dyn Layer>, pub(crate) Box<dyn Layer>);

impl Layer for Parallel {
    fn forward(&self, x: &Tensor, cx: &mut ForwardContext) -> Result<Tensor> {
        Ok((self.0.forward(x, cx)? + self.1.forward(x, cx)?)?)
    }

    fn trace(&self, x: Value, trace: &mut Trace) -> Option<Value> {
        let terms = [self.0.trace(x, trace)?, self.1.trace(x, trace)?];
        trace.sum(&terms)
    }
}

/// Nothing.
pub(crate) struct Pass;

impl Layer for Pass {
    fn forward(&self, x: &Tensor, _: &mut ForwardContext) -> Result<Tensor> {
        Ok(x.clone())
    }

    fn trace(&self, x: Value, _: &mut Trace) -> Option<Value> {
        Some(x)
    }
}

/// Zeros.
pub(crate) struct Zeros;

impl Layer for Zeros {
    fn forward(&self, x: &Tensor, _: &mut ForwardContext) -> Result<Tensor> {
        Ok(x.zeros_like()?)
    }
}

/// An image as a vector, channel by channel.
pub(crate) struct ToFeatures;

impl Layer for ToFeatures {
    fn forward(&self, x: &Tensor, _: &mut ForwardContext) -> Result<Tensor> {
        Ok(x.flatten_from(1)?)
    }

    fn trace(&self, x: Value, trace: &mut Trace) -> Option<Value> {
        Some(trace.flatten(x))
    }
}

/// The mean of each channel of an image, as a vector.
pub(crate) struct GlobalAverage;

impl Layer for GlobalAverage {
    fn forward(&self, x: &Tensor, _: &mut ForwardContext) -> Result<Tensor> {
        Ok(op::global_avg_pool(x)?)
    }

    fn trace(&self, x: Value, trace: &mut Trace) -> Option<Value> {
        trace.global_average(x)
    }
}

/// A nonlinearity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    Relu,
    Gelu,
    Silu,
    Tanh,
}

impl Activation {
    pub(crate) fn parse(kind: &str) -> Result<Self> {
        match kind {
            "relu" => Ok(Self::Relu),
            "gelu" => Ok(Self::Gelu),
            "silu" => Ok(Self::Silu),
            "tanh" => Ok(Self::Tanh),
            _ => Err(infeasible(format!(
                "there is no activation \"{kind}\"; there are relu, gelu, silu and tanh"
            ))),
        }
    }

    /// Registers its cost.
    pub(crate) fn build(self, shape: Shape, builder: &mut Builder<'_>) -> Box<dyn Layer> {
        builder.count_activations(shape.len());
        Box::new(self)
    }
}

impl Layer for Activation {
    fn forward(&self, x: &Tensor, _: &mut ForwardContext) -> Result<Tensor> {
        Ok(match self {
            Self::Relu => op::relu(x)?,
            Self::Gelu => x.gelu_erf()?,
            Self::Silu => candle_nn::ops::silu(x)?,
            Self::Tanh => x.tanh()?,
        })
    }

    fn trace(&self, x: Value, trace: &mut Trace) -> Option<Value> {
        trace.activation(x, *self)
    }
}

/// Zeros at random places while training.
pub(crate) struct Dropout(pub(crate) f64);

impl Layer for Dropout {
    fn forward(&self, x: &Tensor, cx: &mut ForwardContext) -> Result<Tensor> {
        match cx.rng() {
            Some(rng) if self.0 > 0.0 => Ok((x * dropout_mask(rng, self.0, x)?)?),
            _ => Ok(x.clone()),
        }
    }

    fn trace(&self, x: Value, trace: &mut Trace) -> Option<Value> {
        if self.0 > 0.0 { trace.dropout(x, self.0) } else { Some(x) }
    }
}

/// Images with fewer channels, mixed: each channel times the sum of the coefficients of a supernet of
/// the widths that it is within (Wan et al. 2020, arXiv:2004.05565).
pub(crate) struct ChannelMask {
    /// The coefficient of the first width.
    pub(crate) first: usize,
    pub(crate) widths: Vec<usize>,
}

impl Layer for ChannelMask {
    fn forward(&self, x: &Tensor, cx: &mut ForwardContext) -> Result<Tensor> {
        let channels = x.dim(1)?;
        let mut mask: Option<Tensor> = None;
        for (at, width) in self.widths.iter().enumerate() {
            let within: Vec<f32> = (0..channels).map(|c| f32::from(u8::from(c < *width))).collect();
            let within = Tensor::new(within, x.device())?.to_dtype(x.dtype())?;
            let part = within.broadcast_mul(&cx.coefficient(self.first + at)?)?;
            mask = Some(match mask {
                None => part,
                Some(sum) => (sum + part)?,
            });
        }
        match mask {
            Some(mask) => Ok(x.broadcast_mul(&mask.reshape((1, channels, 1, 1))?)?),
            None => Ok(x.clone()),
        }
    }

    fn trace(&self, x: Value, trace: &mut Trace) -> Option<Value> {
        trace.mask(x, self.first, &self.widths)
    }
}

/// Images that are zeros at random while training, each by itself.
pub(crate) struct DropPath(pub(crate) f64);

impl Layer for DropPath {
    fn forward(&self, x: &Tensor, cx: &mut ForwardContext) -> Result<Tensor> {
        let rate = self.0 * cx.progress();
        let Some(rng) = cx.rng() else { return Ok(x.clone()) };
        let mask = dropout_mask(rng, rate, &x.narrow(1, 0, 1)?.narrow(2, 0, 1)?.narrow(3, 0, 1)?)?;
        Ok(x.broadcast_mul(&mask)?)
    }

    fn trace(&self, x: Value, trace: &mut Trace) -> Option<Value> {
        trace.drop_path(x, self.0)
    }
}

/// A convolution without bias.
pub(crate) struct Convolution {
    weight: Var,
    window: Window,
    depthwise: bool,
    /// The distance of two taps; 1 unless it is depthwise.
    dilation: usize,
}

impl Convolution {
    /// From images of this shape to `outputs` channels.
    pub(crate) fn build(
        input: Shape,
        outputs: usize,
        window: Window,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        let Shape::Image { channels, .. } = input else {
            return Err(wrong(builder, "needs an image", input));
        };
        Self::make(input, [outputs, channels], window, None, builder)
    }

    /// Each channel by itself, with taps that lie `dilation` pixels apart.
    pub(crate) fn depthwise(
        input: Shape,
        window: Window,
        dilation: usize,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        let Shape::Image { channels, .. } = input else {
            return Err(wrong(builder, "needs an image", input));
        };
        Self::make(input, [channels, 1], window, Some(dilation), builder)
    }

    fn make(
        input: Shape,
        [outputs, inputs]: [usize; 2],
        window: Window,
        depthwise: Option<usize>,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        let output = pooled(input, window, Some(outputs))?;
        let kernel = window.kernel;
        let fan_in = inputs * kernel * kernel;
        let dims = [outputs, inputs, kernel, kernel];
        let weight = builder.parameter("weight", &dims, Start::KaimingNormal { fan_in })?;
        builder.count_flops(fan_in * output.len());
        builder.count_activations(output.len());
        let Shape::Image { channels, .. } = input else {
            return Err(wrong(builder, "needs an image", input));
        };
        builder.count_unfolded(kernel * kernel * channels * (output.len() / outputs));
        let (depthwise, dilation) = (depthwise.is_some(), depthwise.unwrap_or(1));
        Ok((Box::new(Self { weight, window, depthwise, dilation }), output))
    }
}

impl Layer for Convolution {
    fn forward(&self, x: &Tensor, cx: &mut ForwardContext) -> Result<Tensor> {
        let weight = cx.parameter(&self.weight);
        let groups = if self.depthwise { weight.dim(0)? } else { 1 };
        Ok(self.window.convolution(x, &weight, groups, self.dilation)?)
    }

    fn trace(&self, x: Value, trace: &mut Trace) -> Option<Value> {
        if self.depthwise {
            trace.depthwise(x, &self.weight, self.window, self.dilation)
        } else {
            trace.convolution(x, &self.weight, self.window)
        }
    }
}

/// The shape behind windows.
pub(crate) fn pooled(input: Shape, window: Window, channels: Option<usize>) -> Result<Shape> {
    let Shape::Image { channels: same, height, width } = input else {
        return Err(infeasible(format!("a convolution or pooling needs an image, not {input}")));
    };
    if window.kernel == 0 || window.stride == 0 || channels == Some(0) {
        return Err(infeasible("channels, kernel and stride must be at least 1"));
    }
    Ok(Shape::Image {
        channels: channels.unwrap_or(same),
        height: window.count(height),
        width: window.count(width),
    })
}

/// Average pooling.
pub(crate) struct Average(Window);

impl Average {
    pub(crate) fn build(
        input: Shape,
        window: Window,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        let output = pooled(input, window, None)?;
        builder.count_activations(output.len());
        Ok((Box::new(Self(window)), output))
    }
}

impl Layer for Average {
    fn forward(&self, x: &Tensor, _: &mut ForwardContext) -> Result<Tensor> {
        Ok(self.0.average(x)?)
    }

    fn trace(&self, x: Value, trace: &mut Trace) -> Option<Value> {
        trace.average_pool(x, self.0)
    }
}

/// Maximum pooling.
pub(crate) struct Largest(Window);

impl Largest {
    pub(crate) fn build(
        input: Shape,
        window: Window,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        let output = pooled(input, window, None)?;
        builder.count_activations(output.len());
        Ok((Box::new(Self(window)), output))
    }
}

impl Layer for Largest {
    fn forward(&self, x: &Tensor, _: &mut ForwardContext) -> Result<Tensor> {
        Ok(self.0.largest(x)?)
    }

    fn trace(&self, x: Value, trace: &mut Trace) -> Option<Value> {
        trace.max_pool(x, self.0)
    }
}

/// Some channels of an image, in another order.
pub(crate) struct Select(Vec<usize>);

impl Select {
    /// These channels.
    pub(crate) fn build(
        input: Shape,
        channels: Vec<usize>,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        let Shape::Image { height, width, .. } = input else {
            return Err(wrong(builder, "needs an image", input));
        };
        let output = Shape::Image { channels: channels.len(), height, width };
        builder.count_activations(output.len());
        Ok((Box::new(Self(channels)), output))
    }
}

impl Layer for Select {
    fn forward(&self, x: &Tensor, _: &mut ForwardContext) -> Result<Tensor> {
        let channels: Vec<u32> = self.0.iter().map(|channel| *channel as u32).collect();
        Ok(x.index_select(&Tensor::new(channels, x.device())?, 1)?)
    }

    fn trace(&self, x: Value, trace: &mut Trace) -> Option<Value> {
        trace.select(x, &self.0)
    }
}

/// Batch normalization, of the channels of images or of features.
pub(crate) struct BatchNorm {
    scale: Var,
    shift: Var,
    mean: Var,
    variance: Var,
}

/// How far running statistics move to those of a batch.
pub(crate) const NORM_MOMENTUM: f64 = 0.1;

/// What is added to a variance before its root is taken.
pub(crate) const NORM_EPSILON: f64 = 1e-5;

impl BatchNorm {
    pub(crate) fn build(input: Shape, builder: &mut Builder<'_>) -> Result<Box<dyn Layer>> {
        let (Shape::Image { channels, .. } | Shape::Features(channels)) = input;
        builder.count_activations(input.len());
        Ok(Box::new(Self {
            scale: builder.parameter("weight", &[channels], Start::Constant(1.0))?,
            shift: builder.parameter("bias", &[channels], Start::Constant(0.0))?,
            mean: builder.buffer("running_mean", &[channels], 0.0)?,
            variance: builder.buffer("running_var", &[channels], 1.0)?,
        }))
    }
}

impl Layer for BatchNorm {
    fn forward(&self, x: &Tensor, cx: &mut ForwardContext) -> Result<Tensor> {
        let (scale, shift) = (cx.parameter(&self.scale), cx.parameter(&self.shift));
        let config = op::BatchNorm {
            eps: NORM_EPSILON,
            momentum: NORM_MOMENTUM,
            running_mean: &self.mean,
            running_variance: &self.variance,
        };
        Ok(op::batch_norm(x, Some(&scale), Some(&shift), config, cx.is_train())?)
    }

    fn trace(&self, x: Value, trace: &mut Trace) -> Option<Value> {
        let norm = NormVars {
            scale: self.scale.clone(),
            shift: self.shift.clone(),
            mean: self.mean.clone(),
            variance: self.variance.clone(),
        };
        Some(trace.batch_norm(x, norm))
    }
}

/// Normalization of the features of each example.
pub(crate) struct LayerNorm {
    scale: Var,
    shift: Var,
}

impl LayerNorm {
    pub(crate) fn build(input: Shape, builder: &mut Builder<'_>) -> Result<Box<dyn Layer>> {
        let Shape::Features(features) = input else {
            return Err(wrong(builder, "needs features; put a flatten before it", input));
        };
        builder.count_activations(2 * features);
        Ok(Box::new(Self {
            scale: builder.parameter("weight", &[features], Start::Constant(1.0))?,
            shift: builder.parameter("bias", &[features], Start::Constant(0.0))?,
        }))
    }
}

impl Layer for LayerNorm {
    fn forward(&self, x: &Tensor, cx: &mut ForwardContext) -> Result<Tensor> {
        let (scale, shift) = (cx.parameter(&self.scale), cx.parameter(&self.shift));
        let wide = x.to_dtype(self.scale.dtype())?;
        let normal = candle_nn::ops::layer_norm_slow(&wide, &scale, &shift, NORM_EPSILON as f32)?;
        Ok(normal.to_dtype(x.dtype())?)
    }

    fn trace(&self, x: Value, trace: &mut Trace) -> Option<Value> {
        trace.layer_norm(x, &self.scale, &self.shift)
    }
}

/// A linear map with bias.
pub(crate) struct Dense {
    weight: Var,
    bias: Var,
}

impl Dense {
    pub(crate) fn build(
        input: Shape,
        width: usize,
        builder: &mut Builder<'_>,
    ) -> Result<(Box<dyn Layer>, Shape)> {
        let Shape::Features(features) = input else {
            return Err(wrong(builder, "needs features; put a flatten before it", input));
        };
        if width == 0 {
            return Err(infeasible("the width of a linear layer must be at least 1"));
        }
        let start = Start::Uniform { fan_in: features };
        builder.count_flops((features + 1) * width);
        builder.count_activations(2 * width);
        let weight = builder.parameter("weight", &[width, features], start)?;
        let bias = builder.parameter("bias", &[width], start)?;
        Ok((Box::new(Self { weight, bias }), Shape::Features(width)))
    }
}

impl Layer for Dense {
    fn forward(&self, x: &Tensor, cx: &mut ForwardContext) -> Result<Tensor> {
        let (weight, bias) = (cx.parameter(&self.weight), cx.parameter(&self.bias));
        Ok(op::linear(x, &weight, Some(&bias))?)
    }

    fn trace(&self, x: Value, trace: &mut Trace) -> Option<Value> {
        trace.linear(x, &self.weight, &self.bias)
    }
}

/// An operation that does not fit its input.
pub(crate) fn wrong(builder: &Builder<'_>, needs: &str, input: Shape) -> crate::Error {
    infeasible(format!("\"{}\" {needs}, and its input is {input}", builder.path()))
}
