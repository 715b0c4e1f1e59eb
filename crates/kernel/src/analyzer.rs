//! What the rust-analyzer in evcxr reads of the toolkit.
//!
//! It completes code and finds the types of variables. For that it reads the sources of every package
//! that cargo lists, 160 MB for the toolkit, whenever a dependency is added, and the cell waits. Most
//! of them are of no use to a cell: how files are compressed, or how threads are started. rust-analyzer
//! asks the cargo in `$CARGO_HOME/bin`; this program stands there under that name, asks the real one,
//! and leaves out what only the toolkit needs inside. What compiles is always the real one.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result};
use serde_json::Value;

/// The package that a session depends on.
const TOOLKIT: &str = "nascent-notebook";
/// What cells can name beside the packages of this workspace; also all that begins so.
const NAMED: &[&str] =
    &["candle-core", "candle-nn", "half", "plotters", "polars", "rand", "serde", "safetensors"];
/// Where the real cargo is told to keep its packages: the variable's value, if it has one.
const HOME: &str = "NASCENT_CARGO_HOME";
/// The project of the session.
const PROJECT: &str = "NASCENT_SESSION";

/// The variables with which rust-analyzer finds this program in place of cargo, for a session in this
/// folder, and the `:build_env` that keeps evcxr to the real one; none where there are no links.
pub(crate) fn variables(session: &Path) -> Option<Vec<(&'static str, OsString)>> {
    let home = session.join("cargo-home");
    fs::create_dir_all(home.join("bin")).ok()?;
    link(&std::env::current_exe().ok()?, &home.join("bin/cargo")).ok()?;
    let before = std::env::var_os("CARGO_HOME").unwrap_or_default();
    Some(vec![
        (HOME, before),
        (PROJECT, session.as_os_str().to_owned()),
        ("CARGO_HOME", home.into_os_string()),
    ])
}

/// Has a process know of the real cargo alone.
pub(crate) fn forget(command: &mut Command) {
    match std::env::var_os(HOME) {
        Some(home) if !home.is_empty() => command.env("CARGO_HOME", home),
        Some(_) => command.env_remove("CARGO_HOME"),
        None => return,
    };
    command.env_remove(HOME).env_remove(PROJECT);
}

#[cfg(unix)]
fn link(from: &Path, to: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(from, to)
}

