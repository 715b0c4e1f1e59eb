//! What a person asks of a run, on runs whose answers are known.

use nascent_record::analysis::{
    Overlap, best_so_far, choice_importance, comparable, differences, finalists, first_to_reach,
    incumbent, leaderboard, main_parent, overlaps, regret, setting_names,
};
use nascent_record::{
    Architecture, Choice, Condition, Direction, Event, Manifest, Objective, Origin, Outcome,
    RunView, TrialId,
};
use proptest::prelude::*;

use crate::common::{complete, finished, fold, manifest, metrics, plain, started};

fn accuracy(direction: Direction) -> Objective {
    Objective { metric: "valid_accuracy".into(), direction }
}

fn scored(manifest: &Manifest, trials: &[(&str, f64)]) -> RunView {
    let trials: Vec<_> = trials
        .iter()
        .map(|(text, value)| {
            let architecture = manifest.spec.parse(text).unwrap();
            (architecture, metrics(&[("valid_accuracy", *value)]))
        })
        .collect();
    complete(manifest, &trials)
}

fn ids(view: &RunView, top: usize) -> Vec<u32> {
    leaderboard(view, top).iter().map(|trial| trial.id.0).collect()
}

/// A lucky trial of one epoch is not the best of a search that trains others for three.
#[test]
fn the_best_is_the_best_at_the_highest_fidelity() {
    let plain = plain();
    let values = [("x=1", 1, 0.9), ("x=2", 3, 0.6), ("x=3", 1, 0.8), ("x=4", 3, 0.7)];
    let events = values.iter().zip(0..).flat_map(|((text, epochs, value), id)| {
        let mut event = started(id, plain.spec.parse(text).unwrap());
        if let Event::TrialStarted(started) = &mut event {
            started.proposal = started.proposal.clone().at_epochs(*epochs);
        }
        let result = metrics(&[("valid_accuracy", *value)]);
        [event, finished(id, Outcome::Complete(result))]
    });
    let view = fold(&plain, events);
    assert_eq!(incumbent(&view).unwrap().id.0, 3);
    assert_eq!(ids(&view, 9), [3, 1, 0, 2]);
    let best = best_so_far(&view, &accuracy(Direction::Maximize));
    let best: Vec<_> = best.iter().map(|point| (point.trial.0, point.incumbent.0)).collect();
    assert_eq!(best, [(1, 1), (2, 1), (3, 3)]);
}

/// The final training is for the best of what compares, each network once.
#[test]
fn finalists_keep_the_constraints_and_are_told_apart() {
    let mut plain = plain();
    plain.goal.objectives = vec![accuracy(Direction::Maximize)];
    plain.goal.constraints = vec!["params<=10".parse().unwrap()];
    // The text, the epochs, the accuracy, the parameters; the last has the result of trial 1.
    let values = [
        ("x=1", 3, 0.6, 5.0),
        ("x=2", 3, 0.8, 5.0),
        ("x=3", 3, 0.9, 50.0),
        ("x=4", 1, 0.95, 5.0),
        ("x=1", 3, 0.7, 5.0),
        ("x=5", 3, 0.8, 5.0),
    ];
    let events = values.iter().zip(0..).flat_map(|((text, epochs, accuracy, params), id)| {
        let mut event = started(id, plain.spec.parse(text).unwrap());
        if let Event::TrialStarted(started) = &mut event {
            started.proposal = started.proposal.clone().at_epochs(*epochs);
            if id == 5 {
                let origin = Origin::Reused { trial: TrialId(1) };
                started.proposal = started.proposal.clone().with_origin(origin);
            }
        }
        let result = metrics(&[("valid_accuracy", *accuracy), ("params", *params)]);
        [event, finished(id, Outcome::Complete(result))]
    });
    let events: Vec<_> = events.collect();
    let best = |manifest: &Manifest, top| {
        let view = fold(manifest, events.clone());
        finalists(&view, top).iter().map(|trial| trial.id.0).collect::<Vec<_>>()
    };
    assert_eq!(best(&plain, 9), [1, 4]);
    assert_eq!(best(&plain, 1), [1]);
    // Of a search for a front it is that, the best by the first objective before the others.
    let minimize =
        |metric: &str| Objective { metric: metric.to_owned(), direction: Direction::Minimize };
    let mut both = plain.clone();
    both.goal.constraints.clear();
    both.goal.objectives.push(minimize("params"));
    assert_eq!(best(&both, 9), [2, 1]);
    assert_eq!(best(&both, 1), [2]);
}

