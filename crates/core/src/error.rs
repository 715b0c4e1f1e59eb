//! What can go wrong in a search.

use nascent_record::FailureKind;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the search; each message names the input and, where there is one, the fix.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An error of the run record.
    #[error(transparent)]
    Record(#[from] nascent_record::Error),
    /// An error of a dataset or table.
    #[error(transparent)]
    Dataset(#[from] nascent_datasets::Error),
    /// An error of the tensor library.
    #[error("tensor operation failed: {0}")]
    Candle(#[from] candle_core::Error),
    /// A name that is in no table.
    #[error("there is no {kind} \"{name}\"; {suggestion}")]
    Unknown {
        /// What was looked for: searcher, search space, …
        kind: &'static str,
        /// The name.
        name: String,
        /// The nearest name, and all of them.
        suggestion: String,
    },
    /// A setting that cannot be.
    #[error("{component}: {problem}")]
    Config {
        /// The capability, with its kind.
        component: String,
        /// Which setting, and what is wrong with it.
        problem: String,
    },
    /// Something that an evaluator needs and was not given.
    #[error("the {evaluator} evaluator needs {what}")]
    Missing {
        /// The evaluator.
        evaluator: &'static str,
        /// What it needs, and how to give it.
        what: String,
    },
    /// An architecture that cannot be built, or that the table does not have.
    #[error("this architecture cannot be evaluated: {problem}")]
    Infeasible {
        /// Why.
        problem: String,
    },
    /// A training whose loss is no number any more.
    #[error("training diverged in epoch {epoch}: {what} is {value}")]
    Diverged {
        /// The epoch, from 1.
        epoch: u32,
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// A trial that needs more memory than it may have.
    #[error("training needs about {needed_mib} MiB and may have {limit_mib}")]
    Memory {
        /// The estimate.
        needed_mib: u64,
        /// The limit.
        limit_mib: u64,
    },
    /// A device that this build cannot use.
    #[error("device \"{device}\" is not available: {problem}")]
    Device {
        /// The device.
        device: String,
        /// Why, and the fix.
        problem: String,
    },
    /// Saved weights that cannot be used.
    #[error("these weights cannot be used: {problem}")]
    Weights {
        /// Why.
        problem: String,
    },
    /// A training that cannot go on from what an earlier one left.
    #[error("the training cannot go on from this checkpoint: {problem}")]
    Checkpoint {
        /// Why.
        problem: String,
    },
    /// A run that cannot be resumed with what is given.
    #[error("this run cannot be resumed: {problem}")]
    Resume {
        /// Why.
        problem: String,
    },
    /// An evaluator that panicked.
    #[error("the evaluator panicked: {message}")]
    Panicked {
        /// What it said.
        message: String,
    },
    /// A training that its reporter stopped before its end.
    #[error("it was stopped before its end")]
    Interrupted,
    /// A thread that the system refused.
    #[error("cannot start a worker thread: {0}")]
    Thread(std::io::Error),
}

impl Error {
    /// What a trial that ends in this error is recorded as.
    pub fn failure_kind(&self) -> FailureKind {
        match self {
            Self::Infeasible { .. } => FailureKind::Infeasible,
            Self::Diverged { .. } | Self::Record(nascent_record::Error::NonFiniteMetric { .. }) => {
                FailureKind::Diverged
            }
            Self::Memory { .. } => FailureKind::Memory,
            Self::Panicked { .. } => FailureKind::Panic,
            _ => FailureKind::Error,
        }
    }
}
