//! The format on disk, by example. A snapshot that changes here is a change of the format: see the
//! rules in `event.rs`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use nascent_record::{
    BlobId, Budget, DirectoryStore, Event, Failure, FailureKind, Fidelity, FinishReason, Manifest,
    Origin, Outcome, Proposal, Retrained, Run, RunFinished, RunStore as _, RunView, SessionStarted,
    Signals, Trial, TrialFinished, TrialId, TrialReported, TrialStarted, analysis,
};

use crate::common::{clock, golden, metrics, read_log};

const EVERYTHING: &str = "op=conv,kernel=5x5,depth=2,width=16,dropout=0.25,learning_rate=0.001";
const LITTLE: &str = "op=skip,depth=1,width=8,learning_rate=0.1";

fn every_event() -> Vec<Event> {
    let spec = Run::manifest(&golden()).unwrap().spec;
    let artifacts: BTreeMap<_, _> = [("weights".to_owned(), BlobId::of(b"weights"))].into();
    let budget = Budget {
        max_trials: Some(10),
        max_epochs: Some(100),
        max_cost_secs: Some(0.5),
        max_wall_clock_secs: Some(60.0),
    };
    let session = |budget| {
        Event::SessionStarted(SessionStarted { version: "0.1.0".to_owned(), workers: 2, budget })
    };
    let started = |trial, proposal, state: Option<BlobId>| {
        let weights = state.clone();
        let trial = TrialId(trial);
        Event::TrialStarted(TrialStarted { trial, proposal, told: 0, state, weights })
    };
    let finished = |trial, outcome, artifacts| {
        Event::TrialFinished(TrialFinished {
            trial: TrialId(trial),
            outcome,
            epochs: 3,
            artifacts,
            spent: None,
        })
    };
    let mut events = vec![
        session(Budget::default()),
        session(budget),
        started(0, Proposal::new(spec.parse(LITTLE).unwrap()), None),
        started(
            1,
            Proposal {
                architecture: spec.parse(EVERYTHING).unwrap(),
                fidelity: Some(Fidelity { epochs: 9 }),
                parents: vec![TrialId(0), TrialId(0)],
                resume_from: Some(TrialId(0)),
                origin: Some(Box::new(Origin::Imported { run: "a".into(), trial: TrialId(7) })),
                signals: Some(Box::new(
                    Signals::default().with("entropy", 1.5).with_list("op", vec![0.25, 0.75]),
                )),
            },
            Some(BlobId::of(b"state")),
        ),
        Event::TrialReported(TrialReported {
            trial: TrialId(0),
            step: 1,
            metrics: metrics(&[("valid_loss", 0.1 + 0.2), ("params", 73_306.0)]),
        }),
        finished(0, Outcome::Pruned(metrics(&[])), BTreeMap::new()),
        finished(1, Outcome::Complete(metrics(&[("valid_loss", 1e-300)])), artifacts.clone()),
    ];
    let kinds = [
        FailureKind::Error,
        FailureKind::Panic,
        FailureKind::Diverged,
        FailureKind::Memory,
        FailureKind::Timeout,
        FailureKind::Infeasible,
        FailureKind::Other,
    ];
    for (kind, trial) in kinds.into_iter().zip(2..) {
        let proposal = Proposal::new(spec.parse(LITTLE).unwrap());
        let message = "a \"quoted\" line\nand one more".to_owned();
        events.push(started(trial, proposal, None));
        events.push(finished(trial, Outcome::Failed(Failure { kind, message }), BTreeMap::new()));
    }
    events.push(Event::Retrained(Retrained {
        trial: TrialId(1),
        metrics: metrics(&[("test_accuracy", 0.75)]),
        epochs: 20,
        artifacts,
    }));
    let reasons = [
        FinishReason::MaxTrials,
        FinishReason::MaxEpochs,
        FinishReason::MaxCost,
        FinishReason::MaxWallClock,
        FinishReason::Exhausted,
        FinishReason::Other,
    ];
    events.extend(reasons.map(|reason| Event::RunFinished(RunFinished { reason })));
    events
}

