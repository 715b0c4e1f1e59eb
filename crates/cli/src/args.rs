//! What can be said on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};
use nascent::study::DEFAULT_LOOKAHEAD;
use nascent_record::{Constraint, Duplicates, RewardTerm};
use nascent_session::{DataRequest, Used, split_pair};
use serde_json::{Map, Value};

use crate::values::{duplicates, positive, reward};

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

/// The limits of a search.
#[derive(Args, Clone, Copy, Default, PartialEq)]
pub(crate) struct BudgetArgs {
    /// Trials of the search [default: 50, if there is no other limit]
    #[arg(long, short = 'n', value_name = "N", help_heading = "Budget", value_parser = value_parser!(u32).range(1..))]
    pub(crate) trials: Option<u32>,
    /// Training epochs of all trials together
    #[arg(long, value_name = "N", help_heading = "Budget", value_parser = value_parser!(u64).range(1..))]
    pub(crate) max_epochs: Option<u64>,
    /// Simulated seconds of all trials together, where a table has costs
    #[arg(long, value_name = "SECONDS", help_heading = "Budget", value_parser = positive)]
    pub(crate) max_cost_secs: Option<f64>,
    /// Wall-clock seconds of the search; of this session, when a run is resumed
    #[arg(long, value_name = "SECONDS", help_heading = "Budget", value_parser = positive)]
    pub(crate) max_secs: Option<f64>,
}

/// Where the data is.
#[derive(Args, Clone, Default)]
pub(crate) struct DataArgs {
    /// Dataset by name (see `nascent datasets`), or a CSV or Parquet file of tabular data; with
    /// --table what a searcher trains a supernet on [default: digits, none with --table]
    #[arg(long, value_name = "NAME|FILE", help_heading = "Data")]
    pub(crate) data: Option<String>,
    /// Column of a CSV or Parquet file that holds the class
    #[arg(long, value_name = "COLUMN", help_heading = "Data")]
    pub(crate) label: Option<String>,
    /// Column of a CSV or Parquet file that is not to be learned from; repeatable
    #[arg(long, value_name = "COLUMN", help_heading = "Data")]
    pub(crate) ignore: Vec<String>,
    /// Where the files of datasets are, before NASCENT_DATA and the usual places
    #[arg(long, value_name = "DIR", help_heading = "Data")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Use the first N training examples only
    #[arg(long, value_name = "N", help_heading = "Data")]
    pub(crate) max_train: Option<usize>,
    /// Use the first N test examples only
    #[arg(long, value_name = "N", help_heading = "Data")]
    pub(crate) max_test: Option<usize>,
    /// Repeat the channel of grey images, so that they have N as color images have
    #[arg(long, value_name = "N", help_heading = "Data")]
    pub(crate) image_channels: Option<usize>,
}

impl DataArgs {
    /// The data, and a table.
    pub(crate) fn request(&self, table: &TableArgs) -> DataRequest {
        let Self { data, label, ignore, data_dir, max_train, max_test, image_channels: channels } =
            self.clone();
        let (table, used) = (table.table.clone(), Used { max_train, max_test, channels });
        DataRequest { data, label, ignore, data_dir, used, table }
    }
}

/// A table of known results.
#[derive(Args, Clone, Default)]
pub(crate) struct TableArgs {
    /// Look results up in this CSV or Parquet file; do not train
    #[arg(long, value_name = "FILE", help_heading = "Table")]
    pub(crate) table: Option<PathBuf>,
    /// Column with the name of the architecture [default: arch]
    #[arg(long, value_name = "COLUMN", help_heading = "Table", requires = "table")]
    pub(crate) key: Option<String>,
    /// Column with the validation accuracy that is searched for [default: valid_accuracy]
    #[arg(long, value_name = "COLUMN", help_heading = "Table", requires = "table")]
    pub(crate) valid: Option<String>,
    /// Column with the test accuracy, reported only
    #[arg(long, value_name = "COLUMN", help_heading = "Table", requires = "table")]
    pub(crate) test: Option<String>,
    /// Epochs that the --valid column stands for [default: 1]
    #[arg(long, value_name = "N", help_heading = "Table", requires = "table")]
    pub(crate) table_epochs: Option<u32>,
    /// Column of validation accuracy after other epochs; repeatable
    #[arg(long, value_name = "EPOCHS=COLUMN", help_heading = "Table", requires = "table")]
    pub(crate) fidelity: Vec<String>,
    /// Column with the cost of an evaluation
    #[arg(long, value_name = "COLUMN", help_heading = "Table", requires = "table")]
    pub(crate) cost: Option<String>,
    /// Seconds for each unit of the cost column [default: 1]
    #[arg(long, value_name = "X", help_heading = "Table", requires = "table")]
    pub(crate) cost_scale: Option<f64>,
    /// Column with a further metric of which less is better; repeatable
    #[arg(long, value_name = "METRIC=COLUMN", help_heading = "Table", requires = "table")]
    pub(crate) other: Vec<String>,
}

