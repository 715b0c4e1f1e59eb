//! What a person sees while a search goes on: a bar on a terminal, plain lines elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use nascent::evaluate::{Flow, Reporter};
use nascent_record::{Clock as _, Metrics, RunView, Score, SearcherTrained, SystemClock, TrialId};

use crate::interrupt::STOP;
use crate::output;

/// Follows a search through the state of its run.
pub(crate) struct SearchProgress {
    shown: Shown,
    reported: Vec<bool>,
    /// All trials before this one have been reported.
    first_open: usize,
    best: Option<(Score, TrialId)>,
    ended_before: usize,
    /// The epochs of the searcher that have been shown, and those before this session.
    searcher_epochs: usize,
    searcher_epochs_before: usize,
    started_ms: u64,
}

enum Shown {
    Nothing,
    Bar(ProgressBar),
    Lines,
}

impl SearchProgress {
    /// Progress of a session that begins with this state.
    pub(crate) fn new(view: &RunView, quiet: bool) -> Self {
        let shown = if quiet {
            Shown::Nothing
        } else if std::io::stderr().is_terminal() {
            let bar = match view.budget().max_trials {
                Some(trials) => ProgressBar::new(u64::from(trials + view.manifest().imported)),
                None => ProgressBar::no_length(),
            };
            let template = "{spinner} [{bar:24}] {pos}/{len} trials  {msg}";
            let style = ProgressStyle::with_template(template);
            bar.set_style(
                style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸ "),
            );
            bar.enable_steady_tick(Duration::from_millis(120));
            Shown::Bar(bar)
        } else {
            Shown::Lines
        };
        let mut progress = Self {
            shown,
            reported: Vec::new(),
            first_open: 0,
            best: None,
            ended_before: view.finished_trials(),
            searcher_epochs: view.searcher_epochs().len(),
            searcher_epochs_before: view.searcher_epochs().len(),
            started_ms: SystemClock.now_ms(),
        };
        progress.take_in(view, |_, _| {});
        progress
    }

    /// Calls `ended` for each trial that has ended since, and keeps the best.
    fn take_in(&mut self, view: &RunView, mut ended: impl FnMut(&Self, TrialId)) {
        self.reported.resize(view.trials().len(), false);
        for at in self.first_open..view.trials().len() {
            let trial = &view.trials()[at];
            if self.reported[at] || !trial.is_finished() {
                continue;
            }
            self.reported[at] = true;
            if let Some(score) = view.manifest().goal.best_score(trial)
                && score.is_feasible()
                && self
                    .best
                    .is_none_or(|(best, by)| score > best || (score == best && trial.id < by))
            {
                self.best = Some((score, trial.id));
            }
            ended(self, trial.id);
        }
        while self.reported.get(self.first_open) == Some(&true) {
            self.first_open += 1;
        }
    }

    /// Shows the state of the run.
    pub(crate) fn observe(&mut self, view: &RunView) {
        let mut lines = Vec::new();
        for trained in &view.searcher_epochs()[self.searcher_epochs..] {
            lines.push(self.searcher_line(trained));
        }
        self.searcher_epochs = view.searcher_epochs().len();
        let before = view.finished_trials();
        self.take_in(view, |progress, id| lines.push(progress.line(view, id)));
        match &self.shown {
            Shown::Nothing => {}
            Shown::Bar(bar) => {
                bar.set_position(before as u64);
                let trains = view.searcher_epochs().last().filter(|last| last.epoch < last.epochs);
                bar.set_message(match trains {
                    Some(trained) => self.searcher_line(trained),
                    None => format!("{}{}", self.best_text(view), self.eta(view)),
                });
            }
            Shown::Lines => {
                let mut err = std::io::stderr().lock();
                for line in lines {
                    let _nobody_reads = writeln!(err, "{line}");
                }
            }
        }
    }

    /// An epoch that the searcher trained.
    fn searcher_line(&self, trained: &SearcherTrained) -> String {
        let SearcherTrained { epoch, epochs, signals, .. } = trained;
        let shown = ["train_loss", "valid_accuracy", "derived_valid_accuracy", "skip_share"];
        let shown = shown.iter().filter_map(|name| Some((name, signals.scalars.get(name)?)));
        let text = shown.map(|(name, value)| format!("{name} {}", output::number(value)));
        let text = text.collect::<Vec<_>>().join("  ");
        let done = self.searcher_epochs.max(*epoch as usize) - self.searcher_epochs_before;
        let spent = SystemClock.now_ms().saturating_sub(self.started_ms) as f64 / 1e3;
        let left = f64::from(epochs - epoch) * spent / done.max(1) as f64;
        let left = output::duration(left);
        format!("supernet, epoch {epoch}/{epochs}: {text}   about {left} left")
    }

