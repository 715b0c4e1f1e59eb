//! One process that works on a run: it searches, trains the best again, and says what came of it.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use nascent::study::{Parts, RunOptions, Stopped, Study};
use nascent_record::{
    Budget, DirectoryStore, Manifest, Outcome, RunView, SearcherTrained, SystemClock, Trial,
    TrialId, analysis,
};

use super::search::{reason, summary};
use super::{Status, rank_correlation};
use crate::interrupt::{self, STOP};
use crate::progress::{SearchProgress, TrainProgress};
use crate::{output, report};

/// One process that works on a run.
pub(crate) struct Session {
    /// The folder of the run.
    pub(crate) directory: PathBuf,
    /// The number of workers.
    pub(crate) workers: u32,
    /// The limits from here on.
    pub(crate) budget: Budget,
    /// Whether progress is shown.
    pub(crate) quiet: bool,
    /// Whether the result is JSON.
    pub(crate) json: bool,
}

/// Where a session starts.
pub(crate) enum Begin {
    /// At the start, with these trials of other runs.
    Anew(Vec<Trial>),
    /// At the start, with the supernet of another run.
    WithSupernet {
        /// Its epochs.
        epochs: Vec<SearcherTrained>,
        /// The state of the searcher behind them.
        state: Vec<u8>,
    },
    /// Where the run was interrupted.
    Interrupted,
    /// The search is over, and only what comes after it may be left to do.
    Over,
}

impl Session {
    /// Says what is about to begin.
    pub(crate) fn announce(&self, manifest: &Manifest) -> Result<()> {
        if self.quiet {
            return Ok(());
        }
        let size = manifest.spec.size().map_or_else(
            || "infinitely many architectures".to_owned(),
            |size| format!("{} architectures", output::number(size as f64)),
        );
        let mut err = std::io::stderr().lock();
        let (space, data) = (&manifest.space.name, &manifest.data.name);
        let (searcher, workers) = (&manifest.searcher.name, self.workers);
        writeln!(
            err,
            "{searcher} over {space} ({size}) on {data}, seed {}, {workers} workers",
            manifest.seed
        )?;
        if workers > manifest.lookahead {
            let lookahead = manifest.lookahead;
            writeln!(
                err,
                "with a lookahead of {lookahead} only {lookahead} workers have something to do; \
                 --lookahead {workers} would change that, and the results"
            )?;
        }
        writeln!(err, "run: {}", self.directory.display())?;
        Ok(())
    }

    /// Searches until the limits are reached or Ctrl-C, then trains the best again and reports.
    pub(crate) fn run(
        &self,
        store: DirectoryStore,
        view: RunView,
        parts: Parts,
        begin: Begin,
        out: &mut dyn Write,
    ) -> Result<Status> {
        let (study, status) = self.work(store, view, parts, begin)?;
        if status == Status::Interrupted {
            self.interrupted(study.view(), out)?;
        } else if self.json {
            self.print_json(study.view(), out)?;
        } else {
            self.tell(study.view(), out)?;
        }
        Ok(status)
    }

    /// Does all of it but saying what came of it.
    pub(crate) fn work(
        &self,
        store: DirectoryStore,
        view: RunView,
        parts: Parts,
        begin: Begin,
    ) -> Result<(Study, Status)> {
        interrupt::listen()?;
        let mut study = Study::open(parts, Box::new(store), view, Arc::new(SystemClock))?;
        let over = matches!(begin, Begin::Over);
        match begin {
            Begin::Anew(imported) => study.import(imported)?,
            Begin::WithSupernet { epochs, state } => study.take_supernet(epochs, &state)?,
            Begin::Interrupted | Begin::Over => {}
        }
        if !over {
            study.begin_session(self.workers, self.budget)?;
            let mut progress = SearchProgress::new(study.view(), self.quiet);
            let stopped = study.run(&mut RunOptions {
                workers: self.workers,
                stop: &STOP,
                observe: &mut |view| progress.observe(view),
            });
            progress.finish();
            let stopped = stopped.with_context(|| {
                let directory = self.directory.display();
                format!("the search stopped; what has ended is in {directory}, and `nascent resume {directory}` goes on")
            })?;
            if stopped == Stopped::Interrupted {
                return Ok((study, Status::Interrupted));
            }
        }
        let due = study.due_for_retraining();
        for (number, trial) in std::iter::zip(1.., &due) {
            if !self.retrain(&mut study, *trial, (number, due.len()))? {
                return Ok((study, Status::Interrupted));
            }
        }
        report::write(&self.directory, study.view())?;
        Ok((study, Status::Done))
    }

