//! The one loop that joins a searcher and an evaluator, and appends every step to the log.
//!
//! # Why a run is the same on any number of workers
//! A run has a *lookahead* L, fixed in its manifest. Trial *n* is proposed when the trials
//! `0..=n-L` have ended, and the searcher has been told of exactly those, in order. So what trial
//! *n* is does not depend on who finished first. A pruner decides on trial *n* from those trials and
//! the trial's own curve. Each trial's randomness derives from (run seed, trial). A searcher that
//! answers [`Ask::Wait`] is told of one more trial and asked again; the number it had been told of
//! is in the log.
//!
//! # Why a run is the same after a crash
//! [`Study::open`] replays the log: trials that ended are told again, trials that were running are
//! run again from their logged proposals. A new run takes the same path with an empty log.

mod evaluation;
mod parallel;
mod setup;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use nascent_record::{
    Budget, Clock, Event, FinishReason, Logged, Metrics, Objective, Proposal, Retrained,
    RunFinished, RunStore, RunView, SessionStarted, Trial, TrialFinished, TrialId, TrialLimits,
    TrialReported, TrialStarted,
};

use crate::config::invalid;
use crate::evaluate::{Evaluation, Flow, Job, Purpose, Reporter};
use crate::prune::PruneContext;
use crate::search::{Ask, AskContext};
use crate::space::SearchSpace;
use crate::{Error, Result, Seed};

pub use evaluation::{Ended, Guard, evaluate_guarded};
pub use parallel::{RunOptions, Stopped};
pub use setup::{Parts, Request};

/// How many trials may be open at once, if nothing else is asked for.
pub const DEFAULT_LOOKAHEAD: u32 = 8;

/// What a study wants to happen next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Evaluate this trial, and report to [`Study::report`] and [`Study::finish`].
    Evaluate(TrialId, Proposal),
    /// Nothing before one of the open trials has ended.
    Wait,
    /// The search is over.
    Finished(FinishReason),
}

/// A search in progress: the fold of its log, and the parts that continue it.
pub struct Study {
    parts: Parts,
    store: Box<dyn RunStore>,
    clock: Arc<dyn Clock>,
    view: RunView,
    objective: Objective,
    seed: Seed,
    /// The searcher has been told of the trials before this one.
    told: usize,
    /// All trials before this one have ended.
    settled: usize,
    /// Trials that a crash or a stop interrupted, to be run again.
    interrupted: VecDeque<TrialId>,
    closing: Option<FinishReason>,
    opened_ms: u64,
}

impl Study {
    /// Opens a study on a run: a new one, or one to go on with. `view` is the fold of what `store`
    /// holds.
    ///
    /// # Errors
    /// If the run cannot be resumed with these parts.
    pub fn open(
        parts: Parts,
        store: Box<dyn RunStore>,
        view: RunView,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let manifest = view.manifest();
        let Some(objective) = manifest.objective().cloned() else {
            return Err(invalid("study", "a search needs an objective"));
        };
        let seed = Seed::new(manifest.seed);
        let opened_ms = clock.now_ms();
        let mut study = Self {
            parts,
            store,
            clock,
            view,
            objective,
            seed,
            told: 0,
            settled: 0,
            interrupted: VecDeque::new(),
            closing: None,
            opened_ms,
        };
        study.replay()?;
        Ok(study)
    }

    /// Brings the searcher to where it was when the last trial was proposed.
    fn replay(&mut self) -> Result<()> {
        let trials = self.view.trials();
        let open = trials.iter().filter(|trial| !trial.is_finished());
        self.interrupted = open.map(|trial| trial.id).collect();
        let with_state = trials.iter().rev().find_map(|t| Some((t.told, t.state.clone()?)));
        self.settle();
        if let Some((told, state)) = with_state {
            self.parts.searcher.restore(&self.store.blob(&state)?)?;
            self.told = told as usize;
        }
        let goal = self.view.trials().last().map_or(0, |trial| trial.told as usize);
        self.tell_until(goal)
    }

    fn settle(&mut self) {
        let trials = self.view.trials();
        while trials.get(self.settled).is_some_and(Trial::is_finished) {
            self.settled += 1;
        }
    }

    fn tell_until(&mut self, goal: usize) -> Result<()> {
        if goal > self.settled {
            return Err(Error::Resume {
                problem: format!(
                    "its log says that the searcher knew of {goal} trials, and only {} have ended",
                    self.settled
                ),
            });
        }
        while self.told < goal {
            self.parts.searcher.tell(&self.view.trials()[self.told])?;
            self.told += 1;
        }
        Ok(())
    }

    fn emit(&mut self, event: Event) -> Result<()> {
        let logged = self.store.append(event)?;
        self.apply(logged)
    }

