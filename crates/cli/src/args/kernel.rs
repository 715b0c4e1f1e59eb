//! What governs the Jupyter kernel.

use std::path::PathBuf;

use clap::{Args, Subcommand};

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
