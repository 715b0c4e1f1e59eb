//! The searchers of this folder on digits: what they are held to beside the contract of all.

mod pytorch;
mod weights;

use std::sync::Arc;

use nascent_record::{Goal, Objective, Outcome, Proposal, Trial, TrialId};

use super::alpha::Alpha;
use super::costs::shares;
use super::darts::Darts;
use super::one_shot::OneShot;
use super::settings::{AllSettings, AlphaSettings, Settings};
use crate::Seed;
use crate::evaluate::Resources;
use crate::search::{Ask, Known, Question, SearchSetup, Searcher, Training, find};
use crate::space::{SearchSpace, mlp, nas_bench_201, proxyless};
use crate::train::{SharedWeights, TrainConfig};

fn space() -> Arc<dyn SearchSpace> {
    let config = nas_bench_201::Config { channels: 8, cells: 1 };
    Arc::new(nas_bench_201::NasBench201::new(config).unwrap())
}

fn setup(space: Arc<dyn SearchSpace>, seed: u64) -> SearchSetup {
    let dataset = nascent_datasets::load("digits", None).unwrap().limited(300, 0);
    let goal = Goal::new(Objective::maximize("valid_accuracy"));
    let resources = Resources {
        dataset: Some(Arc::new(dataset)),
        table: None,
        seed: Seed::new(seed),
        device: "cpu".to_owned(),
    };
    SearchSetup { resources: Some(resources), ..SearchSetup::new(space, goal, Seed::new(seed)) }
}

fn searcher(name: &str, settings: &serde_json::Value) -> Box<dyn Searcher> {
    find(name).unwrap().make(settings, &setup(space(), 3)).unwrap()
}

/// Asks once, with nothing pending and everything admitted.
fn ask(searcher: &mut dyn Searcher, trial: u32) -> Ask {
    let (space, known) = (space(), Known::default());
    let question = Question {
        space: &*space,
        trial: TrialId(trial),
        seed: Seed::new(1),
        pending: &[],
        admits: &|architecture| known.admits(&*space, architecture),
        stops: &|| false,
    };
    question.ask(searcher).unwrap()
}

/// The numbers of `xtask/python/supernet_golden.py`, from -0.5 to 0.5.
fn numbers(first: usize, count: usize) -> impl Iterator<Item = f64> {
    (first..first + count).map(|at| (at * 7919 % 10_007) as f64 / 10_007.0 - 0.5)
}

#[test]
fn a_softmax_and_its_gradient() {
    let mut alpha = Alpha::drawn(&nas_bench_201_edges(), &[], &mut Seed::new(1).rng());
    alpha.values = numbers(3, 30).collect();
    let weights: Vec<f64> = numbers(50, 30).collect();
    let value = |alpha: &Alpha| -> f64 {
        std::iter::zip(&alpha.softmax(0.7).values, &weights).map(|(p, w)| p * w).sum()
    };
    let gradient = alpha.softmax(0.7).softmax_gradient(&weights, 0.7);
    for (at, gradient) in gradient.into_iter().enumerate() {
        let [above, below] = [1e-6, -1e-6].map(|step| {
            let mut moved = alpha.clone();
            moved.values[at] += step;
            value(&moved)
        });
        assert!((gradient - (above - below) / 2e-6).abs() < 1e-8);
    }
}

fn nas_bench_201_edges() -> Vec<crate::space::MixedEdge> {
    space().relaxed().unwrap().supernet().edges
}

/// Behind the epochs, each proposal is another one, and all are in the space.
#[test]
fn all_searchers_train_then_propose() {
    for name in [
        "darts",
        "pc_darts",
        "gdas",
        "drnas",
        "fair_darts",
        "proxyless",
        "random_ws",
        "spos",
        "enas",
    ] {
        let mut settings = serde_json::json!({ "supernet_epochs": 2, "batch_size": 16 });
        if name == "random_ws" {
            settings["samples"] = 12.into();
        }
        if name == "enas" {
            settings["samples"] = 12.into();
            settings["controller_steps"] = 3.into();
        }
        if name == "spos" {
            settings["population_size"] = 6.into();
            settings["generations"] = 2.into();
        }
        let mut searcher = searcher(name, &settings);
        let mut epochs = 0;
        let first = loop {
            match ask(&mut *searcher, 0) {
                Ask::Trained(training) => {
                    epochs += 1;
                    assert_eq!(training.epoch, epochs, "{name}");
                    let scalars = &training.signals.scalars;
                    assert!(scalars.iter().all(|(_, value)| value.is_finite()), "{name}");
                    let snapshot = searcher.snapshot().unwrap();
                    assert!(snapshot.is_some(), "{name} has trained and keeps nothing");
                }
                Ask::Propose(proposal) => break proposal,
                other => panic!("{name} answers {other:?}"),
            }
        };
        assert!(epochs >= 2, "{name}");
        assert!(searcher.snapshot().unwrap().is_none(), "{name} keeps what has not changed");
        let mut trial = Trial::new(TrialId(0), first, 0);
        for number in 1..5 {
            trial.outcome = Some(Outcome::Complete(nascent_record::Metrics::default()));
            searcher.tell(&trial).unwrap();
            let Ask::Propose(next) = ask(&mut *searcher, number) else { panic!("{name} ends") };
            assert_ne!(next.architecture, trial.proposal.architecture, "{name}");
            space().spec().check(&next.architecture).unwrap();
            trial = Trial::new(TrialId(number), next, number);
        }
    }
}

