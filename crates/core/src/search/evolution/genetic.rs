//! A genetic algorithm: good parents are combined, the child is changed a little, and the worst
//! leave. Crossover joins what two parents found apart; truncation keeps what is good.
//!
//! # Algorithm
//! 1. The first `population_size` trials are random architectures.
//! 2. Select a parent: the best of `tournament_size` that are drawn, or with a probability that
//!    rises with its rank, or in proportion to how much better it is than the worst.
//! 3. With probability `crossover_rate` select another one, and make a child of both: every choice
//!    from one of them, those up to a random place from the first, or whole parts from each (see
//!    [`Cells`]).
//! 4. Each choice of the child changes with the mutation rate; a copy of a parent has one choice
//!    changed. A child that was tried before has one more changed, a few times.
//! 5. When a trial ends, it joins the population, and may have children at once. As soon as
//!    `offspring` have joined, the worst leave until `population_size` are left; of equals the oldest.
//!
//! # Cost
//! Per ask O(population_size log population_size + choices), per tell the same, memory
//! O(population_size + offspring).
//!
//! # References
//! Holland, "Adaptation in Natural and Artificial Systems", 1975; Goldberg and Deb, "A Comparative
//! Analysis of Selection Schemes Used in Genetic Algorithms", FOGA 1991,
//! <https://doi.org/10.1016/B978-0-08-050684-5.50008-2>. For architectures: Xie and Yuille, "Genetic
//! CNN", ICCV 2017, <https://arxiv.org/abs/1703.01513>.
//!
//! # Differences from the paper
//! There are no generations to wait for: parents are chosen among all that have been told, so that
//! several trials may run at once. Children are never copies. Trials that failed or were pruned do
//! not join.

use nascent_record::Spec;
use serde::{Deserialize, Serialize};

use super::operators::{
    Cells, EachChoice, LinearRanking, OnePoint, Proportional, Rate, Truncation, Uniform, tournament,
};
use super::{Evolution, Order, check_least, check_share};
use crate::Result;
use crate::config::{defaults, invalid, parse};
use crate::search::{SearchSetup, SearcherEntry};

/// The row of the table.
pub static ENTRY: SearcherEntry = SearcherEntry {
    name: NAME,
    summary: "Combines two good parents and changes the child; the worst leave.",
    reference: "Xie and Yuille 2017, https://arxiv.org/abs/1703.01513",
    defaults: defaults::<Config>,
    build: |config, setup| Ok(Box::new(new(parse(NAME, config)?, setup)?)),
};

const NAME: &str = "genetic";

/// How parents are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// The best of some that are drawn.
    Tournament,
    /// By rank.
    Rank,
    /// In proportion to the score above the worst.
    Proportional,
}

/// How two parents are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Crossover {
    /// Every choice from one of them.
    Uniform,
    /// The first choices from one, the last from the other.
    OnePoint,
    /// Whole cells, stages or nodes from each.
    Cell,
    /// Not at all.
    None,
}

/// How the mutation rate changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Not at all.
    Constant,
    /// Evenly to another rate.
    Linear,
    /// Up after a child that is better than its parents, down after others.
    OneFifth,
}

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Members that survive (μ), at least 2.
    pub population_size: usize,
    /// Trials that join before the worst leave (λ), at least 1.
    pub offspring: usize,
    /// How parents are chosen: tournament, rank or proportional.
    pub selection: Selection,
    /// Members drawn for a tournament, 1 to `population_size`.
    pub tournament_size: usize,
    /// For selection by rank: how many children the best has where the average has one, 1 to 2.
    pub rank_pressure: f64,
    /// How two parents are combined: `uniform`, `one_point`, `cell` or `none`.
    pub crossover: Crossover,
    /// The share of children that have two parents, 0 to 1.
    pub crossover_rate: f64,
    /// The probability that a choice changes, 0 to 1, at the start of the search; 1 / choices where
    /// it is null.
    pub mutation_rate: Option<f64>,
    /// How that changes: constant, linear or `one_fifth`.
    pub mutation_schedule: Schedule,
    /// For the linear schedule: the rate at its end, 0 to 1.
    pub final_mutation_rate: f64,
    /// For the linear schedule: the trials from its start to its end, at least 1.
    pub mutation_trials: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            population_size: 20,
            offspring: 1,
            selection: Selection::Tournament,
            tournament_size: 3,
            rank_pressure: 1.8,
            crossover: Crossover::Uniform,
            crossover_rate: 0.5,
            mutation_rate: None,
            mutation_schedule: Schedule::Constant,
            final_mutation_rate: 0.05,
            mutation_trials: 100,
        }
    }
}

impl Config {
    fn check(&self) -> Result<()> {
        check_least(NAME, "population_size", self.population_size, 2)?;
        check_least(NAME, "offspring", self.offspring, 1)?;
        check_least(NAME, "tournament_size", self.tournament_size, 1)?;
        check_least(NAME, "mutation_trials", self.mutation_trials as usize, 1)?;
        check_share(NAME, "crossover_rate", self.crossover_rate)?;
        check_share(NAME, "mutation_rate", self.mutation_rate.unwrap_or(0.0))?;
        check_share(NAME, "final_mutation_rate", self.final_mutation_rate)?;
        let Self { population_size, tournament_size, rank_pressure, .. } = self;
        if tournament_size > population_size {
            let problem = format!(
                "tournament_size is {tournament_size}, and must be at most population_size \
                 ({population_size})"
            );
            return Err(invalid(NAME, problem));
        }
        if !(1.0..=2.0).contains(rank_pressure) {
            let problem = format!("rank_pressure is {rank_pressure}, and must be from 1 to 2");
            return Err(invalid(NAME, problem));
        }
        Ok(())
    }

    fn rate(&self, spec: &Spec) -> Rate {
        let one = 1.0 / spec.len() as f64;
        let rate = self.mutation_rate.unwrap_or(one);
        match self.mutation_schedule {
            Schedule::Constant => Rate::Constant(rate),
            Schedule::Linear => Rate::Linear {
                from: rate,
                to: self.final_mutation_rate,
                over: self.mutation_trials,
            },
            Schedule::OneFifth => {
                Rate::OneFifth { rate, low: rate.min(one / 2.0), high: rate.max(0.5) }
            }
        }
    }
}

/// How often a child that was tried before is changed further.
const PERSISTENCE: u32 = 16;

/// A searcher with these settings.
///
/// # Errors
/// If a setting is out of its range.
pub fn new(config: Config, setup: &SearchSetup) -> Result<Evolution> {
    config.check()?;
    let spec = setup.space.spec();
    let (size, offspring, rate) = (config.population_size, config.offspring, config.crossover_rate);
    let order = Order::Score;
    let evolution = Evolution::new(setup.goal.clone(), size)
        .with_mutation(EachChoice::new(config.rate(spec)))
        .with_survival(Truncation { size, offspring, order })
        .with_persistence(PERSISTENCE);
    let evolution = match config.selection {
        Selection::Tournament => {
            evolution.with_selection(tournament(config.tournament_size, order))
        }
        Selection::Rank => {
            evolution.with_selection(LinearRanking { pressure: config.rank_pressure, order })
        }
        Selection::Proportional => evolution.with_selection(Proportional),
    };
    Ok(match config.crossover {
        Crossover::Uniform => evolution.with_crossover(Uniform, rate),
        Crossover::OnePoint => evolution.with_crossover(OnePoint, rate),
        Crossover::Cell => evolution.with_crossover(Cells::new(spec), rate),
        Crossover::None => evolution,
    })
}
