//! Bayesian optimization with a random forest, as in SMAC: a forest predicts every candidate's score
//! and how sure it is, and the largest expected improvement is evaluated next.
//!
//! # Algorithm
//! 1. The first `initial_samples` trials are random architectures, and so is a later one with the
//!    probability `random_share`.
//! 2. Fit a [forest](crate::surrogate::forest) to the trials told. A failed or pruned trial counts as
//!    the worst; one that breaks a constraint lies below the worst that keeps them; one that still
//!    runs counts as the mean.
//! 3. Candidates are random architectures, then mutants of the best trials and of the best
//!    candidates so far, for some rounds; of a small space, all architectures.
//! 4. Propose the candidate with the largest expected improvement that may be proposed.
//!
//! # Cost
//! Per ask O(trees × min(trials, max_sample) × choices × depth) for the fit, and 1,000 predictions.
//! Per tell O(trials), which is one move of memory. Memory O(trials).
//!
//! # References
//! Hutter, Hoos and Leyton-Brown, "Sequential Model-Based Optimization for General Algorithm
//! Configuration", LION 2011; Lindauer et al., "SMAC3: A Versatile Bayesian Optimization Package for
//! Hyperparameter Optimization", JMLR 2022, <https://arxiv.org/abs/2109.09831>.
//!
//! # Differences from the papers
//! The local search mutates several of the best candidates at once instead of climbing from each.
//! The random proposals are interleaved by chance. A tree sees at most `max_sample` trials.

use std::collections::HashSet;

use nascent_record::{Architecture, Goal, Proposal, Score, Signals, Trial, TrialId};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use crate::acquisition::log_expected_improvement;
use crate::config::{defaults, invalid, parse};
use crate::search::{Ask, AskContext, SearchSetup, Searcher, SearcherEntry};
use crate::space::SpecExt as _;
use crate::surrogate::forest::{Forest, Growth};
use crate::{Result, Seed};

/// The row of the table.
pub static ENTRY: SearcherEntry = SearcherEntry {
    name: NAME,
    summary: "Proposes the largest expected improvement that a random forest predicts, as SMAC does.",
    reference: "Hutter et al. 2011; Lindauer et al. 2022, https://arxiv.org/abs/2109.09831",
    defaults: defaults::<Config>,
    build: |config, setup| Ok(Box::new(RandomForest::new(parse(NAME, config)?, setup)?)),
};

const NAME: &str = "random_forest";

/// The largest space of which all architectures are candidates.
const SMALL: u128 = 1_000;
/// Random candidates.
const RANDOM: usize = 200;
/// Rounds of mutants, from how many parents, and how many of each.
const ROUNDS: usize = 4;
const PARENTS: usize = 10;
const MUTANTS: usize = 20;

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Random architectures before the first model, at least 1.
    pub initial_samples: usize,
    /// The probability of a random proposal after them, from 0 to 1; 0.085 is that of SMAC3.
    pub random_share: f64,
    /// The number of trees, at least 1; 10 is that of SMAC.
    pub trees: usize,
    /// The share of the choices that is looked at for each split, above 0 and at most 1; 5/6 is that
    /// of SMAC.
    pub choice_share: f64,
    /// The fewest trials in a leaf, at least 1.
    pub min_leaf: usize,
    /// The most trials that a tree is grown on, at least 1.
    pub max_sample: usize,
}

impl Default for Config {
    fn default() -> Self {
        let growth = Growth::default();
        Self {
            initial_samples: 10,
            random_share: 0.085,
            trees: growth.trees,
            choice_share: growth.choice_share,
            min_leaf: growth.min_leaf,
            max_sample: growth.max_sample,
        }
    }
}

impl Config {
    fn check(&self) -> Result<()> {
        let counts = [
            ("initial_samples", self.initial_samples),
            ("trees", self.trees),
            ("min_leaf", self.min_leaf),
            ("max_sample", self.max_sample),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(invalid(NAME, format!("{name} is 0, and must be at least 1")));
        }
        let (random, choice) = (self.random_share, self.choice_share);
        if !(0.0..=1.0).contains(&random) {
            return Err(invalid(NAME, format!("random_share is {random}, and must be 0 to 1")));
        }
        if !(choice > 0.0 && choice <= 1.0) {
            let problem = format!("choice_share is {choice}, and must be above 0 and at most 1");
            return Err(invalid(NAME, problem));
        }
        Ok(())
    }

