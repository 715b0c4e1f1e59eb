//! A run that is written while it is looked at.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use egui_kittest::kittest::Queryable as _;
use nascent_gui::{App, Settings};
use nascent_record::{
    Clock as _, Control, DirectoryStore, Event, FinishReason, Metrics, Outcome, Proposal, Run,
    RunFinished, RunStore as _, SessionStarted, Spent, SystemClock, Trial, TrialFinished, TrialId,
    TrialStarted,
};

/// A run that is being written.
fn begin(path: &Path) -> DirectoryStore {
    let manifest = Run::manifest(&golden("random-0")).unwrap();
    let mut store = DirectoryStore::create(path, &manifest, Box::new(SystemClock)).unwrap();
    let session = SessionStarted { version: "0.1.0".into(), workers: 1, budget: manifest.budget };
    store.append(Event::SessionStarted(session)).unwrap();
    store
}

/// Writes a trial as another run had it.
fn write(store: &mut DirectoryStore, trial: &Trial) {
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
        spent: Some(Spent { ask_ms: 100, train_ms: 3000, evaluate_ms: 900 }),
    };
    store.append(Event::TrialFinished(finished)).unwrap();
}

use crate::common::{Opening, golden, labels, open, sees, wait_for};

#[test]
fn a_run_is_followed_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let known = Run::open(&golden("random-0")).unwrap();
    let path = dir.path().join("live");
    let mut store = begin(&path);
    let mut harness = open(Opening { folders: vec![dir.path().to_owned()], ..Opening::default() });
    assert!(sees(&harness, "trials 0"), "{:?}", labels(&harness));
    for trial in &known.trials()[..3] {
        write(&mut store, trial);
        wait_for(&mut harness, &format!("trials {}", trial.id.0 + 1));
    }
    assert!(sees(&harness, "Best is trial 2"), "{:?}", labels(&harness));
    assert!(sees(&harness, "9 s to train") && sees(&harness, "2.7 s to evaluate"));
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

/// Paints as a window does, when it is asked to, for so many milliseconds; returns when, and who asked.
fn paint(
    ctx: &egui::Context,
    app: &mut App,
    asked: &Receiver<Duration>,
    for_ms: u64,
) -> Vec<(u64, Vec<String>)> {
    let now = || SystemClock.now_ms();
    let begun = now();
    let mut frames = Vec::new();
    let mut due = begun;
    while now() < begun + for_ms {
        match asked.recv_timeout(Duration::from_millis(due.saturating_sub(now()))) {
            Ok(delay) => due = due.min(now().saturating_add(delay.as_millis() as u64)),
            Err(RecvTimeoutError::Timeout) => {
                let at = now() - begun;
                due = u64::MAX / 2;
                let input = egui::RawInput {
                    time: Some(now() as f64 / 1000.0),
                    screen_rect: Some(egui::Rect::from_min_size(
                        egui::Pos2::ZERO,
                        egui::vec2(1440.0, 900.0),
                    )),
                    ..egui::RawInput::default()
                };
                let mut output = ctx.run_ui(input, |ui| app.ui(ui));
                output.textures_delta.clear();
                frames.push((at, ctx.repaint_causes().iter().map(ToString::to_string).collect()));
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    frames
}

#[test]
fn while_nobody_touches_it_the_app_paints_once_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = begin(&dir.path().join("live"));
    let known = Run::open(&golden("random-0")).unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&over);
    let write_on = move || {
        for trial in known.trials() {
            write(&mut store, trial);
            std::thread::sleep(Duration::from_millis(150));
        }
        while !told.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let ctx = egui::Context::default();
    let (ask, asked) = channel();
    ctx.set_request_repaint_callback(move |info| {
        let _nobody_paints = ask.send(info.delay);
    });
    let folders = [dir.path().to_owned()];
    let mut app = App::new(&ctx, &folders, Settings::default(), Arc::new(SystemClock)).unwrap();
    let writer = std::thread::Builder::new().spawn(write_on).unwrap();
    // The first view comes as soon as it can.
    let first = paint(&ctx, &mut app, &asked, 2000);
    assert!(first.len() > 2, "{first:?}");
    let frames = paint(&ctx, &mut app, &asked, 4000);
    over.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    // The first is the one with which `paint` begins.
    assert!((3..=6).contains(&frames.len()), "{frames:?}");
}
