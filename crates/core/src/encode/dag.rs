//! A graph of operations with nothing in it but what changes the result.

use std::collections::BTreeMap;

use nascent_record::{Graph, Op};

/// What an operation is called that does nothing.
const IDENTITIES: [&str; 2] = ["skip_connect", "identity"];
/// What an operation is called that gives zero.
const ZEROS: [&str; 1] = ["none"];

/// A graph, or a cell of one, with every operation on a node of its own. Identities are wires, and
/// what does not lead from an input to the output is gone: two cells that are the same function by
/// these two rules are the same here, whether their operations stand on edges or on nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dag {
    /// A name for each operation as a number: equal where name and settings are.
    pub labels: Vec<u64>,
    /// The operations that each one reads; one that is read twice stands there twice. All are before
    /// it. The first node is the input, the last one the output.
    pub reads: Vec<Vec<usize>>,
}

/// A hash that is the same on every machine: FNV-1a.
pub(super) fn hash(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A hash of hashes, in their order.
pub(super) fn join(parts: &[u64]) -> u64 {
    hash(parts.iter().flat_map(|part| part.to_le_bytes()))
}

/// The name of an operation with its settings, as a number.
pub fn label(op: &Op) -> u64 {
    let mut text = op.name.clone();
    for (name, value) in &op.attributes {
        text.extend([",", name.as_str(), "=", &value.to_string()]);
    }
    hash(text.bytes())
}

impl Dag {
    /// The operations of a graph, without those inside of its cells.
    pub fn of(graph: &Graph) -> Self {
        let mut all = Self { labels: vec![hash("input".bytes())], reads: vec![Vec::new()] };
        // What each node of the graph brings: the operations whose results are joined in it.
        let mut brings: Vec<Vec<usize>> = Vec::with_capacity(graph.nodes.len());
        for (at, node) in graph.nodes.iter().enumerate() {
            let mut sources = if at < graph.inputs { vec![0] } else { Vec::new() };
            for edge in graph.entering(at) {
                let from = brings.get(edge.from).cloned().unwrap_or_default();
                sources.extend(all.through(edge.op.as_ref(), from));
            }
            let sources = all.through(node.op.as_ref(), sources);
            brings.push(sources);
        }
        let last = brings.pop().unwrap_or_default();
        all.labels.push(hash("output".bytes()));
        all.reads.push(last);
        all.pruned()
    }

    /// What comes out of an operation that reads these.
    fn through(&mut self, op: Option<&Op>, reads: Vec<usize>) -> Vec<usize> {
        match op {
            Some(op) if ZEROS.contains(&op.name.as_str()) => Vec::new(),
            Some(op) if !IDENTITIES.contains(&op.name.as_str()) && !reads.is_empty() => {
                self.labels.push(label(op));
                self.reads.push(reads);
                vec![self.labels.len() - 1]
            }
            _ => reads,
        }
    }

    /// The same without what does not lead to the output.
    fn pruned(self) -> Self {
        let last = self.labels.len() - 1;
        let mut used = vec![false; self.labels.len()];
        (used[0], used[last]) = (true, true);
        for at in (0..=last).rev().filter(|&at| at == last || at > 0) {
            if used[at] {
                self.reads[at].iter().for_each(|&read| used[read] = true);
            }
        }
        let mut position = vec![0; self.labels.len()];
        let mut kept = Self { labels: Vec::new(), reads: Vec::new() };
        for at in (0..=last).filter(|&at| used[at]) {
            position[at] = kept.labels.len();
            kept.labels.push(self.labels[at]);
            kept.reads.push(self.reads[at].iter().map(|&read| position[read]).collect());
        }
        kept
    }
}

/// How often each of some hashes occurs, in the order of the hashes.
pub(super) fn counts(hashes: impl IntoIterator<Item = u64>) -> Vec<(u64, u16)> {
    let mut counts: BTreeMap<u64, u16> = BTreeMap::new();
    for hash in hashes {
        let count = counts.entry(hash).or_default();
        *count = count.saturating_add(1);
    }
    counts.into_iter().collect()
}
