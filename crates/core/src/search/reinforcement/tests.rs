//! Both policies and both searchers, tried on small spaces.

use std::sync::Arc;

use nascent_record::{
    Choice, Condition, Goal, Metrics, Objective, Outcome, Proposal, Spec, Trial, TrialId,
};
use serde_json::json;

use super::lstm::Lstm;
use super::options::{Decisions, OptionTable};
use super::policy::{Policy, Squash, evaluate, log_probability};
use super::table::Table;
use crate::Seed;
use crate::search::{Ask, AskContext, SearchSetup, Searcher, find};
use crate::space::{Choices, SearchSpace, SpecExt as _};

const SQUASH: Squash = Squash { temperature: 2.0, tanh_constant: 1.5 };

fn conditional() -> Spec {
    let deep = Condition::AtLeast { choice: "depth".into(), value: 2 };
    let fancy = Condition::OneOf { choice: "op".into(), options: vec!["b".into()] };
    Spec::new(vec![
        Choice::integer("depth", 1, 3),
        Choice::categorical("op", ["a", "b"]).when(deep.clone()),
        Choice::categorical("extra", ["x", "y", "z"]).when(fancy),
        Choice::integer("only", 7, 7),
        Choice::categorical("width", ["8", "16"]).when(deep),
    ])
    .unwrap()
}

/// The policies with weights that are far from the first ones.
fn policies(table: &Arc<OptionTable>) -> Vec<Box<dyn Policy>> {
    let policies: Vec<Box<dyn Policy>> = vec![
        Box::new(Table::new(Arc::clone(table)).unwrap()),
        Box::new(Lstm::new(Arc::clone(table), 6, Seed::new(1)).unwrap()),
    ];
    for policy in &policies {
        for (number, parameter) in policy.parameters().iter().enumerate() {
            let wave = |i: usize| (i as f32 * 1.7 + number as f32).sin();
            let values = (0..parameter.var.elem_count()).map(wave).collect();
            set(parameter, values);
        }
    }
    policies
}

fn set(parameter: &crate::nn::Parameter, values: Vec<f32>) {
    let (dims, device) = (parameter.var.dims(), parameter.var.device());
    parameter.var.set(&candle_core::Tensor::from_vec(values, dims, device).unwrap()).unwrap();
}

fn all(spec: &Spec, table: &OptionTable) -> Vec<Decisions> {
    spec.grid(2).map(|architecture| table.decisions(spec, &architecture)).collect()
}

