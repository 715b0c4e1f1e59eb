//! Surrogates: cheap models of what an evaluation would say.

pub mod cholesky;
pub mod gp;
pub mod kernel;
