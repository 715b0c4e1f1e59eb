//! All networks of a space in one, for searches that share weights between them.

use std::ops::Range;

use nascent_record::{Architecture, Graph};

use crate::Result;

/// The operation that is none.
pub(super) const NONE: &str = "none";

/// A place in a cell where operations mix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MixedEdge {
    /// What a person calls it, such as `edge_0_1`.
    pub name: String,
    /// The operations.
    pub options: Vec<String>,
    /// The coefficient of the first operation; those of the others follow.
    pub first: usize,
}

impl MixedEdge {
    /// The coefficients of its operations.
    pub fn coefficients(&self) -> Range<usize> {
        self.first..self.first + self.options.len()
    }
}

/// A network that has every operation of a space in every place where it can be chosen. What an
/// operation computes is multiplied with a coefficient, which all cells of a kind share; with 1 for
/// one operation of each edge that an architecture has, and 0 for the others, it is the network of
/// that architecture.
#[derive(Clone, Debug, PartialEq)]
pub struct Supernet {
    /// The network: each operation is an edge with a coefficient.
    pub graph: Graph,
    /// Where operations mix.
    pub edges: Vec<MixedEdge>,
    /// Where operations work on a part of the channels: for each node the coefficients of the rest,
    /// which passes by, one for each of its edges, in the order of the edges.
    pub passes: Vec<Range<usize>>,
}

impl Supernet {
    /// How many coefficients multiply operations.
    pub fn operations(&self) -> usize {
        self.edges.iter().map(|edge| edge.coefficients().end).max().unwrap_or(0)
    }

    /// How many coefficients there are.
    pub fn coefficients(&self) -> usize {
        let of_passes = self.passes.iter().map(|range| range.end);
        of_passes.max().unwrap_or(0).max(self.operations())
    }

    /// For each coefficient of an operation whether that is none.
    pub fn are_none(&self) -> Vec<bool> {
        self.edges.iter().flat_map(|edge| edge.options.iter().map(|op| op == NONE)).collect()
    }

    /// The coefficients with which it is the network of an architecture that takes these options.
    pub fn one_hot(&self, path: &[Option<usize>]) -> Vec<f32> {
        let mut coefficients = vec![0.0; self.coefficients()];
        for (edge, option) in std::iter::zip(&self.edges, path) {
            if let Some(option) = option {
                coefficients[edge.first + option] = 1.0;
            }
        }
        let is_there = |(edge, option): (&MixedEdge, &Option<usize>)| {
            option.is_some_and(|option| edge.options[option] != NONE)
        };
        let edges = std::iter::zip(&self.edges, path).map(is_there);
        for (pass, is_there) in std::iter::zip(self.passes.iter().cloned().flatten(), edges) {
            coefficients[pass] = f32::from(u8::from(is_there));
        }
        coefficients
    }
}

/// A space whose choices are operations on the edges of cells, so that they can be mixed.
pub trait Relaxed {
    /// All its networks in one.
    fn supernet(&self) -> Supernet;

    /// For each edge of the supernet the option that an architecture takes; none where it has no such
    /// edge.
    fn path(&self, architecture: &Architecture) -> Vec<Option<usize>>;

    /// The choices, of which there are so many, in groups that do not depend on each other: what an
    /// edge takes is decided by the choices of one group.
    fn groups(&self, choices: usize) -> Vec<Range<usize>> {
        (0..choices).map(|at| at..at + 1).collect()
    }

    /// The architecture of the strongest operations, by the rule of the space: for each edge how
    /// strong each option is.
    ///
    /// # Errors
    /// If there is not one number for each option.
    fn strongest(&self, strengths: &[Vec<f64>]) -> Result<Architecture>;
}

/// The position of the largest number; of equals the first. 0 of none.
pub(super) fn largest(numbers: &[f64]) -> usize {
    let mut best = 0;
    for (at, number) in numbers.iter().enumerate() {
        if number.total_cmp(&numbers[best]).is_gt() {
            best = at;
        }
    }
    best
}
