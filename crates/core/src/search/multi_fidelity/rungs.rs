//! The rungs that trials climb, and who is on them.

use std::collections::{HashMap, HashSet};

use nascent_record::{Architecture, Goal, Proposal, Score, Signals, Trial, TrialId};
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::config::invalid;
use crate::evaluate::Fidelities;
use crate::search::{self, Ask, AskContext, SearchSetup};

/// How often a new architecture is drawn before the space is looked through.
const DRAWS: usize = 64;

/// The settings that all searchers over rungs share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rungs {
    /// The fewest epochs that a trial may have, at least 1.
    pub min_epochs: u32,
    /// The epochs of the highest rung, R of Hyperband; the most that the evaluator can give, if null.
    pub max_epochs: Option<u32>,
    /// One of so many trials is promoted, at least 2: η. 3 is that of Hyperband; the paper of
    /// asynchronous successive halving has 4.
    pub reduction_factor: u32,
}

impl Default for Rungs {
    fn default() -> Self {
        Self { min_epochs: 1, max_epochs: None, reduction_factor: 3 }
    }
}

/// The epochs of each rung, rising, at least two. From the highest down, each is the most that the
/// evaluator can give of at most 1 / `reduction_factor` of the one above.
pub(super) fn rungs(name: &str, range: Rungs, fidelities: &Fidelities) -> Result<Vec<u32>> {
    let Rungs { min_epochs: min, max_epochs, reduction_factor: factor } = range;
    if factor < 2 {
        let problem = format!("reduction_factor is {factor}, and must be at least 2");
        return Err(invalid(name, problem));
    }
    if min == 0 {
        return Err(invalid(name, "min_epochs is 0, and must be at least 1"));
    }
    let more = "raise --epochs, or name further columns of the table with --fidelity";
    let max = max_epochs.unwrap_or(fidelities.most());
    if !fidelities.contains(max) {
        let problem =
            format!("max_epochs is {max}, and the evaluator can give {fidelities}; {more}");
        return Err(invalid(name, problem));
    }
    if min > max {
        let problem = format!(
            "min_epochs is {min}, and must be at most max_epochs ({max}); the evaluator can give \
             {fidelities}; {more}"
        );
        return Err(invalid(name, problem));
    }
    let mut rungs = vec![max];
    let mut top = max;
    loop {
        let most = top / factor;
        let next = match fidelities {
            Fidelities::UpTo(_) => Some(most),
            Fidelities::Listed(listed) => listed.iter().copied().filter(|e| *e <= most).max(),
        };
        match next {
            Some(next) if next >= min => rungs.push(next),
            _ => break,
        }
        top = next.unwrap_or(0);
    }
    if rungs.len() == 1 {
        let problem = format!(
            "there is one rung only, of {max} epochs: none is from min_epochs ({min}) to 1/{factor} \
             of that (reduction_factor); the evaluator can give {fidelities}; {more}"
        );
        return Err(invalid(name, problem));
    }
    rungs.reverse();
    Ok(rungs)
}

/// A trial on a rung.
#[derive(Clone, Debug)]
pub(super) struct Entrant {
    pub(super) trial: TrialId,
    pub(super) architecture: Architecture,
    /// `None` of one without a result: it is worse than all others.
    pub(super) score: Option<Score>,
    /// Whether a trial that goes on with it was told.
    pub(super) promoted: bool,
}

/// The trials that were told, by rung.
pub(super) struct Ladder {
    pub(super) epochs: Vec<u32>,
    goal: Goal,
    /// On each rung, best first; of equals the earlier.
    pub(super) rungs: Vec<Vec<Entrant>>,
    /// The rung of each trial.
    at: HashMap<TrialId, usize>,
    /// The highest rung that each architecture was on.
    reached: HashMap<Architecture, usize>,
}

impl Ladder {
    pub(super) fn new(name: &str, range: Rungs, setup: &SearchSetup) -> Result<Self> {
        let epochs = rungs(name, range, &setup.fidelities)?;
        let rungs = vec![Vec::new(); epochs.len()];
        let goal = setup.goal.clone();
        Ok(Self { epochs, goal, rungs, at: HashMap::new(), reached: HashMap::new() })
    }

    pub(super) fn top(&self) -> usize {
        self.epochs.len() - 1
    }

    /// The rung that a proposal is for. One without a fidelity, or with one between two rungs, is on
    /// none, and counts for nothing.
    pub(super) fn rung(&self, proposal: &Proposal) -> Option<usize> {
        let epochs = proposal.fidelity?.epochs;
        self.epochs.binary_search(&epochs).ok()
    }

    /// The trial that a proposal goes on with, if that was on a lower rung. What was taken over from
    /// another run goes on with nothing.
    pub(super) fn from(&self, proposal: &Proposal) -> Option<TrialId> {
        let from = proposal.resume_from?;
        let below = *self.at.get(&from)? < self.rung(proposal)?;
        below.then_some(from)
    }

