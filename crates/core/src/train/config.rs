//! The settings of a training.

use candle_core::DType;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::config::invalid;

/// What updates the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptimizerKind {
    /// Stochastic gradient descent with momentum.
    Sgd,
    /// Adam with decoupled weight decay (I. Loshchilov, F. Hutter 2019, arXiv:1711.05101).
    Adamw,
}

/// How the learning rate changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleKind {
    /// Down to 0 along half a cosine.
    Cosine,
    /// Times `step_factor` every `step_epochs` epochs.
    Step,
    /// Not at all.
    Constant,
}

/// When the learning rate changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleUnit {
    /// After every batch.
    Batch,
    /// After every epoch.
    Epoch,
}

/// The kind of number that a network computes with while it is trained on a GPU.
///
/// Weights, the moments of the optimizer, normalizations, the running statistics and the loss are
/// `f32` with each of them (P. Micikevicius et al. 2018, arXiv:1710.03740).
///
/// No GPU has run this yet. Tests train in each precision on the CPU, with the same tensor
/// operations that a GPU would get; on Metal, not even that they compile is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// 32 bits.
    F32,
    /// 16 bits, with the range of 32 and 8 bits of precision. NVIDIA GPUs have it since 2020.
    Bf16,
    /// 16 bits, with 11 bits of precision and a small range: the loss is scaled, so that small
    /// gradients do not vanish, and a step whose gradients overflow is left out.
    F16,
}

impl Precision {
    /// As the tensor library knows it.
    pub fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::Bf16 => DType::BF16,
            Self::F16 => DType::F16,
        }
    }
}

/// The settings of a training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Passes over the training examples, where the trial does not say; at least 1.
    pub epochs: u32,
    /// Examples in a training batch; at least 1.
    pub batch_size: usize,
    /// Examples in a batch of an evaluation; at least 1.
    pub eval_batch_size: usize,
    /// What updates the weights: sgd or adamw.
    pub optimizer: OptimizerKind,
    /// The highest learning rate; above 0.
    pub learning_rate: f64,
    /// The momentum of sgd; from 0 to below 1.
    pub momentum: f64,
    /// Whether sgd looks ahead along its momentum.
    pub nesterov: bool,
    /// The decay of the first moment of adamw; from 0 to below 1.
    pub beta_1: f64,
    /// The decay of the second moment of adamw; from 0 to below 1.
    pub beta_2: f64,
    /// How much weights shrink; 0 for not at all.
    pub weight_decay: f64,
    /// Whether biases and the parameters of normalizations shrink too.
    pub decay_all: bool,
    /// How the learning rate changes: cosine, step or constant.
    pub schedule: ScheduleKind,
    /// When it changes: every batch or every epoch.
    pub schedule_unit: ScheduleUnit,
    /// The epochs between two steps of a step schedule; at least 1.
    pub step_epochs: u32,
    /// What a step schedule multiplies the learning rate with.
    pub step_factor: f64,
    /// The epochs in which the learning rate rises linearly; 0 for none.
    pub warmup_epochs: f64,
    /// How much of the probability is spread over all classes; from 0 to below 1.
    pub label_smoothing: f64,
    /// The largest norm of the gradient of all weights; 0 for any.
    pub clip_norm: f64,
    /// What a GPU computes with: f32, bf16 or f16. On the CPU only f32 is allowed, as the others are
    /// slower there. No GPU has run this yet.
    pub precision: Precision,
    /// By how many pixels images shift at most, at random; 0 for none.
    pub augment_crop: usize,
    /// Whether images are mirrored at random.
    pub augment_flip: bool,
    /// The side of the square that is blanked at random; 0 for none.
    pub augment_cutout: usize,
    /// After how many epochs without a better validation the training ends; 0 for never.
    pub early_stop_patience: u32,
    /// The part of the training examples that is held out for validation; between 0 and 1.
    pub valid_fraction: f64,
    /// The part that is held out for the final test, where the data has no test part of its own;
    /// from 0 to below 1.
    pub test_fraction: f64,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 3,
            batch_size: 64,
            eval_batch_size: 256,
            optimizer: OptimizerKind::Sgd,
            learning_rate: 0.1,
            momentum: 0.9,
            nesterov: true,
            beta_1: 0.9,
            beta_2: 0.999,
            weight_decay: 5e-4,
            decay_all: false,
            schedule: ScheduleKind::Cosine,
            schedule_unit: ScheduleUnit::Batch,
            step_epochs: 1,
            step_factor: 0.1,
            warmup_epochs: 0.0,
            label_smoothing: 0.0,
            clip_norm: 5.0,
            precision: Precision::F32,
            augment_crop: 0,
            augment_flip: false,
            augment_cutout: 0,
            early_stop_patience: 0,
            valid_fraction: 0.2,
            test_fraction: 0.2,
        }
    }
}

impl TrainConfig {
    /// Checks the values.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) that names the first setting that cannot be.
    pub fn check(&self) -> Result<()> {
        let below_one = |x: f64| (0.0..1.0).contains(&x);
        let not_negative = |x: f64| x.is_finite() && x >= 0.0;
        let rules = [
            (self.epochs >= 1, "epochs must be at least 1"),
            (self.batch_size >= 1, "batch_size must be at least 1"),
            (self.eval_batch_size >= 1, "eval_batch_size must be at least 1"),
            (
                self.learning_rate.is_finite() && self.learning_rate > 0.0,
                "learning_rate must be above 0",
            ),
            (below_one(self.momentum), "momentum must be from 0 to below 1"),
            (below_one(self.beta_1), "beta_1 must be from 0 to below 1"),
            (below_one(self.beta_2), "beta_2 must be from 0 to below 1"),
            (not_negative(self.weight_decay), "weight_decay must not be negative"),
            (self.step_epochs >= 1, "step_epochs must be at least 1"),
            (not_negative(self.step_factor), "step_factor must not be negative"),
            (not_negative(self.warmup_epochs), "warmup_epochs must not be negative"),
            (below_one(self.label_smoothing), "label_smoothing must be from 0 to below 1"),
            (not_negative(self.clip_norm), "clip_norm must not be negative"),
            (
                self.valid_fraction > 0.0 && self.valid_fraction < 1.0,
                "valid_fraction must be between 0 and 1",
            ),
            (below_one(self.test_fraction), "test_fraction must be from 0 to below 1"),
            (
                self.valid_fraction + self.test_fraction < 1.0,
                "valid_fraction and test_fraction must leave something to train on",
            ),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, problem)) => Err(invalid("train evaluator", *problem)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_a_wrong_setting_is_named() {
        TrainConfig::default().check().unwrap();
        let config = TrainConfig { momentum: 1.0, ..TrainConfig::default() };
        assert_eq!(
            config.check().unwrap_err().to_string(),
            "train evaluator: momentum must be from 0 to below 1"
        );
        let config = TrainConfig { learning_rate: f64::NAN, ..TrainConfig::default() };
        assert!(config.check().is_err());
        let unknown = serde_json::from_str::<TrainConfig>(r#"{"epoch": 3}"#);
        assert!(unknown.unwrap_err().to_string().contains("epoch"));
        let some = serde_json::from_str::<TrainConfig>(r#"{"optimizer": "adamw"}"#).unwrap();
        assert_eq!(some.optimizer, OptimizerKind::Adamw);
    }
}
