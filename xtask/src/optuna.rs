//! `cargo xtask bench-optuna`: our searchers and Optuna's samplers in one run, on the choices of
//! NAS-Bench-201.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use xtask::binary::{nascent, workspace};

use crate::python::{environment, output, pip_install};
use crate::say;

/// What can be said to `cargo xtask bench-optuna`.
#[derive(clap::Args)]
#[command(after_help = "\
Needs Python 3. Optuna is installed from PyPI into target/optuna, which may be deleted.
Both sides take turns, seed by seed, one thread each. Without --table the values are made up, and
only the times mean something.")]
pub(crate) struct Args {
    /// Table with a row for each cell of NAS-Bench-201 (CSV, may be gzipped)
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
    /// Column with the value that is searched for
    #[arg(long, default_value = "c100_val200_mean")]
    valid: String,
    /// Column with the value of the test data
    #[arg(long, default_value = "c100_test200")]
    test: String,
    /// Searchers of ours
    #[arg(long, value_delimiter = ',', default_value = "random,tpe")]
    ours: Vec<String>,
    /// Samplers of Optuna: random, tpe, tpe_multivariate
    #[arg(long, value_delimiter = ',', default_value = "random,tpe,tpe_multivariate")]
    theirs: Vec<String>,
    /// Trials at which to report, in rising order
    #[arg(long, value_delimiter = ',', default_value = "50,100,200,1000")]
    at: Vec<usize>,
    /// Seeds
    #[arg(long, default_value_t = 3)]
    seeds: u64,
}

/// The release of Optuna that is compared with.
const OPTUNA: &str = "optuna==5.0.0";
/// Over how many trials before a place times are taken.
const NEAR: usize = 50;

/// What the seeds of one searcher gave at one place.
#[derive(Default)]
struct Cell {
    micros: Vec<f64>,
    test: Vec<f64>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let python = install()?;
    let binary = nascent(&["--release"])?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/optuna_ask_tell.py");
    let names = args.theirs.iter().map(|name| format!("Optuna {name}"));
    let names: Vec<String> = names.chain(args.ours.iter().cloned()).collect();
    let mut cells: Vec<Vec<Cell>> = Vec::new();
    cells.resize_with(names.len(), || args.at.iter().map(|_| Cell::default()).collect());
    for seed in 0..args.seeds {
        for (at, sampler) in args.theirs.iter().enumerate() {
            say(&format!("Optuna {sampler}, seed {seed}"));
            let trials = args.at.iter().max().context("--at is empty")?;
            let mut command = Command::new(&python);
            command.arg(&script).args([sampler, &seed.to_string(), &trials.to_string()]);
            command.env("OMP_NUM_THREADS", "1");
            if let Some(table) = &args.table {
                command.arg(table).args([&args.valid, &args.test]);
            }
            take_theirs(&output(&mut command)?, &args.at, &mut cells[at])?;
        }
        for (at, searcher) in args.ours.iter().enumerate() {
            say(&format!("{searcher}, seed {seed}"));
            let marks: Vec<String> = args.at.iter().map(ToString::to_string).collect();
            let mut command = Command::new(&binary);
            command.args(["bench", "searchers", "--json", "--seeds=1", "--first-seed"]);
            command.arg(seed.to_string()).args(["--searchers", searcher]);
            command.args(["--at-trials", &marks.join(",")]);
            if let Some(table) = &args.table {
                command.arg("--table").arg(table);
                command.args(["--valid", &args.valid, "--test", &args.test]);
            }
            take_ours(&output(&mut command)?, &mut cells[args.theirs.len() + at])?;
        }
    }
    report(args, &names, &cells);
    Ok(())
}

/// A Python with Optuna.
fn install() -> Result<PathBuf> {
    let folder = workspace().join("target/optuna");
    let python = folder.join("bin/python");
    if !python.exists() {
        say(&format!("installing {OPTUNA} into {}", folder.display()));
        environment(&folder)?;
        output(pip_install(&python).arg(OPTUNA))?;
    }
    Ok(python)
}

fn take_theirs(text: &str, at: &[usize], cells: &mut [Cell]) -> Result<()> {
    let json: Value = serde_json::from_str(text)?;
    let numbers = |name: &str| -> Vec<f64> {
        json[name].as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
    };
    let (micros, test) = (numbers("micros"), numbers("test"));
    for (mark, cell) in std::iter::zip(at, cells) {
        let end = micros.len().min(*mark);
        cell.micros.push(median(micros[end.saturating_sub(NEAR)..end].to_vec()));
        cell.test.extend(test.get(mark - 1).or(test.last()));
    }
    Ok(())
}

fn take_ours(text: &str, cells: &mut [Cell]) -> Result<()> {
    let json: Value = serde_json::from_str(text)?;
    for (place, cell) in std::iter::zip(json[0]["best"].as_array().into_iter().flatten(), cells) {
        cell.micros.extend(place["median_ask_tell_micros"].as_f64());
        cell.test.extend(place["test_accuracy"]["mean"].as_f64());
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn report(args: &Args, names: &[String], cells: &[Vec<Cell>]) {
    say(&format!("\n{:24} {:>8} {:>12} {:>14}", "", "trials", "µs a trial", "mean test"));
    for (name, row) in std::iter::zip(names, cells) {
        for (mark, cell) in std::iter::zip(&args.at, row) {
            let mean = cell.test.iter().sum::<f64>() / cell.test.len() as f64;
            let mean = if args.table.is_some() { format!("{mean:.3}") } else { "–".to_owned() };
            let micros = median(cell.micros.clone());
            say(&format!("{name:24} {mark:>8} {micros:>12.1} {mean:>14}"));
        }
    }
    say(&format!(
        "\nµs: median over the {NEAR} trials before, and over {} seeds; of Optuna CPU time, of ours \
         wall-clock time",
        args.seeds
    ));
}