    fn apply(&mut self, logged: Logged) -> Result<()> {
        // The line number is of use to readers of a file only.
        Ok(self.view.apply(logged, 0)?)
    }

    /// Notes in the log that a process works on the run, with the limits that hold from here on. A
    /// search that was over goes on if the limits allow.
    ///
    /// # Errors
    /// If a limit cannot be, or the store refuses.
    pub fn begin_session(&mut self, workers: u32, budget: Budget) -> Result<()> {
        setup::check_budget(&budget, &self.view.manifest().metrics)?;
        self.closing = None;
        self.opened_ms = self.clock.now_ms();
        let version = env!("CARGO_PKG_VERSION").to_owned();
        self.emit(Event::SessionStarted(SessionStarted { version, workers, budget }))
    }

    /// The state of the run.
    pub fn view(&self) -> &RunView {
        &self.view
    }

    /// The parts.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// What is to be done next. Each trial is handed out once.
    ///
    /// # Errors
    /// If the searcher fails, proposes something that is not of the space, or the store refuses.
    pub fn next_trial(&mut self) -> Result<Next> {
        if let Some(id) = self.interrupted.pop_front() {
            let trial = &self.view.trials()[id.index()];
            let (proposal, told) = (trial.proposal.clone(), trial.told);
            self.start(id, &proposal, told, None)?;
            return Ok(Next::Evaluate(id, proposal));
        }
        if self.closing.is_none() {
            match self.propose()? {
                Proposed::Trial(id, proposal) => return Ok(Next::Evaluate(id, proposal)),
                Proposed::Wait => return Ok(Next::Wait),
                Proposed::Over(reason) => self.closing = Some(reason),
            }
        }
        match self.closing {
            Some(reason) if self.settled == self.view.trials().len() => {
                if self.view.finish_reason() != Some(reason) {
                    self.emit(Event::RunFinished(RunFinished { reason }))?;
                }
                Ok(Next::Finished(reason))
            }
            _ => Ok(Next::Wait),
        }
    }

