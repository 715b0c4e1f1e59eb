//! BANANAS: an ensemble of small neural networks predicts results from the paths of a network and
//! from the choices. What it draws the best guess for is evaluated next.
//!
//! # Algorithm
//! 1. The first `initial_samples` trials are random architectures.
//! 2. After every `retrain_every` trials told, an [ensemble](crate::surrogate::ensemble) is trained on
//!    them: from [paths](crate::encode::path), where networks have cells, and from the choices.
//!    Results are standardized; very bad ones are brought nearer to the median. A failed trial counts
//!    as the worst; one that breaks a constraint lies below the worst that keeps them.
//! 3. Candidates are changes of the best trials, then, for some rounds, changes of the most promising
//!    candidates so far, and random architectures.
//! 4. Independent Thompson sampling: each candidate's value is drawn from a normal distribution with
//!    the mean and the standard deviation of the ensemble. The largest that is new is proposed.
//!
//! # Cost
//! Per training O(ensemble × min(trials × epochs, steps × batch)); per ask O(ensemble × candidates).
//! Per tell O(trials), which is one move of memory. Memory O(trials).
//!
//! # References
//! White, Neiswanger and Savani, "BANANAS: Bayesian Optimization with Neural Architectures for Neural
//! Architecture Search", AAAI 2021, <https://arxiv.org/abs/1910.11858>.
//!
//! # Differences from the paper
//! The choices are inputs beside the paths, and paths that no trial has are none. Networks are
//! smaller, and trained on at most `max_points` trials: the best half and the latest. Running trials
//! change nothing but that they are not proposed again: a draw of its own for each trial is enough.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use nascent_record::{Architecture, Goal, Outcome, Proposal, Score, Signals, Trial, TrialId};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use super::candidates::{Candidates, vary};
use super::targets::standardized;
use crate::acquisition::{log_expected_improvement, standard_normal, upper_confidence_bound};
use crate::config::{defaults, invalid, parse};
use crate::search::{Ask, AskContext, SearchSetup, Searcher, SearcherEntry};
use crate::space::{SearchSpace, SpecExt as _};
use crate::surrogate::ensemble::{Ensemble, Inputs, Loss, Row, Training};
use crate::surrogate::gp::Prediction;
use crate::surrogate::kernel::{Encoder, Point};
use crate::{Result, Rng, Seed};

/// The row of the table.
pub static ENTRY: SearcherEntry = SearcherEntry {
    name: NAME,
    summary: "An ensemble of neural networks predicts from paths and choices what promises most.",
    reference: "White et al. 2021, https://arxiv.org/abs/1910.11858",
    defaults: defaults::<Config>,
    build: |config, setup| Ok(Box::new(Bananas::new(parse(NAME, config)?, setup)?)),
};

const NAME: &str = "bananas";

/// Spaces of up to so many architectures are encoded once for all.
const LISTED: usize = 20_000;
/// The most steps of a training.
const MAX_STEPS: usize = 400;
/// A result counts as at most so many times further below the median than the upper tenth is above.
const CLIP: f64 = 3.0;

/// What a prediction makes worth a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acquisition {
    /// Independent Thompson sampling: a draw for each candidate.
    Its,
    /// The mean and `beta` standard deviations.
    Ucb,
    /// Expected improvement.
    Ei,
    /// The mean: no exploration but for the random candidates.
    Mean,
}

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Random architectures at the start, at least 2; 10 is that of the paper.
    pub initial_samples: usize,
    /// Trials told between two trainings, at least 1; 10 is that of the paper.
    pub retrain_every: usize,
    /// Networks, at least 2; 5 is that of the paper.
    pub ensemble: usize,
    /// What training makes small.
    pub loss: Loss,
    /// How often each trial is seen in a training, at least 1, as long as it takes less than 400 steps.
    pub epochs: usize,
    /// The learning rate of Adam at the start, above 0; 0.01 is that of the paper.
    pub learning_rate: f64,
    /// What a prediction makes worth a trial; Thompson sampling is that of the paper.
    pub acquisition: Acquisition,
    /// Standard deviations that a draw is spread by, or that the upper confidence bound adds; above
    /// 0. 1 is that of the paper.
    pub beta: f64,
    /// Candidates for each trial, at least 8.
    pub candidates: usize,
    /// Candidates are changes of so many best trials, at least 1.
    pub parents: usize,
    /// Rounds of candidates, at least 1: after the first, the most promising candidates are changed
    /// again.
    pub rounds: usize,
    /// The most trials that are learned from, at least 16.
    pub max_points: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            initial_samples: 10,
            retrain_every: 10,
            ensemble: 5,
            loss: Loss::Mae,
            epochs: 40,
            learning_rate: 0.03,
            acquisition: Acquisition::Its,
            beta: 1.0,
            candidates: 128,
            parents: 10,
            rounds: 1,
            max_points: 500,
        }
    }
}