impl TableArgs {
    /// The settings of the evaluator.
    pub(crate) fn settings(&self) -> anyhow::Result<Map<String, Value>> {
        let mut map = Map::new();
        let texts = [
            ("key", &self.key),
            ("valid", &self.valid),
            ("test", &self.test),
            ("cost", &self.cost),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                map.insert(name.to_owned(), Value::from(value.as_str()));
            }
        }
        if let Some(epochs) = self.table_epochs {
            map.insert("epochs".to_owned(), Value::from(epochs));
        }
        if let Some(scale) = self.cost_scale {
            map.insert("cost_scale".to_owned(), Value::from(scale));
        }
        for (name, pairs) in [("fidelities", &self.fidelity), ("others", &self.other)] {
            let mut columns = Map::new();
            for pair in pairs {
                let (key, column) = split_pair(pair)?;
                columns.insert(key.to_owned(), Value::from(column));
            }
            if !columns.is_empty() {
                map.insert(name.to_owned(), Value::Object(columns));
            }
        }
        Ok(map)
    }
}

#[derive(Args)]
#[command(after_help = "\
Searchers with a supernet can take little of what takes long:
  nascent search --searcher darts --data fashion_mnist --searcher-set cost=latency \\
    --searcher-set cost_weight=1 \\
    --searcher-set latencies=\"$(nascent latency --data fashion_mnist --json)\"")]
