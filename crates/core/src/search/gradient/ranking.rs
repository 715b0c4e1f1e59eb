//! Architectures of a space whose operations are preferred more or less, the strongest first.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashSet};

use nascent_record::Architecture;

use super::alpha::Alpha;
use crate::Result;
use crate::space::{Relaxed, SearchSpace, SpecExt as _};

/// How many architectures are looked at before the search for one gives up.
const MOST: usize = 20_000;

/// An architecture, and the logarithm of the product of its probabilities.
#[derive(PartialEq)]
struct Ranked {
    strength: f64,
    /// Found so late; of equals the earlier comes first.
    number: usize,
    architecture: Architecture,
}

impl Eq for Ranked {}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.strength.total_cmp(&other.strength).then(other.number.cmp(&self.number))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The strongest architecture that `admits` takes, if there is one: from the one that the rule of the
/// space gives, over those that differ in one choice, always from the strongest that is known.
pub(super) fn strongest(
    space: &dyn SearchSpace,
    relaxed: &dyn Relaxed,
    probabilities: &Alpha,
    mut admits: impl FnMut(&Architecture) -> bool,
) -> Result<Option<Architecture>> {
    let by_edge = probabilities.by_edge();
    let strength = |architecture: &Architecture| {
        let options = std::iter::zip(&by_edge, relaxed.path(architecture));
        // What underflows is still stronger than nothing.
        let logs = options.filter_map(|(edge, option)| Some(edge[option?].max(1e-300).ln()));
        logs.sum::<f64>()
    };
    let first = relaxed.strongest(&by_edge)?;
    let mut seen = HashSet::from([first.clone()]);
    let mut queue =
        BinaryHeap::from([Ranked { strength: f64::INFINITY, number: 0, architecture: first }]);
    while let Some(Ranked { architecture, .. }) = queue.pop() {
        if admits(&architecture) {
            return Ok(Some(architecture));
        }
        if seen.len() > MOST {
            continue;
        }
        for neighbor in space.spec().neighbors(&architecture) {
            if seen.insert(neighbor.clone()) {
                let (strength, number) = (strength(&neighbor), seen.len());
                queue.push(Ranked { strength, number, architecture: neighbor });
            }
        }
    }
    Ok(None)
}