#[test]
fn every_line_that_can_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let manifest = Run::manifest(&golden()).unwrap();
    let mut store = DirectoryStore::create(dir.path(), &manifest, clock()).unwrap();
    let mut view = RunView::new(manifest);
    for (event, line) in every_event().into_iter().zip(1..) {
        let logged = store.append(event).unwrap();
        view.apply(logged, line).unwrap();
    }
    insta::assert_snapshot!("events", read_log(dir.path()));
    let manifest = fs::read_to_string(dir.path().join("run.json")).unwrap();
    insta::assert_snapshot!("manifest", manifest);
    assert_eq!(Run::open(dir.path()).unwrap(), view);
}

#[test]
fn the_golden_run_of_schema_1_is_read_as_ever() {
    let view = Run::open(&golden()).unwrap();
    insta::assert_snapshot!("golden_v1", summary(&view));
    for (name, id) in &view.trials()[10].artifacts {
        assert_eq!(name, "weights");
        assert_eq!(Run::blob(&golden(), id).unwrap(), b"weights of trial 10\n");
    }
    let state = view.trials()[9].state.as_ref().unwrap();
    Run::blob(&golden(), state).unwrap();
}

/// Runs from before there was `final_top` trained one again, and their setting keeps its code.
#[test]
fn a_manifest_that_says_nothing_of_the_final_top_means_one() {
    let mut manifest = Run::manifest(&golden()).unwrap();
    assert_eq!(manifest.final_top, 1);
    let before = manifest.setting();
    assert!(!serde_json::to_string(&manifest).unwrap().contains("final_top"));
    manifest.final_top = 3;
    assert_ne!(manifest.setting(), before);
    let again: Manifest = serde_json::from_str(&serde_json::to_string(&manifest).unwrap()).unwrap();
    assert_eq!(again, manifest);
}

fn summary(view: &RunView) -> String {
    let mut text = String::new();
    let manifest = view.manifest();
    let objectives = manifest.goal.objectives.iter();
    let wanted: Vec<_> = objectives.map(|o| format!("{:?} {}", o.direction, o.metric)).collect();
    writeln!(
        text,
        "{} × {}, seed {}, {}",
        manifest.space.name,
        manifest.searcher.name,
        manifest.seed,
        wanted.join(", ")
    )
    .unwrap();
    writeln!(text, "{} sessions, {:?}", view.sessions(), view.budget()).unwrap();
    writeln!(text, "{:?}, {:?}", view.span_ms(), view.finish_reason()).unwrap();
    for trial in view.trials() {
        describe(&mut text, view, trial);
    }
    for again in view.retrained() {
        writeln!(text, "\n{again:#?}").unwrap();
    }
    let board = analysis::leaderboard(view, 9);
    let board: Vec<_> = board.iter().map(|trial| trial.id.0).collect();
    writeln!(text, "\nleaderboard {board:?}").unwrap();
    writeln!(text, "history {}", view.history_hash()).unwrap();
    text
}

fn describe(text: &mut String, view: &RunView, trial: &Trial) {
    let spec = &view.manifest().spec;
    let architecture = &trial.proposal.architecture;
    writeln!(
        text,
        "\ntrial {} {}: {} = {architecture} ({})",
        trial.id,
        trial.status(),
        spec.text(architecture),
        architecture.fingerprint(),
    )
    .unwrap();
    let parents: Vec<_> = trial.proposal.parents.iter().map(|id| id.0).collect();
    writeln!(
        text,
        "  fidelity {:?}, parents {parents:?}, goes on from {:?}, told {}, state {}",
        trial.proposal.fidelity.map(|fidelity| fidelity.epochs),
        trial.proposal.resume_from.map(|id| id.0),
        trial.told,
        trial.state.is_some(),
    )
    .unwrap();
    for report in &trial.curve {
        let values: Vec<_> = report.metrics.iter().collect();
        writeln!(text, "  step {}: {values:?}", report.step).unwrap();
    }
    match &trial.outcome {
        Some(Outcome::Complete(metrics) | Outcome::Pruned(metrics)) => {
            let values: Vec<_> = metrics.iter().collect();
            writeln!(text, "  {values:?}").unwrap();
        }
        Some(Outcome::Failed(failure)) => {
            writeln!(text, "  {}: {}", failure.kind, failure.message).unwrap();
        }
        None => {}
    }
    writeln!(
        text,
        "  {} epochs, {} attempts, {} to {:?}, {} artifacts",
        trial.epochs,
        trial.attempts,
        trial.started_ms,
        trial.finished_ms,
        trial.artifacts.len(),
    )
    .unwrap();
}
