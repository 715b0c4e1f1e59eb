//! Neural architecture search: search spaces, searchers, pruners, evaluators, and the study loop
//! that joins them.
//!
//! A [`SearchSpace`](space::SearchSpace) is a list of choices; a [`Searcher`](search::Searcher)
//! proposes architectures and is told results; an [`Evaluator`](evaluate::Evaluator) turns one
//! architecture into metrics; the [`Study`](study::Study) is the one loop that joins them, and
//! appends every step to the log of the run. Everything random derives from (run seed, trial,
//! purpose), so a run is the same on any number of workers and after any crash.
//!
//! What there is of each kind stands in one table: [`space::SPACES`], [`search::SEARCHERS`],
//! [`prune::PRUNERS`], [`evaluate::EVALUATORS`], [`nn::OPS`].

pub mod acquisition;
pub mod benchmark;
pub mod config;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod encode;
mod error;
pub mod evaluate;
pub mod nn;
pub mod prune;
pub mod search;
mod seed;
pub mod space;
pub mod study;
pub mod surrogate;
pub mod train;

pub use error::{Error, Result};
pub use nascent_datasets as datasets;
pub use nascent_record as record;
pub use seed::{Rng, Seed};