/// The epochs of a searcher, then its first proposals.
fn trained_and_proposed(
    name: &str,
    settings: &serde_json::Value,
) -> (Vec<Training>, Vec<Proposal>) {
    let mut searcher = searcher(name, settings);
    let (mut epochs, mut proposals) = (Vec::new(), Vec::new());
    while proposals.len() < 4 {
        match ask(&mut *searcher, proposals.len() as u32) {
            Ask::Trained(training) => epochs.push(training),
            Ask::Propose(proposal) => {
                let number = proposals.len() as u32;
                let mut trial = Trial::new(TrialId(number), proposal.clone(), number);
                trial.outcome = Some(Outcome::Complete(nascent_record::Metrics::default()));
                searcher.tell(&trial).unwrap();
                proposals.push(proposal);
            }
            other => panic!("{name} answers {other:?}"),
        }
    }
    (epochs, proposals)
}

#[test]
fn the_curvature_is_in_the_log_of_the_epochs_that_are_asked_for() {
    let settings = serde_json::json!({
        "supernet_epochs": 3, "batch_size": 16, "eigenvalue_every": 2,
    });
    let (epochs, _) = trained_and_proposed("darts", &settings);
    let known = epochs.iter().map(|epoch| epoch.signals.scalars.get("alpha_eigenvalue").is_some());
    assert_eq!(known.collect::<Vec<_>>(), [false, true, false]);
    let gaps = epochs.iter().filter_map(|epoch| {
        let of = |name: &str| epoch.signals.scalars.get(name);
        Some(of("valid_accuracy")? - of("derived_valid_accuracy")? - of("discretization_gap")?)
    });
    assert_eq!(gaps.collect::<Vec<_>>(), [0.0; 3]);
}

#[test]
fn who_pays_for_operations_takes_cheaper_ones() {
    let names = ["darts", "gdas", "drnas", "proxyless", "fair_darts", "pc_darts"];
    let costs = names.map(|name| (name, "flops")).into_iter().chain([("darts", "params")]);
    for (name, cost) in costs {
        let expected = |weight: f64| {
            let settings = serde_json::json!({
                "supernet_epochs": 4, "batch_size": 16, "alpha_learning_rate": 0.1,
                "cost": cost, "cost_weight": weight,
            });
            let (epochs, _) = trained_and_proposed(name, &settings);
            epochs[3].signals.scalars.get("expected_cost").unwrap()
        };
        let (free, paid) = (expected(0.0), expected(30.0));
        assert!(paid < 0.6 * free, "{name}, {cost}: {paid} is not far below {free}");
    }
}

#[test]
fn random_architectures_come_with_what_the_shared_weights_say_of_them() {
    let settings = serde_json::json!({
        "supernet_epochs": 1, "batch_size": 16, "proposals": "sampled",
    });
    for name in ["gdas", "enas"] {
        let (_, proposals) = trained_and_proposed(name, &settings);
        for (at, proposal) in proposals.iter().enumerate() {
            let signals = proposal.signals.as_ref().unwrap();
            let accuracy = signals.scalars.get("shared_valid_accuracy").unwrap();
            assert!((0.0..=1.0).contains(&accuracy), "{name}: {accuracy}");
            let again = proposals[..at].iter().any(|p| p.architecture == proposal.architecture);
            assert!(!again, "{name} proposes an architecture twice");
        }
    }
}

