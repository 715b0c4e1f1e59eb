//! What a loss is multiplied with before its gradients are computed in `f16`, whose smallest numbers
//! are larger than many gradients (P. Micikevicius et al. 2018, arXiv:1710.03740).
//!
//! The scale is as large as the gradients bear: it is halved when one overflows, in which case the
//! step is left out, and doubled after a thousand steps in which none did.

use candle_core::{Device, Tensor};

use crate::Result;

/// The number of good steps after which a larger scale is tried.
const PATIENCE: u16 = 1000;

/// The scale of a loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LossScale {
    value: f32,
    /// The steps since it changed.
    good: u16,
}

impl LossScale {
    /// That of a training that begins.
    pub(super) fn new() -> Self {
        Self { value: 65536.0, good: 0 }
    }

    /// What the loss is multiplied with.
    pub(super) fn value(self) -> f64 {
        f64::from(self.value)
    }

    /// Whether it gets no smaller. Then no step is left out: a training that diverges without a
    /// scale has to show it.
    pub(super) fn is_least(self) -> bool {
        self.value <= 1.0
    }

    /// Follows a step, which may have been left out.
    pub(super) fn follow(&mut self, was_good: bool) {
        self.good += 1;
        if !was_good {
            *self = Self { value: self.value / 2.0, good: 0 };
        } else if self.good == PATIENCE {
            *self = Self { value: self.value * 2.0, good: 0 };
        }
    }

    /// As a tensor, to be kept.
    pub(super) fn to_tensor(self) -> Result<Tensor> {
        Ok(Tensor::new(&[self.value, f32::from(self.good)], &Device::Cpu)?)
    }

    /// That of a tensor.
    pub(super) fn from_tensor(tensor: &Tensor) -> Result<Self> {
        let [value, good] = <[f32; 2]>::try_from(tensor.to_vec1()?).unwrap_or([1.0, 0.0]);
        Ok(Self { value, good: good as u16 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_halves_at_once_and_doubles_after_a_thousand_good_steps() {
        let mut scale = LossScale::new();
        scale.follow(false);
        assert_eq!(scale.value(), 32768.0);
        for _ in 0..999 {
            scale.follow(true);
        }
        assert_eq!(scale.value(), 32768.0);
        scale = LossScale::from_tensor(&scale.to_tensor().unwrap()).unwrap();
        scale.follow(true);
        assert_eq!(scale.value(), 65536.0);
        for _ in 0..16 {
            assert!(!scale.is_least());
            scale.follow(false);
        }
        assert!(scale.is_least());
    }
}
