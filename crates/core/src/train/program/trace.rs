//! What a network computes, as a list of operations.

use candle_core::Var;

use crate::nn::{Activation, Shape, Window};

/// The result of an operation of a [`Trace`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value(pub(super) usize);

/// An operation on results of earlier ones.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Input,
    Zeros,
    Convolution {
        x: Value,
        weight: Var,
        window: Window,
    },
    Depthwise {
        x: Value,
        weight: Var,
        window: Window,
        dilation: usize,
    },
    /// Two 1x1 convolutions with a stride of 2, the second one shifted by a pixel.
    Halving {
        x: Value,
        weights: [Var; 2],
    },
    BatchNorm {
        x: Value,
        norm: NormVars,
    },
    Relu {
        x: Value,
    },
    Sum {
        xs: Vec<Value>,
        /// The coefficient that multiplies each of them, if one does.
        coefficients: Vec<Option<usize>>,
    },
    Concat {
        xs: Vec<Value>,
    },
    /// Each channel times the sum of the coefficients, from this one on, of the widths that it is
    /// within.
    Mask {
        x: Value,
        first: usize,
        widths: Vec<usize>,
    },
    /// Images that are zeros at random.
    DropPath {
        x: Value,
        rate: f64,
    },
    /// These channels, none twice.
    Select {
        x: Value,
        channels: Vec<usize>,
    },
    AveragePool {
        x: Value,
        window: Window,
    },
    MaxPool {
        x: Value,
        window: Window,
    },
    GlobalAverage {
        x: Value,
    },
    Flatten {
        x: Value,
    },
    Linear {
        x: Value,
        weight: Var,
        bias: Var,
    },
    Activation {
        x: Value,
        kind: Activation,
    },
    LayerNorm {
        x: Value,
        scale: Var,
        shift: Var,
    },
    Dropout {
        x: Value,
        rate: f64,
    },
}

/// The tensors of a batch normalization.
#[derive(Clone, Debug)]
pub struct NormVars {
    /// What normalized values are multiplied with.
    pub scale: Var,
    /// What is added then.
    pub shift: Var,
    /// The running mean.
    pub mean: Var,
    /// The running variance.
    pub variance: Var,
}

impl Op {
    /// The end of the coefficients that it knows; 0 if there are none.
    pub(super) fn coefficients(&self) -> usize {
        match self {
            Self::Sum { coefficients, .. } => {
                coefficients.iter().flatten().max().map_or(0, |last| last + 1)
            }
            Self::Mask { first, widths, .. } => first + widths.len(),
            _ => 0,
        }
    }

    /// The values that it is computed from.
    pub(super) fn inputs(&self) -> &[Value] {
        match self {
            Self::Input | Self::Zeros => &[],
            Self::Sum { xs, .. } | Self::Concat { xs } => xs,
            Self::Convolution { x, .. }
            | Self::Depthwise { x, .. }
            | Self::Halving { x, .. }
            | Self::BatchNorm { x, .. }
            | Self::Relu { x }
            | Self::Select { x, .. }
            | Self::DropPath { x, .. }
            | Self::Mask { x, .. }
            | Self::AveragePool { x, .. }
            | Self::MaxPool { x, .. }
            | Self::GlobalAverage { x }
            | Self::Flatten { x }
            | Self::Linear { x, .. }
            | Self::Activation { x, .. }
            | Self::LayerNorm { x, .. }
            | Self::Dropout { x, .. } => std::slice::from_ref(x),
        }
    }
}

/// Takes down what layers compute when they are asked to [`trace`](crate::nn::Layer::trace): the
/// operations of which the fast path of a training is made.
pub struct Trace {
    pub(super) ops: Vec<Op>,
    pub(super) shapes: Vec<Shape>,
    /// Logits beside the output, for the loss alone.
    pub(super) auxiliary: Option<Value>,
}

impl Trace {
    /// One with the input of the network, and that input.
    pub(crate) fn new(input: Shape) -> (Self, Value) {
        (Self { ops: vec![Op::Input], shapes: vec![input], auxiliary: None }, Value(0))
    }

    /// The shape of a value.
    pub fn shape(&self, x: Value) -> Shape {
        self.shapes[x.0]
    }

