//! The test kit: what every searcher, space, pruner and evaluator has to satisfy. It runs over all
//! rows of the tables, so what is registered is tested the day it is registered, and a crate with
//! capabilities of its own runs it over those.
//!
//! Each function panics with a message that names what is broken.

#![expect(clippy::unwrap_used, reason = "a test kit fails by panicking")]
#![expect(clippy::missing_panics_doc, reason = "the module says so")]

mod toy;

use std::sync::{Arc, Mutex};

use nascent_record::{
    Budget, Duplicates, Metrics, Objective, Outcome, Report, RunView, Trial, TrialId, TrialLimits,
};
use serde_json::Value;

use self::toy::{SharedStore, ToyRun, toy_spaces};
use crate::evaluate::{
    CHECKPOINT, Checkpoint, Evaluation, Evaluator, EvaluatorEntry, Flow, Job, Purpose, Reporter,
    Resources, Silent,
};
use crate::prune::{PruneContext, PrunerEntry};
use crate::search::{SearchSetup, Searcher, SearcherEntry};
use crate::space::{SearchSpace, SpaceEntry, SpecExt as _};
use crate::{Result, Seed};

pub use self::toy::{StoppedClock, ToyEvaluator};

/// Checks a searcher of a table: see [`searcher_with`], and that its settings are complete. One that
/// trains a supernet is tried on the spaces that it takes, for few epochs.
pub fn searcher(entry: &SearcherEntry) {
    let defaults = (entry.defaults)();
    check_settings(entry.name, &defaults, |settings| entry.complete(settings).map(drop));
    let small =
        [("supernet_epochs", 2_u32), ("samples", 120), ("population_size", 50), ("generations", 2)];
    let trains = entry.trains_supernet();
    let known = small.into_iter().filter(|(name, _)| trains && defaults.get(name).is_some());
    let settings: Value =
        known.map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
    let takes = |space: &Arc<dyn SearchSpace>| {
        !trains || entry.make(&settings, &toy::setup(space, 7)).is_ok()
    };
    let spaces: Vec<_> = toy_spaces().into_iter().filter(takes).collect();
    assert!(!spaces.is_empty(), "{} takes no space", entry.name);
    on_spaces(entry.name, spaces, &|setup| entry.make(&settings, setup).unwrap());
}

/// Checks that a searcher proposes valid architectures with earlier parents, that its run is the
/// same twice and on 1, 2 and 4 workers, and that it resumes exactly from every prefix of its log.
pub fn searcher_with(name: &str, make: &dyn Fn(&SearchSetup) -> Box<dyn Searcher>) {
    on_spaces(name, toy_spaces(), make);
}

fn on_spaces(
    name: &str,
    spaces: Vec<Arc<dyn SearchSpace>>,
    make: &dyn Fn(&SearchSetup) -> Box<dyn Searcher>,
) {
    for space in spaces {
        for (lookahead, duplicates) in std::iter::zip([1, 4, 8], Duplicates::ALL) {
            let budget = Budget { max_trials: Some(40), ..Budget::default() };
            let space = Arc::clone(&space);
            let toy = ToyRun { space, searcher: make, lookahead, duplicates, budget };
            let whole = SharedStore::default();
            let view = toy.run(&whole, 1);
            let trials = view.trials();
            assert_eq!(trials.len(), 40, "{name} ended early");
            assert!(trials.iter().any(|t| t.score(view.manifest().objective().unwrap()).is_some()));
            let space = &toy.space;
            for trial in trials {
                space.spec().check(&trial.proposal.architecture).unwrap();
                space.graph(&trial.proposal.architecture).unwrap().check().unwrap();
                let before = |parent: &TrialId| (parent.0) < trial.told;
                assert!(trial.proposal.parents.iter().all(before), "{name} knows the future");
            }
            for workers in [2, 4] {
                let other = toy.run(&SharedStore::default(), workers);
                assert_eq!(
                    other.history_hash(),
                    view.history_hash(),
                    "{name} depends on the number of workers ({workers}, lookahead {lookahead})"
                );
            }
            resumes(name, &toy, &whole, &view);
            ends_at_one_place(name, &toy);
        }
    }
}

