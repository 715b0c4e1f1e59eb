//! Random search: every architecture is drawn independently. The baseline that every other searcher
//! has to beat.
//!
//! # Algorithm
//! Draw every choice that applies, evenly from its domain.
//!
//! # Cost
//! Per ask O(choices), or O(choices × trials) at worst with `unique`; per tell O(1).
//!
//! # References
//! Bergstra and Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 13 (2012); Li and
//! Talwalkar, "Random Search and Reproducibility for Neural Architecture Search", UAI 2019,
//! <https://arxiv.org/abs/1902.07638>.
//!
//! # Differences from the paper
//! With `unique`, an architecture that is the same network as one that was proposed before is drawn
//! again, up to 1,000 times.

use std::collections::HashSet;
use std::sync::Arc;

use nascent_record::{Architecture, Proposal, Trial};
use serde::{Deserialize, Serialize};

use super::{Ask, AskContext, SearchSetup, Searcher, SearcherEntry};
use crate::Result;
use crate::config::{defaults, parse};
use crate::space::{SearchSpace, SpecExt as _};

/// The row of the table.
pub static ENTRY: SearcherEntry = SearcherEntry {
    name: NAME,
    summary: "Draws every architecture independently: the baseline.",
    reference: "Li and Talwalkar 2019, https://arxiv.org/abs/1902.07638",
    defaults: defaults::<Config>,
    build: |config, setup| Ok(Box::new(Random::new(parse(NAME, config)?, setup))),
};

const NAME: &str = "random";

/// The settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Whether a network is proposed at most once, by whichever of the architectures that mean it.
    pub unique: bool,
}

/// The searcher, see the [module](self).
pub struct Random {
    config: Config,
    space: Arc<dyn SearchSpace>,
    /// Canonical forms.
    told: HashSet<Architecture>,
}

impl Random {
    /// A searcher with these settings.
    pub fn new(config: Config, setup: &SearchSetup) -> Self {
        Self { config, space: Arc::clone(&setup.space), told: HashSet::new() }
    }
}

impl Searcher for Random {
    fn ask(&mut self, cx: &mut AskContext<'_>) -> Result<Ask> {
        let spec = cx.space.spec();
        if !self.config.unique {
            return Ok(Ask::Propose(Proposal::new(spec.sample(&mut cx.rng))));
        }
        let canonical = |architecture: &Architecture| self.space.canonical(architecture);
        let pending: HashSet<Architecture> =
            cx.pending.iter().map(|trial| canonical(&trial.proposal.architecture)).collect();
        for _ in 0..1_000 {
            let architecture = spec.sample(&mut cx.rng);
            let network = canonical(&architecture);
            if !self.told.contains(&network) && !pending.contains(&network) {
                return Ok(Ask::Propose(Proposal::new(architecture)));
            }
        }
        Ok(Ask::Done)
    }

    fn tell(&mut self, trial: &Trial) -> Result<()> {
        if self.config.unique {
            self.told.insert(self.space.canonical(&trial.proposal.architecture));
        }
        Ok(())
    }
}