    fn line(&self, view: &RunView, id: TrialId) -> String {
        let trial = &view.trials()[id.index()];
        let objective = view.manifest().objective();
        let value = objective.and_then(|o| Some((o, trial.metric(&o.metric)?)));
        let result = match value {
            Some((o, v)) => {
                format!("{} {}", o.metric, output::metric(view.manifest(), &o.metric, v))
            }
            None => output::outcome(trial),
        };
        let (ended, budget) = (view.finished_trials(), view.budget());
        let imported = view.manifest().imported;
        let of = budget.max_trials.map_or_else(String::new, |n| format!("/{}", n + imported));
        let (best, eta) = (self.best_text(view), self.eta(view));
        format!("[{ended}{of}] trial {id}: {result}   {best}{eta}")
    }

    fn best_text(&self, view: &RunView) -> String {
        let Some((_, id)) = self.best else {
            return "no result yet".to_owned();
        };
        let name = view.manifest().objective().map_or("", |o| o.metric.as_str());
        let value = view.trials()[id.index()].metric(name);
        let value = value.map(|value| output::metric(view.manifest(), name, value));
        format!("best {} (trial {id})", value.unwrap_or_default())
    }

    /// How long the rest will take, judged by the slowest of the limits that are set.
    fn eta(&self, view: &RunView) -> String {
        let spent = SystemClock.now_ms().saturating_sub(self.started_ms) as f64 / 1e3;
        let done = view.finished_trials().saturating_sub(self.ended_before) as f64;
        let budget = view.budget();
        let mut left: Option<f64> = None;
        if let Some(trials) = budget.max_trials
            && done > 0.0
        {
            let trials = trials + view.manifest().imported;
            let rest = f64::from(trials) - view.finished_trials() as f64;
            left = Some(rest.max(0.0) * spent / done);
        }
        if let Some(secs) = budget.max_wall_clock_secs {
            let rest = (secs - spent).max(0.0);
            left = Some(left.map_or(rest, |left| left.min(rest)));
        }
        left.map_or_else(String::new, |left| format!("   about {} left", output::duration(left)))
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

/// A bar that counts, on a terminal.
pub(crate) fn count_progress(total: u64, what: &'static str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(total);
    let style = ProgressStyle::with_template("{spinner} [{bar:24}] {pos}/{len} {msg}  {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸ "));
    bar.set_message(what);
    bar
}

/// Follows the final training of one architecture, and lets Ctrl-C stop it.
pub(crate) struct TrainProgress {
    bar: Option<ProgressBar>,
    lines: bool,
    epochs: u32,
}

impl TrainProgress {
    /// Progress of a training of this many epochs.
    pub(crate) fn new(epochs: u32, quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = (!quiet && terminal).then(|| {
            let bar = ProgressBar::new(u64::from(epochs));
            let template = "{spinner} [{bar:24}] {pos}/{len} epochs  {msg}   about {eta} left";
            let style = ProgressStyle::with_template(template);
            bar.set_style(
                style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸ "),
            );
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { lines: !quiet && bar.is_none(), bar, epochs }
    }
}

impl Reporter for TrainProgress {
    fn report(&mut self, step: u32, metrics: &Metrics) -> Flow {
        let shown = metrics.iter().filter(|(name, _)| name.starts_with("valid"));
        let text = shown.map(|(name, value)| format!("{name} {}", output::number(value)));
        let text = text.collect::<Vec<_>>().join("  ");
        if let Some(bar) = &self.bar {
            bar.set_position(u64::from(step));
            bar.set_message(text);
        } else if self.lines {
            let epochs = self.epochs;
            let _nobody_reads = writeln!(std::io::stderr(), "epoch {step}/{epochs}: {text}");
        }
        self.poll()
    }

    fn poll(&mut self) -> Flow {
        if STOP.load(std::sync::atomic::Ordering::Relaxed) { Flow::Stop } else { Flow::Continue }
    }
}

impl Drop for TrainProgress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
