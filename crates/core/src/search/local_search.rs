//! Local search: go to a better neighbor as long as there is one, then start anew elsewhere.
//! Surprisingly hard to beat on small, smooth spaces.
//!
//! # Algorithm
//! 1. Evaluate `initial_samples` random architectures; the best is the center.
//! 2. Evaluate the neighbors of the center (one choice changed), in random order.
//! 3. With `first_improvement`, a better neighbor becomes the center at once; without, the best one
//!    does, if it is better, when all have been evaluated.
//! 4. When no neighbor is better, the center is a local optimum: go to 1 with one sample.
//!
//! # Cost
//! Per ask O(neighbors × steps of the climb since its start); per tell O(1); memory O(trials).
//!
//! # References
//! White, Nolen and Savani, "Exploring the Loss Landscape in Neural Architecture Search", UAI 2021,
//! <https://arxiv.org/abs/2005.02960>.
//!
//! # Differences from the paper
//! Neighbors that were evaluated before are not evaluated again. A neighbor that is pending counts
//! as tried; when only pending ones are left, the searcher waits for them.

use std::collections::HashMap;

use nascent_record::{Architecture, Goal, Proposal, Score, Trial, TrialId};
use rand::seq::SliceRandom as _;
use serde::{Deserialize, Serialize};

use super::{Ask, AskContext, SearchSetup, Searcher, SearcherEntry};
use crate::config::{defaults, invalid, parse};
use crate::space::SpecExt as _;
use crate::{Result, Seed};

/// The row of the table.
pub static ENTRY: SearcherEntry = SearcherEntry {
    name: NAME,
    summary: "Moves to a better neighbor until there is none, then starts anew.",
    reference: "White et al. 2021, https://arxiv.org/abs/2005.02960",
    defaults: defaults::<Config>,
    build: |config, setup| Ok(Box::new(LocalSearch::new(parse(NAME, config)?, setup)?)),
};

const NAME: &str = "local_search";

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Random architectures before the first climb, at least 1.
    pub initial_samples: u32,
    /// Whether the first better neighbor is taken, not the best one.
    pub first_improvement: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { initial_samples: 10, first_improvement: true }
    }
}

#[derive(Clone)]
struct Center {
    architecture: Architecture,
    trial: TrialId,
    score: Score,
}

/// The searcher, see the [module](self).
pub struct LocalSearch {
    config: Config,
    goal: Goal,
    seed: Seed,
    scores: HashMap<Architecture, (Score, TrialId)>,
    /// Random starts that have been told.
    starts: u32,
    center: Option<Center>,
}

impl LocalSearch {
    /// A searcher with these settings.
    ///
    /// # Errors
    /// If there are no initial samples.
    pub fn new(config: Config, setup: &SearchSetup) -> Result<Self> {
        if config.initial_samples == 0 {
            return Err(invalid(NAME, "initial_samples is 0, and must be at least 1"));
        }
        Ok(Self {
            config,
            goal: setup.goal.clone(),
            seed: setup.seed,
            scores: HashMap::new(),
            starts: 0,
            center: None,
        })
    }

    /// The untried neighbors of a center, in an order that depends on the center only.
    fn untried(&self, center: &Center, cx: &AskContext<'_>) -> Vec<Architecture> {
        let mut neighbors = cx.space.spec().neighbors(&center.architecture);
        let order = self.seed.derive("neighbors", u64::from(center.trial.0));
        neighbors.shuffle(&mut order.rng());
        let pending = |a: &Architecture| cx.pending.iter().any(|t| t.proposal.architecture == *a);
        neighbors.retain(|a| !self.scores.contains_key(a) && !pending(a) && cx.admits(a));
        neighbors
    }

    /// The best neighbor that was told, if it is better than the center.
    fn better_neighbor(&self, center: &Center, cx: &AskContext<'_>) -> Option<Center> {
        let neighbors = cx.space.spec().neighbors(&center.architecture);
        let scored = neighbors.into_iter().filter_map(|architecture| {
            let (score, trial) = *self.scores.get(&architecture)?;
            Some(Center { architecture, trial, score })
        });
        scored
            .filter(|neighbor| neighbor.score > center.score)
            .max_by(|a, b| a.score.cmp(&b.score).then(b.trial.cmp(&a.trial)))
    }
}

impl Searcher for LocalSearch {
    fn ask(&mut self, cx: &mut AskContext<'_>) -> Result<Ask> {
        let start = |cx: &mut AskContext<'_>| {
            Ask::Propose(Proposal::new(cx.space.spec().sample(&mut cx.rng)))
        };
        let pending_starts = cx.pending.iter().filter(|t| t.proposal.parents.is_empty()).count();
        if self.starts + (pending_starts as u32) < self.config.initial_samples {
            return Ok(start(cx));
        }
        // All that follows is derived from what was told, so it may be kept or found again.
        let mut center = self.center.clone();
        while let Some(here) = &center {
            if let Some(architecture) = self.untried(here, cx).into_iter().next() {
                let proposal = Proposal::new(architecture).with_parents(vec![here.trial]);
                return Ok(Ask::Propose(proposal));
            }
            let open = |t: &Trial| t.proposal.parents.contains(&here.trial);
            if cx.pending.iter().any(open) {
                return Ok(Ask::Wait);
            }
            center = self.better_neighbor(here, cx);
        }
        // A local optimum. One new start at a time: it becomes the next center.
        Ok(if pending_starts > 0 { Ask::Wait } else { start(cx) })
    }

    fn tell(&mut self, trial: &Trial) -> Result<()> {
        let score = self.goal.trial_score(trial).unwrap_or(Score::WORST);
        let architecture = &trial.proposal.architecture;
        let entry = self.scores.entry(architecture.clone()).or_insert((score, trial.id));
        if score > entry.0 {
            *entry = (score, trial.id);
        }
        let told = Center { architecture: architecture.clone(), trial: trial.id, score };
        if trial.proposal.parents.is_empty() {
            self.starts += 1;
            let initial = self.starts <= self.config.initial_samples;
            if !initial || self.center.as_ref().is_none_or(|center| score > center.score) {
                self.center = Some(told);
            }
        } else if self.config.first_improvement
            && self
                .center
                .as_ref()
                .is_some_and(|c| trial.proposal.parents.contains(&c.trial) && score > c.score)
        {
            self.center = Some(told);
        }
        Ok(())
    }
}
