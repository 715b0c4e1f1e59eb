//! What the rust-analyzer in evcxr reads of the toolkit.
//!
//! It completes code and finds the types of variables. For that it reads the sources of every package
//! that cargo lists, 160 MB for the toolkit, whenever a dependency is added, and the cell waits. Most
//! of them are of no use to a cell: how files are compressed, or how threads are started. And of what
//! is of use, it needs what functions take and give, and not how they do it. So when it asks for the
//! list, what only the toolkit needs inside is left out, and the rest is read from copies of the
//! sources in which functions are empty. What compiles is always the whole of the real ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use ra_ap_syntax::Edition;
use serde_json::Value;

use crate::interfaces::copy_folder;

/// The package that a session depends on.
pub(crate) const TOOLKIT: &str = "nascent-notebook";
/// What cells can name beside the packages of this workspace; also all that begins so.
const NAMED: &[&str] =
    &["candle-core", "candle-nn", "half", "plotters", "polars", "rand", "serde", "safetensors"];
/// Parts of those that do their work behind the others, and that no signature names.
const INSIDES: &[&str] = &[
    "plotters-bitmap",
    "polars-arrow-format",
    "polars-async",
    "polars-expr",
    "polars-mem-engine",
    "polars-ooc",
    "polars-parquet",
    "polars-parquet-format",
    "polars-sql",
    "polars-stream",
    "serde_derive",
    "serde_stacker",
    "serde_urlencoded",
];
/// Where the copies are.
const INTERFACES: &str = "interfaces";
/// Where that of the standard library is.
const STD: &str = "std";

/// The metadata of a project without the packages that only the toolkit uses, and that cells cannot
/// name; of those that stay, the copies in this folder stand for the sources.
pub(crate) fn without_insides(mut metadata: Value, known: &Path) -> Value {
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
    let packages = metadata.get_mut("packages").and_then(Value::as_array_mut);
    for package in packages.into_iter().flatten() {
        let _has_no_copy = read_copy(package, known);
    }
    metadata
}

/// Has the metadata of a package name its copy, if there is one.
fn read_copy(package: &mut Value, known: &Path) -> Option<()> {
    let copy = copy_of(package, known)?;
    let folder = folder(package)?;
    let instead = |file: &mut Value| {
        let file_of_copy = copy.join(Path::new(file.as_str()?).strip_prefix(&folder).ok()?);
        file_of_copy.exists().then(|| *file = Value::from(file_of_copy.to_string_lossy()))
    };
    for target in package.get_mut("targets")?.as_array_mut()? {
        instead(target.get_mut("src_path")?);
    }
    instead(package.get_mut("manifest_path")?)
}

/// Where the copy of a package is, or would be.
fn copy_of(package: &Value, known: &Path) -> Option<PathBuf> {
    let text = |field: &str| package.get(field)?.as_str();
    Some(known.join(INTERFACES).join(format!("{}-{}", text("name")?, text("version")?)))
}

fn folder(package: &Value) -> Option<PathBuf> {
    Some(Path::new(package.get("manifest_path")?.as_str()?).parent()?.to_owned())
}

/// Makes the copies for a project with the toolkit, and for the standard library where its sources are.
pub(crate) fn copy_interfaces(project: &Path, std: &Path, known: &Path) -> Result<()> {
    let interfaces = known.join(INTERFACES);
    let _was_not_there = fs::remove_dir_all(&interfaces);
    let mut cargo = Command::new("cargo");
    cargo.args(["metadata", "--offline", "--format-version", "1"]).current_dir(project);
    let output = cargo.output().context("cargo cannot be run")?;
    ensure!(
        output.status.success(),
        "cargo does not list the packages: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let kept = kept(&metadata).context("cargo lists no packages")?;
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let is_kept = package["id"].as_str().is_some_and(|id| kept.contains(id));
        let folder = folder(package).filter(|folder| is_kept && folder != project);
        if let Some((folder, copy)) = folder.zip(copy_of(package, known)) {
            let edition = package["edition"].as_str().and_then(|edition| edition.parse().ok());
            let edition = edition.unwrap_or(Edition::CURRENT);
            copy_folder(&folder.join("src"), &copy.join("src"), edition)?;
            fs::copy(folder.join("Cargo.toml"), copy.join("Cargo.toml"))?;
        }
    }
    if std.join("std").exists() {
        copy_folder(std, &interfaces.join(STD), Edition::Edition2024)?;
    }
    Ok(())
}

/// The standard library for rust-analyzer, if there is a copy.
pub(crate) fn std_interfaces(known: &Path) -> Option<PathBuf> {
    Some(known.join(INTERFACES).join(STD)).filter(|folder| folder.join("core").exists())
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
            *is_own || (NAMED.iter().any(is_of) && !INSIDES.contains(&name.as_str()))
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
        assert_eq!(without_insides(all, Path::new("")), expected);
    }

    #[test]
    fn without_the_toolkit_everything_stays() {
        let all = metadata(&[("ctx", &["regex"]), ("regex", &["memchr"]), ("memchr", &[])]);
        let known = Path::new("");
        assert_eq!(without_insides(all.clone(), known), all);
        assert_eq!(without_insides(json!({ "packages": 1 }), known), json!({ "packages": 1 }));
    }
}
