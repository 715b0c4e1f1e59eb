//! Searches in the background, as cells have them.

use std::path::Path;

use nascent_notebook::prelude::*;
use nascent_notebook::{Error, bundle_of};

fn small(runs: &Path, trials: u32) -> Search {
    Search::new()
        .space("nas_bench_201 channels=2 cells=1")
        .searcher("regularized_evolution population_size=4 sample_size=2")
        .data("digits")
        .max_train(120)
        .trials(trials)
        .epochs(1)
        .runs(runs)
}

#[test]
fn a_search_runs_in_the_background_and_is_shown_in_every_way() {
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path();
    let space = "nas_bench_201 channels=2 cells=1";
    let run = search! {
        space, searcher: "random", data: "digits", max_train: 120, trials: 6, epochs: 1, runs,
    }
    .unwrap();
    run.wait().unwrap();
    assert!(!run.is_running());
    assert_eq!(run.view().unwrap().finished_trials(), 6);

    let html = |bundle: Option<Bundle>| bundle.unwrap().html.unwrap();
    let card = html(bundle_of(&run));
    assert!(
        card.contains("random over nas_bench_201 on digits") && card.contains("<svg"),
        "{card}"
    );
    assert!(card.contains("finished · 6 of 6 trials"), "{card}");
    let best = run.best().unwrap();
    assert!(html(bundle_of(&best)).contains(&best.architecture()));
    assert!(html(bundle_of(&leaderboard!(run))).contains("valid_accuracy"));
    assert!(html(bundle_of(&plot!(best_so_far, run))).contains("<svg"));
    assert!(html(bundle_of(&architecture!(best))).contains("<svg"));
    assert!(html(bundle_of(&diff!(run.trial(0).unwrap(), best))).contains("edge_0_1"));
    assert!(html(bundle_of(&compare!(run, run.clone()))).contains("random"));
    let frame = frame!(run).unwrap();
    assert_eq!(frame.height(), 6);
    assert!(html(bundle_of(&frame)).contains("6 rows"));
    // What there is nothing to see of says so.
    let empty = bundle_of(&plot!(rank_correlation, run)).unwrap();
    assert!(empty.text.contains("shared"), "{}", empty.text);

    // The log is all that another notebook needs.
    let saved = Run::open(run.directory()).unwrap();
    assert_eq!(saved.best().unwrap().trial(), best.trial());
    assert!(matches!(saved.wait(), Err(Error::NotLive { .. })));
    let error = run.trial(6).unwrap_err().to_string();
    assert!(error.contains("there is no trial 6") && error.contains("it has 6"), "{error}");
}

#[test]
fn the_best_few_are_trained_in_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path();
    let space = "nas_bench_201 channels=2 cells=1";
    let run = search! {
        space, searcher: "random", max_train: 120, trials: 3, epochs: 1, final_epochs: 2,
        final_top: 2, runs,
    }
    .unwrap();
    run.wait().unwrap();
    let view = run.view().unwrap();
    let again: Vec<u32> = view.retrained().iter().map(|again| again.trial.0).collect();
    let best = nascent_record::analysis::leaderboard(&view, 2);
    assert_eq!(again, best.iter().map(|trial| trial.id.0).collect::<Vec<_>>());
    // The network is that of the best, and not of the last.
    let weights = |at: usize| {
        let blob = &view.retrained()[at].artifacts["weights"];
        nascent_record::Run::blob(run.directory(), blob).unwrap()
    };
    let trained = run.trained().unwrap().to_safetensors().unwrap();
    assert_eq!([0, 1].map(|at| trained == weights(at)), [true, false]);
    let none = Search::new().final_epochs(2).final_top(0).runs(runs).start().unwrap_err();
    assert!(none.to_string().contains("0 of the best"), "{none}");
}

#[test]
fn a_search_that_is_stopped_goes_on_to_the_same_end() {
    let folder = tempfile::tempdir().unwrap();
    let whole = small(folder.path(), 12).start().unwrap();
    whole.wait().unwrap();
    let run = small(folder.path(), 12).start().unwrap();
    while run.view().unwrap().finished_trials() < 2 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    run.stop().unwrap();
    let stopped = run.view().unwrap();
    assert!(stopped.finished_trials() < 12 && stopped.finish_reason().is_none());
    // From a saved run as from a live one.
    let saved = Run::open(run.directory()).unwrap();
    saved.resume().unwrap();
    saved.wait().unwrap();
    let hash = |run: &Run| run.view().unwrap().history_hash();
    assert_eq!(hash(&saved), hash(&whole));
}

#[test]
fn an_interrupt_ends_the_waiting_and_not_the_search() {
    let folder = tempfile::tempdir().unwrap();
    let run = small(folder.path(), 12).start().unwrap();
    interrupt::raise();
    assert!(matches!(run.wait(), Err(Error::Interrupted)));
    run.wait().unwrap();
    assert_eq!(run.view().unwrap().finished_trials(), 12);
}

#[test]
fn what_is_wrong_is_said_before_anything_begins() {
    let folder = tempfile::tempdir().unwrap();
    let error = |search: Search| search.runs(folder.path()).start().unwrap_err().to_string();
    let message = error(Search::new().space("nas_bench_2001"));
    assert!(message.contains("nas_bench_201"), "{message}");
    let message = error(Search::new().searcher("random trials"));
    assert!(message.contains("\"trials\" is not of the form key=value"), "{message}");
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "nothing has begun");
}
