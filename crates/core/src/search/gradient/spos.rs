//! Single path one-shot: each batch trains a random network of the supernet; then evolution searches
//! among the networks, scored with the shared weights.
//!
//! # Algorithm
//! 1. For each batch an architecture is drawn evenly, and the weights that it uses move (Guo et al.,
//!    section 3.2).
//! 2. `population_size` random architectures are scored by their accuracy on the validation examples
//!    with the shared weights. For each of them the statistics of batch normalizations are computed
//!    anew before, as the means over `calibration_batches` batches of training examples, as in the paper: those
//!    that an architecture had in training are of all of them together.
//! 3. For `generations` generations: half of the new population are mutations of one of the
//!    `parents` best so far, in which each choice is drawn anew with the probability
//!    `mutation_rate`; the others take each choice from one of two of these (algorithm 1). What was
//!    scored before, or breaks a constraint, is made anew, 20 times, and then drawn.
//! 4. All that were scored are proposed, the best first.
//!
//! # Cost
//! A batch takes the time of a batch of one network of the space; a generation that of
//! `population_size` evaluations, each of which has `calibration_batches` batches more.
//!
//! # References
//! Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling", ECCV 2020,
//! <https://arxiv.org/abs/1904.00420>.

use std::sync::Arc;

use nascent_record::Architecture;
use rand::RngExt as _;
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
    summary: "Random networks share weights; evolution searches among them with these.",
    reference: "Guo et al. 2020, https://arxiv.org/abs/1904.00420",
    defaults: defaults::<Config>,
    build: |config, setup| {
        let config: Config = parse(NAME, config)?;
        config.check()?;
        let paths = Paths::new(NAME, Arc::clone(&setup.space))?;
        let method = Spos { config: config.clone(), paths };
        Ok(Box::new(OneShot::new(NAME, config.supernet, method, setup)?))
    },
};

const NAME: &str = "spos";

/// The settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Those of every supernet; there is no α.
    #[serde(flatten)]
    pub supernet: Settings,
    /// Architectures of a generation; 2 to 10,000.
    pub population_size: usize,
    /// Generations behind the first; 0 to 10,000.
    pub generations: u32,
    /// How many of the best have offspring; 1 to 10,000.
    pub parents: usize,
    /// How likely a choice is drawn anew in a mutation; from 0 to 1.
    pub mutation_rate: f64,
    /// From how many batches of training examples the statistics of batch normalizations are computed
    /// for each architecture that is scored; 1 to 100,000, and as many as there are at most.
    pub calibration_batches: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            supernet: Settings::default(),
            population_size: 50,
            generations: 20,
            parents: 10,
            mutation_rate: 0.1,
            calibration_batches: 20,
        }
    }
}

impl Config {
    fn check(&self) -> crate::Result<()> {
        let problem = if !(2..=10_000).contains(&self.population_size) {
            "population_size must be 2 to 10000"
        } else if self.generations > 10_000 {
            "generations must be 0 to 10000"
        } else if !(1..=10_000).contains(&self.parents) {
            "parents must be 1 to 10000"
        } else if !(0.0..=1.0).contains(&self.mutation_rate) {
            "mutation_rate must be from 0 to 1"
        } else if !(1..=100_000).contains(&self.calibration_batches) {
            "calibration_batches must be 1 to 100000"
        } else {
            return Ok(());
        };
        Err(invalid(NAME, problem))
    }
}

struct Spos {
    config: Config,
    paths: Paths,
}

impl Spos {
    /// The architecture with each choice drawn anew with the probability of the settings.
    fn mutated(&self, architecture: &Architecture, rng: &mut Rng) -> Architecture {
        let other = self.paths.spec().sample(rng);
        let values: Vec<bool> =
            other.values().iter().map(|_| rng.random_bool(self.config.mutation_rate)).collect();
        self.paths.mixed(architecture, &other, |at| values[at], rng)
    }
}

impl Method for Spos {
    fn mix(&self, alpha: &Alpha, _: f64, rng: &mut Rng) -> Mixture {
        self.paths.random(alpha, rng)
    }

    fn generations(&self) -> u32 {
        1 + self.config.generations
    }

    fn compared(&self) -> usize {
        self.config.population_size
    }

    fn candidate(&self, scored: &[Scored], number: usize, rng: &mut Rng) -> Option<Architecture> {
        let spec = self.paths.spec();
        let parents = &scored[..scored.len().min(self.config.parents)];
        if parents.is_empty() {
            return Some(spec.sample(rng));
        }
        let a = &parents[rng.random_range(0..parents.len())].architecture;
        if number.is_multiple_of(2) {
            return Some(self.mutated(a, rng));
        }
        let b = &parents[rng.random_range(0..parents.len())].architecture;
        Some(spec.cross(a, b, rng))
    }

    fn calibration(&self) -> usize {
        self.config.calibration_batches
    }
}
