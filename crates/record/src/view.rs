//! The fold: the state that a run's events add up to.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::{
    Budget, Error, Event, FinishReason, Logged, Manifest, Metrics, Outcome, Report, Result,
    Retrained, SearcherTrained, Spent, Trial, TrialStarted,
};

/// The state of a run. Searchers, plots, notebooks and the app read this, never the file.
#[derive(Clone, Debug, PartialEq)]
pub struct RunView {
    manifest: Manifest,
    trials: Vec<Trial>,
    finished: usize,
    retrained: Vec<Retrained>,
    searcher_epochs: Vec<SearcherTrained>,
    reason: Option<FinishReason>,
    budget: Budget,
    sessions: u32,
    session_ms: Option<u64>,
    span_ms: Option<(u64, u64)>,
}

impl RunView {
    /// A run before its first event.
    pub fn new(manifest: Manifest) -> Self {
        let budget = manifest.budget;
        Self {
            manifest,
            trials: Vec::new(),
            finished: 0,
            retrained: Vec::new(),
            searcher_epochs: Vec::new(),
            reason: None,
            budget,
            sessions: 0,
            session_ms: None,
            span_ms: None,
        }
    }

    /// Applies the event of line `line`.
    ///
    /// # Errors
    /// If the event cannot follow the events before it; the state is then as it was.
    pub fn apply(&mut self, logged: Logged, line: u64) -> Result<()> {
        let inconsistent = |problem: String| Error::Inconsistent { line, problem };
        let at_ms = logged.at_ms;
        match logged.event {
            None => {}
            Some(Event::SessionStarted(session)) => {
                self.sessions += 1;
                self.session_ms = Some(at_ms);
                self.budget = session.budget;
                self.reason = None;
            }
            Some(Event::SearcherTrained(trained)) => {
                let due = self.searcher_epochs.last().map_or(1, |last| last.epoch + 1);
                if trained.epoch != due {
                    let epoch = trained.epoch;
                    let problem = format!("the searcher trained epoch {epoch} where {due} is due");
                    return Err(inconsistent(problem));
                }
                if let Some(architecture) = &trained.architecture {
                    let known = self.manifest.spec.check(architecture);
                    known.map_err(|error| inconsistent(error.to_string()))?;
                }
                self.searcher_epochs.push(trained);
            }
            Some(Event::TrialStarted(started)) => {
                self.start(started, at_ms).map_err(inconsistent)?;
            }
            Some(Event::TrialReported(reported)) => {
                let trial = self.running(reported.trial.index()).map_err(inconsistent)?;
                let report = Report { step: reported.step, metrics: reported.metrics };
                trial.curve.push(report);
            }
            Some(Event::TrialFinished(ended)) => {
                let trial = self.running(ended.trial.index()).map_err(inconsistent)?;
                trial.outcome = Some(ended.outcome);
                trial.epochs = ended.epochs;
                trial.artifacts = ended.artifacts;
                trial.spent = ended.spent;
                trial.finished_ms = Some(at_ms);
                trial.curve.shrink_to_fit();
                self.finished += 1;
            }
            Some(Event::Retrained(retrained)) => {
                if self.trials.get(retrained.trial.index()).is_none() {
                    let problem = format!("trial {} was never started", retrained.trial);
                    return Err(inconsistent(problem));
                }
                self.retrained.push(retrained);
            }
            Some(Event::RunFinished(finished)) => self.reason = Some(finished.reason),
        }
        let (first, last) = self.span_ms.unwrap_or((at_ms, at_ms));
        self.span_ms = Some((first.min(at_ms), last.max(at_ms)));
        Ok(())
    }

    fn start(&mut self, started: TrialStarted, at_ms: u64) -> Result<(), String> {
        let TrialStarted { trial: id, proposal, told, state, weights } = started;
        self.manifest.spec.check(&proposal.architecture).map_err(|e| e.to_string())?;
        let next = self.trials.len();
        match self.trials.get_mut(id.index()) {
            // Run again after a crash: a fresh attempt with a fresh curve.
            Some(trial) if trial.outcome.is_none() && trial.proposal == proposal => {
                trial.attempts += 1;
                trial.curve.clear();
                trial.started_ms = at_ms;
                Ok(())
            }
            Some(_) => Err(format!("trial {id} was started before, with another proposal")),
            None if id.index() == next => {
                let mut trial = Trial::new(id, proposal, told);
                (trial.state, trial.weights) = (state, weights);
                trial.started_ms = at_ms;
                self.trials.push(trial);
                Ok(())
            }
            None => Err(format!("trial {id} is started where trial {next} is due")),
        }
    }

