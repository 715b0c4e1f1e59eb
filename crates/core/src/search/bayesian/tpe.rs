//! The tree-structured Parzen estimator: one density of the good trials, one of the bad ones. It
//! proposes what is likely under the first and unlikely under the second.
//!
//! # Algorithm
//! 1. The first `initial_samples` trials are random architectures.
//! 2. The best `gamma` of the trials told, at most `max_good`, are good; the others are bad, and so
//!    are failed and pruned trials and those that still run.
//! 3. Fit a density to each, see [`parzen`](super::parzen).
//! 4. Draw `candidates` architectures from the density of the good ones, and make `mutants` by
//!    changing one choice of one of the three best trials.
//! 5. Propose the candidate with the largest ratio of the densities that may be proposed.
//!
//! # Cost
//! Per ask O((candidates + mutants) × (max_good + kernels) × choices): for a density of many bad
//! trials the best 64 of them and an even sample of 128 others, weighted accordingly, stand
//! for all. Per tell O(trials), which is one move of memory. Memory O(trials).
//!
//! # References
//! Bergstra, Bardenet, Bengio and Kégl, "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011;
//! Falkner, Klein and Hutter, "BOHB: Robust and Efficient Hyperparameter Optimization at Scale",
//! ICML 2018, <https://arxiv.org/abs/1807.01774>; Watanabe, "Tree-Structured Parzen Estimator:
//! Understanding Its Algorithm Components and Their Roles for Better Empirical Performance", 2023,
//! <https://arxiv.org/abs/2304.11127>.
//!
//! # Differences from the papers
//! Mutants of the best trials join the candidates. A candidate that was proposed before is skipped.
//! The density of the bad trials is that of a weighted sample, where they are many. Running trials
//! count as bad.

use nascent_record::{Architecture, Goal, Proposal, Score, Signals, Trial, TrialId};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use super::parzen::{Kernels, Parzen, thinned};
use crate::Result;
use crate::config::{defaults, invalid, parse};
use crate::search::{Ask, AskContext, SearchSetup, Searcher, SearcherEntry};
use crate::space::SpecExt as _;

/// The row of the table.
pub static ENTRY: SearcherEntry = SearcherEntry {
    name: NAME,
    summary: "Proposes what is likely among the good trials and unlikely among the bad ones.",
    reference: "Bergstra et al. 2011; Watanabe 2023, https://arxiv.org/abs/2304.11127",
    defaults: defaults::<Config>,
    build: |config, setup| Ok(Box::new(Tpe::new(parse(NAME, config)?, setup)?)),
};

const NAME: &str = "tpe";

/// Mutants are made from this many best trials.
const PARENTS: usize = 3;

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Random architectures before the first model, at least 1.
    pub initial_samples: usize,
    /// The share of the trials that are good, above 0 and below 1; BOHB has 0.15.
    pub gamma: f64,
    /// The most trials that are good, at least 1.
    pub max_good: usize,
    /// Architectures drawn from the density of the good ones for each proposal, at least 1; 24 is
    /// that of Bergstra et al.'s Hyperopt.
    pub candidates: usize,
    /// Mutants of the best trials among the candidates for each proposal; 0 for the plain method.
    pub mutants: usize,
    /// Those of the densities.
    #[serde(flatten)]
    pub kernels: Kernels,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            initial_samples: 10,
            gamma: 0.1,
            max_good: 25,
            candidates: 24,
            mutants: 72,
            kernels: Kernels::default(),
        }
    }
}

impl Config {
    fn check(&self) -> Result<()> {
        let counts = [
            ("initial_samples", self.initial_samples),
            ("max_good", self.max_good),
            ("candidates", self.candidates),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(invalid(NAME, format!("{name} is 0, and must be at least 1")));
        }
        if !(self.gamma > 0.0 && self.gamma < 1.0) {
            let gamma = self.gamma;
            return Err(invalid(
                NAME,
                format!("gamma is {gamma}, and must be above 0 and below 1"),
            ));
        }
        self.kernels.check(NAME)
    }
}

/// A trial that was told.
struct Told {
    score: Score,
    trial: TrialId,
    architecture: Architecture,
}

/// The searcher, see the [module](self).
pub struct Tpe {
    config: Config,
    goal: Goal,
    /// The best first; of equals the earliest.
    ranked: Vec<Told>,
    /// How many of them have a result; the others are the last.
    complete: usize,
}

impl Tpe {
    /// A searcher with these settings.
    ///
    /// # Errors
    /// If a setting is out of its range.
    pub fn new(config: Config, setup: &SearchSetup) -> Result<Self> {
        config.check()?;
        Ok(Self { config, goal: setup.goal.clone(), ranked: Vec::new(), complete: 0 })
    }

    /// The good trials, and the bad ones.
    fn split(&self) -> (&[Told], &[Told]) {
        let share = (self.ranked.len() as f64 * self.config.gamma).ceil() as usize;
        self.ranked.split_at(share.min(self.config.max_good).min(self.complete))
    }
}

