//! Global average pooling: the mean of each channel of each image.

use candle_core::{Result, Tensor, bail};
use rayon::prelude::*;

use super::custom::{Number, Numbers, Way, record};
use super::plain::task;
use super::wide;
use crate::kernel::plain::{Plain, Sums};
use crate::simd::dispatch;

/// The mean of each channel of images `[batch, channels, height, width]`: `[batch, channels]`.
///
/// # Errors
/// If these are no images with pixels.
pub fn global_avg_pool(x: &Tensor) -> Result<Tensor> {
    match Way::of(&[x]) {
        Way::F32 => with_kernels::<f32>(x),
        Way::F64 => with_kernels::<f64>(x),
        Way::Reference => global_avg_pool_reference(x),
    }
}

/// [`global_avg_pool`], composed of tensor operations.
///
/// # Errors
/// As [`global_avg_pool`].
pub fn global_avg_pool_reference(x: &Tensor) -> Result<Tensor> {
    shape(x)?;
    x.to_dtype(wide(x.dtype()))?.mean((2, 3))?.to_dtype(x.dtype())
}

fn shape(x: &Tensor) -> Result<(usize, Plain)> {
    match *x.dims() {
        [batch, channels, height, width] if channels * height * width > 0 => {
            Ok((batch, Plain { channels, pixels: height * width }))
        }
        _ => bail!("global_avg_pool: {:?} are no images with pixels", x.shape()),
    }
}

fn with_kernels<E: Number>(x: &Tensor) -> Result<Tensor> {
    let (batch, plain) = shape(x)?;
    let Plain { channels, pixels } = plain;
    let factor = 1.0 / pixels as f64;
    let contiguous = x.contiguous()?;
    let numbers = Numbers::<E>::of(&contiguous)?;
    let mut y = vec![E::default(); batch * channels];
    let size = task(plain);
    let tasks = numbers.get()?.par_chunks(size).zip(y.par_chunks_mut(size / pixels));
    tasks.for_each(|(images, sums)| dispatch(Sums { images, pixels, sums, factor }));
    let like = x.shape().clone();
    record("global_avg_pool", &[x], y, (batch, channels), move |pass| {
        let gradient = Numbers::<E>::of(pass.gradient)?;
        let mut for_x = vec![E::default(); batch * plain.numbers()];
        let tasks = gradient.get()?.par_chunks(size / pixels).zip(for_x.par_chunks_mut(size));
        tasks.for_each(|(gradient, for_x)| {
            for (gradient, row) in std::iter::zip(gradient, for_x.chunks_exact_mut(pixels)) {
                row.fill(<E as crate::simd::Element>::of(gradient.wide() * factor));
            }
        });
        Ok(vec![Some(Tensor::from_vec(for_x, like.clone(), pass.gradient.device())?)])
    })
}