#[test]
fn a_target_is_reached_by_the_first_that_is_good_enough() {
    let view = scored(&plain(), &[("x=1", 0.5), ("x=2", 0.4), ("x=3", 0.7), ("x=4", 0.9)]);
    let first = |direction, target| {
        first_to_reach(comparable(&view), &accuracy(direction), target).map(|trial| trial.id.0)
    };
    assert_eq!(first(Direction::Maximize, 0.6), Some(2));
    assert_eq!(first(Direction::Maximize, 0.5), Some(0));
    assert_eq!(first(Direction::Maximize, 0.95), None);
    assert_eq!(first(Direction::Minimize, 0.45), Some(1));
}

#[test]
fn runs_overlap_by_the_architectures_that_both_have() {
    let a = scored(&plain(), &[("x=1", 0.5), ("x=2", 0.4), ("x=2", 0.7)]);
    let b = scored(&plain(), &[("x=2", 0.5), ("x=3", 0.4), ("x=4", 0.4)]);
    let none = scored(&plain(), &[]);
    let other = scored(&manifest(vec![Choice::integer("x", 0, 9)]), &[("x=1", 0.1)]);
    let found = overlaps(&[vec![&a], vec![&b], vec![&none], vec![&other], vec![&a, &b]]);
    let share = |a: usize, b: usize| found[a][b].map(Overlap::share);
    assert_eq!(found[0][1], Some(Overlap { both: 1, either: 4 })); // x=2, of 1 to 4
    assert_eq!(share(0, 0), Some(1.0));
    assert_eq!((share(0, 2), share(2, 2)), (Some(0.0), None));
    assert_eq!(share(0, 3), None, "another space has other architectures");
    assert_eq!(share(4, 1), Some(0.75), "a group has those of all its runs");
}

#[test]
fn seeds_of_one_setting_are_told_from_other_settings() {
    let mut a = plain();
    a.evaluator.config = serde_json::json!({ "epochs": 1 });
    let mut seed = a.clone();
    (seed.seed, seed.created_ms, seed.git_commit) = (9, 99, Some("abc".to_owned()));
    seed.limits.max_trial_mib = Some(77);
    let mut epochs = a.clone();
    epochs.evaluator.config = serde_json::json!({ "epochs": 3 });
    let mut data = a.clone();
    data.data.name = "other".to_owned();
    assert_eq!(a.setting(), seed.setting());
    assert_ne!(a.setting(), epochs.setting());
    assert_ne!(a.setting(), data.setting());
    let names: Vec<String> =
        differences(&[&a, &seed, &epochs]).into_iter().map(|setting| setting.name).collect();
    assert!(names.contains(&"seed".to_owned()), "{names:?}");
    assert!(names.contains(&"evaluator.config.epochs".to_owned()), "{names:?}");
    assert!(!names.contains(&"created_ms".to_owned()), "{names:?}");
    let searcher = &a.searcher.name;
    assert_eq!(setting_names(&[&a]), std::slice::from_ref(searcher));
    let named = setting_names(&[&a, &epochs]);
    assert_eq!(named[1], format!("{searcher} · epochs 3"));
    let numbered = setting_names(&[&a, &a.clone()]);
    assert_eq!(numbered, [format!("{searcher} (1)"), format!("{searcher} (2)")]);
    assert!(setting_names(&[&a, &data])[1].ends_with(" · other"));
}

