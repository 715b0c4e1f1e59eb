//! What says what there is: `list` and `datasets`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

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
