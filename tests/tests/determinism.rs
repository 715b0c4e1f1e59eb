//! The real binary gives the same history on any number of workers, and after any crash.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nascent::search::SearcherEntry;
use nascent_tests::nascent;
use tempfile::tempdir;

/// A search that trains for real, small enough to be run often: pruning, a failing limit and a
/// final training are part of it.
fn search(run: &Path, workers: u32) -> Command {
    let mut command = Command::new(nascent());
    command.arg("search").arg("--run").arg(run).args([
        "--quiet",
        "--max-train=400",
        "--space-set=channels=4",
        "--searcher-set=population_size=5",
        "--searcher-set=sample_size=3",
        "--pruner=median",
        "--pruner-set=startup_trials=2",
        "--trials=14",
        "--epochs=3",
        "--final-epochs=2",
        "--lookahead=4",
        "--seed=11",
    ]);
    command.arg(format!("--workers={workers}"));
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn resume(run: &Path, workers: u32) -> Command {
    let mut command = Command::new(nascent());
    command.arg("resume").arg(run).arg("--quiet").arg(format!("--workers={workers}"));
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn finish(mut command: Command) {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {errors}");
}

fn hash(run: &Path) -> String {
    let output = Command::new(nascent()).arg("show").arg(run).arg("--hash").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn histories_are_the_same_on_1_2_and_4_workers() {
    let folder = tempdir().unwrap();
    let hashes = [1, 2, 4].map(|workers| {
        let run = folder.path().join(workers.to_string());
        finish(search(&run, workers));
        hash(&run)
    });
    assert_eq!(hashes[0], hashes[1]);
    assert_eq!(hashes[0], hashes[2]);
    let view = nascent_record::Run::open(&folder.path().join("1")).unwrap();
    assert_eq!((view.finished_trials(), view.retrained().len()), (14, 1));
}

/// A small generator: which moments are tried is the same every time.
struct Moments(u64);

impl Moments {
    fn next(&mut self) -> Duration {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis(30 + (self.0 >> 33) % 900)
    }
}

#[test]
fn a_run_killed_at_20_moments_has_the_history_of_the_undisturbed_one() {
    let folder = tempdir().unwrap();
    let undisturbed = folder.path().join("undisturbed");
    finish(search(&undisturbed, 2));
    let expected = hash(&undisturbed);

    let (mut moments, mut kills, mut runs) = (Moments(3), 0, 0);
    while kills < 20 {
        // A run that ends before it was killed often enough is compared, and followed by another.
        runs += 1;
        let run = folder.path().join(format!("killed-{runs}"));
        loop {
            // Killed before its manifest was written, it has to be started again.
            let started = run.join("run.json").exists();
            let mut child =
                if started { resume(&run, 2) } else { search(&run, 2) }.spawn().unwrap();
            std::thread::sleep(moments.next());
            let ended = child.try_wait().unwrap();
            if kills < 20 && ended.is_none() {
                child.kill().unwrap();
                kills += 1;
            }
            let output = child.wait_with_output().unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() || output.status.code().is_none(), "{errors}");
            if output.status.success() {
                break;
            }
        }
        assert_eq!(hash(&run), expected, "after {kills} kills in {runs} runs");
    }
}

/// A search that is run three times.
struct Case {
    name: String,
    arguments: Vec<String>,
    /// Whether it begins with a supernet, and is killed in that.
    trains_supernet: bool,
}

impl Case {
    /// A searcher over conditional choices if it can, with these settings beside.
    fn new(searcher: &SearcherEntry, settings: &[&str]) -> Self {
        let mut arguments = vec![format!("--searcher={}", searcher.name)];
        if searcher.trains_supernet() {
            // Long enough to be killed in an epoch.
            let small = [
                ("supernet_epochs", 6),
                ("samples", 10),
                ("population_size", 5),
                ("generations", 2),
            ];
            let known = (searcher.defaults)();
            let small = small.iter().filter(|(name, _)| known.get(name).is_some());
            arguments.extend(small.map(|(name, n)| format!("--searcher-set={name}={n}")));
            arguments.extend(["--trials=4", "--epochs=1"].map(str::to_owned));
            // Its operations see a part of the channels, so their weights are no network's.
            if searcher.name != "pc_darts" {
                arguments.push("--searcher-set=inherit_weights=true".to_owned());
            }
            arguments.push("--space-set=channels=4".to_owned());
        } else {
            arguments.extend(["--space=mlp", "--trials=24", "--epochs=3"].map(str::to_owned));
        }
        arguments.extend(settings.iter().map(|setting| (*setting).to_owned()));
        let name = format!("{} {}", searcher.name, settings.join(" "));
        Self { name, arguments, trains_supernet: searcher.trains_supernet() }
    }

    fn start(&self, run: &Path, workers: u32) -> Command {
        let mut command = Command::new(nascent());
        command.arg("search").arg("--run").arg(run).args([
            "--quiet",
            "--max-train=300",
            "--final-epochs=0",
            "--lookahead=4",
        ]);
        command.args(&self.arguments).arg(format!("--workers={workers}"));
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// Kills it once: a supernet when it has trained an epoch, and before anything is proposed, others
    /// at any time.
    fn kill(&self, run: &Path, moments: &mut Moments) {
        if !self.trains_supernet {
            let mut child = self.start(run, 2).spawn().unwrap();
            std::thread::sleep(moments.next() / 3);
            child.kill().unwrap();
            child.wait().unwrap();
            return;
        }
        // On a machine that is busy a kill may come too late, and the search is begun again.
        let is_hit = (0..10).any(|_| {
            let _nothing_there = std::fs::remove_dir_all(run);
            let mut child = self.start(run, 2).spawn().unwrap();
            let events = run.join("events.jsonl");
            let has_trained = || {
                let log = std::fs::read_to_string(&events).unwrap_or_default();
                log.contains("\"searcher_trained\"") && log.ends_with('\n')
            };
            while !has_trained() && child.try_wait().unwrap().is_none() {
                std::thread::sleep(Duration::from_millis(1));
            }
            child.kill().unwrap();
            child.wait().unwrap();
            let view = nascent_record::Run::open(run).unwrap();
            let epochs = view.searcher_epochs();
            epochs.last().is_some_and(|last| last.epoch < last.epochs) && view.trials().is_empty()
        });
        assert!(is_hit, "{} was never killed between two epochs of its supernet", self.name);
    }
}

/// Every searcher of the table on 1 and 3 workers, and killed once; and settings of searchers that
/// keep more from epoch to epoch.
#[test]
fn every_searcher_has_one_history() {
    let folder = tempdir().unwrap();
    let mut cases: Vec<Case> =
        nascent::search::SEARCHERS.iter().map(|searcher| Case::new(searcher, &[])).collect();
    let more: [(&str, &[&str]); 3] = [
        ("darts", &["--searcher-set=second_order=true"]),
        // The rule looks back at more epochs than the others have.
        ("darts", &["--searcher-set=stop_on_collapse=true", "--searcher-set=supernet_epochs=12"]),
        (
            "proxyless",
            &[
                "--space=proxyless",
                "--space-set=widths=2",
                "--space-set=stages=2",
                "--space-set=blocks=1",
                "--searcher-set=cost_weight=0.5",
                "--searcher-set=inherit_weights=false",
            ],
        ),
    ];
    for (searcher, settings) in more {
        cases.push(Case::new(nascent::search::find(searcher).unwrap(), settings));
    }
    let mut moments = Moments(5);
    for (number, case) in cases.iter().enumerate() {
        let name = &case.name;
        let [one, three, killed] =
            ["one", "three", "killed"].map(|run| folder.path().join(format!("{number}-{run}")));
        finish(case.start(&one, 1));
        finish(case.start(&three, 3));
        assert_eq!(hash(&one), hash(&three), "{name} depends on the number of workers");
        case.kill(&killed, &mut moments);
        if killed.join("run.json").exists() {
            finish(resume(&killed, 3));
        } else {
            finish(case.start(&killed, 3));
        }
        assert_eq!(hash(&one), hash(&killed), "{name} goes on otherwise after a kill");
    }
}

/// A space that a file declares: it is in the manifest, so the file may be gone.
#[test]
fn a_run_over_a_declared_space_goes_on_without_its_file() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("space.json");
    let declaration = r#"{
        "choices": [
            { "name": "width", "domain": { "categorical": { "options": ["4", "8"] } } },
            { "name": "depth", "domain": { "integer": { "low": 1, "high": 2 } } }
        ],
        "cells": [{ "name": "block", "input": "x", "nodes": [
            { "name": "a", "edges": [{ "from": "x", "ops": ["skip_connect", "nor_conv_3x3"] }] },
            { "name": "y", "edges": [{ "from": "x" }, { "from": "a", "ops": ["none", "nor_conv_1x1"] }] }
        ] }],
        "network": [
            { "stages": { "count": 2, "channels": { "choice": "width" }, "parts": [
                { "repeat": { "times": { "choice": "depth" }, "parts": [{ "layer": { "op": "block" } }] } }
            ] } },
            { "layer": { "op": "head" } }
        ]
    }"#;
    let start = |run: &Path, workers: u32| {
        std::fs::write(&file, declaration).unwrap();
        let mut command = Command::new(nascent());
        command.arg("search").arg("--run").arg(run).args([
            "--quiet",
            "--space=declared",
            "--max-train=400",
            "--searcher=tpe",
            "--trials=12",
            "--epochs=2",
            "--final-epochs=2",
            "--seed=4",
        ]);
        command.arg(format!("--space-set=file={}", file.display()));
        command.arg(format!("--workers={workers}"));
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command
    };
    let [undisturbed, killed] = ["undisturbed", "killed"].map(|run| folder.path().join(run));
    finish(start(&undisturbed, 1));
    let mut child = start(&killed, 2).spawn().unwrap();
    let events = killed.join("events.jsonl");
    let has_begun = || std::fs::read_to_string(&events).is_ok_and(|log| log.lines().count() > 6);
    while !has_begun() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let ended = nascent_record::Run::open(&killed).unwrap().finished_trials();
    assert!(ended < 12, "it was killed too late to say anything");
    std::fs::remove_file(&file).unwrap();
    finish(resume(&killed, 3));
    assert_eq!(hash(&killed), hash(&undisturbed));
    let view = nascent_record::Run::open(&killed).unwrap();
    assert_eq!((view.finished_trials(), view.retrained().len()), (12, 1));
    assert_eq!(view.manifest().space.name, "declared");
}
