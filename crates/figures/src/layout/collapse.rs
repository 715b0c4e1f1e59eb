//! Runs of identical nodes become one, so that a network of many cells can be read.

use std::ops::Range;

use nascent_record::{Edge, Graph, Op};

/// A node, or a run of identical nodes.
pub(super) struct Unit {
    /// The nodes of the graph.
    pub(super) nodes: Range<usize>,
}

/// An edge between units.
pub(super) struct Link<'g> {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) op: Option<&'g Op>,
    /// The edge of the graph, or the first of those that it stands for.
    pub(super) edge: usize,
}

/// The units of a graph in order, and the edges between them.
pub(super) fn collapse(graph: &Graph) -> (Vec<Unit>, Vec<Link<'_>>) {
    let count = graph.nodes.len();
    let forward = |(_, edge): &(usize, &Edge)| edge.from < edge.to && edge.to < count;
    let edges: Vec<(usize, &Edge)> = graph.edges.iter().enumerate().filter(forward).collect();
    let mut entering: Vec<Vec<&Edge>> = vec![Vec::new(); count];
    let mut reach: Vec<usize> = (0..count).collect(); // the last node that a node's edges lead to
    for (_, edge) in &edges {
        entering[edge.to].push(edge);
        reach[edge.from] = reach[edge.from].max(edge.to);
    }
    let mut units: Vec<Unit> = Vec::new();
    let mut unit_of = vec![0; count];
    let mut start = 0;
    while start < count {
        let mut end = start + 1;
        while end < count && alike(graph, &entering, start, end) {
            end += 1;
        }
        // A node inside of a run may lead no farther than to where the run's pattern leads.
        let back = entering[start].iter().map(|edge| start - edge.from).max();
        let hides = |node: usize| reach[node] > node + back.unwrap_or(1);
        if let Some(node) = (start..end - 1).find(|&node| hides(node)) {
            end = node + 1;
        }
        unit_of[start..end].fill(units.len());
        units.push(Unit { nodes: start..end });
        start = end;
    }
    let mut links: Vec<Link<'_>> = Vec::new();
    for (at, edge) in edges {
        let (from, to, op) = (unit_of[edge.from], unit_of[edge.to], edge.op.as_ref());
        let known = |link: &Link<'_>| {
            // Between single nodes, parallel edges with one operation are two edges.
            let merged = units[from].nodes.len() > 1 || units[to].nodes.len() > 1 || op.is_none();
            merged && link.from == from && link.to == to && link.op == op
        };
        if from != to && !links.iter().any(known) {
            links.push(Link { from, to, op, edge: at });
        }
    }
    (units, links)
}

/// Whether node `at` does the same as node `start`, with edges from as far behind it.
fn alike(graph: &Graph, entering: &[Vec<&Edge>], start: usize, at: usize) -> bool {
    let (first, node) = (&graph.nodes[start], &graph.nodes[at]);
    let into = |node: usize| entering[node].iter().map(move |e| (node - e.from, e.op.as_ref()));
    start >= graph.inputs
        && first.op.is_some()
        && first.op == node.op
        && first.combine == node.combine
        && entering[at].iter().any(|edge| edge.from >= start)
        && entering[start].len() == entering[at].len()
        && into(at).all(|edge| into(start).any(|other| other == edge))
}
