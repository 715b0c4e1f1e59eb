//! What tells two drawings of networks apart, node by node and edge by edge.

use std::collections::BTreeMap;

use nascent_figures::{Drawing, EdgePath, NodeBox, OpFamily};

/// How a part of a drawing stands to the other drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The other one has the same in its place.
    Same,
    /// The other one has something else in its place.
    Changed,
    /// The other one has nothing in its place.
    Only,
}

/// The states of all nodes and edges of a drawing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct States {
    pub(super) nodes: Vec<State>,
    pub(super) edges: Vec<State>,
}

/// Compares two drawings: what each of them says of its own nodes and edges.
///
/// Nodes are aligned in their order, which is one of evaluation, so that as many as possible stand beside
/// the same. An edge is beside an edge between the same two nodes.
pub(crate) fn differences(left: &Drawing, right: &Drawing) -> [States; 2] {
    let only = |drawing: &Drawing| States {
        nodes: vec![State::Only; drawing.nodes.len()],
        edges: vec![State::Only; drawing.edges.len()],
    };
    let mut states = [only(left), only(right)];
    // Where each node of the left one is in the right one.
    let mut beside: Vec<Option<usize>> = vec![None; left.nodes.len()];
    for (a, b) in align(&left.nodes, &right.nodes) {
        let same = left.nodes[a].lines == right.nodes[b].lines;
        let state = if same { State::Same } else { State::Changed };
        (states[0].nodes[a], states[1].nodes[b]) = (state, state);
        beside[a] = Some(b);
    }
    // The edges of the right one between each two nodes that have no partner yet.
    let mut free: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
    for (at, edge) in right.edges.iter().enumerate() {
        free.entry((edge.from, edge.to)).or_default().push(at);
    }
    // Edges of several between two nodes are first beside those with the same operation.
    for state in [State::Same, State::Changed] {
        for (a, edge) in left.edges.iter().enumerate() {
            let place = beside[edge.from].zip(beside[edge.to]);
            let Some(others) = place.and_then(|place| free.get_mut(&place)) else { continue };
            let fits = |b: &usize| state == State::Changed || text(edge) == text(&right.edges[*b]);
            let Some(found) = others.iter().position(fits) else { continue };
            if states[0].edges[a] == State::Only {
                let b = others.remove(found);
                (states[0].edges[a], states[1].edges[b]) = (state, state);
            }
        }
    }
    states
}

fn text(edge: &EdgePath) -> Option<&str> {
    edge.label.as_ref().map(|label| label.text.as_str())
}

/// How well two nodes stand beside each other; not at all where one is an operation and one is not.
fn likeness(a: &NodeBox, b: &NodeBox) -> Option<u32> {
    if a.lines == b.lines {
        return Some(8);
    }
    if (a.family == OpFamily::Tensor) != (b.family == OpFamily::Tensor) {
        return None;
    }
    let first = a.lines.first() == b.lines.first();
    Some(1 + u32::from(a.family == b.family) + 2 * u32::from(first))
}

/// Pairs of nodes in rising order on both sides, with the greatest likeness all together (Needleman and
/// Wunsch, "A General Method Applicable to the Search for Similarities in the Amino Acid Sequence of Two
/// Proteins", 1970).
fn align(left: &[NodeBox], right: &[NodeBox]) -> Vec<(usize, usize)> {
    let width = right.len() + 1;
    // The greatest likeness of the nodes from there on.
    let mut best = vec![0_u32; (left.len() + 1) * width];
    for a in (0..left.len()).rev() {
        for b in (0..right.len()).rev() {
            let skip = best[(a + 1) * width + b].max(best[a * width + b + 1]);
            let pair = likeness(&left[a], &right[b]).map(|own| own + best[(a + 1) * width + b + 1]);
            best[a * width + b] = pair.map_or(skip, |pair| pair.max(skip));
        }
    }
    let (mut a, mut b, mut pairs) = (0, 0, Vec::new());
    while a < left.len() && b < right.len() {
        let here = best[a * width + b];
        let pair = likeness(&left[a], &right[b]).map(|own| own + best[(a + 1) * width + b + 1]);
        if pair == Some(here) {
            pairs.push((a, b));
            (a, b) = (a + 1, b + 1);
        } else if best[(a + 1) * width + b] == here {
            a += 1;
        } else {
            b += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use nascent_figures::draw_graph;
    use nascent_record::{Graph, Op};

    use super::State::{Changed, Only, Same};
    use super::*;
    use crate::testing;

    fn chain(ops: &[&str]) -> Drawing {
        let mut graph = Graph::new("net");
        for op in ops {
            graph.then("", Op::new(op));
        }
        draw_graph(&graph)
    }

    #[test]
    fn the_same_operations_on_other_edges_are_a_change() {
        let cell = testing::cell();
        let mut other = cell.clone();
        // Of the edges 0→1 and 0→2 each has what the other one had.
        let (first, second) = (other.edges[0].op.clone(), other.edges[1].op.clone());
        (other.edges[0].op, other.edges[1].op) = (second, first);
        let [left, right] = differences(&draw_graph(&cell), &draw_graph(&other));
        assert_eq!(left, right);
        assert_eq!(left.nodes, [Same; 4]);
        assert_eq!(left.edges, [Changed, Changed, Same, Same, Same, Same]);
    }

    #[test]
    fn what_is_put_in_between_is_there_only() {
        let [left, right] =
            differences(&chain(&["conv", "relu"]), &chain(&["conv", "norm", "relu"]));
        assert_eq!(left.nodes, [Same; 3]);
        assert_eq!(right.nodes, [Same, Same, Only, Same]);
        assert_eq!(left.edges, [Same, Only]);
        assert_eq!(right.edges, [Same, Only, Only]);
    }

    #[test]
    fn another_operation_in_the_same_place_is_a_change() {
        let [left, right] = differences(&chain(&["conv", "relu"]), &chain(&["max_pool", "relu"]));
        assert_eq!(left.nodes, [Same, Changed, Same]);
        assert_eq!((&left, left.edges.as_slice()), (&right, [Same, Same].as_slice()));
        let none = Drawing { title: String::new(), size: [0.0; 2], nodes: vec![], edges: vec![] };
        assert_eq!(differences(&none, &chain(&["conv"]))[1].nodes, [Only; 2]);
    }
}
