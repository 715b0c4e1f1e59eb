//! What the cross-crate tests share: where the workspace is, and the real `nascent` binary.
//!
//! The tests themselves are in `tests/`, one file for each topic.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "tests fail by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

pub use xtask::binary::{cargo, workspace};

/// The real `nascent` binary, of the profile and in the target directory of the test that asks.
///
/// `CARGO_BIN_EXE_nascent` is set for the tests of the binary's own package only. So this asks cargo
/// to build it, which is a matter of a moment where it is up to date; cargo makes tests that ask at
/// the same time wait for each other.
pub fn nascent() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let (profile, target) = profile_and_target_directory();
        let mut args = vec!["--profile", &profile];
        if let Some(target) = &target {
            args.extend(["--target-dir", target.to_str().unwrap()]);
        }
        xtask::binary::nascent(&args).unwrap()
    };
    BINARY.get_or_init(build).clone()
}

/// What the command prints, called in this folder; it has to succeed.
pub fn run(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(nascent()).args(arguments).current_dir(folder).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The same, of a command that prints JSON.
pub fn json(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&run(folder, arguments)).unwrap()
}

/// From the path of the running test, `TARGET/PROFILE/deps/NAME`: cargo does not say otherwise.
fn profile_and_target_directory() -> (String, Option<PathBuf>) {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).and_then(Path::file_name).unwrap();
    let profile = match folder.to_str().unwrap() {
        "debug" => "dev",
        other => other,
    };
    let is_target = |directory: &&Path| directory.join("CACHEDIR.TAG").is_file();
    let target = test.ancestors().find(is_target);
    (profile.to_owned(), target.map(Path::to_owned))
}

/// The examples of README.md, compiled and run with the other examples in the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
