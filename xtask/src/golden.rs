//! `cargo xtask golden`: the numbers of PyTorch that a test compares with, computed anew.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};
use xtask::binary::workspace;

use crate::python::output;
use crate::python::script;
use crate::say;
use crate::torch::install::install;

/// Where the test finds them.
const FIXTURE: &str = "crates/core/tests/fixtures/darts_step.json";

pub(crate) fn run() -> Result<()> {
    let torch = install()?;
    let mut command = Command::new(&torch.python);
    command.arg(script("supernet_golden.py"));
    command.env("LD_LIBRARY_PATH", &torch.stubs).env("CUDA_VISIBLE_DEVICES", "");
    let text = output(&mut command)?;
    fs::write(workspace().join(FIXTURE), text)
        .with_context(|| format!("cannot write {FIXTURE}"))?;
    say(&format!("wrote {FIXTURE}; git shows what is new"));
    Ok(())
}
