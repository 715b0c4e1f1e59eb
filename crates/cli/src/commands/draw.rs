//! `nascent draw`: an architecture as a picture, or as data.

use std::io::Write;

use anyhow::{Context as _, Result};
use nascent_record::{Run, analysis};

use super::plot::save;
use super::show::trial;
use crate::args::DrawArgs;
use crate::output;

/// Runs the command.
pub(crate) fn run(args: &DrawArgs, out: &mut dyn Write) -> Result<()> {
    let view = Run::open(&args.run)?;
    let space = output::space(view.manifest())?;
    let architecture = match (&args.architecture, args.trial) {
        (Some(text), _) => space.parse(text)?,
        (None, Some(number)) => trial(&view, number)?.proposal.architecture.clone(),
        (None, None) => {
            let best = analysis::incumbent(&view).context("no trial is complete yet")?;
            best.proposal.architecture.clone()
        }
    };
    let graph = space.graph(&architecture)?;
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&graph)?)?;
    }
    let Some(path) = &args.output else { return Ok(()) };
    let cell = graph.cells.values().next().filter(|_| !args.network);
    let drawing = nascent_figures::draw_graph(cell.unwrap_or(&graph));
    save(path, &args.look, (&drawing).into(), out)
}
