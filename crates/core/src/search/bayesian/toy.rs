//! What Bayesian searchers are tested on: a conditional space with a known best, and a constraint.

use std::sync::Arc;

use nascent_record::{
    Architecture, Choice, Condition, Failure, FailureKind, Goal, Objective, Outcome, Spec,
};

use crate::space::Choices;

pub(super) fn goal() -> Goal {
    Goal::new(Objective::maximize("score")).with_constraint("size<=10".parse().unwrap())
}

/// So many operations of four kinds, and a width where the first is "b".
pub(super) fn space(ops: usize) -> Arc<Choices> {
    let wide = Condition::OneOf { choice: "op0".into(), options: vec!["b".into()] };
    let each = (0..ops).map(|at| Choice::categorical(format!("op{at}"), ["a", "b", "c", "d"]));
    let mut choices: Vec<Choice> = each.collect();
    choices.push(Choice::integer("width", 1, 32).when(wide));
    Arc::new(Choices::new(Spec::new(choices).unwrap()))
}

/// The best has "b" everywhere, 24 wide.
pub(super) fn score(ops: usize, architecture: &Architecture) -> f64 {
    let right = (0..ops).filter(|at| architecture.int(*at) == Some(1)).count() as f64;
    right - architecture.int(ops).map_or(1.0, |width| (width as f64 - 24.0).abs() / 16.0)
}

pub(super) fn failed() -> Outcome {
    Outcome::Failed(Failure { kind: FailureKind::Memory, message: String::new() })
}