/// Choices that do not apply take part in nothing: then, and only then, the probabilities of all
/// architectures of a conditional space sum to 1.
#[test]
fn probabilities_sum_to_one_and_both_sides_agree() {
    let spec = conditional();
    let table = Arc::new(OptionTable::new(&spec, 16));
    let batch = all(&spec, &table);
    assert_eq!(batch.len() as u128, spec.size().unwrap());
    for policy in policies(&table) {
        let sampler = policy.sampler().unwrap();
        let plain = batch.iter().map(|d| log_probability(&*sampler, &table, SQUASH, d));
        let plain: Vec<f64> = plain.collect();
        let sum: f64 = plain.iter().map(|log| log.exp()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
        let evaluated = evaluate(&*policy, SQUASH, &batch.iter().collect::<Vec<_>>()).unwrap();
        let tensors: Vec<f32> = evaluated.log_probability.to_vec1().unwrap();
        for (plain, tensor) in std::iter::zip(&plain, &tensors) {
            assert!((plain - f64::from(*tensor)).abs() < 1e-5, "{plain} {tensor}");
        }
        // By the chain rule, the mean of the sums of entropies is the entropy of the whole.
        let whole: f64 = plain.iter().map(|log| -log.exp() * log).sum();
        let entropy: Vec<f32> = evaluated.entropy.to_vec1().unwrap();
        let mean: f64 =
            std::iter::zip(&plain, &entropy).map(|(log, e)| log.exp() * f64::from(*e)).sum();
        assert!((mean - whole).abs() < 1e-5, "{mean} {whole}");
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    const STEP: f32 = 1e-2;
    let spec = conditional();
    let table = Arc::new(OptionTable::new(&spec, 16));
    let batch = all(&spec, &table);
    let weight = |number: usize| (number as f64 * 0.9).cos();
    for policy in policies(&table) {
        let objective = || -> f64 {
            let sampler = policy.sampler().unwrap();
            let logs = batch.iter().map(|d| log_probability(&*sampler, &table, SQUASH, d));
            logs.enumerate().map(|(number, log)| weight(number) * log).sum()
        };
        let evaluated = evaluate(&*policy, SQUASH, &batch.iter().collect::<Vec<_>>()).unwrap();
        let weights = (0..batch.len()).map(|number| weight(number) as f32);
        let weights = candle_core::Tensor::from_iter(weights, &candle_core::Device::Cpu).unwrap();
        let sum = (evaluated.log_probability * weights).unwrap().sum_all().unwrap();
        let gradients = sum.backward().unwrap();
        for parameter in policy.parameters() {
            let gradient = gradients.get(parameter.var.as_tensor()).unwrap();
            let gradient: Vec<f32> = gradient.flatten_all().unwrap().to_vec1().unwrap();
            let values: Vec<f32> = parameter.var.flatten_all().unwrap().to_vec1().unwrap();
            assert!(gradient.iter().any(|g| g.abs() > 0.01), "{} has none", parameter.name);
            for at in (0..values.len()).step_by(3) {
                let moved = |by: f32| {
                    let mut values = values.clone();
                    values[at] += by;
                    set(parameter, values);
                    objective()
                };
                let slope = (moved(STEP) - moved(-STEP)) / f64::from(2.0 * STEP);
                set(parameter, values.clone());
                let found = f64::from(gradient[at]);
                assert!((slope - found).abs() < 2e-3, "{}[{at}]: {slope} {found}", parameter.name);
            }
        }
    }
}

/// What a searcher proposes in as many trials, of which each may repeat an earlier one.
fn search(
    name: &str,
    settings: &serde_json::Value,
    spec: Spec,
    trials: u32,
    score: impl Fn(&Spec, &Proposal) -> f64,
) -> Vec<Proposal> {
    let space: Arc<dyn SearchSpace> = Arc::new(Choices::new(spec));
    let goal = Goal::new(Objective::maximize("score"));
    let setup = SearchSetup::new(Arc::clone(&space), goal, Seed::new(5));
    let mut searcher: Box<dyn Searcher> = find(name).unwrap().make(settings, &setup).unwrap();
    let ask = |number: u32, searcher: &mut dyn Searcher| {
        let rng = Seed::new(6).derive("ask", u64::from(number)).rng();
        let (space, trial) = (&*space, TrialId(number));
        let mut cx =
            AskContext { space, trial, rng, pending: &[], admission: &|_| true, stops: &|| false };
        match searcher.ask(&mut cx).unwrap() {
            Ask::Propose(proposal) => proposal,
            other => panic!("{other:?}"),
        }
    };
    let mut proposals = Vec::new();
    for number in 0..trials {
        let proposal = ask(number, &mut *searcher);
        let mut trial = Trial::new(TrialId(number), proposal.clone(), number);
        let value = score(space.spec(), &proposal);
        trial.outcome = Some(Outcome::Complete(Metrics::new([("score", value)]).unwrap()));
        searcher.tell(&trial).unwrap();
        proposals.push(proposal);
    }
    proposals
}

#[test]
fn every_policy_learns_a_bandit() {
    for name in ["reinforce", "ppo"] {
        for policy in ["table", "lstm"] {
            let arms = || Choice::integer("arm", 0, 9);
            let spec = Spec::new(vec![arms(), Choice::float("x", 0.0, 1.0)]).unwrap();
            let proposals = search(name, &json!({ "policy": policy }), spec, 200, |_, proposal| {
                let arm = proposal.architecture.int(0).unwrap();
                -1e6 * (arm - 7).abs() as f64 // the scale must not matter
            });
            let hits = |part: &[Proposal]| {
                part.iter().filter(|p| p.architecture.int(0) == Some(7)).count()
            };
            assert!(hits(&proposals[..20]) <= 8, "{name} {policy} knew it");
            let late = hits(&proposals[150..]);
            assert!(late >= 40, "{name} {policy} found the arm in {late} of 50");
            let signals = proposals[199].signals.as_ref().unwrap();
            let arm = &signals.vectors["probabilities.arm"];
            assert!(arm.len() == 10 && arm[7] > 0.5, "{arm:?}");
            assert!(signals.scalars.get("entropy").unwrap() < 16_f64.ln() + 1.0);
        }
    }
}

/// What is best for the second choice depends on the first, which a table cannot say.
#[test]
fn an_lstm_learns_what_depends_on_an_earlier_decision() {
    let same = |_: &Spec, proposal: &Proposal| {
        let (a, b) = (proposal.architecture.int(0), proposal.architecture.int(1));
        // Good: equal ones; whichever.
        f64::from(u8::from(a == b))
    };
    let spec = || Spec::new(vec![Choice::integer("a", 0, 1), Choice::integer("b", 0, 1)]).unwrap();
    let settings = json!({ "policy": "lstm", "entropy_weight": 0.5 });
    let proposals = search("ppo", &settings, spec(), 400, same);
    let late = &proposals[300..];
    let equal = late.iter().filter(|p| same(&spec(), p) > 0.0).count();
    let ones = late.iter().filter(|p| p.architecture.int(0) == Some(1)).count();
    assert!(equal >= 80, "{equal} of 100 are equal");
    assert!((10..=90).contains(&ones), "{ones} of 100 are ones");
}
