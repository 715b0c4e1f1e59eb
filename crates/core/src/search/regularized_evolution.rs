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

use std::collections::VecDeque;

use nascent_record::{Architecture, Goal, Proposal, Score, Trial, TrialId};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use super::{Ask, AskContext, SearchSetup, Searcher, SearcherEntry};
use crate::Result;
use crate::config::{defaults, invalid, parse};
use crate::space::SpecExt as _;

/// The row of the table.
pub static ENTRY: SearcherEntry = SearcherEntry {
    name: NAME,
    summary: "Mutates the best of a random sample of the population; the oldest member dies.",
    reference: "Real et al. 2019, https://arxiv.org/abs/1802.01548",
    defaults: defaults::<Config>,
    build: |config, setup| Ok(Box::new(RegularizedEvolution::new(parse(NAME, config)?, setup)?)),
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

struct Member {
    trial: TrialId,
    architecture: Architecture,
    score: Score,
}

/// The searcher, see the [module](self).
pub struct RegularizedEvolution {
    config: Config,
    goal: Goal,
    population: VecDeque<Member>,
}

impl RegularizedEvolution {
    /// A searcher with these settings.
    ///
    /// # Errors
    /// If a size is 0.
    pub fn new(config: Config, setup: &SearchSetup) -> Result<Self> {
        if config.population_size == 0 || config.sample_size == 0 {
            return Err(invalid(NAME, "population_size and sample_size must be at least 1"));
        }
        Ok(Self { config, goal: setup.goal.clone(), population: VecDeque::new() })
    }
}

impl Searcher for RegularizedEvolution {
    fn ask(&mut self, cx: &mut AskContext<'_>) -> Result<Ask> {
        let spec = cx.space.spec();
        let members = self.population.len();
        let starting = cx.trial.index() < self.config.population_size;
        let sample = (0..if starting || members == 0 { 0 } else { self.config.sample_size })
            .map(|_| &self.population[cx.rng.random_range(0..members)]);
        // Of equals the first drawn.
        let parent = sample.reduce(|best, next| if next.score > best.score { next } else { best });
        let Some(parent) = parent else {
            return Ok(Ask::Propose(Proposal::new(spec.sample(&mut cx.rng))));
        };
        let child = spec.mutate(&parent.architecture, &mut cx.rng);
        Ok(Ask::Propose(Proposal::new(child).with_parents(vec![parent.trial])))
    }

    fn tell(&mut self, trial: &Trial) -> Result<()> {
        if let Some(score) = self.goal.trial_score(trial) {
            let architecture = trial.proposal.architecture.clone();
            self.population.push_back(Member { trial: trial.id, architecture, score });
            if self.population.len() > self.config.population_size {
                self.population.pop_front();
            }
        }
        Ok(())
    }
}
