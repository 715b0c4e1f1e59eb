//! Bayesian optimization with a Gaussian process: a model of choices and network graphs says how good
//! each architecture may be, and how sure that is. The one that promises most is evaluated next.
//!
//! # Algorithm
//! 1. The first `initial_samples` trials are random architectures.
//! 2. The kernel compares choices (a length scale each) and what the networks are made of:
//!    operations, operations with what they read, and paths. Length scales, the weights of both parts
//!    and the noise are those of the greatest posterior density, found again whenever the number of
//!    trials has grown by half.
//! 3. Results are standardized; very bad ones are brought nearer to the median.
//! 4. A small space is looked through to the end. In a large one, candidates are changes of the best
//!    architectures and random ones, then changes of the most promising candidate.
//! 5. The candidate with the best acquisition value is proposed: log expected improvement, and every
//!    `explore_every`-th time an upper confidence bound. Pending trials count as if they had the
//!    result that is predicted (kriging believer), which only makes the model surer around them.
//! 6. Two objectives without a scalarization: expected hypervolume improvement with a model for each.
//!    More: the augmented Chebyshev scalarization with random weights for each trial (ParEGO).
//!    Constraints that a trial has broken: a model each, and the acquisition times the probability
//!    that all are kept.
//!
//! # Cost
//! With n trials in the model, N networks of a small space and C candidates of a large one: per tell
//! O(n² + n N), per ask O(n² + n N), or O(n² C); a new fit costs O(min(n, 200)³) a step, and
//! O(n² N) for all candidates. Memory O(n² + n N). The model has at most `max_points` trials: beyond,
//! the best half and the latest.
//!
//! # References
//! Ru, Wan, Dong and Osborne, "Interpretable Neural Architecture Search via Bayesian Optimisation with
//! Weisfeiler-Lehman Kernels", ICLR 2021, <https://arxiv.org/abs/2006.07556>; Ament et al., "Unexpected
//! Improvements to Expected Improvement for Bayesian Optimization", NeurIPS 2023,
//! <https://arxiv.org/abs/2310.20708>; Knowles, "ParEGO", IEEE Transactions on Evolutionary
//! Computation 10, 2006; Ginsbourger, Le Riche and Carraro, "Kriging Is Well-Suited to Parallelize
//! Optimization", 2010.
//!
//! # Differences from the paper
//! NAS-BOWL has a linear kernel over the counts of graph features and picks the number of rounds; here
//! the kernel is an exponential of their differences with two rounds, joined with a kernel of the
//! choices. Architectures that mean the same network are one point.

mod acquisition_search;

use std::cell::OnceCell;
use std::collections::HashSet;
use std::sync::Arc;

use nascent_record::{Architecture, Goal, Proposal, Trial, TrialId};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use self::acquisition_search::AcquisitionSearch;
use super::candidates::Candidates;
use super::posterior::Posterior;
use super::targets::{Told, scaled_margins, standardized};
use crate::config::{defaults, invalid, parse};
use crate::search::{Ask, AskContext, SearchSetup, Searcher, SearcherEntry};
use crate::space::{SearchSpace, SpecExt as _};
use crate::surrogate::gp::fit;
use crate::surrogate::kernel::{Encoder, Hyper, Point};
use crate::{Result, Seed};

/// The row of the table.
pub static ENTRY: SearcherEntry = SearcherEntry {
    name: NAME,
    summary: "A Gaussian process over choices and network graphs says what promises most.",
    reference: "Ru et al. 2021, https://arxiv.org/abs/2006.07556",
    defaults: defaults::<Config>,
    build: |config, setup| Ok(Box::new(Gp::new(parse(NAME, config)?, setup)?)),
};

const NAME: &str = "gp";

/// The most trials that a kernel is fitted to.
const FIT_POINTS: usize = 200;
/// ρ of ParEGO: what the sum of all objectives weighs beside the worst.
const AUGMENT: f64 = 0.05;

/// What a prediction makes worth a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acquisition {
    /// The logarithm of the expected improvement, which also tells very small ones apart.
    LogEi,
    /// The mean and `beta` standard deviations.
    Ucb,
    /// A draw from the posterior.
    Thompson,
}

