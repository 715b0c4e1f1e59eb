//! What the next trial is: within the budget, from the queue or the searcher.

use nascent_record::{
    Architecture, Event, FinishReason, Origin, Proposal, SearcherTrained, TrialId,
};

use super::{Study, setup};
use crate::search::{Ask, Question, Training};
use crate::{Error, Result};

/// What came of looking for the next trial.
pub(super) enum Proposed {
    Trial(TrialId, Proposal),
    Trained,
    Wait,
    Over(FinishReason),
}

/// How many of the first trials were added up, and their sums: what has ended does not change, and a
/// search of many trials need not go through all of them for each.
#[derive(Debug, Default)]
pub(super) struct Added {
    cost: (usize, f64),
    epochs: (usize, u64),
}

impl Study {
    /// Opens the next trial, if it is its time.
    pub(super) fn propose(&mut self, stops: &(dyn Fn() -> bool + Sync)) -> Result<Proposed> {
        let budget = self.view.budget();
        let next = self.view.trials().len();
        let imported = self.view.manifest().imported as usize;
        let half_taken = if next < imported {
            Some("the trials")
        } else if self.view.searcher_epochs().len() < self.announced_epochs() {
            Some("the supernet")
        } else {
            None
        };
        if let Some(what) = half_taken {
            let problem = format!(
                "it was interrupted while it took over {what} of another run; start it anew"
            );
            return Err(Error::Resume { problem });
        }
        if budget.max_trials.is_some_and(|most| next >= imported + most as usize) {
            return Ok(Proposed::Over(FinishReason::MaxTrials));
        }
        if self.out_of_time() {
            return Ok(Proposed::Over(FinishReason::MaxWallClock));
        }
        let lookahead = self.view.manifest().lookahead as usize;
        let visible = (next + 1).saturating_sub(lookahead).max(self.told);
        if self.settled < visible {
            return Ok(Proposed::Wait);
        }
        let begun_ms = self.clock.now_ms();
        self.tell_until(visible)?;
        // Of the trials that the lookahead shows, and no more: a searcher that waits may know of
        // others, and when it does depends on who finished first.
        if let Some(most) = budget.max_cost_secs
            && self.cost_until((next + 1).saturating_sub(lookahead)) >= most
        {
            return Ok(Proposed::Over(FinishReason::MaxCost));
        }
        let id = TrialId(next as u32);
        let enqueued = self.view.manifest().enqueued.get(next - imported).cloned();
        let proposal = loop {
            if let Some(architecture) = enqueued {
                break Proposal::new(architecture).with_origin(Origin::Enqueued);
            }
            match self.ask(id, stops)? {
                Ask::Propose(proposal) => break proposal,
                Ask::Trained(training) => {
                    self.log_training(training)?;
                    self.trained_ms += self.clock.now_ms().saturating_sub(begun_ms);
                    return Ok(Proposed::Trained);
                }
                Ask::Wait if stops() => return Ok(Proposed::Wait),
                Ask::Done => return Ok(Proposed::Over(FinishReason::Exhausted)),
                // Nothing is pending, so nothing can come of waiting.
                Ask::Wait if self.told == next => {
                    return Ok(Proposed::Over(FinishReason::Exhausted));
                }
                Ask::Wait if self.settled > self.told => self.tell_until(self.told + 1)?,
                Ask::Wait => return Ok(Proposed::Wait),
            }
        };
        let proposal = self.note_reuse(self.with_fidelity(proposal));
        self.parts.space.spec().check(&proposal.architecture)?;
        if let Some(most) = budget.max_epochs
            && self.epochs_with(&proposal) > most
        {
            return Ok(Proposed::Over(FinishReason::MaxEpochs));
        }
        let searcher = &self.parts.searcher;
        let weights = match proposal.origin.as_deref() {
            None | Some(Origin::Drawn) => searcher.first_weights(&proposal.architecture)?,
            Some(_) => None,
        };
        let mut blobs = [None, None];
        for (blob, bytes) in std::iter::zip(&mut blobs, [searcher.snapshot()?, weights]) {
            *blob = bytes.map(|bytes| self.store.put_blob(&bytes)).transpose()?;
        }
        let took_ms = self.clock.now_ms().saturating_sub(begun_ms);
        let trained_ms = std::mem::take(&mut self.trained_ms);
        self.asked_ms.insert(id, took_ms + trained_ms);
        self.start(id, &proposal, self.told as u32, blobs)?;
        self.known.note(&*self.parts.space, id, &proposal);
        Ok(Proposed::Trial(id, proposal))
    }

