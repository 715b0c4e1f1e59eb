//! `nascent bench searchers`: how good each searcher is, over many seeds and a table.

use std::io::Write;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use nascent::benchmark::{Simulation, Statistics, Trace, reported_metrics};
use nascent::evaluate::{Evaluator, Resources};
use nascent::search::{SEARCHERS, SearchSetup, SearcherEntry};
use nascent::space::SearchSpace;
use nascent_record::{Metrics, Objective};
use nascent_session::{data, settings, space_settings};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::search::workers;
use crate::args::{BenchArgs, BenchCommand, BenchSearchersArgs};
use crate::output;
use crate::progress::count_progress;

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

/// Over how many trials before a place the time of a searcher is taken.
const NEAR: usize = 50;

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
        // But for those that train for minutes before they propose.
        let quick = SEARCHERS.iter().filter(|entry| !entry.trains_supernet());
        return Ok(quick.map(|entry| (*entry, Value::Null)).collect());
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

/// What is searched, and by what it is judged.
struct Bench {
    space: Arc<dyn SearchSpace>,
    evaluator: Box<dyn Evaluator>,
    objective: Objective,
    /// The best value of each reported metric, where a table says so.
    metrics: Vec<(String, Option<f64>)>,
    resources: Resources,
}

impl Bench {
    fn new(args: &BenchSearchersArgs) -> Result<Self> {
        let (_, resources) = data::open(&args.data.request(&args.table), 0, "cpu")?;
        let space = nascent::space::find(&args.space)?
            .make(&space_settings(&args.space, settings(&args.space_set)?)?, &())?
            .into();
        let (name, mut config) = (&args.evaluator, settings(&args.evaluator_set)?);
        let name = if args.table.table.is_some() {
            config = Value::Object(args.table.settings()?);
            "table"
        } else {
            name
        };
        let evaluator = nascent::evaluate::find(name)?.make(&config, &resources)?;
        let declared = evaluator.metrics();
        let natural = declared.first().context("the evaluator has no metric")?;
        let objective = Objective { metric: natural.name.clone(), direction: natural.direction };
        let best = |metric: &str| {
            let column = match metric {
                "valid_accuracy" => args.table.valid.as_deref().unwrap_or(metric),
                "test_accuracy" => args.table.test.as_deref()?,
                _ => return None,
            };
            let column = resources.table.as_ref()?.column(column).ok()?.numbers().ok()?;
            column.iter().flatten().copied().reduce(f64::max)
        };
        let names = reported_metrics(&declared, &objective).into_iter();
        let metrics = names.map(|name| (name.clone(), best(&name))).collect();
        Ok(Self { space, evaluator, objective, metrics, resources })
    }
}

/// What the searches of one searcher had at one place.
fn read(traces: &[Trace], at: At, metric: &str) -> Vec<f64> {
    traces.iter().filter_map(|trace| at.read(trace)?.get(metric)).collect()
}

/// The median time to be asked and told once, in µs, over the last trials before a place: it grows
/// with the trials that were told.
fn median_micros(traces: &[Trace], at: At) -> f64 {
    let near = traces.iter().flat_map(|trace| {
        let end = match at {
            At::Trials(n) => trace.searcher_times.len().min(n as usize),
            At::Secs(_) => trace.searcher_times.len(),
        };
        &trace.searcher_times[end.saturating_sub(NEAR)..end]
    });
    let mut micros: Vec<f64> = near.map(|time| 1e6 * time.as_secs_f64()).collect();
    micros.sort_by(f64::total_cmp);
    micros.get(micros.len() / 2).copied().unwrap_or_default()
}

fn searchers(args: &BenchSearchersArgs, out: &mut dyn Write) -> Result<()> {
    let bench = Bench::new(args)?;
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
    let has_cost = bench.evaluator.metrics().iter().any(|metric| metric.name == "cost_secs");
    if by_secs > 0.0 && !has_cost {
        bail!("--at-secs needs the cost of an evaluation; say --cost COLUMN");
    }
    let simulation = Simulation {
        space: Arc::clone(&bench.space),
        evaluator: &*bench.evaluator,
        objective: bench.objective.clone(),
        resources: Some(bench.resources.clone()),
        min_trials: most_trials,
        min_cost_secs: by_secs,
        max_trials: most_trials.max(MOST_TRIALS),
    };
    let threads = workers(None) as usize;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let chosen = chosen(&args.searchers)?;
    let progress = count_progress(chosen.len() as u64 * u64::from(args.seeds), "searches");
    let (mut rows, mut all) = (Vec::new(), Vec::new());
    for (entry, config) in chosen {
        let make = |setup: &SearchSetup| entry.make(&config, setup);
        let seeds = args.first_seed..args.first_seed + u64::from(args.seeds);
        let run = |seed| {
            let trace = simulation.run(make, seed);
            progress.inc(1);
            trace
        };
        let traces: nascent::Result<Vec<Trace>> =
            pool.install(|| seeds.into_par_iter().map(run).collect());
        let traces = traces?;
        let trials: usize = traces.iter().map(|trace| trace.searcher_times.len()).sum();
        let mut at_json = Vec::new();
        for at in &places {
            let mut place = json!({ "at": at.text() });
            let mut row = vec![entry.name.to_owned(), at.text()];
            for (metric, best) in &bench.metrics {
                let values = read(&traces, *at, metric);
                let Some(s) = Statistics::of(&values) else {
                    row.push("–".to_owned());
                    continue;
                };
                let (low, high) = s.interval;
                row.push(format!("{:.2} ± {:.2}  ({low:.2} to {high:.2})", s.mean, s.std));
                place[metric] = json!({
                    "mean": s.mean, "std": s.std, "interval_95": [low, high], "seeds": s.count,
                });
                if let Some(best) = best {
                    let reached = values.iter().filter(|value| **value >= *best).count();
                    row.push(format!("{:.2}, {reached} of {}", (best - s.mean).max(0.0), s.count));
                    place[metric]["regret"] = json!((best - s.mean).max(0.0));
                    place[metric]["at_optimum"] = json!(reached);
                }
            }
            let micros = median_micros(&traces, *at);
            row.push(format!("{micros:.1}"));
            place["median_ask_tell_micros"] = json!(micros);
            rows.push(row);
            at_json.push(place);
        }
        all.push(json!({
            "searcher": entry.complete(&config)?,
            "seeds": args.seeds,
            "trials_per_seed": trials as f64 / f64::from(args.seeds),
            "best": at_json,
        }));
    }
    progress.finish_and_clear();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
        return Ok(());
    }
    let mut header = vec!["searcher".to_owned(), "after".to_owned()];
    for (metric, best) in &bench.metrics {
        header.push(format!("{metric}: mean ± std (95 % of mean)"));
        header.extend(best.map(|_| "regret, at the optimum".to_owned()));
    }
    header.push("µs".to_owned());
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    writeln!(out, "{}", output::table(&header, &rows))?;
    writeln!(
        out,
        "\n{} seeds; the best is chosen by {}; µs: median to be asked and told once, over the last \
         {NEAR} trials",
        args.seeds, bench.objective.metric
    )?;
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
