//! `nascent search`: the main job.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use nascent::evaluate::Resources;
use nascent::study::{DEFAULT_LOOKAHEAD, Parts, Request, RunOptions, Stopped, Study};
use nascent_record::{
    Budget, DirectoryStore, FinishReason, Manifest, RunView, SystemClock, TrialLimits, analysis,
};
use serde_json::{Value, json};

use super::Status;
use crate::args::{BudgetArgs, SearchArgs, settings};
use crate::interrupt::{self, STOP};
use crate::progress::{SearchProgress, TrainProgress};
use crate::{data, output, report};

/// Trials of a search that trains, if no limit is given.
const DEFAULT_TRIALS: u32 = 50;
/// Epochs of the final training, if nothing is said.
const DEFAULT_FINAL_EPOCHS: u32 = 20;

/// Runs the command.
pub(crate) fn run(args: &SearchArgs, out: &mut dyn Write) -> Result<Status> {
    let (component, resources) = data::from_args(&args.data, &args.table, args.seed, &args.device)?;
    let workers = workers(args.workers)?;
    let request = request(args, component, workers)?;
    let mut manifest = request.manifest(&resources, &SystemClock)?;
    manifest.git_commit = git_commit();
    let directory = args.run.clone().unwrap_or_else(|| free_name(&args.runs, &manifest));
    let store = DirectoryStore::create(&directory, &manifest, Box::new(SystemClock))?;
    let budget = manifest.budget;
    let session = Session { directory, workers, budget, quiet: args.quiet, json: args.json };
    session.announce(&manifest)?;
    session.run(store, RunView::new(manifest), &resources, out)
}

/// The number of workers, by default that of the cores.
pub(crate) fn workers(given: Option<u32>) -> Result<u32> {
    match given {
        Some(0) => bail!("--workers is 0, and must be at least 1"),
        Some(workers) => Ok(workers),
        None => Ok(std::thread::available_parallelism().map_or(1, |n| n.get() as u32)),
    }
}

fn request(args: &SearchArgs, data: nascent_record::Component, workers: u32) -> Result<Request> {
    let table = args.table.table.is_some();
    let name =
        args.evaluator.clone().unwrap_or_else(|| if table { "table" } else { "train" }.to_owned());
    let mut evaluator = settings(&args.evaluator_set)?;
    if let Value::Object(map) = &mut evaluator {
        if let Some(epochs) = args.epochs {
            map.insert("epochs".to_owned(), Value::from(epochs));
        }
        if table {
            let mut columns = data::table_settings(&args.table)?;
            columns.append(map);
            *map = columns;
        }
    }
    let mut budget = budget(&args.budget, Budget::default());
    if budget == Budget::default() {
        budget.max_trials = Some(DEFAULT_TRIALS);
    }
    if let Some(secs) = args.trial_secs.filter(|secs| secs.is_nan() || *secs <= 0.0) {
        bail!("--trial-secs is {secs}, and must be above 0");
    }
    let final_epochs = if table { 0 } else { DEFAULT_FINAL_EPOCHS };
    Ok(Request {
        space: (args.space.clone(), settings(&args.space_set)?),
        searcher: (args.searcher.clone(), settings(&args.searcher_set)?),
        evaluator: (name, evaluator),
        pruner: (args.pruner.clone(), settings(&args.pruner_set)?),
        data,
        objectives: args.objective.clone(),
        seed: args.seed,
        lookahead: args.lookahead.unwrap_or_else(|| DEFAULT_LOOKAHEAD.max(workers)),
        budget,
        limits: TrialLimits { max_trial_secs: args.trial_secs, max_trial_mib: args.trial_mib },
        final_epochs: args.final_epochs.unwrap_or(final_epochs),
    })
}

/// The limits of the command line in place of those that were.
pub(crate) fn budget(args: &BudgetArgs, before: Budget) -> Budget {
    Budget {
        max_trials: args.trials.or(before.max_trials),
        max_epochs: args.max_epochs.or(before.max_epochs),
        max_cost_secs: args.max_cost_secs.or(before.max_cost_secs),
        max_wall_clock_secs: args.max_secs.or(before.max_wall_clock_secs),
    }
}

