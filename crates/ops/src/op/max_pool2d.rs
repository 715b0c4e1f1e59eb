//! Maximum pooling: the largest value of each window of each channel. The gradient goes to the
//! first of the largest, row by row.

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::custom::{Number, Numbers, Pass, Way, record};
use super::{Pool2d, channel_parts, image_chunks, image_chunks_mut, pool_shapes, strided};
use crate::kernel::Write;
use crate::kernel::pool::{MaxGradient, MaxPool, Pooling};
use crate::kernel::rows::{Source, Target};
use crate::layout::{Planes, pack_channels, unpack_channels};
use crate::scratch::Scratch;
use crate::simd::{dispatch, lanes};

/// The largest value of each window of images `[batch, channels, height, width]`: `[batch, channels,
/// rows, columns]`, where `rows = (height + 2 * padding - kernel) / stride + 1`.
///
/// # Errors
/// If these are no images, or there is no room for a window.
pub fn max_pool2d(x: &Tensor, config: Pool2d) -> Result<Tensor> {
    let (batch, input, output) = pool_shapes("max_pool2d", x, config)?;
    let Pool2d { kernel: size, stride, padding, .. } = config;
    let shapes = Shapes { batch, input, output, pooling: Pooling { size, stride, padding } };
    match Way::of(&[x]) {
        Way::F32 => with_kernels::<f32>(x, shapes),
        Way::F64 => with_kernels::<f64>(x, shapes),
        Way::Reference => max_pool2d_reference(x, config),
    }
}

/// [`max_pool2d`], composed of tensor operations: maxima of columns, then of rows. Where several
/// values are the largest, they share the gradient.
///
/// # Errors
/// As [`max_pool2d`].
pub fn max_pool2d_reference(x: &Tensor, config: Pool2d) -> Result<Tensor> {
    let (_, _, output) = pool_shapes("max_pool2d", x, config)?;
    let Pool2d { kernel, stride, padding, .. } = config;
    let mut largest = x.clone();
    for (axis, count) in [(3, output.width), (2, output.height)] {
        let mut padded = largest;
        if padding > 0 {
            let mut dims = padded.dims().to_vec();
            dims[axis] = padding;
            let outside = Tensor::full(f64::NEG_INFINITY, dims, x.device())?.to_dtype(x.dtype())?;
            padded = Tensor::cat(&[&outside, &padded, &outside], axis)?;
        }
        largest = strided(&padded, axis, 0, stride, count)?.contiguous()?;
        for tap in 1..kernel {
            let values = strided(&padded, axis, tap, stride, count)?.contiguous()?;
            largest = largest.maximum(&values)?;
        }
    }
    Ok(largest)
}

#[derive(Clone, Copy, Debug)]
struct Shapes {
    batch: usize,
    input: Planes,
    output: Planes,
    pooling: Pooling,
}

fn with_kernels<E: Number>(x: &Tensor, shapes: Shapes) -> Result<Tensor> {
    let Shapes { batch, output, .. } = shapes;
    let contiguous = x.contiguous()?;
    let y = forward(&shapes, Numbers::<E>::of(&contiguous)?.get()?);
    let shape = (batch, output.channels, output.height, output.width);
    record("max_pool2d", &[x], y, shape, move |pass| backward::<E>(pass, &shapes))
}

fn forward<E: Number>(shapes: &Shapes, x: &[E]) -> Vec<E> {
    let Shapes { batch, input, output, pooling } = *shapes;
    let mut y = vec![E::default(); batch * output.vectors()];
    image_chunks(x, input).zip(image_chunks_mut(&mut y, output)).for_each(|(x, y)| {
        let mut scratch = Scratch::new(input.width * lanes::<E>());
        for (first, [from, to]) in channel_parts::<E, 2>([input, output]) {
            let mut pixels = Scratch::new(from.vectors() * lanes::<E>());
            let mut maxima = Scratch::new(to.vectors() * lanes::<E>());
            pack_channels(x, (input.channels, first), from, &mut pixels);
            dispatch(MaxPool {
                input: &pixels,
                from,
                output: &mut maxima,
                to,
                pooling,
                write: Write::Set,
                scratch: &mut scratch,
            });
            unpack_channels(&maxima, to, (output.channels, first), y);
        }
    });
    y
}

fn backward<E: Number>(pass: &Pass<'_>, shapes: &Shapes) -> Result<Vec<Option<Tensor>>> {
    let Shapes { input, output, pooling, .. } = *shapes;
    let x = pass.inputs[0].contiguous()?;
    let (x, y) = (Numbers::<E>::of(&x)?, Numbers::<E>::of(pass.output)?);
    let gradient = Numbers::<E>::of(pass.gradient)?;
    let (x, y, gradient) = (x.get()?, y.get()?, gradient.get()?);
    let mut for_x = vec![E::default(); x.len()];
    let sources =
        image_chunks(x, input).zip(image_chunks(y, output)).zip(image_chunks(gradient, output));
    sources.zip(image_chunks_mut(&mut for_x, input)).for_each(|(((x, y), gradient), for_x)| {
        let channels = input.channels;
        for (first, [from, to, ..]) in channel_parts::<E, 4>([output, input, output, input]) {
            let mut pixels = Scratch::new(to.vectors() * lanes::<E>());
            let mut maxima = Scratch::new(from.vectors() * lanes::<E>());
            let mut gradients = Scratch::new(from.vectors() * lanes::<E>());
            let mut target = Scratch::new(to.vectors() * lanes::<E>());
            pack_channels(x, (channels, first), to, &mut pixels);
            pack_channels(y, (channels, first), from, &mut maxima);
            pack_channels(gradient, (channels, first), from, &mut gradients);
            dispatch(MaxGradient {
                input: Source { data: &pixels, planes: to },
                maxima: Source { data: &maxima, planes: from },
                gradient: Source { data: &gradients, planes: from },
                output: Target { data: &mut target, planes: to },
                pooling,
                write: Write::Set,
            });
            unpack_channels(&target, to, (channels, first), for_x);
        }
    });
    Ok(vec![Some(Tensor::from_vec(for_x, pass.inputs[0].shape(), pass.gradient.device())?)])
}
