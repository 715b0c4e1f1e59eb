//! Tables: the best trials, runs beside each other, data frames.

use nascent_frames::{DataFrame, polars::prelude::AnyValue, trials};
use nascent_record::{Metrics, Objective, RunView, analysis};

use crate::html::{number, styled, table, text_table};
use crate::run::Run;
use crate::{Bundle, Result, pictures, svg};

/// How many trials a leaderboard has.
const TOP: usize = 10;
/// How many rows of a data frame are shown.
const ROWS: usize = 20;
/// How many columns.
const COLUMNS: usize = 16;

/// The best trials of a run.
#[derive(Clone, Debug)]
pub struct Leaderboard(Bundle);

/// Runs beside each other.
#[derive(Clone, Debug)]
pub struct Comparison(Bundle);

impl Leaderboard {
    pub(crate) fn bundle(&self) -> Bundle {
        self.0.clone()
    }
}

impl Comparison {
    pub(crate) fn bundle(&self) -> Bundle {
        self.0.clone()
    }
}

fn or_problem(made: Result<Bundle>) -> Bundle {
    made.unwrap_or_else(|error| svg::problem(&error.to_string()))
}

/// The best trials of a run.
pub fn leaderboard(run: &Run) -> Leaderboard {
    Leaderboard(or_problem(run.view().map(|view| leaders(run, &view))))
}

fn leaders(run: &Run, view: &RunView) -> Bundle {
    let best = analysis::leaderboard(view, TOP);
    let names: Vec<String> = view.manifest().metrics.iter().map(|m| m.name.clone()).collect();
    let has = |name: &String| best.iter().any(|trial| trial.metric(name).is_some());
    let names: Vec<String> = names.into_iter().filter(has).collect();
    let space = run.space().ok();
    let rows: Vec<Vec<String>> = best
        .iter()
        .enumerate()
        .map(|(rank, trial)| {
            let architecture = &trial.proposal.architecture;
            let official = space.as_ref().and_then(|space| space.official_name(architecture));
            let text = official.unwrap_or_else(|| view.manifest().spec.text(architecture));
            let metrics =
                names.iter().map(|name| trial.metric(name).map_or_else(|| "–".to_owned(), number));
            [(rank + 1).to_string(), trial.id.to_string()]
                .into_iter()
                .chain(metrics)
                .chain([text])
                .collect()
        })
        .collect();
    if rows.is_empty() {
        return Bundle::text("no trial has a result yet");
    }
    let header: Vec<String> = ["rank", "trial"]
        .map(str::to_owned)
        .into_iter()
        .chain(names)
        .chain(["architecture".to_owned()])
        .collect();
    Bundle::new(styled(&table(&header, &rows)), text_table(&header, &rows))
}

/// Runs beside each other: their best, and the plot of all.
pub fn compare(runs: &[&Run]) -> Comparison {
    Comparison(or_problem(try_compare(runs)))
}

fn try_compare(runs: &[&Run]) -> Result<Bundle> {
    let mut rows = Vec::new();
    let mut metric = String::new();
    for run in runs {
        let view = run.view()?;
        let manifest = view.manifest();
        let best = analysis::incumbent(&view);
        let objective = manifest.objective().map(|Objective { metric, .. }| metric.clone());
        let objective = objective.unwrap_or_default();
        let value = best.and_then(|trial| trial.metric(&objective));
        metric = objective;
        rows.push(vec![
            run.name(),
            manifest.space.name.clone(),
            manifest.searcher.name.clone(),
            manifest.seed.to_string(),
            view.finished_trials().to_string(),
            value.map_or_else(|| "–".to_owned(), number),
            best.map_or_else(|| "–".to_owned(), |trial| trial.id.to_string()),
        ]);
    }
    let header =
        ["run", "space", "searcher", "seed", "trials", &metric, "trial"].map(str::to_owned);
    let plot = pictures::plot("best_so_far", runs).bundle().html.unwrap_or_default();
    Ok(Bundle::new(styled(&table(&header, &rows)) + &plot, text_table(&header, &rows)))
}

/// The trials of a run as a data frame.
///
/// # Errors
/// If the run cannot be read.
pub fn frame(run: &Run) -> Result<DataFrame> {
    Ok(trials(&run.view()?)?)
}

/// How a data frame looks.
pub(crate) fn data_frame(frame: &DataFrame) -> Bundle {
    let (height, width) = frame.shape();
    let columns: Vec<_> = frame.columns().iter().take(COLUMNS).collect();
    let mut header: Vec<String> = columns.iter().map(|column| column.name().to_string()).collect();
    if width > COLUMNS {
        header.push(format!("… {width} columns"));
    }
    let value = |value: AnyValue<'_>| match value {
        AnyValue::Null => "–".to_owned(),
        AnyValue::Float32(x) => number(f64::from(x)),
        AnyValue::Float64(x) => number(x),
        AnyValue::String(text) => text.to_owned(),
        other => other.to_string(),
    };
    let rows: Vec<Vec<String>> = (0..height.min(ROWS))
        .map(|at| {
            columns
                .iter()
                .map(|column| column.get(at).map_or_else(|_| String::new(), value))
                .collect()
        })
        .collect();
    let note = format!("{height} rows, {width} columns");
    let html = format!("{}<div class=\"m\">{note}</div>", table(&header, &rows));
    Bundle::new(styled(&html), format!("{}\n{note}", text_table(&header, &rows)))
}

/// How metrics look.
pub(crate) fn metrics(metrics: &Metrics) -> Bundle {
    let rows: Vec<Vec<String>> =
        metrics.iter().map(|(name, value)| vec![name.to_owned(), number(value)]).collect();
    let header = ["metric".to_owned(), "value".to_owned()];
    Bundle::new(styled(&table(&header, &rows)), text_table(&header, &rows))
}
