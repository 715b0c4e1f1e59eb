//! Searchers: they propose architectures and are told results. They never write and never draw.

mod ask_tell;
pub mod bayesian;
pub mod evolution;
pub mod gradient;
pub mod grid;
pub mod local_search;
pub mod multi_fidelity;
mod question;
pub mod random;
pub mod reinforcement;

use std::sync::Arc;

use nascent_record::{Architecture, Goal, Proposal, Signals, Trial, TrialId};

use crate::config::{Entry, find as find_entry};
use crate::evaluate::{Fidelities, Resources};
use crate::space::SearchSpace;
use crate::{Error, Result, Rng, Seed};

pub use ask_tell::AskTell;
pub(crate) use question::{Known, Question, draw};

/// What a searcher wants to happen next.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// Evaluate this.
    Propose(Proposal),
    /// The searcher has trained something of its own for an epoch. Ask again.
    Trained(Training),
    /// Nothing before one more of the pending trials has been told.
    Wait,
    /// There is nothing left to propose.
    Done,
}

/// An epoch of something that a searcher trains of its own, such as the shared weights of a
/// supernet.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    /// The number of the epoch, from 1.
    pub epoch: u32,
    /// How many there will be.
    pub epochs: u32,
    /// The architecture that the searcher would propose now, if it knows one.
    pub architecture: Option<Architecture>,
    /// What came of the epoch.
    pub signals: Signals,
}

/// What a searcher may look at when it is asked.
pub struct AskContext<'a> {
    /// The search space.
    pub space: &'a dyn SearchSpace,
    /// The number that the proposed trial will have.
    pub trial: TrialId,
    /// A generator for this one question: the same whenever trial `trial` is asked for.
    pub rng: Rng,
    /// Trials that were proposed and not told yet, in order. They may or may not have ended.
    pub pending: &'a [Trial],
    /// See [`AskContext::admits`].
    pub admission: &'a dyn Fn(&Architecture) -> bool,
    /// Whether the search is about to stop: a searcher that trains asks this between two batches,
    /// gives up the epoch as if it had not begun, and answers [`Ask::Wait`].
    pub stops: &'a (dyn Fn() -> bool + Sync),
}

impl AskContext<'_> {
    /// Whether this architecture would be taken: it keeps the constraints that are known before
    /// training, and is new where duplicates are not wanted. A searcher that chooses among many asks
    /// this first; one that does not is asked again, with another generator, when its proposal is
    /// not taken. A proposal that goes on with an earlier training is always taken.
    pub fn admits(&self, architecture: &Architecture) -> bool {
        (self.admission)(architecture)
    }
}

/// Proposes architectures.
///
/// The caller owns the loop. It asks for trials in order, and tells results in order, each once,
/// with some proposals pending in between. The contract that makes a search resume exactly:
///
/// - What `ask` proposes depends on what was told, on the context, and on the settings; on nothing
///   else, and `ask` leaves nothing behind that changes a later answer. Then replaying `tell`
///   rebuilds the searcher.
/// - A searcher that cannot keep to this, because its `ask` trains something, returns its state
///   from [`Searcher::snapshot`], which is called after every `ask` that proposed or trained.
pub trait Searcher: Send {
    /// Proposes the next trial.
    ///
    /// # Errors
    /// If the searcher cannot work on this space.
    fn ask(&mut self, cx: &mut AskContext<'_>) -> Result<Ask>;

    /// Learns how a trial ended: complete, pruned or failed.
    ///
    /// # Errors
    /// If the searcher cannot take it.
    fn tell(&mut self, trial: &Trial) -> Result<()>;

    /// The state after the last `ask`, for a searcher that replaying `tell` does not rebuild.
    ///
    /// # Errors
    /// If it cannot be written.
    fn snapshot(&self) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    /// Goes back to the state of a snapshot.
    ///
    /// # Errors
    /// If it is not a snapshot of this searcher.
    fn restore(&mut self, snapshot: &[u8]) -> Result<()> {
        let _ = snapshot;
        Err(Error::Resume { problem: "its searcher keeps no snapshot, and the log has one".into() })
    }

    /// Weights for the network of an architecture that it has just proposed to begin with, for
    /// [`Model::inherit`](crate::nn::Model::inherit); none, for a training from scratch.
    ///
    /// # Errors
    /// If they cannot be written.
    fn first_weights(&self, architecture: &Architecture) -> Result<Option<Vec<u8>>> {
        let _ = architecture;
        Ok(None)
    }

    /// Whether it proposes trainings that go on with earlier ones, so that every trial has to leave
    /// what is needed for that.
    fn resumes_trials(&self) -> bool {
        false
    }
}

/// What searchers are made of beside their settings.
#[derive(Clone)]
pub struct SearchSetup {
    /// The space.
    pub space: Arc<dyn SearchSpace>,
    /// What the search is for.
    pub goal: Goal,
    /// How thoroughly the evaluator can evaluate.
    pub fidelities: Fidelities,
    /// The seed for what is drawn once, not for each question.
    pub seed: Seed,
    /// The data, for a searcher that trains something of its own; none where only results are told.
    pub resources: Option<Resources>,
}

impl SearchSetup {
    /// For an evaluator that knows one fidelity only.
    pub fn new(space: Arc<dyn SearchSpace>, goal: Goal, seed: Seed) -> Self {
        Self { space, goal, fidelities: Fidelities::UpTo(1), seed, resources: None }
    }

    /// The same for an evaluator that knows these fidelities.
    #[must_use]
    pub fn with_fidelities(self, fidelities: Fidelities) -> Self {
        Self { fidelities, ..self }
    }
}

/// A row of [`SEARCHERS`].
pub type SearcherEntry = Entry<dyn Searcher, SearchSetup>;

impl SearcherEntry {
    /// Whether it trains a network of its own for a while, before it proposes.
    pub fn trains_supernet(&self) -> bool {
        (self.defaults)().get("supernet_epochs").is_some()
    }

    /// Into how many parts it divides the channels of a network that it trains, if it does.
    pub(crate) fn parts(&self) -> Option<usize> {
        let parts = (self.defaults)().get("parts")?.as_u64()?;
        usize::try_from(parts).ok()
    }
}

/// All searchers.
pub static SEARCHERS: &[&SearcherEntry] = &[
    &random::ENTRY,
    &grid::ENTRY,
    &local_search::ENTRY,
    &evolution::hill_climb::ENTRY,
    &evolution::regularized_evolution::ENTRY,
    &evolution::genetic::ENTRY,
    &evolution::nsga2::ENTRY,
    &evolution::differential_evolution::ENTRY,
    &reinforcement::reinforce::ENTRY,
    &reinforcement::ppo::ENTRY,
    &bayesian::tpe::ENTRY,
    &bayesian::random_forest::ENTRY,
    &bayesian::gp::ENTRY,
    &bayesian::bananas::ENTRY,
    &gradient::darts::ENTRY,
    &gradient::gdas::ENTRY,
    &gradient::drnas::ENTRY,
    &gradient::pc_darts::ENTRY,
    &gradient::fair_darts::ENTRY,
    &gradient::proxyless::ENTRY,
    &gradient::random_ws::ENTRY,
    &gradient::spos::ENTRY,
    &gradient::enas::ENTRY,
    &multi_fidelity::successive_halving::ENTRY,
    &multi_fidelity::hyperband::ENTRY,
    &multi_fidelity::bohb::ENTRY,
];

/// The searcher with this name.
///
/// # Errors
/// If there is none.
pub fn find(name: &str) -> Result<&'static SearcherEntry> {
    find_entry("searcher", SEARCHERS, name)
}
