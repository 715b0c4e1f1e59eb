//! What an architecture means as a network: what is drawn, built and counted.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A setting of an operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Attribute {
    /// A whole number, such as a kernel size.
    Int(i64),
    /// A real number, such as a dropout rate.
    Float(f64),
    /// A name, such as that of a cell.
    Text(String),
}

impl From<usize> for Attribute {
    fn from(value: usize) -> Self {
        Self::Int(value as i64)
    }
}
impl From<f64> for Attribute {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}
impl From<&str> for Attribute {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(i) => i.fmt(f),
            Self::Float(x) => x.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// An operation by name, with its settings. The table of operations of the core crate says which
/// there are; a viewer draws one that it has never heard of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Op {
    /// Its name.
    pub name: String,
    /// Its settings.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Attribute>,
}

impl Op {
    /// The operation that stands for a whole cell, see [`Graph::cells`].
    pub const CELL: &'static str = "cell";

    /// An operation without settings.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), attributes: BTreeMap::new() }
    }

    /// The cell with this name.
    pub fn cell(cell: &str) -> Self {
        Self::new(Self::CELL).with("cell", cell)
    }

    /// The same operation with one more setting.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Attribute>) -> Self {
        self.attributes.insert(name.to_owned(), value.into());
        self
    }

    /// A whole-number setting.
    pub fn int(&self, name: &str) -> Option<usize> {
        match self.attributes.get(name) {
            Some(Attribute::Int(i)) => usize::try_from(*i).ok(),
            _ => None,
        }
    }

    /// A real-number setting.
    pub fn float(&self, name: &str) -> Option<f64> {
        match self.attributes.get(name) {
            Some(Attribute::Float(x)) => Some(*x),
            Some(Attribute::Int(i)) => Some(*i as f64),
            _ => None,
        }
    }

    /// A name setting.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.attributes.get(name) {
            Some(Attribute::Text(text)) => Some(text),
            _ => None,
        }
    }
}

/// How a node joins what its edges bring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Combine {
    /// By adding.
    #[default]
    Sum,
    /// By putting the channels side by side.
    Concat,
}

/// A tensor of the network: what its edges bring, joined, then the node's own operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// What a person calls it.
    pub label: String,
    /// How it joins its edges.
    #[serde(default)]
    pub combine: Combine,
    /// The operation on the joined input; none, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<Op>,
}

/// A connection of two nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edge {
    /// The node it leaves.
    pub from: usize,
    /// The node it enters.
    pub to: usize,
    /// The operation on the way; none, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub op: Option<Op>,
    /// In a supernet: which of its coefficients multiplies what the edge brings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coefficient: Option<usize>,
}

/// A network, or a cell of one: an acyclic graph with operations on nodes, on edges, or on both.
///
/// The first [`Graph::inputs`] nodes are the inputs, the last node is the output, and every edge
/// leads from a lower to a higher position, so the order of the nodes is an order of evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    /// What a person calls it.
    pub name: String,
    /// The number of leading nodes that are inputs.
    pub inputs: usize,
    /// The nodes, in an order of evaluation.
    pub nodes: Vec<Node>,
    /// The edges.
    pub edges: Vec<Edge>,
    /// The cells that operations named [`Op::CELL`] refer to, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cells: BTreeMap<String, Self>,
}

impl Graph {
    /// A graph with one input node and nothing else.
    pub fn new(name: &str) -> Self {
        let input = Node { label: "input".to_owned(), combine: Combine::Sum, op: None };
        let (nodes, edges, cells) = (vec![input], Vec::new(), BTreeMap::new());
        Self { name: name.to_owned(), inputs: 1, nodes, edges, cells }
    }

    /// Adds a node with edges from these nodes; returns its position.
    pub fn node(&mut self, label: &str, op: Option<Op>, from: &[usize]) -> usize {
        let to = self.nodes.len();
        self.nodes.push(Node { label: label.to_owned(), combine: Combine::Sum, op });
        self.edges.extend(from.iter().map(|&from| Edge { from, to, op: None, coefficient: None }));
        to
    }

