//! What the list of runs and the overview show of a run: computed once for each change.

use std::path::{Path, PathBuf};

use nascent_record::analysis;
use nascent_record::{
    Budget, Control, Direction, FinishReason, Manifest, Metrics, Origin, Outcome, RunView, Spent,
    Trial, TrialId,
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
    /// Whether it is no longer on disk.
    pub(crate) gone: bool,
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
    /// What all seeds of its setting share, see [`Manifest::setting`].
    pub(crate) setting: String,
    pub(crate) created_ms: u64,
    /// The times of the first and the last event.
    pub(crate) span_ms: Option<(u64, u64)>,
    pub(crate) started: usize,
    pub(crate) finished: usize,
    pub(crate) complete: usize,
    pub(crate) pruned: usize,
    pub(crate) failed: usize,
    pub(crate) epochs: u64,
    /// How many of the trials that have ended were evaluated here: not imported, not reused.
    pub(crate) evaluated: usize,
    /// How many of the trials that have ended were taken over from other runs: no budget counts them.
    pub(crate) imported: usize,
    /// The seconds that count against the budget: the metric `cost_secs` of complete trials.
    pub(crate) charged_secs: f64,
    /// The sums of the metrics that are costs, over the trials that were evaluated here.
    pub(crate) costs: Vec<Cost>,
    /// The metrics that trials have.
    pub(crate) metrics: Vec<String>,
    pub(crate) budget: Budget,
    /// When the last session started.
    pub(crate) session_ms: Option<u64>,
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
    /// What those went to, where it is known.
    pub(crate) spent: Spent,
    /// Trials that ended for each minute, over the last of them.
    pub(crate) per_minute: Option<f64>,
}

/// The sum of a metric that is a cost.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cost {
    pub(crate) metric: String,
    pub(crate) unit: String,
    pub(crate) sum: f64,
}

/// Units of what a trial uses up; what is measured in others, such as parameters or the milliseconds of
/// a latency, is a property of its network, and no sum of it means anything.
const USED_UP: [&str; 11] = ["s", "min", "h", "J", "kJ", "Wh", "kWh", "USD", "EUR", "$", "€"];

/// What the limit of time is a limit of.
const SESSION: &str = "s of this session";

impl Row {
    /// A run whose folder has just been found.
    pub(crate) fn new(path: &Path) -> Self {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        Self {
            path: path.to_owned(),
            name: name.unwrap_or_else(|| path.display().to_string()),
            status: Status::Interrupted,
            problem: None,
            gone: false,
            control: Control::Run,
            revision: 0,
            summary: None,
        }
    }

    /// What the seeds of one setting share, and no other run has.
    pub(crate) fn setting(&self) -> &str {
        self.summary.as_ref().map_or("", |summary| &summary.setting)
    }

    /// The setting that seeds repeat, for people: space, searcher and evaluator.
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
            setting: manifest.setting(),
            created_ms: manifest.created_ms,
            span_ms: view.span_ms(),
            started: view.trials().len(),
            finished: view.finished_trials(),
            complete: 0,
            pruned: 0,
            failed: 0,
            epochs: 0,
            evaluated: 0,
            imported: 0,
            charged_secs: 0.0,
            costs: costs(manifest),
            metrics: crate::filter::metrics(view),
            budget: view.budget(),
            session_ms: view.session_started_ms(),
            reason: view.finish_reason(),
            sessions: view.sessions(),
            unit: declared.map(|metric| metric.unit.clone()).unwrap_or_default(),
            maximize: objective.is_none_or(|o| o.direction == Direction::Maximize),
            metric,
            best,
            failures: Vec::new(),
            busy_ms: 0,
            spent: view.spent(),
            per_minute: throughput(view.trials(), view.session_started_ms()),
        };
        for trial in view.trials() {
            summary.add(trial);
        }
        summary.costs.retain(|cost| cost.sum > 0.0);
        summary.failures.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        summary
    }

    fn add(&mut self, trial: &Trial) {
        self.epochs += u64::from(trial.epochs);
        let Some(outcome) = &trial.outcome else { return };
        let own = !trial.proposal.is_copy();
        self.evaluated += usize::from(own);
        if let Some(Origin::Imported { .. }) = trial.proposal.origin.as_deref() {
            self.imported += 1;
        }
        if let Some(ended) = trial.finished_ms.filter(|_| own) {
            let took = ended.saturating_sub(trial.started_ms);
            self.busy_ms = self.busy_ms.saturating_add(took);
        }
        match outcome {
            Outcome::Complete(metrics) => {
                self.complete += 1;
                if own {
                    self.charged_secs += metrics.get("cost_secs").unwrap_or(0.0);
                    self.charge(metrics);
                }
            }
            Outcome::Pruned(metrics) => {
                self.pruned += 1;
                if own {
                    self.charge(metrics);
                }
            }
            Outcome::Failed(failure) => {
                self.failed += 1;
                let kind = failure.kind.to_string();
                match self.failures.iter_mut().find(|(known, _)| *known == kind) {
                    Some((_, count)) => *count += 1,
                    None => self.failures.push((kind, 1)),
                }
            }
        }
    }

    fn charge(&mut self, metrics: &Metrics) {
        for cost in &mut self.costs {
            cost.sum += metrics.get(&cost.metric).unwrap_or(0.0);
        }
    }

    /// What is spent of each limit at a moment, with what it is a limit of.
    pub(crate) fn progress(&self, now_ms: u64) -> Vec<(&'static str, f64, f64)> {
        let budget = self.budget;
        let counted = self.finished - self.imported;
        let elapsed = self.session_ms.map_or(0, |start| now_ms.saturating_sub(start));
        let limits = [
            ("trials", counted as f64, budget.max_trials.map(f64::from)),
            ("epochs", self.epochs as f64, budget.max_epochs.map(|n| n as f64)),
            ("s of cost", self.charged_secs, budget.max_cost_secs),
            (SESSION, elapsed as f64 / 1000.0, budget.max_wall_clock_secs),
        ];
        limits.into_iter().filter_map(|(name, spent, of)| Some((name, spent, of?))).collect()
    }

    /// The seconds until the first limit is reached, if trials go on as the last ones did.
    pub(crate) fn seconds_left(&self, now_ms: u64) -> Option<f64> {
        let rate = self.per_minute.filter(|rate| *rate > 0.0).map(|rate| rate / 60.0);
        let left = self.progress(now_ms).into_iter().filter_map(|(name, spent, of)| {
            if name == SESSION {
                return Some((of - spent).max(0.0));
            }
            let each = spent / self.evaluated.max(1) as f64;
            (each > 0.0).then_some(())?;
            Some(((of - spent) / each / rate?).max(0.0))
        });
        left.min_by(f64::total_cmp)
    }
}

