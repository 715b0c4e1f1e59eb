//! `nascent bench searchers`: how good each searcher is, over many seeds and a table.

use std::io::Write;

use anyhow::{Context as _, Result, bail};
use nascent::benchmark::{Simulation, Statistics, Trace, reported_metrics};
use nascent::search::{SEARCHERS, SearchSetup, SearcherEntry};
use nascent_record::{Metrics, Objective};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::search::workers;
use crate::args::{BenchArgs, BenchCommand, BenchSearchersArgs, DataArgs, settings};
use crate::{data, output};

/// Trials at which the best is reported, if nothing is said.
const AT_TRIALS: [u32; 5] = [10, 30, 100, 300, 1000];

/// Runs the command.
pub(crate) fn run(args: &BenchArgs, out: &mut dyn Write) -> Result<()> {
    let BenchCommand::Searchers(args) = &args.command;
    searchers(args, out)
}

/// Where a search for a number of seconds ends that never reaches them: all its trials fail, or
/// cost nothing.
const MOST_TRIALS: u32 = 20_000;

/// A place at which the best is read.
#[derive(Clone, Copy)]
enum At {
    Trials(u32),
    Secs(f64),
}

impl At {
    fn read(self, trace: &Trace) -> Option<&Metrics> {
        match self {
            Self::Trials(trials) => trace.after_trials(trials),
            Self::Secs(secs) => trace.after_secs(secs),
        }
    }

    fn text(self) -> String {
        match self {
            Self::Trials(trials) => format!("{trials} trials"),
            Self::Secs(secs) => format!("{} s", output::number(secs)),
        }
    }
}

/// `name[key=value;key=value]`.
fn chosen(text: &str) -> Result<Vec<(&'static SearcherEntry, Value)>> {
    if text == "all" {
        return Ok(SEARCHERS.iter().map(|entry| (*entry, Value::Null)).collect());
    }
    let one = |text: &str| -> Result<_> {
        let (name, inside) = text.split_once('[').unwrap_or((text, "]"));
        let inside = inside.strip_suffix(']').with_context(|| format!("\"{text}\" lacks a `]`"))?;
        let pairs: Vec<String> =
            inside.split(';').filter(|pair| !pair.is_empty()).map(str::to_owned).collect();
        Ok((nascent::search::find(name)?, settings(&pairs)?))
    };
    let chosen: Vec<_> = text
        .split(',')
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(one)
        .collect::<Result<_>>()?;
    if chosen.is_empty() {
        bail!("which searchers? name some, separated by commas, or say all");
    }
    Ok(chosen)
}

fn searchers(args: &BenchSearchersArgs, out: &mut dyn Write) -> Result<()> {
    if args.table.table.is_none() {
        bail!("which table? say --table FILE (CSV or Parquet), with --key and --valid COLUMN");
    }
    let (_, resources) = data::from_args(&DataArgs::default(), &args.table, 0, "cpu")?;
    let space = nascent::space::find(&args.space)?.make(&Value::Null, &())?;
    let config = Value::Object(data::table_settings(&args.table)?);
    let evaluator = nascent::evaluate::find("table")?.make(&config, &resources)?;
    let declared = evaluator.metrics();
    let natural = declared.first().context("the table has no metric")?;
    let objective = Objective { metric: natural.name.clone(), direction: natural.direction };
    let mut places: Vec<At> = args.at_trials.iter().map(|n| At::Trials(*n)).collect();
    places.extend(args.at_secs.iter().map(|secs| At::Secs(*secs)));
    if places.is_empty() {
        places.extend(AT_TRIALS.map(At::Trials));
    }
    let most_trials = places.iter().filter_map(|at| match at {
        At::Trials(n) => Some(*n),
        At::Secs(_) => None,
    });
    let most_trials = most_trials.max().unwrap_or(0);
    let by_secs = args.at_secs.iter().copied().fold(0.0, f64::max);
    let has_cost = declared.iter().any(|metric| metric.name == "cost_secs");
    if by_secs > 0.0 && !has_cost {
        bail!("--at-secs needs the cost of an evaluation; say --cost COLUMN");
    }
    let simulation = Simulation {
        space: space.into(),
        evaluator: &*evaluator,
        objective: objective.clone(),
        min_trials: most_trials,
        min_cost_secs: by_secs,
        max_trials: most_trials.max(MOST_TRIALS),
    };
    let metrics = reported_metrics(&declared, &objective);
    let threads = workers(None) as usize;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let (mut rows, mut all) = (Vec::new(), Vec::new());
    for (entry, config) in chosen(&args.searchers)? {
        let make = |setup: &SearchSetup| entry.make(&config, setup);
        let seeds = 0..u64::from(args.seeds);
        let run = |seed| simulation.run(make, seed);
        let traces: nascent::Result<Vec<Trace>> =
            pool.install(|| seeds.into_par_iter().map(run).collect());
        let traces = traces?;
        let spent = traces.iter().flat_map(|trace| &trace.searcher_times);
        let mut spent: Vec<f64> = spent.map(|time| 1e6 * time.as_secs_f64()).collect();
        spent.sort_by(f64::total_cmp);
        let micros = spent.get(spent.len() / 2).copied().unwrap_or_default();
        let mut at_json = Vec::new();
        for at in &places {
            let mut entry_json = json!({ "at": at.text() });
            let mut row = vec![entry.name.to_owned(), at.text()];
            for metric in &metrics {
                let read = |trace: &Trace| at.read(trace)?.get(metric);
                let values: Vec<f64> = traces.iter().filter_map(read).collect();
                let Some(s) = Statistics::of(&values) else {
                    row.push("–".to_owned());
                    continue;
                };
                let (low, high) = s.interval;
                row.push(format!("{:.2} ± {:.2}  ({low:.2} to {high:.2})", s.mean, s.std));
                entry_json[metric] = json!({
                    "mean": s.mean, "std": s.std, "interval_95": [low, high], "seeds": s.count,
                });
            }
            row.push(format!("{micros:.1}"));
            rows.push(row);
            at_json.push(entry_json);
        }
        all.push(json!({
            "searcher": entry.complete(&config)?,
            "seeds": args.seeds,
            "trials_per_seed": spent.len() as f64 / f64::from(args.seeds),
            "ask_tell_micros_per_trial": micros,
            "best": at_json,
        }));
    }
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
    } else {
        let mut header = vec!["searcher", "after"];
        let titles: Vec<String> =
            metrics.iter().map(|metric| format!("{metric}: mean ± std (95 % of mean)")).collect();
        header.extend(titles.iter().map(String::as_str));
        header.push("µs/trial");
        writeln!(out, "{}", output::table(&header, &rows))?;
        writeln!(out, "\n{} seeds; the best is chosen by {}", args.seeds, objective.metric)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searchers_may_have_settings_in_brackets() {
        let list =
            chosen("random, regularized_evolution[population_size=10;sample_size=3]").unwrap();
        assert_eq!(list[0].0.name, "random");
        assert_eq!(list[1].1, json!({ "population_size": 10, "sample_size": 3 }));
        assert!(chosen("randon").err().unwrap().to_string().contains("did you mean \"random\"?"));
    }
}
