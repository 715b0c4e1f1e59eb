//! Architectures as numbers, for models and for arithmetic.

pub mod unit;
