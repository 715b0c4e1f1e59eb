//! What the list of runs and the overview show of a run: computed once for each change.

use std::path::{Path, PathBuf};

use nascent_record::analysis;
use nascent_record::{
    Budget, Control, Direction, FinishReason, Manifest, Outcome, RunView, Trial, TrialId,
};

use super::Status;

/// A run in the list.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Its folder.
    pub(crate) path: PathBuf,
    /// The last part of that, which people know it by.
    pub(crate) name: String,
    /// What has become of it.
    pub(crate) status: Status,
    /// Why it cannot be read, in a sentence.
    pub(crate) problem: Option<String>,
    /// What its writer was asked for.
    pub(crate) control: Control,
    /// How often it has changed since the app opened it.
    pub(crate) revision: u64,
    /// What is in it, as far as it can be read.
    pub(crate) summary: Option<Summary>,
}

/// What a run is and how far it has come.
#[derive(Clone, Debug)]
pub(crate) struct Summary {
    pub(crate) space: String,
    pub(crate) searcher: String,
    pub(crate) evaluator: String,
    pub(crate) data: String,
    pub(crate) seed: u64,
    pub(crate) created_ms: u64,
    /// The times of the first and the last event.
    pub(crate) span_ms: Option<(u64, u64)>,
    pub(crate) started: usize,
    pub(crate) finished: usize,
    pub(crate) complete: usize,
    pub(crate) pruned: usize,
    pub(crate) failed: usize,
    pub(crate) epochs: u64,
    /// The sum of the metric `cost_secs`, where trials have it.
    pub(crate) cost_secs: Option<f64>,
    /// The sum of the metric `energy_joules`, where trials have it.
    pub(crate) energy_joules: Option<f64>,
    pub(crate) budget: Budget,
    pub(crate) reason: Option<FinishReason>,
    pub(crate) sessions: u32,
    /// The first objective: its metric, its unit, and whether more is better.
    pub(crate) metric: String,
    pub(crate) unit: String,
    pub(crate) maximize: bool,
    /// The incumbent and its value.
    pub(crate) best: Option<(TrialId, f64)>,
    /// Failures by kind, most frequent first.
    pub(crate) failures: Vec<(String, usize)>,
    /// Milliseconds that trials took, all together.
    pub(crate) busy_ms: u64,
    /// Trials that ended for each minute, over the last of them.
    pub(crate) per_minute: Option<f64>,
    pub(crate) retrained: usize,
}

impl Row {
    /// A run whose folder has just been found.
    pub(crate) fn new(path: &Path) -> Self {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        Self {
            path: path.to_owned(),
            name: name.unwrap_or_else(|| path.display().to_string()),
            status: Status::Interrupted,
            problem: None,
            control: Control::Run,
            revision: 0,
            summary: None,
        }
    }

    /// The setting that seeds repeat: space, searcher and evaluator.
    pub(crate) fn group(&self) -> String {
        match &self.summary {
            Some(s) => format!("{} · {} · {}", s.space, s.searcher, s.evaluator),
            None => "cannot be read".to_owned(),
        }
    }

    /// The name that figures have it by: searcher and seed, where that tells runs apart.
    pub(crate) fn label(&self) -> String {
        match &self.summary {
            Some(s) => format!("{} · seed {}", s.searcher, s.seed),
            None => self.name.clone(),
        }
    }
}

/// How many of the last trials the throughput is taken from.
const RECENT: usize = 50;

impl Summary {
    pub(crate) fn of(view: &RunView) -> Self {
        let manifest: &Manifest = view.manifest();
        let objective = manifest.objective();
        let metric = objective.map(|o| o.metric.clone()).unwrap_or_default();
        let declared = manifest.metric(&metric);
        let best = analysis::incumbent(view).and_then(|t| Some((t.id, t.metric(&metric)?)));
        let mut summary = Self {
            space: manifest.space.name.clone(),
            searcher: manifest.searcher.name.clone(),
            evaluator: manifest.evaluator.name.clone(),
            data: manifest.data.name.clone(),
            seed: manifest.seed,
            created_ms: manifest.created_ms,
            span_ms: view.span_ms(),
            started: view.trials().len(),
            finished: view.finished_trials(),
            complete: 0,
            pruned: 0,
            failed: 0,
            epochs: 0,
            cost_secs: None,
            energy_joules: None,
            budget: view.budget(),
            reason: view.finish_reason(),
            sessions: view.sessions(),
            unit: declared.map(|metric| metric.unit.clone()).unwrap_or_default(),
            maximize: objective.is_none_or(|o| o.direction == Direction::Maximize),
            metric,
            best,
            failures: Vec::new(),
            busy_ms: 0,
            per_minute: throughput(view.trials()),
            retrained: view.retrained().len(),
        };
        for trial in view.trials() {
            summary.add(trial);
        }
        summary.failures.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        summary
    }

