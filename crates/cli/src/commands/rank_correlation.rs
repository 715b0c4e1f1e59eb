//! `nascent rank-correlation`: how well the shared weights of a supernet rank architectures.

use std::io::Write;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use nascent::search::{SEARCHERS, SearcherEntry};
use nascent::study::Parts;
use nascent_figures::{PlotOptions, RenderOptions};
use nascent_record::analysis::{RankAgreement, SharedPair, rank_agreement, shared_pairs};
use nascent_record::{
    Budget, Clock as _, Component, DirectoryStore, Manifest, Objective, Run, RunView, SCHEMA,
    SearcherTrained, SystemClock, TrainedSupernet, TrialLimits,
};
use nascent_session::{data, free_name, git_commit};
use serde_json::{Value, json};

use super::plot::render;
use super::search::{DEFAULT_TRIALS, Prepared, budget, prepare, workers};
use super::session::{Begin, Session};
use super::{Status, search};
use crate::args::{BudgetArgs, RankCorrelationArgs, SearchArgs};
use crate::output;

/// The figure in the folder of its run.
const FILE: &str = "rank_correlation.svg";
/// The setting of a searcher that says what it proposes, and what it has to say here.
const PROPOSALS: &str = "proposals";
const SAMPLED: &str = "sampled";

/// Runs the command.
pub(crate) fn run(args: &RankCorrelationArgs, out: &mut dyn Write) -> Result<Status> {
    let prepared = match &args.of {
        None => of_a_search(&args.search)?,
        Some(run) => {
            let view = Run::open(run)?;
            check_searcher(&view.manifest().searcher.name)?;
            if is_sampled(view.manifest()) {
                refuse_what_has_no_effect(&args.search, run)?;
                report(args, run, &view, out)?;
                return Ok(Status::Done);
            }
            with_supernet(&args.search, run, &view)?
        }
    };
    let Prepared { session, store, view, parts, begin } = prepared;
    let (study, status) = session.work(store, view, parts, begin)?;
    let directory = &session.directory;
    if status == Status::Interrupted {
        session.interrupted(study.view(), out)?;
        let then = format!("and then: nascent rank-correlation {}", directory.display());
        writeln!(std::io::stderr(), "{then}")?;
    } else {
        report(args, directory, study.view(), out)?;
    }
    Ok(status)
}

/// A search that draws its architectures.
fn of_a_search(args: &SearchArgs) -> Result<Prepared> {
    check_searcher(&args.searcher)?;
    let sampled = format!("{PROPOSALS}={SAMPLED}");
    let is_other =
        |setting: &&String| setting.starts_with(&format!("{PROPOSALS}=")) && **setting != sampled;
    if let Some(other) = args.searcher_set.iter().find(is_other) {
        bail!(
            "this draws architectures evenly ({sampled}); leave {other} away, or use nascent search"
        );
    }
    let mut args = args.clone();
    args.searcher_set.push(sampled);
    args.final_epochs = args.final_epochs.or(Some(0));
    refuse_inheritance(args.searcher_set.iter().any(|setting| setting == "inherit_weights=true"))?;
    prepare(&args)
}