    /// Logs an epoch that the searcher trained. Its state is kept until that of the next one.
    fn log_training(&mut self, training: Training) -> Result<()> {
        let Training { epoch, epochs, architecture, signals } = training;
        let before = self.view.searcher_epochs().last().and_then(|last| last.state.clone());
        let state = match self.parts.searcher.snapshot()? {
            Some(bytes) => Some(self.store.put_blob(&bytes)?),
            None => None,
        };
        let told = self.told as u32;
        let replaced = before.filter(|before| state.as_ref().is_some_and(|new| new != before));
        let event = SearcherTrained { epoch, epochs, told, architecture, signals, state };
        self.emit(Event::SearcherTrained(event))?;
        if let Some(before) = replaced {
            self.store.drop_blob(&before)?;
        }
        Ok(())
    }

    fn ask(&mut self, id: TrialId, stops: &(dyn Fn() -> bool + Sync)) -> Result<Ask> {
        let Self { parts, view, known, .. } = self;
        let goal = &view.manifest().goal;
        let (space, evaluator) = (&*parts.space, &*parts.evaluator);
        let admits = |architecture: &Architecture| {
            known.admits(space, architecture) && setup::keeps(goal, evaluator, space, architecture)
        };
        let pending = &view.trials()[self.told..];
        let seed = self.seed;
        let question = Question { space, trial: id, seed, pending, admits: &admits, stops };
        question.ask(&mut *parts.searcher)
    }

    /// The proposal, with its fidelity said where trials differ in that: a full one can then be told
    /// from the others by whoever compares them, and reused.
    pub(super) fn with_fidelity(&self, proposal: Proposal) -> Proposal {
        if proposal.fidelity.is_some() || !self.parts.searcher.resumes_trials() {
            return proposal;
        }
        let full = self.parts.evaluator.epochs(None);
        proposal.at_epochs(full)
    }

    /// The epochs of all trials with this one: those that the searcher knows of as they were, the
    /// open ones as planned. Not as they are, because that would depend on who finished first.
    fn epochs_with(&mut self, proposal: &Proposal) -> u64 {
        let (known, open) = self.view.trials().split_at(self.told);
        let (added, before) = self.added.epochs;
        let new = known.iter().skip(added).map(|trial| u64::from(trial.epochs));
        let spent = before + new.sum::<u64>();
        self.added.epochs = (known.len(), spent);
        let planned = open.iter().map(|trial| &trial.proposal).chain([proposal]);
        let planned = planned.map(|p| u64::from(self.planned_epochs(p)));
        spent + planned.sum::<u64>()
    }

    /// The simulated seconds of this many trials, all of which have ended; without those that were
    /// taken over or reused.
    fn cost_until(&mut self, known: usize) -> f64 {
        let imported = self.view.manifest().imported as usize;
        let (added, before) = self.added.cost;
        let new = self.view.trials()[..known].iter().skip(added.max(imported));
        let own = new.filter(|trial| !trial.proposal.is_copy());
        let cost = own.filter_map(|trial| trial.metric("cost_secs")).fold(before, |a, b| a + b);
        self.added.cost = (known, cost);
        cost
    }

    /// The epochs that a proposal will be trained for: those that it goes on from are trained.
    fn planned_epochs(&self, proposal: &Proposal) -> u32 {
        if proposal.is_copy() {
            return 0;
        }
        let epochs = self.parts.evaluator.epochs(proposal.fidelity);
        epochs - self.resumed(proposal).map_or(0, |(before, _)| before).min(epochs)
    }
}
