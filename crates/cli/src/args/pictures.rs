//! What draws: `plot` and `draw`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

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
