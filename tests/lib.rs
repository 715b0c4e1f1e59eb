//! What the cross-crate tests share: where the workspace is, and the real `nascent` binary.
//!
//! The tests themselves are in `tests/`, one file for each topic.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]
#![expect(clippy::missing_panics_doc, reason = "helpers of tests fail by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A command that runs the cargo that runs the tests, in the root of the workspace.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace());
    command
}

/// The real `nascent` binary, of the profile and in the target directory of the test that asks.
///
/// `CARGO_BIN_EXE_nascent` is set for the tests of the binary's own package only. So this asks cargo
/// to build it, which is a matter of a moment where it is built and up to date: the whole workspace
/// is selected, as in a test of the workspace, so that its dependencies have the same features and
/// are not compiled twice. Cargo itself makes tests that ask at the same time wait for each other.
pub fn nascent() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(build).clone()
}

fn build() -> PathBuf {
    let (profile, target) = profile_and_target_directory();
    let mut command = cargo();
    command.args(["build", "--workspace", "--bin", "nascent", "--quiet"]);
    command.args(["--message-format", "json", "--profile", &profile]);
    if let Some(target) = target {
        command.arg("--target-dir").arg(target);
    }
    let output = command.output().unwrap();
    let messages = String::from_utf8(output.stdout).unwrap();
    let messages = messages.lines().map(serde_json::from_str::<Value>);
    let messages = messages.collect::<Result<Vec<_>, _>>().unwrap();
    assert!(
        output.status.success(),
        "the binary cannot be built:\n{}\n{}",
        String::from_utf8_lossy(&output.stderr),
        messages
            .iter()
            .filter_map(|message| message["message"]["rendered"].as_str())
            .collect::<String>()
    );
    let binary = messages.iter().find_map(|message| {
        let is_it = message["target"]["name"] == "nascent";
        message["executable"].as_str().filter(|_| is_it)
    });
    binary.unwrap_or_else(|| panic!("cargo has built no binary \"nascent\"")).into()
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
