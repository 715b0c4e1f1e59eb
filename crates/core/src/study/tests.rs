//! What a study promises when things go wrong, and where its limits lie.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use nascent_record::{
    BlobId, Budget, Clock, Component, Control, Duplicates, Event, FailureKind, Fidelity,
    FinishReason, Goal, Logged, Manifest, MemoryStore, MetricSpec, Metrics, Outcome, RunStore,
    RunView, SCHEMA, TrialId, TrialLimits,
};
use serde_json::Value;

use super::*;
use crate::evaluate::{Evaluation, Evaluator, Phase, Reporter};
use crate::search::SearchSetup;
use crate::space::SearchSpace;

/// A clock that a test moves; every look at it takes `tick` milliseconds.
struct TestClock {
    now: AtomicU64,
    tick: u64,
}

impl Clock for TestClock {
    fn now_ms(&self) -> u64 {
        self.now.fetch_add(self.tick, Ordering::Relaxed)
    }
}

/// Trains for four epochs; what happens is up to the trial's number.
struct Scripted(fn(TrialId) -> &'static str);

impl Evaluator for Scripted {
    fn metrics(&self) -> Vec<MetricSpec> {
        vec![MetricSpec::maximize("score", ""), MetricSpec::minimize("cost_secs", "s")]
    }
    fn epochs(&self, fidelity: Option<Fidelity>) -> u32 {
        fidelity.map_or(4, |fidelity| fidelity.epochs)
    }
    fn evaluate(&self, job: &Job<'_>, reporter: &mut dyn Reporter) -> Result<Evaluation> {
        let number = f64::from(job.trial.0);
        let mut epochs = 0;
        reporter.begin(Phase::Train);
        for step in 1..=4 {
            epochs = step;
            match (self.0)(job.trial) {
                "panic" => panic!("trial {} is scripted to panic", job.trial),
                "error" => return Err(Error::Infeasible { problem: "scripted".to_owned() }),
                "nan" => Metrics::new([("score", f64::NAN)]).map(drop)?,
                "short" if step == 2 => break,
                _ => {}
            }
            if reporter.report(step, &Metrics::new([("score", number)])?) == Flow::Stop {
                break;
            }
        }
        reporter.begin(Phase::Evaluate);
        let metrics = Metrics::new([("score", number), ("cost_secs", 10.0)])?;
        Ok(Evaluation { metrics, epochs, ..Evaluation::default() })
    }
}

/// A store whose reader is asked something from outside.
struct Asked {
    inner: MemoryStore,
    control: Arc<Mutex<Control>>,
}

impl RunStore for Asked {
    fn append(&mut self, event: Event) -> nascent_record::Result<Logged> {
        self.inner.append(event)
    }
    fn put_blob(&mut self, bytes: &[u8]) -> nascent_record::Result<BlobId> {
        self.inner.put_blob(bytes)
    }
    fn blob(&self, id: &BlobId) -> nascent_record::Result<Vec<u8>> {
        self.inner.blob(id)
    }
    fn control(&self) -> Control {
        *self.control.lock().unwrap()
    }
}

#[test]
fn what_the_time_of_a_trial_went_to_is_in_its_record() {
    let mut hashes = Vec::new();
    for tick in [5, 7] {
        let mut study = study(|_| "fine", trials(2), TrialLimits::default(), tick);
        while study.step().unwrap().is_none() {}
        for trial in study.view().trials() {
            let spent = trial.spent.unwrap();
            let parts = [spent.ask_ms, spent.train_ms, spent.evaluate_ms];
            assert!(parts.iter().all(|&part| part > 0 && part % tick == 0), "{spent:?}");
            // Four reports lie in the training, and each looks at the clock.
            assert!(spent.train_ms >= 4 * tick && spent.evaluate_ms < spent.train_ms, "{spent:?}");
        }
        hashes.push(study.view().history_hash());
    }
    assert_eq!(hashes[0], hashes[1]);
}

#[test]
fn a_pause_begins_no_trial_and_a_stop_ends_the_run() {
    let control = Arc::new(Mutex::new(Control::Run));
    let inner = MemoryStore::default();
    let store = Box::new(Asked { inner, control: Arc::clone(&control) });
    let mut study = with_store(|_| "fine", trials(1000), TrialLimits::default(), 0, store);
    let (mut paused_at, mut looks) = (None, 0);
    let mut observe = |view: &RunView| {
        let (started, ended) = (view.trials().len(), view.finished_trials());
        let mut control = control.lock().unwrap();
        match *control {
            Control::Run if paused_at.is_none() && ended > 5 => *control = Control::Pause,
            Control::Run if ended > 40 => *control = Control::Stop,
            // All that ran have ended: from here on nothing may happen.
            Control::Pause if started == ended => {
                assert_eq!(*paused_at.get_or_insert(started), started);
                looks += 1;
                if looks > 3 {
                    *control = Control::Run;
                }
            }
            _ => {}
        }
    };
    let stop = AtomicBool::new(false);
    let stopped = study.run(&mut RunOptions { workers: 2, stop: &stop, observe: &mut observe });
    assert_eq!(stopped.unwrap(), Stopped::Interrupted);
    assert!(looks > 3 && paused_at.unwrap() < 40);
    assert!((41..1000).contains(&study.view().finished_trials()));
}

#[test]
fn a_stop_that_is_taken_back_ends_the_run_all_the_same() {
    let control = Arc::new(Mutex::new(Control::Run));
    let inner = MemoryStore::default();
    let store = Box::new(Asked { inner, control: Arc::clone(&control) });
    let mut study = with_store(|_| "fine", trials(1000), TrialLimits::default(), 0, store);
    let mut looks = 0;
    let mut observe = |view: &RunView| {
        let mut control = control.lock().unwrap();
        if looks == 0 && view.finished_trials() > 5 {
            *control = Control::Stop;
            looks = 1;
        } else if looks > 0 {
            // The coordinator has read it by now.
            *control = Control::Run;
            looks += 1;
            assert!(looks < 500, "trials are started again and again");
        }
    };
    let stop = AtomicBool::new(false);
    let stopped = study.run(&mut RunOptions { workers: 2, stop: &stop, observe: &mut observe });
    assert_eq!(stopped.unwrap(), Stopped::Interrupted);
    assert!(study.view().trials().iter().all(|trial| trial.attempts == 1));
}

fn study(
    script: fn(TrialId) -> &'static str,
    budget: Budget,
    limits: TrialLimits,
    tick: u64,
) -> Study {
    with_store(script, budget, limits, tick, Box::new(MemoryStore::default()))
}

fn with_store(
    script: fn(TrialId) -> &'static str,
    budget: Budget,
    limits: TrialLimits,
    tick: u64,
    store: Box<dyn RunStore>,
) -> Study {
    let evaluator = Scripted(script);
    let space = crate::space::find("nas_bench_201").unwrap();
    let space: Arc<dyn SearchSpace> = space.make(&Value::Null, &()).unwrap().into();
    let goal = Goal::new(Objective::maximize("score"));
    let manifest = Manifest {
        schema: SCHEMA,
        created_ms: 0,
        space: Component::new("nas_bench_201"),
        spec: space.spec().clone(),
        searcher: Component::new("random"),
        evaluator: Component::new("scripted"),
        pruner: Component::new("never"),
        data: Component::new("none"),
        metrics: evaluator.metrics(),
        goal: goal.clone(),
        duplicates: Duplicates::Repropose,
        imported: 0,
        supernet: None,
        enqueued: Vec::new(),
        seed: 1,
        lookahead: 4,
        budget,
        limits,
        final_epochs: 0,
        final_top: 1,
        versions: std::collections::BTreeMap::new(),
        git_commit: None,
        device: "cpu".into(),
    };
    let setup = SearchSetup::new(Arc::clone(&space), goal, Seed::new(1));
    let parts = Parts {
        space,
        searcher: crate::search::find("random").unwrap().make(&Value::Null, &setup).unwrap(),
        evaluator: Arc::new(evaluator),
        pruner: crate::prune::find("never").unwrap().make(&Value::Null, &()).unwrap(),
    };
    let clock = Arc::new(TestClock { now: AtomicU64::new(0), tick });
    Study::open(parts, store, RunView::new(manifest), clock).unwrap()
}

fn run(study: &mut Study, workers: u32) -> Result<Stopped> {
    let stop = AtomicBool::new(false);
    study.run(&mut RunOptions { workers, stop: &stop, observe: &mut |_| {} })
}

fn trials(max_trials: u32) -> Budget {
    Budget { max_trials: Some(max_trials), ..Budget::default() }
}

#[test]
fn a_panic_an_error_and_a_nan_are_records_and_the_search_goes_on() {
    let script = |id: TrialId| ["panic", "error", "nan", "fine"][id.index() % 4];
    let mut study = study(script, trials(8), TrialLimits::default(), 0);
    assert_eq!(run(&mut study, 3).unwrap(), Stopped::Finished(FinishReason::MaxTrials));
    let kinds: Vec<_> = study.view().trials()[..4]
        .iter()
        .map(|trial| match &trial.outcome {
            Some(Outcome::Failed(failure)) => Some((failure.kind, failure.message.clone())),
            _ => None,
        })
        .collect();
    let panic = "the evaluator panicked: trial 0 is scripted to panic";
    assert_eq!(kinds[0], Some((FailureKind::Panic, panic.to_owned())));
    assert_eq!(kinds[1].as_ref().unwrap().0, FailureKind::Infeasible);
    assert_eq!(kinds[2].as_ref().unwrap().0, FailureKind::Diverged);
    assert_eq!(kinds[3], None);
    assert_eq!(study.view().trials()[7].metric("score"), Some(7.0));
}

#[test]
fn a_trial_that_takes_too_long_is_a_record() {
    let limits = TrialLimits { max_trial_secs: Some(1.0), max_trial_mib: None };
    // Every look at the clock takes 0.6 s.
    let mut study = study(|_| "fine", trials(2), limits, 600);
    run(&mut study, 1).unwrap();
    let Some(Outcome::Failed(failure)) = &study.view().trials()[0].outcome else {
        panic!("{:?}", study.view().trials()[0].outcome)
    };
    assert_eq!(failure.kind, FailureKind::Timeout);
    assert_eq!(failure.message, "it took more than 1 s");
}

#[test]
fn the_limit_of_epochs_is_hard_and_the_same_on_any_number_of_workers() {
    // Trials of 2 epochs that are planned as 4: what is known decides, not who finished first.
    let budget = Budget { max_epochs: Some(30), ..Budget::default() };
    let ended = [1, 2, 4].map(|workers| {
        let mut study = study(|_| "short", budget, TrialLimits::default(), 0);
        let reason = run(&mut study, workers).unwrap();
        assert_eq!(reason, Stopped::Finished(FinishReason::MaxEpochs));
        let epochs: u32 = study.view().trials().iter().map(|trial| trial.epochs).sum();
        assert!(epochs <= 30, "{epochs}");
        study.view().trials().len()
    });
    // Trial n + 3 is proposed when n trials are known: 2n + 4·4 ≤ 30 up to trial 10.
    assert_eq!(ended, [11, 11, 11]);
}

#[test]
fn the_limit_of_cost_ends_the_search() {
    let budget = Budget { max_cost_secs: Some(45.0), ..Budget::default() };
    let mut study = study(|_| "fine", budget, TrialLimits::default(), 0);
    assert_eq!(run(&mut study, 2).unwrap(), Stopped::Finished(FinishReason::MaxCost));
    // After five trials of 10 s no more are proposed; three more were open then.
    assert_eq!(study.view().trials().len(), 8);
}

#[test]
fn the_limit_of_time_stops_running_trials_which_a_resumed_run_starts_again() {
    let budget = Budget { max_wall_clock_secs: Some(3.0), ..Budget::default() };
    let mut study = study(|_| "fine", budget, TrialLimits::default(), 100);
    assert_eq!(run(&mut study, 2).unwrap(), Stopped::Finished(FinishReason::MaxWallClock));
    assert_eq!(study.view().finish_reason(), Some(FinishReason::MaxWallClock));
    study.begin_session(2, trials(6)).unwrap();
    assert_eq!(run(&mut study, 2).unwrap(), Stopped::Finished(FinishReason::MaxTrials));
    assert!(study.view().trials().iter().all(nascent_record::Trial::is_finished));
}

#[test]
fn a_stop_from_outside_leaves_nothing_half_done() {
    let mut study = study(|_| "fine", trials(1000), TrialLimits::default(), 0);
    let stop = AtomicBool::new(false);
    let mut observe = |view: &RunView| {
        if view.finished_trials() > 5 {
            stop.store(true, Ordering::Relaxed);
        }
    };
    let stopped = study.run(&mut RunOptions { workers: 2, stop: &stop, observe: &mut observe });
    assert_eq!(stopped.unwrap(), Stopped::Interrupted);
    let ended = study.view().finished_trials();
    assert!((6..1000).contains(&ended), "{ended}");
    study.begin_session(1, trials(ended as u32 + 10)).unwrap();
    while study.step().unwrap().is_none() {}
    assert_eq!(study.view().finished_trials(), ended + 10);
}

/// A store that takes `room` events and then no more.
struct Full {
    inner: MemoryStore,
    room: usize,
}

impl RunStore for Full {
    fn append(&mut self, event: Event) -> nascent_record::Result<Logged> {
        if self.inner.log().len() == self.room {
            return Err(nascent_record::Error::Io {
                action: "append to",
                path: "events.jsonl".into(),
                source: std::io::ErrorKind::StorageFull.into(),
            });
        }
        self.inner.append(event)
    }
    fn put_blob(&mut self, bytes: &[u8]) -> nascent_record::Result<BlobId> {
        self.inner.put_blob(bytes)
    }
    fn blob(&self, id: &BlobId) -> nascent_record::Result<Vec<u8>> {
        self.inner.blob(id)
    }
}

#[test]
fn a_store_that_refuses_ends_the_run_with_its_reason() {
    for room in 0..20 {
        let store = Box::new(Full { inner: MemoryStore::default(), room });
        let mut study = with_store(|_| "fine", trials(50), TrialLimits::default(), 0, store);
        let message = run(&mut study, 3).unwrap_err().to_string();
        assert!(message.contains("cannot append to events.jsonl"), "{message}");
        assert!(message.contains("free some space"), "{message}");
    }
}
