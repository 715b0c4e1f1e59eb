//! `cargo xtask bench-kernel`: how long a person waits for our kernel, beside the stock one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::json;

use xtask::binary::{as_a_person, cargo, release, workspace};

use crate::notebooks::{Jupyter, toolkit};
use crate::python::{output, script};
use crate::say;
use crate::statistics::{median, ratio};

/// What can be said to `cargo xtask bench-kernel`.
#[derive(clap::Args)]
#[command(after_help = "\
Needs Python 3. The stock kernel, evcxr_jupyter, is compiled into target/stock, twenty minutes of a
processor, and the toolkit once for either kernel, ten minutes each; all are kept, and may be deleted.
The kernels take turns, cell by cell; let nothing else run meanwhile.")]
pub(crate) struct Args {
    /// Sessions of each kernel, beside one that is not counted
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Write docs/kernel.md
    #[arg(long)]
    write: bool,
}

/// The file with the table.
const FILE: &str = "docs/kernel.md";
/// The version that evcxr of this project is of.
const STOCK: &str = "0.22.0";

/// What is measured, by the name that the script has for it.
const LINES: [(&str, &str); 4] = [
    ("kernel_info", "start to the first answer"),
    ("first", "start to the end of the first cell with the toolkit"),
    ("cell", "a cell with the toolkit"),
    ("shown", "a cell that shows a value"),
];

/// A line of the script.
#[derive(Deserialize)]
struct Measured {
    what: String,
    ours: f64,
    other: f64,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let jupyter = Jupyter::install()?;
    let stock = stock()?;
    let kernel = release("nascent-kernel", "nascent-kernel")?;
    say("compiling the toolkit, where it is old");
    let cache = toolkit();
    let mut prepare = as_a_person(Command::new(&kernel));
    prepare.args(["prepare", "--if-old"]).env("NASCENT_CACHE", &cache);
    ensure!(prepare.status()?.success(), "the toolkit cannot be compiled");
    let folder = workspace().join("target/stock");
    let kernels = folder.join("kernels");
    let ours = json!({ "NASCENT_CACHE": cache, "NASCENT_HISTORY": folder.join("history.sqlite") });
    let kernel = kernel.display().to_string();
    specify(&kernels, "nascent", &[&kernel, "serve", "{connection_file}"], &ours)?;
    // So that it does not fetch them.
    let sources = std_sources(&folder)?;
    let theirs = json!({ "EVCXR_TMPDIR": folder.join("session"), "RUST_SRC_PATH": sources });
    fs::create_dir_all(folder.join("session"))?;
    let stock = stock.display().to_string();
    specify(&kernels, "stock", &[&stock, "--control_file", "{connection_file}"], &theirs)?;
    let toolkit = linked_into_cells(&folder)?;
    let dependency = format!(
        ":offline 1\n:dep nascent-notebook = {{ path = {:?} }}",
        toolkit.display().to_string()
    );
    say("the kernels take turns");
    let mut measure = as_a_person(Command::new(&jupyter.python));
    measure.arg(script("kernel_latency.py")).args([args.rounds.to_string(), dependency]);
    measure.env("JUPYTER_PATH", &folder);
    let said = output(&mut measure)?;
    let mut measured: BTreeMap<String, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
    for line in said.lines() {
        let Measured { what, ours, other } = serde_json::from_str(line)?;
        let sides = measured.entry(what).or_default();
        sides.0.push(ours);
        sides.1.push(other);
    }
    let page = page(args, &measured);
    if args.write {
        fs::write(workspace().join(FILE), &page)?;
        say(&format!("{FILE} is written"));
    } else {
        say(&page);
    }
    Ok(())
}

/// The stock kernel, installed where it is not there.
fn stock() -> Result<PathBuf> {
    let root = workspace().join("target/stock");
    let program = root.join("bin/evcxr_jupyter");
    if !program.exists() {
        say("compiling the stock kernel");
        let mut install = cargo();
        install.args(["install", "evcxr_jupyter", "--version", STOCK, "--locked", "--quiet"]);
        install.arg("--root").arg(&root).arg("--target-dir").arg(root.join("build"));
        ensure!(install.status()?.success(), "evcxr_jupyter cannot be installed");
    }
    Ok(program)
}

