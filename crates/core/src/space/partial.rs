//! Supernets whose operations work on a part of the channels.

use std::ops::Range;

use nascent_record::{Combine, Graph, Node, Op};

use super::relaxed::Supernet;

impl Supernet {
    /// The supernet whose operations work on one of so many equal parts of the channels, while the
    /// rest passes by (Xu et al. 2020, section 3.2): `None` if it mixes outside of cells, or where
    /// something that is fixed is added.
    ///
    /// What a node adds up is the operations of its edges on the first part, and behind it the rest,
    /// which a pooling halves where the operations do; then the channels are shuffled. What passes by
    /// an edge is multiplied with a coefficient, see [`Supernet::passes`].
    pub fn partial(&self, parts: usize) -> Option<Self> {
        let mut graph = self.graph.clone();
        // In the order of their coefficients, which is that of the edges.
        let mut cells: Vec<(usize, &mut Graph)> = graph
            .cells
            .values_mut()
            .filter_map(|cell| Some((cell.edges.iter().filter_map(|e| e.coefficient).min()?, cell)))
            .collect();
        cells.sort_by_key(|(first, _)| *first);
        if cells.iter().any(|(_, cell)| adds_fixed(cell)) {
            return None;
        }
        let mut passes: Vec<Range<usize>> = Vec::new();
        let mut next = self.coefficients();
        for (_, cell) in cells {
            let (partial, counts) = divided(cell, parts, next);
            *cell = partial;
            for count in counts {
                passes.push(next..next + count);
                next += count;
            }
        }
        let count = next - self.coefficients();
        (count == self.edges.len()).then(|| Self { graph, passes, ..self.clone() })
    }
}

/// Whether a node of a cell adds edges with coefficients and others.
fn adds_fixed(cell: &Graph) -> bool {
    (0..cell.nodes.len()).any(|node| {
        let has = |mixed: bool| cell.entering(node).any(|e| e.coefficient.is_some() == mixed);
        has(true) && has(false)
    })
}

/// A cell whose operations with coefficients work on a part of the channels; what passes by is
/// multiplied with coefficients from `pass` on. Returns with it how many edges enter each node that
/// mixes.
fn divided(cell: &Graph, parts: usize, mut pass: usize) -> (Graph, Vec<usize>) {
    let mut graph = Graph { nodes: Vec::new(), edges: Vec::new(), ..cell.clone() };
    let mut counts = Vec::new();
    // Where each node is now, and its first part and its rest, where these are asked for.
    let mut places: Vec<usize> = Vec::new();
    let mut divisions: Vec<Option<[usize; 2]>> = vec![None; cell.nodes.len()];
    for (node, this) in cell.nodes.iter().enumerate() {
        let (mixed, plain): (Vec<_>, Vec<_>) =
            cell.entering(node).partition(|edge| edge.coefficient.is_some());
        if mixed.is_empty() {
            graph.nodes.push(this.clone());
            let place = graph.nodes.len() - 1;
            graph.edges.extend(plain.into_iter().cloned().map(|mut edge| {
                (edge.from, edge.to) = (places[edge.from], place);
                edge
            }));
            places.push(place);
            continue;
        }
        // Of several edges from one node to another the operations, in order.
        let by_source: Vec<_> = mixed.chunk_by(|a, b| a.from == b.from).collect();
        for edges in &by_source {
            let from = edges[0].from;
            if divisions[from].is_none() {
                let label = &cell.nodes[from].label;
                let part = |from: usize, to: usize| {
                    Op::new("channel_parts").with("from", from).with("to", to).with("of", parts)
                };
                let first = graph.node(&format!("part of {label}"), Some(part(0, 1)), &[]);
                let rest = graph.node(&format!("rest of {label}"), Some(part(1, parts)), &[]);
                for part in [first, rest] {
                    connect(&mut graph, places[from], part, None, None);
                }
                divisions[from] = Some([first, rest]);
            }
        }
        let label = &this.label;
        let [operated, passed] =
            ["mixed", "passed"].map(|what| graph.node(&format!("{what} {label}"), None, &[]));
        for edges in &by_source {
            let [first, rest] = divisions[edges[0].from].unwrap_or_default();
            for edge in *edges {
                connect(&mut graph, first, operated, edge.op.clone(), edge.coefficient);
            }
            let mut strides = edges.iter().filter_map(|edge| edge.op.as_ref()?.int("stride"));
            let pool = |stride| Op::new("max_pool").with("kernel", 2_usize).with("stride", stride);
            connect(&mut graph, rest, passed, strides.next().map(pool), Some(pass));
            pass += 1;
        }
        counts.push(by_source.len());
        let shuffle = Op::new("channel_shuffle").with("groups", parts);
        let op = Some(shuffle);
        graph.nodes.push(Node { label: label.clone(), combine: Combine::Concat, op });
        let place = graph.nodes.len() - 1;
        for from in [operated, passed] {
            connect(&mut graph, from, place, None, None);
        }
        places.push(place);
    }
    (graph, counts)
}

fn connect(graph: &mut Graph, from: usize, to: usize, op: Option<Op>, coefficient: Option<usize>) {
    graph.edges.push(nascent_record::Edge { from, to, op, coefficient });
}

#[cfg(test)]
mod tests {
    use crate::space::{Relaxed as _, darts, nas_bench_201, proxyless};

    #[test]
    fn each_edge_has_a_coefficient_of_what_passes_by() {
        let space = nas_bench_201::NasBench201::new(nas_bench_201::Config::default()).unwrap();
        let supernet = space.supernet().partial(4).unwrap();
        assert_eq!(supernet.passes, [30..31, 31..33, 33..36]);
        assert_eq!(supernet.coefficients(), 36);
        supernet.graph.check().unwrap();
        let space = darts::Darts::new(darts::Config::default()).unwrap();
        let supernet = space.supernet().partial(2).unwrap();
        let counts: Vec<usize> = supernet.passes.iter().map(ExactSizeIterator::len).collect();
        assert_eq!(counts, [2, 3, 4, 5, 2, 3, 4, 5]);
        supernet.graph.check().unwrap();
    }

    #[test]
    fn what_an_architecture_does_not_have_does_not_pass_by() {
        let space = nas_bench_201::NasBench201::new(nas_bench_201::Config::default()).unwrap();
        let supernet = space.supernet().partial(4).unwrap();
        let path = [Some(0), Some(1), Some(3), None, Some(0), Some(2)];
        let passes = &supernet.one_hot(&path)[30..];
        assert_eq!(passes, [0.0, 1.0, 1.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn operations_that_change_the_channels_have_no_parts() {
        let space = proxyless::Proxyless::new(proxyless::Config::default()).unwrap();
        assert!(space.supernet().partial(2).is_none());
    }
}
