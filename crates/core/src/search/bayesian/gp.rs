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

use std::cell::OnceCell;
use std::collections::HashSet;
use std::sync::Arc;

use nascent_record::{Architecture, Goal, Proposal, Signals, Trial, TrialId};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use super::candidates::{Candidates, pool, vary};
use super::posterior::Posterior;
use super::targets::{Told, scaled_margins, standardized};
use crate::acquisition::{
    Front, log_expected_improvement, normal_cdf, standard_normal, upper_confidence_bound,
};
use crate::config::{defaults, invalid, parse};
use crate::search::{Ask, AskContext, SearchSetup, Searcher, SearcherEntry};
use crate::space::{SearchSpace, SpecExt as _};
use crate::surrogate::cholesky::{Cholesky, dot};
use crate::surrogate::gp::{Prediction, fit};
use crate::surrogate::kernel::{Encoder, Hyper, Point};
use crate::{Result, Rng, Seed};

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
/// So many candidates of a small space are looked at closely.
const CLOSE: usize = 256;
/// The optimism of that first look, in standard deviations.
const FIRST_LOOK: f32 = 2.0;
/// Changes are made of so many of the best trials.
const STARTS: usize = 8;
/// Rounds of changes of the most promising candidate of a large space.
const CLIMBS: usize = 3;
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

/// A candidate, with what a model says of it.
struct Judged {
    predictions: Vec<Prediction>,
    whitened: Vec<Vec<f64>>,
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
}

impl Gp {
    /// An architecture as the kernel sees it.
    fn point(&self, architecture: &Architecture) -> Point {
        self.encoder.encode(&*self.space, &self.space.canonical(architecture))
    }
}

/// What is decided by at one question.
struct Question<'a> {
    gp: &'a Gp,
    acquisition: Acquisition,
    /// L⁻¹ y of each model.
    weights: Vec<Vec<f64>>,
    /// The best value that keeps the constraints, if there is one.
    best: Option<f64>,
    front: Option<Front>,
    /// The trials that changes are made of, the best first.
    starts: Vec<usize>,
    pending: Vec<Pending>,
}

/// What pending trials add to the factor of a model.
struct Pending {
    points: Vec<Point>,
    whitened: Vec<Vec<f64>>,
    factor: Cholesky,
}

impl<'a> Question<'a> {
    fn new(gp: &'a Gp, cx: &AskContext<'_>) -> Self {
        let drawn = gp.weights(Some(cx.trial));
        let targets: Vec<Vec<f64>> =
            gp.models.iter().map(|m| gp.targets(m.output, &m.points, &drawn)).collect();
        let solved = std::iter::zip(&gp.models, &targets);
        let weights = solved.map(|(m, values)| m.posterior.process.weights(values)).collect();
        let keeps = |at: &usize| gp.trials[gp.models[0].points[*at]].told.is_feasible();
        let feasible: Vec<usize> = (0..targets[0].len()).filter(keeps).collect();
        let best = feasible.iter().map(|&at| targets[0][at]).max_by(f64::total_cmp);
        let front = (gp.goal.is_pareto() && gp.goal.objectives.len() == 2).then(|| {
            let low = |values: &[f64]| {
                let least = values.iter().copied().fold(f64::INFINITY, f64::min);
                least - 0.1
            };
            let points = feasible.iter().map(|&at| [targets[0][at], targets[1][at]]);
            Front::new(points, [low(&targets[0]), low(&targets[1])])
        });
        let starts = starts(gp, &targets, &drawn);
        let explores = gp.config.explore_every > 0
            && cx.trial.0 % gp.config.explore_every == gp.config.explore_every - 1;
        let improves = gp.config.acquisition == Acquisition::LogEi;
        let acquisition =
            if explores && improves { Acquisition::Ucb } else { gp.config.acquisition };
        let points: Vec<Point> =
            cx.pending.iter().map(|trial| gp.point(&trial.proposal.architecture)).collect();
        let pending = gp.models.iter().map(|model| Pending::new(gp, model, &points)).collect();
        Self { gp, acquisition, weights, best, front, starts, pending }
    }

