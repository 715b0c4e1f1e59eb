//! `nascent search`: the main job.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use nascent::study::{Parts, Request, RunOptions, Stopped, Study};
use nascent_record::{
    Budget, DirectoryStore, FinishReason, Manifest, Outcome, RunView, Scalarization, SystemClock,
    Trial, TrialLimits, analysis,
};
use nascent_session::{
    cores, data, free_name, git_commit, memory_share_mib, settings, space_settings,
};
use serde_json::{Value, json};

use super::Status;
use crate::args::{BudgetArgs, SearchArgs};
use crate::interrupt::{self, STOP};
use crate::progress::{SearchProgress, TrainProgress};
use crate::{output, report, warm_start};

/// The evaluator that trains nothing.
const TABLE: &str = "table";
/// Trials of a search that trains, if no limit is given.
const DEFAULT_TRIALS: u32 = 50;
/// Epochs of the final training, if nothing is said.
const DEFAULT_FINAL_EPOCHS: u32 = 20;

/// Runs the command.
pub(crate) fn run(args: &SearchArgs, out: &mut dyn Write) -> Result<Status> {
    refuse_what_has_no_effect(args)?;
    let (component, resources) =
        data::open(&args.data.request(&args.table), args.seed, &args.device)?;
    let workers = workers(args.workers);
    let mut request = request(args, component)?;
    let imported = warm_start::read(&args.warm_start)?;
    request.imported = imported.trials.len() as u32;
    let (mut manifest, parts) = request.prepare(&resources, &SystemClock)?;
    imported.check(&manifest, args.quiet)?;
    manifest.git_commit = git_commit();
    let directory = args.run.clone().unwrap_or_else(|| free_name(&args.runs, &manifest));
    let store = DirectoryStore::create(&directory, &manifest, Box::new(SystemClock))?;
    let budget = manifest.budget;
    let session = Session { directory, workers, budget, quiet: args.quiet, json: args.json };
    session.announce(&manifest)?;
    session.run(store, RunView::new(manifest), parts, Begin::Anew(imported.trials), out)
}

/// The number of workers, by default that of the cores.
pub(crate) fn workers(given: Option<u32>) -> u32 {
    given.unwrap_or_else(|| cores() as u32)
}

/// Flags about training say nothing of a table.
fn refuse_what_has_no_effect(args: &SearchArgs) -> Result<()> {
    let evaluator = args.evaluator.as_deref();
    if args.table.table.is_none() {
        if evaluator == Some(TABLE) {
            bail!("which table? say --table FILE (CSV or Parquet), with --key and --valid COLUMN");
        }
        return Ok(());
    }
    if let Some(other) = evaluator.filter(|name| *name != TABLE) {
        bail!("--table is for the evaluator table, and --evaluator says {other}");
    }
    // With --data besides, a supernet is trained on these.
    let data = args.data.data.is_none();
    let given = [
        ("--epochs (say --table-epochs)", args.epochs.is_some()),
        ("--final-epochs", args.final_epochs.is_some_and(|epochs| epochs > 0)),
        ("--trial-mib", args.trial_mib.is_some()),
        ("--label", data && args.data.label.is_some()),
        ("--ignore", data && !args.data.ignore.is_empty()),
        ("--max-train", data && args.data.max_train.is_some()),
        ("--max-test", data && args.data.max_test.is_some()),
        ("--image-channels", data && args.data.image_channels.is_some()),
        ("--device", args.device != "cpu"),
    ];
    match given.iter().find(|(_, given)| *given) {
        Some((flag, _)) => bail!("{flag} is about training, and with --table nothing is trained"),
        None => Ok(()),
    }
}

