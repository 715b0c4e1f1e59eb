//! What cargo says of a project, kept for the next session.

use std::ffi::OsString;
use std::fs;
use std::process::{ExitCode, Stdio};

use anyhow::{Context as _, Result};

use super::{Place, code, key, text, write};
use crate::analyzer;

/// Where answers are kept.
const ANSWERS: &str = "answers";
/// What rust-analyzer and evcxr ask again in each session.
const ASKED: [&str; 5] = ["metadata", "locate-project", "config", "rustc", "--version"];

/// Answers what is not to compile anything.
pub(super) fn answer(place: &Place, arguments: &[OsString]) -> Result<ExitCode> {
    let asked = arguments.iter().any(|given| ASKED.iter().any(|asked| given == asked));
    if !asked {
        return Ok(code(place.cargo().args(arguments).status().context("cargo cannot be run")?));
    }
    let file = place.has_toolkit_alone().then(|| {
        let arguments: Vec<String> = stable(arguments).map(|given| place.general(&given)).collect();
        let key = key(&[&arguments.join("\n"), &place.general(&place.manifest())]);
        place.known.join(ANSWERS).join(key)
    });
    if let Some(kept) = file.as_ref().and_then(|file| fs::read_to_string(file).ok()) {
        crate::print(&place.special(&kept))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut command = place.cargo();
    let output = command.args(arguments).stderr(Stdio::inherit()).output();
    let output = output.context("cargo cannot be run")?;
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    if is_list(place, arguments) {
        // What is no list is passed on.
        if let Ok(all) = serde_json::from_str(&said) {
            said = analyzer::without_insides(all, &place.known).to_string();
        }
    }
    if let Some(file) = file.filter(|_| output.status.success()) {
        let _is_asked_again = write(&file, place.general(&said).as_bytes());
    }
    crate::print(&said)?;
    Ok(code(output.status))
}

/// Whether rust-analyzer asks for the packages of the session.
fn is_list(place: &Place, arguments: &[OsString]) -> bool {
    let has = |wanted: &str| arguments.iter().any(|argument| argument == wanted);
    let manifest = place.project.join("Cargo.toml");
    has("metadata") && !has("--no-deps") && arguments.iter().any(|given| *given == *manifest)
}

/// The arguments without the name of a copy that is another each time.
fn stable(arguments: &[OsString]) -> impl Iterator<Item = String> {
    let is_copy =
        |at: usize| at.checked_sub(1).is_some_and(|at| arguments[at] == "--lockfile-path");
    let kept = arguments.iter().enumerate().filter(move |(at, _)| !is_copy(*at));
    kept.map(|(_, argument)| text(argument))
}
