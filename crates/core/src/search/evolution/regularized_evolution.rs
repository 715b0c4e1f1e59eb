//! Regularized evolution: a mutated copy of the best of a random sample joins the population, and
//! the oldest leaves it. Aging keeps a lucky evaluation from staying for ever.
//!
//! # Algorithm
//! 1. The first `population_size` trials are random architectures.
//! 2. Draw `sample_size` members of the population, with replacement; the best is the parent.
//! 3. Propose the parent with one choice changed.
//! 4. When a trial ends, it joins the population; the oldest member leaves when there are too many.
//!
//! # Cost
//! Per ask O(sample_size + choices), per tell O(1), memory O(population_size).
//!
//! # References
//! Real, Aggarwal, Huang and Le, "Regularized Evolution for Image Classifier Architecture Search",
//! AAAI 2019, <https://arxiv.org/abs/1802.01548>, algorithm 1.
//!
//! # Differences from the paper
//! Trials that failed or were pruned do not join. The default population is 20 with samples of 5,
//! for searches of tens to hundreds of trials; the paper has 100 and 25 for 20,000.

use serde::{Deserialize, Serialize};

use super::operators::{Aging, OneChoice, tournament};
use super::{Evolution, Order, check_least};
use crate::Result;
use crate::config::{defaults, invalid, parse};
use crate::search::{SearchSetup, SearcherEntry};

/// The row of the table.
pub static ENTRY: SearcherEntry = SearcherEntry {
    name: NAME,
    summary: "Mutates the best of a random sample of the population; the oldest member dies.",
    reference: "Real et al. 2019, https://arxiv.org/abs/1802.01548",
    defaults: defaults::<Config>,
    build: |config, setup| Ok(Box::new(new(parse(NAME, config)?, setup)?)),
};

const NAME: &str = "regularized_evolution";

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Members of the population, at least 1.
    pub population_size: usize,
    /// Members drawn to find a parent, at least 1.
    pub sample_size: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { population_size: 20, sample_size: 5 }
    }
}

/// A searcher with these settings.
///
/// # Errors
/// If a size is 0.
pub fn new(config: Config, setup: &SearchSetup) -> Result<Evolution> {
    check_least(NAME, "population_size", config.population_size, 1)?;
    check_least(NAME, "sample_size", config.sample_size, 1)?;
    if config.sample_size > config.population_size {
        let Config { population_size, sample_size } = config;
        let problem = format!(
            "population_size is {population_size}, and must be at least sample_size ({sample_size})"
        );
        return Err(invalid(NAME, problem));
    }
    Ok(Evolution::new(setup.goal.clone(), config.population_size)
        .with_selection(tournament(config.sample_size, Order::Score))
        .with_mutation(OneChoice)
        .with_survival(Aging { size: config.population_size }))
}
