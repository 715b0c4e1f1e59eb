//! Average pooling: the mean of each window of each channel. Pixels of a window that are outside of
//! the image count as zeros, or not at all.

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::custom::{Number, Numbers, Way, record};
use super::{Pool2d, channel_parts, image_chunks, image_chunks_mut, pool_shapes, strided};
use crate::kernel::Write;
use crate::kernel::pool::{AverageGradient, AveragePool, Divisor, Pooling};
use crate::layout::{Planes, pack_channels, unpack_channels};
use crate::scratch::Scratch;
use crate::simd::{dispatch, lanes};

/// The mean of each window of images `[batch, channels, height, width]`: `[batch, channels, rows,
/// columns]`, where `rows = (height + 2 * padding - kernel) / stride + 1`.
///
/// # Errors
/// If these are no images, or there is no room for a window.
pub fn avg_pool2d(x: &Tensor, config: Pool2d) -> Result<Tensor> {
    let (batch, input, output) = pool_shapes("avg_pool2d", x, config)?;
    let shapes = Shapes { batch, input, output, config };
    match Way::of(&[x]) {
        Way::F32 => with_kernels::<f32>(x, shapes),
        Way::F64 => with_kernels::<f64>(x, shapes),
        Way::Reference => avg_pool2d_reference(x, config),
    }
}

/// [`avg_pool2d`], composed of tensor operations: a sum over the pixels of a window.
///
/// # Errors
/// As [`avg_pool2d`].
pub fn avg_pool2d_reference(x: &Tensor, config: Pool2d) -> Result<Tensor> {
    let (_, input, output) = pool_shapes("avg_pool2d", x, config)?;
    let sum = |x: &Tensor| {
        let Pool2d { kernel, stride, padding, .. } = config;
        let mut sum = x.clone();
        for (axis, count) in [(2, output.height), (3, output.width)] {
            let padded = sum.pad_with_zeros(axis, padding, padding)?;
            sum = strided(&padded, axis, 0, stride, count)?;
            for tap in 1..kernel {
                sum = (sum + strided(&padded, axis, tap, stride, count)?)?;
            }
        }
        Ok::<_, candle_core::Error>(sum)
    };
    if config.count_padding {
        return sum(x)? / (config.kernel * config.kernel) as f64;
    }
    let ones = Tensor::ones((1, 1, input.height, input.width), x.dtype(), x.device())?;
    sum(x)?.broadcast_div(&sum(&ones)?)
}

#[derive(Clone, Copy, Debug)]
struct Shapes {
    batch: usize,
    input: Planes,
    output: Planes,
    config: Pool2d,
}

impl Shapes {
    fn pooling(&self) -> (Pooling, Divisor) {
        let Pool2d { kernel: size, stride, padding, count_padding } = self.config;
        let divisor = if count_padding { Divisor::All } else { Divisor::Inside };
        (Pooling { size, stride, padding }, divisor)
    }
}

fn with_kernels<E: Number>(x: &Tensor, shapes: Shapes) -> Result<Tensor> {
    let Shapes { batch, input, output, .. } = shapes;
    let contiguous = x.contiguous()?;
    let y = forward(&shapes, Numbers::<E>::of(&contiguous)?.get()?);
    let shape = (batch, output.channels, output.height, output.width);
    record("avg_pool2d", &[x], y, shape, move |pass| {
        let gradient = Numbers::<E>::of(pass.gradient)?;
        let for_x = backward(&shapes, gradient.get()?);
        let shape = (batch, input.channels, input.height, input.width);
        Ok(vec![Some(Tensor::from_vec(for_x, shape, pass.gradient.device())?)])
    })
}

fn forward<E: Number>(shapes: &Shapes, x: &[E]) -> Vec<E> {
    let Shapes { batch, input, output, .. } = *shapes;
    let (pooling, divisor) = shapes.pooling();
    let mut y = vec![E::default(); batch * output.vectors()];
    image_chunks(x, input).zip(image_chunks_mut(&mut y, output)).for_each(|(x, y)| {
        let mut scratch = Scratch::new(input.width * lanes::<E>());
        for (first, [from, to]) in channel_parts::<E, 2>([input, output]) {
            let mut pixels = Scratch::new(from.vectors() * lanes::<E>());
            let mut means = Scratch::new(to.vectors() * lanes::<E>());
            pack_channels(x, (input.channels, first), from, &mut pixels);
            dispatch(AveragePool {
                input: &pixels,
                from,
                output: &mut means,
                to,
                pooling,
                divisor,
                write: Write::Set,
                scratch: &mut scratch,
            });
            unpack_channels(&means, to, (output.channels, first), y);
        }
    });
    y
}

fn backward<E: Number>(shapes: &Shapes, gradient: &[E]) -> Vec<E> {
    let Shapes { batch, input, output, .. } = *shapes;
    let (pooling, divisor) = shapes.pooling();
    let mut for_x = vec![E::default(); batch * input.vectors()];
    let chunks = image_chunks(gradient, output).zip(image_chunks_mut(&mut for_x, input));
    chunks.for_each(|(gradient, for_x)| {
        let mut scratch = Scratch::new(output.width * lanes::<E>());
        for (first, [from, to]) in channel_parts::<E, 2>([output, input]) {
            let mut means = Scratch::new(from.vectors() * lanes::<E>());
            let mut pixels = Scratch::new(to.vectors() * lanes::<E>());
            pack_channels(gradient, (output.channels, first), from, &mut means);
            dispatch(AverageGradient {
                gradient: &means,
                from,
                output: &mut pixels,
                to,
                pooling,
                divisor,
                write: Write::Set,
                scratch: &mut scratch,
            });
            unpack_channels(&pixels, to, (input.channels, first), for_x);
        }
    });
    for_x
}
