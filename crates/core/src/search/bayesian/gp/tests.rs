use std::sync::LazyLock;

use nascent_record::analysis::hypervolume;
use nascent_record::{Choice, Failure, FailureKind, Goal, Metrics, Objective, Outcome, Spec};
use serde_json::{Value, json};

use super::*;
use crate::search::AskTell;
use crate::space::Choices;

fn space(name: &str) -> Arc<dyn SearchSpace> {
    crate::space::find(name).unwrap().make(&Value::Null, &()).unwrap().into()
}

fn accuracy_and(others: &[&str]) -> Goal {
    let goal = Goal::new(Objective::maximize("accuracy"));
    others.iter().fold(goal, |goal, name| goal.with_objective(Objective::minimize(name)))
}

/// A made-up accuracy, size and time of a NAS-Bench-201 cell, all from 0 to 1: an operation counts
/// by its place and by its neighbor, and what is good is large or slow.
fn measured(space: &dyn SearchSpace, architecture: &Architecture) -> [f64; 3] {
    let canonical = space.canonical(architecture);
    let op = |at: usize| canonical.int(at).unwrap() as usize;
    let mut sums = [0.0; 3];
    for (at, place) in [1.0, 0.6, 0.8, 1.2, 0.9, 1.5].into_iter().enumerate() {
        let joins = if op(at) == op((at + 1) % 6) { 0.8 } else { 1.0 };
        sums[0] += place * joins * [0.0, 0.5, 0.7, 1.0, 0.2][op(at)] / 6.0;
        sums[1] += [0.0, 0.0, 0.2, 1.0, 0.0][op(at)] / 6.0;
        sums[2] += place * [0.0, 0.1, 0.3, 0.6, 1.0][op(at)] / 6.0;
    }
    sums
}

/// What came of so many trials.
fn run(searcher: &str, settings: &Value, goal: &Goal, trials: usize, seed: u64) -> Vec<[f64; 3]> {
    // One for all runs: its networks are listed once.
    static SPACE: LazyLock<Arc<dyn SearchSpace>> = LazyLock::new(|| space("nas_bench_201"));
    let space = Arc::clone(&SPACE);
    let mut search =
        AskTell::by_name(searcher, settings, Arc::clone(&space), goal.clone(), seed).unwrap();
    let trial = |_| {
        let trial = search.ask().unwrap().unwrap();
        let [accuracy, size, time] = measured(&*space, &trial.proposal.architecture);
        let metrics = [("accuracy", accuracy), ("size", size), ("time", time)];
        search.tell(trial.id, Outcome::Complete(Metrics::new(metrics).unwrap())).unwrap();
        [accuracy, size, time]
    };
    (0..trials).map(trial).collect()
}

fn best(measured: &[[f64; 3]]) -> f64 {
    measured.iter().map(|m| m[0]).fold(0.0, f64::max)
}

/// The sum over a few seeds.
fn sum(of: impl Fn(u64) -> f64) -> f64 {
    (0..3).map(of).sum()
}

#[test]
fn it_covers_more_of_the_front_of_two_and_three_objectives_than_random_search() {
    for (others, margin) in [(&["size"][..], 1.06), (&["size", "time"], 1.04)] {
        let goal = accuracy_and(others);
        let covered = |searcher: &str, seed| {
            let point =
                |m: [f64; 3]| vec![m[0], 1.01 - m[1], 1.01 - m[2]][..=others.len()].to_vec();
            let found = run(searcher, &Value::Null, &goal, 60, seed);
            let points: Vec<Vec<f64>> = found.into_iter().map(point).collect();
            hypervolume(&points, &vec![0.0; others.len() + 1]).unwrap()
        };
        let [gp, random] = ["gp", "random"].map(|name| sum(|seed| covered(name, seed)));
        assert!(gp > margin * random, "{others:?}: {gp} and {random}");
    }
}

