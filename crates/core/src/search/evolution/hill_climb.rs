//! Stochastic hill climbing: a random change of the current architecture is tried, and kept if it is
//! no worse. Many failures in a row mean a peak, and the climb starts anew elsewhere.
//!
//! # Algorithm
//! 1. Evaluate `initial_samples` random architectures; the best is the current one.
//! 2. Propose the current one with one choice changed. If that was tried before, propose another
//!    change; where several were, change one choice more.
//! 3. Who is better than the current one or equal becomes the current one.
//! 4. After `patience` trials in a row that are not better, go to 1.
//!
//! Unlike [local search](crate::search::local_search) it does not look at all neighbors, so it is
//! not held up in spaces where there are many, and never waits.
//!
//! # Cost
//! Per ask O(choices), per tell and memory O(1).
//!
//! # References
//! Juels and Wattenberg, "Stochastic Hillclimbing as a Baseline Method for Evaluating Genetic
//! Algorithms", NIPS 1995. For architectures: Elsken, Metzen and Hutter, "Simple and Efficient
//! Architecture Search for Convolutional Neural Networks", 2017, <https://arxiv.org/abs/1711.04528>.
//!
//! # Differences from the paper
//! The climb starts anew at a peak, and architectures that were tried are not tried again. A trial
//! that failed counts as worse. Trials that were proposed during an earlier climb, or by somebody
//! else, are welcome if they are better.

use nascent_record::{Goal, Proposal, Score, Signals, Trial, TrialId};
use serde::{Deserialize, Serialize};

use super::{changed_until_new, check_least};
use crate::Result;
use crate::config::{defaults, parse};
use crate::search::{Ask, AskContext, SearchSetup, Searcher, SearcherEntry};
use crate::space::SpecExt as _;

/// The row of the table.
pub static ENTRY: SearcherEntry = SearcherEntry {
    name: NAME,
    summary: "Keeps a random change if it is no worse; starts anew after many that are.",
    reference: "Juels and Wattenberg 1995",
    defaults: defaults::<Config>,
    build: |config, setup| Ok(Box::new(HillClimb::new(parse(NAME, config)?, setup)?)),
};

const NAME: &str = "hill_climb";

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Random architectures at the start of each climb, at least 1.
    pub initial_samples: u32,
    /// Trials in a row that are not better before the climb starts anew, at least 1.
    pub patience: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { initial_samples: 5, patience: 30 }
    }
}

/// Where a climb is.
struct Climb {
    /// The first trial of the climb: what was made from an earlier one belongs to an earlier climb.
    start: TrialId,
    current: Trial,
    score: Score,
    /// Trials in a row that were not better.
    failures: u32,
}

/// The searcher, see the [module](self).
pub struct HillClimb {
    config: Config,
    goal: Goal,
    /// The climb, or the best of the starts until there are enough of them.
    climb: Option<Climb>,
    /// Starts of this climb that have been told.
    starts: u32,
}

impl HillClimb {
    /// A searcher with these settings.
    ///
    /// # Errors
    /// If a setting is 0.
    pub fn new(config: Config, setup: &SearchSetup) -> Result<Self> {
        check_least(NAME, "initial_samples", config.initial_samples as usize, 1)?;
        check_least(NAME, "patience", config.patience as usize, 1)?;
        Ok(Self { config, goal: setup.goal.clone(), climb: None, starts: 0 })
    }

    fn is_climbing(&self) -> bool {
        self.starts >= self.config.initial_samples
    }
}

/// How many changes of one choice are tried before one choice more is changed, and how many more.
const TRIES: usize = 8;

impl Searcher for HillClimb {
    fn ask(&mut self, cx: &mut AskContext<'_>) -> Result<Ask> {
        let spec = cx.space.spec();
        let Some(climb) = self.climb.as_ref().filter(|_| self.is_climbing()) else {
            return Ok(Ask::Propose(Proposal::new(spec.sample(&mut cx.rng))));
        };
        let current = &climb.current.proposal.architecture;
        let mut child = spec.mutate(current, &mut cx.rng);
        for _ in 1..TRIES {
            if cx.admits(&child) {
                break;
            }
            child = spec.mutate(current, &mut cx.rng);
        }
        let child = changed_until_new(child, TRIES as u32, cx);
        let signals = Signals::default()
            .with("current_score", climb.score.value)
            .with("failures", f64::from(climb.failures));
        let proposal = Proposal::new(child).with_parents(vec![climb.current.id]);
        Ok(Ask::Propose(proposal.with_signals(signals)))
    }

