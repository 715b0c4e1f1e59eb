//! The arrows of ARCHITECTURE.md, checked with `cargo tree`.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use nascent_tests::cargo;

/// What one crate may and may not use.
struct Rule {
    package: &'static str,
    /// The crates of this workspace that it may use, directly or not.
    may_use: &'static [&'static str],
    /// What must never come with it, directly or not: a crate of this name, or one whose name goes
    /// on with a dash or an underscore (`egui` is also `egui_plot`).
    never: &'static [&'static str],
}

/// The rules: one for each crate of the workspace.
const RULES: &[Rule] = &[
    Rule {
        package: "nascent-record",
        may_use: &[],
        never: &["candle", "egui", "eframe", "evcxr", "polars", "plotters", "rand", "tokio"],
    },
    Rule {
        package: "nascent-datasets",
        may_use: &[],
        never: &["candle", "egui", "eframe", "evcxr", "polars", "plotters", "rand", "tokio"],
    },
    Rule {
        package: "nascent-ops",
        may_use: &[],
        never: &["egui", "eframe", "evcxr", "polars", "plotters", "tokio"],
    },
    Rule {
        package: "nascent",
        may_use: &["nascent-datasets", "nascent-ops", "nascent-record"],
        never: &["egui", "eframe", "evcxr", "polars", "plotters", "tokio"],
    },
    Rule {
        package: "nascent-figures",
        may_use: &["nascent-record"],
        never: &["candle", "egui", "eframe", "evcxr", "polars", "tokio"],
    },
    Rule {
        package: "nascent-frames",
        may_use: &["nascent-datasets", "nascent-record"],
        never: &["candle", "egui", "eframe", "evcxr", "plotters"],
    },
    Rule {
        package: "nascent-session",
        may_use: &[
            "nascent",
            "nascent-datasets",
            "nascent-frames",
            "nascent-ops",
            "nascent-record",
        ],
        never: &["egui", "eframe", "evcxr", "plotters"],
    },
    Rule {
        package: "nascent-wire",
        may_use: &[],
        never: &["candle", "egui", "eframe", "evcxr", "polars", "plotters", "rand", "tokio"],
    },
    Rule {
        package: "nascent-notebook",
        may_use: &[
            "nascent",
            "nascent-datasets",
            "nascent-figures",
            "nascent-frames",
            "nascent-ops",
            "nascent-record",
            "nascent-session",
            "nascent-wire",
        ],
        never: &["egui", "eframe", "evcxr"],
    },
    Rule {
        package: "nascent-kernel",
        may_use: &["nascent-wire"],
        never: &["candle", "egui", "eframe", "polars", "plotters"],
    },
    Rule {
        package: "nascent-cli",
        may_use: &[
            "nascent",
            "nascent-datasets",
            "nascent-figures",
            "nascent-frames",
            "nascent-ops",
            "nascent-record",
            "nascent-session",
        ],
        never: &["egui", "eframe", "evcxr"],
    },
    Rule {
        package: "nascent-gui",
        may_use: &["nascent-figures", "nascent-record"],
        never: &["candle", "evcxr", "polars", "tokio"],
    },
    Rule {
        package: "nascent-tests",
        may_use: &["xtask"],
        never: &["candle", "egui", "eframe", "evcxr", "polars"],
    },
    // It is compiled before everything that it checks.
    Rule {
        package: "xtask",
        may_use: &[],
        never: &["candle", "egui", "eframe", "evcxr", "polars", "plotters", "tokio"],
    },
];

/// What there must be one version of: two would not understand each other's types, and each takes
/// minutes to compile.
const ONE_VERSION: &[&str] = &["candle", "polars"];

/// The packages that `cargo tree` names, with their versions.
fn tree(args: &[&str]) -> BTreeSet<(String, String)> {
    let mut command = cargo();
    command.args(["tree", "--offline", "--prefix", "none", "--format", "{p}"]);
    let output = command.args(args).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree failed: {message}");
    let tree = String::from_utf8(output.stdout).unwrap();
    let words = tree.lines().map(|line| line.split(' '));
    words
        .filter_map(|mut words| Some((words.next()?.to_owned(), words.next()?.to_owned())))
        .collect()
}

/// What a package pulls in, without itself.
fn dependencies(package: &str) -> BTreeSet<String> {
    let tree = tree(&["--edges", "normal,build", "--package", package]);
    let mut names: BTreeSet<String> = tree.into_iter().map(|(name, _)| name).collect();
    assert!(names.remove(package), "cargo tree does not know {package}");
    names
}

/// The crates of this workspace.
fn members() -> BTreeSet<String> {
    let members = tree(&["--workspace", "--depth", "0"]);
    members.into_iter().map(|(name, _)| name).collect()
}

fn is_of(family: &str, name: &str) -> bool {
    let rest = name.strip_prefix(family);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
}

#[test]
fn every_crate_has_a_rule() {
    let ruled: BTreeSet<String> = RULES.iter().map(|rule| rule.package.to_owned()).collect();
    assert_eq!(ruled.len(), RULES.len(), "two rules for one crate");
    assert_eq!(ruled, members(), "rules on the left, crates on the right");
}

#[test]
fn arrows_point_one_way() {
    let members = members();
    for rule in RULES {
        let package = rule.package;
        for name in dependencies(package) {
            assert!(
                !members.contains(&name) || rule.may_use.contains(&name.as_str()),
                "{package} uses {name}: see the arrows in ARCHITECTURE.md"
            );
        }
    }
}

#[test]
fn nothing_forbidden_comes_along() {
    for rule in RULES {
        let package = rule.package;
        for name in dependencies(package) {
            for family in rule.never {
                assert!(
                    !is_of(family, &name),
                    "{package} must never pull in {family}, and pulls in {name}; why: \
                     cargo tree --edges normal,build --package {package} --invert {name}"
                );
            }
        }
    }
}

#[test]
fn large_dependencies_have_one_version() {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, version) in tree(&["--workspace", "--edges", "normal,build,dev"]) {
        versions.entry(name).or_default().insert(version);
    }
    for family in ONE_VERSION {
        let mut of_family = versions.iter().filter(|(name, _)| is_of(family, name)).peekable();
        assert!(of_family.peek().is_some(), "no crate uses {family}");
        for (name, versions) in of_family {
            assert_eq!(versions.len(), 1, "{name} has the versions {versions:?}");
        }
    }
}

/// The check itself: it must see what is there.
#[test]
fn the_check_sees_what_is_there() {
    assert!(dependencies("nascent").contains("candle-core"));
    assert!(dependencies("nascent-frames").contains("polars"));
    assert!(dependencies("nascent-figures").contains("plotters"));
    assert!(is_of("egui", "egui_plot") && !is_of("rand", "random"));
}
