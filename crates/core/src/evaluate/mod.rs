//! Evaluators: they turn one architecture into metrics, and never search.

use std::collections::BTreeMap;
use std::sync::Arc;

use nascent_datasets::{Dataset, Table};
use nascent_record::{Architecture, Fidelity, MetricSpec, Metrics, Proposal, TrialId, TrialLimits};

use crate::config::{Entry, find as find_entry};
use crate::space::SearchSpace;
use crate::{Result, Seed};

pub mod size;
pub mod table;
pub mod train;

/// What the one who reports is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// Stop at once and return what there is.
    Stop,
}

/// Where a running evaluation reports to.
pub trait Reporter {
    /// Reports the metrics after `step` epochs, counted from the start of the training: from 1, or
    /// from the first behind the checkpoint.
    fn report(&mut self, step: u32, metrics: &Metrics) -> Flow;

    /// Asks, between two batches, whether to go on. Cheap.
    fn poll(&mut self) -> Flow {
        Flow::Continue
    }

    /// Says what the time goes to from now on; at first it is [`Phase::Evaluate`].
    fn begin(&mut self, phase: Phase) {
        let _ = phase;
    }
}

/// What an evaluation is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It trains.
    Train,
    /// It makes, measures, or looks up.
    Evaluate,
}

/// A reporter that lets everything run to its end.
pub struct Silent;

impl Reporter for Silent {
    fn report(&mut self, _step: u32, _metrics: &Metrics) -> Flow {
        Flow::Continue
    }
}

/// What an evaluation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A trial of the search: the test data is not touched.
    Search,
    /// The final training of a chosen architecture, for this many epochs; the test data is
    /// evaluated at the end, and the weights are among the artifacts.
    Retrain {
        /// The number of epochs.
        epochs: u32,
    },
}

/// How thoroughly an evaluator can evaluate, in epochs of training.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fidelities {
    /// Any number of epochs up to this, which is the usual one.
    UpTo(u32),
    /// These numbers of epochs only, in rising order; the last is the usual one.
    Listed(Vec<u32>),
}

impl Fidelities {
    /// The usual and most thorough one.
    pub fn most(&self) -> u32 {
        match self {
            Self::UpTo(most) => *most,
            Self::Listed(epochs) => epochs.last().copied().unwrap_or(1),
        }
    }

    /// Whether it can evaluate with this number of epochs.
    pub fn contains(&self, epochs: u32) -> bool {
        match self {
            Self::UpTo(most) => (1..=*most).contains(&epochs),
            Self::Listed(listed) => listed.contains(&epochs),
        }
    }
}

impl std::fmt::Display for Fidelities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UpTo(most) => write!(f, "1 to {most} epochs"),
            Self::Listed(epochs) => {
                let epochs: Vec<String> = epochs.iter().map(u32::to_string).collect();
                write!(f, "{} epochs", epochs.join(", "))
            }
        }
    }
}

/// One architecture to evaluate.
pub struct Job<'a> {
    /// The space that it is of.
    pub space: &'a dyn SearchSpace,
    /// The trial.
    pub trial: TrialId,
    /// The architecture, and how thoroughly to evaluate it.
    pub proposal: &'a Proposal,
    /// What all randomness of the evaluation derives from.
    pub seed: Seed,
    /// What it is for.
    pub purpose: Purpose,
    /// The limits of the trial; the time is watched by the reporter, the memory by the evaluator.
    pub limits: TrialLimits,
    /// The training that it goes on with, if that left something.
    pub checkpoint: Option<Checkpoint<'a>>,
    /// Weights that its network begins with, for [`Model::inherit`](crate::nn::Model::inherit), if the
    /// searcher gives any.
    pub weights: Option<&'a [u8]>,
    /// Whether a later trial may go on with this one: then it leaves an artifact of the name
    /// [`CHECKPOINT`], unless it is at the highest fidelity already, or was stopped.
    pub keep_checkpoint: bool,
}

/// What an earlier trial left for a training that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint<'a> {
    /// The epochs of the earlier trial, those that it went on with among them.
    pub epochs: u32,
    /// Its artifact.
    pub bytes: &'a [u8],
}

/// The artifact that a training can go on from.
pub const CHECKPOINT: &str = "checkpoint";

/// What came of an evaluation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// The metrics.
    pub metrics: Metrics,
    /// The epochs that were trained, without those of a checkpoint.
    pub epochs: u32,
    /// What is to be kept, by what it is (`weights`: safetensors).
    pub artifacts: BTreeMap<String, Vec<u8>>,
}

/// Turns one architecture into metrics.
///
/// The same job gives the same metrics, whatever thread runs it and whatever ran before; but for
/// those that are declared as measured. It stops
/// soon after its reporter says [`Flow::Stop`] and returns what there is. An error is the failure of
/// that trial, not of the search.
pub trait Evaluator: Send + Sync {
    /// All metrics that it may report, with unit and direction; the first is the natural objective.
    fn metrics(&self) -> Vec<MetricSpec>;

    /// Looks, before a search starts, whether the space suits what is evaluated on at all.
    ///
    /// # Errors
    /// Why every trial would fail.
    fn check(&self, space: &dyn SearchSpace) -> Result<()> {
        let _ = space;
        Ok(())
    }

    /// How many epochs it would train at this fidelity, from the start; counted against the budget
    /// beforehand.
    fn epochs(&self, fidelity: Option<Fidelity>) -> u32;

    /// How thoroughly it can evaluate.
    fn fidelities(&self) -> Fidelities {
        Fidelities::UpTo(self.epochs(None))
    }

    /// What it knows of an architecture without evaluating it: its size. Constraints on these
    /// metrics are checked before anything is trained.
    ///
    /// # Errors
    /// If it knows nothing because the architecture cannot be evaluated.
    fn cheap_metrics(
        &self,
        space: &dyn SearchSpace,
        architecture: &Architecture,
    ) -> Result<Metrics> {
        let _ = (space, architecture);
        Ok(Metrics::default())
    }

    /// Evaluates one architecture.
    ///
    /// # Errors
    /// If the trial has no result.
    fn evaluate(&self, job: &Job<'_>, reporter: &mut dyn Reporter) -> Result<Evaluation>;
}

/// What evaluators are made of beside their settings.
#[derive(Clone)]
pub struct Resources {
    /// The data to train on.
    pub dataset: Option<Arc<Dataset>>,
    /// The table to look results up in.
    pub table: Option<Arc<Table>>,
    /// The seed of the run: the split of the data derives from it.
    pub seed: Seed,
    /// The name of the device: cpu, cuda or metal.
    pub device: String,
}

/// A row of [`EVALUATORS`].
pub type EvaluatorEntry = Entry<dyn Evaluator, Resources>;

/// All evaluators.
pub static EVALUATORS: &[&EvaluatorEntry] = &[&train::ENTRY, &table::ENTRY, &size::ENTRY];

/// The evaluator with this name.
///
/// # Errors
/// If there is none.
pub fn find(name: &str) -> Result<&'static EvaluatorEntry> {
    find_entry("evaluator", EVALUATORS, name)
}