    fn tell(&mut self, trial: &Trial) -> Result<()> {
        let score = self.goal.trial_score(trial);
        let parents = &trial.proposal.parents;
        if !self.is_climbing() {
            // What an earlier climb proposed would only lead back to its peak.
            if parents.is_empty() {
                self.starts += 1;
                let better = |climb: &Climb| score.is_some_and(|score| score > climb.score);
                if self.climb.as_ref().is_none_or(better) {
                    let start = self.climb.as_ref().map_or(trial.id, |climb| climb.start);
                    self.climb = score.map(|score| Climb {
                        start,
                        current: trial.clone(),
                        score,
                        failures: 0,
                    });
                }
            }
            return Ok(());
        }
        let Some(climb) = &mut self.climb else {
            // All starts failed: each further trial is one.
            self.climb = score.map(|score| Climb {
                start: trial.id,
                current: trial.clone(),
                score,
                failures: 0,
            });
            return Ok(());
        };
        let of_earlier_climb = parents.iter().any(|parent| *parent < climb.start);
        let better = score.is_some_and(|score| score > climb.score);
        if of_earlier_climb && !better {
            return Ok(());
        }
        climb.failures = if better { 0 } else { climb.failures + 1 };
        if let Some(score) = score.filter(|score| *score >= climb.score) {
            climb.score = score;
            climb.current = trial.clone();
        }
        if climb.failures >= self.config.patience {
            self.climb = None;
            self.starts = 0;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use nascent_record::{Choice, Metrics, Objective, Outcome, Spec};

    use super::*;
    use crate::Seed;
    use crate::search::AskTell;
    use crate::space::Choices;

    #[test]
    fn a_climb_keeps_what_is_no_worse_and_starts_anew() {
        let spec = Spec::new((0..8).map(|i| Choice::integer(format!("x{i}"), 0, 4)).collect());
        let space = Arc::new(Choices::new(spec.unwrap()));
        let goal = Goal::new(Objective::maximize("score"));
        let setup = SearchSetup::new(space.clone(), goal.clone(), Seed::new(1));
        let config = Config { initial_samples: 3, patience: 12 };
        let searcher = HillClimb::new(config, &setup).unwrap();
        let mut search = AskTell::new(Box::new(searcher), space, goal.clone(), 1);
        for _ in 0..150 {
            let trial = search.ask().unwrap().unwrap();
            let sum: f64 =
                (0..8).map(|at| trial.proposal.architecture.int(at).unwrap() as f64).sum();
            let metrics = Metrics::new([("score", sum)]).unwrap();
            search.tell(trial.id, Outcome::Complete(metrics)).unwrap();
        }
        let score = |trial: &Trial| goal.trial_score(trial).unwrap();
        let trials = search.trials();
        let (mut current, mut restarts, mut failures) = (None::<&Trial>, 0, 0);
        for (at, trial) in trials.iter().enumerate() {
            match (trial.proposal.parents.first(), current) {
                (None, _) if at < 3 => {
                    let best = current.is_none_or(|best| score(trial) > score(best));
                    current = if best { Some(trial) } else { current };
                }
                (None, before) => {
                    // A start: after so many failures, or beside another start.
                    if before.is_some() {
                        assert_eq!(failures, 12, "trial {at} starts anew");
                        restarts += 1;
                    }
                    current = None;
                }
                (Some(parent), Some(here)) => {
                    assert_eq!(*parent, here.id);
                    failures = if score(trial) > score(here) { 0 } else { failures + 1 };
                    current = if score(trial) >= score(here) { Some(trial) } else { current };
                }
                (Some(parent), None) => {
                    let starts = &trials[at - 3..at];
                    let best = starts.iter().map(score).max().unwrap();
                    assert_eq!(score(&trials[parent.index()]), best);
                    let here = &trials[parent.index()];
                    failures = u32::from(score(trial) <= score(here));
                    current = Some(if score(trial) >= score(here) { trial } else { here });
                }
            }
        }
        assert!(restarts >= 1);
        assert!(search.best().unwrap().metric("score").unwrap() >= 30.0);
    }
}
