//! What measures: `bench` and `latency`.

use clap::{Args, Subcommand, value_parser};

use super::{DataArgs, TableArgs};
use crate::values::positive;

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
