//! A Python with PyTorch that only computes on the CPU, without the gigabytes of CUDA libraries that
//! the package asks for.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use xtask::binary::workspace;

use crate::python::{environment, output, pip_install, script};
use crate::say;

/// The release of PyTorch that is compared with.
pub(super) const TORCH: &str = "torch==2.15.0";

/// What it needs to be imported and to compile networks. numpy only keeps it from warning.
const DEPENDENCIES: [&str; 9] = [
    "filelock",
    "fsspec",
    "jinja2",
    "mpmath",
    "networkx",
    "numpy",
    "setuptools",
    "sympy",
    "typing-extensions",
];

/// A Python with PyTorch.
pub(crate) struct Installed {
    /// The program.
    pub(crate) python: PathBuf,
    /// What `LD_LIBRARY_PATH` has to name.
    pub(crate) stubs: PathBuf,
    /// Where everything of it is, which may be deleted.
    pub(super) folder: PathBuf,
}

/// Finds PyTorch in the target directory, or installs it there.
pub(crate) fn install() -> Result<Installed> {
    let folder = workspace().join("target/torch");
    let (python, stubs) = (folder.join("bin/python"), folder.join("stubs"));
    // Written last, so that an installation that was interrupted begins anew.
    let complete = folder.join("complete");
    if fs::read_to_string(&complete).is_ok_and(|version| version == TORCH) {
        return Ok(Installed { python, stubs, folder });
    }
    say(&format!("installing {TORCH} into {}, which takes some minutes", folder.display()));
    environment(&folder)?;
    output(pip_install(&python).args(["--no-deps", TORCH]))?;
    output(pip_install(&python).args(DEPENDENCIES))?;
    if cfg!(target_os = "linux") {
        output(Command::new(&python).arg(script("torch_stubs.py")).arg(&stubs)).context(
            "the libraries that stand in for CUDA cannot be built; they need gcc and binutils; on \
             Debian and Ubuntu: apt install gcc",
        )?;
    }
    let mut import = Command::new(&python);
    output(import.args(["-c", "import torch"]).env("LD_LIBRARY_PATH", &stubs))
        .context("PyTorch is installed and cannot be imported")?;
    fs::write(&complete, TORCH)?;
    Ok(Installed { python, stubs, folder })
}
