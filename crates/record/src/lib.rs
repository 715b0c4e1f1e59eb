//! What a search run leaves behind: the vocabulary of architecture search, the append-only event
//! log, the one fold that every reader uses, and the analyses on it.
//!
//! - **Vocabulary**: [`Spec`] and [`Choice`] describe a search space as data, [`Architecture`] is a
//!   point of it, [`Graph`] is what that point means as a network, [`Trial`] is one evaluation.
//! - **Log**: [`Event`]s are appended to a [`RunStore`]; on disk a run is a directory with a
//!   [`Manifest`] (`run.json`), the log (`events.jsonl`) and blobs (`artifacts/`).
//! - **Fold**: [`RunView`] is the state that the events add up to. Nobody reads the file otherwise.
//! - **Analyses**: [`analysis`] answers what a person asks of a run.
//!
//! This crate depends on serde and little else, so that a viewer needs neither a tensor library nor
//! a search algorithm.

pub mod analysis;
mod architecture;
mod choice;
mod clock;
mod error;
mod event;
mod goal;
mod graph;
mod manifest;
mod metrics;
mod names;
mod spec;
mod store;
mod trial;
mod view;

pub use architecture::{Architecture, Value};
pub use choice::{Choice, Condition, Domain};
pub use clock::{Clock, SystemClock};
pub use error::{Error, Result};
pub use event::{
    Event, FinishReason, Logged, Retrained, RunFinished, SearcherTrained, SessionStarted, Spent,
    TrialFinished, TrialReported, TrialStarted,
};
pub use goal::{Bound, Constraint, Goal, RewardTerm, Scalarization, Score};
pub use graph::{Attribute, Combine, Edge, Graph, Measured, MeasuredGraph, Measures, Node, Op};
pub use manifest::{Budget, Component, Duplicates, Manifest, SCHEMA, TrainedSupernet, TrialLimits};
pub use metrics::{Direction, MetricName, MetricSpec, Metrics, Objective};
pub use names::{nearest, suggestion};
pub use spec::Spec;
pub use store::{
    Added, BlobId, Control, DirectoryStore, MemoryStore, Position, Run, RunReader, RunStore,
    discover, discover_nested,
};
pub use trial::{
    Failure, FailureKind, Fidelity, Origin, Outcome, Proposal, Report, Signals, Trial, TrialId,
};
pub use view::RunView;
