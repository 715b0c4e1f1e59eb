//! Pruners: they stop a trial whose learning curve promises nothing.

pub mod median;
pub mod never;

use nascent_record::{Objective, Report, Trial};

use crate::Result;
use crate::config::{Entry, find as find_entry};
use crate::evaluate::Flow;

/// What a pruner may look at: the curve of the trial, and finished trials that do not depend on how
/// many workers there are.
pub struct PruneContext<'a> {
    /// What "best" means.
    pub objective: &'a Objective,
    /// The learning curve of the trial, the new report last.
    pub curve: &'a [Report],
    /// The trials that the searcher had been told of when it proposed the trial.
    pub others: &'a [Trial],
}

/// Decides, at each report of a trial, whether it goes on. It has no state of its own, so a resumed
/// run decides as the undisturbed one.
pub trait Pruner: Send + Sync {
    /// Whether the trial goes on.
    fn prune(&self, cx: &PruneContext<'_>) -> Flow;
}

/// A row of [`PRUNERS`].
pub type PrunerEntry = Entry<dyn Pruner, ()>;

/// All pruners.
pub static PRUNERS: &[&PrunerEntry] = &[&never::ENTRY, &median::ENTRY];

/// The pruner with this name.
///
/// # Errors
/// If there is none.
pub fn find(name: &str) -> Result<&'static PrunerEntry> {
    find_entry("pruner", PRUNERS, name)
}
