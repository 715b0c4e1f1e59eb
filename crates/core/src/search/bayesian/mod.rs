//! Bayesian searchers: a model of what was told says what is worth a trial next.

mod candidates;
pub mod gp;
mod posterior;
mod targets;