/// The metrics of trials that are costs, with nothing spent yet.
fn costs(manifest: &Manifest) -> Vec<Cost> {
    let declared = manifest.metrics.iter().filter(|metric| !metric.final_only);
    let costs = declared.filter(|metric| USED_UP.contains(&metric.unit.as_str()));
    costs
        .map(|metric| Cost { metric: metric.name.clone(), unit: metric.unit.clone(), sum: 0.0 })
        .collect()
}

/// Trials that ended for each minute, over the last of them that were evaluated in this session: what
/// was imported or reused took no time, and between two sessions nobody worked.
fn throughput(trials: &[Trial], session_ms: Option<u64>) -> Option<f64> {
    let start = session_ms.unwrap_or(0);
    let own = trials.iter().rev().filter(|trial| !trial.proposal.is_copy());
    let ends = own.filter_map(|trial| trial.finished_ms).filter(|end| *end >= start);
    let mut ends: Vec<u64> = ends.take(RECENT).collect();
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
        assert_eq!(summary.seconds_left(0), None, "without a limit there is no end");
        summary.budget.max_trials = Some(40);
        summary.per_minute = Some(30.0);
        // 20 of 40 trials are left, at one in two seconds.
        assert_eq!(summary.seconds_left(0), Some(40.0));
        // The session may take a minute, of which half is over.
        summary.session_ms = Some(1000);
        summary.budget.max_wall_clock_secs = Some(60.0);
        assert_eq!(summary.seconds_left(31_000), Some(30.0));
    }

    /// A trial that ends at these milliseconds.
    fn ended(number: u32, at_ms: u64, origin: Option<Origin>) -> Trial {
        let spec = testing::empty().manifest().spec.clone();
        let architecture = spec.parse("depth=1,op=skip,width=8,learning_rate=0.01").unwrap();
        let mut proposal = nascent_record::Proposal::new(architecture);
        proposal.origin = origin.map(Box::new);
        let mut trial = Trial::new(TrialId(number), proposal, 0);
        trial.finished_ms = Some(at_ms);
        trial.outcome = Some(Outcome::Complete(Metrics::new([("cost_secs", 10.0)]).unwrap()));
        trial
    }

    #[test]
    fn what_was_imported_or_reused_costs_nothing_and_takes_no_time() {
        let mut summary = Summary::of(&testing::empty());
        let imported = Origin::Imported { run: "another".to_owned(), trial: TrialId(7) };
        let trials = [
            ended(0, 1000, Some(imported)),
            ended(1, 2000, None),
            ended(2, 2000, Some(Origin::Reused { trial: TrialId(1) })),
            // A day later, in another session.
            ended(3, 86_400_000, None),
            ended(4, 86_430_000, None),
        ];
        for trial in &trials {
            summary.add(trial);
        }
        summary.finished = trials.len();
        summary.budget =
            Budget { max_trials: Some(9), max_cost_secs: Some(90.0), ..summary.budget };
        assert_eq!(
            summary.progress(0),
            [("trials", 4.0, 9.0), ("s of cost", 30.0, 90.0)],
            "the imported one is no trial of the budget, the reused one is"
        );
        assert_eq!(summary.evaluated, 3);
        assert_eq!(throughput(&trials, Some(86_000_000)), Some(2.0));
        assert_eq!(throughput(&trials[..3], Some(86_000_000)), None);
    }
}