    /// What all models say of a point.
    fn judge(&self, point: &Point) -> Judged {
        let whitened: Vec<Vec<f64>> = self
            .gp
            .models
            .iter()
            .map(|model| model.posterior.process.whitened(&self.gp.encoder, point))
            .collect();
        self.judged(point, whitened)
    }

    fn judged(&self, point: &Point, whitened: Vec<Vec<f64>>) -> Judged {
        let mut predictions = Vec::with_capacity(whitened.len());
        for (at, model) in self.gp.models.iter().enumerate() {
            let process = &model.posterior.process;
            let mut prediction = process.predict(&whitened[at], &self.weights[at]);
            let pending = &self.pending[at];
            let new = pending.points.iter().zip(&pending.whitened).map(|(seen, row)| {
                process.hyper.kernel(&self.gp.encoder, seen, point) - dot(row, &whitened[at])
            });
            let new = pending.factor.solve_lower(&new.collect::<Vec<f64>>());
            let left = prediction.std * prediction.std - dot(&new, &new);
            prediction.std = left.max(1e-12).sqrt();
            predictions.push(prediction);
        }
        Judged { predictions, whitened }
    }

    /// How much these predictions promise.
    fn value(&self, predictions: &[Prediction]) -> f64 {
        let outputs = self.gp.models.iter().map(|model| model.output);
        let kept: f64 = outputs
            .zip(predictions)
            .filter(|(output, _)| matches!(output, Output::Margin(_)))
            .map(|(_, margin)| normal_cdf(margin.mean / margin.std).max(1e-300).ln())
            .sum();
        let Some(best) = self.best else {
            // Nothing keeps the constraints yet, or nothing has a result: what may, and what is
            // unknown.
            return kept
                + 1e-3 * upper_confidence_bound(predictions[0].mean, predictions[0].std, 2.0);
        };
        if let Some(front) = &self.front {
            let (a, b) = (predictions[0], predictions[1]);
            let gain = front.expected_improvement([a.mean, b.mean], [a.std, b.std]);
            return gain.max(1e-300).ln() + kept;
        }
        let Prediction { mean, std } = predictions[0];
        match self.acquisition {
            Acquisition::LogEi => log_expected_improvement(mean, std, best) + kept,
            Acquisition::Ucb | Acquisition::Thompson => {
                // Improbable ones are moved toward the worst.
                let bound = upper_confidence_bound(mean, std, self.gp.config.beta);
                -3.0 + (bound + 3.0) * kept.exp()
            }
        }
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

/// The best trials: those that keep the constraints by their value, two objectives by the lesser
/// with the weights of this question; then those that break the constraints the least.
fn starts(gp: &Gp, targets: &[Vec<f64>], weights: &[f64]) -> Vec<usize> {
    let points = &gp.models[0].points;
    let value = |at: usize| {
        let told = &gp.trials[points[at]].told;
        let broken: f64 = told.margins.iter().flatten().map(|margin| margin.min(0.0)).sum();
        let broken = if told.values.is_some() { broken } else { f64::NEG_INFINITY };
        let values = std::iter::zip(&gp.models, targets);
        let values = values.filter(|(model, _)| matches!(model.output, Output::Value(_)));
        // Standardized values are seldom above 3: the weights go by how much is missing there.
        let weighted = std::iter::zip(values, weights).map(|((_, v), w)| w * (v[at] - 3.0));
        let least = weighted.reduce(f64::min).unwrap_or(targets[0][at]);
        (broken, least)
    };
    let mut order: Vec<(f64, f64, usize)> = (0..points.len())
        .map(|at| {
            let (broken, value) = value(at);
            (broken, value, points[at])
        })
        .collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2)));
    order.iter().take(STARTS).map(|&(_, _, trial)| trial).collect()
}

