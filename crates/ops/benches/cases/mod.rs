//! The operations that are measured, in one table: `cargo bench -p nascent-ops` and
//! `cargo xtask bench-torch` both read it. The same names stand in `xtask/python/torch_peer.py`.
//!
//! Images are `[batch, channels, height, width]`. A name says kernel, stride and dilation, and the
//! shape of one example.

use candle_core::{D, Device, Result, Tensor, Var};

/// Examples in a batch.
const BATCH: usize = 64;

/// One pass of what is measured.
pub(crate) type Iteration = Box<dyn FnMut() -> Result<()>>;

type Function = Box<dyn Fn(&[Tensor]) -> Result<Tensor>>;

/// An operation with tensors to compute it of. The gradient of each is computed.
pub(crate) struct Operation {
    inputs: Vec<Var>,
    function: Function,
}

/// A row of the table.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    make: fn() -> Result<Operation>,
}

/// All operations.
#[rustfmt::skip]
pub(crate) const CASES: &[Case] = &[
    Case { name: "conv_3x3/16x32x32", make: || conv(&Conv::new(16, 32, 3)) },
    Case { name: "conv_3x3/32x16x16", make: || conv(&Conv::new(32, 16, 3)) },
    Case { name: "conv_3x3/64x8x8", make: || conv(&Conv::new(64, 8, 3)) },
    Case { name: "conv_3x3_stride_2/16x32x32", make: || conv(&Conv { outputs: 32, stride: 2, ..Conv::new(16, 32, 3) }) },
    Case { name: "conv_1x1/16x32x32", make: || conv(&Conv::new(16, 32, 1)) },
    Case { name: "conv_1x1/64x8x8", make: || conv(&Conv::new(64, 8, 1)) },
    Case { name: "conv_5x5/16x32x32", make: || conv(&Conv::new(16, 32, 5)) },
    Case { name: "conv_5x5/16x16x16", make: || conv(&Conv::new(16, 16, 5)) },
    Case { name: "conv_7x7/16x32x32", make: || conv(&Conv::new(16, 32, 7)) },
    Case { name: "conv_7x7/16x16x16", make: || conv(&Conv::new(16, 16, 7)) },
    Case { name: "depthwise_3x3/16x32x32", make: || conv(&Conv::depthwise(16, 32, 3, 1)) },
    Case { name: "depthwise_3x3/64x8x8", make: || conv(&Conv::depthwise(64, 8, 3, 1)) },
    Case { name: "depthwise_5x5/16x32x32", make: || conv(&Conv::depthwise(16, 32, 5, 1)) },
    Case { name: "depthwise_5x5/64x8x8", make: || conv(&Conv::depthwise(64, 8, 5, 1)) },
    Case { name: "depthwise_3x3_dilation_2/16x32x32", make: || conv(&Conv::depthwise(16, 32, 3, 2)) },
    Case { name: "depthwise_3x3_dilation_2/64x8x8", make: || conv(&Conv::depthwise(64, 8, 3, 2)) },
    Case { name: "depthwise_5x5_dilation_2/16x32x32", make: || conv(&Conv::depthwise(16, 32, 5, 2)) },
    Case { name: "depthwise_5x5_dilation_2/64x8x8", make: || conv(&Conv::depthwise(64, 8, 5, 2)) },
    Case { name: "avg_pool_3x3/16x32x32", make: || operation(&[&[BATCH, 16, 32, 32]], |x| avg_pool_3x3(&x[0])) },
    Case { name: "max_pool_3x3/16x32x32", make: || operation(&[&[BATCH, 16, 32, 32]], |x| max_pool_3x3(&x[0])) },
    Case { name: "max_pool_2x2_stride_2/16x32x32", make: || operation(&[&[BATCH, 16, 32, 32]], |x| x[0].max_pool2d(2)) },
    Case { name: "batch_norm/16x32x32", make: || operation(&[&[BATCH, 16, 32, 32], &[16], &[16]], |x| batch_norm(&x[0], &x[1], &x[2])) },
    Case { name: "batch_norm/64x8x8", make: || operation(&[&[BATCH, 64, 8, 8], &[64], &[64]], |x| batch_norm(&x[0], &x[1], &x[2])) },
    Case { name: "relu/16x32x32", make: || operation(&[&[BATCH, 16, 32, 32]], |x| x[0].relu()) },
    Case { name: "global_average_pool/64x8x8", make: || operation(&[&[BATCH, 64, 8, 8]], |x| x[0].mean((2, 3))) },
    Case { name: "linear/784x256", make: || operation(&[&[BATCH, 784], &[256, 784], &[256]], |x| x[0].matmul(&x[1].t()?)?.broadcast_add(&x[2])) },
    Case { name: "cross_entropy/10", make: || { let labels = labels()?; operation(&[&[BATCH, 10]], move |x| cross_entropy(&x[0], &labels)) } },
];

