//! Where all random tensors come from.
//!
//! candle's generator on the CPU cannot be seeded, and on a GPU it is another one. So random
//! numbers are drawn here, on the CPU, from a seed that derives from the name of the tensor: the
//! first value of a parameter does not depend on what else the network has, on the device, or on
//! the precision beyond rounding.

use std::f64::consts::TAU;

use candle_core::{DType, Device, Tensor};
use rand::RngExt as _;

use crate::{Result, Rng, Seed};

/// The first value of a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// The same number everywhere.
    Constant(f64),
    /// Normal with the variance `2 / fan_in` (K. He et al. 2015, arXiv:1502.01852), which keeps the
    /// variance through a rectifier.
    KaimingNormal {
        /// How many inputs each output has.
        fan_in: usize,
    },
    /// Uniform between `-1 / sqrt(fan_in)` and `1 / sqrt(fan_in)`.
    Uniform {
        /// How many inputs each output has.
        fan_in: usize,
    },
}

impl Start {
    /// Whether it is drawn.
    pub(crate) fn is_random(self) -> bool {
        !matches!(self, Self::Constant(_))
    }
}

/// A tensor with the first value of the parameter of this name.
pub(crate) fn tensor(
    seed: Seed,
    name: &str,
    dims: &[usize],
    start: Start,
    dtype: DType,
    device: &Device,
) -> Result<Tensor> {
    let count = dims.iter().product();
    let mut rng = seed.derive("weights", 0).derive(name, 0).rng();
    let values: Vec<f64> = match start {
        Start::Constant(value) => vec![value; count],
        Start::KaimingNormal { fan_in } => {
            let scale = (2.0 / fan_in.max(1) as f64).sqrt();
            (0..count).map(|_| scale * normal(&mut rng)).collect()
        }
        Start::Uniform { fan_in } => {
            let bound = 1.0 / (fan_in.max(1) as f64).sqrt();
            (0..count).map(|_| bound * (2.0 * rng.random::<f64>() - 1.0)).collect()
        }
    };
    from_values(values, dims, dtype, device)
}

/// The numbers of a [`dropout_mask`], without end.
pub(crate) fn dropout_values(rng: &mut Rng, rate: f64) -> impl Iterator<Item = f64> {
    let keep = 1.0 / (1.0 - rate);
    std::iter::repeat_with(move || if rng.random::<f64>() < rate { 0.0 } else { keep })
}

/// A dropout mask: 0 with the probability `rate`, else `1 / (1 - rate)`.
pub(crate) fn dropout_mask(rng: &mut Rng, rate: f64, like: &Tensor) -> Result<Tensor> {
    let values = dropout_values(rng, rate).take(like.elem_count()).collect();
    from_values(values, like.dims(), like.dtype(), like.device())
}

fn from_values(values: Vec<f64>, dims: &[usize], dtype: DType, device: &Device) -> Result<Tensor> {
    Ok(Tensor::from_vec(values, dims, &Device::Cpu)?.to_dtype(dtype)?.to_device(device)?)
}

/// A number of the standard normal distribution, by the transform of Box and Muller.
fn normal(rng: &mut Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (TAU * rng.random::<f64>()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(name: &str, start: Start) -> Vec<f64> {
        let seed = Seed::new(5);
        let tensor = tensor(seed, name, &[100, 100], start, DType::F64, &Device::Cpu).unwrap();
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn a_value_depends_on_the_name_alone_and_has_the_right_spread() {
        let a = values("a", Start::KaimingNormal { fan_in: 8 });
        assert_eq!(a, values("a", Start::KaimingNormal { fan_in: 8 }));
        assert_ne!(a, values("b", Start::KaimingNormal { fan_in: 8 }));
        let mean = a.iter().sum::<f64>() / 1e4;
        let variance = a.iter().map(|x| x * x).sum::<f64>() / 1e4;
        assert!(mean.abs() < 0.02, "{mean}");
        assert!((variance - 0.25).abs() < 0.01, "{variance}");
        let u = values("a", Start::Uniform { fan_in: 4 });
        let variance = u.iter().map(|x| x * x).sum::<f64>() / 1e4;
        assert!((variance - 0.25 / 3.0).abs() < 0.003, "{variance}");
        assert!(u.iter().all(|x| x.abs() <= 0.5));
    }

    #[test]
    fn a_mask_keeps_the_mean() {
        let like = Tensor::zeros((100, 100), DType::F32, &Device::Cpu).unwrap();
        let mask = dropout_mask(&mut Seed::new(1).rng(), 0.25, &like).unwrap();
        let mean = mask.mean_all().unwrap().to_scalar::<f32>().unwrap();
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
    }
}
