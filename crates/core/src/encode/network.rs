//! What a network is made of, as counts: operations, operations with their surroundings, and paths.

use nascent_record::Graph;

use super::dag::{Dag, counts, hash, join};
use super::{path, wl};

/// How far [`wl`] looks.
const ROUNDS: usize = 2;

/// The kinds of features: operations, operations with what they read, paths.
pub const KINDS: usize = 3;

/// Counts of features by their hash, in the order of the hashes, for each kind.
pub type Features = [Vec<(u64, u16)>; KINDS];

/// The features of a network and of all cells inside it.
pub fn features(graph: &Graph) -> Features {
    let mut kinds: [Vec<u64>; KINDS] = Default::default();
    collect(graph, hash("".bytes()), &mut kinds);
    kinds.map(counts)
}

fn collect(graph: &Graph, place: u64, kinds: &mut [Vec<u64>; KINDS]) {
    let dag = Dag::of(graph);
    let labels = wl::labels(&dag, ROUNDS);
    let (operations, around) = labels.split_at(1);
    let paths = path::paths(&dag);
    for (kind, found) in std::iter::zip(kinds.iter_mut(), [operations, around, &[paths]]) {
        kind.extend(found.iter().flatten().map(|&feature| join(&[place, feature])));
    }
    for (name, cell) in &graph.cells {
        collect(cell, join(&[place, hash(name.bytes())]), kinds);
    }
}