    fn add(&mut self, trial: &Trial) {
        self.epochs += u64::from(trial.epochs);
        if let Some(ended) = trial.finished_ms {
            self.busy_ms += ended.saturating_sub(trial.started_ms);
        }
        let metrics = match &trial.outcome {
            None => return,
            Some(Outcome::Complete(metrics)) => {
                self.complete += 1;
                metrics
            }
            Some(Outcome::Pruned(metrics)) => {
                self.pruned += 1;
                metrics
            }
            Some(Outcome::Failed(failure)) => {
                self.failed += 1;
                let kind = failure.kind.to_string();
                match self.failures.iter_mut().find(|(known, _)| *known == kind) {
                    Some((_, count)) => *count += 1,
                    None => self.failures.push((kind, 1)),
                }
                return;
            }
        };
        let sum = |total: &mut Option<f64>, name| {
            if let Some(value) = metrics.get(name) {
                *total = Some(total.unwrap_or(0.0) + value);
            }
        };
        sum(&mut self.cost_secs, "cost_secs");
        sum(&mut self.energy_joules, "energy_joules");
    }

    /// The share of each limit that is spent, with what it is a limit of.
    pub(crate) fn progress(&self) -> Vec<(&'static str, f64, f64)> {
        let budget = self.budget;
        let limits = [
            ("trials", self.finished as f64, budget.max_trials.map(f64::from)),
            ("epochs", self.epochs as f64, budget.max_epochs.map(|n| n as f64)),
            ("cost (s)", self.cost_secs.unwrap_or(0.0), budget.max_cost_secs),
        ];
        limits.into_iter().filter_map(|(name, spent, of)| Some((name, spent, of?))).collect()
    }

    /// The seconds until the first limit is reached, if trials go on as the last ones did.
    pub(crate) fn seconds_left(&self) -> Option<f64> {
        let rate = self.per_minute.filter(|rate| *rate > 0.0)? / 60.0;
        let share = |spent: f64, of: f64| {
            let each = spent / self.finished.max(1) as f64;
            (each > 0.0).then(|| ((of - spent) / each / rate).max(0.0))
        };
        let left = self.progress().into_iter().filter_map(|(_, spent, of)| share(spent, of));
        left.min_by(f64::total_cmp)
    }
}

/// Trials that ended for each minute, over the last of them.
fn throughput(trials: &[Trial]) -> Option<f64> {
    let mut ends: Vec<u64> =
        trials.iter().rev().filter_map(|t| t.finished_ms).take(RECENT).collect();
    ends.sort_unstable();
    let span = ends.last()?.checked_sub(*ends.first()?)?;
    (span > 0 && ends.len() > 1).then(|| (ends.len() - 1) as f64 * 60_000.0 / span as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_summary_counts_what_happened() {
        let view = testing::run(60, 5, 1);
        let summary = Summary::of(&view);
        assert_eq!(summary.started, 60);
        assert_eq!(summary.finished, 59);
        assert_eq!(summary.complete + summary.pruned + summary.failed, 59);
        let failed = view.trials().iter().filter(|t| t.status() == "failed").count();
        assert_eq!(summary.failures.iter().map(|(_, n)| n).sum::<usize>(), failed);
        let (best, value) = summary.best.unwrap();
        let most = view.trials().iter().filter_map(|t| t.metric("valid_accuracy"));
        assert_eq!(most.fold(0.0, f64::max), value);
        assert_eq!(view.trials()[best.index()].metric("valid_accuracy"), Some(value));
    }

    #[test]
    fn the_time_left_follows_the_last_trials() {
        let mut summary = Summary::of(&testing::run(21, 3, 2));
        assert_eq!(summary.seconds_left(), None, "without a limit there is no end");
        summary.budget.max_trials = Some(40);
        summary.per_minute = Some(30.0);
        // 20 of 40 trials are left, at one in two seconds.
        assert_eq!(summary.seconds_left(), Some(40.0));
    }
}
