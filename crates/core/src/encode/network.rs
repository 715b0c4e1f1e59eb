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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::dag::label;
    use nascent_record::Op;

    #[test]
    fn the_features_of_a_known_cell() {
        let space = crate::space::find("nas_bench_201").unwrap();
        let space = space.make(&serde_json::Value::Null, &()).unwrap();
        let cell = |name: &str| {
            space.graph(&space.parse(name).unwrap()).unwrap().cells.remove("cell").unwrap()
        };
        // 0-1 and 1-3 are 3x3, 0-3 is a skip, 1-2 a pooling that leads nowhere.
        let graph =
            cell("|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|none~2|");
        let (conv, [input, output]) =
            (label(&Op::new("nor_conv_3x3")), ["input", "output"].map(|end| hash(end.bytes())));
        let dag = Dag::of(&graph);
        assert_eq!(dag.labels, [input, conv, conv, output]);
        assert_eq!(dag.reads, [vec![], vec![0], vec![1], vec![0, 2]]);
        // The skip is the path without an operation; the other has two convolutions.
        let two = join(&[join(&[input, conv]), conv]);
        assert_eq!(path::paths(&dag), [join(&[input, output]), join(&[two, output])]);
        // The two convolutions differ by what they read, after one round.
        let labels = wl::labels(&dag, 1);
        assert_eq!(labels[1][1..3], [join(&[input, conv]), join(&[conv, conv])]);
        // The same network with the identity elsewhere has the same features.
        let a = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|";
        let b = "|skip_connect~0|+|none~0|none~1|+|none~0|nor_conv_3x3~1|none~2|";
        assert_eq!(features(&cell(a)), features(&cell(b)));
    }
}