#[test]
fn it_learns_which_architectures_keep_a_constraint() {
    let goal = accuracy_and(&[]).with_constraint("size<=0.1".parse().unwrap());
    let keeps = |m: &[f64; 3]| m[1] <= 0.1;
    let kept = |searcher: &str, seed| -> Vec<[f64; 3]> {
        run(searcher, &Value::Null, &goal, 60, seed).into_iter().filter(keeps).collect()
    };
    let [gp, random] = ["gp", "random"].map(|name| sum(|seed| kept(name, seed).len() as f64));
    let [best_gp, best_random] = ["gp", "random"].map(|name| sum(|seed| best(&kept(name, seed))));
    assert!(gp > 1.3 * random, "{gp} and {random} of 180");
    assert!(best_gp > 1.1 * best_random, "{best_gp} and {best_random}");
}

#[test]
fn the_other_acquisitions_find_better_ones_than_random_search() {
    let goal = accuracy_and(&[]);
    let of = |searcher: &str, settings: &Value| {
        sum(|seed| best(&run(searcher, settings, &goal, 40, seed)))
    };
    let random = of("random", &Value::Null);
    for acquisition in ["ucb", "thompson"] {
        let found = of("gp", &json!({ "acquisition": acquisition }));
        assert!(found > 1.05 * random, "{acquisition}: {found} and {random}");
    }
}

#[test]
fn a_history_of_failures_only_is_survived() {
    let constrained = accuracy_and(&["size"]).with_constraint("time<=1".parse().unwrap());
    for goal in [accuracy_and(&[]), constrained, accuracy_and(&["size", "time"])] {
        for (space_name, acquisition) in
            [("nas_bench_201", "log_ei"), ("mlp", "thompson"), ("mlp", "ucb")]
        {
            let settings = json!({ "initial_samples": 4, "acquisition": acquisition });
            let mut search =
                AskTell::by_name("gp", &settings, space(space_name), goal.clone(), 1).unwrap();
            for _ in 0..14 {
                let trial = search.ask().unwrap().unwrap();
                let failure = Failure { kind: FailureKind::Memory, message: String::new() };
                search.tell(trial.id, Outcome::Failed(failure)).unwrap();
            }
            assert!(search.trials().iter().all(|trial| trial.proposal.origin.is_none()));
        }
    }
}

#[test]
fn a_small_space_is_proposed_to_the_last() {
    let names = ["a", "b", "c"];
    let choices = names.map(|name| Choice::categorical(name, ["x", "y", "z"]));
    let space = Choices::new(Spec::new(choices.into()).unwrap());
    let goal = accuracy_and(&[]);
    let mut search =
        AskTell::by_name("gp", &json!({ "initial_samples": 2 }), Arc::new(space), goal, 1).unwrap();
    while let Some(trial) = search.ask().unwrap() {
        assert_eq!(trial.proposal.origin, None);
        let accuracy = (f64::from(trial.id.0) * 1.3).sin();
        let metrics = Metrics::new([("accuracy", accuracy)]).unwrap();
        search.tell(trial.id, Outcome::Complete(metrics)).unwrap();
    }
    assert_eq!(search.trials().len(), 27);
}

#[test]
fn settings_out_of_range_are_errors_that_name_them() {
    for (settings, named) in [
        (json!({ "initial_samples": 1 }), "initial_samples is 1"),
        (json!({ "candidates": 7 }), "candidates is 7"),
        (json!({ "max_points": 15 }), "max_points is 15"),
        (json!({ "beta": 0.0 }), "beta is 0"),
        (json!({ "clip": -1.0 }), "clip is -1"),
        (json!({ "acquisition": "luck" }), "luck"),
    ] {
        let goal = accuracy_and(&[]);
        let error = AskTell::by_name("gp", &settings, space("mlp"), goal, 1).err().unwrap();
        assert!(error.to_string().contains(named), "{settings}: {error}");
    }
}
