//! `nascent search`: the main job.

use std::io::Write;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use nascent::study::{Parts, Request};
use nascent_record::{
    Budget, DirectoryStore, Duplicates, FinishReason, Manifest, RunView, Scalarization,
    SystemClock, TrialLimits, analysis,
};
use nascent_session::{
    cores, data, free_name, git_commit, memory_share_mib, settings, space_settings,
};
use serde_json::{Value, json};

use super::session::{Begin, Session};
use super::{Status, rank_correlation};
use crate::args::{BudgetArgs, SearchArgs};
use crate::{output, warm_start};

/// The evaluator that trains nothing.
const TABLE: &str = "table";
/// Trials of a search that trains, if no limit is given.
pub(crate) const DEFAULT_TRIALS: u32 = 50;
/// Epochs of the final training, if nothing is said.
const DEFAULT_FINAL_EPOCHS: u32 = 20;

/// Runs the command.
pub(crate) fn run(args: &SearchArgs, out: &mut dyn Write) -> Result<Status> {
    let Prepared { session, store, view, parts, begin } = prepare(args)?;
    session.run(store, view, parts, begin, out)
}

/// A new run, whose folder is made, and the parts that it needs.
pub(crate) struct Prepared {
    pub(crate) session: Session,
    pub(crate) store: DirectoryStore,
    pub(crate) view: RunView,
    pub(crate) parts: Parts,
    pub(crate) begin: Begin,
}

/// Makes the run that is asked for.
pub(crate) fn prepare(args: &SearchArgs) -> Result<Prepared> {
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
    let begin = Begin::Anew(imported.trials);
    Ok(Prepared { session, store, view: RunView::new(manifest), parts, begin })
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
        ("--final-top", args.final_top.is_some()),
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
    let final_epochs = args.final_epochs.unwrap_or(final_epochs);
    if args.final_top.is_some() && final_epochs == 0 {
        bail!(
            "--final-top says how many get the final training, and there is none; say --final-epochs N"
        );
    }
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
        final_epochs,
        final_top: args.final_top.unwrap_or(1),
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

/// Why a search ended, as the end of a sentence.
pub(crate) fn reason(view: &RunView) -> Option<String> {
    let text = match view.finish_reason()? {
        FinishReason::MaxTrials => "the limit of trials is reached",
        FinishReason::MaxEpochs => "the limit of epochs is reached",
        FinishReason::MaxCost => "the limit of simulated seconds is reached",
        FinishReason::MaxWallClock => "the limit of time is reached",
        FinishReason::Exhausted => return Some(exhausted(view.manifest())),
        FinishReason::Other => "it is over",
    };
    Some(text.to_owned())
}

/// What a searcher has nothing left of.
fn exhausted(manifest: &Manifest) -> String {
    let mut text = "the searcher has nothing left to propose".to_owned();
    if manifest.duplicates == Duplicates::Repropose {
        text += " that is new";
    }
    let constraints: Vec<String> =
        manifest.goal.constraints.iter().map(ToString::to_string).collect();
    if !constraints.is_empty() {
        let and = if manifest.duplicates == Duplicates::Repropose { " and" } else { " that" };
        text = format!("{text}{and} keeps the constraints: {}", constraints.join(", "));
    }
    text
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
        "rank_correlation": rank_correlation::json(view),
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
