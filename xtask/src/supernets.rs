//! `cargo xtask bench-supernets`: which architectures the searchers with a supernet end with, and what
//! a table says of them.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use xtask::binary::{nascent, workspace};

use crate::python::output;
use crate::say;

/// What can be said to `cargo xtask bench-supernets`.
#[derive(clap::Args)]
#[command(after_help = "\
On two cores each searcher takes one to two minutes for each seed. What target/supernets has already is
not searched again: delete it to begin anew.")]
pub(crate) struct Args {
    /// Table with a row for each cell of NAS-Bench-201 (CSV, may be gzipped)
    #[arg(long, value_name = "FILE")]
    table: PathBuf,
    /// Column with the validation accuracy, in per cent
    #[arg(long, default_value = "c10_val200_mean")]
    valid: String,
    /// Column with the test accuracy, in per cent
    #[arg(long, default_value = "c10_test200")]
    test: String,
    /// What the supernets are trained on
    #[arg(long, default_value = "fashion_mnist")]
    data: String,
    /// So many examples of it
    #[arg(long, default_value_t = 5000)]
    max_train: usize,
    /// Channels to which the one of grey images is repeated
    #[arg(long, default_value_t = 3)]
    image_channels: usize,
    /// Searchers
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "darts,pc_darts,gdas,drnas,fair_darts,proxyless,enas,random_ws,spos"
    )]
    searchers: Vec<String>,
    /// Seeds, from 1
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    /// Epochs of a supernet
    #[arg(long, default_value_t = 100)]
    epochs: u32,
    /// The learning rate of α, where there is one and its default is below 0.001
    #[arg(long, default_value_t = 0.01)]
    alpha_learning_rate: f64,
    /// Write docs/supernets.md
    #[arg(long)]
    write: bool,
}

/// Architectures that are drawn for each seed, to compare with.
const RANDOM: u32 = 200;

/// A run of a searcher.
struct Run {
    /// What the table says of the architecture that was proposed.
    test_accuracy: f64,
    /// The numbers of each epoch, by name.
    epochs: Vec<Value>,
}

