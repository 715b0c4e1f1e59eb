//! Random search: every architecture is drawn independently. The baseline that every other searcher
//! has to beat.
//!
//! # Algorithm
//! Draw every choice that applies, evenly from its domain.
//!
//! # Cost
//! Per ask O(choices), per tell O(1).
//!
//! # References
//! Bergstra and Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 13 (2012); Li and
//! Talwalkar, "Random Search and Reproducibility for Neural Architecture Search", UAI 2019,
//! <https://arxiv.org/abs/1902.07638>.
//!
//! # Differences from the paper
//! None.

use nascent_record::{Proposal, Trial};
use serde_json::json;

use super::{Ask, AskContext, Searcher, SearcherEntry};
use crate::Result;
use crate::space::SpecExt as _;

/// The row of the table.
pub static ENTRY: SearcherEntry = SearcherEntry {
    name: "random",
    summary: "Draws every architecture independently: the baseline.",
    reference: "Li and Talwalkar 2019, https://arxiv.org/abs/1902.07638",
    defaults: || json!({}),
    build: |_, _| Ok(Box::new(Random)),
};

/// The searcher, see the [module](self).
pub struct Random;

impl Searcher for Random {
    fn ask(&mut self, cx: &mut AskContext<'_>) -> Result<Ask> {
        Ok(Ask::Propose(Proposal::new(cx.space.spec().sample(&mut cx.rng))))
    }

    fn tell(&mut self, _trial: &Trial) -> Result<()> {
        Ok(())
    }
}
