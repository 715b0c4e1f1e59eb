//! Supernets by the real binary: the final training of several, and how well shared weights rank.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nascent_tests::{json, nascent, run};
use tempfile::tempdir;

/// The end of a search, with the final training of two.
fn search<'a>(name: &'a str, final_epochs: &'a str) -> Vec<&'a str> {
    let search = [
        "search",
        "--quiet",
        "--max-train=300",
        "--space-set=channels=4",
        "--searcher=darts",
        "--searcher-set=supernet_epochs=1",
        "--trials=3",
        "--epochs=1",
        "--final-top=2",
    ];
    [&search as &[&str], &[name, final_epochs]].concat()
}

/// The lines of the log that are about a final training.
fn retrained(run: &Path) -> Vec<String> {
    let log = fs::read_to_string(run.join("events.jsonl")).unwrap_or_default();
    // The last may still be being written.
    let whole = &log[..log.rfind('\n').map_or(0, |end| end + 1)];
    whole.lines().filter(|line| line.contains("\"retrained\":")).map(str::to_owned).collect()
}

#[test]
fn the_best_two_are_trained_again_and_shown() {
    let folder = tempdir().unwrap();
    let here = folder.path();
    let text = run(here, &search("--run=a", "--final-epochs=2"));
    assert_eq!(retrained(&here.join("a")).len(), 2, "{text}");
    let board = json(here, &["best", "a", "--json"]);
    let best: Vec<u64> = (0..3).map(|at| board[at]["trial"].as_u64().unwrap()).collect();
    let summary = json(here, &["show", "a", "--json"]);
    let again = summary["retrained"].as_array().unwrap();
    let again: Vec<u64> = again.iter().map(|again| again["trial"].as_u64().unwrap()).collect();
    assert_eq!(again, best[..2], "the best first, and no third");
    assert_eq!(board[1]["retrained"].as_array().unwrap().len(), 1);
    assert_eq!(board[2]["retrained"].as_array().unwrap().len(), 0);

    // Each place that shows final trainings shows both.
    let of = |at: usize| summary["retrained"][at]["metrics"]["test_accuracy"].as_f64().unwrap();
    let tests = [0, 1].map(|at| format!("{:.4}", of(at)));
    let report = fs::read_to_string(here.join("a/report.html")).unwrap();
    let (shown, best_text) = (run(here, &["show", "a"]), run(here, &["best", "a"]));
    let compared = run(here, &["compare", "a"]);
    for text in [&text, &report, &shown, &best_text, &compared] {
        assert!(tests.iter().all(|test| text.contains(test)), "{tests:?}: {text}");
    }
    let compared = json(here, &["compare", "a", "--json"]);
    assert_eq!(compared[0]["test_accuracy"].as_f64(), Some(of(0)));
    assert_eq!(compared[0]["retrained"].as_array().unwrap().len(), 2);

    // The weights of either can be had, and those of the third are not there.
    let second = best[1].to_string();
    run(here, &["best", "a", "--weights=first"]);
    run(here, &["best", "a", "--weights=second", "--trial", &second]);
    assert_ne!(fs::read(here.join("first")).unwrap(), fs::read(here.join("second")).unwrap());
    let third = best[2].to_string();
    let arguments = ["best", "a", "--weights=third", "--trial", &third];
    let refused = Command::new(nascent()).args(arguments).current_dir(here).output().unwrap();
    assert!(!refused.status.success());
}

/// Killed between the two: the first is not trained again.
#[test]
fn the_second_final_training_is_resumed_without_the_first() {
    let folder = tempdir().unwrap();
    let here = folder.path();
    // Long enough to be killed in.
    let epochs = "--final-epochs=40";
    run(here, &search("--run=undisturbed", epochs));
    let killed = here.join("killed");
    let is_between = (0..5).any(|_| {
        let _nothing_there = fs::remove_dir_all(&killed);
        let mut child = Command::new(nascent());
        child.args(search("--run=killed", epochs)).current_dir(here).stdout(Stdio::null());
        let mut child = child.spawn().unwrap();
        while retrained(&killed).is_empty() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        retrained(&killed).len() == 1
    });
    assert!(is_between, "the second final training had always ended");
    let first = retrained(&killed);
    run(here, &["resume", "killed", "--quiet"]);
    let both = retrained(&killed);
    assert_eq!(both.len(), 2);
    assert_eq!(both[0], first[0], "the first is as it was");
    let hash = |name| run(here, &["show", name, "--hash"]);
    assert_eq!(hash("killed"), hash("undisturbed"));
    run(here, &["resume", "killed", "--quiet"]);
    assert_eq!(retrained(&killed).len(), 2, "nothing was left to do");
}

