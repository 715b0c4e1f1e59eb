//! A space that is its choices and no more: for evaluators of one's own.

use nascent_record::{Architecture, Graph, Spec};

use super::SearchSpace;
use crate::{Error, Result};

/// Choices that mean no network that this crate knows. Every searcher works on it; the evaluator is
/// the caller's, see [`AskTell`](crate::search::AskTell).
#[derive(Clone, Debug)]
pub struct Choices {
    spec: Spec,
}

impl Choices {
    /// A space of these choices.
    pub fn new(spec: Spec) -> Self {
        Self { spec }
    }
}

impl SearchSpace for Choices {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn graph(&self, _architecture: &Architecture) -> Result<Graph> {
        let problem = "these choices have no network; evaluate them with a program of your own";
        Err(Error::Infeasible { problem: problem.to_owned() })
    }
}
