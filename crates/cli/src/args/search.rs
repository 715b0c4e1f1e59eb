//! What searches: `search`, `resume` and `rank-correlation`.

use std::path::PathBuf;

use clap::{Args, value_parser};
use nascent::study::DEFAULT_LOOKAHEAD;
use nascent_record::{Constraint, Duplicates, RewardTerm};

use super::{BudgetArgs, DataArgs, TableArgs};
use crate::values::{duplicates, positive, reward};

#[derive(Args, Clone)]
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
    /// How many of the best get this final training, best first [default: 1]
    #[arg(long, value_name = "K", help_heading = "What", value_parser = value_parser!(u32).range(1..))]
    pub(crate) final_top: Option<u32>,
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
pub(crate) struct RankCorrelationArgs {
    /// Run of a searcher with a supernet. One with proposals=sampled is reported; of another the
    /// supernet is taken, and trained to its end if it is not, and architectures are drawn and trained
    /// in a run of their own
    #[arg(value_name = "RUN", conflicts_with_all = FIXED_BY_A_RUN)]
    pub(crate) of: Option<PathBuf>,
    /// Figure to write, .svg or .png [default: rank_correlation.svg in the folder of the run]
    #[arg(long, short, value_name = "FILE", help_heading = "How")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) search: SearchArgs,
}

/// What a run has decided whose supernet is asked about.
const FIXED_BY_A_RUN: [&str; 36] = [
    "space",
    "space_set",
    "searcher",
    "searcher_set",
    "pruner",
    "pruner_set",
    "evaluator",
    "evaluator_set",
    "objective",
    "constraint",
    "weights",
    "reward",
    "duplicates",
    "enqueue",
    "warm_start",
    "final_epochs",
    "final_top",
    "seed",
    "data",
    "label",
    "ignore",
    "max_train",
    "max_test",
    "image_channels",
    "table",
    "key",
    "valid",
    "test",
    "cost",
    "table_epochs",
    "fidelity",
    "cost_scale",
    "other",
    "trial_mib",
    "lookahead",
    "device",
];