/// A new run that draws architectures, with the supernet of a run that proposed the strongest.
fn with_supernet(args: &SearchArgs, run: &Path, view: &RunView) -> Result<Prepared> {
    let inherits = view.manifest().searcher.config.get("inherit_weights");
    refuse_inheritance(inherits == Some(&Value::Bool(true)))?;
    let epochs = view.searcher_epochs().to_vec();
    let state = epochs.last().and_then(|last| last.state.as_ref()).with_context(|| {
        let run = run.display();
        format!("{run} has no trained supernet yet; `nascent resume {run}` goes on")
    })?;
    let state = Run::blob(run, state)?;
    let resources = data::reopen(view.manifest(), args.data.data_dir.as_deref(), None)?;
    let from = std::path::absolute(run).unwrap_or_else(|_| run.to_owned());
    let mut manifest = Manifest {
        created_ms: SystemClock.now_ms(),
        imported: 0,
        supernet: Some(TrainedSupernet {
            run: from.to_string_lossy().into_owned(),
            epochs: epochs.len() as u32,
        }),
        enqueued: Vec::new(),
        // A training that was stopped early says nothing of how good it would have become.
        pruner: nascent::prune::find("never")?.complete(&json!({}))?,
        budget: budget(&args.budget, Budget::default()),
        limits: TrialLimits {
            max_trial_secs: args.trial_secs.or(view.manifest().limits.max_trial_secs),
            ..view.manifest().limits
        },
        final_epochs: 0,
        final_top: 1,
        schema: SCHEMA,
        versions: [("nascent".to_owned(), env!("CARGO_PKG_VERSION").to_owned())].into(),
        git_commit: git_commit(),
        ..view.manifest().clone()
    };
    manifest.searcher.config[PROPOSALS] = Value::from(SAMPLED);
    if let Some(epochs) = args.epochs {
        let Component { name, config } = &mut manifest.evaluator;
        if name != "train" {
            bail!("--epochs is about training, and the evaluator of {} is {name}", run.display());
        }
        config["epochs"] = Value::from(epochs);
    }
    if manifest.budget == Budget::default() {
        manifest.budget.max_trials = Some(DEFAULT_TRIALS);
    }
    let parts = Parts::from_manifest(&manifest, &resources)?;
    let directory = args.run.clone().unwrap_or_else(|| free_name(&args.runs, &manifest));
    let store = DirectoryStore::create(&directory, &manifest, Box::new(SystemClock))?;
    let session = Session {
        directory,
        workers: workers(args.workers),
        budget: manifest.budget,
        quiet: args.quiet,
        json: args.json,
    };
    session.announce(&manifest)?;
    if !args.quiet {
        let run = run.display();
        match epochs.last().map_or((0, 0), |last| (last.epoch, last.epochs)) {
            (done, all) if done < all => writeln!(
                std::io::stderr(),
                "supernet: {done} of {all} epochs are those of {run}, the others are trained now"
            )?,
            (_, all) => writeln!(std::io::stderr(), "supernet: {all} epochs of {run}")?,
        }
    }
    let begin = Begin::WithSupernet { epochs, state };
    Ok(Prepared { session, store, view: RunView::new(manifest), parts, begin })
}

/// A searcher without a supernet has no shared weights.
fn check_searcher(name: &str) -> Result<()> {
    if nascent::search::find(name)?.trains_supernet() {
        return Ok(());
    }
    let with = SEARCHERS.iter().filter(|searcher| SearcherEntry::trains_supernet(searcher));
    let names: Vec<&str> = with.map(|searcher| searcher.name).collect();
    bail!(
        "{name} trains no supernet, so there are no shared weights to rank by; take one of {}",
        names.join(", ")
    )
}

/// What begins with the shared weights is not evaluated by itself.
fn refuse_inheritance(inherits: bool) -> Result<()> {
    if inherits {
        bail!(
            "with inherit_weights=true architectures begin with the shared weights, and are not \
             evaluated by themselves; search without it"
        );
    }
    Ok(())
}

/// A run that has drawn its architectures is shown as it is.
fn refuse_what_has_no_effect(args: &SearchArgs, run: &Path) -> Result<()> {
    let given = [
        ("a limit", args.budget != BudgetArgs::default()),
        ("--epochs", args.epochs.is_some()),
        ("--trial-secs", args.trial_secs.is_some()),
        ("--workers", args.workers.is_some()),
        ("--run", args.run.is_some()),
    ];
    match given.iter().find(|(_, given)| *given) {
        Some((what, _)) => {
            let run = run.display();
            bail!(
                "{run} draws its architectures itself and is only reported, so {what} has no effect; \
                 `nascent resume {run} --trials N` draws more"
            )
        }
        None => Ok(()),
    }
}

fn is_sampled(manifest: &Manifest) -> bool {
    manifest.searcher.config.get(PROPOSALS).and_then(Value::as_str) == Some(SAMPLED)
}

/// What a run that draws its architectures says of its shared weights; nothing of any other.
struct Ranks<'a> {
    objective: &'a Objective,
    pairs: Vec<SharedPair>,
    /// Or why there is no order.
    agreement: nascent_record::Result<RankAgreement>,
}

impl<'a> Ranks<'a> {
    fn of(view: &'a RunView) -> Option<Self> {
        let objective = view.manifest().objective().filter(|_| is_sampled(view.manifest()))?;
        let pairs = shared_pairs(view, &objective.metric);
        let agreement = rank_agreement(&pairs, objective.direction);
        Some(Self { objective, pairs, agreement })
    }
}

