//! Compiles cells as cargo does, without asking cargo each time.
//!
//! Cargo calls rustc through this program, which notes how; the next cell is compiled by the same call,
//! as long as the manifest and the versions in it are the same. What has come of it is kept under the
//! text of the cell, so that a notebook that is run again from the top is not compiled again.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{LIBRARIES, NOTING, Place, code, is_toolkit, key, text, write};

/// Where compiled cells are kept.
pub(super) const CELLS: &str = "cells";
/// Where calls of rustc are kept.
const CALLS: &str = "calls";
/// The file for a note, told to this program under its other name.
const NOTE: &str = "NASCENT_NOTE";
/// What evcxr calls the package of the cells.
const PACKAGE: &str = "ctx";
/// The code of the cell.
const SOURCE: &str = "src/lib.rs";

/// How cargo calls rustc for a cell.
#[derive(Serialize, Deserialize)]
struct Call {
    rustc: String,
    arguments: Vec<String>,
    variables: BTreeMap<String, String>,
    /// What cargo then says is there.
    #[serde(default)]
    artifact: Option<Value>,
}

/// What has come of a cell.
#[derive(Serialize, Deserialize)]
struct Compiled {
    is_good: bool,
    /// The messages of rustc, as cargo passes them on.
    messages: Vec<Value>,
}