#[cfg(not(unix))]
fn link(_: &Path, _: &Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// The home of the real cargo.
pub(crate) fn cargo_home() -> Option<PathBuf> {
    match std::env::var_os(HOME) {
        Some(home) if !home.is_empty() => Some(home.into()),
        Some(_) => Some(dirs::home_dir()?.join(".cargo")),
        None => None,
    }
}

/// Answers as cargo, if this program was started under that name.
pub(crate) fn answer_as_cargo() -> Option<ExitCode> {
    let mut arguments = std::env::args_os();
    let name = PathBuf::from(arguments.next()?);
    (name.file_stem()? == "cargo").then(|| {
        let arguments: Vec<OsString> = arguments.collect();
        match cargo(&arguments) {
            Ok(code) => code,
            Err(error) => {
                crate::say(&format!("error: {error:#}"));
                ExitCode::FAILURE
            }
        }
    })
}

fn cargo(arguments: &[OsString]) -> Result<ExitCode> {
    let home = cargo_home().context("there is no home folder")?;
    let own = home.join("bin").join("cargo");
    let program = if own.exists() { own } else { PathBuf::from("cargo") };
    let mut command = Command::new(program);
    command.args(arguments).env("CARGO_HOME", home);
    let manifest = std::env::var_os(PROJECT).map(|project| Path::new(&project).join("Cargo.toml"));
    let has = |wanted: &str| arguments.iter().any(|argument| argument == wanted);
    let is_list = has("metadata")
        && !has("--no-deps")
        && manifest.is_some_and(|manifest| arguments.iter().any(|a| *a == *manifest));
    if !is_list {
        let status = command.status().context("cargo cannot be run")?;
        return Ok(code(status));
    }
    let output = command.stderr(Stdio::inherit()).output().context("cargo cannot be run")?;
    let listed = serde_json::from_slice(&output.stdout).map(|all| without_insides(all).to_string());
    // What is no list is passed on.
    let text = listed.map_or(output.stdout, String::into_bytes);
    std::io::stdout().write_all(&text)?;
    Ok(code(output.status))
}

fn code(status: std::process::ExitStatus) -> ExitCode {
    status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// The metadata of a project without the packages that only the toolkit uses, and that cells cannot
/// name.
fn without_insides(mut metadata: Value) -> Value {
    let kept = kept(&metadata).unwrap_or_default();
    if kept.is_empty() {
        return metadata;
    }
    let keep = |list: Option<&mut Value>, id: &str| {
        if let Some(Value::Array(list)) = list {
            list.retain(|entry| match entry.get(id).unwrap_or(entry) {
                Value::String(id) => kept.contains(id.as_str()),
                _ => true,
            });
        }
    };
    keep(metadata.get_mut("packages"), "id");
    let nodes = metadata.get_mut("resolve").and_then(|resolve| resolve.get_mut("nodes"));
    if let Some(nodes) = nodes {
        keep(Some(nodes), "id");
        for node in nodes.as_array_mut().into_iter().flatten() {
            keep(node.get_mut("deps"), "pkg");
            keep(node.get_mut("dependencies"), "");
        }
    }
    metadata
}

/// The packages that stay: all that other dependencies of the project need, and of the toolkit what
/// can be named.
fn kept(metadata: &Value) -> Option<BTreeSet<String>> {
    let text = |value: &Value, field: &str| value.get(field)?.as_str().map(str::to_owned);
    let packages = metadata.get("packages")?.as_array()?;
    let names: BTreeMap<String, (String, bool)> = packages
        .iter()
        .filter_map(|package| {
            let is_own = package.get("source").is_none_or(Value::is_null);
            Some((text(package, "id")?, (text(package, "name")?, is_own)))
        })
        .collect();
    let resolve = metadata.get("resolve")?;
    let nodes = resolve.get("nodes")?.as_array()?.iter().filter_map(|node| {
        let needs = node.get("deps")?.as_array()?;
        let needs = needs.iter().filter_map(|needed| text(needed, "pkg"));
        Some((text(node, "id")?, needs.collect::<Vec<String>>()))
    });
    let nodes: BTreeMap<String, Vec<String>> = nodes.collect();
    let root = text(resolve, "root")?;
    let can_be_named = |id: &String| {
        names.get(id).is_some_and(|(name, is_own)| {
            let is_of = |known: &&str| {
                name.strip_prefix(*known)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
            };
            *is_own || NAMED.iter().any(is_of)
        })
    };
    let is_toolkit = |id: &String| names.get(id).is_some_and(|(name, _)| name == TOOLKIT);
    let mut kept = BTreeSet::new();
    // First what is needed by others, whole, then the toolkit.
    let mut open = vec![root];
    let mut toolkit = Vec::new();
    while let Some(id) = open.pop() {
        if is_toolkit(&id) {
            toolkit.push(id);
        } else if kept.insert(id.clone()) {
            open.extend(nodes.get(&id).into_iter().flatten().cloned());
        }
    }
    let mut seen = kept.clone();
    while let Some(id) = toolkit.pop() {
        if seen.insert(id.clone()) {
            toolkit.extend(nodes.get(&id).into_iter().flatten().cloned());
            if can_be_named(&id) {
                kept.insert(id);
            }
        }
    }
    Some(kept)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Packages with what each needs; those that are not of this workspace have a source.
    fn metadata(packages: &[(&str, &[&str])]) -> Value {
        let own = ["ctx", TOOLKIT, "nascent"];
        let list = packages.iter().map(|(name, _)| {
            let source = (!own.contains(name)).then_some("registry");
            json!({ "id": name, "name": name, "source": source })
        });
        let nodes = packages.iter().map(|(name, needs)| {
            let deps: Vec<Value> =
                needs.iter().map(|needed| json!({ "name": needed, "pkg": needed })).collect();
            json!({ "id": name, "deps": deps, "dependencies": needs })
        });
        json!({
            "packages": list.collect::<Vec<_>>(),
            "resolve": { "root": "ctx", "nodes": nodes.collect::<Vec<_>>() },
            "workspace_members": ["ctx"],
        })
    }

    #[test]
    fn of_the_toolkit_only_what_cells_can_name_is_read() {
        let all = metadata(&[
            ("ctx", &[TOOLKIT, "regex"]),
            (TOOLKIT, &["nascent", "polars"]),
            ("nascent", &["candle-core", "rayon", "polarsian"]),
            ("polars", &["polars-core", "brotli"]),
            ("polars-core", &["regex", "memchr"]),
            ("polarsian", &[]),
            ("candle-core", &["rayon"]),
            ("rayon", &[]),
            ("brotli", &["memchr"]),
            ("regex", &["memchr"]),
            ("memchr", &[]),
        ]);
        let expected = metadata(&[
            ("ctx", &[TOOLKIT, "regex"]),
            (TOOLKIT, &["nascent", "polars"]),
            ("nascent", &["candle-core"]),
            ("polars", &["polars-core"]),
            // A person has asked for regex, so it is whole.
            ("polars-core", &["regex", "memchr"]),
            ("candle-core", &[]),
            ("regex", &["memchr"]),
            ("memchr", &[]),
        ]);
        assert_eq!(without_insides(all), expected);
    }

    #[test]
    fn without_the_toolkit_everything_stays() {
        let all = metadata(&[("ctx", &["regex"]), ("regex", &["memchr"]), ("memchr", &[])]);
        assert_eq!(without_insides(all.clone()), all);
        assert_eq!(without_insides(json!({ "packages": 1 })), json!({ "packages": 1 }));
    }
}