/// Whether networks count beside the choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kernel {
    /// Where the networks of the space have cells: there, different choices may mean much the same.
    Auto,
    /// Choices only.
    Choices,
    /// Choices and networks, where the space has networks.
    Both,
}

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Random architectures at the start, at least 2.
    pub initial_samples: usize,
    /// What a prediction makes worth a trial.
    pub acquisition: Acquisition,
    /// Standard deviations of the upper confidence bound, above 0.
    pub beta: f64,
    /// Every so many trials the upper confidence bound decides instead of an expected improvement; 0
    /// for never.
    pub explore_every: u32,
    /// What the model compares.
    pub kernel: Kernel,
    /// A result counts as at most so many times further below the median than the upper tenth is
    /// above it, above 0.
    pub clip: f64,
    /// Spaces of up to so many architectures are looked through to the end.
    pub enumerate_up_to: usize,
    /// Candidates for each trial in a larger space, at least 8.
    pub candidates: usize,
    /// The most trials in the model, at least 16.
    pub max_points: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            initial_samples: 10,
            acquisition: Acquisition::LogEi,
            beta: 2.0,
            explore_every: 4,
            kernel: Kernel::Auto,
            clip: 3.0,
            enumerate_up_to: 20_000,
            candidates: 192,
            max_points: 1000,
        }
    }
}

/// What one model is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Output {
    /// An objective, or the one number of all.
    Value(usize),
    /// All objectives as one number, with weights for each trial.
    Scalarized,
    /// By how much a constraint is kept.
    Margin(usize),
}

struct Model {
    output: Output,
    /// The number of trials told when the kernel was fitted, and when the points were chosen.
    fitted: usize,
    based: usize,
    /// The number of trials that it knows of.
    told: usize,
    /// The trials that its points are.
    points: Vec<usize>,
    posterior: Posterior,
}

struct Entry {
    architecture: Architecture,
    point: Point,
    told: Told,
}

/// The searcher, see the [module](self).
pub struct Gp {
    config: Config,
    goal: Goal,
    seed: Seed,
    space: Arc<dyn SearchSpace>,
    encoder: Encoder,
    /// All networks, where there are few; listed when the first is asked for.
    candidates: OnceCell<Option<Arc<Candidates>>>,
    trials: Vec<Entry>,
    told: HashSet<Architecture>,
    /// For each candidate, how many of its architectures were not told yet, after so many trials.
    untold: (usize, Vec<usize>),
    /// What follows from the trials, and is made again where it is missing.
    models: Vec<Model>,
}

