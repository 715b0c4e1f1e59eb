//! The path encoding: which sequences of operations lead from the input of a cell to its output.
//!
//! # References
//! White, Neiswanger and Savani, "BANANAS: Bayesian Optimization with Neural Architectures for
//! Neural Architecture Search", AAAI 2021, <https://arxiv.org/abs/1910.11858>, section 3.

use super::dag::{Dag, join};

/// A cell with more paths than this is known by so many of them.
const MOST: usize = 256;

/// A number for each path from the input to the output, equal where the operations are; one that is
/// there twice stands there twice.
pub fn paths(dag: &Dag) -> Vec<u64> {
    let mut to: Vec<Vec<u64>> = Vec::with_capacity(dag.labels.len());
    for (at, (&label, reads)) in std::iter::zip(&dag.labels, &dag.reads).enumerate() {
        let before = reads.iter().flat_map(|&read| to[read].iter());
        let here: Vec<u64> = before.take(MOST).map(|&path| join(&[path, label])).collect();
        to.push(if at == 0 { vec![label] } else { here });
    }
    to.pop().unwrap_or_default()
}