impl Config {
    fn check(&self) -> Result<()> {
        let counts = [
            ("initial_samples", self.initial_samples, 2),
            ("retrain_every", self.retrain_every, 1),
            ("ensemble", self.ensemble, 2),
            ("epochs", self.epochs, 1),
            ("candidates", self.candidates, 8),
            ("parents", self.parents, 1),
            ("rounds", self.rounds, 1),
            ("max_points", self.max_points, 16),
        ];
        if let Some((name, value, least)) = counts.iter().find(|(_, value, least)| value < least) {
            return Err(invalid(NAME, format!("{name} is {value}, and must be at least {least}")));
        }
        for (name, value) in [("learning_rate", self.learning_rate), ("beta", self.beta)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(invalid(NAME, format!("{name} is {value}, and must be above 0")));
            }
        }
        Ok(())
    }
}

/// A trial that was told; without a score where it has no result.
struct Told {
    trial: TrialId,
    architecture: Architecture,
    score: Option<Score>,
    pruned: bool,
}

/// What follows from the first `told` trials.
struct Model {
    told: usize,
    inputs: Inputs,
    ensemble: Ensemble,
    /// The best target.
    best: f64,
    /// What was predicted for candidates of a small space.
    predicted: HashMap<usize, Prediction>,
}

/// The searcher, see the [module](self).
pub struct Bananas {
    config: Config,
    goal: Goal,
    seed: Seed,
    space: Arc<dyn SearchSpace>,
    encoder: Encoder,
    /// All networks, where there are few; listed when the first is asked for.
    listed: OnceCell<Option<Arc<Candidates>>>,
    told: Vec<Told>,
    /// The trials with a result, the best first; of equals the earliest.
    ranked: Vec<usize>,
    known: HashSet<Architecture>,
    /// Made again where it is missing or old.
    model: Option<Model>,
}

/// A candidate with what is said of it.
struct Candidate {
    architecture: Architecture,
    parent: Option<TrialId>,
    /// The number of its network in a small space.
    position: Option<usize>,
    prediction: Prediction,
    value: f64,
}

impl Bananas {
    /// A searcher with these settings.
    ///
    /// # Errors
    /// If a setting is out of its range.
    pub fn new(config: Config, setup: &SearchSetup) -> Result<Self> {
        config.check()?;
        let spec = setup.space.spec();
        let sample = spec.sample(&mut setup.seed.derive("encoder", 0).rng());
        let has_cells = setup.space.graph(&sample).is_ok_and(|graph| !graph.cells.is_empty());
        Ok(Self {
            config,
            goal: setup.goal.clone(),
            seed: setup.seed,
            space: Arc::clone(&setup.space),
            encoder: Encoder::new(spec, has_cells),
            listed: OnceCell::new(),
            told: Vec::new(),
            ranked: Vec::new(),
            known: HashSet::new(),
            model: None,
        })
    }

    /// All networks of a small space whose networks take long to encode.
    fn list(&self) -> Option<Arc<Candidates>> {
        let (space, encoder) = (&self.space, &self.encoder);
        let list = || Candidates::of(space, encoder, LISTED).filter(|_| encoder.has_network());
        self.listed.get_or_init(list).clone()
    }

