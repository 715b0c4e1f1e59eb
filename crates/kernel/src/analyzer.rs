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
use ra_ap_syntax::ast::{self, AstNode as _};
use ra_ap_syntax::{
    Edition, NodeOrToken, SourceFile, SyntaxElement, SyntaxKind, SyntaxNode, TextRange, TextSize,
    WalkEvent,
};
use serde_json::Value;

use crate::cargo::TOOLKIT;

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
/// Parts of the standard library that stable code in a notebook hardly names.
const EMPTY: &[&str] = &["stdarch", "compiler-builtins", "portable-simd", "backtrace"];
/// Attributes that change nothing of what is read, in what macros write.
const SILENT: &[&str] =
    &["deprecated", "doc", "inline", "must_use", "rustc_const_stable", "stable"];
/// The longest body, in bytes, of a constant function that is kept: the length of an array can be the
/// value of one, like `size_of`.
const SHORT: usize = 160;
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

/// Copies a folder of sources, with empty functions and without tests.
fn copy_folder(from: &Path, to: &Path, edition: Edition) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("{} is not there", from.display()))? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let is_of_tests = ["tests", "benches", "examples", "target"];
        if entry.file_type()?.is_dir() {
            if !is_of_tests.iter().any(|name| entry.file_name() == *name) {
                copy_folder(&source, &target, edition)?;
            }
            continue;
        }
        let end = source.extension().and_then(std::ffi::OsStr::to_str);
        match end {
            Some("rs") if EMPTY.iter().any(|part| target.iter().any(|name| name == *part)) => {
                fs::write(target, "")?;
            }
            Some("rs") => {
                let text = String::from_utf8_lossy(&fs::read(&source)?).into_owned();
                fs::write(target, interface(&text, edition))?;
            }
            Some("toml" | "lock") => {
                fs::copy(&source, &target)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// A source without the bodies of functions, tests, and comments that document nothing. Functions whose
/// values can be part of a type keep theirs.
fn interface(source: &str, edition: Edition) -> String {
    let file = SourceFile::parse(source, edition).tree();
    let mut gone: Vec<TextRange> = Vec::new();
    for event in file.syntax().preorder_with_tokens() {
        match event {
            WalkEvent::Enter(NodeOrToken::Node(node)) if is_of_tests(&node) => {
                gone.push(node.text_range());
            }
            WalkEvent::Enter(NodeOrToken::Node(node)) => {
                gone.extend(body(&node));
                if let Some(rules) = ast::MacroRules::cast(node).and_then(|it| it.token_tree()) {
                    shorten_rules(rules.syntax(), &mut gone);
                }
            }
            WalkEvent::Enter(NodeOrToken::Token(token)) => {
                let documents = ["///", "//!", "/**", "/*!"];
                let is_comment = token.kind() == SyntaxKind::COMMENT;
                if is_comment && !documents.iter().any(|start| token.text().starts_with(start)) {
                    gone.push(token.text_range());
                }
            }
            WalkEvent::Leave(_) => {}
        }
    }
    gone.sort_by_key(|range| range.start());
    let mut short = String::with_capacity(source.len() / 2);
    let mut at = 0;
    for range in gone {
        let (start, end) = (usize::from(range.start()), usize::from(range.end()));
        // What is within what is gone is gone.
        if start >= at {
            short.push_str(&source[at..start]);
            at = end;
        }
    }
    short.push_str(&source[at..]);
    short
}

/// What the rules of a macro write, without what it is not asked for: each call of it would be expanded
/// with that.
fn shorten_rules(rules: &SyntaxNode, gone: &mut Vec<TextRange>) {
    let mut is_written = false;
    for element in rules.children_with_tokens() {
        match element {
            NodeOrToken::Token(token) if token.kind() == SyntaxKind::R_ANGLE => is_written = true,
            NodeOrToken::Node(tree) if is_written => {
                for tree in tree.descendants() {
                    shorten_tokens(&tree, gone);
                }
                is_written = false;
            }
            _ => {}
        }
    }
}

/// The bodies of functions, and attributes that say nothing of types, among these tokens.
fn shorten_tokens(tree: &SyntaxNode, gone: &mut Vec<TextRange>) {
    let all = tree.children_with_tokens();
    let all: Vec<_> = all.filter(|it| it.kind() != SyntaxKind::WHITESPACE).collect();
    for (at, element) in all.iter().enumerate() {
        let kind = |at: usize| all.get(at).map(SyntaxElement::kind);
        if element.kind() == SyntaxKind::COMMENT {
            gone.push(element.text_range());
        } else if element.kind() == SyntaxKind::POUND {
            if let Some(NodeOrToken::Node(attribute)) = all.get(at + 1) {
                let mut words =
                    attribute.children_with_tokens().filter_map(NodeOrToken::into_token);
                let name = words.find(|word| word.kind() == SyntaxKind::IDENT);
                if name.is_some_and(|name| SILENT.contains(&name.text())) {
                    gone.push(element.text_range().cover(attribute.text_range()));
                }
            }
        } else if element.kind() == SyntaxKind::FN_KW
            && matches!(kind(at + 1), Some(SyntaxKind::IDENT | SyntaxKind::DOLLAR))
        {
            let rest = &all[at..];
            let end = rest.iter().position(|it| {
                it.kind() == SyntaxKind::SEMICOLON || it.to_string().starts_with('{')
            });
            let body = end.and_then(|end| rest[end].as_node());
            let before = all[..at].iter().rev().take_while(|it| it.as_token().is_some());
            let is_const = { before }.any(|it| it.kind() == SyntaxKind::CONST_KW);
            gone.extend(body.and_then(|body| inside(body, is_const)));
        }
    }
}

/// What is between the braces, if nothing can depend on it.
fn inside(braces: &SyntaxNode, is_const: bool) -> Option<TextRange> {
    let range = braces.text_range();
    let is_short = usize::from(range.len()) <= SHORT;
    let one = TextSize::from(1);
    (!is_const || !is_short).then(|| TextRange::new(range.start() + one, range.end() - one))
}

/// What is between the braces of a function.
fn body(node: &SyntaxNode) -> Option<TextRange> {
    let function = ast::Fn::cast(node.clone())?;
    inside(function.body()?.syntax(), function.const_token().is_some())
}

fn is_of_tests(node: &SyntaxNode) -> bool {
    ast::Item::can_cast(node.kind())
        && node
            .children()
            .filter(|child| ast::Attr::can_cast(child.kind()))
            .any(|attribute| attribute.text() == "#[cfg(test)]")
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

    #[test]
    fn interfaces_have_no_bodies_tests_or_comments() {
        let source = "\
//! Of the module.
// Not for readers.
/// Of the function.
pub fn sum(values: &[f32]) -> f32 {
    // Adds.
    fn inner() {}
    values.iter().sum()
}
pub const fn width() -> usize { 4 }
trait Named {
    fn name(&self) -> String { String::new() }
    fn id(&self) -> usize;
}
#[cfg(test)]
mod tests { fn gone() {} }
macro_rules! zero {
    (fn $name:ident { $type:ty }) => {
        /// Of the written function.
        #[doc = concat!(\"Of \", stringify!($name))]
        #[cfg(unix)]
        pub fn $name() -> $type { 0 }
    };
}
zero!(fn zero { usize });
";
        let expected = "\
//! Of the module.

/// Of the function.
pub fn sum(values: &[f32]) -> f32 {}
pub const fn width() -> usize { 4 }
trait Named {
    fn name(&self) -> String {}
    fn id(&self) -> usize;
}

macro_rules! zero {
    (fn $name:ident { $type:ty }) => {
        
        
        #[cfg(unix)]
        pub fn $name() -> $type {}
    };
}
zero!(fn zero { usize });
";
        assert_eq!(interface(source, Edition::CURRENT), expected);
    }
}