#[test]
fn what_cannot_be_is_refused_with_a_way_out() {
    let mlp: Arc<dyn SearchSpace> = Arc::new(mlp::Mlp::new(mlp::Config::default()).unwrap());
    let darts = find("darts").unwrap();
    let refused =
        |setup: &SearchSetup, settings: &serde_json::Value| match darts.make(settings, setup) {
            Ok(_) => panic!("it is taken"),
            Err(error) => error.to_string(),
        };
    let null = serde_json::Value::Null;
    let message = refused(&setup(mlp, 1), &null);
    assert!(message.contains("nas_bench_201") && message.contains("another searcher"), "{message}");
    let without = SearchSetup { resources: None, ..setup(space(), 1) };
    assert!(refused(&without, &null).contains("--data"));
    let message = refused(&setup(space(), 1), &serde_json::json!({ "supernet_epochs": 0 }));
    assert!(message.contains("supernet_epochs must be 1"), "{message}");
    let gdas = find("gdas").unwrap();
    let stops = serde_json::json!({ "stop_on_collapse": true });
    let Err(error) = gdas.make(&stops, &setup(space(), 1)) else { panic!("it is taken") };
    assert!(error.to_string().contains("no setting \"stop_on_collapse\""), "{error}");
    let spos = find("spos").unwrap();
    for setting in ["cost_weight", "alpha_learning_rate", "eigenvalue_every"] {
        let mut settings = serde_json::Map::new();
        settings.insert(setting.to_owned(), 1.into());
        let Err(error) = spos.make(&settings.into(), &setup(space(), 1)) else {
            panic!("{setting} is taken")
        };
        assert!(error.to_string().contains("there is no setting"), "{error}");
    }
    let message =
        refused(&setup(space(), 1), &serde_json::json!({ "cost": "latency", "latencies": [1.0] }));
    assert!(message.contains("30 operations, and has 1") && message.contains("nascent latency"));
    let pc_darts = find("pc_darts").unwrap();
    let proxyless: Arc<dyn SearchSpace> =
        Arc::new(proxyless::Proxyless::new(proxyless::Config::default()).unwrap());
    let Err(error) = pc_darts.make(&null, &setup(proxyless, 1)) else { panic!("it is taken") };
    assert!(error.to_string().contains("choose the space nas_bench_201 or darts"), "{error}");
    let inherits = serde_json::json!({ "inherit_weights": true });
    let Err(error) = pc_darts.make(&inherits, &setup(space(), 1)) else { panic!("it is taken") };
    assert!(error.to_string().contains("darts instead of pc_darts"), "{error}");
    let parts = serde_json::json!({ "parts": 3 });
    let Err(error) = pc_darts.make(&parts, &setup(space(), 1)) else { panic!("it is taken") };
    let message = "8 channels cannot be divided into 3 equal parts";
    assert!(error.to_string().contains(message), "{error}");
}

#[test]
fn weights_and_alpha_learn_from_different_examples() {
    let weights = Settings { batch_size: 16, ..Settings::default() };
    let settings = AllSettings { weights, alpha: Some(AlphaSettings::default()), curvature: None };
    let method = Darts { second_order: false };
    let searcher = OneShot::new("darts", settings, method, &setup(space(), 3)).unwrap();
    let [first, second] = searcher.halves(1);
    assert!(first.len() >= 64 && first.len() == second.len());
    assert!(first.iter().all(|example| !second.contains(example)));
    assert_ne!(first, searcher.halves(2)[0], "each epoch has an order of its own");
}

#[test]
fn what_takes_long_is_taken_less_where_that_costs() {
    // Of each edge none takes any time but the 3x3 convolution.
    let latencies: Vec<f64> = (0..30).map(|at| f64::from(u8::from(at % 5 == 3))).collect();
    let share = |weight: f64| {
        let settings = serde_json::json!({
            "supernet_epochs": 6, "batch_size": 16, "alpha_learning_rate": 0.05,
            "cost": "latency", "cost_weight": weight, "latencies": latencies,
        });
        let (epochs, _) = trained_and_proposed("pc_darts", &settings);
        epochs.last().unwrap().signals.scalars.get("expected_cost").unwrap()
    };
    let (free, dear) = (share(0.0), share(3.0));
    assert!(dear < 0.7 * free, "{dear} with a price, and {free} without");
}