fn request(args: &SearchArgs, data: nascent_record::Component) -> Result<Request> {
    let table = args.table.table.is_some();
    let usual = if table { TABLE } else { "train" };
    let name = args.evaluator.clone().unwrap_or_else(|| usual.to_owned());
    let mut evaluator = settings(&args.evaluator_set)?;
    if let Value::Object(map) = &mut evaluator {
        if let Some(epochs) = args.epochs {
            map.insert("epochs".to_owned(), Value::from(epochs));
        }
        map.append(&mut args.table.settings()?);
    }
    let mut budget = budget(&args.budget, Budget::default());
    if budget == Budget::default() {
        budget.max_trials = Some(DEFAULT_TRIALS);
    }
    let max_trial_mib =
        if table { None } else { args.trial_mib.or_else(|| memory_share_mib(args.lookahead)) };
    let final_epochs = if name == "train" { DEFAULT_FINAL_EPOCHS } else { 0 };
    let objectives = objectives(args);
    Ok(Request {
        space: (args.space.clone(), space_settings(&args.space, settings(&args.space_set)?)?),
        searcher: (args.searcher.clone(), settings(&args.searcher_set)?),
        evaluator: (name, evaluator),
        pruner: (args.pruner.clone(), settings(&args.pruner_set)?),
        data,
        scalarization: scalarization(args, &objectives)?,
        objectives,
        constraints: args.constraint.clone(),
        duplicates: args.duplicates,
        enqueued: args.enqueue.clone(),
        imported: 0,
        seed: args.seed,
        lookahead: args.lookahead,
        budget,
        limits: TrialLimits { max_trial_secs: args.trial_secs, max_trial_mib },
        final_epochs: args.final_epochs.unwrap_or(final_epochs),
    })
}

/// The objectives as they are named, and those that a reward is about.
fn objectives(args: &SearchArgs) -> Vec<String> {
    let mut objectives = args.objective.clone();
    for (metric, _) in &args.reward {
        if !objectives.contains(metric) {
            objectives.push(metric.clone());
        }
    }
    objectives
}

fn scalarization(args: &SearchArgs, objectives: &[String]) -> Result<Option<Scalarization>> {
    if !args.weights.is_empty() {
        return Ok(Some(Scalarization::WeightedSum { weights: args.weights.clone() }));
    }
    if args.reward.is_empty() {
        return Ok(None);
    }
    let term = |metric: &String| {
        let found = args.reward.iter().find(|(known, _)| known == metric);
        let found = found.with_context(|| {
            format!("--reward weighs every objective behind the first, and {metric} has none")
        });
        found.map(|(_, term)| *term)
    };
    // Without --objective the first is the evaluator's own, which comes before those of --reward.
    let behind = objectives.iter().skip(usize::from(!args.objective.is_empty()));
    let terms = behind.map(term).collect::<Result<_>>()?;
    Ok(Some(Scalarization::Reward { terms }))
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
    /// Where the run was interrupted.
    Interrupted,
    /// The search is over, and only what comes after it may be left to do.
    Over,
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
        interrupt::listen()?;
        let mut study = Study::open(parts, Box::new(store), view, Arc::new(SystemClock))?;
        let over = matches!(begin, Begin::Over);
        if let Begin::Anew(imported) = begin {
            study.import(imported)?;
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
                return self.interrupted(study.view(), out);
            }
        }
        if !self.retrain(&mut study)? {
            return self.interrupted(study.view(), out);
        }
        report::write(&self.directory, study.view())?;
        if self.json {
            self.print_json(study.view(), out)?;
        } else {
            self.tell(study.view(), out)?;
        }
        Ok(Status::Done)
    }

    fn print_json(&self, view: &RunView, out: &mut dyn Write) -> Result<()> {
        let summary = summary(&self.directory, view);
        writeln!(out, "{}", serde_json::to_string_pretty(&summary)?)?;
        Ok(())
    }

    fn interrupted(&self, view: &RunView, out: &mut dyn Write) -> Result<Status> {
        if self.json {
            self.print_json(view, out)?;
        }
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
            Err(error @ nascent::Error::Record(_)) => Err(error.into()),
            Err(error) => {
                // The search has its result all the same.
                writeln!(std::io::stderr(), "warning: the final training failed: {error}")?;
                Ok(true)
            }
        }
    }

    fn tell(&self, view: &RunView, out: &mut dyn Write) -> Result<()> {
        let manifest = view.manifest();
        let reason = view.finish_reason().map_or("", reason_text);
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
        if view.retrained().iter().any(|again| again.artifacts.contains_key("weights")) {
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
}