pub(crate) struct LatencyArgs {
    /// Search space whose choices are operations on edges
    #[arg(long, default_value = "nas_bench_201", help_heading = "What")]
    pub(crate) space: String,
    /// Setting of the space, such as channels=16; repeatable (see `nascent list spaces`). The space
    /// declared takes file=FILE, a JSON file
    #[arg(long, value_name = "KEY=VALUE", help_heading = "What")]
    pub(crate) space_set: Vec<String>,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Print the milliseconds alone, as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct KernelArgs {
    #[command(subcommand)]
    pub(crate) command: KernelCommand,
}

#[derive(Subcommand)]
pub(crate) enum KernelCommand {
    /// Compile the kernel and the toolkit, and tell Jupyter of them
    Install(KernelInstallArgs),
    /// Remove the kernel, and what was compiled for it
    Uninstall(KernelPlaceArgs),
    /// Say what is there and what is missing
    Doctor(KernelPlaceArgs),
}

#[derive(Args)]
pub(crate) struct KernelPlaceArgs {
    /// Install for this user; that is the default, in JUPYTER_DATA_DIR if that is set
    #[arg(long, conflicts_with = "prefix")]
    pub(crate) user: bool,
    /// Install under this folder, in share/jupyter, such as that of a virtual environment
    #[arg(long, value_name = "DIR")]
    pub(crate) prefix: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct KernelInstallArgs {
    #[command(flatten)]
    pub(crate) place: KernelPlaceArgs,
    /// Use this program instead of compiling one
    #[arg(long, value_name = "FILE")]
    pub(crate) program: Option<PathBuf>,
    /// Do not compile the toolkit now; cells are without it until that is done
    #[arg(long)]
    pub(crate) without_toolkit: bool,
}

#[derive(Args)]
pub(crate) struct SearchArgs {
    /// Search space
    #[arg(long, default_value = "nas_bench_201", help_heading = "What")]
    pub(crate) space: String,
    /// Setting of the space, such as channels=16; repeatable (see `nascent list spaces`). The space
    /// declared takes file=FILE, a JSON file
    #[arg(long, value_name = "KEY=VALUE", help_heading = "What")]
    pub(crate) space_set: Vec<String>,
    /// Searcher
    #[arg(long, default_value = "regularized_evolution", help_heading = "What")]
    pub(crate) searcher: String,
    /// Setting of the searcher; repeatable (see `nascent list searchers`)
    #[arg(long, value_name = "KEY=VALUE", help_heading = "What")]
    pub(crate) searcher_set: Vec<String>,
    /// Pruner
    #[arg(long, default_value = "never", help_heading = "What")]
    pub(crate) pruner: String,
    /// Setting of the pruner; repeatable (see `nascent list pruners`)
    #[arg(long, value_name = "KEY=VALUE", help_heading = "What")]
    pub(crate) pruner_set: Vec<String>,
    /// Evaluator [default: train, or table with --table]
    #[arg(long, help_heading = "What")]
    pub(crate) evaluator: Option<String>,
    /// Setting of the evaluator, such as batch_size=32; repeatable (see `nascent list evaluators`)
    #[arg(long, value_name = "KEY=VALUE", help_heading = "What")]
    pub(crate) evaluator_set: Vec<String>,
    /// Metric to optimize; repeatable, the first decides what is best [default: valid_accuracy]
    #[arg(long, value_name = "METRIC", help_heading = "What")]
    pub(crate) objective: Vec<String>,
    /// Limit that every architecture must keep, such as "params<=1e6"; repeatable. Limits on params
    /// and flops are checked before anything is trained
    #[arg(long, value_name = "METRIC<=LIMIT", help_heading = "What")]
    pub(crate) constraint: Vec<Constraint>,
    /// Weights of the objectives, to search for their sum, not their Pareto front
    #[arg(
        long,
        value_name = "W,W",
        help_heading = "What",
        value_delimiter = ',',
        conflicts_with = "reward"
    )]
    pub(crate) weights: Vec<f64>,
    /// Weigh the first objective against this metric as MnasNet does: times (value / target) to the
    /// power -0.07, or with other exponents within and beyond the target; repeatable
    #[arg(long, value_name = "METRIC=TARGET[,WITHIN,BEYOND]", help_heading = "What", value_parser = reward)]
    pub(crate) reward: Vec<(String, RewardTerm)>,
    /// What happens with an architecture that means the same network as an earlier one: repropose
    /// (ask the searcher again), reuse (take the earlier result), reevaluate
    #[arg(long, value_name = "WHAT", default_value = "repropose", help_heading = "What", value_parser = duplicates)]
    pub(crate) duplicates: Duplicates,
    /// Architecture to try first, as `nascent show` prints it; repeatable
    #[arg(long, value_name = "ARCHITECTURE", help_heading = "What")]
    pub(crate) enqueue: Vec<String>,
    /// Begin with the finished trials of this run of the same space; repeatable
    #[arg(long, value_name = "RUN", help_heading = "What")]
    pub(crate) warm_start: Vec<PathBuf>,
    /// Training epochs of each trial [default: 3]
    #[arg(long, value_name = "N", help_heading = "What")]
    pub(crate) epochs: Option<u32>,
    /// Epochs for which the best is trained again at the end, then tested; 0 for not [default: 20]
    #[arg(long, value_name = "N", help_heading = "What")]
    pub(crate) final_epochs: Option<u32>,
    /// Seed: everything random derives from it
    #[arg(long, default_value_t = 0, help_heading = "What")]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    #[command(flatten)]
    pub(crate) table: TableArgs,
    #[command(flatten)]
    pub(crate) budget: BudgetArgs,
    /// Wall-clock seconds that one trial may take
    #[arg(long, value_name = "SECONDS", help_heading = "Budget", value_parser = positive)]
    pub(crate) trial_secs: Option<f64>,
    /// Mebibytes that the training of one trial may need [default: its share of the memory]
    #[arg(long, value_name = "MIB", help_heading = "Budget")]
    pub(crate) trial_mib: Option<u64>,
    /// Trials at a time; no influence on the results [default: the number of cores]
    #[arg(long, value_name = "N", help_heading = "How", value_parser = value_parser!(u32).range(1..=1024))]
    pub(crate) workers: Option<u32>,
    /// Trials that may be proposed before the oldest of them has ended; part of what decides the
    /// results, so keep it when you compare. More workers than this have nothing to do
    #[arg(long, value_name = "N", help_heading = "How", default_value_t = DEFAULT_LOOKAHEAD)]
    pub(crate) lookahead: u32,
    /// What to train on: cpu, cuda or metal
    #[arg(long, default_value = "cpu", help_heading = "How")]
    pub(crate) device: String,
    /// Folder for runs; each gets a folder of its own in it
    #[arg(long, value_name = "DIR", default_value = "runs", help_heading = "How")]
    pub(crate) runs: PathBuf,
    /// Folder of this run, instead of one in --runs
    #[arg(long, value_name = "DIR", help_heading = "How")]
    pub(crate) run: Option<PathBuf>,
    /// No progress
    #[arg(long, short, help_heading = "How")]
    pub(crate) quiet: bool,
    /// The result as JSON
    #[arg(long, help_heading = "How")]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct ResumeArgs {
    /// Folder of the run
    pub(crate) run: PathBuf,
    #[command(flatten)]
    pub(crate) budget: BudgetArgs,
    /// Trials at a time; no influence on the results [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=1024))]
    pub(crate) workers: Option<u32>,
    /// Where the files of datasets are, before NASCENT_DATA and the usual places
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Where the CSV or Parquet file of the run is now, if it has moved
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// No progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// The result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct RunsArgs {
    /// Folder with runs
    #[arg(default_value = "runs")]
    pub(crate) folder: PathBuf,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct ShowArgs {
    /// Folder of the run
    pub(crate) run: PathBuf,
    /// Show this trial
    #[arg(long, short, value_name = "N", conflicts_with = "hash")]
    pub(crate) trial: Option<u32>,
    /// Print only the hash of the history: everything but times
    #[arg(long, conflicts_with = "json")]
    pub(crate) hash: bool,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct BestArgs {
    /// Folder of the run
    pub(crate) run: PathBuf,
    /// How many
    #[arg(long, short = 'k', value_name = "K", default_value_t = 5, value_parser = value_parser!(u32).range(1..))]
    pub(crate) top: u32,
    /// Write the trained weights of the best as safetensors
    #[arg(long, value_name = "FILE")]
    pub(crate) weights: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where a picture goes and how it looks.
#[derive(Args)]
pub(crate) struct PictureArgs {
    /// File to write, .svg or .png
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) look: LookArgs,
}

/// How a picture looks.
#[derive(Args)]
pub(crate) struct LookArgs {
    /// Dark background
    #[arg(long)]
    pub(crate) dark: bool,
    /// Width in pixels
    #[arg(long, value_name = "PIXELS")]
    pub(crate) width: Option<u32>,
    /// Height in pixels
    #[arg(long, value_name = "PIXELS")]
    pub(crate) height: Option<u32>,
}

#[derive(Args)]
pub(crate) struct PlotArgs {
    /// Plot by name (see `nascent list plots`)
    pub(crate) plot: String,
    /// Folders of the runs
    #[arg(required = true)]
    pub(crate) runs: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) picture: PictureArgs,
    /// Metric to plot [default: the first objective]
    #[arg(long)]
    pub(crate) metric: Option<String>,
    /// Metric that it is weighed against, for the Pareto front
    #[arg(long)]
    pub(crate) cost: Option<String>,
    /// What the progress of a search is plotted against: the best so far, the hypervolume, the way
    /// to a target
    #[arg(long, value_enum, default_value_t = Against::Trials)]
    pub(crate) against: Against,
    /// Choice to look at, for slice, contour (two), choice_drift and controller; repeatable
    /// [default: the most important]
    #[arg(long = "choice", value_name = "NAME")]
    pub(crate) choices: Vec<String>,
    /// What a cell of a contour says of its trials
    #[arg(long, value_enum, default_value_t = CellOf::Mean)]
    pub(crate) cell: CellOf,
    /// Value of the metric to reach, for target_time [default: the best that every run reached]
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    pub(crate) target: Option<f64>,
    /// Number that the searcher logged, for signal, such as entropy [default: one that tells much]
    #[arg(long, value_name = "NAME")]
    pub(crate) signal: Option<String>,
    /// How many of the best trials stand out
    #[arg(long, value_name = "K", default_value_t = 5)]
    pub(crate) top: usize,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum CellOf {
    /// Their mean
    Mean,
    /// The best of them
    Best,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Against {
    /// Number of the trial
    Trials,
    /// Training epochs so far
    Epochs,
    /// Simulated seconds so far
    Cost,
    /// Time since the start
    WallClock,
}

#[derive(Args)]
pub(crate) struct DrawArgs {
    /// Folder of the run
    pub(crate) run: PathBuf,
    /// Trial to draw [default: the best]
    #[arg(long, short, value_name = "N", conflicts_with = "architecture")]
    pub(crate) trial: Option<u32>,
    /// Architecture to draw, in the text form that `show` prints
    #[arg(long, short, value_name = "TEXT")]
    pub(crate) architecture: Option<String>,
    /// Draw the whole network, not its cell
    #[arg(long)]
    pub(crate) network: bool,
    /// File to write, .svg or .png
    #[arg(long, short, value_name = "FILE", required_unless_present = "json")]
    pub(crate) output: Option<PathBuf>,
    /// Print the network as JSON: nodes, edges, operations, cells
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) look: LookArgs,
}

#[derive(Args)]
pub(crate) struct GuiArgs {
    /// Folders of runs, or runs [default: runs]
    pub(crate) runs: Vec<PathBuf>,
    /// Arguments for nascent-gui itself, behind a double dash (see `nascent-gui --help`)
    #[arg(last = true, value_name = "ARGUMENTS")]
    pub(crate) more: Vec<std::ffi::OsString>,
}

#[derive(Args)]
pub(crate) struct CompareArgs {
    /// Folders of the runs
    #[arg(required = true)]
    pub(crate) runs: Vec<PathBuf>,
    /// Also write a plot of the best so far, .svg or .png
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct ExportArgs {
    /// Folder of the run
    pub(crate) run: PathBuf,
    /// File to write, .csv, .parquet or .json [default: CSV to the standard output]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// One row for each point of a learning curve, not for each trial
    #[arg(long)]
    pub(crate) curves: bool,
}

#[derive(Args)]
pub(crate) struct ReportArgs {
    /// Folder of the run
    pub(crate) run: PathBuf,
}

#[derive(Args)]
pub(crate) struct ListArgs {
    /// What to list
    #[arg(value_enum)]
    pub(crate) kind: Kind,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Kind {
    /// Search spaces
    Spaces,
    /// Searchers
    Searchers,
    /// Pruners
    Pruners,
    /// Evaluators
    Evaluators,
    /// Datasets
    Datasets,
    /// Plots
    Plots,
}

#[derive(Args)]
pub(crate) struct DatasetsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<DatasetsCommand>,
    /// Where the files of datasets are, before NASCENT_DATA and the usual places
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) data_dir: Option<PathBuf>,
    /// As JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
pub(crate) enum DatasetsCommand {
    /// List datasets with size, license, and where their files are looked for
    List,
    /// Download a dataset and check it
    Fetch {
        /// Its name
        name: String,
    },
}

#[derive(Args)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    pub(crate) command: BenchCommand,
}

#[derive(Subcommand)]
pub(crate) enum BenchCommand {
    /// Run searchers many times over a table: how good is the best after so many trials or seconds
    Searchers(Box<BenchSearchersArgs>),
}

#[derive(Args)]
pub(crate) struct BenchSearchersArgs {
    #[command(flatten)]
    pub(crate) table: TableArgs,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Search space
    #[arg(long, default_value = "nas_bench_201")]
    pub(crate) space: String,
    /// Setting of the space, such as channels=16; repeatable
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) space_set: Vec<String>,
    /// Evaluator, where there is no table: size, which costs nothing, or train
    #[arg(long, default_value = "size")]
    pub(crate) evaluator: String,
    /// Setting of the evaluator, such as target_params=150000; repeatable
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) evaluator_set: Vec<String>,
    /// Searchers, separated by commas, or `all` that train nothing; settings in brackets:
    /// random,regularized_evolution[population_size=10;sample_size=3]
    #[arg(long, default_value = "all")]
    pub(crate) searchers: String,
    /// Seeds: how often each is run
    #[arg(long, default_value_t = 100, value_parser = value_parser!(u32).range(1..))]
    pub(crate) seeds: u32,
    /// The first of the seeds
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) first_seed: u64,
    /// Report the best after these numbers of trials
    #[arg(long, value_delimiter = ',', value_name = "N,N,…", value_parser = value_parser!(u32).range(1..))]
    pub(crate) at_trials: Vec<u32>,
    /// Report the best after these simulated seconds
    #[arg(long, value_delimiter = ',', value_name = "S,S,…", value_parser = positive)]
    pub(crate) at_secs: Vec<f64>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}
