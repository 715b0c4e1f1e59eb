//! The cross-entropy of classes with the softmax of logits, with label smoothing (C. Szegedy et al.
//! 2016): the mean over the batch of `log Σ exp(x) - (1 - s) · x[label] - s · mean(x)`, with the
//! smoothing `s`. Its gradient, `(softmax(x) - target) / batch`, is computed along with it.

use candle_core::{D, DType, Result, Tensor, bail};
use rayon::prelude::*;

use super::custom::{Number, Numbers, Way, record};
use super::wide;

/// The cross-entropy of logits `[batch, classes]` and labels `[batch]`, whole numbers below the
/// number of classes: one number, the mean of the batch, in `f32` for logits in half precision. A
/// part `label_smoothing`, from 0 to 1, of each target is shared by all classes.
///
/// # Errors
/// If the shapes do not fit, a label is no class, or the smoothing is not from 0 to 1.
pub fn cross_entropy(logits: &Tensor, labels: &Tensor, label_smoothing: f64) -> Result<Tensor> {
    check(logits, labels, label_smoothing)?;
    match Way::of(&[logits]) {
        Way::F32 => with_kernels::<f32>(logits, labels, label_smoothing),
        Way::F64 => with_kernels::<f64>(logits, labels, label_smoothing),
        Way::Reference => cross_entropy_reference(logits, labels, label_smoothing),
    }
}

/// [`cross_entropy`], composed of tensor operations.
///
/// # Errors
/// As [`cross_entropy`].
pub fn cross_entropy_reference(
    logits: &Tensor,
    labels: &Tensor,
    label_smoothing: f64,
) -> Result<Tensor> {
    check(logits, labels, label_smoothing)?;
    let labels = labels.to_device(logits.device())?.to_dtype(DType::U32)?;
    let logits = logits.to_dtype(wide(logits.dtype()))?;
    let centered = logits.broadcast_sub(&logits.max_keepdim(D::Minus1)?.detach())?;
    let sum = centered.exp()?.sum_keepdim(D::Minus1)?.log()?;
    let log = centered.broadcast_sub(&sum)?;
    let right = log.gather(&labels.unsqueeze(1)?, 1)?.mean_all()?;
    (right * (label_smoothing - 1.0))? - (log.mean_all()? * label_smoothing)?
}

fn check(logits: &Tensor, labels: &Tensor, label_smoothing: f64) -> Result<()> {
    let fits = match (logits.dims(), labels.dims()) {
        ([batch, classes], [count]) => batch == count && batch * classes > 0,
        _ => false,
    };
    if !fits || !labels.dtype().is_int() {
        let (dtype, labels) = (labels.dtype(), labels.shape());
        bail!("cross_entropy: logits {:?} and labels {labels:?} of {dtype:?}", logits.shape());
    }
    if !(0.0..=1.0).contains(&label_smoothing) {
        bail!("cross_entropy: a label smoothing of {label_smoothing} is not from 0 to 1");
    }
    Ok(())
}

/// How many numbers a task works on.
const TASK: usize = 1 << 14;

fn with_kernels<E: Number>(logits: &Tensor, labels: &Tensor, smoothing: f64) -> Result<Tensor> {
    let (batch, classes) = logits.dims2()?;
    let labels: Vec<u32> = labels.to_dtype(DType::U32)?.to_vec1()?;
    if let Some(label) = labels.iter().find(|label| **label as usize >= classes) {
        bail!("cross_entropy: a label {label} for {classes} classes");
    }
    let contiguous = logits.contiguous()?;
    let numbers = Numbers::<E>::of(&contiguous)?;
    let numbers = numbers.get()?;
    let mut gradient = vec![E::default(); numbers.len()];
    let mut losses = vec![0.0; batch];
    let rows = (TASK / classes).max(1);
    let tasks = numbers.par_chunks(rows * classes).zip(labels.par_chunks(rows));
    let targets = gradient.par_chunks_mut(rows * classes).zip(losses.par_chunks_mut(rows));
    tasks.zip(targets).for_each(|((logits, labels), (gradients, losses))| {
        let rows = std::iter::zip(logits.chunks_exact(classes), labels);
        let targets = std::iter::zip(gradients.chunks_exact_mut(classes), losses);
        for ((logits, label), (gradient, loss)) in rows.zip(targets) {
            *loss = one_row(logits, *label as usize, smoothing, batch, gradient);
        }
    });
    let loss = losses.iter().sum::<f64>() / batch as f64;
    let loss = vec![<E as crate::simd::Element>::of(loss)];
    let gradient = Tensor::from_vec(gradient, (batch, classes), logits.device())?;
    record("cross_entropy", &[logits], loss, (), move |pass| {
        Ok(vec![Some(gradient.broadcast_mul(pass.gradient)?)])
    })
}

/// The loss of an example, and its gradient divided by the number of examples.
fn one_row<E: Number>(
    logits: &[E],
    label: usize,
    smoothing: f64,
    batch: usize,
    gradient: &mut [E],
) -> f64 {
    let largest = logits.iter().copied().fold(logits[0], |a, b| if b > a { b } else { a });
    let (mut exponentials, mut sum) = (0.0, 0.0);
    for (target, logit) in std::iter::zip(&mut *gradient, logits) {
        *target = (*logit - largest).exponential();
        exponentials += target.wide();
        sum += (*logit - largest).wide();
    }
    let share = smoothing / logits.len() as f64;
    let factor = 1.0 / (exponentials * batch as f64);
    for target in &mut *gradient {
        *target = <E as crate::simd::Element>::of(target.wide() * factor - share / batch as f64);
    }
    let right = (1.0 - smoothing) / batch as f64;
    gradient[label] -= <E as crate::simd::Element>::of(right);
    let target = (1.0 - smoothing) * (logits[label] - largest).wide() + share * sum;
    exponentials.ln() - target
}
