//! The features of Weisfeiler and Lehman: operations, then operations with what they read, then with
//! what those read, and so on.
//!
//! # References
//! Shervashidze et al., "Weisfeiler-Lehman Graph Kernels", JMLR 12, 2011; Ru, Wan, Dong and Osborne,
//! "Interpretable Neural Architecture Search via Bayesian Optimisation with Weisfeiler-Lehman
//! Kernels", ICLR 2021, <https://arxiv.org/abs/2006.07556>.

use super::dag::{Dag, join};

/// The labels of all nodes after 0, 1, … `rounds` rounds: in each round, a node's label becomes that
/// of itself and of all that it reads, whatever their order.
pub fn labels(dag: &Dag, rounds: usize) -> Vec<Vec<u64>> {
    let mut all = vec![dag.labels.clone()];
    for round in 0..rounds {
        let before = &all[round];
        let next = dag.reads.iter().zip(before).map(|(reads, own)| {
            let mut parts: Vec<u64> = reads.iter().map(|&read| before[read]).collect();
            parts.sort_unstable();
            parts.push(*own);
            join(&parts)
        });
        let next = next.collect();
        all.push(next);
    }
    all
}
