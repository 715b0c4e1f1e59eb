//! What a model learns from: results as numbers of a similar size.

use nascent_record::{Bound, Constraint, Goal, Outcome, Trial};

/// What was told, as far as a model needs it.
#[derive(Clone, Debug)]
pub(super) struct Told {
    /// One value for each objective, or one in all; `None` without a result.
    pub values: Option<Vec<f64>>,
    /// For each constraint by how much it is kept, as a share of the limit; negative where broken.
    pub margins: Vec<Option<f64>>,
    /// Whether it was stopped early.
    pub pruned: bool,
}

impl Told {
    pub(super) fn of(goal: &Goal, trial: &Trial) -> Self {
        let metrics = trial.metrics();
        let values = metrics.and_then(|metrics| {
            if goal.is_pareto() {
                goal.values(metrics)
            } else {
                Some(vec![goal.score(metrics)?.value])
            }
        });
        let margin = |c: &Constraint| Some(margin(c, metrics?.get(&c.metric)?));
        let pruned = matches!(trial.outcome, Some(Outcome::Pruned(_)));
        Self { values, margins: goal.constraints.iter().map(margin).collect(), pruned }
    }

    /// Whether it has a result that keeps all constraints.
    pub(super) fn is_feasible(&self) -> bool {
        self.values.is_some() && self.margins.iter().flatten().all(|&margin| margin >= 0.0)
    }
}

fn margin(constraint: &Constraint, value: f64) -> f64 {
    let (room, limit) = match constraint.bound {
        Bound::AtMost(limit) => (limit - value, limit),
        Bound::AtLeast(limit) => (value - limit, limit),
    };
    room / if limit == 0.0 { 1.0 } else { limit.abs() }
}

/// The quantile of sorted values, of which there is one at least.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

/// Values with mean 0 and variance 1. What is very bad is brought nearer, because how bad it is says
/// little of what is good: below the median, the distance counts up to `clip` times that of the upper
/// tenth. A trial without a result counts as the worst, one that was stopped early as the lower
/// quartile.
pub(super) fn standardized(values: &[Option<f64>], pruned: &[bool], clip: f64) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().flatten().copied().collect();
    if sorted.is_empty() {
        return vec![0.0; values.len()];
    }
    sorted.sort_by(f64::total_cmp);
    let median = quantile(&sorted, 0.5);
    let floor = median - clip * (quantile(&sorted, 0.9) - median).max(1e-12 * median.abs());
    let worst = sorted[0].max(floor);
    let quartile = quantile(&sorted, 0.25).max(floor);
    let given = std::iter::zip(values, pruned).map(|(value, pruned)| match value {
        Some(value) => value.max(floor),
        None if *pruned => quartile,
        None => worst,
    });
    let given: Vec<f64> = given.collect();
    let n = given.len() as f64;
    let mean = given.iter().sum::<f64>() / n;
    let variance = given.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
    let scale = if variance > 0.0 { variance.sqrt() } else { 1.0 };
    given.iter().map(|x| (x - mean) / scale).collect()
}

/// Margins in units of their usual size, at most 3; the limit stays at 0. A trial without a result
/// breaks it by as much as is usual.
pub(super) fn scaled_margins(margins: &[Option<f64>]) -> Vec<f64> {
    let mut sizes: Vec<f64> = margins.iter().flatten().map(|margin| margin.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    let scale = if sizes.is_empty() { 1.0 } else { quantile(&sizes, 0.5).max(1e-12) };
    let scaled = margins.iter().map(|m| m.map_or(-1.0, |m| (m / scale).clamp(-3.0, 3.0)));
    scaled.collect()
}