impl Searcher for Tpe {
    fn ask(&mut self, cx: &mut AskContext<'_>) -> Result<Ask> {
        let spec = cx.space.spec();
        if cx.trial.index() < self.config.initial_samples || self.ranked.is_empty() {
            return Ok(Ask::Propose(Proposal::new(spec.sample(&mut cx.rng))));
        }
        let (good, bad) = self.split();
        let mut against = thinned(bad, |told| &told.architecture);
        against.extend(cx.pending.iter().map(|trial| (&trial.proposal.architecture, 1.0)));
        let liked: Vec<_> = good.iter().map(|told| (&told.architecture, 1.0)).collect();
        let model = Parzen::new(spec, &liked, &against, self.config.kernels);

        let drawn = (0..self.config.candidates).map(|_| (model.sample(&mut cx.rng), None));
        let mut candidates: Vec<(Architecture, Option<TrialId>)> = drawn.collect();
        let parents = &good[..good.len().min(PARENTS)];
        if !parents.is_empty() {
            candidates.extend((0..self.config.mutants).map(|_| {
                let parent = &parents[cx.rng.random_range(0..parents.len())];
                (spec.mutate(&parent.architecture, &mut cx.rng), Some(parent.trial))
            }));
        }
        let mut scores: Vec<(f64, usize)> =
            std::iter::zip(candidates.iter().map(|(a, _)| model.score(a)), 0..).collect();
        // Of equals the first.
        scores.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        // Where none may be proposed, the best one stands, and the searcher is asked again.
        let taken = scores.iter().find(|(_, at)| cx.admits(&candidates[*at].0));
        let (score, at) = taken.or(scores.first()).copied().unwrap_or_default();
        let (architecture, parent) = candidates.swap_remove(at);
        let signals = Signals::default()
            .with("log_density_ratio", score)
            .with("good_trials", good.len() as f64)
            .with("mutant", f64::from(u8::from(parent.is_some())));
        let proposal = Proposal::new(architecture).with_signals(signals);
        Ok(Ask::Propose(proposal.with_parents(parent.into_iter().collect())))
    }

    fn tell(&mut self, trial: &Trial) -> Result<()> {
        let score = self.goal.trial_score(trial);
        self.complete += usize::from(score.is_some());
        let score = score.unwrap_or(Score::WORST);
        let at = self.ranked.partition_point(|other| other.score >= score);
        let architecture = trial.proposal.architecture.clone();
        self.ranked.insert(at, Told { score, trial: trial.id, architecture });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use nascent_record::{Choice, Failure, FailureKind, Metrics, Objective, Outcome, Spec};
    use serde_json::json;

    use super::*;
    use crate::Seed;
    use crate::search::AskTell;
    use crate::space::Choices;

    fn goal() -> Goal {
        Goal::new(Objective::maximize("score"))
    }

    fn space() -> Choices {
        let ops = (0..4).map(|at| Choice::categorical(format!("op{at}"), ["a", "b", "c", "d"]));
        let mut choices: Vec<Choice> = ops.collect();
        choices.push(Choice::float("rate", 1e-4, 1e-1).log());
        Choices::new(Spec::new(choices).unwrap())
    }

    fn search(settings: &serde_json::Value, seed: u64) -> AskTell {
        AskTell::by_name(NAME, settings, Arc::new(space()), goal(), seed).unwrap()
    }

    /// The best is "b" four times at the rate 0.01.
    fn score(architecture: &Architecture) -> f64 {
        let right = (0..4).filter(|at| architecture.int(*at) == Some(1)).count() as f64;
        right - architecture.float(4).map_or(0.0, |rate| (rate.log10() + 2.0).abs())
    }

    #[test]
    fn it_comes_near_the_best_of_options_and_a_real_number() {
        for seed in 0..3 {
            let mut search = search(&json!({}), seed);
            for _ in 0..60 {
                let trial = search.ask().unwrap().unwrap();
                let score = score(&trial.proposal.architecture);
                let metrics = Metrics::new([("score", score)]).unwrap();
                search.tell(trial.id, Outcome::Complete(metrics)).unwrap();
            }
            let best = search.best().unwrap().metric("score").unwrap();
            assert!(best > 3.9, "seed {seed} found {best}");
        }
    }

    #[test]
    fn it_goes_on_where_all_trials_fail() {
        let mut search = search(&json!({ "initial_samples": 2 }), 1);
        for _ in 0..20 {
            let trial = search.ask().unwrap().unwrap();
            let failure = Failure { kind: FailureKind::Memory, message: String::new() };
            search.tell(trial.id, Outcome::Failed(failure)).unwrap();
        }
    }

    #[test]
    fn a_thinned_density_weighs_as_much_as_all_bad_trials() {
        let setup = SearchSetup::new(Arc::new(space()), goal(), Seed::new(1));
        let mut tpe = Tpe::new(Config::default(), &setup).unwrap();
        let mut rng = Seed::new(2).rng();
        for number in 0..1000 {
            let proposal = Proposal::new(setup.space.spec().sample(&mut rng));
            let mut trial = Trial::new(TrialId(number), proposal, number);
            let score = f64::from(number * 7919 % 1000);
            trial.outcome = Some(Outcome::Complete(Metrics::new([("score", score)]).unwrap()));
            tpe.tell(&trial).unwrap();
        }
        let (good, bad) = tpe.split();
        assert_eq!(good.len(), 25);
        assert!(good.iter().chain(bad).is_sorted_by(|a, b| a.score > b.score));
        let kept = thinned(bad, |told| &told.architecture);
        assert_eq!(kept.len(), 64 + 128);
        let weight: f64 = kept.iter().map(|(_, weight)| weight).sum();
        assert!((weight - 975.0).abs() < 1e-9, "{weight}");
    }

    #[test]
    fn settings_that_cannot_be_are_named() {
        let setup = SearchSetup::new(Arc::new(space()), goal(), Seed::new(1));
        let wrong = [("gamma", json!(1.5)), ("candidates", json!(0)), ("prior_weight", json!(0.0))];
        for (name, value) in wrong {
            let message = ENTRY.make(&json!({ name: value }), &setup).err().unwrap().to_string();
            assert!(message.contains(name), "{message}");
        }
    }
}
