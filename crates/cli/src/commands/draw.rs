//! `nascent draw`: an architecture as a picture, or as data.

use std::io::Write;

use anyhow::{Context as _, Result};
use nascent_record::{Graph, MeasuredGraph, Measures, Run, analysis};

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
        let measures = measures(&graph, &view.manifest().data.name);
        let both = MeasuredGraph { graph: graph.clone(), measures };
        writeln!(out, "{}", serde_json::to_string_pretty(&both)?)?;
    }
    let Some(path) = &args.output else { return Ok(()) };
    let cell = graph.cells.values().next().filter(|_| !args.network);
    let drawing = nascent_figures::draw_graph(cell.unwrap_or(&graph));
    save(path, &args.look, (&drawing).into(), out)
}

/// What the parts of a network make and cost on this data; `None` where it is no dataset that is known,
/// or the network does not fit it.
fn measures(graph: &Graph, data: &str) -> Option<Measures> {
    let entry = nascent::datasets::find(data).ok()?;
    nascent::nn::measures(graph, entry.shape, entry.classes.len()).ok()
}
