//! What the test kit runs searchers on: an evaluator that is a formula, a store in memory, and runs
//! of both.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use nascent_record::{
    Budget, Clock, Component, Duplicates, Event, Fidelity, Goal, Logged, Manifest, MemoryStore,
    MetricSpec, Metrics, Objective, Result as RecordResult, RunStore, RunView, SCHEMA, TrialLimits,
};
use serde_json::Value;

use crate::evaluate::{CHECKPOINT, Evaluation, Evaluator, Flow, Job, Reporter, Resources};
use crate::search::{SearchSetup, Searcher};
use crate::space::SearchSpace;
use crate::study::{Parts, RunOptions, Study};
use crate::{Error, Result, Seed};

/// A clock that stands still.
pub struct StoppedClock;

impl Clock for StoppedClock {
    fn now_ms(&self) -> u64 {
        0
    }
}

/// Scores an architecture by a formula: a learning curve of four epochs, some trials fail, one
/// panics. Deterministic, and instant.
pub struct ToyEvaluator;

impl Evaluator for ToyEvaluator {
    fn metrics(&self) -> Vec<MetricSpec> {
        vec![MetricSpec::maximize("score", ""), MetricSpec::minimize("cost_secs", "s")]
    }

    fn epochs(&self, fidelity: Option<Fidelity>) -> u32 {
        fidelity.map_or(4, |fidelity| fidelity.epochs)
    }

    fn evaluate(&self, job: &Job<'_>, reporter: &mut dyn Reporter) -> Result<Evaluation> {
        use std::hash::{Hash as _, Hasher as _};
        let architecture = &job.proposal.architecture;
        let digits = architecture.values().iter().flatten().map(|value| match value {
            nascent_record::Value::Int(i) => *i as f64 % 7.0,
            nascent_record::Value::Float(x) => *x,
        });
        let score: f64 = digits.enumerate().map(|(at, x)| x / (at + 1) as f64).sum();
        // FNV would do; the hash only decides who fails.
        let mut hasher = std::hash::DefaultHasher::new();
        architecture.hash(&mut hasher);
        match hasher.finish() % 17 {
            0 => {
                return Err(Error::Infeasible { problem: "it is one of the failing".into() });
            }
            1 => {
                return Err(Error::Diverged { epoch: 1, what: "loss", value: f64::NAN });
            }
            _ => {}
        }
        let mut metrics = Metrics::default();
        let mut epochs = 0;
        let before = job.checkpoint.map_or(0, |checkpoint| checkpoint.epochs);
        let mut stopped = false;
        for step in before + 1..=self.epochs(job.proposal.fidelity) {
            epochs += 1;
            metrics.insert("score", score * f64::from(step).sqrt())?;
            if reporter.report(step, &metrics) == Flow::Stop {
                stopped = true;
                break;
            }
        }
        metrics.insert("cost_secs", 3.0 + score.abs() % 5.0)?;
        let keeps = job.keep_checkpoint && !stopped;
        let artifacts = keeps.then(|| (CHECKPOINT.to_owned(), Vec::new())).into_iter().collect();
        Ok(Evaluation { metrics, epochs, artifacts })
    }
}

/// A memory store that can be read after the study is gone.
#[derive(Clone, Default)]
pub(super) struct SharedStore(pub(super) Arc<Mutex<MemoryStore>>);

impl SharedStore {
    pub(super) fn with<T>(&self, f: impl FnOnce(&mut MemoryStore) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl RunStore for SharedStore {
    fn append(&mut self, event: Event) -> RecordResult<Logged> {
        self.with(|store| store.append(event))
    }
    fn put_blob(&mut self, bytes: &[u8]) -> RecordResult<nascent_record::BlobId> {
        self.with(|store| store.put_blob(bytes))
    }
    fn blob(&self, id: &nascent_record::BlobId) -> RecordResult<Vec<u8>> {
        self.with(|store| store.blob(id))
    }
}

pub(super) fn setup(space: &Arc<dyn SearchSpace>, seed: u64) -> SearchSetup {
    let fidelities = ToyEvaluator.fidelities();
    let seed = Seed::new(seed);
    let dataset = nascent_datasets::load("digits", None).unwrap().limited(60, 0);
    let resources =
        Resources { dataset: Some(Arc::new(dataset)), table: None, seed, device: "cpu".to_owned() };
    let (space, resources) = (Arc::clone(space), Some(resources));
    SearchSetup { space, goal: goal(), fidelities, seed, resources }
}

pub(super) fn goal() -> Goal {
    Goal::new(Objective::maximize("score"))
}

fn toy_manifest(
    space: &dyn SearchSpace,
    lookahead: u32,
    duplicates: Duplicates,
    budget: Budget,
) -> Manifest {
    Manifest {
        schema: SCHEMA,
        created_ms: 0,
        space: Component::new("toy"),
        spec: space.spec().clone(),
        searcher: Component::new("toy"),
        evaluator: Component::new("toy"),
        pruner: Component::new("median"),
        data: Component::new("none"),
        metrics: ToyEvaluator.metrics(),
        goal: goal(),
        duplicates,
        imported: 0,
        supernet: None,
        enqueued: Vec::new(),
        seed: 7,
        lookahead,
        budget,
        limits: TrialLimits::default(),
        final_epochs: 0,
        final_top: 1,
        versions: std::collections::BTreeMap::new(),
        git_commit: None,
        device: "cpu".into(),
    }
}

/// A run of a searcher over the toy evaluator with the median pruner.
pub(super) struct ToyRun<'a> {
    pub(super) space: Arc<dyn SearchSpace>,
    pub(super) searcher: &'a dyn Fn(&SearchSetup) -> Box<dyn Searcher>,
    pub(super) lookahead: u32,
    pub(super) duplicates: Duplicates,
    pub(super) budget: Budget,
}

impl ToyRun<'_> {
    fn view(&self, log: &[Logged]) -> RunView {
        let manifest = toy_manifest(&*self.space, self.lookahead, self.duplicates, self.budget);
        let mut view = RunView::new(manifest);
        for (line, logged) in std::iter::zip(1.., log) {
            view.apply(logged.clone(), line).unwrap();
        }
        view
    }

    fn study(&self, store: &SharedStore) -> Study {
        let view = self.view(store.with(|s| s.log().to_vec()).as_slice());
        let setup = setup(&self.space, 7);
        let parts = Parts {
            space: Arc::clone(&self.space),
            searcher: (self.searcher)(&setup),
            evaluator: Arc::new(ToyEvaluator),
            pruner: crate::prune::find("median").unwrap().make(&Value::Null, &()).unwrap(),
        };
        Study::open(parts, Box::new(store.clone()), view, Arc::new(StoppedClock)).unwrap()
    }

    pub(super) fn run(&self, store: &SharedStore, workers: u32) -> RunView {
        let mut study = self.study(store);
        let stop = AtomicBool::new(false);
        let mut options = RunOptions { workers, stop: &stop, observe: &mut |_| {} };
        study.run(&mut options).unwrap();
        study.view().clone()
    }
}

/// The spaces that searchers are tried on: one plain, one with conditional, integer and real-number
/// choices.
pub(super) fn toy_spaces() -> Vec<Arc<dyn SearchSpace>> {
    ["nas_bench_201", "mlp"]
        .map(|name| crate::space::find(name).unwrap().make(&Value::Null, &()).unwrap().into())
        .into()
}
