//! The test runner: found, or installed for this workspace only.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use xtask::binary::cargo;

use crate::say;

/// The version that is installed where there is none.
const VERSION: &str = "0.9.143";

/// The program `cargo-nextest`: that of the user, or else one in the target directory.
pub(crate) fn find_or_install() -> Result<PathBuf> {
    let of_the_user = PathBuf::from("cargo-nextest");
    if runs(&of_the_user) {
        return Ok(of_the_user);
    }
    let tools = target_directory()?.join("tools");
    let installed =
        tools.join("bin").join(format!("cargo-nextest{}", std::env::consts::EXE_SUFFIX));
    if runs(&installed) {
        return Ok(installed);
    }
    let tools = tools.display().to_string();
    let args = ["install", "cargo-nextest", "--locked", "--version", VERSION, "--root", &tools];
    say(&format!(
        "cargo-nextest is missing; installing it once, which takes some minutes:\n    cargo {}",
        args.join(" ")
    ));
    let status = cargo().args(args).status();
    let status = status.context("cargo did not start")?;
    if !status.success() {
        bail!(
            "cargo-nextest could not be installed; install it by hand and start again: \
             cargo install cargo-nextest --locked"
        );
    }
    Ok(installed)
}

fn runs(program: &Path) -> bool {
    let mut command = Command::new(program);
    command.args(["nextest", "--version"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn target_directory() -> Result<PathBuf> {
    let args = ["metadata", "--format-version", "1", "--no-deps"];
    let output = cargo().args(args).output();
    let output = output.context("cargo did not start")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let directory = metadata["target_directory"].as_str();
    Ok(directory.context("cargo metadata names no target directory")?.into())
}
