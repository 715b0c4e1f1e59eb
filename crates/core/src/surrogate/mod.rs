//! Surrogates: models that are fitted to told trials and predict the score of architectures.

pub mod forest;
