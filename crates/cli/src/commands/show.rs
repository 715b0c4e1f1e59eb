//! `nascent show`: a run or a trial, in words.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::{Context as _, Result};
use nascent_record::{Manifest, Outcome, Run, RunView, Spent, Trial, analysis};
use serde_json::{Value, json};

use super::rank_correlation;
use super::search::{reason, summary};
use crate::args::ShowArgs;
use crate::output;

/// Runs the command.
pub(crate) fn run(args: &ShowArgs, out: &mut dyn Write) -> Result<()> {
    let view = Run::open(&args.run)?;
    if args.hash {
        writeln!(out, "{}", view.history_hash())?;
    } else if let Some(number) = args.trial {
        let trial = trial(&view, number)?;
        if args.json {
            writeln!(out, "{}", serde_json::to_string_pretty(&trial_json(&view, trial))?)?;
        } else {
            show_trial(&view, trial, out)?;
        }
    } else if args.json {
        let mut json = summary(&args.run, &view);
        json["manifest"] = serde_json::to_value(view.manifest())?;
        writeln!(out, "{}", serde_json::to_string_pretty(&json)?)?;
    } else {
        show_run(args, &view, out)?;
    }
    Ok(())
}

/// The trial with this number.
pub(crate) fn trial(view: &RunView, number: u32) -> Result<&Trial> {
    view.trials().get(number as usize).with_context(|| match view.trials().len() {
        0 => "the run has no trials yet".to_owned(),
        trials => format!("there is no trial {number}; the run has trials 0 to {}", trials - 1),
    })
}

fn component(name: &str, config: &Value) -> String {
    let Value::Object(map) = config else {
        return name.to_owned();
    };
    let settings = map.iter().map(|(key, value)| match value {
        Value::String(text) => format!("{key}={text}"),
        value => format!("{key}={value}"),
    });
    let settings = settings.collect::<Vec<_>>().join(" ");
    if settings.is_empty() { name.to_owned() } else { format!("{name}  {settings}") }
}