impl Case {
    /// How many numbers have a gradient, and a pass: the value alone, or the gradients too.
    pub(crate) fn prepare(&self, backward: bool) -> Result<(usize, Iteration)> {
        let Operation { inputs, function } = (self.make)()?;
        let count = inputs.iter().map(|input| input.elem_count()).sum();
        let constants: Vec<Tensor> = inputs.iter().map(Var::as_detached_tensor).collect();
        let variables: Vec<Tensor> = inputs.iter().map(|var| var.as_tensor().clone()).collect();
        let iteration: Iteration = if backward {
            Box::new(move || function(&variables)?.backward().map(drop))
        } else {
            Box::new(move || function(&constants).map(drop))
        };
        Ok((count, iteration))
    }
}

/// An operation on tensors of these shapes.
fn operation(
    shapes: &[&[usize]],
    function: impl Fn(&[Tensor]) -> Result<Tensor> + 'static,
) -> Result<Operation> {
    let inputs = shapes.iter().map(|shape| Var::from_tensor(&numbers(shape)?));
    Ok(Operation { inputs: inputs.collect::<Result<_>>()?, function: Box::new(function) })
}

/// Numbers from -0.5 to 0.5 in no visible order.
fn numbers(shape: &[usize]) -> Result<Tensor> {
    let count = shape.iter().product::<usize>() as u64;
    let value = |at: u64| (at * 7919 % 10_007) as f32 / 10_007.0 - 0.5;
    Tensor::from_vec((0..count).map(value).collect::<Vec<f32>>(), shape, &Device::Cpu)
}

/// A convolution without bias that keeps the size, but for its stride.
struct Conv {
    inputs: usize,
    outputs: usize,
    size: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    groups: usize,
}

impl Conv {
    fn new(channels: usize, size: usize, kernel: usize) -> Self {
        let (inputs, outputs) = (channels, channels);
        Self { inputs, outputs, size, kernel, stride: 1, dilation: 1, groups: 1 }
    }

    fn depthwise(channels: usize, size: usize, kernel: usize, dilation: usize) -> Self {
        Self { dilation, groups: channels, ..Self::new(channels, size, kernel) }
    }
}

fn conv(conv: &Conv) -> Result<Operation> {
    let Conv { inputs, outputs, size, kernel, stride, dilation, groups } = *conv;
    let padding = dilation * (kernel - 1) / 2;
    let images = [BATCH, inputs, size, size];
    operation(&[&images, &[outputs, inputs / groups, kernel, kernel]], move |x| {
        x[0].conv2d(&x[1], padding, stride, dilation, groups)
    })
}

/// The mean of what lies within the image.
fn avg_pool_3x3(x: &Tensor) -> Result<Tensor> {
    let pool = |x: &Tensor| {
        let x = x.pad_with_zeros(2, 1, 1)?.pad_with_zeros(3, 1, 1)?;
        x.avg_pool2d_with_stride(3, 1)
    };
    let (_, _, height, width) = x.dims4()?;
    let inside = pool(&Tensor::ones((1, 1, height, width), x.dtype(), x.device())?)?;
    pool(x)?.broadcast_div(&inside)
}

/// An edge that is repeated is no larger than itself.
fn max_pool_3x3(x: &Tensor) -> Result<Tensor> {
    x.pad_with_same(2, 1, 1)?.pad_with_same(3, 1, 1)?.max_pool2d_with_stride(3, 1)
}

/// With the statistics of the batch.
fn batch_norm(x: &Tensor, scale: &Tensor, shift: &Tensor) -> Result<Tensor> {
    let column = (1, scale.elem_count(), 1, 1);
    let x = x.broadcast_sub(&x.mean_keepdim((0, 2, 3))?)?;
    let deviation = (x.sqr()?.mean_keepdim((0, 2, 3))? + 1e-5)?.sqrt()?;
    let x = x.broadcast_div(&deviation)?.broadcast_mul(&scale.reshape(column)?)?;
    x.broadcast_add(&shift.reshape(column)?)
}

fn labels() -> Result<Tensor> {
    Tensor::from_vec((0..BATCH as u32).map(|at| at % 10).collect::<Vec<u32>>(), BATCH, &Device::Cpu)
}

/// With a label smoothing of 0.1.
fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let centered = logits.broadcast_sub(&logits.max_keepdim(D::Minus1)?.detach())?;
    let sum = centered.exp()?.sum_keepdim(D::Minus1)?.log()?;
    let log = centered.broadcast_sub(&sum)?;
    let right = log.gather(&labels.unsqueeze(1)?, 1)?.mean_all()?;
    (right * -0.9)? - (log.mean_all()? * 0.1)?
}
