//! A run that is written while it is looked at.

use std::collections::BTreeMap;

use egui_kittest::kittest::Queryable as _;
use nascent_record::{
    Control, DirectoryStore, Event, FinishReason, Metrics, Outcome, Proposal, Run, RunFinished,
    RunStore as _, SessionStarted, SystemClock, TrialFinished, TrialId, TrialStarted,
};

use crate::common::{Opening, golden, labels, open, sees, wait_for};

#[test]
fn a_run_is_followed_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let manifest = Run::manifest(&golden("random-0")).unwrap();
    let known = Run::open(&golden("random-0")).unwrap();
    let path = dir.path().join("live");
    let mut store = DirectoryStore::create(&path, &manifest, Box::new(SystemClock)).unwrap();
    let session = SessionStarted { version: "0.1.0".into(), workers: 1, budget: manifest.budget };
    store.append(Event::SessionStarted(session)).unwrap();
    let mut harness = open(Opening { folders: vec![dir.path().to_owned()], ..Opening::default() });
    assert!(sees(&harness, "trials 0"), "{:?}", labels(&harness));
    for trial in &known.trials()[..3] {
        let architecture = trial.proposal.architecture.clone();
        let (id, proposal) = (trial.id, Proposal::new(architecture));
        let started = TrialStarted { trial: id, proposal, told: 0, state: None, weights: None };
        store.append(Event::TrialStarted(started)).unwrap();
        let metrics = Metrics::new([("size_error", 3.0 - f64::from(id.0))]).unwrap();
        let finished = TrialFinished {
            trial: id,
            outcome: Outcome::Complete(metrics),
            epochs: 1,
            artifacts: BTreeMap::new(),
        };
        store.append(Event::TrialFinished(finished)).unwrap();
        wait_for(&mut harness, &format!("trials {}", id.0 + 1));
    }
    assert!(sees(&harness, "Best is trial 2"), "{:?}", labels(&harness));
    assert_eq!(Run::open(&path).unwrap().trials()[2].id, TrialId(2));
    harness.get_by_label("Pause").click();
    wait_for(&mut harness, "asked to pause");
    assert_eq!(store.control(), Control::Pause);
    harness.get_by_label("Resume").click();
    wait_for(&mut harness, "Pause");
    assert_eq!(store.control(), Control::Run);
    harness.get_by_label("Stop").click();
    wait_for(&mut harness, "asked to stop");
    assert!(!sees(&harness, "Resume"), "a stop cannot be taken back");
    let reason = FinishReason::MaxTrials;
    store.append(Event::RunFinished(RunFinished { reason })).unwrap();
    drop(store);
    wait_for(&mut harness, "live is finished");
    wait_for(&mut harness, "the budget of trials is spent");
}
