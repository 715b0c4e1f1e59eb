//! What looks at runs, and gets something out of them.

use std::path::PathBuf;

use clap::{Args, value_parser};

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
    /// Write those of this trial, where several got the final training
    #[arg(long, short, value_name = "N", requires = "weights")]
    pub(crate) trial: Option<u32>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
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
    /// One row for each epoch that the searcher trained something of its own, such as a supernet: the
    /// architecture derived then, and what was logged
    #[arg(long, conflicts_with = "curves")]
    pub(crate) searcher_epochs: bool,
}

#[derive(Args)]
pub(crate) struct ReportArgs {
    /// Folder of the run
    pub(crate) run: PathBuf,
}