    /// What is learned from the first trials: more is better.
    fn values(&self, told: usize) -> Vec<Option<f64>> {
        let scores = self.told[..told].iter().map(|told| told.score);
        let feasible = scores.clone().flatten().filter(|s| s.is_feasible()).map(|s| s.value);
        let (worst, best) = feasible
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        let worst = if worst.is_finite() { worst } else { 0.0 };
        let range = if best > worst { best - worst } else { 1.0 };
        let value = |score: Score| {
            // What breaks a constraint is below by half of the range up to the whole.
            let below = worst - range * (1.0 - 0.5 / (1.0 + score.violation));
            if score.is_feasible() { score.value } else { below }
        };
        scores.map(|score| score.map(value)).collect()
    }

    /// The model of the trials told, as of the last training that is due.
    fn train(&self, listed: Option<&Candidates>) -> Option<Model> {
        let (told, every) = (self.told.len(), self.config.retrain_every);
        let told = if told < every { told } else { told - told % every };
        if told < 2 || self.model.as_ref().is_some_and(|model| model.told == told) {
            return None;
        }
        let values = self.values(told);
        let mut kept: Vec<usize> = (0..told).collect();
        if told > self.config.max_points {
            // The best half and the latest; a trial without a value is the last.
            kept.sort_by(|&a, &b| {
                let value = |at: usize| values[at].unwrap_or(f64::NEG_INFINITY);
                value(b).total_cmp(&value(a)).then(a.cmp(&b))
            });
            let half = self.config.max_points / 2;
            kept[half..].sort_unstable_by(|a, b| b.cmp(a));
            kept.truncate(self.config.max_points);
            kept.sort_unstable();
        }
        let point = |architecture| match listed.and_then(|l| Some((l, l.position(architecture)?))) {
            Some((listed, at)) => Cow::Borrowed(&listed.points[at]),
            None => Cow::Owned(self.point(architecture)),
        };
        let points: Vec<Cow<'_, Point>> =
            kept.iter().map(|&at| point(&self.told[at].architecture)).collect();
        let inputs = Inputs::new(self.space.spec(), points.iter().map(|point| &**point));
        let rows: Vec<Row> = points.iter().map(|point| inputs.row(point)).collect();
        let pruned: Vec<bool> = kept.iter().map(|&at| self.told[at].pruned).collect();
        let values: Vec<Option<f64>> = kept.iter().map(|&at| values[at]).collect();
        let targets: Vec<f32> =
            standardized(&values, &pruned, CLIP).into_iter().map(|y| y as f32).collect();
        let training = Training {
            loss: self.config.loss,
            learning_rate: self.config.learning_rate as f32,
            epochs: self.config.epochs,
            max_steps: MAX_STEPS,
        };
        let (networks, seed) = (self.config.ensemble, self.seed.derive("ensemble", told as u64));
        let ensemble = Ensemble::fit(networks, inputs.count(), &rows, &targets, training, seed);
        let best = targets.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        Some(Model { told, inputs, ensemble, best: f64::from(best), predicted: HashMap::new() })
    }

    /// How much a prediction promises.
    fn value(&self, prediction: Prediction, best: f64, rng: &mut Rng) -> f64 {
        let Prediction { mean, std } = prediction;
        match self.config.acquisition {
            Acquisition::Its => mean + self.config.beta * std * standard_normal(rng),
            Acquisition::Ucb => upper_confidence_bound(mean, std, self.config.beta),
            Acquisition::Ei => log_expected_improvement(mean, std, best),
            Acquisition::Mean => mean,
        }
    }

