//! The real `nascent` binary, built where it is old.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// The cargo that runs us, in the root of the workspace.
pub fn cargo() -> Command {
    cargo_at(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()).as_ref())
}

/// The cargo at this path, in the root of the workspace and as if a person had started it: what
/// cargo tells us of our own package is no news of theirs to the build scripts of dependencies,
/// which would run again, and everything that uses them be compiled again.
pub fn cargo_at(program: &Path) -> Command {
    as_a_person(Command::new(program))
}

/// A command in the root of the workspace that runs as if a person had started it.
#[must_use]
pub fn as_a_person(mut command: Command) -> Command {
    command.current_dir(workspace());
    for (name, _) in std::env::vars_os() {
        let of_us =
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_NAME", "LD_LIBRARY_PATH"];
        let name = name.to_string_lossy();
        if of_us.iter().any(|start| name.starts_with(start)) {
            command.env_remove(&*name);
        }
    }
    command
}

/// Has cargo build the binary, and returns its path. `args` may choose profile and target directory.
///
/// The whole workspace is selected, as in a test of the workspace, so that dependencies have the same
/// features in both and are not compiled twice.
///
/// # Errors
/// If it cannot be built; the compiler says why.
pub fn nascent(args: &[&str]) -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["build", "--workspace", "--bin", "nascent"]).args(args);
    built(&mut build, "nascent")
}

/// Has cargo build the program of a package, and returns its path.
///
/// # Errors
/// If it cannot be built; the compiler says why.
pub fn package(package: &str, name: &str) -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["build", "--package", package, "--bin", name]);
    built(&mut build, name)
}

/// Has cargo build the program of a package with optimizations, and returns its path.
///
/// # Errors
/// If it cannot be built; the compiler says why.
pub fn release(package: &str, name: &str) -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["build", "--release", "--package", package, "--bin", name]);
    built(&mut build, name)
}

/// Has cargo build an example of a package with optimizations, and returns the path of its program.
///
/// # Errors
/// If it cannot be built; the compiler says why.
pub fn example(package: &str, name: &str) -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["build", "--release", "--package", package, "--example", name]);
    built(&mut build, name)
}

/// Runs a build, and returns the path of the program of this name.
fn built(build: &mut Command, name: &str) -> Result<PathBuf> {
    build.args(["--message-format", "json-render-diagnostics"]);
    let output = build.stderr(Stdio::inherit()).output().context("cargo did not start")?;
    ensure!(output.status.success(), "the program {name} cannot be built");
    for line in String::from_utf8(output.stdout)?.lines() {
        let message: Value = serde_json::from_str(line)?;
        if message["target"]["name"] == name
            && let Some(path) = message["executable"].as_str()
        {
            return Ok(path.into());
        }
    }
    anyhow::bail!("cargo has built no program of the name {name}")
}
