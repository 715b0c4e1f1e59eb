//! The settings of a supernet.

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::config::invalid;
use crate::train::TrainConfig;

/// The settings that all searchers of this folder have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Epochs of the supernet; 1 to 100,000.
    pub supernet_epochs: u32,
    /// Examples in a batch; 2 to 65,536.
    pub batch_size: usize,
    /// The learning rate of the weights at the start, above 0; it falls as a cosine.
    pub learning_rate: f64,
    /// The learning rate of the weights at the end, at least 0.
    pub learning_rate_end: f64,
    /// How much of the last step of the weights is kept; from 0 to below 1.
    pub momentum: f64,
    /// How much weights decay, at least 0; scales, shifts and biases do not.
    pub weight_decay: f64,
    /// The largest norm of the gradient of the weights; 0 for no limit.
    pub clip_norm: f64,
    /// The learning rate of α by Adam, above 0.
    pub alpha_learning_rate: f64,
    /// How much α decays, at least 0.
    pub alpha_weight_decay: f64,
    /// Images are moved by up to so many pixels.
    pub augment_crop: usize,
    /// Whether images are mirrored at random.
    pub augment_flip: bool,
    /// After how many epochs, each time, the largest eigenvalue of the Hessian of the validation loss
    /// over α is estimated, which takes ten batches; 0 for never. Only where α is the mixture, and
    /// nothing is drawn.
    pub eigenvalue_every: u32,
    /// Whether the supernet stops when that eigenvalue has grown quickly, and goes back to the α of
    /// five epochs before; it is then estimated after every epoch.
    pub stop_on_collapse: bool,
    /// What is proposed behind the last epoch: the strongest architectures, or random ones.
    pub proposals: Proposals,
    /// Whether what is proposed begins its training with the weights of the supernet, instead of from
    /// scratch.
    pub inherit_weights: bool,
    /// Of what α is to take little: params, flops or latency.
    pub cost: CostKind,
    /// How much the cost weighs beside the loss, at least 0: what is added is this times the cost
    /// that is expected of the mixture, as a share of that of the most expensive network.
    pub cost_weight: f64,
    /// With `cost = latency`: the milliseconds of each operation of each edge, one after the other, as
    /// `nascent latency` measures them.
    pub latencies: Vec<f64>,
}

/// What an operation costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CostKind {
    /// Trainable numbers.
    Params,
    /// Multiply-accumulate operations for one example.
    #[default]
    Flops,
    /// The milliseconds that were measured for one example.
    Latency,
}

/// What a searcher with a supernet proposes when that is trained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proposals {
    /// The architectures that it prefers, the best first.
    #[default]
    Strongest,
    /// Architectures that are drawn evenly: to find out how well the shared weights rank them.
    Sampled,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            supernet_epochs: 25,
            batch_size: 64,
            learning_rate: 0.025,
            learning_rate_end: 0.001,
            momentum: 0.9,
            weight_decay: 3e-4,
            clip_norm: 5.0,
            alpha_learning_rate: 3e-4,
            alpha_weight_decay: 1e-3,
            augment_crop: 0,
            augment_flip: false,
            eigenvalue_every: 5,
            stop_on_collapse: false,
            proposals: Proposals::default(),
            inherit_weights: false,
            cost: CostKind::default(),
            cost_weight: 0.0,
            latencies: Vec::new(),
        }
    }
}

impl Settings {
    pub(super) fn check(&self, name: &str) -> Result<()> {
        let not_negative = |x: f64| x.is_finite() && x >= 0.0;
        let problems = [
            ((1..=100_000).contains(&self.supernet_epochs), "supernet_epochs must be 1 to 100000"),
            ((2..=65_536).contains(&self.batch_size), "batch_size must be 2 to 65536"),
            (
                [self.learning_rate, self.alpha_learning_rate].map(|x| x.is_finite() && x > 0.0)
                    == [true; 2],
                "learning_rate and alpha_learning_rate must be above 0 and finite",
            ),
            ((0.0..1.0).contains(&self.momentum), "momentum must be from 0 to below 1"),
            (
                [
                    self.learning_rate_end,
                    self.weight_decay,
                    self.clip_norm,
                    self.alpha_weight_decay,
                    self.cost_weight,
                ]
                .into_iter()
                .all(not_negative),
                "learning_rate_end, weight_decay, clip_norm, alpha_weight_decay and cost_weight must \
                 be at least 0 and finite",
            ),
        ];
        match problems.iter().find(|(is_right, _)| !is_right) {
            Some((_, problem)) => Err(invalid(name, *problem)),
            None => Ok(()),
        }
    }

    pub(super) fn train_config(&self) -> TrainConfig {
        TrainConfig {
            batch_size: self.batch_size,
            learning_rate: self.learning_rate,
            momentum: self.momentum,
            nesterov: false,
            weight_decay: self.weight_decay,
            clip_norm: self.clip_norm,
            augment_crop: self.augment_crop,
            augment_flip: self.augment_flip,
            ..TrainConfig::default()
        }
    }
}