#[test]
fn what_widths_cost_is_part_of_what_is_paid_for() {
    let config = proxyless::Config { stages: 2, blocks: 1, channels: 6, widths: 3 };
    let space = Arc::new(proxyless::Proxyless::new(config).unwrap());
    let supernet = space.relaxed().unwrap().supernet();
    let settings = AlphaSettings::default();
    let config = TrainConfig::default();
    let shared = SharedWeights::new(&supernet, &[1, 8, 8], 10, &config, Seed::new(1)).unwrap();
    let costs = shares("proxyless", &settings, &*space, &supernet, shared.model()).unwrap();
    let widths: Vec<_> = supernet.edges.iter().filter(|e| e.name.contains("width")).collect();
    assert_eq!(widths.len(), 2);
    for edge in widths {
        let costs = &costs[edge.coefficients()];
        assert!(costs[0] == 0.0 && costs.is_sorted() && costs[2] > 1.3 * costs[1], "{costs:?}");
    }
    // Who pays takes narrower networks.
    let share = |weight: f64| {
        let settings = serde_json::json!({
            "supernet_epochs": 4, "batch_size": 16, "alpha_learning_rate": 0.1,
            "cost_weight": weight,
        });
        let setup = setup(Arc::clone(&space) as Arc<dyn SearchSpace>, 3);
        let mut searcher = find("proxyless").unwrap().make(&settings, &setup).unwrap();
        let mut last = None;
        while let Ask::Trained(training) = ask(&mut *searcher, 0) {
            last = Some(training);
        }
        let vectors = &last.unwrap().signals.vectors;
        let edge = supernet.edges.iter().find(|edge| edge.name.contains("width")).unwrap();
        let alpha = &vectors[&format!("alpha.{}", edge.name)];
        alpha[2] - alpha[0]
    };
    let (free, paid) = (share(0.0), share(30.0));
    assert!(paid < free - 0.1, "{paid} is not below {free}");
}

/// A network may have so many parameters.
fn ask_within(searcher: &mut dyn Searcher, trial: u32, most: u64, told: &[Trial]) -> Ask {
    let (space, known) = (space(), Known::default());
    let params = |architecture: &nascent_record::Architecture| {
        let graph = space.graph(architecture).unwrap();
        crate::nn::cost(&graph, &[1, 8, 8], 10).unwrap().params
    };
    let question = Question {
        space: &*space,
        trial: TrialId(trial),
        seed: Seed::new(1),
        pending: told,
        admits: &|architecture| known.admits(&*space, architecture) && params(architecture) <= most,
        stops: &|| false,
    };
    question.ask(searcher).unwrap()
}

/// Of all cells of these channels a tenth is as small as this.
#[test]
fn what_is_compared_and_proposed_keeps_the_constraints() {
    let most = 22_000;
    for (name, settings) in [
        ("random_ws", serde_json::json!({ "samples": 8 })),
        ("spos", serde_json::json!({ "population_size": 6, "generations": 2 })),
        ("enas", serde_json::json!({ "samples": 8, "controller_steps": 2 })),
        ("darts", serde_json::json!({})),
    ] {
        let mut settings = settings;
        settings["supernet_epochs"] = 1.into();
        settings["batch_size"] = 16.into();
        let mut searcher = searcher(name, &settings);
        let mut told: Vec<Trial> = Vec::new();
        let mut compared = 0.0;
        while told.len() < 12 {
            match ask_within(&mut *searcher, told.len() as u32, most, &told) {
                Ask::Trained(training) => {
                    compared = training.signals.scalars.get("compared").unwrap_or(0.0);
                }
                Ask::Propose(proposal) => {
                    let number = told.len() as u32;
                    told.push(Trial::new(TrialId(number), proposal, number));
                }
                other => panic!("{name} answers {other:?} behind {} proposals", told.len()),
            }
        }
        let expected = match name {
            "random_ws" | "enas" => 8.0,
            "spos" => 18.0,
            _ => 0.0,
        };
        assert_eq!(compared, expected, "{name}: as many are compared as are to be");
    }
}

#[test]
fn a_collapse_is_not_looked_for_while_alpha_does_not_learn() {
    // With a rate at which the curvature grows at once.
    let settings = serde_json::json!({
        "supernet_epochs": 20, "batch_size": 16, "alpha_learning_rate": 0.2, "parts": 2,
        "stop_on_collapse": true, "eigenvalue_every": 0, "warm_up": 0.5,
    });
    let (epochs, _) = trained_and_proposed("pc_darts", &settings);
    let is_known = |epoch: &Training| epoch.signals.scalars.get("alpha_eigenvalue").is_some();
    let known: Vec<u32> = epochs.iter().filter(|e| is_known(e)).map(|e| e.epoch).collect();
    assert_eq!(known.first(), Some(&10), "{known:?}");
    assert!(epochs.len() >= 18, "two means of five take nine epochs");
}

