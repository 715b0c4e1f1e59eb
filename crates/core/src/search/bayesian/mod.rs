//! Bayesian searchers: a model of what was told says what is worth a trial next.

pub mod parzen;
pub mod random_forest;
pub mod tpe;