    fn push(&mut self, op: Op, shape: Shape) -> Value {
        self.ops.push(op);
        self.shapes.push(shape);
        Value(self.ops.len() - 1)
    }

    /// The shape behind windows; `None` of features.
    fn windowed(&self, x: Value, window: Window, outputs: Option<usize>) -> Option<Shape> {
        let Shape::Image { channels, height, width } = self.shape(x) else { return None };
        Some(Shape::Image {
            channels: outputs.unwrap_or(channels),
            height: window.count(height),
            width: window.count(width),
        })
    }

    fn is_image(&self, x: Value) -> bool {
        matches!(self.shape(x), Shape::Image { .. })
    }

    /// Nothing, where a sum has no terms; `None` of features.
    pub fn zeros(&mut self, shape: Shape) -> Option<Value> {
        matches!(shape, Shape::Image { .. }).then(|| self.push(Op::Zeros, shape))
    }

    /// A convolution without bias; `None` of features.
    pub fn convolution(&mut self, x: Value, weight: &Var, window: Window) -> Option<Value> {
        let shape = self.windowed(x, window, weight.dims().first().copied())?;
        Some(self.push(Op::Convolution { x, weight: weight.clone(), window }, shape))
    }

    /// A convolution of each channel by itself, without bias, whose taps lie `dilation` pixels
    /// apart; `None` of features.
    pub fn depthwise(
        &mut self,
        x: Value,
        weight: &Var,
        window: Window,
        dilation: usize,
    ) -> Option<Value> {
        let shape = self.windowed(x, window, None)?;
        Some(self.push(Op::Depthwise { x, weight: weight.clone(), window, dilation }, shape))
    }

    /// Two 1x1 convolutions without bias and with a stride of 2 behind each other, the second one
    /// shifted by a pixel down and to the right, with weights `[outputs / 2, inputs, 1, 1]`; `None`
    /// of features.
    pub fn halving(&mut self, x: Value, weights: [&Var; 2]) -> Option<Value> {
        let outputs = weights.iter().map(|weight| weight.dims().first()).sum::<Option<usize>>()?;
        let shape = self.windowed(x, Window { kernel: 1, stride: 2 }, Some(outputs))?;
        Some(self.push(Op::Halving { x, weights: weights.map(Var::clone) }, shape))
    }

    /// A batch normalization.
    pub fn batch_norm(&mut self, x: Value, norm: NormVars) -> Value {
        self.push(Op::BatchNorm { x, norm }, self.shape(x))
    }

    /// A normalization of the features of each example; `None` of images.
    pub fn layer_norm(&mut self, x: Value, scale: &Var, shift: &Var) -> Option<Value> {
        let op = Op::LayerNorm { x, scale: scale.clone(), shift: shift.clone() };
        (!self.is_image(x)).then(|| self.push(op, self.shape(x)))
    }

    /// Features with zeros at random places while training, drawn in the order of these calls;
    /// `None` of images.
    pub fn dropout(&mut self, x: Value, rate: f64) -> Option<Value> {
        (!self.is_image(x)).then(|| self.push(Op::Dropout { x, rate }, self.shape(x)))
    }

    /// An image whose channels are multiplied with the sum of the coefficients of a supernet, from
    /// this one on, of the widths that they are within; `None` of features.
    pub fn mask(&mut self, x: Value, first: usize, widths: &[usize]) -> Option<Value> {
        let op = Op::Mask { x, first, widths: widths.to_vec() };
        self.is_image(x).then(|| self.push(op, self.shape(x)))
    }

    /// Images that are zeros at random while training, each by itself, with a probability that grows
    /// to this rate, drawn in the order of these calls; `None` of features.
    pub fn drop_path(&mut self, x: Value, rate: f64) -> Option<Value> {
        self.is_image(x).then(|| self.push(Op::DropPath { x, rate }, self.shape(x)))
    }

    /// Says that these are logits for the loss, beside those of the network. All that is computed for
    /// them alone comes last.
    pub(crate) fn set_auxiliary(&mut self, logits: Value) {
        self.auxiliary = Some(logits);
    }

    /// A nonlinearity; `None` of images unless it is the positive part.
    pub(crate) fn activation(&mut self, x: Value, kind: Activation) -> Option<Value> {
        match kind {
            Activation::Relu => Some(self.relu(x)),
            _ if self.is_image(x) => None,
            _ => Some(self.push(Op::Activation { x, kind }, self.shape(x))),
        }
    }

