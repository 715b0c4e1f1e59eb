//! What a Gaussian process proposes: the candidate whose acquisition value is best, in the light of
//! what is pending.

use nascent_record::{Architecture, Proposal, Signals};

use super::super::candidates::{Candidates, pool, vary};
use super::{Acquisition, Gp, Model, Output};
use crate::Rng;
use crate::acquisition::{
    Front, log_expected_improvement, normal_cdf, standard_normal, upper_confidence_bound,
};
use crate::search::AskContext;
use crate::surrogate::cholesky::{Cholesky, dot};
use crate::surrogate::gp::Prediction;
use crate::surrogate::kernel::{Hyper, Point};

/// So many candidates of a small space are looked at closely.
const CLOSE: usize = 256;
/// The optimism of that first look, in standard deviations.
const FIRST_LOOK: f32 = 2.0;
/// Changes are made of so many of the best trials.
const STARTS: usize = 8;
/// Rounds of changes of the most promising candidate of a large space.
const CLIMBS: usize = 3;

/// A candidate, with what a model says of it.
struct Judged {
    predictions: Vec<Prediction>,
    whitened: Vec<Vec<f64>>,
}

/// What decides at one question.
pub(super) struct AcquisitionSearch<'a> {
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

impl<'a> AcquisitionSearch<'a> {
    pub(super) fn new(gp: &'a Gp, cx: &AskContext<'_>) -> Self {
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

impl AcquisitionSearch<'_> {
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
    pub(super) fn best_of_all(
        &self,
        all: &Candidates,
        cx: &mut AskContext<'_>,
    ) -> Option<Proposal> {
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
    pub(super) fn best_of_pool(&self, cx: &mut AskContext<'_>) -> Option<Proposal> {
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
