//! `cargo xtask docs`: the reference tables of the documentation, from the tables of the code.

use std::fs;

use anyhow::{Context as _, Result, bail};
use xtask::reference::{FILES, update};

use crate::{cargo, root, say};

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
    let root = root()?;
    let mut old = Vec::new();
    for file in FILES {
        let path = root.join(file);
        let before = fs::read_to_string(&path).with_context(|| format!("cannot read {file}"))?;
        let after = update(&before, &list).with_context(|| format!("cannot update {file}"))?;
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

/// What the command says there is of a kind, as JSON. It is run, not linked: it is large.
fn list(kind: &str) -> Result<String> {
    let args = ["run", "--quiet", "--package", "nascent-cli", "--bin", "nascent", "--"];
    let mut command = cargo();
    command.args(args).args(["list", kind, "--json"]);
    command.current_dir(root()?).stderr(std::process::Stdio::inherit());
    let output = command.output().context("cargo did not start")?;
    if !output.status.success() {
        bail!("\"nascent list {kind} --json\" failed");
    }
    Ok(String::from_utf8(output.stdout)?)
}