/// Of two parents the better leads on; a circle leads nowhere.
#[test]
fn a_line_of_ancestors_goes_on_with_the_better_parent() {
    let plain = plain();
    let family: [(&[u32], f64); 4] = [(&[], 0.6), (&[0], 0.5), (&[1, 0], 0.7), (&[3], 0.1)];
    let events = family.iter().zip(0..).flat_map(|((parents, value), id)| {
        let mut event = started(id, plain.spec.parse(&format!("x={id}")).unwrap());
        if let Event::TrialStarted(started) = &mut event {
            let parents = parents.iter().map(|parent| TrialId(*parent)).collect();
            started.proposal = started.proposal.clone().with_parents(parents);
        }
        [event, finished(id, Outcome::Complete(metrics(&[("valid_accuracy", *value)])))]
    });
    let view = fold(&plain, events);
    let parent = |of: usize, direction| {
        main_parent(&view, &view.trials()[of], &accuracy(direction)).map(|trial| trial.id.0)
    };
    assert_eq!(parent(2, Direction::Maximize), Some(0));
    assert_eq!(parent(2, Direction::Minimize), Some(1));
    assert_eq!(parent(0, Direction::Maximize), None);
    assert_eq!(parent(3, Direction::Maximize), None);
}

/// A list is as it is in its entries, not in their number.
#[test]
fn long_lists_of_one_length_differ() {
    let space = |last: &str| {
        let mut options: Vec<String> = (0..12).map(|at| format!("option_{at}")).collect();
        last.clone_into(&mut options[11]);
        manifest(vec![Choice::categorical("x", options)])
    };
    let (a, b) = (space("one"), space("another"));
    assert_eq!(differences(&[&a, &a.clone()]), []);
    assert_eq!(differences(&[&a, &b]).len(), 1);
}

#[test]
fn of_equals_the_earlier_is_the_better() {
    let view = scored(
        &plain(),
        &[
            ("x=1", 0.5),
            ("x=2", 0.7), // the first of the best
            ("x=3", 0.7),
            ("x=2", 0.7), // the same architecture once more
            ("x=1", 0.6), // better than it was
            ("x=4", 0.1),
        ],
    );
    assert_eq!(incumbent(&view).unwrap().id.0, 1);
    assert_eq!(ids(&view, usize::MAX), [1, 2, 4, 5]);
    assert_eq!(ids(&view, 2), [1, 2]);
    assert!(ids(&view, 0).is_empty());
    assert!(incumbent(&scored(&plain(), &[])).is_none());
    // −0 and 0 are equal.
    let view = scored(&plain(), &[("x=1", -0.0), ("x=2", 0.0)]);
    assert_eq!(ids(&view, 9), [0, 1]);

    let mut least = plain();
    least.goal.objectives = vec![accuracy(Direction::Minimize)];
    let view = scored(&least, &[("x=1", 0.5), ("x=2", 0.25), ("x=3", 0.25)]);
    assert_eq!(incumbent(&view).unwrap().id.0, 1);
    assert_eq!(ids(&view, 9), [1, 2, 0]);
    let best: Vec<_> = best_so_far(&view, &accuracy(Direction::Minimize))
        .iter()
        .map(|point| (point.trial.0, point.incumbent.0, point.value))
        .collect();
    assert_eq!(best, [(0, 0, 0.5), (1, 1, 0.25), (2, 1, 0.25)]);
}

proptest! {
    #[test]
    fn the_best_so_far_only_gets_better(
        values in prop::collection::vec(-1e3..1e3_f64, 1..40),
        maximize in any::<bool>(),
    ) {
        let direction = if maximize { Direction::Maximize } else { Direction::Minimize };
        let objective = accuracy(direction);
        let mut manifest = plain();
        manifest.goal.objectives = vec![objective.clone()];
        let trials: Vec<_> = values.iter().map(|value| ("x=1", *value)).collect();
        let view = scored(&manifest, &trials);

        let best = best_so_far(&view, &objective);
        prop_assert_eq!(best.len(), values.len());
        let scores: Vec<f64> = values.iter().map(|value| direction.oriented(*value)).collect();
        let optimum = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let optimum = if maximize { optimum } else { -optimum };
        for (at, point) in best.iter().enumerate() {
            let known = scores[..=at].iter().copied().fold(f64::NEG_INFINITY, f64::max);
            prop_assert_eq!(direction.oriented(point.value), known);
            prop_assert_eq!(values[point.incumbent.index()], point.value);
        }
        let regret: Vec<f64> = regret(&view, &objective, optimum).iter().map(|r| r.1).collect();
        prop_assert!(regret.windows(2).all(|pair| pair[0] >= pair[1]));
        prop_assert_eq!(regret.last(), Some(&0.0));
        prop_assert_eq!(incumbent(&view).unwrap().id, best.last().unwrap().incumbent);
    }
}

