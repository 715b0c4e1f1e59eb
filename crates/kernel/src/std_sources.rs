//! The sources of the standard library, for the rust-analyzer in evcxr.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::set_variable;

/// Where rust-analyzer looks for them.
pub(crate) const VARIABLE: &str = "RUST_SRC_PATH";

/// The rust-analyzer in evcxr fetches the sources of the standard library where they are missing. It
/// does not where it is told of a folder, even an empty one: then it knows less about the standard
/// library.
pub(crate) fn keep_from_fetching() -> Result<()> {
    if std::env::var_os(VARIABLE).is_some() {
        return Ok(());
    }
    let output = Command::new("rustc").args(["--print", "sysroot"]).output();
    let output = output.context("rustc cannot be run; install Rust from https://rustup.rs")?;
    ensure!(output.status.success(), "rustc does not say where it is");
    let sysroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let own = sysroot.join("lib/rustlib/src/rust/library");
    let found = if own.join("std").exists() { Some(own) } else { debian() };
    let folder = match found {
        Some(folder) => folder,
        None => nothing()?,
    };
    set_variable(VARIABLE, folder.as_os_str());
    Ok(())
}

/// A standard library without anything in it.
pub(crate) fn next_to_nothing(session: &Path) -> Result<PathBuf> {
    let folder = session.join("no-std");
    fs::create_dir_all(folder.join("core/src"))?;
    fs::write(folder.join("core/src/lib.rs"), "")?;
    Ok(folder)
}

/// A folder without sources.
fn nothing() -> Result<PathBuf> {
    let cache = dirs::cache_dir().context("there is no cache folder")?;
    let empty = cache.join("nascent/no-rust-src");
    fs::create_dir_all(&empty)?;
    Ok(empty)
}

/// Where Debian's package `rust-src` puts them.
fn debian() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/src").ok()?.flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = versions
        .map(|path| path.join("library"))
        .filter(|path| path.join("std").exists())
        .collect();
    found.sort();
    found.pop()
}
