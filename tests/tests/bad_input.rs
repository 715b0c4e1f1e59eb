//! What the real binary says to bad input: every message names the input and the fix, nothing is
//! lost, and a trial that fails is a record.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nascent_record::{FailureKind, Outcome, Run};
use nascent_tests::nascent;
use tempfile::tempdir;

/// Runs the binary with these arguments in `folder`; returns whether it succeeded, and all it said.
fn run(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(nascent());
    let output = command.args(arguments).current_dir(folder).output().unwrap();
    let mut text = String::from_utf8(output.stdout).unwrap();
    text.push_str(&String::from_utf8(output.stderr).unwrap());
    assert!(!text.contains("panicked"), "{text}");
    (output.status.success(), text)
}

/// The complaint about these arguments.
fn complaint(folder: &Path, arguments: &[&str]) -> String {
    let (success, text) = run(folder, arguments);
    assert!(!success, "{arguments:?} was accepted: {text}");
    text
}

/// A short search, in the folder `run`.
const SHORT: [&str; 8] = [
    "search",
    "--quiet",
    "--run=run",
    "--max-train=200",
    "--space-set=channels=2",
    "--trials=3",
    "--epochs=1",
    "--final-epochs=0",
];

fn short(folder: &Path, more: &[&str]) -> (bool, String) {
    run(folder, &[&SHORT[..], more].concat())
}

#[test]
fn unknown_names_suggest_the_nearest() {
    let folder = tempdir().unwrap();
    for (argument, expected) in [
        ("--searcher=regularised_evolution", "did you mean \"regularized_evolution\"?"),
        ("--space=nasbench201", "did you mean \"nas_bench_201\"?"),
        ("--pruner=medain", "did you mean \"median\"?"),
        ("--evaluator=trian", "did you mean \"train\"?"),
        ("--objective=valid_acuracy", "did you mean \"valid_accuracy\"?"),
        ("--data=fashon_mnist", "fashion_mnist"),
        ("--space-set=chanels=3", "did you mean \"channels\"?"),
        ("--searcher-set=population=3", "did you mean \"population_size\"?"),
        ("--space-set=file=space.json", "there is no setting \"file\""),
        ("--space-set=channels", "is not of the form key=value"),
        ("--device=tpu", "tpu"),
    ] {
        let text = complaint(folder.path(), &["search", argument]);
        assert!(text.contains(expected), "{argument}: {text}");
    }
    assert!(!folder.path().join("runs").exists(), "a refused search leaves nothing behind");
    let text = complaint(folder.path(), &["plot", "best_sofar", ".", "-o", "x.svg"]);
    assert!(text.contains("did you mean \"best_so_far\"?"), "{text}");
    let text = complaint(folder.path(), &["datasets", "fetch", "mnits"]);
    assert!(text.contains("mnist"), "{text}");
}

#[test]
fn settings_that_cannot_be_are_refused_before_anything_starts() {
    let folder = tempdir().unwrap();
    for (argument, expected) in [
        ("--workers=0", "0 is not in 1..=1024"),
        ("--lookahead=0", "the lookahead is 0"),
        ("--space-set=channels=0", "channels must be 1 to 4096"),
        ("--space-set=channels=many", "invalid type"),
        ("--searcher-set=sample_size=0", "must be at least 1"),
        ("--searcher-set=population_size=4", "must be at least sample_size (5)"),
        ("--trial-secs=-1", "a number above 0"),
        ("--max-secs=nan", "a number above 0"),
        ("--trials=0", "0 is not in 1.."),
        ("--max-cost-secs=5", "cost_secs, which this evaluator has not"),
        ("--objective=test_accuracy", "no metric to search for"),
        ("--space-set=cells=900000000", "cells 1 to 100"),
        ("--valid=x", "--table"),
        ("--label=x", "the name of a dataset"),
    ] {
        let text = complaint(folder.path(), &["search", argument]);
        assert!(text.contains(expected), "{argument}: {text}");
    }
}

#[test]
fn a_declared_space_is_refused_with_the_place_of_the_mistake() {
    let folder = tempdir().unwrap();
    let refused = |declaration: &str| {
        fs::write(folder.path().join("space.json"), declaration).unwrap();
        let arguments = ["search", "--space=declared", "--space-set=file=space.json"];
        complaint(folder.path(), &arguments)
    };
    let text = refused("{ \"network\": [ }");
    assert!(text.contains("space.json declares no search space"), "{text}");
    assert!(text.contains("line 1 column 16"), "{text}");
    let text = refused("{ \"network\": [{ \"layer\": { \"op\": \"haed\" } }] }");
    assert!(text.contains("layer \"haed\"") && text.contains("did you mean \"head\"?"), "{text}");
    // It is a space, and none for pictures of 8 x 8.
    let text = refused(
        r#"{ "choices": [{ "name": "width", "domain": { "integer": { "low": 4, "high": 8 } } }],
             "network": [{ "layer": { "op": "linear", "with": { "width": { "choice": "width" } } } }] }"#,
    );
    assert!(text.contains("put a flatten before it"), "{text}");
    let gone = ["search", "--space=declared", "--space-set=file=gone.json"];
    assert!(complaint(folder.path(), &gone).contains("cannot read gone.json"));
    assert!(!folder.path().join("runs").exists(), "a refused search leaves nothing behind");
}

