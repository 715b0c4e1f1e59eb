//! What every searcher is asked, whoever asks: again until it proposes something that is taken.

use std::collections::HashMap;

use nascent_record::{Architecture, Duplicates, Fidelity, Origin, Proposal, Spec, Trial, TrialId};

use super::{Ask, AskContext, Searcher};
use crate::space::{SearchSpace, SpecExt as _};
use crate::{Result, Rng, Seed};

/// How often a searcher is asked for something that is taken.
const ATTEMPTS: u64 = 64;
/// How often one is drawn at random after that.
const DRAWS: usize = 1_000;
/// The largest space that is looked through to the end after that.
const SMALL: u128 = 200_000;

/// The networks that were proposed before.
#[derive(Default)]
pub(crate) struct Known {
    duplicates: Duplicates,
    /// By canonical form, in the order of the trials.
    trials: HashMap<Architecture, Vec<(TrialId, Option<Fidelity>)>>,
    /// Whether only the same architecture is a duplicate, not the same network.
    exact: bool,
}

impl Known {
    pub(crate) fn new(duplicates: Duplicates) -> Self {
        Self { duplicates, ..Self::default() }
    }

    /// The same, but that only the same architecture is a duplicate: a table has different results
    /// for architectures that mean the same network.
    pub(crate) fn exact(self) -> Self {
        Self { exact: true, ..self }
    }

    fn key(&self, space: &dyn SearchSpace, architecture: &Architecture) -> Architecture {
        if self.exact { architecture.clone() } else { space.canonical(architecture) }
    }

    /// Notes that a trial was proposed.
    pub(crate) fn note(&mut self, space: &dyn SearchSpace, id: TrialId, proposal: &Proposal) {
        if self.duplicates != Duplicates::Reevaluate {
            let key = self.key(space, &proposal.architecture);
            self.trials.entry(key).or_default().push((id, proposal.fidelity));
        }
    }

    /// Whether an architecture may be proposed, as far as duplicates go.
    pub(crate) fn admits(&self, space: &dyn SearchSpace, architecture: &Architecture) -> bool {
        self.duplicates != Duplicates::Repropose
            || !self.trials.contains_key(&self.key(space, architecture))
    }

    /// The earlier trials whose result this proposal gets, if they have one.
    pub(crate) fn reusable(&self, space: &dyn SearchSpace, proposal: &Proposal) -> Vec<TrialId> {
        if self.duplicates != Duplicates::Reuse || proposal.resume_from.is_some() {
            return Vec::new();
        }
        let trials = self.trials.get(&self.key(space, &proposal.architecture));
        let same = trials.into_iter().flatten().filter(|(_, f)| *f == proposal.fidelity);
        same.map(|(id, _)| *id).collect()
    }
}

/// One question to a searcher.
pub(crate) struct Question<'a> {
    pub(crate) space: &'a dyn SearchSpace,
    pub(crate) trial: TrialId,
    /// The seed of the run.
    pub(crate) seed: Seed,
    /// See [`AskContext::pending`].
    pub(crate) pending: &'a [Trial],
    /// See [`AskContext::admits`].
    pub(crate) admits: &'a dyn Fn(&Architecture) -> bool,
    /// See [`AskContext::stops`].
    pub(crate) stops: &'a (dyn Fn() -> bool + Sync),
}

impl Question<'_> {
    /// Asks until something is proposed that is taken. Where the searcher has nothing of the kind,
    /// one is drawn at random; where there is nothing to draw, the search is over.
    pub(crate) fn ask(&self, searcher: &mut dyn Searcher) -> Result<Ask> {
        let seed = self.seed.derive("ask", u64::from(self.trial.0));
        for attempt in 0..ATTEMPTS {
            let seed = if attempt == 0 { seed } else { seed.derive("again", attempt) };
            let mut cx = AskContext {
                space: self.space,
                trial: self.trial,
                rng: seed.rng(),
                pending: self.pending,
                admission: self.admits,
                stops: self.stops,
            };
            match searcher.ask(&mut cx)? {
                Ask::Propose(proposal)
                    if proposal.resume_from.is_some() || (self.admits)(&proposal.architecture) =>
                {
                    return Ok(Ask::Propose(proposal));
                }
                Ask::Propose(_) => {}
                other => return Ok(other),
            }
        }
        let mut rng = seed.derive("drawn", 0).rng();
        let drawn = draw(self.space.spec(), DRAWS, &mut rng, self.admits);
        Ok(drawn.map_or(Ask::Done, |architecture| {
            Ask::Propose(Proposal::new(architecture).with_origin(Origin::Drawn))
        }))
    }
}

/// A random architecture that is taken, of so many draws; then, in a small space, the first of all.
pub(crate) fn draw(
    spec: &Spec,
    draws: usize,
    rng: &mut Rng,
    admits: &dyn Fn(&Architecture) -> bool,
) -> Option<Architecture> {
    let drawn = (0..draws).map(|_| spec.sample(rng)).find(|architecture| admits(architecture));
    let small = || spec.size().is_some_and(|size| size <= SMALL);
    let all = || small().then(|| spec.grid(2).find(|architecture| admits(architecture))).flatten();
    drawn.or_else(all)
}