    /// Candidates that were not evaluated, the most promising first.
    fn candidates(
        &self,
        model: &mut Model,
        listed: Option<&Candidates>,
        cx: &mut AskContext<'_>,
    ) -> Vec<Candidate> {
        let spec = self.space.spec();
        let running = cx.pending.iter().map(|trial| &trial.proposal.architecture);
        let mut seen: HashSet<Architecture> = running.cloned().collect();
        let mut all: Vec<Candidate> = Vec::with_capacity(self.config.candidates);
        let per_round = self.config.candidates / self.config.rounds;
        for round in 0..self.config.rounds {
            // The best candidates so far, without the random ones behind them.
            let parents = all.len().min(self.config.parents);
            for number in 0..per_round {
                let at = |count: usize, rng: &mut Rng| {
                    // The better, the more often.
                    (count as f64 * rng.random::<f64>() * rng.random::<f64>()) as usize
                };
                let (drawn, parent) = if number % 4 == 0 || self.ranked.is_empty() {
                    (spec.sample(&mut cx.rng), None)
                } else if round == 0 {
                    let best = self.ranked.len().min(self.config.parents);
                    let told = &self.told[self.ranked[at(best, &mut cx.rng)]];
                    (self.change(&told.architecture, &mut cx.rng), Some(told.trial))
                } else {
                    let candidate = &all[at(parents, &mut cx.rng)];
                    (self.change(&candidate.architecture, &mut cx.rng), candidate.parent)
                };
                if self.known.contains(&drawn) || !seen.insert(drawn.clone()) {
                    continue;
                }
                let position = listed.and_then(|listed| listed.position(&drawn));
                let prediction = self.predict(model, &drawn, position, listed);
                let value = self.value(prediction, model.best, &mut cx.rng);
                all.push(Candidate { architecture: drawn, parent, position, prediction, value });
            }
            all.sort_by(|a, b| b.value.total_cmp(&a.value));
        }
        all
    }

    /// One change mostly, then two, then three.
    fn change(&self, architecture: &Architecture, rng: &mut Rng) -> Architecture {
        let mut changed = vary(self.space.spec(), architecture, rng);
        while rng.random_range(0..3) == 0 {
            changed = vary(self.space.spec(), &changed, rng);
        }
        changed
    }

    fn predict(
        &self,
        model: &mut Model,
        architecture: &Architecture,
        position: Option<usize>,
        listed: Option<&Candidates>,
    ) -> Prediction {
        let Model { inputs, ensemble, predicted, .. } = model;
        let predict = |point: &Point| ensemble.predict(&inputs.row(point));
        match (position, listed) {
            (Some(at), Some(listed)) => {
                *predicted.entry(at).or_insert_with(|| predict(&listed.points[at]))
            }
            _ => predict(&self.point(architecture)),
        }
    }

    fn point(&self, architecture: &Architecture) -> Point {
        self.encoder.encode(&*self.space, &self.space.canonical(architecture))
    }
}

impl Searcher for Bananas {
    fn ask(&mut self, cx: &mut AskContext<'_>) -> Result<Ask> {
        let starting = cx.trial.index() < self.config.initial_samples;
        let listed = if starting { None } else { self.list() };
        if !starting && let Some(model) = self.train(listed.as_deref()) {
            self.model = Some(model);
        }
        let Some(mut model) = self.model.take().filter(|_| !starting) else {
            return Ok(Ask::Propose(Proposal::new(cx.space.spec().sample(&mut cx.rng))));
        };
        let candidates = self.candidates(&mut model, listed.as_deref(), cx);
        self.model = Some(model);
        let chosen = candidates.into_iter().find_map(|candidate| {
            // What means the same network is as good.
            let same = listed.iter().zip(candidate.position).flat_map(|(l, at)| &l.members[at]);
            let mut all = std::iter::once(&candidate.architecture).chain(same);
            let architecture = all.find(|one| !self.known.contains(*one) && cx.admits(one))?;
            Some((architecture.clone(), candidate))
        });
        let Some((architecture, candidate)) = chosen else {
            // Nothing of this is admitted: the searcher is asked again.
            return Ok(Ask::Propose(Proposal::new(cx.space.spec().sample(&mut cx.rng))));
        };
        let signals = Signals::default()
            .with("acquisition", candidate.value)
            .with("mean", candidate.prediction.mean)
            .with("std", candidate.prediction.std);
        let proposal = Proposal::new(architecture).with_signals(signals);
        Ok(Ask::Propose(proposal.with_parents(candidate.parent.into_iter().collect())))
    }