#[test]
fn settings_of_every_family_are_checked_at_the_start() {
    let folder = tempdir().unwrap();
    for (searcher, setting, expected) in [
        ("genetic", "population_size=2", "population_size"),
        ("genetic", "crossover_rate=1.5", "crossover_rate"),
        ("tpe", "gamma=0", "gamma"),
        ("gp", "initial_samples=0", "initial_samples"),
        ("reinforce", "batch_size=0", "batch_size"),
        ("ppo", "clip=-1", "clip"),
        ("hyperband", "min_epochs=4", "the evaluator can give 1 to 3 epochs"),
        ("hyperband", "max_epochs=9", "raise --epochs"),
        ("successive_halving", "reduction_factor=1", "must be at least 2"),
    ] {
        let searcher = format!("--searcher={searcher}");
        let setting = format!("--searcher-set={setting}");
        let text = complaint(folder.path(), &["search", &searcher, &setting]);
        assert!(text.contains(expected), "{searcher} {setting}: {text}");
    }
    let text = complaint(folder.path(), &["search", "--searcher=hyperband", "--epochs=1"]);
    assert!(text.contains("there is one rung only"), "{text}");
    assert!(!folder.path().join("runs").exists(), "a refused search leaves nothing behind");
}

#[test]
fn a_damaged_or_newer_run_is_an_error_with_the_place() {
    let folder = tempdir().unwrap();
    assert!(short(folder.path(), &[]).0);
    let (events, manifest) =
        (folder.path().join("run/events.jsonl"), folder.path().join("run/run.json"));
    let log = fs::read_to_string(&events).unwrap();

    let lines: Vec<&str> = log.lines().collect();
    let damaged = [&lines[..2], &["{\"at_ms\":1,\"trial_st"], &lines[3..]].concat().join("\n");
    fs::write(&events, damaged + "\n").unwrap();
    for command in ["show", "resume", "export"] {
        let text = complaint(folder.path(), &[command, "run"]);
        assert!(text.contains("line 3 of") && text.contains("is damaged"), "{text}");
    }
    // The list of runs still shows the others, and names this one.
    let (success, text) = run(folder.path(), &["runs", "."]);
    assert!(success && text.contains("cannot be read") && text.contains("line 3"), "{text}");

    fs::write(&events, &log).unwrap();
    let newer = fs::read_to_string(&manifest).unwrap().replace("\"schema\": 1", "\"schema\": 99");
    fs::write(&manifest, newer).unwrap();
    let text = complaint(folder.path(), &["show", "run"]);
    assert!(text.contains("this run has schema 99") && text.contains("update nascent"), "{text}");

    let text = complaint(folder.path(), &["show", "nowhere"]);
    assert!(text.contains("nowhere is not a run"), "{text}");
    let text = complaint(folder.path(), &SHORT);
    assert!(text.contains("a run already exists in run"), "{text}");
}

#[test]
fn a_run_in_use_names_its_writer_and_ctrl_c_ends_it_cleanly() {
    let folder = tempdir().unwrap();
    let long = ["search", "--run=run", "--trials=5000", "--epochs=50", "--workers=1"];
    let mut command = Command::new(nascent());
    let child = command.args(long).current_dir(folder.path()).stderr(Stdio::piped()).spawn();
    let child = child.unwrap();
    let run_folder = folder.path().join("run");
    let started = || Run::open(&run_folder).is_ok_and(|view| !view.trials().is_empty());
    let mut attempts = 0..1200;
    while !started() {
        assert!(attempts.next().is_some(), "the search did not start within a minute");
        std::thread::sleep(Duration::from_millis(50));
    }
    let text = complaint(folder.path(), &["resume", "run"]);
    let holder = format!("in use by process {}", child.id());
    assert!(text.contains(&holder) && text.contains("one writer"), "{text}");
    // Readers are not disturbed.
    let (success, text) = run(folder.path(), &["show", "run"]);
    assert!(success && text.contains("running"), "{text}");

    let kill = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{text}");
    assert!(text.contains("go on with: nascent resume run"), "{text}");
    let (_, text) = run(folder.path(), &["show", "run"]);
    assert!(text.contains("interrupted"), "{text}");
}

