//! Mistakes in `space!` that the compiler finds: what it says of them names the fix.
//!
//! Each is compiled by rustc against the library that this test is linked to; nothing is built anew.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The library beside this test, the newest where there are several.
fn library(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_library = |path: &PathBuf| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        path.extension().is_some_and(|extension| extension == "rlib")
            && name.starts_with("libnascent_notebook")
    };
    files
        .filter(is_library)
        .max_by_key(|path| path.metadata().unwrap().modified().unwrap())
        .unwrap()
}

/// What rustc says of a cell with this in `space!`; nothing, if it is right.
fn said_of(body: &str) -> String {
    let deps = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cell.rs");
    let cell = format!(
        "use nascent_notebook::prelude::*;\n\
         pub fn cell() -> Result<Space, nascent_notebook::Error> {{ space! {{ {body} }} }}\n"
    );
    fs::write(&file, cell).unwrap();
    let output = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "--color=never"])
        .arg(&file)
        .arg("--out-dir")
        .arg(folder.path())
        .arg("-L")
        .arg(format!("dependency={}", deps.display()))
        .arg("--extern")
        .arg(format!("nascent_notebook={}", library(&deps).display()))
        .output()
        .unwrap();
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn what_is_right_compiles_without_a_warning() {
    let body = "
        choices { width: [8, 16]; depth: 1..=2; }
        cell block(x) { y = sum(x: [none, conv(channels: width)]); }
        network { stem(channels: width); repeat(depth) { block; } head; }";
    assert_eq!(said_of(body), "");
}

#[test]
fn mistakes_are_errors_of_the_compiler_that_name_the_fix() {
    let network = "network { flatten; linear(width: width); classifier; }";
    let with = |choices: &str| format!("choices {{ {choices} }} {network}");
    let cell = |nodes: &str| format!("cell block(x) {{ {nodes} }}");
    let mut otherwise = Vec::new();
    for (body, expected) in [
        // Names that are not declared: the compiler knows which are.
        (
            "choices { width: 8..=16; } network { flatten; linear(width: widht); classifier; }"
                .to_owned(),
            &["cannot find value `widht`", "similar name exists", "linear(width: width)"][..],
        ),
        (
            "choices { width: 8..=16; } network { flatten; linaer(width: width); }".to_owned(),
            &["cannot find value `linaer`", "similar name exists", "linear(width: width)"],
        ),
        (
            cell("y = sum(x: [none, nor_conv_3x4]);"),
            &["cannot find value `nor_conv_3x4`", "`nor_conv_3x3`"],
        ),
        (cell("a = sum(x); y = sum(b: nor_conv_1x1);"), &["cannot find value `b`"]),
        // What cannot be chosen, or set.
        (
            with("width: 8..16;"),
            &[
                "`std::ops::Range<",
                "says nothing that could be chosen",
                "both ends, such as `1..=4`",
            ],
        ),
        (with("width: 16;"), &["says nothing that could be chosen"]),
        (
            "network { flatten; linear(width: [8]); }".to_owned(),
            &["is no setting of an operation", "`channels: width * 2`"],
        ),
        // Slips in the grammar.
        (with("width = 8..=16;"), &["write `width: options;` instead of `width = options`"]),
        (with("width: 8..=16"), &["put a `;` behind the choice `width`"]),
        (
            with("depth: 1..=2; width: 8..=16, if depth;"),
            &[
                "a choice is written `name: options;`",
                "does not understand `width: 8..=16, if depth;`",
            ],
        ),
        (
            with("depth: 1..=2; width: 8..=16, when depth < 2;"),
            &["a condition is `depth == \"option\"`", "and not `depth < 2`"],
        ),
        (
            cell("y = add(x: none);"),
            &["a node joins its edges by `sum` or `concat`, and not by `add`"],
        ),
        (cell("y = sum(x: none)"), &["put a `;` behind the node `y`"]),
        (cell("y: sum(x);"), &["a node is written `name = sum(from: [operations], …);`"]),
        (cell("y = sum(x = none);"), &["the edges of a node are the nodes they come from"]),
        (
            cell("y = sum(x: [conv(kernel = 3)]);"),
            &["settings are written `name: value`", "and not `kernel = 3`"],
        ),
        (
            "network { repeat 3 { identity; } }".to_owned(),
            &["a network is layers with `;` behind each, `repeat(times) { … }`"],
        ),
        ("network { repeat { identity; } }".to_owned(), &["write `repeat(times) { layer; }`"]),
        (
            "network { stages(3) { identity; } }".to_owned(),
            &["write `stages(3, channels: 8) { layer; }`"],
        ),
        (
            "network { identity { stem; } }".to_owned(),
            &["`identity { … }` is no part of a network"],
        ),
        (
            "network { head; } choices { width: 1..=2; }".to_owned(),
            &["space! takes, in this order, `choices"],
        ),
    ] {
        let said = said_of(&body);
        let missing = expected.iter().filter(|expected| !said.contains(**expected));
        otherwise
            .extend(missing.map(|expected| format!("of {body}\n{said}\ninstead of {expected}")));
    }
    assert!(otherwise.is_empty(), "{}", otherwise.join("\n\n"));
}