impl Gp {
    /// A searcher with these settings.
    ///
    /// # Errors
    /// If a setting is out of its range.
    pub fn new(config: Config, setup: &SearchSetup) -> Result<Self> {
        let at_least = |name: &str, value: usize, least: usize| {
            let problem = format!("{name} is {value}, and must be at least {least}");
            if value < least { Err(invalid(NAME, problem)) } else { Ok(()) }
        };
        at_least("initial_samples", config.initial_samples, 2)?;
        at_least("candidates", config.candidates, 8)?;
        at_least("max_points", config.max_points, 16)?;
        for (name, value) in [("beta", config.beta), ("clip", config.clip)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(invalid(NAME, format!("{name} is {value}, and must be above 0")));
            }
        }
        let spec = setup.space.spec();
        let sample = spec.sample(&mut setup.seed.derive("kernel", 0).rng());
        let network = match (config.kernel, setup.space.graph(&sample)) {
            (Kernel::Choices, _) | (_, Err(_)) => false,
            (Kernel::Both, Ok(_)) => true,
            (Kernel::Auto, Ok(graph)) => !graph.cells.is_empty(),
        };
        Ok(Self {
            config,
            goal: setup.goal.clone(),
            seed: setup.seed,
            space: Arc::clone(&setup.space),
            encoder: Encoder::new(spec, network),
            candidates: OnceCell::new(),
            trials: Vec::new(),
            told: HashSet::new(),
            untold: (0, Vec::new()),
            models: Vec::new(),
        })
    }

    /// Counts the architectures that are left of each candidate: the more was told, the more
    /// candidates would be judged only to be refused.
    fn count_untold(&mut self, all: &Candidates) {
        let (counted, left) = &mut self.untold;
        if left.is_empty() {
            *left = all.members.iter().map(Vec::len).collect();
        }
        for entry in &self.trials[*counted..] {
            let at = all.position(&entry.architecture);
            if self.told.insert(entry.architecture.clone())
                && let Some(at) = at
            {
                left[at] = left[at].saturating_sub(1);
            }
        }
        *counted = self.trials.len();
    }

    fn list(&self) -> Option<Arc<Candidates>> {
        let list = || Candidates::of(&self.space, &self.encoder, self.config.enumerate_up_to);
        self.candidates.get_or_init(list).clone()
    }

    /// What is modeled after so many trials.
    fn outputs(&self) -> Vec<Output> {
        let mut outputs = match self.goal.objectives.len() {
            2 if self.goal.is_pareto() => vec![Output::Value(0), Output::Value(1)],
            _ if self.goal.is_pareto() => vec![Output::Scalarized],
            _ => vec![Output::Value(0)],
        };
        let broken = |at: &usize| {
            self.trials.iter().any(|t| t.told.margins[*at].is_some_and(|margin| margin < 0.0))
        };
        outputs.extend((0..self.goal.constraints.len()).filter(broken).map(Output::Margin));
        outputs
    }

    /// The values of the first trials for a model, and of some of them only.
    fn targets(&self, output: Output, trials: &[usize], weights: &[f64]) -> Vec<f64> {
        let of = |trials: &[usize], objective: usize| {
            let told = trials.iter().map(|&at| &self.trials[at].told);
            let values: Vec<_> =
                told.clone().map(|told| told.values.as_ref().map(|v| v[objective])).collect();
            let pruned: Vec<bool> = told.map(|told| told.pruned).collect();
            standardized(&values, &pruned, self.config.clip)
        };
        match output {
            Output::Value(objective) => of(trials, objective),
            Output::Margin(constraint) => {
                let margins: Vec<_> =
                    trials.iter().map(|&at| self.trials[at].told.margins[constraint]).collect();
                scaled_margins(&margins)
            }
            Output::Scalarized => {
                let all: Vec<Vec<f64>> =
                    (0..self.goal.objectives.len()).map(|k| of(trials, k)).collect();
                let worst = |at: usize| {
                    let weighted = std::iter::zip(weights, &all).map(|(w, values)| w * values[at]);
                    let (least, sum) = weighted
                        .fold((f64::INFINITY, 0.0), |(least, sum), x| (least.min(x), sum + x));
                    Some(least + AUGMENT * sum)
                };
                let values: Vec<_> = (0..trials.len()).map(worst).collect();
                standardized(&values, &vec![false; trials.len()], self.config.clip)
            }
        }
    }

    /// The even weights of a kernel's fit, or random ones.
    fn weights(&self, trial: Option<TrialId>) -> Vec<f64> {
        let number = self.goal.objectives.len();
        let Some(trial) = trial else { return vec![1.0 / number as f64; number] };
        // Evenly from all weights with sum 1: exponential draws over their sum.
        let mut rng = self.seed.derive("weights", u64::from(trial.0)).rng();
        let draws: Vec<f64> = (0..number).map(|_| -(1.0 - rng.random::<f64>()).ln()).collect();
        let sum = draws.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        draws.iter().map(|draw| draw / sum).collect()
    }

    /// At how many trials the kernel was fitted last, and the points were chosen.
    fn schedule(&self, told: usize) -> (usize, usize) {
        let first = self.config.initial_samples.min(8);
        let mut fitted = first;
        while fitted + fitted.div_ceil(2) <= told {
            fitted += fitted.div_ceil(2);
        }
        let most = self.config.max_points;
        let stride = most / 4;
        let based = if told <= most { fitted } else { most + (told - most - 1) / stride * stride };
        (fitted.min(told), based.min(told))
    }

    /// Brings the models up to what was told.
    fn refresh(&mut self) {
        let outputs = self.outputs();
        let candidates = self.list();
        if let Some(all) = &candidates {
            self.count_untold(all);
        }
        let told = self.trials.len();
        let (fitted, based) = self.schedule(told);
        let mut models = std::mem::take(&mut self.models);
        models.retain(|model| outputs.contains(&model.output));
        for &output in &outputs {
            let at = models.iter().position(|model| model.output == output);
            let kept = at.map(|at| models.remove(at));
            let model = match kept {
                Some(model) if model.fitted == fitted && model.based == based => model,
                other => {
                    let hyper = other
                        .filter(|model| model.fitted == fitted)
                        .map(|model| model.posterior.process.hyper);
                    self.model(output, fitted, based, hyper, candidates.as_deref())
                }
            };
            models.push(self.caught_up(model, candidates.as_deref()));
        }
        self.models = models;
    }

    fn model(
        &self,
        output: Output,
        fitted: usize,
        based: usize,
        hyper: Option<Hyper>,
        candidates: Option<&Candidates>,
    ) -> Model {
        let chosen = |told: usize, most: usize| {
            let all: Vec<usize> = (0..told).collect();
            subset(told, most, &self.targets(output, &all, &self.weights(None)))
        };
        let points = |of: &[usize]| of.iter().map(|&at| self.trials[at].point.clone()).collect();
        let hyper = hyper.unwrap_or_else(|| {
            let subset = chosen(fitted, FIT_POINTS);
            let values = self.targets(output, &subset, &self.weights(None));
            let points: Vec<Point> = points(&subset);
            fit(&self.encoder, &points, &values)
        });
        let subset = chosen(based, self.config.max_points * 3 / 4);
        let base: Vec<Point> = points(&subset);
        let posterior = Posterior::new(&self.encoder, hyper, &base, candidates);
        Model { output, fitted, based, told: based, points: subset, posterior }
    }

    fn caught_up(&self, mut model: Model, candidates: Option<&Candidates>) -> Model {
        let new = model.told..self.trials.len();
        let points: Vec<Point> = new.clone().map(|at| self.trials[at].point.clone()).collect();
        model.posterior.extend(&self.encoder, &points, candidates);
        model.points.extend(new);
        model.told = self.trials.len();
        model
    }

    /// An architecture as the kernel sees it.
    fn point(&self, architecture: &Architecture) -> Point {
        self.encoder.encode(&*self.space, &self.space.canonical(architecture))
    }
}