#[test]
fn data_that_is_not_what_it_should_be_is_refused_by_name() {
    let folder = tempdir().unwrap();
    let data = folder.path().join("fashion_mnist");
    fs::create_dir_all(&data).unwrap();
    for name in [
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ] {
        fs::write(data.join(name), [0, 0, 8, 3, 0, 0, 0, 9]).unwrap();
    }
    let arguments = ["search", "--data=fashion_mnist", "--data-dir=."];
    let text = complaint(folder.path(), &arguments);
    assert!(text.contains("idx"), "{text}");

    let csv = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    csv("a.csv", "x,y\n1,a\n2\n");
    let text = complaint(folder.path(), &["search", "--data=a.csv", "--label=y"]);
    assert!(text.contains("a.csv"), "{text}");
    csv("b.csv", "x,y\n1,a\n,b\n");
    let text = complaint(folder.path(), &["search", "--data=b.csv", "--label=y"]);
    assert!(text.contains('x'), "{text}");
    csv("d.csv", "x,y\n1,a\n2,b\n3,a\n4,b\n5,a\n6,b\n7,a\n8,b\n9,a\n10,b\n");
    let text = complaint(folder.path(), &["search", "--data=d.csv", "--label=y"]);
    assert!(text.contains("does not suit") && text.contains("such as mlp"), "{text}");
    let text = complaint(folder.path(), &["search", "--data=b.csv"]);
    assert!(text.contains("say --label COLUMN"), "{text}");
    let text = complaint(folder.path(), &["search", "--data=c.csv", "--label=y"]);
    assert!(text.contains("c.csv"), "{text}");

    csv("t.csv", "arch,acc\nz,NaN\n");
    let table = ["search", "--table=t.csv"];
    let text = complaint(folder.path(), &[&table[..], &["--valid=ac"]].concat());
    assert!(text.contains("\"ac\"") && text.contains("acc"), "{text}");
    let text = complaint(folder.path(), &[&table[..], &["--valid=acc"]].concat());
    assert!(text.contains("column \"acc\"") && text.contains("row 1"), "{text}");
}

#[test]
fn a_failing_trial_is_a_record_and_the_search_goes_on() {
    for (argument, kind) in [
        ("--evaluator-set=learning_rate=1e9", FailureKind::Diverged),
        ("--trial-mib=1", FailureKind::Memory),
        ("--trial-secs=0.000001", FailureKind::Timeout),
    ] {
        let folder = tempdir().unwrap();
        let more = [argument, "--evaluator-set=clip_norm=0"];
        let (success, text) = short(folder.path(), &more);
        assert!(success, "{argument}: {text}");
        let view = Run::open(&folder.path().join("run")).unwrap();
        assert_eq!(view.finished_trials(), 3);
        for trial in view.trials() {
            assert!(
                matches!(&trial.outcome, Some(Outcome::Failed(f)) if f.kind == kind),
                "{argument}: {:?}",
                trial.outcome
            );
        }
        let (success, text) = run(folder.path(), &["show", "run"]);
        assert!(success && text.contains(&format!("3 × {kind}")), "{text}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let text = complaint(folder.path(), &["search", "--runs=file/runs"]);
    assert!(text.contains("cannot create") && text.contains("file/runs"), "{text}");
}

/// A disk that is full in the middle of a search, as a small file system in a mount namespace.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_loses_nothing_that_was_finished() {
    let folder = tempdir().unwrap();
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let possible = Command::new("unshare").args(["-rm", "true"]).output();
    if !possible.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: this system lets nobody make a mount namespace");
        return;
    }
    // Five pages: the manifest and a part of the log.
    let script = format!(
        "set -u; mount -t tmpfs -o size=20k tmpfs {disk} || exit 77; cd {disk}; \
         {nascent} search --quiet --run=run --max-train=200 --space-set=channels=2 --trials=60 \
         --epochs=1 --final-epochs=0 --workers=1; \
         echo first=$?; mount -o remount,size=4m {disk} || exit 78; \
         {nascent} show run | grep '^trials'; \
         {nascent} resume --quiet run >/dev/null; echo second=$?; {nascent} show run --hash",
        disk = disk.display(),
        nascent = nascent().display()
    );
    let output = Command::new("unshare").args(["-rm", "sh", "-c", &script]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    if matches!(output.status.code(), Some(77 | 78)) {
        eprintln!("skipped: no small file system can be mounted here: {errors}");
        return;
    }
    assert!(errors.contains("events.jsonl") && errors.contains("free some space"), "{errors}");
    assert!(text.contains("first=1") && text.contains("second=0"), "{text}{errors}");
    let (success, _) = run(
        folder.path(),
        &[
            "search",
            "--quiet",
            "--run=whole",
            "--max-train=200",
            "--space-set=channels=2",
            "--trials=60",
            "--epochs=1",
            "--final-epochs=0",
        ],
    );
    assert!(success);
    let (_, hash) = run(folder.path(), &["show", "whole", "--hash"]);
    assert!(text.contains(hash.trim()), "{text} should have the history {hash}");
}