    fn growth(&self) -> Growth {
        Growth {
            trees: self.trees,
            choice_share: self.choice_share,
            min_leaf: self.min_leaf,
            max_sample: self.max_sample,
        }
    }
}

/// A trial that was told; without a score where it has no result.
struct Told {
    score: Option<Score>,
    trial: TrialId,
    architecture: Architecture,
}

/// A candidate with its prediction.
struct Candidate {
    architecture: Architecture,
    parent: Option<TrialId>,
    mean: f64,
    std: f64,
    log_improvement: f64,
}

/// The searcher, see the [module](self).
pub struct RandomForest {
    config: Config,
    goal: Goal,
    seed: Seed,
    /// The best first; of equals the earliest.
    ranked: Vec<Told>,
}

impl RandomForest {
    /// A searcher with these settings.
    ///
    /// # Errors
    /// If a setting is out of its range.
    pub fn new(config: Config, setup: &SearchSetup) -> Result<Self> {
        config.check()?;
        Ok(Self { config, goal: setup.goal.clone(), seed: setup.seed, ranked: Vec::new() })
    }

    /// What the forest learns for each of the ranked trials; never below the worst feasible value by
    /// more than the range of the feasible ones.
    fn targets(&self) -> Vec<f64> {
        let feasible = |told: &Told| told.score.filter(|score| score.is_feasible());
        let values: Vec<f64> = self.ranked.iter().map_while(|t| Some(feasible(t)?.value)).collect();
        let (best, worst) = (values.first(), values.last());
        let (best, worst) = (best.copied().unwrap_or(0.0), worst.copied().unwrap_or(0.0));
        let range = if best > worst { best - worst } else { 1.0 };
        let below = self.ranked[values.len()..].iter().map(|told| {
            // Between half of the range below and the whole, the more the worse.
            let violation = told.score.map_or(f64::INFINITY, |score| score.violation);
            worst - range * (1.0 - 0.5 / (1.0 + violation))
        });
        values.iter().copied().chain(below).collect()
    }

    /// Candidates with their predictions, the best first.
    fn candidates(&self, forest: &Forest, best: f64, cx: &mut AskContext<'_>) -> Vec<Candidate> {
        let spec = cx.space.spec();
        let mut seen = HashSet::new();
        let mut pool: Vec<Candidate> = Vec::new();
        let mut join = |pool: &mut Vec<Candidate>, architecture: Architecture, parent| {
            if seen.insert(architecture.clone()) {
                let (mean, variance) = forest.predict(spec, &architecture);
                let std = variance.sqrt();
                let log_improvement = log_expected_improvement(mean, std, best);
                pool.push(Candidate { architecture, parent, mean, std, log_improvement });
            }
        };
        // Of equal improvement the larger mean, then the first: the sort is stable.
        let sort = |pool: &mut Vec<Candidate>| {
            pool.sort_by(|a, b| {
                let improvement = b.log_improvement.total_cmp(&a.log_improvement);
                improvement.then(b.mean.total_cmp(&a.mean))
            });
        };
        if spec.size().is_some_and(|size| size <= SMALL) {
            spec.grid(2).for_each(|architecture| join(&mut pool, architecture, None));
            sort(&mut pool);
            return pool;
        }
        for _ in 0..RANDOM {
            join(&mut pool, spec.sample(&mut cx.rng), None);
        }
        for told in self.ranked.iter().filter(|told| told.score.is_some()).take(PARENTS) {
            for _ in 0..MUTANTS {
                let mutant = spec.mutate(&told.architecture, &mut cx.rng);
                join(&mut pool, mutant, Some(told.trial));
            }
        }
        for _ in 1..ROUNDS {
            sort(&mut pool);
            for at in 0..pool.len().min(PARENTS) {
                for _ in 0..MUTANTS {
                    let mutant = spec.mutate(&pool[at].architecture, &mut cx.rng);
                    let parent = pool[at].parent;
                    join(&mut pool, mutant, parent);
                }
            }
        }
        sort(&mut pool);
        pool
    }
}

