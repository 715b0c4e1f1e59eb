//! What a run has from elsewhere: trials with the result of an earlier trial of the run or of another
//! run, and the supernet of another run. They cost nothing.

use std::collections::BTreeMap;

use nascent_record::{
    Event, Origin, Proposal, Report, SearcherTrained, Spent, Trial, TrialId, TrialReported,
};

use super::{Ended, Study};
use crate::config::invalid;
use crate::{Error, Result};

impl Study {
    /// The proposal, with the earlier trial whose result it gets. Only trials that the searcher
    /// knows of count: which others have ended depends on the number of workers.
    pub(super) fn note_reuse(&self, proposal: Proposal) -> Proposal {
        let earlier = self.known.reusable(&*self.parts.space, &proposal);
        let told = &self.view.trials()[..self.told];
        let complete = |id: &TrialId| told.get(id.index()).is_some_and(|t| t.metrics().is_some());
        match earlier.into_iter().find(complete) {
            Some(trial) => proposal.with_origin(Origin::Reused { trial }),
            None => proposal,
        }
    }

    /// Ends a trial that has the result of an earlier one. Says whether it is one.
    pub(super) fn reuse(&mut self, id: TrialId, proposal: &Proposal) -> Result<bool> {
        let Some(Origin::Reused { trial }) = proposal.origin.as_deref() else {
            return Ok(false);
        };
        let earlier = self.view.trials().get(trial.index());
        let outcome = earlier.and_then(|earlier| earlier.outcome.clone()).ok_or_else(|| {
            Error::Resume { problem: format!("trial {id} has the result of {trial}, without one") }
        })?;
        self.finish(
            id,
            Ended { outcome, epochs: 0, artifacts: BTreeMap::new(), spent: Spent::default() },
        )?;
        Ok(true)
    }

    /// Takes over trials of another run, with their results, as the first trials of this one. They
    /// cost nothing.
    ///
    /// # Errors
    /// If the run has trials already, or one of them is not of the space.
    pub fn import(&mut self, trials: Vec<Trial>) -> Result<()> {
        if !self.view.trials().is_empty() || trials.len() != self.view.manifest().imported as usize
        {
            let problem =
                "only the trials that the manifest announces can be taken over, and first";
            return Err(invalid("study", problem));
        }
        for (number, trial) in std::iter::zip(0.., trials) {
            let (id, Some(outcome)) = (TrialId(number), trial.outcome) else { continue };
            let proposal = self.with_fidelity(trial.proposal);
            self.start(id, &proposal, 0, [None, None])?;
            self.known.note(&*self.parts.space, id, &proposal);
            for Report { step, metrics } in trial.curve {
                self.emit(Event::TrialReported(TrialReported { trial: id, step, metrics }))?;
            }
            self.finish(
                id,
                Ended { outcome, epochs: 0, artifacts: BTreeMap::new(), spent: Spent::default() },
            )?;
        }
        Ok(())
    }

    /// Takes over the supernet that the searcher of another run has trained: its epochs are the first
    /// events of this one, and `state` is what that searcher was after the last of them.
    ///
    /// # Errors
    /// If the run has begun, these are not the epochs that the manifest announces, or the state is not
    /// one of this searcher.
    pub fn take_supernet(&mut self, epochs: Vec<SearcherTrained>, state: &[u8]) -> Result<()> {
        let announced = self.announced_epochs();
        let has_begun = !self.view.trials().is_empty() || !self.view.searcher_epochs().is_empty();
        if has_begun || announced == 0 || epochs.len() != announced {
            let problem = "only the epochs of a supernet that the manifest announces can be taken \
                           over, and first";
            return Err(invalid("study", problem));
        }
        self.parts.searcher.restore(state)?;
        let state = self.store.put_blob(state)?;
        for (number, epoch) in std::iter::zip(1.., epochs) {
            let state = (number == announced).then(|| state.clone());
            self.emit(Event::SearcherTrained(SearcherTrained { told: 0, state, ..epoch }))?;
        }
        Ok(())
    }

    /// How many epochs of the supernet of another run the manifest announces.
    pub(super) fn announced_epochs(&self) -> usize {
        self.view.manifest().supernet.as_ref().map_or(0, |supernet| supernet.epochs as usize)
    }
}