    /// The position of an operation that is known already.
    fn known(&self, is_it: impl Fn(&Op) -> bool) -> Option<Value> {
        self.ops.iter().position(is_it).map(Value)
    }

    /// The positive part; that of one value is computed once, whoever asks for it. That of images
    /// behind each other is the positive parts behind each other, so that what an image is behind
    /// and what it is read by are one piece of memory.
    pub fn relu(&mut self, x: Value) -> Value {
        if let Op::Concat { xs } = &self.ops[x.0] {
            let positive: Vec<Value> = xs.clone().into_iter().map(|x| self.relu(x)).collect();
            let known = self.known(|op| matches!(op, Op::Concat { xs } if *xs == positive));
            return known.unwrap_or_else(|| self.push(Op::Concat { xs: positive }, self.shape(x)));
        }
        let known = self.known(|op| matches!(op, Op::Relu { x: of } if *of == x));
        known.unwrap_or_else(|| self.push(Op::Relu { x }, self.shape(x)))
    }

    /// The sum of images of one shape; `None` of none, or of several features.
    pub fn sum(&mut self, xs: &[Value]) -> Option<Value> {
        match xs {
            [] => None,
            [x] => Some(*x),
            [x, ..] if !self.is_image(*x) => None,
            [_, _, ..] => self.weighted_sum(xs, &vec![None; xs.len()]),
        }
    }

    /// The sum of images of one shape, some of them multiplied with a coefficient of a supernet each;
    /// `None` of none, or of features.
    pub fn weighted_sum(&mut self, xs: &[Value], coefficients: &[Option<usize>]) -> Option<Value> {
        let shape = self.shape(*xs.first()?);
        let op = Op::Sum { xs: xs.to_vec(), coefficients: coefficients.to_vec() };
        matches!(shape, Shape::Image { .. }).then(|| self.push(op, shape))
    }

    /// Images behind each other, channel by channel; `None` of features.
    pub fn concat(&mut self, xs: &[Value]) -> Option<Value> {
        let Shape::Image { height, width, .. } = self.shape(*xs.first()?) else { return None };
        let mut channels = 0;
        for x in xs {
            let Shape::Image { channels: more, .. } = self.shape(*x) else { return None };
            channels += more;
        }
        let shape = Shape::Image { channels, height, width };
        Some(self.push(Op::Concat { xs: xs.to_vec() }, shape))
    }

    /// Some channels of an image, in this order, none twice; `None` of features.
    pub fn select(&mut self, x: Value, channels: &[usize]) -> Option<Value> {
        let Shape::Image { height, width, .. } = self.shape(x) else { return None };
        let shape = Shape::Image { channels: channels.len(), height, width };
        Some(self.push(Op::Select { x, channels: channels.to_vec() }, shape))
    }

    /// The mean of each window, of what is in the image; `None` of features.
    pub fn average_pool(&mut self, x: Value, window: Window) -> Option<Value> {
        let shape = self.windowed(x, window, None)?;
        Some(self.push(Op::AveragePool { x, window }, shape))
    }

    /// The maximum of each window; `None` of features.
    pub fn max_pool(&mut self, x: Value, window: Window) -> Option<Value> {
        let shape = self.windowed(x, window, None)?;
        Some(self.push(Op::MaxPool { x, window }, shape))
    }

    /// The mean of each channel, as features; `None` of features.
    pub fn global_average(&mut self, x: Value) -> Option<Value> {
        let Shape::Image { channels, .. } = self.shape(x) else { return None };
        Some(self.push(Op::GlobalAverage { x }, Shape::Features(channels)))
    }

    /// An image as features, channel by channel.
    pub fn flatten(&mut self, x: Value) -> Value {
        self.push(Op::Flatten { x }, Shape::Features(self.shape(x).len()))
    }

    /// A linear map of features, with weights `[outputs, inputs]` and bias.
    pub fn linear(&mut self, x: Value, weight: &Var, bias: &Var) -> Option<Value> {
        let width = *weight.dims().first()?;
        let op = Op::Linear { x, weight: weight.clone(), bias: bias.clone() };
        Some(self.push(op, Shape::Features(width)))
    }
}
