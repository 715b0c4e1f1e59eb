//! `nascent compare`: runs side by side.

use std::io::Write;

use anyhow::{Context as _, Result};
use nascent_figures::{PlotOptions, RenderOptions};
use nascent_record::{RunView, Trial, analysis};
use serde_json::{Value, json};

use super::plot::{borrowed, open, render};
use crate::args::CompareArgs;
use crate::output;

/// Runs the command.
pub(crate) fn run(args: &CompareArgs, out: &mut dyn Write) -> Result<()> {
    let views = open(&args.runs)?;
    let (mut rows, mut all) = (Vec::new(), Vec::new());
    let plain: Vec<&RunView> = views.iter().map(|(_, view)| view).collect();
    let volumes = analysis::hypervolume_shares(&plain);
    for (at, (name, view)) in views.iter().enumerate() {
        let volume = volumes.as_ref().map(|volumes| volumes[at]);
        let manifest = view.manifest();
        let best = analysis::incumbent(view);
        let value = |metric: &str| {
            let value = best.and_then(|trial| trial.metric(metric));
            value.map_or_else(|| "–".to_owned(), |value| output::metric(manifest, metric, value))
        };
        let objective = manifest.objective().map_or("", |objective| &objective.metric);
        let trained = |trial: &Trial| {
            let again = view.retrained().iter().rev().find(|again| again.trial == trial.id);
            again.and_then(|again| again.metrics.get("test_accuracy"))
        };
        let test = best.and_then(trained).or_else(|| best?.metric("test_accuracy"));
        // The others that were trained again stand behind the best, whatever they came to: a test
        // chooses nothing.
        let others = analysis::finalists(view, usize::MAX).into_iter().skip(1);
        let tests = test.into_iter().chain(others.filter_map(trained).filter(|_| test.is_some()));
        let texts = tests.map(|test| output::metric(manifest, "test_accuracy", test));
        let texts = texts.collect::<Vec<_>>().join(", ");
        let failed = view.trials().iter().filter(|trial| trial.status() == "failed").count();
        let epochs: u64 = view.trials().iter().map(|trial| u64::from(trial.epochs)).sum();
        rows.push(vec![
            name.clone(),
            manifest.searcher.name.clone(),
            manifest.seed.to_string(),
            view.finished_trials().to_string(),
            failed.to_string(),
            epochs.to_string(),
            format!("{} {objective}", value(objective)),
            best.map_or_else(|| "–".to_owned(), |trial| trial.id.to_string()),
            if texts.is_empty() { "–".to_owned() } else { texts },
        ]);
        if let (Some(volume), Some(row)) = (volume, rows.last_mut()) {
            row.push(format!("{volume:.3}"));
        }
        all.push(json!({
            "run": name,
            "space": manifest.space.name,
            "searcher": manifest.searcher.name,
            "seed": manifest.seed,
            "trials": view.finished_trials(),
            "failed": failed,
            "epochs": epochs,
            "objective": objective,
            "best": best.map(|trial| json!({ "trial": trial.id, "metrics": trial.metrics() })),
            "test_accuracy": test,
            "retrained": view.retrained(),
            "hypervolume": volume,
        }));
    }
    if let Some(path) = &args.output {
        let plot = nascent_figures::find("best_so_far")?;
        let figure = plot.figure(&borrowed(&views), &PlotOptions::default());
        let figure = figure.context("nothing to plot")?;
        render(path, (&figure).into(), &RenderOptions::default())?;
        writeln!(std::io::stderr(), "best so far: {}", path.display())?;
    }
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&Value::Array(all))?)?;
    } else {
        let mut header =
            vec!["run", "searcher", "seed", "trials", "failed", "epochs", "best", "at", "test"];
        header.extend(volumes.map(|_| "hypervolume"));
        writeln!(out, "{}", output::table(&header, &rows))?;
    }
    Ok(())
}