    fn print_json(&self, view: &RunView, out: &mut dyn Write) -> Result<()> {
        let summary = summary(&self.directory, view);
        writeln!(out, "{}", serde_json::to_string_pretty(&summary)?)?;
        Ok(())
    }

    /// Says that it was interrupted, and how to go on.
    pub(crate) fn interrupted(&self, view: &RunView, out: &mut dyn Write) -> Result<()> {
        if self.json {
            self.print_json(view, out)?;
        }
        let mut err = std::io::stderr().lock();
        let (ended, directory) = (view.finished_trials(), self.directory.display());
        writeln!(err, "interrupted after {ended} trials; go on with: nascent resume {directory}")?;
        Ok(())
    }

    /// Trains a trial again, which is this one of so many. Says whether it came to an end.
    fn retrain(
        &self,
        study: &mut Study,
        trial: TrialId,
        (number, all): (usize, usize),
    ) -> Result<bool> {
        let epochs = study.view().manifest().final_epochs;
        if !self.quiet {
            let best = match all {
                1 => format!("the best (trial {trial})"),
                all => format!("trial {trial} ({number} of the {all} best that are due)"),
            };
            writeln!(std::io::stderr(), "training {best} for {epochs} epochs")?;
        }
        let mut progress = TrainProgress::new(epochs, self.quiet);
        let trained = study.retrain(trial, epochs, &mut progress);
        drop(progress);
        match trained {
            Ok(_) => Ok(true),
            Err(_) if STOP.load(std::sync::atomic::Ordering::Relaxed) => Ok(false),
            Err(error @ nascent::Error::Record(_)) => Err(error.into()),
            Err(error) => {
                // The search has its result all the same.
                let warning = format!("warning: the final training of trial {trial} failed");
                writeln!(std::io::stderr(), "{warning}: {error}")?;
                Ok(true)
            }
        }
    }

    fn tell(&self, view: &RunView, out: &mut dyn Write) -> Result<()> {
        let manifest = view.manifest();
        let reason = reason(view).unwrap_or_default();
        writeln!(out, "\n{} trials, {reason}\n", view.finished_trials())?;
        let Some(best) = analysis::incumbent(view) else {
            let failures = view.trials().iter().filter_map(|trial| match &trial.outcome {
                Some(Outcome::Failed(failure)) => Some((trial.id, failure)),
                _ => None,
            });
            match failures.clone().next() {
                None => writeln!(out, "No trial has a result.")?,
                Some((id, failure)) => writeln!(
                    out,
                    "No trial has a result. {} failed, such as trial {id}: {}",
                    failures.count(),
                    failure.message
                )?,
            }
            writeln!(out, "More     nascent show {}", self.directory.display())?;
            return Ok(());
        };
        writeln!(out, "{}\n", output::leaderboard(view, 5))?;
        writeln!(out, "Best: trial {}", best.id)?;
        let graph = output::space(manifest)?.graph(&best.proposal.architecture)?;
        writeln!(out, "{}\n", output::outline(&graph))?;
        if let Some(retrained) = output::retrained(view) {
            writeln!(out, "{retrained}\n")?;
        }
        if let Some(text) = rank_correlation::text(view) {
            writeln!(out, "Shared weights against training alone: {text}\n")?;
        }
        let directory = self.directory.display();
        writeln!(out, "Run      {directory}")?;
        writeln!(out, "Report   {}", self.directory.join(report::FILE).display())?;
        writeln!(out, "More     nascent show {directory}")?;
        if view.retrained().iter().any(|again| again.artifacts.contains_key("weights")) {
            writeln!(out, "Weights  nascent best {directory} --weights best.safetensors")?;
        }
        Ok(())
    }
}