impl Searcher for RandomForest {
    fn ask(&mut self, cx: &mut AskContext<'_>) -> Result<Ask> {
        let spec = cx.space.spec();
        let starting = cx.trial.index() < self.config.initial_samples || self.ranked.is_empty();
        if starting || cx.rng.random::<f64>() < self.config.random_share {
            return Ok(Ask::Propose(Proposal::new(spec.sample(&mut cx.rng))));
        }
        let targets = self.targets();
        let best = targets.first().copied().unwrap_or(0.0);
        let mean = targets.iter().sum::<f64>() / targets.len() as f64;
        let told = std::iter::zip(&self.ranked, targets).map(|(t, y)| (&t.architecture, y));
        let running = cx.pending.iter().map(|trial| (&trial.proposal.architecture, mean));
        let observed: Vec<_> = told.chain(running).collect();
        let mut rng = self.seed.derive("forest", u64::from(cx.trial.0)).rng();
        let forest = Forest::fit(spec, &observed, self.config.growth(), &mut rng);
        let mut candidates = self.candidates(&forest, best, cx);
        // Where none may be proposed, the best one stands, and the searcher is asked again.
        let taken = candidates.iter().position(|c| cx.admits(&c.architecture)).unwrap_or(0);
        let chosen = candidates.swap_remove(taken);
        let signals = Signals::default()
            .with("log_expected_improvement", chosen.log_improvement)
            .with("predicted_mean", chosen.mean)
            .with("predicted_std", chosen.std)
            .with_list("importances", forest.importances());
        let proposal = Proposal::new(chosen.architecture).with_signals(signals);
        Ok(Ask::Propose(proposal.with_parents(chosen.parent.into_iter().collect())))
    }

    fn tell(&mut self, trial: &Trial) -> Result<()> {
        let score = self.goal.trial_score(trial);
        let rank = |score: Option<Score>| score.unwrap_or(Score::WORST);
        let at = self.ranked.partition_point(|other| rank(other.score) >= rank(score));
        let architecture = trial.proposal.architecture.clone();
        self.ranked.insert(at, Told { score, trial: trial.id, architecture });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use nascent_record::{Metrics, Outcome};
    use serde_json::json;

    use super::super::toy::{failed, goal, score, space};
    use super::*;
    use crate::search::AskTell;

    /// Operations of the toy space.
    const OPS: usize = 4;

    #[test]
    fn it_comes_near_the_best_of_a_conditional_space() {
        for seed in 0..3 {
            let mut search = AskTell::by_name(NAME, &json!({}), space(OPS), goal(), seed).unwrap();
            for _ in 0..60 {
                let trial = search.ask().unwrap().unwrap();
                let score = score(OPS, &trial.proposal.architecture);
                let metrics = Metrics::new([("score", score)]).unwrap();
                search.tell(trial.id, Outcome::Complete(metrics)).unwrap();
            }
            let best = search.best().unwrap().metric("score").unwrap();
            assert!(best > 3.7, "seed {seed} found {best}");
        }
    }

    #[test]
    fn what_breaks_a_constraint_or_fails_is_below_the_worst_by_a_bounded_amount() {
        let setup = SearchSetup::new(space(OPS), goal(), Seed::new(1));
        let mut forest = RandomForest::new(Config::default(), &setup).unwrap();
        let result = |score, size| {
            Outcome::Complete(Metrics::new([("score", score), ("size", size)]).unwrap())
        };
        let outcomes =
            [failed(), result(4.0, 5.0), result(9.0, 20.0), result(2.0, 9.0), result(9.0, 1e9)];
        for (number, outcome) in std::iter::zip(0.., outcomes) {
            let architecture = setup.space.spec().sample(&mut Seed::new(1).rng());
            let mut trial = Trial::new(TrialId(number), Proposal::new(architecture), number);
            trial.outcome = Some(outcome);
            forest.tell(&trial).unwrap();
        }
        let targets = forest.targets();
        // The range is 2; twice the size is a violation of 1.
        let expected = [4.0, 2.0, 2.0 - 2.0 * 0.75, 0.0, 0.0];
        for (found, expected) in std::iter::zip(targets, expected) {
            assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
        }
    }

    #[test]
    fn it_goes_on_where_all_trials_fail() {
        let mut search = AskTell::by_name(NAME, &json!({}), space(OPS), goal(), 1).unwrap();
        for _ in 0..20 {
            let trial = search.ask().unwrap().unwrap();
            search.tell(trial.id, failed()).unwrap();
        }
    }

    #[test]
    fn settings_that_cannot_be_are_named() {
        let setup = SearchSetup::new(space(OPS), goal(), Seed::new(1));
        let wrong = [("trees", json!(0)), ("choice_share", json!(0.0)), ("random_share", json!(2))];
        for (name, value) in wrong {
            let message = ENTRY.make(&json!({ name: value }), &setup).err().unwrap().to_string();
            assert!(message.contains(name), "{message}");
        }
    }
}
