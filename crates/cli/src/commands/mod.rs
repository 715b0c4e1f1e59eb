//! One file for each command.

pub(crate) mod bench;
pub(crate) mod best;
pub(crate) mod compare;
pub(crate) mod datasets;
pub(crate) mod draw;
pub(crate) mod export;
pub(crate) mod gui;
pub(crate) mod kernel;
pub(crate) mod latency;
pub(crate) mod list;
pub(crate) mod plot;
pub(crate) mod rank_correlation;
pub(crate) mod report;
pub(crate) mod resume;
pub(crate) mod runs;
pub(crate) mod search;
pub(crate) mod session;
pub(crate) mod show;

/// How a command ended, if not in an error.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// It did what it was asked for.
    Done,
    /// It was interrupted, and can be resumed.
    Interrupted,
}
