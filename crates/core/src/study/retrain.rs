//! The final training of the best architectures.

use nascent_record::{Event, Metrics, Retrained, TrialId, TrialLimits, analysis};

use super::{Study, evaluation, job};
use crate::config::invalid;
use crate::evaluate::{Evaluation, Flow, Job, Phase, Purpose, Reporter};
use crate::{Error, Result};

impl Study {
    /// The trials that are due for the final training, best first: those that the manifest asks for,
    /// less those that have had it. So a run that is resumed goes on with the next.
    pub fn due_for_retraining(&self) -> Vec<TrialId> {
        let manifest = self.view.manifest();
        if manifest.final_epochs == 0 {
            return Vec::new();
        }
        let best = analysis::finalists(&self.view, manifest.final_top as usize);
        let has_had = |trial: &TrialId| self.view.retrained().iter().any(|a| a.trial == *trial);
        best.into_iter().map(|trial| trial.id).filter(|trial| !has_had(trial)).collect()
    }

    /// Trains the architecture of a trial again, longer, and tests it.
    ///
    /// # Errors
    /// If there is no such trial, the training fails, or `reporter` stops it.
    pub fn retrain(
        &mut self,
        trial: TrialId,
        epochs: u32,
        reporter: &mut dyn Reporter,
    ) -> Result<Retrained> {
        let known =
            self.view.trials().get(trial.index()).ok_or_else(|| {
                invalid("study", format!("there is no trial {trial} to train again"))
            })?;
        let proposal = known.proposal.clone();
        // No limits: a person asked for this very training.
        let job = job(&*self.parts.space, trial, &proposal, self.seed, TrialLimits::default());
        let seed = job.seed.derive("retrain", u64::from(epochs));
        let job = Job { seed, purpose: Purpose::Retrain { epochs }, ..job };
        let mut watched = Watched { inner: reporter, stopped: false };
        let evaluation = evaluation::caught(&*self.parts.evaluator, &job, &mut watched)?;
        if watched.stopped {
            return Err(Error::Interrupted);
        }
        let Evaluation { metrics, epochs, artifacts } = evaluation;
        let artifacts = self.put_blobs(&artifacts)?;
        let retrained = Retrained { trial, metrics, epochs, artifacts };
        self.emit(Event::Retrained(retrained.clone()))?;
        Ok(retrained)
    }
}

/// A reporter that remembers whether it was stopped.
struct Watched<'a> {
    inner: &'a mut dyn Reporter,
    stopped: bool,
}

impl Watched<'_> {
    fn note(&mut self, flow: Flow) -> Flow {
        self.stopped |= flow == Flow::Stop;
        flow
    }
}

impl Reporter for Watched<'_> {
    fn report(&mut self, step: u32, metrics: &Metrics) -> Flow {
        let flow = self.inner.report(step, metrics);
        self.note(flow)
    }

    fn poll(&mut self) -> Flow {
        let flow = self.inner.poll();
        self.note(flow)
    }

    fn begin(&mut self, phase: Phase) {
        self.inner.begin(phase);
    }
}