    fn tell(&mut self, trial: &Trial) -> Result<()> {
        let score = self.goal.trial_score(trial);
        let architecture = trial.proposal.architecture.clone();
        if let Some(score) = score {
            let at = self.ranked.partition_point(|&other| self.told[other].score >= Some(score));
            self.ranked.insert(at, self.told.len());
        }
        self.known.insert(architecture.clone());
        let pruned = matches!(trial.outcome, Some(Outcome::Pruned(_)));
        self.told.push(Told { trial: trial.id, architecture, score, pruned });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use nascent_record::{Choice, Metrics, Outcome, Spec};
    use serde_json::json;

    use super::super::toy::{failed, goal, score, space};
    use super::*;
    use crate::search::AskTell;
    use crate::space::Choices;

    /// Operations of the toy space.
    const OPS: usize = 5;

    fn complete(score: f64, size: f64) -> Outcome {
        Outcome::Complete(Metrics::new([("score", score), ("size", size)]).unwrap())
    }

    #[test]
    fn it_comes_near_the_best_of_a_conditional_space() {
        for seed in 0..3 {
            let mut search = AskTell::by_name(NAME, &json!({}), space(OPS), goal(), seed).unwrap();
            for _ in 0..60 {
                let trial = search.ask().unwrap().unwrap();
                let score = score(OPS, &trial.proposal.architecture);
                search.tell(trial.id, complete(score, 5.0)).unwrap();
            }
            let best = search.best().unwrap().metric("score").unwrap();
            assert!(best > 4.5, "seed {seed} found {best}");
        }
    }

    #[test]
    fn it_goes_on_where_all_trials_fail_or_all_are_known() {
        let mut search = AskTell::by_name(NAME, &json!({}), space(OPS), goal(), 1).unwrap();
        for _ in 0..20 {
            let trial = search.ask().unwrap().unwrap();
            search.tell(trial.id, failed()).unwrap();
        }
        let only = Choices::new(Spec::new(vec![Choice::categorical("op", ["a"])]).unwrap());
        let setup = SearchSetup::new(Arc::new(only), goal(), Seed::new(1));
        let mut search = Bananas::new(Config::default(), &setup).unwrap();
        for number in 0..20 {
            let space = &*setup.space;
            let rng = Seed::new(u64::from(number)).rng();
            let (trial, admission) = (TrialId(number), &|_: &Architecture| true);
            let mut cx =
                AskContext { space, trial, rng, pending: &[], admission, stops: &|| false };
            let Ask::Propose(proposal) = search.ask(&mut cx).unwrap() else {
                panic!("no proposal")
            };
            let mut trial = Trial::new(trial, proposal, number);
            trial.outcome = Some(complete(1.0, 5.0));
            search.tell(&trial).unwrap();
        }
    }

    #[test]
    fn what_breaks_a_constraint_is_below_the_worst_by_a_bounded_amount() {
        let setup = SearchSetup::new(space(OPS), goal(), Seed::new(1));
        let mut search = Bananas::new(Config::default(), &setup).unwrap();
        let outcomes = [
            failed(),
            complete(4.0, 5.0),
            complete(9.0, 20.0),
            complete(2.0, 9.0),
            complete(9.0, 1e9),
        ];
        for (number, outcome) in std::iter::zip(0.., outcomes) {
            let architecture = setup.space.spec().sample(&mut Seed::new(1).rng());
            let mut trial = Trial::new(TrialId(number), Proposal::new(architecture), number);
            trial.outcome = Some(outcome);
            search.tell(&trial).unwrap();
        }
        // The range is 2; twice the size is a violation of 1.
        let expected = [None, Some(4.0), Some(2.0 - 2.0 * 0.75), Some(2.0), Some(0.0)];
        for (found, expected) in std::iter::zip(search.values(5), expected) {
            let near = match (found, expected) {
                (Some(found), Some(expected)) => f64::abs(found - expected) < 1e-6,
                (found, expected) => found == expected,
            };
            assert!(near, "{found:?} is not {expected:?}");
        }
        assert_eq!(search.ranked, [1, 3, 2, 4]);
    }

    #[test]
    fn settings_that_cannot_be_are_named() {
        let setup = SearchSetup::new(space(OPS), goal(), Seed::new(1));
        let wrong = [
            ("ensemble", json!(1)),
            ("retrain_every", json!(0)),
            ("learning_rate", json!(0.0)),
            ("loss", json!("cubic")),
        ];
        for (name, value) in wrong {
            let message = ENTRY.make(&json!({ name: value }), &setup).err().unwrap().to_string();
            let named = if name == "loss" { "cubic" } else { name };
            assert!(message.contains(named), "{message}");
        }
    }
}