fn git_commit() -> Option<String> {
    let output = Command::new("git").args(["rev-parse", "HEAD"]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}

/// `<time>-<space>-<searcher>-<seed>`, with a number behind it where that is taken.
fn free_name(runs: &Path, manifest: &Manifest) -> PathBuf {
    let time = output::stamp(manifest.created_ms);
    let (space, searcher) = (&manifest.space.name, &manifest.searcher.name);
    let name = format!("{time}-{space}-{searcher}-{}", manifest.seed);
    let numbered = (2..).map(|number| runs.join(format!("{name}-{number}")));
    let mut names = std::iter::once(runs.join(&name)).chain(numbered);
    names.find(|path| !path.exists()).unwrap_or_else(|| runs.join(&name))
}

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

impl Session {
    fn announce(&self, manifest: &Manifest) -> Result<()> {
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
        writeln!(err, "run: {}", self.directory.display())?;
        Ok(())
    }

    /// Searches until the limits are reached or Ctrl-C, then trains the best again and reports.
    pub(crate) fn run(
        &self,
        store: DirectoryStore,
        view: RunView,
        resources: &Resources,
        out: &mut dyn Write,
    ) -> Result<Status> {
        interrupt::listen()?;
        let parts = Parts::from_manifest(view.manifest(), resources)?;
        let mut study = Study::open(parts, Box::new(store), view, Arc::new(SystemClock))?;
        let over = study.view().finish_reason().is_some() && study.view().budget() == self.budget;
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
                return self.interrupted(study.view());
            }
        }
        if !self.retrain(&mut study)? {
            return self.interrupted(study.view());
        }
        report::write(&self.directory, study.view())?;
        if self.json {
            let summary = summary(&self.directory, study.view());
            writeln!(out, "{}", serde_json::to_string_pretty(&summary)?)?;
        } else {
            self.tell(study.view(), out)?;
        }
        Ok(Status::Done)
    }

    fn interrupted(&self, view: &RunView) -> Result<Status> {
        let mut err = std::io::stderr().lock();
        let (ended, directory) = (view.finished_trials(), self.directory.display());
        writeln!(err, "interrupted after {ended} trials; go on with: nascent resume {directory}")?;
        Ok(Status::Interrupted)
    }

    /// Trains the best again, if the run asks for it and it has not been done. Says whether it
    /// came to an end.
    fn retrain(&self, study: &mut Study) -> Result<bool> {
        let epochs = study.view().manifest().final_epochs;
        let Some(best) = analysis::incumbent(study.view()).map(|trial| trial.id) else {
            return Ok(true);
        };
        let done = |again: &nascent_record::Retrained| again.trial == best;
        if epochs == 0 || study.view().retrained().iter().any(done) {
            return Ok(true);
        }
        if !self.quiet {
            writeln!(std::io::stderr(), "training the best (trial {best}) for {epochs} epochs")?;
        }
        let mut progress = TrainProgress::new(epochs, self.quiet);
        let trained = study.retrain(best, epochs, &mut progress);
        drop(progress);
        match trained {
            Ok(_) => Ok(true),
            Err(_) if STOP.load(std::sync::atomic::Ordering::Relaxed) => Ok(false),
            Err(error) => Err(error).context("the final training failed"),
        }
    }

    fn tell(&self, view: &RunView, out: &mut dyn Write) -> Result<()> {
        let manifest = view.manifest();
        let reason = view.finish_reason().map_or("", reason_text);
        writeln!(out, "\n{} trials, {reason}\n", view.finished_trials())?;
        let Some(best) = analysis::incumbent(view) else {
            writeln!(out, "No trial has a result. Why: nascent show {}", self.directory.display())?;
            return Ok(());
        };
        writeln!(out, "{}\n", output::leaderboard(view, 5))?;
        writeln!(out, "Best: trial {}", best.id)?;
        let graph = output::space(manifest)?.graph(&best.proposal.architecture)?;
        writeln!(out, "{}\n", output::outline(&graph))?;
        for again in view.retrained().iter().filter(|again| again.trial == best.id) {
            writeln!(out, "Trained again for {} epochs:", again.epochs)?;
            for (name, value) in again.metrics.iter() {
                writeln!(out, "  {name:16} {}", output::metric(manifest, name, value))?;
            }
            writeln!(out)?;
        }
        let directory = self.directory.display();
        writeln!(out, "Run      {directory}")?;
        writeln!(out, "Report   {}", self.directory.join(report::FILE).display())?;
        writeln!(out, "More     nascent show {directory}")?;
        if !view.retrained().is_empty() {
            writeln!(out, "Weights  nascent best {directory} --weights best.safetensors")?;
        }
        Ok(())
    }
}

/// Why a search ended, as the end of a sentence.
pub(crate) fn reason_text(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::MaxTrials => "the limit of trials is reached",
        FinishReason::MaxEpochs => "the limit of epochs is reached",
        FinishReason::MaxCost => "the limit of simulated seconds is reached",
        FinishReason::MaxWallClock => "the limit of time is reached",
        FinishReason::Exhausted => "there is nothing left to try",
        FinishReason::Other => "it is over",
    }
}

/// The state of a run, for scripts.
pub(crate) fn summary(directory: &Path, view: &RunView) -> Value {
    let manifest = view.manifest();
    let best = analysis::incumbent(view).map(|trial| {
        json!({
            "trial": trial.id,
            "architecture": output::architecture(manifest, trial),
            "choices": manifest.spec.text(&trial.proposal.architecture),
            "metrics": trial.metrics(),
        })
    });
    let count = |status: &str| view.trials().iter().filter(|t| t.status() == status).count();
    json!({
        "run": directory,
        "state": output::state(directory, view),
        "reason": view.finish_reason(),
        "space": manifest.space.name,
        "searcher": manifest.searcher.name,
        "data": manifest.data.name,
        "seed": manifest.seed,
        "created": output::moment(manifest.created_ms),
        "trials": {
            "complete": count("complete"),
            "pruned": count("pruned"),
            "failed": count("failed"),
            "running": count("running"),
        },
        "epochs": view.trials().iter().map(|trial| u64::from(trial.epochs)).sum::<u64>(),
        "objective": manifest.objective(),
        "best": best,
        "retrained": view.retrained(),
        "hash": view.history_hash(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_the_command_line_replace_those_before() {
        let before = Budget { max_trials: Some(10), max_epochs: Some(5), ..Budget::default() };
        let args = BudgetArgs { trials: Some(20), ..BudgetArgs::default() };
        let after = budget(&args, before);
        assert_eq!((after.max_trials, after.max_epochs), (Some(20), Some(5)));
    }

    #[test]
    fn no_workers_is_an_error() {
        assert!(workers(Some(0)).is_err());
        assert!(workers(None).unwrap() >= 1);
    }
}
