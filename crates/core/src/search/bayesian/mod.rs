//! Bayesian searchers: a model of what was told says what is worth a trial next.

pub mod bananas;
mod candidates;
pub mod gp;
pub mod parzen;
mod posterior;
pub mod random_forest;
mod targets;
#[cfg(test)]
mod toy;
pub mod tpe;
