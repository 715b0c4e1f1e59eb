//! `cargo xtask test-notebooks`: the kernel in a real Jupyter, and the notebooks in the kernel.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use xtask::binary::{as_a_person, nascent, package, workspace};

use crate::python::{environment, output, pip_install, script};
use crate::say;

/// What can be said to `cargo xtask test-notebooks`.
#[derive(clap::Args)]
#[command(after_help = "\
Needs Python 3. Jupyter's client is installed from PyPI into target/jupyter, and the toolkit is compiled
into target/kernel, ten minutes on two cores; both are kept, and may be deleted.")]
pub(crate) struct Args {
    /// Only the notebooks with one of these in their name
    only: Vec<String>,
    /// Leave out what is asked of the kernel itself
    #[arg(long)]
    without_protocol: bool,
    /// Where Jupyter's client cannot be installed, say why and end well
    #[arg(long)]
    or_skip: bool,
}

/// What is installed, in versions that were tried.
const PACKAGES: [&str; 4] =
    ["jupyter_client==8.10.0", "jupyter_kernel_test==0.7.0", "nbclient", "nbformat"];

pub(crate) fn run(args: &Args) -> Result<()> {
    let jupyter = match Jupyter::install() {
        Err(error) if args.or_skip => {
            say(&format!("skipped, because Jupyter's client cannot be installed: {error:#}"));
            return Ok(());
        }
        installed => installed?,
    };
    let nascent = nascent(&[])?;
    let kernel = package("nascent-kernel", "nascent-kernel")?;
    say("compiling the toolkit, where it is old");
    run_in(&jupyter, &kernel, &["prepare", "--if-old"])?;
    let prefix = jupyter.data.display().to_string();
    let program = kernel.display().to_string();
    let install =
        ["kernel", "install", "--without-toolkit", "--prefix", &prefix, "--program", &program];
    run_in(&jupyter, &nascent, &install)?;
    let folder = jupyter.data.join("run");
    let _was_not_there = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    if !args.without_protocol && args.only.is_empty() {
        say("jupyter-kernel-test");
        run_in(&jupyter, &jupyter.python, &[&script("kernel_test.py").display().to_string()])?;
        say("searches in the background, interrupts, processes that end");
        let behavior = script("kernel_behavior.py").display().to_string();
        let folder = folder.display().to_string();
        let ask = || run_in(&jupyter, &jupyter.python, &[&behavior, &folder]);
        if let Err(error) = ask() {
            // It interrupts cells after so many seconds, which a busy machine can be late for.
            say(&format!("{error:#}; once more"));
            ask()?;
        }
    }
    let chosen = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        path.extension().is_some_and(|extension| extension == "ipynb")
            && (args.only.is_empty() || args.only.iter().any(|part| name.contains(part)))
    };
    let found = fs::read_dir(workspace().join("notebooks"))?.flatten().map(|entry| entry.path());
    let mut notebooks: Vec<PathBuf> = found.filter(chosen).collect();
    notebooks.sort();
    ensure!(!notebooks.is_empty(), "no notebook has {} in its name", args.only.join(" or "));
    let mut arguments = vec![script("run_notebooks.py").display().to_string()];
    arguments.push(folder.display().to_string());
    arguments.extend(notebooks.iter().map(|path| path.display().to_string()));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    run_in(&jupyter, &jupyter.python, &arguments)
}

/// A Python with Jupyter's client, and where everything of the kernel is for it.
pub(crate) struct Jupyter {
    pub(crate) python: PathBuf,
    data: PathBuf,
}

impl Jupyter {
    pub(crate) fn install() -> Result<Self> {
        let folder = workspace().join("target/jupyter");
        let python = folder.join("bin/python");
        let whole = folder.join("nascent-is-whole");
        if !whole.exists() {
            say(&format!("installing Jupyter's client into {}", folder.display()));
            environment(&folder)?;
            output(pip_install(&python).args(PACKAGES))?;
            fs::write(&whole, "")?;
        }
        Ok(Self { python, data: folder.join("prefix") })
    }
}

/// Where the toolkit is compiled: beside what cargo compiles.
pub(crate) fn toolkit() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    workspace().join(target.unwrap_or_else(|| "target".into())).join("kernel")
}

/// Runs a program with what it prints on the terminal.
fn run_in(jupyter: &Jupyter, program: &Path, args: &[&str]) -> Result<()> {
    // Not with what cargo says of this program and of the libraries of this workspace: cells want those
    // of the toolkit.
    let mut command = as_a_person(Command::new(program));
    command.args(args);
    command.env("JUPYTER_PATH", jupyter.data.join("share/jupyter"));
    command.env("NASCENT_CACHE", toolkit());
    command.env("NASCENT_HISTORY", jupyter.data.join("history.sqlite"));
    let name = program.display();
    let status = command.status().with_context(|| format!("{name} does not start"))?;
    ensure!(status.success(), "{name} {} has failed", args.first().unwrap_or(&""));
    Ok(())
}