    pub(super) fn score(&self, trial: &Trial) -> Option<Score> {
        self.goal.trial_score(trial)
    }

    pub(super) fn tell(&mut self, trial: &Trial) {
        let Some(rung) = self.rung(&trial.proposal) else { return };
        let from = self.from(&trial.proposal);
        let origin = from.and_then(|from| self.rungs.get_mut(*self.at.get(&from)?));
        for entrant in origin.into_iter().flatten() {
            entrant.promoted |= Some(entrant.trial) == from;
        }
        let architecture = trial.proposal.architecture.clone();
        let highest = self.reached.entry(architecture.clone()).or_insert(rung);
        *highest = rung.max(*highest);
        let score = self.goal.trial_score(trial);
        let entrant = Entrant { trial: trial.id, architecture, score, promoted: false };
        let members = &mut self.rungs[rung];
        let before = members.partition_point(|member| member.score >= score);
        members.insert(before, entrant);
        self.at.insert(trial.id, rung);
    }

    /// Who may go from a rung to the next, among its first `most`, best first.
    pub(super) fn promotable<'a>(
        &'a self,
        rung: usize,
        most: usize,
        pending: &'a [Trial],
    ) -> impl Iterator<Item = &'a Entrant> {
        let open: HashSet<&Architecture> = pending
            .iter()
            .filter(|trial| self.rung(&trial.proposal).is_some_and(|at| at > rung))
            .map(|trial| &trial.proposal.architecture)
            .collect();
        self.rungs[rung].iter().take(most).filter(move |entrant| {
            entrant.score.is_some()
                && !entrant.promoted
                && self.reached.get(&entrant.architecture) == Some(&rung)
                && !open.contains(&entrant.architecture)
        })
    }

    /// The proposal to go on with a trial.
    pub(super) fn promote(&self, entrant: &Entrant, to: usize) -> Proposal {
        Proposal::new(entrant.architecture.clone())
            .at_epochs(self.epochs[to])
            .resuming(entrant.trial)
            .with_parents(vec![entrant.trial])
            .with_signals(Signals::default().with("rung", to as f64))
    }

    /// The proposal of a new architecture, with what the searcher thought of it.
    pub(super) fn begin(&self, new: (Architecture, Signals), rung: usize) -> Proposal {
        let (architecture, signals) = new;
        Proposal::new(architecture)
            .at_epochs(self.epochs[rung])
            .with_signals(signals.with("rung", rung as f64))
    }

    /// What there is to do when nothing new is left in the space: the best that can still climb, of
    /// the highest rung first, when all that is open has been told.
    pub(super) fn last(&self, pending: &[Trial]) -> Ask {
        if !pending.is_empty() {
            return Ask::Wait;
        }
        let next = (0..self.top()).rev().find_map(|rung| {
            let entrant = self.promotable(rung, usize::MAX, &[]).next()?;
            Some(self.promote(entrant, rung + 1))
        });
        next.map_or(Ask::Done, Ask::Propose)
    }
}

/// A random architecture that is taken; `None` where there seems to be none.
pub(super) fn draw(cx: &mut AskContext<'_>) -> Option<(Architecture, Signals)> {
    let drawn = search::draw(cx.space.spec(), DRAWS, &mut cx.rng, cx.admission);
    drawn.map(|architecture| (architecture, Signals::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rungs_suit_what_the_evaluator_can_give() {
        let up_to = |most, min_epochs, reduction_factor| {
            let range = Rungs { min_epochs, max_epochs: None, reduction_factor };
            rungs("x", range, &Fidelities::UpTo(most))
        };
        assert_eq!(up_to(3, 1, 3).unwrap(), [1, 3]);
        assert_eq!(up_to(81, 1, 3).unwrap(), [1, 3, 9, 27, 81]);
        assert_eq!(up_to(200, 1, 3).unwrap(), [2, 7, 22, 66, 200]);
        assert_eq!(up_to(10, 2, 2).unwrap(), [2, 5, 10]);
        let range = Rungs { min_epochs: 1, max_epochs: None, reduction_factor: 3 };
        let listed = Fidelities::Listed(vec![5, 12, 100, 200]);
        assert_eq!(rungs("x", range, &listed).unwrap(), [5, 12, 200][1..]);
        assert_eq!(
            up_to(2, 1, 3).unwrap_err().to_string(),
            "x: there is one rung only, of 2 epochs: none is from min_epochs (1) to 1/3 of that \
             (reduction_factor); the evaluator can give 1 to 2 epochs; raise --epochs, or name \
             further columns of the table with --fidelity"
        );
        assert!(up_to(3, 4, 3).unwrap_err().to_string().contains("min_epochs is 4"));
        let range = Rungs { max_epochs: Some(9), ..range };
        let message = rungs("x", range, &Fidelities::UpTo(3)).unwrap_err().to_string();
        assert!(message.contains("max_epochs is 9, and the evaluator can give 1 to 3 epochs"));
    }
}
