//! `nascent best`: the best architectures, and the trained network.

use std::io::Write;

use anyhow::{Context as _, Result, bail};
use nascent_record::{Run, RunView, Trial, analysis};
use serde_json::{Value, json};

use crate::args::BestArgs;
use crate::output;

/// Runs the command.
pub(crate) fn run(args: &BestArgs, out: &mut dyn Write) -> Result<()> {
    let view = Run::open(&args.run)?;
    let board = analysis::leaderboard(&view, args.top as usize);
    let Some(best) = board.first() else {
        bail!("no trial of {} is complete yet", args.run.display());
    };
    if args.json {
        let board: Vec<Value> = board.iter().map(|trial| entry(&view, trial)).collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&board)?)?;
    } else {
        writeln!(out, "{}\n", output::leaderboard(&view, args.top as usize))?;
        let graph = output::space(view.manifest())?.graph(&best.proposal.architecture)?;
        writeln!(out, "{}", output::outline(&graph))?;
        if let Some(retrained) = output::retrained(&view) {
            writeln!(out, "\n{retrained}")?;
        }
    }
    if let Some(path) = &args.weights {
        let best = match args.trial {
            Some(number) => super::show::trial(&view, number)?,
            None => best,
        };
        let mut trained = view.retrained().iter().rev().filter(|again| again.trial == best.id);
        let id = trained.find_map(|again| again.artifacts.get("weights"));
        let id = id.or_else(|| best.artifacts.get("weights")).with_context(|| {
            format!(
                "trial {} has no weights: the run was made without a final training, or has not \
                 reached it; `nascent resume {}` goes on",
                best.id,
                args.run.display()
            )
        })?;
        output::write_file(path, &Run::blob(&args.run, id)?)?;
        writeln!(std::io::stderr(), "weights of trial {} written to {}", best.id, path.display())?;
    }
    Ok(())
}

fn entry(view: &RunView, trial: &Trial) -> Value {
    let again: Vec<_> = view.retrained().iter().filter(|again| again.trial == trial.id).collect();
    json!({
        "trial": trial.id,
        "architecture": output::architecture(view.manifest(), trial),
        "choices": view.manifest().spec.text(&trial.proposal.architecture),
        "metrics": trial.metrics(),
        "retrained": again,
    })
}