/// The options of a rank correlation that takes a moment.
fn ranks<'a>(name: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let tiny = ["rank-correlation", "--quiet", "--max-train=200", "--trials=5", "--epochs=1"];
    [&tiny as &[&str], &["--searcher-set=supernet_epochs=1", name], more].concat()
}

#[test]
fn any_supernet_is_asked_how_well_it_ranks() {
    let folder = tempdir().unwrap();
    let here = folder.path();
    let bench = ["--space-set=channels=4", "--space-set=cells=1"];
    let darts = ["--space=darts", "--space-set=channels=2", "--space-set=layers=3"];
    let blocks = ["--space=proxyless", "--space-set=channels=4", "--space-set=stages=2"];
    let cases: [(&str, &[&str], &[&str]); 4] = [
        ("--searcher=gdas", &bench, &[]),
        ("--searcher=enas", &bench, &["--searcher-set=samples=4"]),
        (
            "--searcher=spos",
            &darts,
            &["--searcher-set=population_size=4", "--searcher-set=generations=1"],
        ),
        ("--searcher=proxyless", &blocks, &["--space-set=blocks=1"]),
    ];
    for (searcher, space, more) in cases {
        let name = searcher.trim_start_matches("--searcher=");
        let run_of = format!("--run={name}");
        let told = json(here, &ranks(&run_of, &[&[searcher, "--json"], space, more].concat()));
        let of = &told["rank_correlation"];
        let pairs = of["pairs"].as_array().unwrap();
        assert_eq!((pairs.len(), of["architectures"].as_u64()), (5, Some(5)), "{name}");
        let side = |name: &str| -> Vec<f64> {
            pairs.iter().map(|pair| pair[name].as_f64().unwrap()).collect()
        };
        let (shared, alone) = (side("shared_valid_accuracy"), side("alone"));
        // Both are in the log, where the pairs come from.
        let view = nascent_record::Run::open(&here.join(name)).unwrap();
        for (trial, (shared, alone)) in view.trials().iter().zip(shared.iter().zip(&alone)) {
            let signals = trial.proposal.signals.as_ref().unwrap();
            assert_eq!(signals.scalars.get("shared_valid_accuracy"), Some(*shared));
            assert_eq!(trial.metric("valid_accuracy"), Some(*alone));
        }
        // So few epochs may leave all of one side equal, and then there is no τ.
        let tau = nascent_record::analysis::kendall_tau(&shared, &alone).ok();
        assert_eq!(of["kendall_tau"].as_f64(), tau, "{name}");
        assert_eq!(of["spearman_rho"].is_null(), tau.is_none(), "{name}");
        assert!(view.retrained().is_empty() && told["supernet_epochs"] == 1, "{name}");
        let svg = fs::read_to_string(here.join(name).join("rank_correlation.svg")).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("Kendall"), "{name}");
        // A run that is there is only reported, and says the same.
        let again = json(here, &["rank-correlation", name, "--json", "-o", "ranks.png"]);
        assert_eq!(again["rank_correlation"], *of, "{name}");
        assert_eq!(fs::read(here.join("ranks.png")).unwrap()[1..4], *b"PNG");
        let shown = json(here, &["show", name, "--json"]);
        assert_eq!(shown["rank_correlation"]["kendall_tau"], of["kendall_tau"]);
    }
    let text = run(here, &["rank-correlation", "gdas"]);
    for expected in ["Kendall's τ", "Spearman's ρ", "architectures", "gdas/rank_correlation.svg"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

/// The supernet of a run that proposed its strongest gives what one trained anew would, also where the
/// new run is killed and the first is gone.
#[test]
fn a_supernet_that_is_there_is_not_trained_again() {
    let folder = tempdir().unwrap();
    let here = folder.path();
    let space = ["--space-set=channels=4", "--searcher=darts"];
    let search = [
        "search",
        "--quiet",
        "--run=first",
        "--max-train=200",
        "--searcher-set=supernet_epochs=2",
        "--trials=1",
        "--epochs=1",
        "--final-epochs=0",
    ];
    run(here, &[&search as &[&str], &space].concat());
    run(here, &["rank-correlation", "first", "--quiet", "--trials=5", "--run=taken"]);
    let anew = ["--searcher-set=supernet_epochs=2"];
    run(here, &ranks("--run=anew", &[&anew as &[&str], &space].concat()));
    let hash = |name| run(here, &["show", name, "--hash"]);
    assert_eq!(hash("taken"), hash("anew"));
    let view = nascent_record::Run::open(&here.join("taken")).unwrap();
    let supernet = view.manifest().supernet.clone().unwrap();
    assert_eq!(supernet.epochs, 2);
    assert!(Path::new(&supernet.run).ends_with("first"));
    let other = nascent_record::Run::manifest(&here.join("anew")).unwrap();
    assert_eq!(view.manifest().setting(), other.setting(), "they are seeds of one setting");

    // As if it had been killed after two trials.
    fs::remove_dir_all(here.join("first")).unwrap();
    let log = here.join("taken/events.jsonl");
    let events = fs::read_to_string(&log).unwrap();
    let mut ended = 0;
    let kept = events.lines().take_while(|line| {
        ended += usize::from(line.contains("\"trial_started\""));
        ended <= 2
    });
    let kept: Vec<&str> = kept.collect();
    assert!(kept.len() < events.lines().count());
    fs::write(&log, kept.join("\n") + "\n").unwrap();
    run(here, &["resume", "taken", "--quiet"]);
    assert_eq!(hash("taken"), hash("anew"));
    // And where only a part of the supernet was taken over, it says so.
    fs::write(&log, events.lines().next().unwrap().to_owned() + "\n").unwrap();
    let output = Command::new(nascent()).args(["resume", "taken"]).current_dir(here).output();
    let error = String::from_utf8(output.unwrap().stderr).unwrap();
    assert!(error.contains("took over the supernet of another run; start it anew"), "{error}");
}

#[test]
fn what_has_no_shared_weights_is_refused() {
    let folder = tempdir().unwrap();
    let here = folder.path();
    let error = |arguments: &[&str]| {
        let output = Command::new(nascent()).args(arguments).current_dir(here).output().unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let known =
        "take one of darts, gdas, drnas, pc_darts, fair_darts, proxyless, random_ws, spos, enas";
    let text = error(&["rank-correlation", "--searcher=random"]);
    assert!(text.contains("random trains no supernet") && text.contains(known), "{text}");
    run(
        here,
        &["search", "--quiet", "--evaluator=size", "--trials=2", "--searcher=random", "--run=r"],
    );
    assert!(error(&["rank-correlation", "r"]).contains(known));
    let text = error(&["rank-correlation", "--searcher-set=proposals=strongest"]);
    assert!(text.contains("leave proposals=strongest away"), "{text}");
    let text = error(&["rank-correlation", "r", "--seed=1"]);
    assert!(text.contains("cannot be used with '--seed"), "{text}");
    assert!(!here.join("runs").exists(), "nothing was begun");
}

/// A search that ends before its limit says why.
#[test]
fn a_search_that_constraints_leave_nothing_to_says_so() {
    let folder = tempdir().unwrap();
    let search = [
        "search",
        "--quiet",
        "--searcher=random",
        "--evaluator=size",
        "--space-set=channels=4",
        "--constraint=params<=5600",
        "--trials=10000",
    ];
    let text = run(folder.path(), &search);
    let due = "the searcher has nothing left to propose that is new and keeps the constraints: params<=5600";
    assert!(text.contains(due), "{text}");
}
