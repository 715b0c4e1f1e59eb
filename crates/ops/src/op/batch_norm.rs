//! Batch normalization (S. Ioffe, C. Szegedy 2015): `y = scale · (x - mean) / √(variance + eps) +
//! shift`, by channel. In training the mean and the variance are those of the batch; else they are
//! the running statistics that trainings have left.
//!
//! With `a = scale / √(variance + eps)` and `n` numbers in a channel, the gradient of `x` in
//! training is `a · (g - Σg / n - (x - mean) · Σ(g · (x - mean)) / (n · (variance + eps)))`: one
//! combination of `g` and `x` for each channel, behind one pass for both sums. Nothing has to look
//! at a neighbor, so the images stay in the plain order.

use candle_core::{Result, Tensor, Var, bail};

use super::custom::{Number, Numbers, Pass, Way, record};
use super::plain::{combine, moments};
use super::wide;
use crate::kernel::plain::Plain;

/// How a [`batch_norm`] normalizes.
#[derive(Clone, Copy, Debug)]
pub struct BatchNorm<'a> {
    /// What is added to a variance before its root is taken.
    pub eps: f64,
    /// The part of the running statistics that a batch replaces.
    pub momentum: f64,
    /// The mean of each channel, `[channels]`; 0 at first.
    pub running_mean: &'a Var,
    /// The variance of each channel, `[channels]`; 1 at first.
    pub running_variance: &'a Var,
}

/// Normalizes images `[batch, channels, height, width]` or features `[batch, channels]`, then
/// scales and shifts them by `[channels]`, where given. In training, this moves the running
/// statistics; the variance that they get is unbiased.
///
/// # Errors
/// If the shapes do not fit, or in training there is only one number for a channel.
pub fn batch_norm(
    x: &Tensor,
    scale: Option<&Tensor>,
    shift: Option<&Tensor>,
    config: BatchNorm<'_>,
    train: bool,
) -> Result<Tensor> {
    let shape = plain_shape(x, scale, shift, config, train)?;
    let given: Vec<&Tensor> = [Some(x), scale, shift].into_iter().flatten().collect();
    match Way::of(&given) {
        Way::F32 => with_kernels::<f32>(x, scale, shift, config, train, shape),
        Way::F64 => with_kernels::<f64>(x, scale, shift, config, train, shape),
        Way::Reference => batch_norm_reference(x, scale, shift, config, train),
    }
}

/// [`batch_norm`], composed of tensor operations.
///
/// # Errors
/// As [`batch_norm`].
pub fn batch_norm_reference(
    x: &Tensor,
    scale: Option<&Tensor>,
    shift: Option<&Tensor>,
    config: BatchNorm<'_>,
    train: bool,
) -> Result<Tensor> {
    let Plain { channels, .. } = plain_shape(x, scale, shift, config, train)?;
    let column = if x.rank() == 4 { vec![1, channels, 1, 1] } else { vec![1, channels] };
    let (dtype, x) = (x.dtype(), x.to_dtype(wide(x.dtype()))?);
    let (centered, variance) = if train {
        let mean_of = |x: &Tensor| match x.rank() {
            4 => x.mean_keepdim((0, 2, 3)),
            _ => x.mean_keepdim(0),
        };
        let mean = mean_of(&x)?;
        let centered = x.broadcast_sub(&mean)?;
        let variance = mean_of(&centered.sqr()?)?;
        let count = x.elem_count() / channels;
        let moved = |running: &Var, batch: Tensor| {
            let batch = batch.detach().to_dtype(running.dtype())?.reshape(channels)?;
            let kept = (running.as_detached_tensor() * (1.0 - config.momentum))?;
            running.set(&(kept + (batch * config.momentum)?)?)
        };
        moved(config.running_mean, mean)?;
        moved(config.running_variance, (&variance * (count as f64 / (count - 1) as f64))?)?;
        (centered, variance)
    } else {
        let constant = |running: &Var| {
            running.as_detached_tensor().to_dtype(x.dtype())?.reshape(column.clone())
        };
        (x.broadcast_sub(&constant(config.running_mean)?)?, constant(config.running_variance)?)
    };
    let mut y = centered.broadcast_div(&(variance + config.eps)?.sqrt()?)?;
    if let Some(scale) = scale {
        y = y.broadcast_mul(&scale.to_dtype(x.dtype())?.reshape(column.clone())?)?;
    }
    if let Some(shift) = shift {
        y = y.broadcast_add(&shift.to_dtype(x.dtype())?.reshape(column)?)?;
    }
    y.to_dtype(dtype)
}

fn plain_shape(
    x: &Tensor,
    scale: Option<&Tensor>,
    shift: Option<&Tensor>,
    config: BatchNorm<'_>,
    train: bool,
) -> Result<Plain> {
    let shape = match *x.dims() {
        [_, channels] => Plain { channels, pixels: 1 },
        [_, channels, height, width] => Plain { channels, pixels: height * width },
        _ => bail!("batch_norm: {:?} are neither images nor features", x.shape()),
    };
    let others = [
        scale,
        shift,
        Some(config.running_mean.as_tensor()),
        Some(config.running_variance.as_tensor()),
    ];
    for other in others.into_iter().flatten() {
        if other.dims() != [shape.channels] {
            bail!("batch_norm: {:?} with a value for each of {:?}", x.shape(), other.shape());
        }
    }
    if shape.numbers() == 0 || train && x.elem_count() < 2 * shape.channels {
        bail!("batch_norm: {:?} are too few numbers for a statistic", x.shape());
    }
    Ok(shape)
}

