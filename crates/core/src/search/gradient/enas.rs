//! ENAS: a recurrent controller draws the network of each batch, and learns by reinforcement from what
//! networks do with the weights that they share.
//!
//! # Algorithm
//! 1. For each batch of an epoch the controller draws an architecture, and the weights that it uses
//!    move (Pham et al., section 2.2, first phase, with one network for each batch).
//! 2. Behind the epoch, for `controller_steps` steps: `controller_batch` architectures are drawn, the
//!    reward of each is its accuracy on a batch of validation examples with the shared weights, and
//!    the controller moves along the gradient of `log p · (reward - baseline)` and of its entropy
//!    (second phase).
//! 3. Behind the last epoch `samples` architectures are drawn and scored on all validation examples;
//!    they are proposed, the best first (section 2.3).
//!
//! # Cost
//! A batch takes the time of a batch of one network of the space; a step of the controller that of
//! `controller_batch` batches without gradient; the comparison that of `samples` evaluations.
//!
//! # References
//! Pham, Guan, Zoph, Le and Dean, "Efficient Neural Architecture Search via Parameter Sharing", ICML
//! 2018, <https://arxiv.org/abs/1802.03268>.
//!
//! # Differences from the paper
//! The choices of the space are decided in their order, by a controller of one layer without
//! attention; so it draws from every space that can be mixed.

use std::sync::Arc;

use candle_core::Tensor;
use nascent_record::Architecture;
use serde::{Deserialize, Serialize};

use super::alpha::Alpha;
use super::method::{Method, Mixture, Score, Scored};
use super::one_shot::OneShot;
use super::paths::Paths;
use super::settings::Settings;
use crate::config::{defaults, invalid, parse};
use crate::search::SearcherEntry;
use crate::search::reinforcement::{Controller, ControllerConfig};
use crate::{Result, Rng};

/// The row of the table.
pub static ENTRY: SearcherEntry = SearcherEntry {
    name: NAME,
    summary: "Networks share weights; a recurrent controller learns by reinforcement which to draw.",
    reference: "Pham et al. 2018, https://arxiv.org/abs/1802.03268",
    defaults: defaults::<Config>,
    build: |config, setup| {
        let config: Config = parse(NAME, config)?;
        config.check()?;
        let paths = Paths::new(NAME, Arc::clone(&setup.space))?;
        let seed = setup.seed.derive("controller", 0);
        let controller = Controller::new(setup.space.spec(), config.controller(), seed)?;
        let method = Enas { config: config.clone(), paths, controller };
        Ok(Box::new(OneShot::new(NAME, config.supernet, method, setup)?))
    },
};

const NAME: &str = "enas";

/// The settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Those of every supernet; there is no α.
    #[serde(flatten)]
    pub supernet: Settings,
    /// Steps of the controller behind each epoch; 1 to 10,000.
    pub controller_steps: u32,
    /// Architectures of a step; 1 to 1000.
    pub controller_batch: u32,
    /// The learning rate of Adam for the controller, above 0; 0.00035 in the paper, for 40 times as
    /// many steps.
    pub controller_learning_rate: f64,
    /// How much the entropy of the controller, in nats, weighs beside the accuracy; at least 0.
    pub entropy_weight: f64,
    /// How much of the baseline, a moving average of rewards, is kept at each of them; from 0 to below
    /// 1.
    pub baseline_decay: f64,
    /// The hidden units of the controller; 1 to 512.
    pub hidden_size: usize,
    /// What its logits are divided by; above 0.
    pub temperature: f64,
    /// Its largest logit, by a tanh; 0 for no limit.
    pub tanh_constant: f64,
    /// How many architectures are compared in the end; 1 to 100,000.
    pub samples: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            supernet: Settings::default(),
            controller_steps: 20,
            controller_batch: 5,
            controller_learning_rate: 0.01,
            entropy_weight: 1e-3,
            baseline_decay: 0.95,
            hidden_size: 64,
            temperature: 5.0,
            tanh_constant: 2.5,
            samples: 100,
        }
    }
}

impl Config {
    fn check(&self) -> Result<()> {
        let positive = |x: f64| (1e-6..=1e6).contains(&x);
        let not_negative = |x: f64| (0.0..=1e6).contains(&x);
        let problem = if !(1..=10_000).contains(&self.controller_steps) {
            "controller_steps must be 1 to 10000"
        } else if !(1..=1000).contains(&self.controller_batch) {
            "controller_batch must be 1 to 1000"
        } else if !positive(self.controller_learning_rate) || !positive(self.temperature) {
            "controller_learning_rate and temperature must be above 0, from 1e-6 to 1e6"
        } else if !not_negative(self.entropy_weight) || !not_negative(self.tanh_constant) {
            "entropy_weight and tanh_constant must be from 0 to 1e6"
        } else if !(0.0..1.0).contains(&self.baseline_decay) {
            "baseline_decay must be from 0 to below 1"
        } else if !(1..=512).contains(&self.hidden_size) {
            "hidden_size must be 1 to 512"
        } else if !(1..=100_000).contains(&self.samples) {
            "samples must be 1 to 100000"
        } else {
            return Ok(());
        };
        Err(invalid(NAME, problem))
    }

    fn controller(&self) -> ControllerConfig {
        ControllerConfig {
            hidden_size: self.hidden_size,
            learning_rate: self.controller_learning_rate,
            entropy_weight: self.entropy_weight,
            baseline_decay: self.baseline_decay,
            temperature: self.temperature,
            tanh_constant: self.tanh_constant,
        }
    }
}

struct Enas {
    config: Config,
    paths: Paths,
    controller: Controller,
}

impl Method for Enas {
    fn mix(&self, alpha: &Alpha, _: f64, rng: &mut Rng) -> Mixture {
        match self.controller.draw(rng) {
            Ok((architecture, _)) => self.paths.only(alpha, &architecture),
            Err(_) => self.paths.random(alpha, rng),
        }
    }

    fn learn(&mut self, score: Score<'_>, rng: &mut Rng) -> Result<Vec<(&'static str, f64)>> {
        let (mut rewards, mut entropies) = (0.0, 0.0);
        for _ in 0..self.config.controller_steps {
            let mut rewarded = Vec::new();
            for _ in 0..self.config.controller_batch {
                let (architecture, entropy) = self.controller.draw(rng)?;
                let reward = score(&architecture, rng)?;
                rewards += reward;
                entropies += entropy;
                rewarded.push((architecture, reward));
            }
            self.controller.learn(&rewarded)?;
        }
        let count = f64::from(self.config.controller_steps * self.config.controller_batch);
        Ok(vec![
            ("controller_reward", rewards / count),
            ("controller_entropy", entropies / count),
            ("controller_baseline", self.controller.baseline()),
        ])
    }

    fn preferred(&self) -> Option<Architecture> {
        self.controller.likeliest().ok()
    }

    fn state(&self) -> Result<Vec<(String, Tensor)>> {
        self.controller.state()
    }

    fn restore(&mut self, read: &dyn Fn(&str, &Tensor) -> Result<Option<Tensor>>) -> Result<()> {
        self.controller.restore(read)
    }

    fn generations(&self) -> u32 {
        1
    }

    fn compared(&self) -> usize {
        self.config.samples
    }

    fn candidate(&self, _: &[Scored], _: usize, rng: &mut Rng) -> Option<Architecture> {
        self.controller.draw(rng).ok().map(|(architecture, _)| architecture)
    }
}