/// The best and the latest of the first trials.
fn subset(told: usize, most: usize, values: &[f64]) -> Vec<usize> {
    if told <= most {
        return (0..told).collect();
    }
    let mut order: Vec<usize> = (0..told).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]).then(a.cmp(&b)));
    order.truncate(most / 2);
    let mut kept = vec![false; told];
    for &at in &order {
        kept[at] = true;
    }
    order.extend((0..told).rev().filter(|&at| !kept[at]).take(most - most / 2));
    order.sort_unstable();
    order
}

impl Searcher for Gp {
    fn ask(&mut self, cx: &mut AskContext<'_>) -> Result<Ask> {
        if cx.trial.index() < self.config.initial_samples || self.trials.len() < 2 {
            return Ok(Ask::Propose(Proposal::new(cx.space.spec().sample(&mut cx.rng))));
        }
        self.refresh();
        let candidates = self.list();
        let search = AcquisitionSearch::new(self, cx);
        let proposal = match candidates {
            Some(all) => search.best_of_all(&all, cx),
            None => search.best_of_pool(cx),
        };
        // Nothing of this is admitted: somebody else draws again.
        let sampled = || Proposal::new(cx.space.spec().sample(&mut cx.rng.clone()));
        Ok(Ask::Propose(proposal.unwrap_or_else(sampled)))
    }

    fn tell(&mut self, trial: &Trial) -> Result<()> {
        let architecture = trial.proposal.architecture.clone();
        let point = self.point(&architecture);
        let told = Told::of(&self.goal, trial);
        self.trials.push(Entry { architecture, point, told });
        Ok(())
    }
}

#[cfg(test)]
mod tests;