#[test]
fn drnas_goes_on_with_more_channels_in_each_stage() {
    let settings = serde_json::json!({
        "supernet_epochs": 4, "batch_size": 16, "parts": 4, "warm_up": 0.0,
        "alpha_learning_rate": 0.05,
    });
    let mut drnas = searcher("drnas", &settings);
    let mut snapshots = Vec::new();
    let mut losses = Vec::new();
    while let Ask::Trained(training) = ask(&mut *drnas, 0) {
        losses.push(training.signals.scalars.get("train_loss").unwrap());
        snapshots.push(drnas.snapshot().unwrap().unwrap());
    }
    let sizes: Vec<usize> = snapshots.iter().map(Vec::len).collect();
    // Beside the weights there are only numbers, written with more digits or fewer.
    assert!(sizes[1] > sizes[0] + 50_000, "two stages: {sizes:?}");
    assert!(sizes[1].abs_diff(sizes[3]) < 1_000, "two stages: {sizes:?}");
    assert!(losses[1] < losses[0] && losses[2] < losses[0], "weights go on: {losses:?}");
    // From the end of either stage another one goes on to the same weights.
    for from in [0, 1, 2] {
        let mut again = searcher("drnas", &settings);
        again.restore(&snapshots[from]).unwrap();
        let mut last = None;
        while let Ask::Trained(_) = ask(&mut *again, 0) {
            last = again.snapshot().unwrap();
        }
        assert!(last.as_deref() == Some(&snapshots[3][..]), "from epoch {}", from + 1);
    }
    let wrong = serde_json::json!({ "parts": 6, "stages": 3 });
    let Err(error) = find("drnas").unwrap().make(&wrong, &setup(space(), 1)) else {
        panic!("it is taken")
    };
    assert!(error.to_string().contains("4 times a whole number above 1"), "{error}");
}

/// What each epoch came to, and what is there behind the last one.
fn epochs_from(searcher: &mut dyn Searcher, snapshots: &mut Vec<Vec<u8>>) -> Vec<Training> {
    let mut epochs = Vec::new();
    while let Ask::Trained(training) = ask(searcher, 0) {
        snapshots.push(searcher.snapshot().unwrap().unwrap());
        epochs.push(training);
    }
    epochs
}

/// Nothing that counts is missing in a snapshot: behind an epoch, behind a generation, and where a
/// search is about to end early.
#[test]
fn from_each_snapshot_a_searcher_goes_on_as_if_nothing_had_happened() {
    let cases = [
        // Its curvature grows, and it goes back; with more epochs than it takes.
        (
            "pc_darts",
            serde_json::json!({
                "supernet_epochs": 24, "parts": 2, "warm_up": 0.0, "alpha_learning_rate": 0.05,
                "stop_on_collapse": true,
            }),
        ),
        (
            "spos",
            serde_json::json!({ "supernet_epochs": 2, "population_size": 4, "generations": 2 }),
        ),
        ("enas", serde_json::json!({ "supernet_epochs": 3, "samples": 4, "controller_steps": 2 })),
        ("drnas", serde_json::json!({ "supernet_epochs": 5, "alpha_learning_rate": 0.1 })),
        ("gdas", serde_json::json!({ "supernet_epochs": 3 })),
        ("proxyless", serde_json::json!({ "supernet_epochs": 4, "cost_weight": 0.5 })),
        ("darts", serde_json::json!({ "supernet_epochs": 3 })),
        ("fair_darts", serde_json::json!({ "supernet_epochs": 3 })),
    ];
    for (name, mut settings) in cases {
        settings["batch_size"] = 16.into();
        let mut snapshots = Vec::new();
        let epochs = epochs_from(&mut *searcher(name, &settings), &mut snapshots);
        if name == "pc_darts" {
            let last = epochs.last().unwrap();
            let went_back = last.signals.scalars.get("stopped_with_alpha_of_epoch").is_some();
            assert!(went_back && last.epoch < 24, "it ends at {} of 24", last.epoch);
        }
        // Of the longest every third.
        for at in (0..epochs.len()).step_by(epochs.len().div_ceil(8)) {
            let mut again = searcher(name, &settings);
            again.restore(&snapshots[at]).unwrap();
            let mut last = vec![snapshots[at].clone()];
            let rest = epochs_from(&mut *again, &mut last);
            assert_eq!(rest, epochs[at + 1..], "{name} from epoch {}", at + 1);
            assert!(last.last() == snapshots.last(), "{name} from epoch {}", at + 1);
        }
    }
}
