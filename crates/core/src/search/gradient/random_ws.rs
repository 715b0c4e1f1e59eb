//! Random search with shared weights: each batch trains a random network of the supernet; then random
//! architectures are compared by what they do with the shared weights.
//!
//! # Algorithm
//! 1. For each batch an architecture is drawn evenly, and the weights that it uses move.
//! 2. Behind the last epoch `samples` architectures are drawn, and scored by their accuracy on the
//!    validation examples with the shared weights.
//! 3. They are proposed in that order.
//!
//! The baseline of all searches that share weights: what another one gains over it, it gains by
//! choosing.
//!
//! # Cost
//! A batch takes the time of a batch of one network of the space; the comparison that of `samples`
//! evaluations.
//!
//! # References
//! Li and Talwalkar, "Random Search and Reproducibility for Neural Architecture Search", UAI 2019,
//! <https://arxiv.org/abs/1902.07638>.
//!
//! # Differences from the paper
//! Normalization is by the batch in the comparison too, which stands for statistics that would have
//! to be computed anew for each architecture.

use std::sync::Arc;

use nascent_record::Architecture;
use serde::{Deserialize, Serialize};

use super::alpha::Alpha;
use super::method::{Method, Mixture, Scored};
use super::one_shot::OneShot;
use super::paths::Paths;
use super::settings::Settings;
use crate::Rng;
use crate::config::{defaults, invalid, parse};
use crate::search::SearcherEntry;
use crate::space::SpecExt as _;

/// The row of the table.
pub static ENTRY: SearcherEntry = SearcherEntry {
    name: NAME,
    summary: "Random networks share weights; random ones are compared with these.",
    reference: "Li and Talwalkar 2019, https://arxiv.org/abs/1902.07638",
    defaults: defaults::<Config>,
    build: |config, setup| {
        let config: Config = parse(NAME, config)?;
        if !(1..=100_000).contains(&config.samples) {
            return Err(invalid(NAME, "samples must be 1 to 100000"));
        }
        let paths = Paths::new(NAME, Arc::clone(&setup.space))?;
        let method = RandomWs { samples: config.samples, paths };
        Ok(Box::new(OneShot::new(NAME, config.supernet, method, setup)?))
    },
};

const NAME: &str = "random_ws";

/// The settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Those of every supernet; there is no α.
    #[serde(flatten)]
    pub supernet: Settings,
    /// How many architectures are compared; 1 to 100,000.
    pub samples: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { supernet: Settings::default(), samples: 100 }
    }
}

struct RandomWs {
    samples: usize,
    paths: Paths,
}

impl Method for RandomWs {
    fn mix(&self, alpha: &Alpha, _: f64, rng: &mut Rng) -> Mixture {
        self.paths.random(alpha, rng)
    }

    fn generations(&self) -> u32 {
        1
    }

    fn compared(&self) -> usize {
        self.samples
    }

    fn candidate(&self, _: &[Scored], _: usize, rng: &mut Rng) -> Option<Architecture> {
        Some(self.paths.spec().sample(rng))
    }
}