/// The same in half a sentence.
pub(crate) fn text(view: &RunView) -> Option<String> {
    let ranks = Ranks::of(view)?;
    let RankAgreement { kendall_tau, spearman_rho, .. } = ranks.agreement.ok()?;
    let n = ranks.pairs.len();
    Some(format!("Kendall's τ {kendall_tau:.2}, Spearman's ρ {spearman_rho:.2}, {n} architectures"))
}

/// The same for scripts; `null` for a run that does not draw its architectures.
pub(crate) fn json(view: &RunView) -> Value {
    let Some(Ranks { objective, pairs, agreement }) = Ranks::of(view) else { return Value::Null };
    let agreement = agreement.ok();
    json!({
        "metric": objective.metric,
        "architectures": pairs.len(),
        "kendall_tau": agreement.map(|agreement| agreement.kendall_tau),
        "kendall_tau_95": agreement.and_then(|agreement| agreement.kendall_tau_95),
        "spearman_rho": agreement.map(|agreement| agreement.spearman_rho),
    })
}

/// Draws the figure, and says what came of it.
fn report(
    args: &RankCorrelationArgs,
    directory: &Path,
    view: &RunView,
    out: &mut dyn Write,
) -> Result<()> {
    let name = directory.file_name().unwrap_or(directory.as_os_str()).to_string_lossy();
    let plot = nascent_figures::find("rank_correlation")?;
    let figure = plot.figure(&[(&name, view)], &PlotOptions::default());
    let figure = figure.context("nothing to compare")?;
    let path = args.output.clone().unwrap_or_else(|| directory.join(FILE));
    render(&path, (&figure).into(), &RenderOptions::default())?;
    if args.search.json {
        let json = whole_json(directory, view, &path);
        writeln!(out, "{}", serde_json::to_string_pretty(&json)?)?;
        return Ok(());
    }
    let Some(Ranks { objective, pairs, agreement }) = Ranks::of(view) else { return Ok(()) };
    let manifest = view.manifest();
    let (searcher, space, data) =
        (&manifest.searcher.name, &manifest.space.name, &manifest.data.name);
    let epochs = supernet_epochs(view);
    let metric = &objective.metric;
    writeln!(out, "\nThe supernet of {searcher} over {space} on {data}, after {epochs} epochs:")?;
    writeln!(out, "accuracy by its shared weights against {metric} by training alone\n")?;
    match agreement {
        Ok(RankAgreement { kendall_tau, kendall_tau_95: interval, spearman_rho }) => {
            let header = ["architectures", "Kendall's τ", "95 % of τ", "Spearman's ρ"];
            let interval = interval
                .map_or_else(|| "–".to_owned(), |[low, high]| format!("{low:.2} to {high:.2}"));
            let numbers = [kendall_tau, spearman_rho].map(|number| format!("{number:.3}"));
            let [tau, rho] = numbers;
            let row = vec![pairs.len().to_string(), tau, interval, rho];
            writeln!(out, "{}\n", output::table(&header, &[row]))?;
        }
        Err(why) => writeln!(out, "{} architectures: {why}\n", pairs.len())?,
    }
    if view.finish_reason().is_none() {
        writeln!(out, "The run is not over; these are the architectures so far.\n")?;
    }
    writeln!(out, "Figure   {}", path.display())?;
    writeln!(out, "Run      {}", directory.display())?;
    writeln!(out, "More     nascent show {}", directory.display())?;
    Ok(())
}

/// The epochs that the weights were trained for; some searchers compare architectures in more.
fn supernet_epochs(view: &RunView) -> usize {
    let trained = |epoch: &&SearcherTrained| epoch.signals.scalars.get("train_loss").is_some();
    view.searcher_epochs().iter().filter(trained).count()
}

fn whole_json(directory: &Path, view: &RunView, figure: &Path) -> Value {
    let manifest = view.manifest();
    let metric = manifest.objective().map_or("", |objective| &objective.metric);
    let pairs = shared_pairs(view, metric).into_iter().map(|pair| {
        let trial = &view.trials()[pair.trial.index()];
        json!({
            "trial": pair.trial,
            "architecture": output::architecture(manifest, trial),
            "shared_valid_accuracy": pair.shared,
            "alone": pair.alone,
        })
    });
    let mut whole = search::summary(directory, view);
    whole["supernet_epochs"] = supernet_epochs(view).into();
    whole["supernet"] = json!(manifest.supernet);
    whole["figure"] = json!(figure);
    whole["rank_correlation"]["pairs"] = Value::Array(pairs.collect());
    whole
}
