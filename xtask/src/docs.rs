//! `cargo xtask docs`: the reference tables of the documentation, from the tables of the code.

use std::fs;

use anyhow::{Context as _, Result, bail};
use xtask::binary::{nascent, workspace};
use xtask::reference::{FILES, list, update};

use crate::say;

/// What can be said to `cargo xtask docs`.
#[derive(clap::Args)]
#[command(after_help = "\
The tables stand between two markers, in README.md and docs/reference.md:
  <!-- table: searchers -->  …  <!-- end of table -->
Do not edit them: change the summary, the settings or the reference in the code, and run this.")]
pub(crate) struct Args {
    /// Write nothing; fail if a table is old
    #[arg(long)]
    check: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<()> {
    let binary = nascent(&[])?;
    let mut old = Vec::new();
    for file in FILES {
        let path = workspace().join(file);
        let before = fs::read_to_string(&path).with_context(|| format!("cannot read {file}"))?;
        let after = update(&before, &|kind| list(&binary, kind))
            .with_context(|| format!("cannot update {file}"))?;
        if after == before {
            say(&format!("{file} is up to date"));
        } else if args.check {
            old.push(*file);
        } else {
            fs::write(&path, after).with_context(|| format!("cannot write {file}"))?;
            say(&format!("{file} is written"));
        }
    }
    if !old.is_empty() {
        bail!("{} has old tables; write them anew with: cargo xtask docs", old.join(" and "));
    }
    Ok(())
}
