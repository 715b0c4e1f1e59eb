//! The settings of a supernet.

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::config::invalid;
use crate::train::TrainConfig;

/// What the settings of a searcher of this folder come to: those of the weights, and where there is an
/// α those of it.
pub(super) struct AllSettings {
    pub(super) weights: Settings,
    /// None, if no α learns.
    pub(super) alpha: Option<AlphaSettings>,
    /// None, if the mixture is no smooth function of α, because something is drawn: then the loss has
    /// no curvature over α.
    pub(super) curvature: Option<CurvatureSettings>,
}

impl From<Settings> for AllSettings {
    fn from(weights: Settings) -> Self {
        Self { weights, alpha: None, curvature: None }
    }
}

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
    /// Images are moved by up to so many pixels.
    pub augment_crop: usize,
    /// Whether images are mirrored at random.
    pub augment_flip: bool,
    /// What is proposed behind the last epoch: the strongest architectures, or random ones.
    pub proposals: Proposals,
    /// Whether what is proposed begins its training with the weights of the supernet, instead of from
    /// scratch.
    pub inherit_weights: bool,
}

/// The settings of α, of the searchers that have one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlphaSettings {
    /// The learning rate of α by Adam, above 0.
    pub alpha_learning_rate: f64,
    /// How much α decays, at least 0.
    pub alpha_weight_decay: f64,
    /// Of what α is to take little: params, flops or latency.
    pub cost: CostKind,
    /// How much the cost weighs beside the loss, at least 0: what is added is this times the cost
    /// that is expected of the mixture, as a share of that of the most expensive network.
    pub cost_weight: f64,
    /// With `cost = latency`: the milliseconds of each operation of each edge, and of each width, as
    /// `nascent latency` measures them.
    pub latencies: Vec<f64>,
}

/// How the curvature of the loss over α is watched, where the mixture is a smooth function of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvatureSettings {
    /// After how many epochs, each time, the largest eigenvalue of the Hessian of the validation loss
    /// over α is estimated, which takes sixteen batches; 0 for never.
    pub eigenvalue_every: u32,
    /// Whether the supernet stops when that eigenvalue has grown quickly, and goes back to the α of
    /// six epochs before; it is then estimated after every epoch, once a fifth of the epochs is over and α
    /// learns.
    pub stop_on_collapse: bool,
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
            augment_crop: 0,
            augment_flip: false,
            proposals: Proposals::default(),
            inherit_weights: false,
        }
    }
}

impl Default for AlphaSettings {
    fn default() -> Self {
        Self {
            alpha_learning_rate: 3e-4,
            alpha_weight_decay: 1e-3,
            cost: CostKind::default(),
            cost_weight: 0.0,
            latencies: Vec::new(),
        }
    }
}

impl Default for CurvatureSettings {
    fn default() -> Self {
        Self { eigenvalue_every: 5, stop_on_collapse: false }
    }
}

impl AlphaSettings {
    fn problem(&self) -> Option<&'static str> {
        if !is_positive(self.alpha_learning_rate) {
            return Some("alpha_learning_rate must be above 0 and finite");
        }
        let are_there = [self.alpha_weight_decay, self.cost_weight].into_iter().all(is_there);
        (!are_there).then_some("alpha_weight_decay and cost_weight must be at least 0 and finite")
    }
}

fn is_positive(x: f64) -> bool {
    x.is_finite() && x > 0.0
}

fn is_there(x: f64) -> bool {
    x.is_finite() && x >= 0.0
}

impl AllSettings {
    /// Whether all are in their ranges.
    ///
    /// # Errors
    /// If one is not.
    pub(super) fn check(&self, name: &str) -> Result<()> {
        let of_alpha = self.alpha.as_ref().and_then(AlphaSettings::problem);
        match self.weights.problem().or(of_alpha) {
            Some(problem) => Err(invalid(name, problem)),
            None => Ok(()),
        }
    }
}

impl Settings {
    fn problem(&self) -> Option<&'static str> {
        if !(1..=100_000).contains(&self.supernet_epochs) {
            return Some("supernet_epochs must be 1 to 100000");
        }
        if !(2..=65_536).contains(&self.batch_size) {
            return Some("batch_size must be 2 to 65536");
        }
        if !is_positive(self.learning_rate) {
            return Some("learning_rate must be above 0 and finite");
        }
        if !(0.0..1.0).contains(&self.momentum) {
            return Some("momentum must be from 0 to below 1");
        }
        let others = [self.learning_rate_end, self.weight_decay, self.clip_norm];
        let problem = "learning_rate_end, weight_decay and clip_norm must be at least 0 and finite";
        (!others.into_iter().all(is_there)).then_some(problem)
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
