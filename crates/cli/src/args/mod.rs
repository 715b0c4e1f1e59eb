//! What can be said on the command line, by what it does.

mod common;
mod kernel;
mod list;
mod measure;
mod pictures;
mod runs;
mod search;

use clap::{Parser, Subcommand};

pub(crate) use common::{BudgetArgs, DataArgs, TableArgs};
pub(crate) use kernel::{KernelArgs, KernelCommand, KernelInstallArgs, KernelPlaceArgs};
pub(crate) use list::{DatasetsArgs, DatasetsCommand, Kind, ListArgs};
pub(crate) use measure::{BenchArgs, BenchCommand, BenchSearchersArgs, LatencyArgs};
pub(crate) use pictures::{Against, CellOf, DrawArgs, LookArgs, PlotArgs};
pub(crate) use runs::{BestArgs, CompareArgs, ExportArgs, GuiArgs, ReportArgs, RunsArgs, ShowArgs};
pub(crate) use search::{RankCorrelationArgs, ResumeArgs, SearchArgs};

/// Neural architecture search: finds, trains, records and shows the best network for your data.
#[derive(Parser)]
#[command(name = "nascent", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "\
Start here:
  nascent search                      search on the built-in handwritten digits, a few minutes
  nascent search --data fashion_mnist --trials 20 --epochs 5
  nascent runs                        what was searched so far
  nascent list searchers              what there is to search with
Every command explains itself: nascent search --help")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Search for the best architecture, then train it longer and test it
    Search(Box<SearchArgs>),
    /// Go on with a run that was interrupted, or give it more budget
    Resume(ResumeArgs),
    /// Measure how well the shared weights of a supernet rank architectures
    ///
    /// The searcher trains its supernet; then architectures are drawn evenly, and each is evaluated
    /// twice: with the shared weights, and by itself as in any search. Kendall's τ of the two orders is 1
    /// where they agree and about 0 where shared weights say nothing.
    #[command(
        mut_arg("searcher", |arg| arg.default_value("random_ws").help(
            "Searcher with a supernet: darts, gdas, drnas, pc_darts, fair_darts, proxyless, random_ws, \
             spos, enas"
        )),
        mut_arg("trials", |arg| arg.help(
            "Architectures that are drawn [default: 50, if there is no other limit]"
        )),
        mut_arg("final_epochs", |arg| arg.help(
            "Epochs for which the best is trained again at the end, then tested [default: 0]"
        )),
        after_help = "\
Examples:
  nascent rank-correlation --searcher gdas --searcher-set supernet_epochs=30 --trials 40
  nascent rank-correlation --space darts --searcher spos --data fashion_mnist --max-train 5000 -n 20
  nascent rank-correlation runs/gdas --trials 40   with the supernet that this run has trained
  nascent rank-correlation runs/ranks              what came of a run with proposals=sampled"
    )]
    RankCorrelation(Box<RankCorrelationArgs>),
    /// List runs
    Runs(RunsArgs),
    /// Show a run or one of its trials
    Show(ShowArgs),
    /// Show the best architectures of a run, and get the trained network out
    Best(BestArgs),
    /// Plot one run or several as SVG or PNG
    Plot(PlotArgs),
    /// Draw an architecture as SVG or PNG
    Draw(DrawArgs),
    /// Compare runs
    Compare(CompareArgs),
    /// Write the trials of a run as CSV, Parquet or JSON
    Export(ExportArgs),
    /// Write a run's report.html anew
    Report(ReportArgs),
    /// List what there is: spaces, searchers, pruners, evaluators, datasets, plots
    List(ListArgs),
    /// List datasets, or fetch one
    Datasets(DatasetsArgs),
    /// Measure searchers over a table of known results
    Bench(BenchArgs),
    /// Measure how long each operation of a search space takes on this machine
    Latency(LatencyArgs),
    /// Open the desktop app: see, follow and compare runs
    Gui(GuiArgs),
    /// Install the Jupyter kernel, for notebooks in Rust with Nascent inside
    Kernel(KernelArgs),
}
