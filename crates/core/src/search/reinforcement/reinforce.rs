//! REINFORCE: a policy draws architectures, and the probability of each is moved by how much better
//! it did than the average of late. The first searcher of this field, and the simplest with a policy.
//!
//! # Algorithm
//! 1. Draw an architecture, one choice after the other, each from the softmax over its options. If it
//!    is not new, draw again, a little more evenly each time.
//! 2. The reward R of a trial is its rank among all that were told. The baseline b is a moving
//!    average of rewards.
//! 3. After `batch_size` trials, Adam makes one step to maximize the mean of `(R - b) · log π(a)`
//!    (Zoph and Le, section 3.2) and `entropy_weight` times the entropy of π.
//!
//! `policy` says what π is. `table` has one logit for each option of each choice (Dong et al.).
//! `lstm` is a recurrent network which is given each decision before it makes the next (Zoph and
//! Le): it can learn that an option is good only beside another. For that it needs more trials.
//!
//! # Cost
//! With n choices, r options in all and h hidden units: per draw O(r) for a table, O(n h²) for an
//! lstm; per tell as much for each trial of the batch, backward, and O(trials) to rank; memory
//! O(trials), and the weights O(r) or O(h (h + r)) once for each batch that is open.
//!
//! # References
//! Williams, "Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement
//! Learning", Machine Learning 1992, <https://doi.org/10.1007/BF00992696>.
//! Zoph and Le, "Neural Architecture Search with Reinforcement Learning", ICLR 2017,
//! <https://arxiv.org/abs/1611.01578>.
//! Pham et al., "Efficient Neural Architecture Search via Parameter Sharing", ICML 2018,
//! <https://arxiv.org/abs/1802.03268>: temperature, tanh and entropy.
//! Dong et al., "NATS-Bench", TPAMI 2021, <https://arxiv.org/abs/2009.00437>: the table.
//!
//! # Differences from the paper
//! Rewards are ranks, so that the scale of the score does not matter; a failed trial is the worst,
//! and one that was stopped early counts as the lower quartile. Architectures that were evaluated
//! are not drawn again. The lstm has one layer, not two. The defaults are for tens to hundreds of
//! trials, where papers have thousands: small batches and large steps, a learning rate of 0.1 with a
//! table (NATS-Bench: 0.001). Trials that were drawn by an older policy count as if drawn by the
//! present one, as in the asynchronous updates of Zoph and Le.

use nascent_record::Trial;
use serde::{Deserialize, Serialize};

use super::learner::{Learner, Settings};
use crate::Result;
use crate::config::{defaults, parse};
use crate::search::{Ask, AskContext, SearchSetup, Searcher, SearcherEntry};

/// The row of the table.
pub static ENTRY: SearcherEntry = SearcherEntry {
    name: NAME,
    summary: "A policy draws architectures; those that did well become more likely.",
    reference: "Zoph and Le 2017, https://arxiv.org/abs/1611.01578",
    defaults: defaults::<Config>,
    build: |config, setup| Ok(Box::new(Reinforce::new(parse(NAME, config)?, setup)?)),
};

const NAME: &str = "reinforce";

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Those of every policy.
    #[serde(flatten)]
    pub policy: Settings,
}

impl Default for Config {
    fn default() -> Self {
        Self { policy: Settings::with_batch_size(2) }
    }
}

/// The searcher, see the [module](self).
pub struct Reinforce {
    learner: Learner,
}

impl Reinforce {
    /// A searcher with these settings.
    ///
    /// # Errors
    /// If a setting is out of its range.
    pub fn new(config: Config, setup: &SearchSetup) -> Result<Self> {
        Ok(Self { learner: Learner::new(NAME, config.policy, setup)? })
    }
}

impl Searcher for Reinforce {
    fn ask(&mut self, cx: &mut AskContext<'_>) -> Result<Ask> {
        self.learner.ask(cx)
    }

    fn tell(&mut self, trial: &Trial) -> Result<()> {
        self.learner.tell(trial, 1, &|now, batch| Ok((&now.log_probability * &batch.advantage)?))
    }
}