    fn running(&mut self, index: usize) -> Result<&mut Trial, String> {
        match self.trials.get_mut(index) {
            Some(trial) if trial.outcome.is_none() => Ok(trial),
            Some(_) => Err(format!("trial {index} had ended before")),
            None => Err(format!("trial {index} was never started")),
        }
    }

    /// What the run is.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// All trials that were started, by number.
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// The epochs that the searcher has trained something of its own, in order.
    pub fn searcher_epochs(&self) -> &[SearcherTrained] {
        &self.searcher_epochs
    }

    /// The number of trials that have ended.
    pub fn finished_trials(&self) -> usize {
        self.finished
    }

    /// The architectures that were trained again after the search, in that order.
    pub fn retrained(&self) -> &[Retrained] {
        &self.retrained
    }

    /// Why the search is over; `None` while it goes on, or if it was interrupted.
    pub fn finish_reason(&self) -> Option<FinishReason> {
        self.reason
    }

    /// The limits that hold now.
    pub fn budget(&self) -> Budget {
        self.budget
    }

    /// How many processes have worked on it, one after another.
    pub fn sessions(&self) -> u32 {
        self.sessions
    }

    /// When the last of them started, in milliseconds since the Unix epoch.
    pub fn session_started_ms(&self) -> Option<u64> {
        self.session_ms
    }

    /// The earliest and the latest time of an event, in milliseconds since the Unix epoch. They are
    /// in order even where somebody set the clock back.
    pub fn span_ms(&self) -> Option<(u64, u64)> {
        self.span_ms
    }

    /// What the time of all trials went to; trials of logs without that count as nothing. Trials run side
    /// by side, so that it may be more than has passed.
    pub fn spent(&self) -> Spent {
        self.trials.iter().filter_map(|trial| trial.spent).fold(Spent::default(), |sum, spent| {
            Spent {
                ask_ms: sum.ask_ms.saturating_add(spent.ask_ms),
                train_ms: sum.train_ms.saturating_add(spent.train_ms),
                evaluate_ms: sum.evaluate_ms.saturating_add(spent.evaluate_ms),
            }
        })
    }

    /// A hash over everything that is the same whenever and however often the search is run: what the
    /// searcher has trained, all trials that have ended with their learning curves, and what was
    /// trained again; no times, no sessions, and no metric that is measured on the machine.
    pub fn history_hash(&self) -> String {
        let mut hasher = Sha256::new();
        let mut line = |value: serde_json::Result<String>| {
            // A value that was read from JSON can be written as JSON.
            hasher.update(value.unwrap_or_default());
            hasher.update(b"\n");
        };
        for SearcherTrained { epoch, architecture, signals, .. } in &self.searcher_epochs {
            line(serde_json::to_string(&(epoch, architecture, signals)));
        }
        for trial in self.trials.iter().filter(|trial| trial.is_finished()) {
            line(serde_json::to_string(&(trial.id, &trial.proposal, trial.epochs)));
            for report in &trial.curve {
                line(serde_json::to_string(&(report.step, self.reproducible(&report.metrics))));
            }
            line(match &trial.outcome {
                Some(Outcome::Complete(metrics)) => {
                    to_json("complete", &self.reproducible(metrics))
                }
                Some(Outcome::Pruned(metrics)) => to_json("pruned", &self.reproducible(metrics)),
                // The message may name a time or a place; the kind is what happened.
                Some(Outcome::Failed(failure)) => to_json("failed", &failure.kind),
                None => Ok(String::new()),
            });
            line(serde_json::to_string(&trial.artifacts));
        }
        for again in &self.retrained {
            let metrics = self.reproducible(&again.metrics);
            line(serde_json::to_string(&(again.trial, again.epochs, metrics, &again.artifacts)));
        }
        hasher.finalize().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }

    fn reproducible<'m>(&self, metrics: &'m Metrics) -> Vec<(&'m str, f64)> {
        let measured =
            |name: &str| self.manifest.metric(name).is_some_and(|metric| metric.measured);
        metrics.iter().filter(|(name, _)| !measured(name)).collect()
    }
}

fn to_json(kind: &str, value: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string(&(kind, value))
}
