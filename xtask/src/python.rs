//! Pythons of our own in the target directory, and what they say.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// Makes a virtual environment in this folder, in place of one that is there, and returns its
/// program.
///
/// # Errors
/// If there is no Python that can.
pub(crate) fn environment(folder: &Path) -> Result<PathBuf> {
    output(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder)).context(
        "this command needs Python 3 with venv; on Debian and Ubuntu: apt install python3-venv",
    )?;
    Ok(folder.join("bin/python"))
}

/// The installer of this Python, quietly.
pub(crate) fn pip_install(python: &Path) -> Command {
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    pip
}

/// Runs a program, and returns what it prints.
///
/// # Errors
/// If it does not start or fails, with what it says of that.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Where the scripts are.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python").join(name)
}
