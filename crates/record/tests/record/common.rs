//! Small runs for the tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use nascent_record::{
    Architecture, Choice, Clock, DirectoryStore, Event, Logged, Manifest, Metrics, Outcome,
    Proposal, Run, RunView, Spec, TrialFinished, TrialId, TrialReported, TrialStarted,
};

/// A clock that goes on by a second each time it is asked.
#[derive(Default)]
pub(crate) struct Ticks(AtomicU64);

impl Clock for Ticks {
    fn now_ms(&self) -> u64 {
        self.0.fetch_add(1000, Ordering::Relaxed)
    }
}

pub(crate) fn clock() -> Box<dyn Clock> {
    Box::new(Ticks::default())
}

pub(crate) fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1")
}

/// The manifest of the golden run, over these choices.
pub(crate) fn manifest(choices: Vec<Choice>) -> Manifest {
    let mut manifest = Run::manifest(&golden()).unwrap();
    manifest.spec = Spec::new(choices).unwrap();
    manifest
}

/// One choice among a hundred.
pub(crate) fn plain() -> Manifest {
    manifest(vec![Choice::integer("x", 0, 99)])
}

pub(crate) fn metrics(values: &[(&str, f64)]) -> Metrics {
    Metrics::new(values.iter().copied()).unwrap()
}

pub(crate) fn started(trial: u32, architecture: Architecture) -> Event {
    Event::TrialStarted(TrialStarted {
        trial: TrialId(trial),
        proposal: Proposal::new(architecture),
        told: 0,
        state: None,
        weights: None,
    })
}

pub(crate) fn reported(trial: u32, step: u32, metrics: Metrics) -> Event {
    let trial = TrialId(trial);
    Event::TrialReported(TrialReported { trial, step, metrics })
}

pub(crate) fn finished(trial: u32, outcome: Outcome) -> Event {
    Event::TrialFinished(TrialFinished {
        trial: TrialId(trial),
        outcome,
        epochs: 1,
        artifacts: std::collections::BTreeMap::new(),
        spent: None,
    })
}

pub(crate) fn fold(manifest: &Manifest, events: impl IntoIterator<Item = Event>) -> RunView {
    let mut view = RunView::new(manifest.clone());
    for (at, event) in events.into_iter().enumerate() {
        let at_ms = at as u64;
        let event = Some(event);
        view.apply(Logged { at_ms, event }, at_ms + 1).unwrap();
    }
    view
}

/// A run whose complete trials have these architectures and metrics.
pub(crate) fn complete(manifest: &Manifest, trials: &[(Architecture, Metrics)]) -> RunView {
    let events = trials.iter().zip(0..).flat_map(|((architecture, metrics), id)| {
        [started(id, architecture.clone()), finished(id, Outcome::Complete(metrics.clone()))]
    });
    fold(manifest, events)
}

/// A run on disk with a complete trial, which is then open for writing.
pub(crate) fn small(directory: &Path) -> DirectoryStore {
    use nascent_record::RunStore as _;
    let manifest = plain();
    let mut store = DirectoryStore::create(directory, &manifest, clock()).unwrap();
    let architecture = manifest.spec.parse("x=7").unwrap();
    let result = metrics(&[("valid_accuracy", 0.5)]);
    store.append(started(0, architecture)).unwrap();
    store.append(reported(0, 1, result.clone())).unwrap();
    store.append(finished(0, Outcome::Complete(result))).unwrap();
    store
}

pub(crate) fn log(directory: &Path) -> PathBuf {
    directory.join("events.jsonl")
}

pub(crate) fn read_log(directory: &Path) -> String {
    fs::read_to_string(log(directory)).unwrap()
}
