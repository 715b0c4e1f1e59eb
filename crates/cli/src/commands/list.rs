//! `nascent list`: what there is of each kind, straight from the tables.

use std::io::Write;

use anyhow::Result;
use nascent::evaluate::EVALUATORS;
use nascent::prune::PRUNERS;
use nascent::search::SEARCHERS;
use nascent::space::SPACES;
use nascent_datasets::DATASETS;
use nascent_figures::PLOTS;
use serde_json::{Value, json};

use crate::args::{Kind, ListArgs};
use crate::output;

/// A row of whatever table.
struct Row {
    name: &'static str,
    summary: &'static str,
    settings: Value,
    reference: &'static str,
    /// The number of architectures, of a space that has finitely many.
    size: Option<u128>,
}

/// Runs the command.
pub(crate) fn run(args: &ListArgs, out: &mut dyn Write) -> Result<()> {
    macro_rules! rows {
        ($table:expr) => {
            $table
                .iter()
                .map(|entry| Row {
                    name: entry.name,
                    summary: entry.summary,
                    settings: (entry.defaults)(),
                    reference: entry.reference,
                    size: None,
                })
                .collect::<Vec<_>>()
        };
    }
    let plain = |name, summary, reference| Row {
        name,
        summary,
        settings: Value::Null,
        reference,
        size: None,
    };
    let rows = match args.kind {
        Kind::Spaces => sized(rows!(SPACES))?,
        Kind::Searchers => rows!(SEARCHERS),
        Kind::Pruners => rows!(PRUNERS),
        Kind::Evaluators => rows!(EVALUATORS),
        Kind::Datasets => DATASETS.iter().map(|d| plain(d.name, d.summary, d.source)).collect(),
        Kind::Plots => PLOTS.iter().map(|plot| plain(plot.id(), plot.summary(), "")).collect(),
    };
    if args.json {
        let all: Vec<Value> = rows
            .iter()
            .map(|row| {
                let mut json = json!({
                    "name": row.name,
                    "summary": row.summary,
                    "settings": row.settings,
                    "reference": row.reference,
                });
                if let Some(size) = row.size.and_then(|size| u64::try_from(size).ok()) {
                    json["size"] = Value::from(size);
                }
                json
            })
            .collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
        return Ok(());
    }
    for row in &rows {
        writeln!(out, "{}\n    {}", row.name, row.summary)?;
        if let Value::Object(settings) = &row.settings
            && !settings.is_empty()
        {
            let settings = settings.iter().map(|(key, value)| match value {
                Value::Number(n) if n.is_f64() => {
                    format!("{key}={}", n.as_f64().unwrap_or_default())
                }
                Value::String(text) => format!("{key}={text}"),
                value => format!("{key}={value}"),
            });
            writeln!(out, "    settings: {}", settings.collect::<Vec<_>>().join("  "))?;
        }
        if let Kind::Spaces = args.kind {
            let size = row.size.map_or("infinitely many".to_owned(), |n| output::number(n as f64));
            writeln!(out, "    {size} architectures with these settings")?;
        }
        if !row.reference.is_empty() {
            writeln!(out, "    {}", row.reference)?;
        }
    }
    Ok(())
}

/// Spaces with their sizes at default settings.
fn sized(mut rows: Vec<Row>) -> Result<Vec<Row>> {
    for row in &mut rows {
        row.size = nascent::space::find(row.name)?.make(&Value::Null, &())?.spec().size();
    }
    Ok(rows)
}