/// The whole grid of two binary choices and an integer, five times, with a little that is neither.
#[test]
fn the_shares_of_a_variance_that_is_known() {
    let manifest = manifest(vec![
        Choice::categorical("big", ["off", "on"]),
        Choice::categorical("small", ["off", "on"]),
        Choice::categorical("none", ["off", "on"]),
        Choice::integer("line", 0, 15),
    ]);
    let mut trials = Vec::new();
    for big in 0..2 {
        for small in 0..2 {
            for none in 0..2 {
                for line in 0..16 {
                    let architecture: Architecture =
                        serde_json::from_str(&format!("[{big},{small},{none},{line}]")).unwrap();
                    let value =
                        f64::from(big) * 4.0 + f64::from(small) * 2.0 + f64::from(line) * 0.25;
                    trials.push((architecture, metrics(&[("valid_accuracy", value)])));
                }
            }
        }
    }
    let view = complete(&manifest, &trials);
    let importance = choice_importance(&view, &accuracy(Direction::Maximize)).unwrap();
    // Variances: 4²/4 = 4, 2²/4 = 1, 0, and 0.25²·(16² − 1)/12 = 1.328125 of 6.328125. In quartiles
    // the line keeps 1 − (4² − 1)/(16² − 1) of its variance: 1.25. Then ε² takes away chance.
    let (n, all) = (128.0, 6.328_125);
    let adjusted = |between: f64, k: f64| {
        let within = n * (all - between) / (n - k);
        (n * between - (k - 1.0) * within) / (n * all)
    };
    let expected = [
        ("big", adjusted(4.0, 2.0)),
        ("line", adjusted(1.25, 4.0)),
        ("small", adjusted(1.0, 2.0)),
        ("none", 0.0),
    ];
    for (found, (choice, share)) in importance.iter().zip(expected) {
        assert_eq!(found.choice, choice);
        assert!((found.importance - share).abs() < 1e-12, "{choice}: {found:?}");
    }
    let means = &importance[0].means;
    assert_eq!(*means, [("off".into(), 2.875, 64), ("on".into(), 6.875, 64)]);
    let quartiles: Vec<_> = importance[1].means.iter().map(|m| (m.0.as_str(), m.2)).collect();
    assert_eq!(quartiles, [("up to 3", 32), ("up to 7", 32), ("up to 11", 32), ("up to 15", 32)]);
}

#[test]
fn a_choice_that_does_not_apply_is_a_group_of_its_own() {
    let deep = Condition::AtLeast { choice: "depth".into(), value: 2 };
    let manifest = manifest(vec![
        Choice::integer("depth", 1, 2),
        Choice::float("dropout", 0.0, 0.5).when(deep),
    ]);
    let view = scored(
        &manifest,
        &[
            ("depth=1", 0.0),
            ("depth=1", 0.0),
            ("depth=2,dropout=0", 1.0),
            ("depth=2,dropout=0.5", 1.0),
        ],
    );
    let importance = choice_importance(&view, &accuracy(Direction::Maximize)).unwrap();
    let dropout = importance.iter().find(|i| i.choice == "dropout").unwrap();
    let names: Vec<_> = dropout.means.iter().map(|mean| mean.0.as_str()).collect();
    assert_eq!(names, ["0", "0.5", "inactive"]);
    assert_eq!(importance[0].choice, "depth");
    assert!((importance[0].importance - 1.0).abs() < 1e-12);
}

#[test]
fn what_has_no_variance_has_no_importance() {
    let message = |trials: &[(&str, f64)]| {
        let view = scored(&plain(), trials);
        choice_importance(&view, &accuracy(Direction::Maximize)).unwrap_err().to_string()
    };
    assert!(message(&[("x=1", 1.0)]).ends_with("it needs at least four complete trials"));
    assert!(message(&[("x=1", 1.0); 4]).ends_with("all trials have the same value"));
    let huge = [("x=1", 1e200), ("x=2", -1e200), ("x=3", 0.0), ("x=4", 0.0)];
    assert!(message(&huge).ends_with("too large to have a variance"));
}