/// Where the sources of the standard library are, or a folder without any.
fn std_sources(folder: &Path) -> Result<PathBuf> {
    let root = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let sources = Path::new(root.trim()).join("lib/rustlib/src/rust/library");
    if sources.exists() {
        return Ok(sources);
    }
    let none = folder.join("no-std");
    fs::create_dir_all(none.join("core"))?;
    Ok(none)
}

/// Tells Jupyter of a kernel.
fn specify(folder: &Path, name: &str, argv: &[&str], env: &serde_json::Value) -> Result<()> {
    let folder = folder.join(name);
    fs::create_dir_all(&folder)?;
    let spec = json!({ "argv": argv, "display_name": name, "language": "rust", "env": env });
    fs::write(folder.join("kernel.json"), spec.to_string())?;
    Ok(())
}

/// The toolkit as a package that is linked into each cell: the same sources without the library that is
/// linked at run time.
fn linked_into_cells(folder: &Path) -> Result<PathBuf> {
    let root = workspace();
    let read = |path: PathBuf| {
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let package = folder.join("toolkit/notebook");
    fs::create_dir_all(&package)?;
    let mut workspace = String::new();
    for line in read(root.join("Cargo.toml"))?.lines().filter(|line| !line.starts_with("exclude")) {
        let line = match line.strip_prefix("members = ") {
            Some(_) => "members = [\"notebook\"]".to_owned(),
            None => line.replace("path = \"", &format!("path = \"{}/", root.display())),
        };
        let _always = writeln!(workspace, "{line}");
    }
    // The other packages of the workspace, and the profiles of its tests, are not of this one.
    let from = workspace.find("default-members").unwrap_or(0);
    let to = workspace.find("[workspace.package]").unwrap_or(0);
    workspace.replace_range(from..to, "");
    let end = workspace.find("[profile.").unwrap_or(workspace.len());
    fs::write(folder.join("toolkit/Cargo.toml"), &workspace[..end])?;
    let own = read(root.join("crates/notebook/Cargo.toml"))?;
    let library = root.join("crates/notebook/src/lib.rs");
    let library = format!("path = {:?}", library.display().to_string());
    ensure!(own.contains(DYNAMIC), "crates/notebook is no dylib any more; mend bench-kernel");
    fs::write(package.join("Cargo.toml"), own.replace(DYNAMIC, &library))?;
    Ok(package)
}

/// How the toolkit says that it is linked at run time.
const DYNAMIC: &str = "crate-type = [\"dylib\", \"rlib\"]";

fn page(args: &Args, measured: &BTreeMap<String, (Vec<f64>, Vec<f64>)>) -> String {
    let mut page = format!(
        "# How long a person waits for a cell

<!-- Written by `cargo xtask bench-kernel --write`. Do not edit. -->

The kernel of Nascent beside the stock one, `evcxr_jupyter` {STOCK}, with the same toolkit as a
dependency that is linked into each cell and was compiled before. Both are release builds; the kernels
take turns, cell by cell, in {rounds} sessions each, and each cell is one that was not compiled before.
`cargo xtask bench-kernel --write` measures this and writes this file; the cells are in
`xtask/python/kernel_latency.py`.

The table has the median in seconds, and the ratio of the medians, ours to stock: below 1 ours is
faster. In brackets is the interval in which it lies with a probability of 95 % (bootstrap).

| what | ours | stock | ours / stock |
| --- | ---: | ---: | ---: |
",
        rounds = args.rounds,
    );
    for (name, title) in LINES {
        let Some((ours, stock)) = measured.get(name) else { continue };
        let (of_ours, of_stock, ratio) = (median(ours), median(stock), ratio(ours, stock));
        let _always = writeln!(
            page,
            "| {title} | {of_ours:.2} | {of_stock:.2} | {:.2} ({:.2}–{:.2}) |",
            ratio.value, ratio.low, ratio.high
        );
    }
    if let (Some((during, alone)), Some((after, before))) =
        (measured.get("during"), measured.get("memory"))
    {
        let ratio = ratio(during, alone);
        let _always = writeln!(
            page,
            "
While a search of 30 trials ran on one core, ten cells took {:.2} ({:.2}–{:.2}) of the time that ten
of the same kind had taken before it. The kernel itself, where rust-analyzer is, had {:.0} MiB before
the search and {:.0} MiB behind it.",
            ratio.value,
            ratio.low,
            ratio.high,
            median(before),
            median(after)
        );
    }
    page
}
