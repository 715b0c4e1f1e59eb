//! Pruners: they stop a trial whose learning curve promises nothing.

pub mod median;
pub mod never;
pub mod patient;
pub mod percentile;
pub mod successive_halving;
pub mod threshold;

use nascent_record::{Objective, Report, Trial};

use crate::Result;
use crate::config::{Entry, find as find_entry};
use crate::evaluate::Flow;

/// What a pruner may look at: the curve of the trial, and finished trials that do not depend on how
/// many workers there are.
pub struct PruneContext<'a> {
    /// What "best" means.
    pub objective: &'a Objective,
    /// The learning curve of the trial, the new report last.
    pub curve: &'a [Report],
    /// The trials that the searcher had been told of when it proposed the trial.
    pub others: &'a [Trial],
}

impl PruneContext<'_> {
    /// The epochs that the trial has been trained for: with those before, where it goes on with an
    /// earlier trial.
    pub fn step(&self) -> Option<u32> {
        self.curve.last().map(|report| report.step)
    }

    /// What the objective says of each report of the trial; more is better.
    pub fn scores(&self) -> impl Iterator<Item = (u32, f64)> {
        self.curve.iter().filter_map(|r| Some((r.step, self.objective.score(&r.metrics)?)))
    }

    /// The best of them.
    pub fn best(&self) -> Option<f64> {
        self.scores().map(|(_, score)| score).max_by(f64::total_cmp)
    }

    /// What the objective says of another trial at this epoch, if it was there.
    pub fn at(&self, other: &Trial, step: u32) -> Option<f64> {
        let report = other.curve.iter().find(|report| report.step == step)?;
        self.objective.score(&report.metrics)
    }
}

/// Decides, at each report of a trial, whether it goes on. It has no state of its own, so a resumed
/// run decides as the undisturbed one.
pub trait Pruner: Send + Sync {
    /// Whether the trial goes on.
    fn prune(&self, cx: &PruneContext<'_>) -> Flow;
}

/// A row of [`PRUNERS`].
pub type PrunerEntry = Entry<dyn Pruner, ()>;

/// All pruners.
pub static PRUNERS: &[&PrunerEntry] = &[
    &never::ENTRY,
    &median::ENTRY,
    &percentile::ENTRY,
    &successive_halving::ENTRY,
    &threshold::ENTRY,
    &patient::ENTRY,
];

/// The pruner with this name.
///
/// # Errors
/// If there is none.
pub fn find(name: &str) -> Result<&'static PrunerEntry> {
    find_entry("pruner", PRUNERS, name)
}

#[cfg(test)]
mod tests {
    use nascent_record::{Choice, Metrics, Outcome, Proposal, Spec, TrialId, Value};

    use super::*;

    pub(super) fn loss() -> Objective {
        Objective::minimize("loss")
    }

    /// A learning curve of these losses, from this epoch on.
    pub(super) fn curve(first: u32, losses: &[f64]) -> Vec<Report> {
        let metrics = |loss: &f64| Metrics::new([("loss", *loss)]).unwrap();
        let steps = std::iter::zip(first.., losses);
        steps.map(|(step, loss)| Report { step, metrics: metrics(loss) }).collect()
    }

    /// Complete trials with these losses from the first epoch on.
    pub(super) fn others(losses: &[&[f64]]) -> Vec<Trial> {
        let spec = Spec::new(vec![Choice::integer("n", 0, 9)]).unwrap();
        let trial = |losses: &&[f64]| {
            let proposal = Proposal::new(spec.build(|_, _| Value::Int(0)).unwrap());
            let mut trial = Trial::new(TrialId(0), proposal, 0);
            trial.curve = curve(1, losses);
            trial.outcome = Some(Outcome::Complete(Metrics::default()));
            trial
        };
        losses.iter().map(trial).collect()
    }
}
