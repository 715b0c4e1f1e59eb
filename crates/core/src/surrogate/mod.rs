//! Surrogates: cheap models of what an evaluation would say, fitted to told trials.

pub mod cholesky;
pub mod ensemble;
pub mod forest;
pub mod gp;
pub mod kernel;
