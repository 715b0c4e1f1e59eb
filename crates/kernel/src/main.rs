//! A Jupyter kernel for Rust with the Nascent toolkit inside.
//!
//! Cells are compiled by evcxr and run in a child process, so that no cell takes the kernel with it.
//! This program is both: the kernel, and the child, which [`evcxr::runtime_hook`] tells apart.
//!
//! - `server`: the sockets; `evaluator`: cells, one after the other; `output`: what they write;
//! - `link`: the connection to the toolkit in the child, over which a search shows its progress while no
//!   cell runs; `relay`: in the child, how a cell ended;
//! - `toolkit`: the toolkit compiled once, and a folder for each session;
//! - `cargo`: what stands in for cargo, so that a small cell waits for the compiler alone; `analyzer`: what
//!   rust-analyzer reads of the toolkit, as `interfaces`, and `std_sources` of the standard library;
//! - `is_complete`, `history`, `diagnostics`, `messages`: what the protocol needs besides.

mod analyzer;
mod cargo;
mod diagnostics;
mod evaluator;
mod history;
mod interfaces;
mod is_complete;
mod link;
mod messages;
mod output;
mod read;
mod relay;
mod server;
mod std_sources;
mod toolkit;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

use crate::history::History;
use crate::toolkit::Toolkit;

/// A Jupyter kernel for Rust with the Nascent toolkit inside.
#[derive(Parser)]
#[command(name = "nascent-kernel", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve a front end; Jupyter starts it so
    Serve {
        /// The file in which Jupyter says where and how
        connection: PathBuf,
    },
    /// Compile the toolkit, so that notebooks have it at once; some minutes, once for each version
    Prepare {
        /// Only if it was not compiled for this version, or its sources have changed since
        #[arg(long)]
        if_old: bool,
    },
    /// Start a session and end it
    #[command(hide = true)]
    TrySession,
    /// Say where everything is
    Where,
}

fn main() -> ExitCode {
    if let Some(code) = cargo::answer() {
        return code;
    }
    relay::begin();
    evcxr::runtime_hook();
    match run(&Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// A line for the log of the kernel.
fn say(line: &str) {
    use std::io::Write as _;
    let _nobody_reads = writeln!(std::io::stderr(), "nascent-kernel: {line}");
}

/// Sets a variable of the environment: only by the thread that starts evcxr, which is also the one that
/// starts all processes.
#[expect(unsafe_code, reason = "evcxr is told by variables, and there is no other way")]
fn set_variable(name: &str, value: &std::ffi::OsStr) {
    // SAFETY: the environment is read and written by this thread alone. What it asks evcxr to do has
    // ended before each call, and so have the threads in which rust-analyzer runs cargo meanwhile; those
    // that live on (of the sockets, of the child's output, and for reading files) read no variables.
    unsafe {
        std::env::set_var(name, value);
    }
}

/// Writes to standard output.
fn print(text: &str) -> Result<()> {
    use std::io::Write as _;
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

fn run(command: &Command) -> Result<()> {
    let toolkit = Toolkit::find()?;
    match command {
        Command::Serve { connection } => {
            let info = server::connection(connection)?;
            if !toolkit.is_kept() {
                say(
                    "the toolkit is not compiled yet, and cells are without it: nascent kernel install",
                );
            }
            let session = toolkit.new_session()?;
            let history = History::open(history_file().as_deref())
                .or_else(|_| History::open(None))
                .context("no history can be kept")?;
            let runtime = tokio::runtime::Builder::new_multi_thread();
            let runtime = { runtime }.worker_threads(2).enable_all().build()?;
            runtime.block_on(server::serve(info, session.path(), toolkit, history))
        }
        Command::Prepare { if_old } => {
            let kept = if *if_old { toolkit.refresh()? } else { toolkit.build()? };
            say(&format!("the toolkit is compiled: {}", kept.display()));
            Ok(())
        }
        Command::TrySession => toolkit.try_session(),
        Command::Where => {
            let state = if toolkit.is_kept() { "compiled" } else { "not compiled" };
            say(&format!("toolkit ({state}): {}", toolkit.kept().display()));
            std_sources::keep_from_fetching()?;
            let sources = std::env::var(std_sources::VARIABLE).unwrap_or_default();
            say(&format!("sources of the standard library: {sources}"));
            if let Some(file) = history_file() {
                say(&format!("history: {}", file.display()));
            }
            Ok(())
        }
    }
}

/// The history of all sessions.
fn history_file() -> Option<PathBuf> {
    let own = std::env::var_os("NASCENT_HISTORY").map(PathBuf::from);
    own.or_else(|| Some(dirs::data_dir()?.join("nascent/history.sqlite")))
}