impl Run {
    /// A number of the last epoch, where it is known.
    fn last(&self, name: &str) -> Option<f64> {
        self.epochs.iter().rev().find_map(|scalars| scalars[name].as_f64())
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let binary = nascent(&["--release"])?;
    // A run of other settings is another one.
    let Args { data, max_train, image_channels, epochs, alpha_learning_rate: rate, .. } = args;
    let settings = format!("{data}-{max_train}-{image_channels}-{epochs}-{rate}");
    let folder = workspace().join("target/supernets").join(settings);
    let defaults = output(Command::new(&binary).args(["list", "searchers", "--json"]))?;
    let defaults: Vec<Value> = serde_json::from_str(&defaults)?;
    let has_low_rate = |searcher: &str| {
        let entry = defaults.iter().find(|entry| entry["name"] == searcher);
        let rate = entry.and_then(|entry| entry["settings"]["alpha_learning_rate"].as_f64());
        rate.is_some_and(|rate| rate < 1e-3)
    };
    let mut rows: Vec<(&str, Vec<Run>)> = Vec::new();
    for searcher in &args.searchers {
        let mut runs = Vec::new();
        for seed in 1..=args.seeds {
            say(&format!("{searcher}, seed {seed}"));
            let rate = has_low_rate(searcher).then_some(args.alpha_learning_rate);
            let run = search(args, &binary, (searcher, rate), seed, &folder)?;
            say(&format!("  test accuracy {:.2}", run.test_accuracy));
            runs.push(run);
        }
        rows.push((searcher, runs));
    }
    let random: Vec<f64> = (1..=args.seeds)
        .map(|seed| {
            let folder = folder.join(format!("random-{seed}"));
            let mut command = command(args, &binary, "random", seed, &folder);
            command.args(["--trials", &RANDOM.to_string()]);
            Ok(mean(&tests(&events(&mut command, &folder)?)))
        })
        .collect::<Result<_>>()?;
    let page = page(args, &rows, &random);
    if args.write {
        fs::write(workspace().join("docs/supernets.md"), &page)?;
        say("docs/supernets.md is written");
    } else {
        say(&page);
    }
    Ok(())
}

/// A search without its limit of trials.
fn command(args: &Args, binary: &Path, searcher: &str, seed: u64, folder: &Path) -> Command {
    let mut command = Command::new(binary);
    command.args(["search", "--quiet", "--searcher", searcher, "--seed", &seed.to_string()]);
    command.args(["--space-set", "channels=4", "--space-set", "cells=1"]);
    command.arg("--table").arg(&args.table).args(["--valid", &args.valid, "--test", &args.test]);
    command.arg("--run").arg(folder);
    command
}

/// Trains a supernet, and looks up the first architecture that is proposed.
fn search(
    args: &Args,
    binary: &Path,
    (searcher, rate): (&str, Option<f64>),
    seed: u64,
    folder: &Path,
) -> Result<Run> {
    let folder = folder.join(format!("{searcher}-{seed}"));
    let mut command = command(args, binary, searcher, seed, &folder);
    command.args(["--trials", "1", "--data", &args.data]);
    command.args(["--max-train", &args.max_train.to_string()]);
    command.args(["--image-channels", &args.image_channels.to_string()]);
    command.args(["--searcher-set", &format!("supernet_epochs={}", args.epochs)]);
    if let Some(rate) = rate {
        command.args(["--searcher-set", &format!("alpha_learning_rate={rate}")]);
    }
    let events = events(&mut command, &folder)?;
    let scalars = events.iter().map(|event| &event["searcher_trained"]["signals"]["scalars"]);
    let epochs = scalars.filter(|scalars| scalars.is_object()).cloned().collect();
    let test_accuracy = *tests(&events).first().context("the search has proposed nothing")?;
    Ok(Run { test_accuracy, epochs })
}

/// The log of a run, which the command makes unless it is there to its end.
fn events(command: &mut Command, folder: &Path) -> Result<Vec<Value>> {
    let read = || -> Result<Vec<Value>> {
        let text = fs::read_to_string(folder.join("events.jsonl"))?;
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    };
    let is_whole =
        |events: &Vec<Value>| events.last().is_some_and(|last| last["run_finished"].is_object());
    if let Some(events) = read().ok().filter(is_whole) {
        return Ok(events);
    }
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    output(command)?;
    read()
}

/// The test accuracies of the trials of a log.
fn tests(events: &[Value]) -> Vec<f64> {
    let metrics = events.iter().map(|event| &event["trial_finished"]["outcome"]["complete"]);
    metrics.filter_map(|metrics| metrics["test_accuracy"].as_f64()).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn page(args: &Args, rows: &[(&str, Vec<Run>)], random: &[f64]) -> String {
    let table = args.table.file_name().unwrap_or_default().to_string_lossy();
    let mut page = format!(
        "# What supernets end with

<!-- Written by `cargo xtask bench-supernets --write`. Do not edit. -->

The architecture that each searcher with a supernet proposes first on NAS-Bench-201, and what the
table of the benchmark says of it. `cargo xtask bench-supernets --table FILE --write` trains the
supernets and writes this file.

- Supernets: 4 channels, one cell a stage, {epochs} epochs on {examples} examples of `{data}` in
  {channels} equal channels. The rate of α is {rate} where it is below 0.001 by default; everything else is
  as by default.
- Accuracies: columns `{valid}` and `{test}` of `{table}`, in per cent.
- Seeds: {seeds}

That rate and the number of epochs were chosen after a look at `darts` with the seed 1 on one channel: with a
rate of 0.003 and 30 epochs, a twentieth of the published steps, nothing had drifted yet.

The supernets see small grey images, whose one channel is repeated, and the table knows how networks do on
CIFAR-10, so that the accuracies say how far a preference carries over. What is to be seen is how a
searcher behaves. Known of searches on CIFAR-10 itself: DARTS drifts to skip connections, and ends with
nothing else (54.30); ENAS 54.30, PC-DARTS 93.41, GDAS 93.51, DrNAS 94.36; the best cell of the table has
94.37 (Dong and Yang 2020, and the papers of the searchers).

Skips is the share of skip connections in the cell that is derived, and free that of all operations without
weights, which are those, the pooling and none. Entropy is that of the strengths of operations in nats
(even ones have 1.61), cost that of the expected FLOPs as a share of those of the most expensive cell
(even ones have 0.22). All are behind the last epoch, means over seeds.

| searcher | test accuracy, by seed | mean | skips | free | entropy | cost |
| --- | --- | ---: | ---: | ---: | ---: | ---: |
",
        epochs = args.epochs,
        examples = args.max_train,
        channels = args.image_channels,
        data = args.data,
        rate = args.alpha_learning_rate,
        valid = args.valid,
        test = args.test,
        seeds = args.seeds,
    );
    for (searcher, runs) in rows {
        let tests: Vec<f64> = runs.iter().map(|run| run.test_accuracy).collect();
        let of = |name: &str| {
            let known: Vec<f64> = runs.iter().filter_map(|run| run.last(name)).collect();
            if known.is_empty() { "–".to_owned() } else { format!("{:.2}", mean(&known)) }
        };
        let line = [
            format!("`{searcher}`"),
            listed(&tests),
            format!("{:.2}", mean(&tests)),
            of("skip_share"),
            of("parameter_free_share"),
            of("entropy"),
            of("expected_cost"),
        ];
        let _always = writeln!(page, "| {} |", line.join(" | "));
    }
    let line = [format!("{RANDOM} random cells"), listed(random), format!("{:.2}", mean(random))];
    let _always = writeln!(page, "| {} | – | – | – | – |", line.join(" | "));
    let moments: Vec<usize> =
        (0..=5).map(|part| (part * args.epochs as usize / 5).max(1)).collect();
    let names: Vec<String> = moments.iter().map(ToString::to_string).collect();
    let _always = write!(
        page,
        "
How the derived cell went, for each seed behind these epochs: the share of skip connections, and of all
operations without weights.

| searcher | seed | {} |
| --- | ---: |{}
",
        names.join(" | "),
        " ---: |".repeat(moments.len())
    );
    for (searcher, runs) in rows {
        for (seed, run) in std::iter::zip(1.., runs) {
            let share = |epoch: &usize| {
                let of = |name: &str| run.epochs.get(epoch - 1)?[name].as_f64();
                let (skips, free) = (of("skip_share")?, of("parameter_free_share")?);
                Some(format!("{skips:.2} {free:.2}"))
            };
            let shares: Option<Vec<String>> = moments.iter().map(share).collect();
            let Some(shares) = shares else { continue };
            let _always = writeln!(page, "| `{searcher}` | {seed} | {} |", shares.join(" | "));
        }
    }
    page
}

fn listed(values: &[f64]) -> String {
    values.iter().map(|value| format!("{value:.2}")).collect::<Vec<_>>().join(" ")
}
