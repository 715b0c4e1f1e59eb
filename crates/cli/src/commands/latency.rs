//! `nascent latency`: how long each operation of a search space takes here, and each width.

use std::io::Write;

use anyhow::{Context as _, Result};
use nascent::space::{obstacles, relaxed_spaces};
use nascent::train::option_latencies_ms;

use nascent_session::{data, settings, space_settings};

use crate::args::{LatencyArgs, TableArgs};
use crate::output;

/// Runs the command.
pub(crate) fn run(args: &LatencyArgs, out: &mut dyn Write) -> Result<()> {
    let settings = space_settings(&args.space, settings(&args.space_set)?)?;
    let space = nascent::space::find(&args.space)?.make(&settings, &())?;
    let supernet = space.relaxed().map(nascent::space::Relaxed::supernet).with_context(|| {
        format!(
            "the space {} has no operations on edges that could be measured one by one: {}; \
             choose a space whose choices are all operations on edges ({}, or one that you declare)",
            args.space,
            obstacles(space.spec()),
            relaxed_spaces(|_| true).join(", ")
        )
    })?;
    let (_, resources) = data::open(&args.data.request(&TableArgs::default()), 0, "cpu")?;
    let dataset = resources.dataset.context("there are no data")?;
    let latencies = option_latencies_ms(&*space, dataset.shape(), dataset.classes().len())?;
    if args.json {
        return Ok(writeln!(out, "{}", serde_json::to_string(&latencies)?)?);
    }
    let rows = supernet.edges.iter().flat_map(|edge| {
        let times = edge.options.iter().zip(&latencies[edge.coefficients()]);
        times.map(|(op, ms)| vec![edge.name.clone(), op.clone(), output::number(*ms)])
    });
    writeln!(out, "{}", output::table(&["edge", "option", "ms"], &rows.collect::<Vec<_>>()))?;
    writeln!(out, "For one example, on one thread, in all places of the network where it is.")?;
    if supernet.has_widths() {
        let sentence = "Of a width: what networks take more with it than with the fastest one.";
        writeln!(out, "{sentence}")?;
    }
    Ok(())
}