/// A limit of cost ends the search at the same trial on any number of workers.
fn ends_at_one_place(name: &str, toy: &ToyRun<'_>) {
    let budget = Budget { max_cost_secs: Some(100.0), max_trials: Some(100), ..Budget::default() };
    let toy = ToyRun { space: Arc::clone(&toy.space), budget, ..*toy };
    let ends = [1, 3, 8].map(|workers| toy.run(&SharedStore::default(), workers).history_hash());
    assert_eq!(ends[0], ends[1], "the end of {name} depends on the number of workers");
    assert_eq!(ends[0], ends[2], "the end of {name} depends on the number of workers");
}

fn resumes(name: &str, toy: &ToyRun<'_>, whole: &SharedStore, view: &RunView) {
    let events = whole.with(|store| store.log().len());
    // Every eleventh: it falls on each kind of event, and spares the searchers that think long.
    for cut in (0..events).step_by(11) {
        let store = SharedStore(Arc::new(Mutex::new(whole.with(|store| store.cut(cut)))));
        let resumed = toy.run(&store, 1);
        assert_eq!(
            resumed.history_hash(),
            view.history_hash(),
            "{name} cut at event {cut} goes on otherwise"
        );
    }
}

fn check_settings(name: &str, defaults: &Value, complete: impl Fn(&Value) -> Result<()>) {
    assert!(defaults.is_object(), "the defaults of {name} are not an object");
    complete(defaults).unwrap();
    complete(&Value::Null).unwrap();
    let unknown = serde_json::json!({ "no_such_setting": 1 });
    assert!(complete(&unknown).is_err(), "{name} takes a setting that it does not have");
}

/// Checks a search space: every sample means a valid graph that can be built and run, names round
/// trip, and [`SearchSpace::canonical`] is idempotent.
pub fn space(entry: &SpaceEntry) {
    check_settings(entry.name, &(entry.defaults)(), |settings| entry.complete(settings).map(drop));
    let space = entry.make(&Value::Null, &()).unwrap();
    let mut rng = Seed::new(1).rng();
    for number in 0..200 {
        let architecture = space.spec().sample(&mut rng);
        let text = space.spec().text(&architecture);
        assert_eq!(space.parse(&text).unwrap(), architecture, "{text}");
        if let Some(name) = space.official_name(&architecture) {
            assert_eq!(space.parse(&name).unwrap(), architecture, "{name}");
        }
        let canonical = space.canonical(&architecture);
        space.spec().check(&canonical).unwrap();
        assert_eq!(space.canonical(&canonical), canonical, "{text}");
        let graph = space.graph(&architecture).unwrap();
        graph.check().unwrap();
        if number < 20 {
            crate::nn::check_forward(&graph, &[1, 8, 8], 10).unwrap();
        }
    }
}

/// Checks a pruner: it never stops a trial that is better than all others at every epoch, and says
/// the same twice.
pub fn pruner(entry: &PrunerEntry) {
    check_settings(entry.name, &(entry.defaults)(), |settings| entry.complete(settings).map(drop));
    let pruner = entry.make(&Value::Null, &()).unwrap();
    let space = &toy_spaces()[0];
    let objective = Objective::maximize("score");
    let curve = |height: f64| -> Vec<Report> {
        let at = |step| Metrics::new([("score", height * f64::from(step))]).unwrap();
        (1..=6).map(|step| Report { step, metrics: at(step) }).collect()
    };
    let mut rng = Seed::new(2).rng();
    let others: Vec<Trial> = (0..20)
        .map(|number| {
            let proposal = nascent_record::Proposal::new(space.spec().sample(&mut rng));
            let mut trial = Trial::new(TrialId(number), proposal, 0);
            trial.curve = curve(f64::from(number));
            trial.outcome = trial.curve.last().map(|r| Outcome::Complete(r.metrics.clone()));
            trial
        })
        .collect();
    for height in [20.0, -1.0] {
        let curve = curve(height);
        for end in 1..=curve.len() {
            for others in [&others[..0], &others[..3], &others[..]] {
                let cx = PruneContext { objective: &objective, curve: &curve[..end], others };
                let flow = pruner.prune(&cx);
                assert_eq!(flow, pruner.prune(&cx), "{} has a state", entry.name);
                let name = entry.name;
                assert!(height < 0.0 || flow == Flow::Continue, "{name} stops the best trial");
            }
        }
    }
}

