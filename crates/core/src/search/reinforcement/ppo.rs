//! Proximal policy optimization: as REINFORCE, but the policy learns from each batch several times,
//! and a clip keeps it near the one that drew the batch. So it learns more from each trial.
//!
//! # Algorithm
//! 1. Draw architectures, reward them and keep a baseline as [`reinforce`](super::reinforce) does.
//! 2. After `batch_size` trials, Adam makes `epochs` steps to maximize the mean of
//!    `min(r A, clip(r, 1 - ε, 1 + ε) A)` (Schulman et al., equation 7) and `entropy_weight` times
//!    the entropy of π. Here A is the reward less the baseline, and r is the probability of the
//!    architecture relative to that under the policy which drew it.
//!
//! # Cost
//! As [`reinforce`](super::reinforce), and `epochs` times as much for the tell that fills a batch.
//!
//! # References
//! Schulman et al., "Proximal Policy Optimization Algorithms", 2017,
//! <https://arxiv.org/abs/1707.06347>.
//! Zoph et al., "Learning Transferable Architectures for Scalable Image Recognition", CVPR 2018,
//! <https://arxiv.org/abs/1707.07012>: for architectures.
//!
//! # Differences from the paper
//! An episode is one architecture with one reward at its end, so there is no value network and no
//! generalized advantage estimation: the advantage is the reward less its moving average. Rewards,
//! policies and repeated draws are those of [`reinforce`](super::reinforce). A trial drawn by an
//! older policy has its r relative to that one.

use candle_core::Tensor;
use nascent_record::Trial;
use serde::{Deserialize, Serialize};

use super::learner::{Batch, Learner, Settings};
use super::policy::Evaluated;
use crate::Result;
use crate::config::{defaults, invalid, parse};
use crate::search::{Ask, AskContext, SearchSetup, Searcher, SearcherEntry};

/// The row of the table.
pub static ENTRY: SearcherEntry = SearcherEntry {
    name: NAME,
    summary: "A policy draws architectures, and learns from each batch several times, in small steps.",
    reference: "Schulman et al. 2017, https://arxiv.org/abs/1707.06347",
    defaults: defaults::<Config>,
    build: |config, setup| Ok(Box::new(Ppo::new(parse(NAME, config)?, setup)?)),
};

const NAME: &str = "ppo";

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Those of every policy.
    #[serde(flatten)]
    pub policy: Settings,
    /// Updates from one batch; 1 to 100.
    pub epochs: u32,
    /// By how much the probability of an architecture may change relative to the one it was drawn
    /// with: ε of the paper, 0.2 there; between 0 and 1.
    pub clip: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { policy: Settings::with_batch_size(5), epochs: 4, clip: 0.2 }
    }
}

/// The searcher, see the [module](self).
pub struct Ppo {
    epochs: u32,
    clip: f64,
    learner: Learner,
}

impl Ppo {
    /// A searcher with these settings.
    ///
    /// # Errors
    /// If a setting is out of its range.
    pub fn new(config: Config, setup: &SearchSetup) -> Result<Self> {
        let Config { policy, epochs, clip } = config;
        if !(1..=100).contains(&epochs) {
            return Err(invalid(NAME, format!("epochs is {epochs}, and must be 1 to 100")));
        }
        if !(clip > 0.0 && clip < 1.0) {
            return Err(invalid(NAME, format!("clip is {clip}, and must be between 0 and 1")));
        }
        Ok(Self { epochs, clip, learner: Learner::new(NAME, policy, setup)? })
    }
}

/// The clipped surrogate of each trial, equation 7 of the paper.
fn clipped(now: &Evaluated, batch: &Batch, clip: f64) -> Result<Tensor> {
    // Beyond e^20 nothing changes but that the product could overflow.
    let ratio = (&now.log_probability - &batch.drawn_with)?.clamp(-20.0, 20.0)?.exp()?;
    let near = ratio.clamp(1.0 - clip, 1.0 + clip)?;
    Ok((ratio * &batch.advantage)?.minimum(&(near * &batch.advantage)?)?)
}

impl Searcher for Ppo {
    fn ask(&mut self, cx: &mut AskContext<'_>) -> Result<Ask> {
        self.learner.ask(cx)
    }

    fn tell(&mut self, trial: &Trial) -> Result<()> {
        let clip = self.clip;
        self.learner.tell(trial, self.epochs, &|now, batch| clipped(now, batch, clip))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};
    use nascent_record::{Goal, Objective};
    use serde_json::json;

    use super::*;
    use crate::Seed;

    #[test]
    fn what_went_far_enough_has_no_gradient() {
        let tensor = |values: [f32; 4]| Tensor::new(&values, &Device::Cpu).unwrap();
        let logs = [0.9_f32, 1.5, 0.9, 1.5].map(f32::ln);
        let logs = Var::from_tensor(&tensor(logs)).unwrap();
        let now =
            Evaluated { log_probability: logs.as_tensor().clone(), entropy: tensor([0.0; 4]) };
        let batch =
            Batch { advantage: tensor([2.0, 2.0, -2.0, -2.0]), drawn_with: tensor([0.0; 4]) };
        let surrogate = clipped(&now, &batch, 0.2).unwrap();
        let gradients = surrogate.sum_all().unwrap().backward().unwrap();
        let gradient: Vec<f32> = gradients.get(&logs).unwrap().to_vec1().unwrap();
        // d(r A)/d(log π) = r A, but 0 where a good trial is above 1.2 already.
        for (actual, expected) in std::iter::zip(gradient, [1.8, 0.0, -1.8, -3.0]) {
            assert!((actual - expected).abs() < 1e-5, "{actual} is not {expected}");
        }
        let values: Vec<f32> = surrogate.to_vec1().unwrap();
        assert!((values[1] - 2.4).abs() < 1e-5, "{values:?}");
    }

    #[test]
    fn wrong_settings_are_named() {
        let space = crate::space::find("nas_bench_201").unwrap();
        let space = space.make(&serde_json::Value::Null, &()).unwrap();
        let goal = Goal::new(Objective::maximize("score"));
        let setup = SearchSetup::new(space.into(), goal, Seed::new(1));
        let message = |settings| ENTRY.make(&settings, &setup).err().unwrap().to_string();
        assert_eq!(message(json!({"epochs": 0})), "ppo: epochs is 0, and must be 1 to 100");
        assert!(message(json!({"clip": 1.0})).contains("clip is 1, and must be between 0 and 1"));
        assert!(message(json!({"bins": 1})).contains("bins is 1, and must be 2 to 256"));
        assert!(message(json!({"policy": "tree"})).contains("tree"));
        assert!(message(json!({"epoch": 1})).contains("epoch"));
    }
}
