//! NSGA-II: finds the trade-offs between several objectives. Who is dominated by fewer fronts is
//! better, and of those on one front who has fewer near it; constraints come before objectives.
//!
//! # Algorithm
//! 1. The first `population_size` trials are random architectures.
//! 2. Two parents are each the better of two that are drawn: of an earlier front, or of the same
//!    front and with a larger crowding distance (section III-C).
//! 3. With probability `crossover_rate` the child has every choice from one of them, evenly; each
//!    choice then changes with probability `mutation_rate`. A copy of a parent has one changed.
//! 4. When a trial ends, it joins. As soon as `offspring` have joined, all are sorted by front and
//!    crowding distance, and the first `population_size` stay (section III-D).
//!
//! Whoever breaks the constraints less dominates (section VI). With one objective a front is all
//! that are equally good, and this is a genetic algorithm with binary tournaments and truncation.
//!
//! # Cost
//! With n members and k objectives per ask and per tell at most O(n² k), memory O(n k).
//!
//! # References
//! Deb, Pratap, Agarwal and Meyarivan, "A Fast and Elitist Multiobjective Genetic Algorithm:
//! NSGA-II", IEEE Transactions on Evolutionary Computation 2002,
//! <https://doi.org/10.1109/4235.996017>. For architectures: Lu et al., "NSGA-Net", GECCO 2019,
//! <https://arxiv.org/abs/1810.03522>.
//!
//! # Differences from the paper
//! By default one child joins at a time, not a generation, so that what was told counts at once and
//! trials may run side by side (`offspring` of `population_size` is the paper's number, though
//! children may be parents before all of them have joined). Choices have no distance, so crossover
//! and mutation are those of the genetic algorithm and not simulated binary crossover. The objectives
//! are looked at one by one, even if the goal has a scalarization. Trials that failed or were pruned
//! do not join.

use serde::{Deserialize, Serialize};

use super::operators::{EachChoice, Rate, Truncation, Uniform, tournament};
use super::{Evolution, Order, check_least, check_share};
use crate::Result;
use crate::config::{defaults, parse};
use crate::search::{SearchSetup, SearcherEntry};

/// The row of the table.
pub static ENTRY: SearcherEntry = SearcherEntry {
    name: NAME,
    summary: "Finds the trade-offs between several objectives: fronts, and room on each.",
    reference: "Deb et al. 2002, https://doi.org/10.1109/4235.996017",
    defaults: defaults::<Config>,
    build: |config, setup| Ok(Box::new(new(parse(NAME, config)?, setup)?)),
};

const NAME: &str = "nsga2";

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Members that survive, at least 2; 100 in the paper, for 25,000 evaluations.
    pub population_size: usize,
    /// Trials that join before the worst leave, at least 1; `population_size` in the paper.
    pub offspring: usize,
    /// The share of children that have two parents, 0 to 1; 0.9 from the paper.
    pub crossover_rate: f64,
    /// The probability that a choice changes, 0 to 1; 1 / choices where it is null, as in the paper.
    pub mutation_rate: Option<f64>,
}

impl Default for Config {
    fn default() -> Self {
        Self { population_size: 20, offspring: 1, crossover_rate: 0.9, mutation_rate: None }
    }
}

/// How often a child that was tried before is changed further.
const PERSISTENCE: u32 = 16;

/// A searcher with these settings.
///
/// # Errors
/// If a setting is out of its range.
pub fn new(config: Config, setup: &SearchSetup) -> Result<Evolution> {
    let Config { population_size: size, offspring, crossover_rate, mutation_rate } = config;
    check_least(NAME, "population_size", size, 2)?;
    check_least(NAME, "offspring", offspring, 1)?;
    check_share(NAME, "crossover_rate", crossover_rate)?;
    check_share(NAME, "mutation_rate", mutation_rate.unwrap_or(0.0))?;
    let rate = mutation_rate.unwrap_or(1.0 / setup.space.spec().len() as f64);
    Ok(Evolution::new(setup.goal.clone(), size)
        .with_selection(tournament(2, Order::Front))
        .with_crossover(Uniform, crossover_rate)
        .with_mutation(EachChoice::new(Rate::Constant(rate)))
        .with_survival(Truncation { size, offspring, order: Order::Front })
        .with_persistence(PERSISTENCE))
}
