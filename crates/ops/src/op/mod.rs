//! Differentiable operations on tensors, in the ordinary order: images `[batch, channels, height,
//! width]`, features `[batch, features]`.
//!
//! On the CPU, in `f32` and `f64`, the kernels of this crate compute them and their gradients. On
//! every other device and of every other kind of number they are composed of tensor operations:
//! each operation has such a reference, which is public and has the same value and gradients;
//! [`by_reference`] has it used everywhere.
//!
//! In half precision, `f16` or `bf16`, the images or features decide: weights may stay in `f32`, and
//! are rounded for the product, so that their gradients come back in `f32`. Statistics of batches,
//! means of whole images and the loss are computed in `f32`.
//!
//! A batch is divided among the threads of the [rayon] pool that runs the operation. The order of
//! every sum is fixed, so that the results are the same, bit for bit, on any number of threads.

use candle_core::{DType, Result, Tensor};
use rayon::prelude::*;

use crate::layout::Planes;
use crate::simd::{Element, lanes};

mod avg_pool2d;
mod batch_norm;
mod conv2d;
mod cross_entropy;
mod custom;
mod global_avg_pool;
mod linear;
mod max_pool2d;
mod plain;
mod pointwise;
mod relu;
mod vjp;

pub use avg_pool2d::{avg_pool2d, avg_pool2d_reference};
pub use batch_norm::{BatchNorm, batch_norm, batch_norm_reference};
pub use conv2d::{Conv2d, conv2d, conv2d_reference};
pub use cross_entropy::{cross_entropy, cross_entropy_reference};
pub use custom::by_reference;
pub use global_avg_pool::{global_avg_pool, global_avg_pool_reference};
pub use linear::{linear, linear_reference};
pub use max_pool2d::{max_pool2d, max_pool2d_reference};
pub use relu::{relu, relu_reference};
pub use vjp::{Vjp, vjp};

/// How windows lie on the images of a pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pool2d {
    /// The pixels in a row of a window, and its rows.
    pub kernel: usize,
    /// The distance of two windows, in pixels.
    pub stride: usize,
    /// How far the first windows stand out of the image, less than the kernel.
    pub padding: usize,
    /// Whether an average counts the pixels of a window that are outside of the image, as zeros. A
    /// maximum never does.
    pub count_padding: bool,
}

/// The shapes of a pooling of a batch, without a margin: batch, input, output.
fn pool_shapes(name: &str, x: &Tensor, config: Pool2d) -> Result<(usize, Planes, Planes)> {
    let Pool2d { kernel, stride, padding, .. } = config;
    let &[batch, channels, height, width] = x.dims() else {
        candle_core::bail!("{name}: images {:?} are not 4-D", x.shape());
    };
    if stride == 0 || padding >= kernel {
        candle_core::bail!("{name}: {config:?} needs a stride, and a padding below the kernel");
    }
    let count = |size: usize| {
        let room = (size + 2 * padding).checked_sub(kernel)?;
        (size > 0).then_some(room / stride + 1)
    };
    let (Some(rows), Some(columns), 1..) = (count(height), count(width), channels) else {
        candle_core::bail!("{name}: images {:?} have no room for {config:?}", x.shape());
    };
    let input = Planes { channels, height, width, margin: 0 };
    Ok((batch, input, Planes { height: rows, width: columns, ..input }))
}

/// The kind of number that many of these are added up in.
fn wide(dtype: DType) -> DType {
    match dtype {
        DType::F16 | DType::BF16 => DType::F32,
        other => other,
    }
}

/// How many numbers the images of a block have.
fn chunk<E: Element>(planes: Planes) -> usize {
    planes.channels * planes.height * planes.width * lanes::<E>()
}

/// The images of one block after the other, in parallel.
fn image_chunks<E: Element>(
    images: &[E],
    planes: Planes,
) -> impl IndexedParallelIterator<Item = &[E]> {
    images.par_chunks(chunk::<E>(planes))
}

/// The images of one block after the other, to be changed, in parallel.
fn image_chunks_mut<E: Element>(
    images: &mut [E],
    planes: Planes,
) -> impl IndexedParallelIterator<Item = &mut [E]> {
    images.par_chunks_mut(chunk::<E>(planes))
}

/// So many chunks, or as often nothing if there are no numbers.
fn optional_chunks<E: Element>(
    numbers: &mut [E],
    size: usize,
    count: usize,
) -> impl IndexedParallelIterator<Item = Option<&mut [E]>> {
    let mut chunks: Vec<Option<&mut [E]>> = numbers.chunks_mut(size).map(Some).collect();
    chunks.resize_with(count, || None);
    chunks.into_par_iter()
}

/// How many bytes of interleaved images are worked on together: what stays in the cache, with the
/// plain images that they come from.
const TOGETHER: usize = 128 << 10;

/// Divides the channels of blocks, as many in each, into parts that stay in the cache: the first
/// channel, and the shapes with so many channels.
fn channel_parts<E: Element, const N: usize>(
    planes: [Planes; N],
) -> impl Iterator<Item = (usize, [Planes; N])> {
    let bytes = planes.iter().map(|planes| planes.plane() * lanes::<E>() * size_of::<E>());
    let channels = planes.first().map_or(0, |planes| planes.channels);
    let size = (TOGETHER / bytes.sum::<usize>().max(1)).clamp(1, channels.max(1));
    (0..channels).step_by(size).map(move |first| {
        let channels = size.min(channels - first);
        (first, planes.map(|planes| Planes { channels, ..planes }))
    })
}

/// `count` values along an axis, a stride apart.
fn strided(x: &Tensor, axis: usize, from: usize, stride: usize, count: usize) -> Result<Tensor> {
    if stride == 1 {
        return x.narrow(axis, from, count);
    }
    let x = x.narrow(axis, from, (count - 1) * stride + 1)?;
    let x = x.pad_with_zeros(axis, 0, stride - 1)?;
    let mut dims = x.dims().to_vec();
    dims[axis] = count;
    dims.insert(axis + 1, stride);
    x.reshape(dims)?.narrow(axis + 1, 0, 1)?.squeeze(axis + 1)
}
