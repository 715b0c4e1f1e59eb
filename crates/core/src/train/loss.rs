//! The loss of a classifier.

use candle_core::{Device, Tensor};

use crate::Result;

/// The mean cross-entropy of logits `[batch, classes]` and labels.
///
/// With label smoothing, that part of the target is spread evenly over all classes, the right one
/// included (C. Szegedy et al. 2016, arXiv:1512.00567).
///
/// # Errors
/// If the shapes do not fit, or a label is no class.
pub fn cross_entropy(logits: &Tensor, labels: &[u32], label_smoothing: f64) -> Result<Tensor> {
    let labels = Tensor::from_slice(labels, labels.len(), &Device::Cpu)?;
    Ok(nascent_ops::op::cross_entropy(logits, &labels, label_smoothing)?)
}

/// The mean cross-entropy of logits `[batch, classes]`, and its gradient for them: the same as
/// [`cross_entropy`] without the tensor library.
pub(crate) fn cross_entropy_gradient(
    logits: &[f32],
    labels: &[u32],
    label_smoothing: f64,
    gradient: &mut [f32],
) -> f64 {
    let classes = logits.len() / labels.len().max(1);
    let (count, spread) = (labels.len() as f64, label_smoothing / classes as f64);
    let mut loss = 0.0;
    let rows = std::iter::zip(logits.chunks(classes), gradient.chunks_mut(classes));
    for ((row, gradient), label) in rows.zip(labels) {
        let largest = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        let sum: f64 = row.iter().map(|x| (f64::from(*x) - largest).exp()).sum();
        let normalizer = largest + sum.ln();
        for (class, (x, gradient)) in std::iter::zip(row, gradient).enumerate() {
            let log = f64::from(*x) - normalizer;
            let right = f64::from(u8::from(class == *label as usize));
            let target = right * (1.0 - label_smoothing) + spread;
            loss -= target * log;
            *gradient = ((log.exp() - target) / count) as f32;
        }
    }
    loss / count
}

/// The sum of the cross-entropies, and the number of right answers, of logits that were read back.
/// Of equal logits the first is the answer.
pub(crate) fn score(logits: &[f32], labels: &[u32], classes: usize) -> (f64, usize) {
    let (mut loss, mut right) = (0.0, 0);
    for (row, label) in logits.chunks(classes).zip(labels) {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let normalizer: f64 = row.iter().map(|x| f64::from(x - largest).exp()).sum();
        let chosen = row.get(*label as usize).copied().unwrap_or(f32::NAN);
        loss += normalizer.ln() - f64::from(chosen - largest);
        right += usize::from(row.iter().position(|x| *x == largest) == Some(*label as usize));
    }
    (loss, right)
}

#[cfg(test)]
mod tests {
    use super::*;

    // torch.nn.functional.cross_entropy of PyTorch 2, in float64.
    #[test]
    fn the_loss_is_that_of_pytorch() {
        let values = [1.0, -2.0, 0.5, 3.0, 0.0, -1.0_f64];
        let logits = Tensor::from_slice(&values, (2, 3), &Device::Cpu).unwrap();
        let loss = |smoothing| {
            cross_entropy(&logits, &[2, 0], smoothing).unwrap().to_scalar::<f64>().unwrap()
        };
        assert!((loss(0.0) - 0.535_240_403).abs() < 1e-8, "{}", loss(0.0));
        assert!((loss(0.1) - 0.685_240_403).abs() < 1e-8, "{}", loss(0.1));
        let plain: Vec<f32> = values.iter().map(|x| *x as f32).collect();
        let (sum, right) = score(&plain, &[2, 0], 3);
        assert!((sum / 2.0 - loss(0.0)).abs() < 1e-6);
        assert_eq!(right, 1);
    }
}
