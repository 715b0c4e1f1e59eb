//! Who was made from whom.

use crate::{Objective, RunView, Trial};

/// The parent that a line of ancestors goes on with: of several the best by this objective, of equals the
/// one that is named first. A parent without a result is taken where no other has one. What is named as a
/// parent and is not an earlier trial, as in a file that somebody changed, is none.
pub fn main_parent<'v>(
    view: &'v RunView,
    trial: &Trial,
    objective: &Objective,
) -> Option<&'v Trial> {
    let earlier = trial.proposal.parents.iter().filter(|parent| **parent < trial.id);
    let parents = earlier.filter_map(|parent| view.trials().get(parent.index()));
    parents.reduce(|a, b| match (a.score(objective), b.score(objective)) {
        (Some(known), Some(score)) if score > known => b,
        (None, Some(_)) => b,
        _ => a,
    })
}
