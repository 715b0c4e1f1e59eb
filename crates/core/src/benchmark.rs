//! Searchers measured over an evaluator that is as good as free: a table. No store, no threads, no
//! lookahead: what the literature's simulated searches do.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nascent_record::{Goal, MetricSpec, Metrics, Objective, Outcome, TrialId, TrialLimits};

use crate::evaluate::{CHECKPOINT, Checkpoint, Evaluator, Job, Purpose, Resources, Silent};
use crate::search::{AskTell, SearchSetup, Searcher};
use crate::space::SearchSpace;
use crate::{Result, Seed};

/// What a simulated search is made of.
pub struct Simulation<'a> {
    /// The space.
    pub space: Arc<dyn SearchSpace>,
    /// The evaluator, without noise and without cost.
    pub evaluator: &'a dyn Evaluator,
    /// The objective.
    pub objective: Objective,
    /// The data, for searchers that train something of their own.
    pub resources: Option<Resources>,
    /// The search has at least so many trials, if the searcher does not end it.
    pub min_trials: u32,
    /// It goes on until a trial reaches this many simulated seconds; 0 for no such wish.
    pub min_cost_secs: f64,
    /// It ends here, whatever has been reached.
    pub max_trials: u32,
}

/// A point of a simulated search: the best after a trial, of those at the highest fidelity so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The number of trials so far.
    pub trials: u32,
    /// The simulated seconds so far, those of this trial among them.
    pub cost_secs: f64,
    /// The metrics of the best trial so far.
    pub best: Metrics,
}

/// A simulated search.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// A point for each trial that has a best to show.
    pub points: Vec<Point>,
    /// The time that the searcher itself took, for each trial: to be asked and to be told.
    pub searcher_times: Vec<Duration>,
}

impl Trace {
    /// The metrics of the best after so many trials; the last, where the searcher ended before.
    pub fn after_trials(&self, trials: u32) -> Option<&Metrics> {
        let point = self.points.iter().take_while(|point| point.trials <= trials).last();
        point.map(|point| &point.best)
    }

    /// The metrics of the best among the trials that ended within so many simulated seconds.
    pub fn after_secs(&self, secs: f64) -> Option<&Metrics> {
        let point = self.points.iter().take_while(|point| point.cost_secs <= secs).last();
        point.map(|point| &point.best)
    }
}

impl Simulation<'_> {
    /// Runs one search.
    ///
    /// # Errors
    /// If the searcher fails. A trial that fails is told as such.
    pub fn run(
        &self,
        make: impl FnOnce(&SearchSetup) -> Result<Box<dyn Searcher>>,
        seed: u64,
    ) -> Result<Trace> {
        let goal = Goal::new(self.objective.clone());
        let searcher = make(&SearchSetup {
            space: Arc::clone(&self.space),
            goal: goal.clone(),
            fidelities: self.evaluator.fidelities(),
            seed: Seed::new(seed).derive("searcher", 0),
            resources: self.resources.clone(),
        })?;
        let keep_checkpoint = searcher.resumes_trials();
        let mut search = AskTell::new(searcher, Arc::clone(&self.space), goal, seed).exact();
        let (mut points, mut searcher_times) = (Vec::new(), Vec::new());
        let mut cost_secs = 0.0;
        let mut best: Option<(u32, f64, Metrics)> = None;
        let mut checkpoints: HashMap<TrialId, (u32, Vec<u8>)> = HashMap::new();
        for number in 0..self.max_trials {
            #[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
            let before = Instant::now();
            let asked = search.ask()?;
            let asking = before.elapsed();
            // With nothing pending, waiting is the end.
            let Some(mut trial) = asked else { break };
            let epochs = self.evaluator.epochs(trial.proposal.fidelity);
            let before = trial.proposal.resume_from.and_then(|id| checkpoints.get(&id));
            let job = Job {
                space: &*self.space,
                trial: trial.id,
                proposal: &trial.proposal,
                seed: Seed::new(seed).derive("trial", u64::from(number)),
                purpose: Purpose::Search,
                limits: TrialLimits::default(),
                checkpoint: before.map(|(epochs, bytes)| Checkpoint { epochs: *epochs, bytes }),
                weights: None,
                keep_checkpoint,
            };
            let outcome = match self.evaluator.evaluate(&job, &mut Silent) {
                Ok(mut evaluation) => {
                    if let Some(bytes) = evaluation.artifacts.remove(CHECKPOINT) {
                        checkpoints.insert(trial.id, (epochs, bytes));
                    }
                    Outcome::Complete(evaluation.metrics)
                }
                Err(error) => Outcome::Failed(nascent_record::Failure {
                    kind: error.failure_kind(),
                    message: error.to_string(),
                }),
            };
            trial.outcome = Some(outcome.clone());
            #[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
            let before = Instant::now();
            search.tell(trial.id, outcome)?;
            searcher_times.push(asking + before.elapsed());
            cost_secs += trial.metric("cost_secs").unwrap_or(0.0);
            if let Some((score, metrics)) = trial.score(&self.objective).zip(trial.metrics())
                && best.as_ref().is_none_or(|(at, known, _)| (epochs, score) > (*at, *known))
            {
                best = Some((epochs, score, metrics.clone()));
            }
            if let Some((.., best)) = &best {
                points.push(Point { trials: number + 1, cost_secs, best: best.clone() });
            }
            if number + 1 >= self.min_trials && cost_secs >= self.min_cost_secs {
                break;
            }
        }
        Ok(Trace { points, searcher_times })
    }
}

/// Mean, standard deviation and 95 % interval of the mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistics {
    /// The number of values.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation, of a sample; 0 for one value.
    pub std: f64,
    /// The 95 % interval of the mean, by the normal approximation.
    pub interval: (f64, f64),
}

impl Statistics {
    /// The statistics of these values; `None` of none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let std = if values.len() > 1 { (squares / (n - 1.0)).sqrt() } else { 0.0 };
        let half = 1.96 * std / n.sqrt();
        let interval = (mean - half, mean + half);
        (!values.is_empty()).then_some(Self { count: values.len(), mean, std, interval })
    }
}

/// The names of the metrics that are worth a report: the objective's, and that of the test.
pub fn reported_metrics(declared: &[MetricSpec], objective: &Objective) -> Vec<String> {
    let is_reported = |name: &str| name == objective.metric || name == "test_accuracy";
    let names = declared.iter().map(|metric| metric.name.clone());
    names.filter(|name| is_reported(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_of_known_values() {
        let s = Statistics::of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).unwrap();
        assert!((s.mean - 5.0).abs() < 1e-12);
        assert!((s.std - 2.138_089_935_299_395).abs() < 1e-12);
        assert!((s.interval.1 - 6.481_621_4).abs() < 1e-6);
        assert_eq!(Statistics::of(&[]), None);
    }
}
