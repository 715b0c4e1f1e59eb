//! A searcher without a study, a store or a trainer: the caller evaluates, however it likes.

use std::sync::Arc;

use nascent_record::analysis::best_trial;
use nascent_record::{Architecture, Duplicates, Fidelity, Goal, Outcome, Proposal, Trial, TrialId};
use serde_json::Value;

use super::{Ask, Known, Question, SearchSetup, Searcher};
use crate::config::invalid;
use crate::evaluate::Fidelities;
use crate::space::SearchSpace;
use crate::{Result, Seed};

/// Asks a searcher, and tells it what came of its proposals.
///
/// Several trials may be open at once, and they may be told in any order; the searcher hears of them
/// in the order in which they were proposed, so that a search is the same whenever the same results
/// are told before the same questions.
///
/// ```
/// use std::sync::Arc;
///
/// use nascent::record::{Choice, Goal, Metrics, Objective, Outcome, Spec};
/// use nascent::search::AskTell;
/// use nascent::space::Choices;
///
/// let space = Choices::new(Spec::new(vec![
///     Choice::integer("layers", 1, 8),
///     Choice::categorical("activation", ["relu", "gelu", "tanh"]),
/// ])?);
/// let goal = Goal::new(Objective::minimize("error"));
/// let mut search = AskTell::by_name("regularized_evolution", &serde_json::json!({
///     "population_size": 8, "sample_size": 3,
/// }), Arc::new(space), goal, 1)?;
/// for _ in 0..20 {
///     let Some(trial) = search.ask()? else { break };
///     let layers = trial.proposal.architecture.int(0).unwrap_or(0) as f64;
///     let error = (layers - 5.0).abs(); // anything: a training, a simulation, a table
///     search.tell(trial.id, Outcome::Complete(Metrics::new([("error", error)])?))?;
/// }
/// let best = search.best().ok_or("no trial has a result")?;
/// assert!(best.metric("error") < Some(2.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct AskTell {
    space: Arc<dyn SearchSpace>,
    searcher: Box<dyn Searcher>,
    goal: Goal,
    seed: Seed,
    known: Known,
    trials: Vec<Trial>,
    told: usize,
    /// The epochs of a full evaluation, where trials differ in that.
    full: Option<u32>,
}

impl AskTell {
    /// With the searcher of this name and these settings; defaults in place of what is not given.
    ///
    /// # Errors
    /// If there is no such searcher, or a setting cannot be.
    pub fn by_name(
        searcher: &str,
        settings: &Value,
        space: Arc<dyn SearchSpace>,
        goal: Goal,
        seed: u64,
    ) -> Result<Self> {
        Self::with_fidelities(searcher, settings, space, goal, Fidelities::UpTo(1), seed)
    }

    /// The same for a caller who can evaluate at several fidelities, as multi-fidelity searchers
    /// need: a trial then says how thoroughly (`proposal.fidelity`), and may go on with an earlier
    /// one (`proposal.resume_from`).
    ///
    /// # Errors
    /// As [`AskTell::by_name`].
    pub fn with_fidelities(
        searcher: &str,
        settings: &Value,
        space: Arc<dyn SearchSpace>,
        goal: Goal,
        fidelities: Fidelities,
        seed: u64,
    ) -> Result<Self> {
        let entry = super::find(searcher)?;
        let full = fidelities.most();
        let derived = Seed::new(seed).derive("searcher", 0);
        let setup = SearchSetup::new(Arc::clone(&space), goal.clone(), derived);
        let searcher = entry.make(settings, &setup.with_fidelities(fidelities))?;
        let full = searcher.resumes_trials().then_some(full);
        Ok(Self { full, ..Self::new(searcher, space, goal, seed) })
    }

    /// With this searcher. An architecture that means the same network as an earlier one is not
    /// proposed again.
    pub fn new(
        searcher: Box<dyn Searcher>,
        space: Arc<dyn SearchSpace>,
        goal: Goal,
        seed: u64,
    ) -> Self {
        let known = Known::new(Duplicates::Repropose);
        let (seed, trials) = (Seed::new(seed), Vec::new());
        Self { space, searcher, goal, seed, known, trials, told: 0, full: None }
    }

    /// The same, but that only the same architecture is a duplicate, not the same network.
    #[must_use]
    pub fn exact(mut self) -> Self {
        self.known = self.known.exact();
        self
    }

    /// The next trial to evaluate; `None` when there is none, before one more is told if some are
    /// open, or at all.
    ///
    /// # Errors
    /// If the searcher fails.
    pub fn ask(&mut self) -> Result<Option<Trial>> {
        self.ask_among(&|_| true)
    }

    /// The same, of those architectures that `keeps` says yes to.
    ///
    /// # Errors
    /// If the searcher fails.
    pub fn ask_among(&mut self, keeps: &dyn Fn(&Architecture) -> bool) -> Result<Option<Trial>> {
        let id = TrialId(self.trials.len() as u32);
        let question = Question {
            space: &*self.space,
            trial: id,
            seed: self.seed,
            pending: &self.trials[self.told..],
            admits: &|architecture| {
                self.known.admits(&*self.space, architecture) && keeps(architecture)
            },
            stops: &|| false,
        };
        loop {
            match question.ask(&mut *self.searcher)? {
                Ask::Propose(proposal) => return Ok(Some(self.open(proposal))),
                Ask::Trained(_) => {}
                Ask::Wait | Ask::Done => return Ok(None),
            }
        }
    }

    /// Opens a trial that the searcher did not propose: one that a person wants tried.
    ///
    /// # Errors
    /// If the architecture is not of the space.
    pub fn enqueue(&mut self, architecture: Architecture) -> Result<Trial> {
        self.space.spec().check(&architecture)?;
        let origin = nascent_record::Origin::Enqueued;
        Ok(self.open(Proposal::new(architecture).with_origin(origin)))
    }

    fn open(&mut self, mut proposal: Proposal) -> Trial {
        let full = self.full.map(|epochs| Fidelity { epochs });
        proposal.fidelity = proposal.fidelity.or(full);
        let id = TrialId(self.trials.len() as u32);
        self.known.note(&*self.space, id, &proposal);
        let trial = Trial::new(id, proposal, self.told as u32);
        self.trials.push(trial.clone());
        trial
    }

    /// Tells what came of an open trial.
    ///
    /// # Errors
    /// If it is not open, or the searcher fails.
    pub fn tell(&mut self, id: TrialId, outcome: Outcome) -> Result<()> {
        match self.trials.get_mut(id.index()) {
            Some(trial) if !trial.is_finished() => trial.outcome = Some(outcome),
            Some(_) => return Err(invalid("ask and tell", format!("trial {id} was told before"))),
            None => {
                return Err(invalid("ask and tell", format!("trial {id} was never asked for")));
            }
        }
        while let Some(trial) = self.trials.get(self.told).filter(|trial| trial.is_finished()) {
            self.searcher.tell(trial)?;
            self.told += 1;
        }
        Ok(())
    }

    /// All trials.
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// The best trial so far that keeps the constraints, of those at the highest fidelity; of equals
    /// the first.
    pub fn best(&self) -> Option<&Trial> {
        best_trial(&self.trials, &self.goal)
    }
}
