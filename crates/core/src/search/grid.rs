//! Grid search: every architecture once, in order. For spaces small enough to try everything.
//!
//! # Algorithm
//! Count through the values of the choices, the last choice fastest; what does not apply is
//! skipped, so that a conditional space has each architecture once. A real-number choice has `steps`
//! values, evenly spaced (on its logarithm, where it is logarithmic).
//!
//! # Cost
//! Per ask O(choices) in order, O(choices × trial) after a resume; per tell O(1).
//!
//! # References
//! None: enumeration.

use nascent_record::{Architecture, Proposal, Trial};
use serde::{Deserialize, Serialize};

use super::{Ask, AskContext, Searcher, SearcherEntry};
use crate::Result;
use crate::config::{defaults, invalid, parse};
use crate::space::SpecExt as _;

/// The row of the table.
pub static ENTRY: SearcherEntry = SearcherEntry {
    name: NAME,
    summary: "Tries every architecture once, in order; ends when all are tried.",
    reference: "",
    defaults: defaults::<Config>,
    build: |config, _| Ok(Box::new(Grid::new(parse(NAME, config)?)?)),
};

const NAME: &str = "grid";

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The number of values of a real-number choice, at least 2.
    pub steps: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { steps: 5 }
    }
}

/// How many architectures are enumerated at a time.
const BLOCK: usize = 1_024;

/// The searcher, see the [module](self).
pub struct Grid {
    config: Config,
    /// Some consecutive architectures and the position of the first: only a cache.
    block: (usize, Vec<Architecture>),
}

impl Grid {
    /// A searcher with these settings.
    ///
    /// # Errors
    /// If there are fewer than two steps.
    pub fn new(config: Config) -> Result<Self> {
        if config.steps < 2 {
            return Err(invalid(
                NAME,
                format!("steps is {}, and must be at least 2", config.steps),
            ));
        }
        Ok(Self { config, block: (0, Vec::new()) })
    }

    fn nth(&mut self, at: usize, cx: &AskContext<'_>) -> Option<&Architecture> {
        let (start, known) = &self.block;
        if at < *start || at >= start + known.len() {
            let block = cx.space.spec().grid(self.config.steps).skip(at).take(BLOCK);
            self.block = (at, block.collect());
        }
        let (start, known) = &self.block;
        known.get(at - start)
    }
}

impl Searcher for Grid {
    fn ask(&mut self, cx: &mut AskContext<'_>) -> Result<Ask> {
        // What is not taken is passed over, so trial `n` is at position `n` or behind it.
        for at in cx.trial.index().. {
            let Some(architecture) = self.nth(at, cx) else { break };
            if cx.admits(architecture) {
                return Ok(Ask::Propose(Proposal::new(architecture.clone())));
            }
        }
        Ok(Ask::Done)
    }

    fn tell(&mut self, _trial: &Trial) -> Result<()> {
        Ok(())
    }
}
