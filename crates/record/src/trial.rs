//! One evaluation of one architecture: what was proposed, and what came of it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Architecture, BlobId, Metrics, Objective, Spent};

/// The number of a trial in its run, from 0, without gaps.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct TrialId(pub u32);

impl TrialId {
    /// The number as a position.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for TrialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How thoroughly an architecture is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fidelity {
    /// The number of training epochs.
    pub epochs: u32,
}

/// What a searcher asks to be evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// The architecture.
    pub architecture: Architecture,
    /// How thoroughly; the evaluator's own setting, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fidelity: Option<Fidelity>,
    /// The trials that it was made from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<TrialId>,
    /// The trial whose training it goes on with: the same architecture at a lower fidelity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_from: Option<TrialId>,
    /// Where it comes from, if not from the searcher.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Box<Origin>>,
    /// What the searcher thought when it proposed it, if it says. Boxed, because few trials of a
    /// hundred thousand have any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signals: Option<Box<Signals>>,
}

/// Where a proposal comes from that is not the searcher's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A person wanted it tried.
    Enqueued,
    /// It is a trial of another run, with its result.
    Imported {
        /// The other run.
        run: String,
        /// The trial of that run.
        trial: TrialId,
    },
    /// It is the same network as an earlier trial of this run, and has its result.
    Reused {
        /// The earlier trial.
        trial: TrialId,
    },
    /// The searcher had nothing new to propose; it was drawn at random.
    Drawn,
}

/// What a searcher thought, as numbers by name: an entropy, a baseline, the probabilities of a
/// choice's options, an acquisition value. For the eye; it decides nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Signals {
    /// Single numbers.
    #[serde(default, skip_serializing_if = "Metrics::is_empty")]
    pub scalars: Metrics,
    /// Lists of numbers: one for each option, choice or length scale.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vectors: BTreeMap<String, Vec<f64>>,
}

impl Signals {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.scalars.is_empty() && self.vectors.is_empty()
    }

    /// The same with one more number; one that is not finite is left out.
    #[must_use]
    pub fn with(mut self, name: &str, value: f64) -> Self {
        // The only error is a number that is not finite.
        let _left_out = self.scalars.insert(name, value);
        self
    }

    /// The same with one more list; one with a number that is not finite is left out.
    #[must_use]
    pub fn with_list(mut self, name: impl Into<String>, values: Vec<f64>) -> Self {
        if values.iter().all(|value| value.is_finite()) {
            self.vectors.insert(name.into(), values);
        }
        self
    }
}

impl Proposal {
    /// An architecture out of nothing, at the evaluator's own fidelity.
    pub fn new(architecture: Architecture) -> Self {
        Self {
            architecture,
            fidelity: None,
            parents: Vec::new(),
            resume_from: None,
            origin: None,
            signals: None,
        }
    }

    /// The same for this many epochs.
    #[must_use]
    pub fn at_epochs(mut self, epochs: u32) -> Self {
        self.fidelity = Some(Fidelity { epochs });
        self
    }

    /// The same, which goes on with the training of this trial.
    #[must_use]
    pub fn resuming(mut self, trial: TrialId) -> Self {
        self.resume_from = Some(trial);
        self
    }

    /// Whether its trial has its result from elsewhere, from an earlier trial or another run, and costs
    /// nothing.
    pub fn is_copy(&self) -> bool {
        matches!(self.origin.as_deref(), Some(Origin::Reused { .. } | Origin::Imported { .. }))
    }

    /// The same, which comes from there.
    #[must_use]
    pub fn with_origin(mut self, origin: Origin) -> Self {
        self.origin = Some(Box::new(origin));
        self
    }

    /// The same with what the searcher thought.
    #[must_use]
    pub fn with_signals(mut self, signals: Signals) -> Self {
        self.signals = (!signals.is_empty()).then(|| Box::new(signals));
        self
    }

    /// The same, made from these trials.
    #[must_use]
    pub fn with_parents(mut self, parents: Vec<TrialId>) -> Self {
        self.parents = parents;
        self
    }
}

/// Why a trial has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The evaluator returned an error.
    Error,
    /// The evaluator panicked.
    Panic,
    /// The training diverged: a loss or metric was infinite or not a number.
    Diverged,
    /// The trial needs, or needed, more memory than it may have.
    Memory,
    /// The trial took longer than it may.
    Timeout,
    /// The architecture cannot be built.
    Infeasible,
    /// A kind that a newer version knows.
    #[serde(other)]
    Other,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Panic => "panic",
            Self::Diverged => "diverged",
            Self::Memory => "memory limit",
            Self::Timeout => "time limit",
            Self::Infeasible => "infeasible",
            Self::Other => "other",
        })
    }
}

/// A trial without a result: data, not a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Why.
    pub kind: FailureKind,
    /// In words.
    pub message: String,
}

/// What came of a trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was evaluated to the end.
    Complete(Metrics),
    /// It was stopped early, with the metrics it had then.
    Pruned(Metrics),
    /// It has no result.
    Failed(Failure),
}

/// One point of a learning curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The number of epochs trained, from 1.
    pub step: u32,
    /// The metrics then.
    pub metrics: Metrics,
}

/// One evaluation of one architecture, as far as it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Its number.
    pub id: TrialId,
    /// What was proposed.
    pub proposal: Proposal,
    /// How many trials the searcher had been told of when it proposed this one.
    pub told: u32,
    /// The searcher's snapshot after the proposal.
    pub state: Option<BlobId>,
    /// The weights that its network began with, if the searcher gave any.
    pub weights: Option<BlobId>,
    /// The learning curve of the last attempt.
    pub curve: Vec<Report>,
    /// What came of it; `None` while it runs.
    pub outcome: Option<Outcome>,
    /// The epochs that it trained.
    pub epochs: u32,
    /// Blobs that it left, by what they are (`weights`).
    pub artifacts: BTreeMap<String, BlobId>,
    /// When its last attempt started, in milliseconds since the Unix epoch.
    pub started_ms: u64,
    /// When it ended.
    pub finished_ms: Option<u64>,
    /// How often it was started: more than once after a crash.
    pub attempts: u32,
    /// What its time went to; `None` while it runs, and in logs of older versions.
    pub spent: Option<Spent>,
}

impl Trial {
    /// A trial that has just been proposed.
    pub fn new(id: TrialId, proposal: Proposal, told: u32) -> Self {
        Self {
            id,
            proposal,
            told,
            state: None,
            weights: None,
            curve: Vec::new(),
            outcome: None,
            epochs: 0,
            artifacts: BTreeMap::new(),
            started_ms: 0,
            finished_ms: None,
            attempts: 1,
            spent: None,
        }
    }

    /// The metrics of a complete trial.
    pub fn metrics(&self) -> Option<&Metrics> {
        match &self.outcome {
            Some(Outcome::Complete(metrics)) => Some(metrics),
            _ => None,
        }
    }

    /// One metric of a complete trial.
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.metrics()?.get(name)
    }

    /// What the objective says of a complete trial; more is better.
    pub fn score(&self, objective: &Objective) -> Option<f64> {
        objective.score(self.metrics()?)
    }

    /// Whether it has ended, in whatever way.
    pub fn is_finished(&self) -> bool {
        self.outcome.is_some()
    }

    /// One word for its state: running, complete, pruned or failed.
    pub fn status(&self) -> &'static str {
        match &self.outcome {
            None => "running",
            Some(Outcome::Complete(_)) => "complete",
            Some(Outcome::Pruned(_)) => "pruned",
            Some(Outcome::Failed(_)) => "failed",
        }
    }
}