fn limits(manifest: &Manifest, view: &RunView) -> String {
    let budget = view.budget();
    let parts = [
        budget.max_trials.map(|n| format!("{n} trials")),
        budget.max_epochs.map(|n| format!("{n} epochs")),
        budget.max_cost_secs.map(|s| format!("{} simulated", output::duration(s))),
        budget.max_wall_clock_secs.map(|s| format!("{} of time", output::duration(s))),
        manifest.limits.max_trial_secs.map(|s| format!("{} a trial", output::duration(s))),
        manifest.limits.max_trial_mib.map(|m| format!("{m} MiB a trial")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

fn show_run(args: &ShowArgs, view: &RunView, out: &mut dyn Write) -> Result<()> {
    let manifest = view.manifest();
    let mut state = output::state(&args.run, view).to_owned();
    if let Some(reason) = reason(view) {
        state = format!("{state}: {reason}");
    }
    if let Some(holder) = Run::writer(&args.run) {
        state = format!("{state} ({holder})");
    }
    let mut row = |name: &str, text: &str| writeln!(out, "{name:10} {text}");
    row("run", &args.run.display().to_string())?;
    row("state", &state)?;
    row("created", &format!("{} UTC", output::moment(manifest.created_ms)))?;
    let size =
        manifest.spec.size().map(|size| format!(", {} architectures", output::number(size as f64)));
    let space = component(&manifest.space.name, &manifest.space.config);
    row("space", &format!("{space}{}", size.unwrap_or_default()))?;
    row("searcher", &component(&manifest.searcher.name, &manifest.searcher.config))?;
    row("goal", &output::goal(&manifest.goal))?;
    row("evaluator", &component(&manifest.evaluator.name, &manifest.evaluator.config))?;
    row("pruner", &component(&manifest.pruner.name, &manifest.pruner.config))?;
    row("data", &manifest.data.name)?;
    row(
        "seed",
        &format!("{}, lookahead {}, {}", manifest.seed, manifest.lookahead, manifest.device),
    )?;
    row("limits", &limits(manifest, view))?;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut failures: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for trial in view.trials() {
        *counts.entry(trial.status()).or_default() += 1;
        if let Some(Outcome::Failed(failure)) = &trial.outcome {
            let entry = failures.entry(failure.kind.to_string());
            let entry =
                entry.or_insert_with(|| (0, format!("trial {}: {}", trial.id, failure.message)));
            entry.0 += 1;
        }
    }
    let counts = counts.iter().map(|(status, count)| format!("{count} {status}"));
    row("trials", &counts.collect::<Vec<_>>().join(", "))?;
    let epochs: u64 = view.trials().iter().map(|trial| u64::from(trial.epochs)).sum();
    row("epochs", &epochs.to_string())?;
    if let Some((from, to)) = view.span_ms() {
        let sessions = view.sessions();
        let text = output::duration((to - from) as f64 / 1e3);
        row("time", &format!("{text} from first to last event, {sessions} session(s)"))?;
    }
    let spent = view.spent();
    if spent != Spent::default() {
        let [ask, train, evaluate] = [spent.ask_ms, spent.train_ms, spent.evaluate_ms]
            .map(|ms| output::duration(ms as f64 / 1e3));
        let text = format!("{ask} to ask, {train} to train, {evaluate} to evaluate, all together");
        row("spent", &text)?;
    }
    row("hash", &view.history_hash())?;
    for (kind, (count, example)) in &failures {
        row("failed", &format!("{count} × {kind}, such as {example}"))?;
    }
    if let Some([share]) = analysis::hypervolume_shares(&[view]).as_deref() {
        let text = format!("{share:.3} of the box between the worst and the best values seen");
        row("hypervolume", &text)?;
    }
    if let Some(supernet) = &manifest.supernet {
        row("supernet", &format!("{} epochs of {}", supernet.epochs, supernet.run))?;
    }
    if let Some(text) = rank_correlation::text(view) {
        row("shared", &format!("{text}, of shared weights against training alone"))?;
    }
    if !analysis::leaderboard(view, 1).is_empty() {
        writeln!(out, "\n{}", output::leaderboard(view, 10))?;
    }
    for again in view.retrained() {
        let metrics = again.metrics.iter();
        let metrics = metrics.map(|(n, v)| format!("{n} {}", output::metric(manifest, n, v)));
        let metrics = metrics.collect::<Vec<_>>().join(", ");
        writeln!(
            out,
            "\ntrial {} trained again for {} epochs: {metrics}",
            again.trial, again.epochs
        )?;
    }
    if let Some(objective) = manifest.objective()
        && let Ok(importance) = analysis::choice_importance(view, objective)
    {
        writeln!(
            out,
            "\nchoices that matter, as a share of the variance of {}:",
            objective.metric
        )?;
        for choice in importance.iter().take(5) {
            writeln!(out, "  {:20} {:3.0} %", choice.choice, choice.importance * 100.0)?;
        }
    }
    Ok(())
}

fn show_trial(view: &RunView, trial: &Trial, out: &mut dyn Write) -> Result<()> {
    let manifest = view.manifest();
    let mut row = |name: &str, text: &str| writeln!(out, "{name:14} {text}");
    row("trial", &trial.id.to_string())?;
    row("outcome", &output::outcome(trial))?;
    let architecture = &trial.proposal.architecture;
    row("architecture", &manifest.spec.text(architecture))?;
    let space = output::space(manifest).ok();
    if let Some(name) = space.as_ref().and_then(|space| space.official_name(architecture)) {
        row("official name", &name)?;
    }
    if let Some(origin) = &trial.proposal.origin {
        row("origin", &output::origin(origin))?;
    }
    if let Some(before) = trial.proposal.resume_from {
        row("goes on with", &format!("trial {before}"))?;
    }
    let parents = trial.proposal.parents.iter().map(ToString::to_string);
    let parents = parents.collect::<Vec<_>>().join(", ");
    row("parents", if parents.is_empty() { "none" } else { &parents })?;
    row("epochs", &trial.epochs.to_string())?;
    if let Some(finished) = trial.finished_ms {
        let secs = finished.saturating_sub(trial.started_ms) as f64 / 1e3;
        row("time", &output::duration(secs))?;
    }
    if trial.attempts > 1 {
        row("attempts", &trial.attempts.to_string())?;
    }
    if let Some(Outcome::Complete(metrics) | Outcome::Pruned(metrics)) = &trial.outcome {
        for (name, value) in metrics.iter() {
            row(name, &output::metric(manifest, name, value))?;
        }
    }
    if let Some(signals) = &trial.proposal.signals {
        for (name, value) in signals.scalars.iter() {
            row(name, &output::number(value))?;
        }
        for (name, values) in &signals.vectors {
            let values: Vec<String> = values.iter().map(|value| format!("{value:.3}")).collect();
            row(name, &values.join(" "))?;
        }
    }
    if let Some(graph) = space.and_then(|space| space.graph(architecture).ok()) {
        writeln!(out, "\n{}", output::outline(&graph))?;
    }
    if let Some(first) = trial.curve.first() {
        let names: Vec<&str> = first.metrics.iter().map(|(name, _)| name).collect();
        let mut header = vec!["epoch"];
        header.extend(&names);
        let rows = trial.curve.iter().map(|report| {
            let mut row = vec![report.step.to_string()];
            row.extend(
                names
                    .iter()
                    .map(|name| report.metrics.get(name).map_or_else(String::new, output::number)),
            );
            row
        });
        writeln!(out, "\n{}", output::table(&header, &rows.collect::<Vec<_>>()))?;
    }
    Ok(())
}

fn trial_json(view: &RunView, trial: &Trial) -> Value {
    let manifest = view.manifest();
    let curve =
        trial.curve.iter().map(|report| json!({ "step": report.step, "metrics": report.metrics }));
    json!({
        "trial": trial.id,
        "status": trial.status(),
        "architecture": output::architecture(manifest, trial),
        "choices": manifest.spec.text(&trial.proposal.architecture),
        "proposal": trial.proposal,
        "outcome": trial.outcome,
        "epochs": trial.epochs,
        "attempts": trial.attempts,
        "artifacts": trial.artifacts,
        "curve": curve.collect::<Vec<_>>(),
    })
}
