//! Objectives, constraints, duplicates, enqueued architectures and warm starts, through the real
//! binary. The evaluator counts sizes, so that a search takes milliseconds.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::HashSet;
use std::path::Path;
use std::process::Command;

use nascent_record::{Origin, Run, RunView, analysis};
use nascent_tests::nascent;
use tempfile::tempdir;

fn command(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(nascent()).current_dir(folder).args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

fn search(folder: &Path, run: &str, trials: u32, more: &[&str]) -> RunView {
    let trials = format!("--trials={trials}");
    let arguments = [&["search", "--evaluator=size", "--quiet", "--run", run, &trials][..], more];
    let (success, text) = command(folder, &arguments.concat());
    assert!(success, "{text}");
    Run::open(&folder.join(run)).unwrap()
}

#[test]
fn what_is_too_large_is_never_evaluated() {
    let folder = tempdir().unwrap();
    let limits = ["--space=macro_cnn", "--constraint=params<=30000", "--constraint=flops>=1e5"];
    for name in ["random", "regularized_evolution", "local_search"] {
        let searcher = format!("--searcher={name}");
        let run = search(folder.path(), name, 60, &[&limits[..], &[&searcher]].concat());
        assert_eq!(run.trials().len(), 60);
        for trial in run.trials() {
            assert!(trial.metric("params").unwrap() <= 30_000.0);
            assert!(trial.metric("flops").unwrap() >= 1e5);
        }
    }
}

#[test]
fn constraints_that_nothing_keeps_are_an_error_at_the_start() {
    let folder = tempdir().unwrap();
    for (constraint, expected) in [
        ("--constraint=params<=10", "no architecture was found that keeps params<=10"),
        ("--constraint=parms<=10", "did you mean \"params\"?"),
        ("--constraint=params=10", "write a metric and its limit, such as params<=1e6"),
        ("--weights=1,2", "there is one objective"),
        ("--reward=params=0", "a target of the reward must be above 0"),
        ("--duplicates=ignore", "reuse"),
        ("--enqueue=|none~0|", "three nodes"),
        ("--warm-start=nowhere", "nowhere is not a run"),
    ] {
        let arguments = ["search", "--evaluator=size", "--run=run", constraint];
        let (success, text) = command(folder.path(), &arguments);
        assert!(!success && text.contains(expected), "{constraint}: {text}");
        assert!(!folder.path().join("run").exists(), "{constraint} leaves a run behind");
    }
}

#[test]
fn a_limit_on_what_is_measured_is_kept_by_the_best() {
    let folder = tempdir().unwrap();
    let trained = |run: &str, goal: &[&str]| {
        let small = ["search", "--quiet", "--run", run, "--trials=4", "--epochs=1"];
        let smaller = ["--space-set=channels=2", "--max-train=100", "--final-epochs=0"];
        let (success, text) = command(folder.path(), &[&small[..], &smaller, goal].concat());
        assert!(success, "{text}");
        Run::open(&folder.path().join(run)).unwrap()
    };
    let run = trained("loose", &["--constraint=latency_ms<=1e6", "--reward=latency_ms=5"]);
    assert!(run.trials().iter().all(|trial| trial.metric("latency_ms").unwrap() > 0.0));
    assert!(analysis::incumbent(&run).is_some());
    // No network is as fast, which is known when it was measured only.
    let run = trained("tight", &["--constraint=latency_ms<=1e-9"]);
    assert_eq!(run.trials().len(), 4);
    assert!(analysis::incumbent(&run).is_none());
}

#[test]
fn a_search_for_several_objectives_shows_their_front() {
    let folder = tempdir().unwrap();
    let objectives = ["--objective=size_error", "--objective=params"];
    let run = search(folder.path(), "run", 200, &objectives);
    let front = analysis::pareto_trials(&run);
    assert!(front.len() > 1);
    for pair in front.windows(2) {
        let value = |at: usize, name| pair[at].metric(name).unwrap();
        assert!(value(0, "size_error") <= value(1, "size_error"));
        assert!(value(0, "params") >= value(1, "params"));
    }
    let (_, text) = command(folder.path(), &["show", "run"]);
    assert!(text.contains("minimize size_error and minimize params, their Pareto front"), "{text}");
    assert!(text.contains("hypervolume") && text.contains("of the box"), "{text}");

    let reward = search(folder.path(), "reward", 60, &["--reward=params=50000,0,1"]);
    let (_, text) = command(folder.path(), &["show", "reward"]);
    assert!(text.contains("as a reward with params about 50,000"), "{text}");
    assert_eq!(reward.manifest().goal.objectives.len(), 2);
}

#[test]
fn duplicates_are_asked_again_or_reused() {
    let folder = tempdir().unwrap();
    let space = nascent::space::find("nas_bench_201").unwrap();
    let space = space.make(&serde_json::Value::Null, &()).unwrap();
    let many = ["--searcher=random"];
    let networks = |run: &RunView| -> usize {
        let all = run.trials().iter().map(|t| space.canonical(&t.proposal.architecture));
        all.collect::<HashSet<_>>().len()
    };
    let anew = search(folder.path(), "anew", 400, &many);
    assert_eq!(networks(&anew), 400);

    let reuse = search(folder.path(), "reuse", 400, &[&many[..], &["--duplicates=reuse"]].concat());
    assert!(networks(&reuse) < 400);
    let mut reused = 0;
    for trial in reuse.trials() {
        let Some(Origin::Reused { trial: earlier }) = trial.proposal.origin.as_deref() else {
            continue;
        };
        reused += 1;
        let earlier = &reuse.trials()[earlier.index()];
        assert!(earlier.id.0 < trial.told);
        assert_eq!(trial.outcome, earlier.outcome);
        let canonical = |t: &nascent_record::Trial| space.canonical(&t.proposal.architecture);
        assert_eq!(canonical(trial), canonical(earlier));
    }
    assert!(reused > 0);
}

#[test]
fn enqueued_architectures_come_first_and_a_run_can_begin_with_another() {
    let folder = tempdir().unwrap();
    let wanted = "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|";
    let first = search(folder.path(), "first", 20, &["--enqueue", wanted]);
    let space = nascent::space::find("nas_bench_201").unwrap();
    let space = space.make(&serde_json::Value::Null, &()).unwrap();
    let trial = &first.trials()[0];
    assert_eq!(trial.proposal.architecture, space.parse(wanted).unwrap());
    assert_eq!(trial.proposal.origin.as_deref(), Some(&Origin::Enqueued));
    assert_eq!(first.trials()[1].proposal.origin, None);

    let warm = ["--warm-start=first", "--seed=1"];
    let second = search(folder.path(), "second", 10, &warm);
    assert_eq!((second.trials().len(), second.manifest().imported), (30, 20));
    for (own, other) in std::iter::zip(second.trials(), first.trials()) {
        assert_eq!(own.outcome, other.outcome);
        assert_eq!(own.proposal.architecture, other.proposal.architecture);
    }
    // Evolution goes on from what it was given: its first own trial has a parent among them.
    let child = &second.trials()[20];
    assert!(child.proposal.parents.iter().all(|parent| parent.0 < 20));
    assert_eq!(child.proposal.parents.len(), 1);
    // It goes on as if it had never been interrupted.
    let more = ["resume", "second", "--quiet", "--trials=15"];
    let (success, text) = command(folder.path(), &more);
    assert!(success, "{text}");
    let whole = search(folder.path(), "whole", 15, &warm);
    let resumed = Run::open(&folder.path().join("second")).unwrap();
    assert_eq!(resumed.history_hash(), whole.history_hash());

    let other = ["search", "--evaluator=size", "--space=mlp", "--warm-start=first", "--run=x"];
    let (success, text) = command(folder.path(), &other);
    assert!(!success && text.contains("has other choices"), "{text}");
}
