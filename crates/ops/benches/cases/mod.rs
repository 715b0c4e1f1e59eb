//! The operations that are measured, in one table: `cargo bench -p nascent-ops` and
//! `cargo xtask bench-torch` both read it. The same names stand in `xtask/python/torch_peer.py`.
//!
//! Images are `[batch, channels, height, width]`. A name says kernel, stride and dilation, and the
//! shape of one example.

use candle_core::{DType, Device, Result, Tensor, Var};
use nascent_ops::op::{
    BatchNorm, Conv2d, Pool2d, avg_pool2d, batch_norm, conv2d, cross_entropy, global_avg_pool,
    linear, max_pool2d, relu, vjp,
};

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
    Case { name: "avg_pool_3x3/16x32x32", make: || operation(&[&[BATCH, 16, 32, 32]], |x| avg_pool2d(&x[0], pool(3, 1, 1))) },
    Case { name: "max_pool_3x3/16x32x32", make: || operation(&[&[BATCH, 16, 32, 32]], |x| max_pool2d(&x[0], pool(3, 1, 1))) },
    Case { name: "max_pool_2x2_stride_2/16x32x32", make: || operation(&[&[BATCH, 16, 32, 32]], |x| max_pool2d(&x[0], pool(2, 2, 0))) },
    Case { name: "batch_norm/16x32x32", make: || norm(16, 32) },
    Case { name: "batch_norm/64x8x8", make: || norm(64, 8) },
    Case { name: "relu/16x32x32", make: || operation(&[&[BATCH, 16, 32, 32]], |x| relu(&x[0])) },
    Case { name: "global_average_pool/64x8x8", make: || operation(&[&[BATCH, 64, 8, 8]], |x| global_avg_pool(&x[0])) },
    Case { name: "linear/784x256", make: || operation(&[&[BATCH, 784], &[256, 784], &[256]], |x| linear(&x[0], &x[1], Some(&x[2]))) },
    Case { name: "cross_entropy/10", make: || { let labels = labels()?; operation(&[&[BATCH, 10]], move |x| cross_entropy(&x[0], &labels, 0.1)) } },
];

impl Case {
    /// How many numbers have a gradient, and a pass: the value alone, or the gradients too, for a
    /// given one of the output.
    pub(crate) fn prepare(&self, backward: bool) -> Result<(usize, Iteration)> {
        let Operation { inputs, function } = (self.make)()?;
        let count = inputs.iter().map(|input| input.elem_count()).sum();
        let constants: Vec<Tensor> = inputs.iter().map(Var::as_detached_tensor).collect();
        let variables: Vec<Tensor> = inputs.iter().map(|var| var.as_tensor().clone()).collect();
        let iteration: Iteration = if backward {
            let ones = function(&constants)?.ones_like()?;
            Box::new(move || vjp(|| function(&variables))?.gradients(&ones).map(drop))
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
        conv2d(&x[0], &x[1], None, Conv2d { stride, padding, dilation, groups })
    })
}

/// An average counts what lies within the image.
fn pool(kernel: usize, stride: usize, padding: usize) -> Pool2d {
    Pool2d { kernel, stride, padding, count_padding: false }
}

/// With the statistics of the batch.
fn norm(channels: usize, size: usize) -> Result<Operation> {
    let running_mean = Var::zeros(channels, DType::F32, &Device::Cpu)?;
    let running_variance = Var::ones(channels, DType::F32, &Device::Cpu)?;
    operation(&[&[BATCH, channels, size, size], &[channels], &[channels]], move |x| {
        let (running_mean, running_variance) = (&running_mean, &running_variance);
        let config = BatchNorm { eps: 1e-5, momentum: 0.1, running_mean, running_variance };
        batch_norm(&x[0], Some(&x[1]), Some(&x[2]), config, true)
    })
}

fn labels() -> Result<Tensor> {
    Tensor::from_vec((0..BATCH as u32).map(|at| at % 10).collect::<Vec<u32>>(), BATCH, &Device::Cpu)
}