    fn propose(&mut self) -> Result<Proposed> {
        let budget = self.view.budget();
        let next = self.view.trials().len();
        if budget.max_trials.is_some_and(|most| next >= most as usize) {
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
        self.tell_until(visible)?;
        // Of the trials that the lookahead shows, and no more: a searcher that waits may know of
        // others, and when it does depends on who finished first.
        let known = self.view.trials()[..(next + 1).saturating_sub(lookahead)].iter();
        let cost: f64 = known.filter_map(|trial| trial.metric("cost_secs")).sum();
        if budget.max_cost_secs.is_some_and(|most| cost >= most) {
            return Ok(Proposed::Over(FinishReason::MaxCost));
        }
        let id = TrialId(next as u32);
        let proposal = loop {
            let mut cx = AskContext {
                space: &*self.parts.space,
                trial: id,
                rng: self.seed.derive("ask", u64::from(id.0)).rng(),
                pending: &self.view.trials()[self.told..],
            };
            match self.parts.searcher.ask(&mut cx)? {
                Ask::Propose(proposal) => break proposal,
                Ask::Done => return Ok(Proposed::Over(FinishReason::Exhausted)),
                // Nothing is pending, so nothing can come of waiting.
                Ask::Wait if self.told == next => {
                    return Ok(Proposed::Over(FinishReason::Exhausted));
                }
                Ask::Wait if self.settled > self.told => self.tell_until(self.told + 1)?,
                Ask::Wait => return Ok(Proposed::Wait),
            }
        };
        self.parts.space.spec().check(&proposal.architecture)?;
        if let Some(most) = budget.max_epochs
            && self.epochs_with(&proposal) > most
        {
            return Ok(Proposed::Over(FinishReason::MaxEpochs));
        }
        let state = match self.parts.searcher.snapshot()? {
            Some(bytes) => Some(self.store.put_blob(&bytes)?),
            None => None,
        };
        self.start(id, &proposal, self.told as u32, state)?;
        Ok(Proposed::Trial(id, proposal))
    }

    /// The epochs of all trials with this one: those that the searcher knows of as they were, the
    /// open ones as planned. Not as they are, because that would depend on who finished first.
    fn epochs_with(&self, proposal: &Proposal) -> u64 {
        let (known, open) = self.view.trials().split_at(self.told);
        let spent = known.iter().map(|trial| u64::from(trial.epochs));
        let planned = open.iter().map(|trial| &trial.proposal).chain([proposal]);
        let planned = planned.map(|p| u64::from(self.parts.evaluator.epochs(p.fidelity)));
        spent.chain(planned).sum()
    }

    fn out_of_time(&self) -> bool {
        let spent = self.clock.now_ms().saturating_sub(self.opened_ms) as f64 / 1e3;
        self.view.budget().max_wall_clock_secs.is_some_and(|most| spent >= most)
    }

    fn start(
        &mut self,
        trial: TrialId,
        proposal: &Proposal,
        told: u32,
        state: Option<nascent_record::BlobId>,
    ) -> Result<()> {
        let proposal = proposal.clone();
        self.emit(Event::TrialStarted(TrialStarted { trial, proposal, told, state }))
    }

    /// Logs a point of a trial's learning curve; says whether the trial goes on.
    ///
    /// # Errors
    /// If the trial is not running, or the store refuses.
    pub fn report(&mut self, trial: TrialId, step: u32, metrics: Metrics) -> Result<Flow> {
        self.check_running(trial)?;
        self.emit(Event::TrialReported(TrialReported { trial, step, metrics }))?;
        let running = &self.view.trials()[trial.index()];
        if step >= self.parts.evaluator.epochs(running.proposal.fidelity) {
            return Ok(Flow::Continue); // it is complete: there is nothing left to save
        }
        Ok(self.parts.pruner.prune(&PruneContext {
            objective: &self.objective,
            curve: &running.curve,
            others: &self.view.trials()[..running.told as usize],
        }))
    }

    /// Logs how a trial ended. Blobs are written before the event that names them.
    ///
    /// # Errors
    /// If the trial is not running, or the store refuses.
    pub fn finish(&mut self, trial: TrialId, ended: Ended) -> Result<()> {
        self.check_running(trial)?;
        let mut artifacts = std::collections::BTreeMap::new();
        for (name, bytes) in &ended.artifacts {
            artifacts.insert(name.clone(), self.store.put_blob(bytes)?);
        }
        let Ended { outcome, epochs, .. } = ended;
        self.emit(Event::TrialFinished(TrialFinished { trial, outcome, epochs, artifacts }))?;
        self.settle();
        Ok(())
    }

    /// An event that does not follow from the others must not reach the log.
    fn check_running(&self, trial: TrialId) -> Result<()> {
        match self.view.trials().get(trial.index()) {
            Some(known) if !known.is_finished() => Ok(()),
            Some(_) => Err(invalid("study", format!("trial {trial} has ended before"))),
            None => Err(invalid("study", format!("trial {trial} was never handed out"))),
        }
    }

    /// Runs one trial in this thread. `None` when it has ended and the search goes on, else why
    /// the search is over.
    ///
    /// # Errors
    /// As [`Study::next_trial`]; a trial that fails is a record, not an error.
    pub fn step(&mut self) -> Result<Option<FinishReason>> {
        match self.next_trial()? {
            Next::Finished(reason) => Ok(Some(reason)),
            Next::Wait => {
                Err(invalid("study", "step was called while trials of next_trial are open"))
            }
            Next::Evaluate(id, proposal) => {
                let evaluator = Arc::clone(&self.parts.evaluator);
                let space = Arc::clone(&self.parts.space);
                let clock = Arc::clone(&self.clock);
                let limits = self.view.manifest().limits;
                let job = job(&*space, id, &proposal, self.seed, limits);
                let mut refused = None;
                let mut guard =
                    Guard::new(&*clock, job.limits, |step, metrics: &Metrics| {
                        match self.report(id, step, metrics.clone()) {
                            Ok(flow) => flow,
                            Err(error) => {
                                refused = Some(error);
                                Flow::Stop
                            }
                        }
                    });
                let ended = evaluate_guarded(&*evaluator, &job, &mut guard);
                drop(guard);
                match (refused, ended) {
                    (Some(error), _) => Err(error),
                    (None, Some(ended)) => self.finish(id, ended).map(|()| None),
                    (None, None) => Ok(None),
                }
            }
        }
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
        let mut blobs = std::collections::BTreeMap::new();
        for (name, bytes) in &artifacts {
            blobs.insert(name.clone(), self.store.put_blob(bytes)?);
        }
        let retrained = Retrained { trial, metrics, epochs, artifacts: blobs };
        self.emit(Event::Retrained(retrained.clone()))?;
        Ok(retrained)
    }
}

/// What a trial is evaluated with.
fn job<'a>(
    space: &'a dyn SearchSpace,
    trial: TrialId,
    proposal: &'a Proposal,
    seed: Seed,
    limits: TrialLimits,
) -> Job<'a> {
    let seed = seed.derive("trial", u64::from(trial.0));
    Job { space, trial, proposal, seed, purpose: Purpose::Search, limits }
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
}

enum Proposed {
    Trial(TrialId, Proposal),
    Wait,
    Over(FinishReason),
}