    /// Adds a node behind the last one; returns its position.
    pub fn then(&mut self, label: &str, op: Op) -> usize {
        let last = self.nodes.len().saturating_sub(1);
        self.node(label, Some(op), &[last])
    }

    /// Adds an edge with an operation.
    pub fn edge(&mut self, from: usize, to: usize, op: Op) {
        self.edges.push(Edge { from, to, op: Some(op), coefficient: None });
    }

    /// Adds an edge with an operation whose result is multiplied with a coefficient.
    pub fn mixed_edge(&mut self, from: usize, to: usize, op: Op, coefficient: usize) {
        self.edges.push(Edge { from, to, op: Some(op), coefficient: Some(coefficient) });
    }

    /// The edges that enter a node.
    pub fn entering(&self, node: usize) -> impl Iterator<Item = &Edge> {
        self.edges.iter().filter(move |edge| edge.to == node)
    }

    /// Checks that the graph is what its documentation says.
    ///
    /// # Errors
    /// If an edge leads backward, to an input or to a node that is not there, a node other than an
    /// input has no edge, or an operation names a cell that is not there.
    pub fn check(&self) -> Result<()> {
        let problem = if self.inputs == 0 || self.nodes.len() <= self.inputs {
            Some("it needs at least one input and one node behind it".to_owned())
        } else if let Some(edge) =
            self.edges.iter().find(|e| e.from >= e.to || e.to >= self.nodes.len())
        {
            let (from, to) = (edge.from, edge.to);
            Some(format!("the edge from node {from} to node {to} does not lead forward"))
        } else if let Some(edge) = self.edges.iter().find(|edge| edge.to < self.inputs) {
            Some(format!("an edge enters node {}, which is an input", edge.to))
        } else if let Some(lone) =
            (self.inputs..self.nodes.len()).find(|&node| self.entering(node).next().is_none())
        {
            Some(format!("no edge enters node {lone}"))
        } else {
            let ops = self.nodes.iter().filter_map(|node| node.op.as_ref());
            let ops = ops.chain(self.edges.iter().filter_map(|edge| edge.op.as_ref()));
            ops.filter(|op| op.name == Op::CELL).find_map(|op| {
                let cell = op.text("cell").unwrap_or("?");
                (!self.cells.contains_key(cell)).then(|| format!("there is no cell \"{cell}\""))
            })
        };
        if let Some(problem) = problem {
            return Err(Error::InvalidGraph { graph: self.name.clone(), problem });
        }
        self.cells.values().try_for_each(Self::check)
    }
}

/// What an operation makes and costs, for one example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// The shape of what comes out: channels, rows and columns, or features.
    pub shape: Vec<usize>,
    /// The numbers that are trained.
    pub params: u64,
    /// Multiply-accumulate operations.
    pub flops: u64,
}

/// What the parts of a graph make and cost on certain data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measures {
    /// Each node with its own operation, by position; `None` for inputs.
    pub nodes: Vec<Option<Measured>>,
    /// The operation of each edge, by position.
    pub edges: Vec<Option<Measured>>,
    /// The cells by name, each in the place where it is first used.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cells: BTreeMap<String, Self>,
}

/// A graph with its measures, if these are known: what `nascent draw --json` writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeasuredGraph {
    /// The graph; its fields stand beside the measures.
    #[serde(flatten)]
    pub graph: Graph,
    /// What its parts make and cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measures: Option<Measures>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_graph_says_what_is_wrong_with_it() {
        let mut graph = Graph::new("net");
        assert!(graph.check().is_err());
        graph.then("conv", Op::new("conv").with("kernel", 3_usize));
        graph.check().unwrap();
        graph.then("cell 1", Op::cell("normal"));
        let message = graph.check().unwrap_err().to_string();
        assert_eq!(message, "invalid graph \"net\": there is no cell \"normal\"");
        graph.inputs = 2;
        let message = graph.check().unwrap_err().to_string();
        assert!(message.ends_with("an edge enters node 1, which is an input"), "{message}");
        graph.edge(2, 1, Op::new("relu"));
        assert!(graph.check().unwrap_err().to_string().contains("does not lead forward"));
    }
}