/// Checks an evaluator on one architecture: the same twice but for what it measures, all metrics declared, at most the
/// planned epochs, and an end soon after it is told to stop.
pub fn evaluator(
    entry: &EvaluatorEntry,
    settings: &Value,
    resources: &Resources,
    space: &dyn SearchSpace,
    architecture: &str,
) {
    check_settings(entry.name, &(entry.defaults)(), |settings| entry.complete(settings).map(drop));
    let evaluator = entry.make(settings, resources).unwrap();
    let proposal = nascent_record::Proposal::new(space.parse(architecture).unwrap());
    let job = Job {
        space,
        trial: TrialId(3),
        proposal: &proposal,
        seed: Seed::new(5),
        purpose: Purpose::Search,
        limits: TrialLimits::default(),
        checkpoint: None,
        weights: None,
        keep_checkpoint: false,
    };
    let first = evaluator.evaluate(&job, &mut Silent).unwrap();
    let second = evaluator.evaluate(&job, &mut Silent).unwrap();
    let declared = evaluator.metrics();
    let measured =
        |name: &str| declared.iter().any(|metric| metric.name == name && metric.measured);
    let [a, b] = [&first, &second].map(|evaluation| {
        let computed = evaluation.metrics.iter().filter(|(name, _)| !measured(name));
        Evaluation { metrics: Metrics::new(computed).unwrap(), ..evaluation.clone() }
    });
    assert_eq!(a, b, "{} gives two results for one job", entry.name);
    for (name, _) in first.metrics.iter() {
        let known = declared.iter().any(|metric| metric.name == name);
        assert!(known, "{} reports {name}, which it does not declare", entry.name);
    }
    let natural = &declared[0].name;
    assert!(first.metrics.get(natural).is_some(), "{} lacks {natural}", entry.name);
    assert!(first.epochs <= evaluator.epochs(None), "{} trains too long", entry.name);

    struct StopAtOnce(u32);
    impl Reporter for StopAtOnce {
        fn report(&mut self, _step: u32, _metrics: &Metrics) -> Flow {
            self.0 += 1;
            Flow::Stop
        }
    }
    let mut reporter = StopAtOnce(0);
    evaluator.evaluate(&job, &mut reporter).unwrap();
    assert!(reporter.0 <= 1, "{} goes on after it is told to stop", entry.name);
    goes_on(entry.name, &*evaluator, &job, &first);
}

/// A trial at a low fidelity, and another that goes on with it, are as the whole one.
fn goes_on(name: &str, evaluator: &dyn Evaluator, job: &Job<'_>, whole: &Evaluation) {
    let most = evaluator.fidelities().most();
    let Some(epochs) = (1..most).find(|&epochs| evaluator.fidelities().contains(epochs)) else {
        return;
    };
    let low = job.proposal.clone().at_epochs(epochs);
    let low = Job { proposal: &low, keep_checkpoint: true, ..*job };
    let begun = evaluator.evaluate(&low, &mut Silent).unwrap();
    assert_eq!(begun.epochs, epochs, "{name} does not train as long as it was asked to");
    let Some(bytes) = begun.artifacts.get(CHECKPOINT) else { return };
    let full = job.proposal.clone().at_epochs(most).resuming(job.trial);
    let seed = job.seed.derive("another", 0);
    let checkpoint = Some(Checkpoint { epochs, bytes });
    let mut steps = Steps(Vec::new());
    let job = Job { trial: TrialId(4), proposal: &full, seed, checkpoint, ..*job };
    let ended = evaluator.evaluate(&job, &mut steps).unwrap();
    let natural = &evaluator.metrics()[0].name;
    let values = [&ended, whole].map(|evaluation| evaluation.metrics.get(natural));
    assert_eq!(values[0], values[1], "{name} does not go on as if it had never ended");
    assert_eq!(begun.epochs + ended.epochs, whole.epochs, "{name} counts epochs twice");
    assert!(steps.0.iter().all(|step| *step > epochs), "{name} reports epochs twice");
    assert!(!steps.0.is_empty(), "{name} reports nothing of what it goes on with");
}

/// Notes what is reported.
struct Steps(Vec<u32>);