impl Pending {
    fn new(gp: &Gp, model: &Model, points: &[Point]) -> Self {
        let process = &model.posterior.process;
        let whitened: Vec<Vec<f64>> =
            points.iter().map(|point| process.whitened(&gp.encoder, point)).collect();
        let mut factor = Cholesky::default();
        for (at, point) in points.iter().enumerate() {
            let left = |other: usize| {
                process.hyper.kernel(&gp.encoder, &points[other], point)
                    - dot(&whitened[other], &whitened[at])
            };
            let column: Vec<f64> = (0..at).map(left).collect();
            factor.push(&column, left(at) + process.hyper.noise, 1e-8);
        }
        Self { points: points.to_vec(), whitened, factor }
    }
}

/// A candidate, how it was judged, and how much it promises.
struct Ranked {
    value: f64,
    /// Its number among all candidates.
    at: usize,
    judged: Judged,
}

fn by_value(ranked: &mut [Ranked]) {
    ranked.sort_by(|a, b| b.value.total_cmp(&a.value).then(a.at.cmp(&b.at)));
}

impl Question<'_> {
    /// Judges candidates by their number, the most promising first.
    fn rank<'p>(
        &self,
        judged: impl Iterator<Item = (usize, Judged)>,
        point: impl Fn(usize) -> &'p Point,
        rng: &mut Rng,
    ) -> Vec<Ranked> {
        let rank = |(at, judged): (usize, Judged)| Ranked {
            value: self.value(&judged.predictions),
            at,
            judged,
        };
        let mut ranked: Vec<Ranked> = judged.map(rank).collect();
        by_value(&mut ranked);
        if self.acquisition == Acquisition::Thompson && self.front.is_none() && self.best.is_some()
        {
            ranked.truncate(CLOSE);
            self.draw(&mut ranked, point, rng);
            by_value(&mut ranked);
        }
        ranked
    }

    /// Replaces values by one draw of all from the posterior, as far as constraints are kept.
    fn draw<'p>(&self, ranked: &mut [Ranked], point: impl Fn(usize) -> &'p Point, rng: &mut Rng) {
        let process = &self.gp.models[0].posterior.process;
        let mut factor = Cholesky::default();
        let mut noise: Vec<f64> = Vec::new();
        for at in 0..ranked.len() {
            let (own, here) = (&ranked[at].judged, point(ranked[at].at));
            let column = ranked[..at].iter().map(|other| {
                process.hyper.kernel(&self.gp.encoder, point(other.at), here)
                    - dot(&other.judged.whitened[0], &own.whitened[0])
            });
            factor.push(&column.collect::<Vec<f64>>(), own.predictions[0].std.powi(2), 1e-9);
            noise.push(standard_normal(rng));
        }
        for (at, one) in ranked.iter_mut().enumerate() {
            let mut drawn = one.judged.predictions.clone();
            drawn[0].mean += dot(factor.row(at), &noise[..=at]);
            drawn[0].std = 0.0;
            one.value = self.value(&drawn);
        }
    }

    /// The best of all networks of a small space.
    fn best_of_all(&self, all: &Candidates, cx: &mut AskContext<'_>) -> Option<Proposal> {
        let seen = self.gp.models.iter().zip(&self.weights).map(|(m, w)| m.posterior.all(w));
        let looks: Vec<Vec<f32>> = seen
            .map(|(means, stds)| {
                std::iter::zip(means, stds).map(|(mean, std)| mean + FIRST_LOOK * std).collect()
            })
            .collect();
        // A first look at each candidate: optimistic of all values, doubtful where a constraint is
        // probably broken.
        let look = |at: usize| {
            let outputs = self.gp.models.iter().zip(&looks);
            let seen = outputs.map(|(model, looks)| match model.output {
                Output::Margin(_) => 3.0 * looks[at].min(0.0),
                _ => looks[at],
            });
            seen.sum::<f32>()
        };
        let (_, untold) = &self.gp.untold;
        let left = (0..all.points.len()).filter(|&at| untold[at] > 0);
        let mut order: Vec<(f32, usize)> = left.map(|at| (look(at), at)).collect();
        let admission = cx.admission;
        let admitted = |at: usize| all.members[at].iter().find(|member| admission(member));
        let rank = |a: &(f32, usize), b: &(f32, usize)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        let mut rest = &mut order[..];
        while !rest.is_empty() {
            let close = CLOSE.min(rest.len());
            if close < rest.len() {
                rest.select_nth_unstable_by(close, rank);
            }
            let (here, behind) = rest.split_at_mut(close);
            here.sort_unstable_by(rank);
            // Where a member was told, mostly the others are refused: to ask that first is cheaper.
            let fresh = |at: &usize| untold[*at] == all.members[*at].len();
            let open = here.iter().map(|&(_, at)| at);
            let open: Vec<usize> = open.filter(|at| fresh(at) || admitted(*at).is_some()).collect();
            let judged = open.into_iter().map(|at| {
                let models = self.gp.models.iter();
                let whitened = models.map(|model| model.posterior.whitened(at)).collect();
                (at, self.judged(&all.points[at], whitened))
            });
            for ranked in self.rank(judged, |at| &all.points[at], &mut cx.rng) {
                if let Some(architecture) = admitted(ranked.at) {
                    return Some(self.proposal(architecture.clone(), &ranked));
                }
            }
            rest = behind;
        }
        None
    }

    /// The best of a pool of a large space.
    fn best_of_pool(&self, cx: &mut AskContext<'_>) -> Option<Proposal> {
        let spec = cx.space.spec();
        let starts = self.starts.iter().map(|&trial| &self.gp.trials[trial].architecture);
        let starts: Vec<&Architecture> = starts.collect();
        let size = self.gp.config.candidates;
        let mut all = pool(spec, &starts, size / 2, &mut cx.rng);
        let mut points: Vec<Point> = Vec::new();
        let mut ranked: Vec<Ranked> = Vec::new();
        for climb in 0..=CLIMBS {
            let new = points.len()..all.len();
            points.extend(all[new.clone()].iter().map(|one| self.gp.point(one)));
            ranked.extend(new.map(|at| {
                let judged = self.judge(&points[at]);
                Ranked { value: self.value(&judged.predictions), at, judged }
            }));
            by_value(&mut ranked);
            if climb < CLIMBS {
                let top: Vec<Architecture> =
                    ranked.iter().take(3).map(|ranked| all[ranked.at].clone()).collect();
                for number in 0..size / 2 / CLIMBS {
                    let changed = vary(spec, &top[number % top.len()], &mut cx.rng);
                    if !all.contains(&changed) {
                        all.push(changed);
                    }
                }
            }
        }
        let judged = ranked.into_iter().map(|ranked| (ranked.at, ranked.judged));
        let ranked = self.rank(judged, |at| &points[at], &mut cx.rng);
        let admitted = ranked.iter().find(|ranked| cx.admits(&all[ranked.at]))?;
        Some(self.proposal(all[admitted.at].clone(), admitted))
    }

    fn proposal(&self, architecture: Architecture, ranked: &Ranked) -> Proposal {
        let Prediction { mean, std } = ranked.judged.predictions[0];
        let Hyper { lengths, weights, noise } = &self.gp.models[0].posterior.process.hyper;
        let signals = Signals::default()
            .with("acquisition", ranked.value)
            .with("mean", mean)
            .with("std", std)
            .with("noise", *noise)
            .with_list("length_scales", lengths[..self.gp.encoder.choices()].to_vec())
            .with_list("kernel_weights", weights.to_vec());
        Proposal::new(architecture).with_signals(signals)
    }
}

impl Searcher for Gp {
    fn ask(&mut self, cx: &mut AskContext<'_>) -> Result<Ask> {
        if cx.trial.index() < self.config.initial_samples || self.trials.len() < 2 {
            return Ok(Ask::Propose(Proposal::new(cx.space.spec().sample(&mut cx.rng))));
        }
        self.refresh();
        let candidates = self.list();
        let question = Question::new(self, cx);
        let proposal = match candidates {
            Some(all) => question.best_of_all(&all, cx),
            None => question.best_of_pool(cx),
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
