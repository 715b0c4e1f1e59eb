//! The one loop that joins a searcher and an evaluator, and appends every step to the log.
//!
//! # Why a run is the same on any number of workers
//! A run has a *lookahead* L, fixed in its manifest. Trial *n* is proposed when the trials
//! `0..=n-L` have ended, and the searcher has been told of exactly those, in order. So what trial
//! *n* is does not depend on who finished first. A pruner decides on trial *n* from those trials and
//! the trial's own curve. Each trial's randomness derives from (run seed, trial). A searcher that
//! answers [`Ask::Wait`](crate::search::Ask::Wait) is told of one more trial and asked again; the
//! number it had been told of is in the log.
//!
//! # Why a run is the same after a crash
//! [`Study::open`] replays the log: trials that ended are told again, trials that were running are
//! run again from their logged proposals. A new run takes the same path with an empty log.

mod copies;
mod evaluation;
mod parallel;
mod propose;
mod retrain;
mod setup;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use nascent_record::{
    BlobId, Budget, Clock, Event, FinishReason, Logged, Metrics, Objective, Origin, Proposal,
    RunFinished, RunStore, RunView, SessionStarted, Trial, TrialFinished, TrialId, TrialLimits,
    TrialReported, TrialStarted,
};

use self::propose::{Added, Proposed};
use crate::config::invalid;
use crate::evaluate::{CHECKPOINT, Checkpoint, Flow, Job, Purpose};
use crate::prune::PruneContext;
use crate::search::Known;
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
    /// The searcher has trained something of its own for an epoch, see
    /// [`RunView::searcher_epochs`]. Ask again.
    Trained,
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
    /// The networks of all trials.
    known: Known,
    closing: Option<FinishReason>,
    opened_ms: u64,
    added: Added,
    /// How long the searcher trained for the next trial.
    trained_ms: u64,
    /// How long it took to ask for the trials that are open.
    asked_ms: BTreeMap<TrialId, u64>,
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
        let (seed, duplicates) = (Seed::new(manifest.seed), manifest.duplicates);
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
            known: Known::new(duplicates),
            closing: None,
            opened_ms,
            added: Added::default(),
            trained_ms: 0,
            asked_ms: BTreeMap::new(),
        };
        study.replay()?;
        Ok(study)
    }

    /// Brings the searcher to where it was when the last trial was proposed.
    fn replay(&mut self) -> Result<()> {
        let trials = self.view.trials();
        let open = trials.iter().filter(|trial| !trial.is_finished());
        self.interrupted = open.map(|trial| trial.id).collect();
        for trial in trials {
            self.known.note(&*self.parts.space, trial.id, &trial.proposal);
        }
        let proposed = trials.iter().rev().find_map(|t| Some((t.told, t.state.clone()?)));
        let trained = self.view.searcher_epochs().last();
        let trained = trained.and_then(|last| Some((last.told, last.state.clone()?)));
        // Of what knew as much, what was trained is the later: it is trained before a proposal.
        let with_state = match (proposed, trained) {
            (Some(proposed), Some(trained)) if trained.0 <= proposed.0 => Some(proposed),
            (proposed, trained) => trained.or(proposed),
        };
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
        self.next_unless(&|| false)
    }

    /// The same; a searcher that trains gives up its epoch when `stops` says so, and the answer is
    /// [`Next::Wait`].
    fn next_unless(&mut self, stops: &(dyn Fn() -> bool + Sync)) -> Result<Next> {
        if let Some(id) = self.interrupted.pop_front() {
            let trial = &self.view.trials()[id.index()];
            let (proposal, told) = (trial.proposal.clone(), trial.told);
            self.start(id, &proposal, told, [None, None])?;
            if self.reuse(id, &proposal)? {
                return self.next_unless(stops);
            }
            return Ok(Next::Evaluate(id, proposal));
        }
        while self.closing.is_none() {
            match self.propose(stops)? {
                Proposed::Trial(id, proposal) if self.reuse(id, &proposal)? => {}
                Proposed::Trial(id, proposal) => return Ok(Next::Evaluate(id, proposal)),
                Proposed::Trained => return Ok(Next::Trained),
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

    /// The epochs of the trial that a proposal goes on with, and what that has left.
    fn resumed(&self, proposal: &Proposal) -> Option<(u32, &BlobId)> {
        let trials = self.view.trials();
        let mut before = trials.get(proposal.resume_from?.index())?;
        // A copy has left nothing; the trial that it is a copy of may have.
        if let Some(Origin::Reused { trial }) = before.proposal.origin.as_deref() {
            before = trials.get(trial.index())?;
        }
        let epochs = self.parts.evaluator.epochs(before.proposal.fidelity);
        Some((epochs, before.artifacts.get(CHECKPOINT)?))
    }

    /// What the training of a trial begins with.
    fn beginning(&self, trial: TrialId, proposal: &Proposal) -> Result<Beginning> {
        let resumed = self.resumed(proposal);
        let read = |(epochs, blob)| -> Result<_> { Ok((epochs, self.store.blob(blob)?)) };
        let checkpoint = resumed.map(read).transpose()?;
        let weights = self.view.trials().get(trial.index()).and_then(|t| t.weights.as_ref());
        let weights = weights.map(|blob| self.store.blob(blob)).transpose()?;
        Ok(Beginning { checkpoint, weights })
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
        [state, weights]: [Option<BlobId>; 2],
    ) -> Result<()> {
        let proposal = proposal.clone();
        self.emit(Event::TrialStarted(TrialStarted { trial, proposal, told, state, weights }))
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
        let artifacts = self.put_blobs(&ended.artifacts)?;
        let Ended { outcome, epochs, mut spent, .. } = ended;
        spent.ask_ms = self.asked_ms.remove(&trial).unwrap_or(0);
        let spent = Some(spent);
        let finished = TrialFinished { trial, outcome, epochs, artifacts, spent };
        self.emit(Event::TrialFinished(finished))?;
        self.settle();
        Ok(())
    }

    fn put_blobs(
        &mut self,
        artifacts: &BTreeMap<String, Vec<u8>>,
    ) -> Result<BTreeMap<String, BlobId>> {
        let put = artifacts.iter().map(|(name, bytes)| {
            let id = self.store.put_blob(bytes)?;
            Ok((name.clone(), id))
        });
        put.collect()
    }

    /// An event that does not follow from the others must not reach the log.
    fn check_running(&self, trial: TrialId) -> Result<()> {
        match self.view.trials().get(trial.index()) {
            Some(known) if !known.is_finished() => Ok(()),
            Some(_) => Err(invalid("study", format!("trial {trial} has ended before"))),
            None => Err(invalid("study", format!("trial {trial} was never handed out"))),
        }
    }

    /// Runs one trial in this thread, or lets the searcher train for an epoch. `None` when that has
    /// ended and the search goes on, else why the search is over.
    ///
    /// # Errors
    /// As [`Study::next_trial`]; a trial that fails is a record, not an error.
    pub fn step(&mut self) -> Result<Option<FinishReason>> {
        match self.next_trial()? {
            Next::Finished(reason) => Ok(Some(reason)),
            Next::Trained => Ok(None),
            Next::Wait => {
                Err(invalid("study", "step was called while trials of next_trial are open"))
            }
            Next::Evaluate(id, proposal) => {
                let evaluator = Arc::clone(&self.parts.evaluator);
                let space = Arc::clone(&self.parts.space);
                let clock = Arc::clone(&self.clock);
                let limits = self.view.manifest().limits;
                let beginning = self.beginning(id, &proposal)?;
                let job = Job {
                    checkpoint: beginning.checkpoint(),
                    weights: beginning.weights.as_deref(),
                    keep_checkpoint: self.parts.searcher.resumes_trials(),
                    ..job(&*space, id, &proposal, self.seed, limits)
                };
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
    let (checkpoint, weights, keep_checkpoint) = (None, None, false);
    Job {
        space,
        trial,
        proposal,
        seed,
        purpose: Purpose::Search,
        limits,
        checkpoint,
        weights,
        keep_checkpoint,
    }
}

/// What a training begins with, where it does not begin from scratch.
struct Beginning {
    /// The epochs of the trial that it goes on with, and what that has left.
    checkpoint: Option<(u32, Vec<u8>)>,
    /// Weights of the searcher.
    weights: Option<Vec<u8>>,
}

impl Beginning {
    fn checkpoint(&self) -> Option<Checkpoint<'_>> {
        let checkpoint = self.checkpoint.as_ref();
        checkpoint.map(|(epochs, bytes)| Checkpoint { epochs: *epochs, bytes })
    }
}