/// Compiles the cell.
pub(super) fn build(place: &Place, arguments: &[OsString]) -> Result<ExitCode> {
    let others = place.dependencies().into_iter().filter(|line| !is_toolkit(line));
    let can_change = { others }.any(|line| line.contains("path") || line.contains("git"));
    // evcxr has a wrapper of its own when it is asked to keep compiled dependencies.
    if can_change || std::env::var_os("RUSTC_WRAPPER").is_some() {
        let status = place.cargo().args(arguments).status();
        return Ok(code(status.context("cargo cannot be run")?));
    }
    let known = read(&call_file(place, arguments)).filter(|text| are_there(&place.special(text)));
    let Some(call) = known else {
        return through_cargo(place, arguments);
    };
    let cell = fs::read_to_string(place.project.join(SOURCE))?;
    let kept = place.known.join(CELLS).join(key(&[&call, &cell]));
    let call: Call = serde_json::from_str(&place.special(&call))?;
    let compiled = match from_kept(&call, &kept) {
        Some(compiled) => compiled,
        None => anew(place, &call, &kept)?,
    };
    let mut said = compiled.messages;
    if compiled.is_good {
        said.extend(call.artifact);
    }
    said.push(json!({ "reason": "build-finished", "success": compiled.is_good }));
    let lines: Vec<String> = said.iter().map(|message| format!("{message}\n")).collect();
    crate::print(&lines.concat())?;
    Ok(if compiled.is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(file: &Path) -> Option<String> {
    fs::read_to_string(file).ok()
}

/// Where the call is kept: for all sessions if there is only the toolkit, which has the versions that it
/// was tested with, else in this one.
fn call_file(place: &Place, arguments: &[OsString]) -> PathBuf {
    let arguments: Vec<String> = arguments.iter().map(|given| text(given)).collect();
    let arguments = arguments.join("\n").replace("--offline\n", "");
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    // Those of the toolkit are the ones that it was tested with.
    let lock = place.project.join("Cargo.lock");
    let versions = if place.has_toolkit_alone() { None } else { read(&lock) }.unwrap_or_default();
    let key = key(&[&arguments, &place.general(&place.manifest()), &flags, &versions]);
    let folder = if place.has_toolkit_alone() { &place.known } else { &place.project };
    folder.join(CALLS).join(key)
}

/// Whether the compiler and what the cell is linked with are still there.
fn are_there(call: &str) -> bool {
    let Ok(call) = serde_json::from_str::<Call>(call) else {
        return false;
    };
    let values = call.arguments.windows(2).filter(|pair| pair[0] == "--extern");
    let files = values.filter_map(|pair| pair[1].split_once('=').map(|(_, file)| file));
    std::iter::once(&*call.rustc).chain(files).all(|file| Path::new(file).exists())
}

/// Has the real cargo compile it, and notes how.
fn through_cargo(place: &Place, arguments: &[OsString]) -> Result<ExitCode> {
    let note = place.project.join("noted-call");
    let _was_not_there = fs::remove_file(&note);
    let mut command = place.cargo();
    command.args(arguments).env(NOTE, &note);
    command.env("RUSTC_WRAPPER", place.links().join(NOTING));
    let output = command.stderr(Stdio::inherit()).output().context("cargo cannot be run")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let noted = read(&note).and_then(|text| serde_json::from_str::<Call>(&text).ok());
    if let Some(mut call) = noted.filter(|_| output.status.success()) {
        call.artifact = artifact(&said);
        let text = place.general(&serde_json::to_string(&call)?);
        let _is_asked_again = write(&call_file(place, arguments), text.as_bytes());
    }
    crate::print(&said)?;
    Ok(code(output.status))
}

/// What cargo says of the compiled cell.
fn artifact(said: &str) -> Option<Value> {
    let mut messages = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages.find(|message| {
        message["reason"] == "compiler-artifact" && message["target"]["name"] == PACKAGE
    })
}

/// Called by cargo in place of rustc: notes the call that compiles the cell.
pub(super) fn note(arguments: &[OsString]) -> Result<ExitCode> {
    let (rustc, arguments) = arguments.split_first().context("cargo names rustc first")?;
    let mut names = arguments.windows(2).filter(|pair| pair[0] == "--crate-name");
    if names.any(|pair| pair[1] == PACKAGE) {
        // Not those that say how many may work at the same time: that is over then.
        let of_cargo = |name: &str| {
            let starts = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_NAME"];
            starts.iter().any(|start| name.starts_with(start)) || name == LIBRARIES
        };
        let call = Call {
            rustc: text(rustc),
            arguments: arguments.iter().map(|given| text(given)).collect(),
            variables: std::env::vars().filter(|(name, _)| of_cargo(name)).collect(),
            artifact: None,
        };
        let file = std::env::var_os(NOTE).context("cargo was not started by this program")?;
        fs::write(file, serde_json::to_string(&call)?)?;
    }
    Ok(code(Command::new(rustc).args(arguments).status().context("rustc cannot be run")?))
}

impl Call {
    /// The library that evcxr loads, if this call makes one.
    fn library(&self) -> Option<PathBuf> {
        let files = self.artifact.as_ref()?["filenames"].as_array()?;
        let mut files = files.iter().filter_map(Value::as_str).map(PathBuf::from);
        files
            .find(|file| file.extension().is_some_and(|end| end == std::env::consts::DLL_EXTENSION))
    }

    /// The folder that rustc writes to.
    fn folder(&self) -> Option<&Path> {
        let mut pairs = self.arguments.windows(2);
        pairs.find(|pair| pair[0] == "--out-dir").map(|pair| Path::new(&pair[1]))
    }

    fn run(&self) -> Result<Output> {
        let mut command = Command::new(&self.rustc);
        let output = command.args(&self.arguments).envs(&self.variables).output();
        output.context("rustc cannot be run")
    }
}

/// What a session before has compiled.
fn from_kept(call: &Call, kept: &Path) -> Option<Compiled> {
    let compiled: Compiled = serde_json::from_str(&read(kept)?).ok()?;
    if let Some(library) = call.library().filter(|_| compiled.is_good) {
        fs::copy(kept.with_extension(std::env::consts::DLL_EXTENSION), library).ok()?;
    }
    Some(compiled)
}

/// Has rustc compile it, and keeps what comes of it.
fn anew(place: &Place, call: &Call, kept: &Path) -> Result<Compiled> {
    let folder = call.folder().context("cargo tells rustc where to write")?;
    let sources = folder.join(format!("{PACKAGE}.d"));
    let _was_not_there = fs::remove_file(&sources);
    let output = call.run()?;
    let mut messages = Vec::new();
    for line in String::from_utf8_lossy(&output.stderr).lines() {
        match serde_json::from_str::<Value>(line) {
            Ok(message) if message["$message_type"] == "diagnostic" => {
                messages.push(json!({ "reason": "compiler-message", "message": message }));
            }
            // What it has written.
            Ok(_) => {}
            Err(_) => crate::say(line),
        }
    }
    let compiled = Compiled { is_good: output.status.success(), messages };
    let library = call.library().filter(|_| compiled.is_good);
    if let Some(library) = &library {
        let written = folder.join(library.file_name().context("a library has a name")?);
        let _was_not_there = fs::remove_file(library);
        fs::hard_link(&written, library).or_else(|_| fs::copy(&written, library).map(|_| ()))?;
    }
    if place.has_toolkit_alone() && read(&sources).is_some_and(|text| is_all(&text)) {
        let _is_compiled_again = keep(&compiled, library.as_deref(), kept);
    }
    Ok(compiled)
}

fn keep(compiled: &Compiled, library: Option<&Path>, kept: &Path) -> Result<()> {
    if let Some(library) = library {
        write(&kept.with_extension(std::env::consts::DLL_EXTENSION), &fs::read(library)?)?;
    }
    write(kept, serde_json::to_string(compiled)?.as_bytes())
}

/// Whether the text of the cell is all that was read: no other file and no variable of the environment.
fn is_all(sources: &str) -> bool {
    let mut lines = sources.lines().filter(|line| !line.is_empty());
    lines.all(|line| line.ends_with(&format!(": {SOURCE}")) || line == format!("{SOURCE}:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_that_read_more_than_their_text_are_not_kept() {
        assert!(is_all("/s/libctx.so: src/lib.rs\n\n/s/ctx.d: src/lib.rs\n\nsrc/lib.rs:\n"));
        assert!(!is_all("/s/ctx.d: src/lib.rs table.csv\n\nsrc/lib.rs:\ntable.csv:\n"));
        assert!(!is_all("/s/ctx.d: src/lib.rs\n\nsrc/lib.rs:\n\n# env-dep:HOME=/root\n"));
    }

    #[test]
    fn a_call_holds_while_what_it_links_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("libtoolkit.so");
        let call = |file: &Path| {
            json!({
                "rustc": folder.path(), "variables": {},
                "arguments": ["--extern", format!("toolkit={}", file.display()), "--extern", "proc_macro"],
            })
        };
        assert!(!are_there(&call(&library).to_string()));
        fs::write(&library, "").unwrap();
        assert!(are_there(&call(&library).to_string()));
        assert!(!are_there("{}"));
    }
}
