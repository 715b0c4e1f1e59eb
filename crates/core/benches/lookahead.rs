//! What determinism costs: 64 trials of unequal length on 4 workers, by lookahead. With a lookahead
//! of 4 a worker that is done may wait for a straggler; a larger one buys the time back. Compare the
//! medians with each other, not with those of another machine.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use nascent::evaluate::{Evaluation, Evaluator, Job, Reporter};
use nascent::record::{
    Budget, Component, Duplicates, Fidelity, Goal, Manifest, MemoryStore, MetricSpec, Metrics,
    Objective, RunView, SCHEMA, SystemClock, TrialLimits,
};
use nascent::search::SearchSetup;
use nascent::space::SearchSpace;
use nascent::study::{Parts, RunOptions, Study};
use nascent::{Result, Seed};
use rand::RngExt as _;
use serde_json::Value;

/// A training that takes 1 to 10 ms, long ones as rare as they are long.
struct Sleeper;

impl Evaluator for Sleeper {
    fn metrics(&self) -> Vec<MetricSpec> {
        vec![MetricSpec::maximize("score", "")]
    }
    fn epochs(&self, _: Option<Fidelity>) -> u32 {
        1
    }
    fn evaluate(&self, job: &Job<'_>, _: &mut dyn Reporter) -> Result<Evaluation> {
        let drawn: f64 = job.seed.rng().random();
        std::thread::sleep(Duration::from_secs_f64(0.001 / (1.0 - 0.9 * drawn)));
        let metrics = Metrics::new([("score", drawn)])?;
        Ok(Evaluation { metrics, epochs: 1, ..Evaluation::default() })
    }
}

fn study(lookahead: u32) -> Study {
    let space = nascent::space::find("nas_bench_201").unwrap();
    let space: Arc<dyn SearchSpace> = space.make(&Value::Null, &()).unwrap().into();
    let goal = Goal::new(Objective::maximize("score"));
    let budget = Budget { max_trials: Some(64), ..Budget::default() };
    let manifest = Manifest {
        schema: SCHEMA,
        created_ms: 0,
        space: Component::new("nas_bench_201"),
        spec: space.spec().clone(),
        searcher: Component::new("random"),
        evaluator: Component::new("sleeper"),
        pruner: Component::new("never"),
        data: Component::new("none"),
        metrics: Sleeper.metrics(),
        goal: goal.clone(),
        duplicates: Duplicates::Repropose,
        imported: 0,
        supernet: None,
        enqueued: Vec::new(),
        seed: 1,
        lookahead,
        budget,
        limits: TrialLimits::default(),
        final_epochs: 0,
        final_top: 1,
        versions: std::collections::BTreeMap::new(),
        git_commit: None,
        device: "cpu".into(),
    };
    let setup = SearchSetup::new(Arc::clone(&space), goal, Seed::new(1));
    let parts = Parts {
        space,
        searcher: nascent::search::find("random").unwrap().make(&Value::Null, &setup).unwrap(),
        evaluator: Arc::new(Sleeper),
        pruner: nascent::prune::find("never").unwrap().make(&Value::Null, &()).unwrap(),
    };
    let store = Box::new(MemoryStore::default());
    Study::open(parts, store, RunView::new(manifest), Arc::new(SystemClock)).unwrap()
}

#[divan::bench(args = [1, 4, 6, 8, 16, 64], sample_count = 20)]
fn four_workers(bencher: divan::Bencher<'_, '_>, lookahead: u32) {
    bencher.with_inputs(|| study(lookahead)).bench_values(|mut study| {
        let stop = AtomicBool::new(false);
        study.run(&mut RunOptions { workers: 4, stop: &stop, observe: &mut |_| {} }).unwrap();
    });
}

fn main() {
    divan::main();
}