impl Reporter for Steps {
    fn report(&mut self, step: u32, _metrics: &Metrics) -> Flow {
        self.0.push(step);
        Flow::Continue
    }
}

#[cfg(test)]
mod tests {
    use nascent_datasets::{Column, ColumnData, Table};
    use nascent_record::{Architecture, Proposal};
    use rayon::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::evaluate::EVALUATORS;
    use crate::prune::PRUNERS;
    use crate::search::{Ask, AskContext, SEARCHERS};
    use crate::space::SPACES;

    #[test]
    fn every_searcher() {
        // Side by side, because it takes long.
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| SEARCHERS.par_iter().with_max_len(1).for_each(|entry| searcher(entry)));
    }

    #[test]
    fn every_space() {
        for entry in SPACES {
            space(entry);
        }
    }

    #[test]
    fn every_pruner() {
        for entry in PRUNERS {
            pruner(entry);
        }
    }

    #[test]
    fn every_evaluator() {
        let cell = "|nor_conv_1x1~0|+|skip_connect~0|none~1|+|none~0|none~1|avg_pool_3x3~2|";
        let space = crate::space::find("nas_bench_201").unwrap().make(&Value::Null, &()).unwrap();
        let table = Table::new(vec![
            Column { name: "arch".into(), data: ColumnData::Texts(vec![Some(cell.into())]) },
            Column { name: "a".into(), data: ColumnData::Numbers(vec![Some(60.0)]) },
            Column { name: "b".into(), data: ColumnData::Numbers(vec![Some(90.0)]) },
        ]);
        let resources = Resources {
            dataset: Some(Arc::new(
                nascent_datasets::load("digits", None).unwrap().limited(300, 50),
            )),
            table: Some(Arc::new(table.unwrap())),
            seed: Seed::new(1),
            device: "cpu".into(),
        };
        for entry in EVALUATORS {
            let settings = match entry.name {
                "table" => json!({ "valid": "b", "epochs": 9, "fidelities": { "3": "a" } }),
                _ => Value::Null,
            };
            evaluator(entry, &settings, &resources, &*space, cell);
        }
    }

    /// The kit must catch the classic mistake: state changed by `ask` and not saved.
    #[test]
    #[should_panic(expected = "goes on otherwise")]
    fn the_kit_catches_a_searcher_that_forgets() {
        struct Forgetful(u64);
        impl Searcher for Forgetful {
            fn ask(&mut self, cx: &mut AskContext<'_>) -> Result<Ask> {
                self.0 += 1;
                let drawn = cx.space.spec().sample(&mut Seed::new(self.0).rng());
                Ok(Ask::Propose(Proposal::new(drawn)))
            }
            fn tell(&mut self, _: &Trial) -> Result<()> {
                Ok(())
            }
        }
        searcher_with("forgetful", &|_| Box::new(Forgetful(0)));
    }

    /// And it must let pass a searcher whose `ask` trains something, and that saves it.
    #[test]
    fn the_kit_lets_a_searcher_with_snapshots_pass() {
        struct OneShot(Vec<u64>);
        impl Searcher for OneShot {
            fn ask(&mut self, cx: &mut AskContext<'_>) -> Result<Ask> {
                self.0[0] += 1;
                let mixed = self.0.iter().fold(0, |a, b| a * 31 + b);
                let drawn: Architecture = cx.space.spec().sample(&mut Seed::new(mixed).rng());
                Ok(Ask::Propose(Proposal::new(drawn)))
            }
            fn tell(&mut self, trial: &Trial) -> Result<()> {
                self.0[1] = self.0[1] * 7 % 1009 + u64::from(trial.epochs);
                Ok(())
            }
            fn snapshot(&self) -> Result<Option<Vec<u8>>> {
                Ok(Some(self.0.iter().flat_map(|n| n.to_le_bytes()).collect()))
            }
            fn restore(&mut self, snapshot: &[u8]) -> Result<()> {
                let words = snapshot.chunks_exact(8);
                self.0 = words.map(|w| u64::from_le_bytes(w.try_into().unwrap())).collect();
                Ok(())
            }
        }
        searcher_with("one_shot", &|_| Box::new(OneShot(vec![0, 0])));
    }
}