/// The mean of a channel and the inverse of its deviation.
#[derive(Clone, Copy, Debug)]
struct Statistics {
    mean: f64,
    inverse: f64,
}

fn with_kernels<E: Number>(
    x: &Tensor,
    scale: Option<&Tensor>,
    shift: Option<&Tensor>,
    config: BatchNorm<'_>,
    train: bool,
    shape: Plain,
) -> Result<Tensor> {
    let constant = |given: Option<&Tensor>, value: f64| match given {
        Some(given) => given.contiguous(),
        None => Tensor::full(value, shape.channels, x.device())?.to_dtype(x.dtype()),
    };
    let (scale_of, shift_of) = (constant(scale, 1.0)?, constant(shift, 0.0)?);
    let contiguous = x.contiguous()?;
    let numbers = Numbers::<E>::of(&contiguous)?;
    let images = numbers.get()?;
    let statistics: Vec<Statistics> = if train {
        of_batch(images, shape, config)?
    } else {
        let mean = to_f64(config.running_mean)?;
        let variance = to_f64(config.running_variance)?;
        let of = |(mean, variance): (f64, f64)| Statistics {
            mean,
            inverse: 1.0 / (variance + config.eps).sqrt(),
        };
        mean.into_iter().zip(variance).map(of).collect()
    };
    let y = {
        let (scale, shift) = (Numbers::<E>::of(&scale_of)?, Numbers::<E>::of(&shift_of)?);
        let affine = std::iter::zip(scale.get()?, shift.get()?);
        let factors = affine.zip(&statistics).map(|((scale, shift), statistics)| {
            let a = scale.wide() * statistics.inverse;
            [0.0, a, shift.wide() - a * statistics.mean].map(<E as crate::simd::Element>::of)
        });
        combine(None, images, shape, &factors.collect::<Vec<_>>())
    };
    record("batch_norm", &[x, &scale_of, &shift_of], y, x.shape(), move |pass| {
        backward::<E>(pass, shape, &statistics, train)
    })
}

fn to_f64(values: &Var) -> Result<Vec<f64>> {
    values.to_dtype(candle_core::DType::F64)?.to_vec1()
}

/// The statistics of a batch, which the running ones follow.
fn of_batch<E: Number>(
    images: &[E],
    shape: Plain,
    config: BatchNorm<'_>,
) -> Result<Vec<Statistics>> {
    let count = (images.len() / shape.channels) as f64;
    // The distances from a number of the channel are as small as its deviation, so that nothing is
    // lost where that is much smaller than the mean.
    let centers: Vec<E> =
        images.iter().step_by(shape.pixels).take(shape.channels).copied().collect();
    let sums = moments(None, images, shape, &centers);
    let (mut means, mut variances) =
        (to_f64(config.running_mean)?, to_f64(config.running_variance)?);
    let mut statistics = Vec::with_capacity(shape.channels);
    for (channel, ([sum, squares], center)) in std::iter::zip(sums, &centers).enumerate() {
        let distance = sum / count;
        let variance = (squares / count - distance * distance).max(0.0);
        let mean = center.wide() + distance;
        means[channel] += config.momentum * (mean - means[channel]);
        let unbiased = variance * count / (count - 1.0);
        variances[channel] += config.momentum * (unbiased - variances[channel]);
        statistics.push(Statistics { mean, inverse: 1.0 / (variance + config.eps).sqrt() });
    }
    for (running, values) in [(config.running_mean, means), (config.running_variance, variances)] {
        let values = Tensor::from_vec(values, shape.channels, running.device())?;
        running.set(&values.to_dtype(running.dtype())?)?;
    }
    Ok(statistics)
}

fn backward<E: Number>(
    pass: &Pass<'_>,
    shape: Plain,
    statistics: &[Statistics],
    train: bool,
) -> Result<Vec<Option<Tensor>>> {
    let (x, scale) = (pass.inputs[0].contiguous()?, pass.inputs[1].contiguous()?);
    let (x, scale) = (Numbers::<E>::of(&x)?, Numbers::<E>::of(&scale)?);
    let gradient = Numbers::<E>::of(pass.gradient)?;
    let (x, scale, gradient) = (x.get()?, scale.get()?, gradient.get()?);
    let of = <E as crate::simd::Element>::of;
    let count = (x.len() / shape.channels) as f64;
    let centers: Vec<E> = statistics.iter().map(|statistics| of(statistics.mean)).collect();
    let sums = moments(Some(gradient), x, shape, &centers);
    let mut for_scale = Vec::with_capacity(shape.channels);
    let mut for_shift = Vec::with_capacity(shape.channels);
    let mut factors = Vec::with_capacity(shape.channels);
    for (channel, ([sum, products], Statistics { mean, inverse })) in
        std::iter::zip(sums, statistics).enumerate()
    {
        let products = products - (mean - centers[channel].wide()) * sum;
        for_scale.push(of(products * inverse));
        for_shift.push(of(sum));
        let a = scale[channel].wide() * inverse;
        let b = if train { -a * inverse * inverse * products / count } else { 0.0 };
        let c = if train { -a * sum / count - b * mean } else { 0.0 };
        factors.push([of(a), of(b), of(c)]);
    }
    let device = pass.gradient.device();
    let for_x = || {
        let values = combine(Some(gradient), x, shape, &factors);
        Tensor::from_vec(values, pass.inputs[0].shape(), device)
    };
    Ok(vec![
        pass.wanted[0].then(for_x).transpose()?,
        Some(Tensor::from_vec(for_scale, shape.channels, device)?),
        Some(Tensor::from_vec(for_shift, shape.channels, device)?),
    ])
}
