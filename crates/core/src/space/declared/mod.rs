//! A space that is declared as data: choices, cells with operations on their edges, and a network that
//! is built of them.
//!
//! The declaration is the setting of the space, so it stands in the manifest of a run, and whoever
//! reads the run knows the space: `space!` of the notebooks makes one, and so does a JSON file. It is
//! made of few blocks that fit together:
//!
//! - a **choice** has a name and a domain (options, whole numbers or real numbers, on a logarithmic
//!   scale if it says so) and may depend on another one; it may be made once, or once for each
//!   repetition of something, such as a width for each layer;
//! - a **cell** has nodes that add up, or put side by side, what their edges bring; an edge with several
//!   operations is a choice among them;
//! - the **network** is a list of layers, each an operation or a cell; parts of it repeat, as often as a
//!   number or a choice says, or stand in stages, of which each halves the image and doubles the
//!   channels;
//! - a **setting** of an operation is a constant or the name of a choice, possibly times a number. A
//!   layer that names a choice which does not apply is left out.
//!
//! Where all that is to be chosen is operations on edges that are added up, the space can be searched
//! by a supernet.
//!
//! ```
//! use nascent::space::SearchSpace;
//! use nascent::space::declared::{Declaration, Declared};
//!
//! let declaration: Declaration = serde_json::from_str(r#"{
//!     "choices": [
//!         { "name": "width", "domain": { "categorical": { "options": ["4", "8"] } } },
//!         { "name": "depth", "domain": { "integer": { "low": 1, "high": 3 } } },
//!         { "name": "kernel", "per": "depth", "domain": { "categorical": { "options": ["3", "5"] } } },
//!         { "name": "dropout", "domain": { "categorical": { "options": ["off", "on"] } } },
//!         { "name": "rate", "domain": { "float": { "low": 0.05, "high": 0.5 } },
//!           "when": { "one_of": { "choice": "dropout", "options": ["on"] } } }
//!     ],
//!     "cells": [{ "name": "block", "input": "x", "nodes": [
//!         { "name": "a", "edges": [{ "from": "x", "ops": ["nor_conv_1x1", "nor_conv_3x3"] }] },
//!         { "name": "y", "join": "sum", "edges": [
//!             { "from": "x" },
//!             { "from": "a", "ops": ["skip_connect", { "op": "conv", "with": { "kernel": 5 } }] }
//!         ] }
//!     ] }],
//!     "network": [
//!         { "stages": { "count": 2, "channels": { "choice": "width" }, "parts": [
//!             { "layer": { "op": "block" } }
//!         ] } },
//!         { "repeat": { "times": { "choice": "depth" }, "parts": [
//!             { "layer": { "op": "conv", "with": {
//!                 "channels": { "choice": "width", "times": 4 }, "kernel": { "choice": "kernel" } } } }
//!         ] } },
//!         { "layer": { "op": "global_avg_pool" } },
//!         { "layer": { "op": "dropout", "with": { "rate": { "choice": "rate" } } } },
//!         { "layer": { "op": "classifier" } }
//!     ]
//! }"#)?;
//! let space = Declared::new(declaration)?;
//! let name = "width=4,depth=2,kernel_1=3,kernel_2=5,dropout=off,block.x-a=nor_conv_1x1,\
//!             block.a-y=skip_connect";
//! let network = space.graph(&space.parse(name)?)?;
//! assert_eq!(network.cells["block"].edges.len(), 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A cell has one input and is the same wherever it stands. The network is a chain; what goes around a
//! part of it goes around inside of a cell.

mod check;
mod choices;
mod declaration;
mod network;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use nascent_record::{Architecture, Combine, Condition, Domain, Graph, Spec, Value};

use self::check::Checked;
use self::network::Reader;
use super::relaxed::{MixedEdge, Relaxed, Supernet, largest};
use super::{SearchSpace, SpaceEntry};
use crate::Result;
use crate::config::{invalid, parse};

pub use declaration::{
    Cell, CellEdge, CellNode, Chosen, Declaration, FreeChoice, Layer, Operation, Part, Repeat,
    Setting, Stages,
};

/// The row of the table.
pub static ENTRY: SpaceEntry = SpaceEntry {
    name: NAME,
    summary: "What a JSON file (`file=FILE`) or `space!` in a notebook declares: choices, cells, a network.",
    reference: "",
    defaults: || example().settings(),
    build: |config, ()| Ok(Box::new(Declared::new(parse(NAME, config)?)?)),
};

const NAME: &str = "declared";

/// An error that names the place in the declaration.
fn problem(place: &str, problem: impl AsRef<str>) -> crate::Error {
    invalid(NAME, format!("{place}: {}", problem.as_ref()))
}

/// Where a free choice is among those of the spec.
enum Place {
    One(usize),
    /// One for each of so many repetitions, from this one on.
    Each {
        per: String,
        first: usize,
        count: i64,
    },
}

/// An edge with several operations: the positions in the declaration.
struct EdgeChoice {
    cell: usize,
    node: usize,
    edge: usize,
}

/// The space, see the [module](self).
pub struct Declared {
    declaration: Declaration,
    spec: Spec,
    places: HashMap<String, Place>,
    edges: Vec<EdgeChoice>,
    is_relaxed: bool,
}

impl Declared {
    /// The space that is declared.
    ///
    /// # Errors
    /// If the declaration is not what it has to be: the error names the place and the way out.
    pub fn new(mut declaration: Declaration) -> Result<Self> {
        if declaration.network.is_empty() {
            declaration.network = skeleton(&declaration.cells)?;
        }
        let Checked { spec, places, edges, is_relaxed } = check::check(&declaration)?;
        Ok(Self { declaration, spec, places, edges, is_relaxed })
    }

    /// What is declared, with the network written out.
    pub fn declaration(&self) -> &Declaration {
        &self.declaration
    }

    /// The operations of the choice on an edge.
    fn ops(&self, edge: usize) -> &[Operation] {
        let EdgeChoice { cell, node, edge } = self.edges[edge];
        &self.declaration.cells[cell].nodes[node].edges[edge].ops
    }

    /// The position in the spec of the first choice on an edge.
    fn first_edge(&self) -> usize {
        self.spec.len() - self.edges.len()
    }
}

/// The network of a cell if none is declared.
fn skeleton(cells: &[Cell]) -> Result<Vec<Part>> {
    let [cell] = cells else {
        let problem = "network: it has no layer; declare one that ends in a head (images) or a \
                       classifier (features); with a single cell it can be left out";
        return Err(invalid(NAME, problem));
    };
    let parts = vec![Part::Layer(Layer::new(&cell.name))];
    let stages = Stages { count: 3.into(), channels: 8.into(), parts };
    Ok(vec![Part::Stages(stages), Part::Layer(Layer::new("head"))])
}

/// What is declared if nothing is said: a small cell, as often and as wide as is chosen.
fn example() -> Declaration {
    let edge = |from: &str, ops: &[&str]| CellEdge {
        from: from.to_owned(),
        ops: ops.iter().map(|op| Operation::new(op)).collect(),
    };
    let node = |name: &str, edges| CellNode { name: name.to_owned(), join: Combine::Sum, edges };
    let cell = Cell {
        name: "block".to_owned(),
        input: "x".to_owned(),
        nodes: vec![
            node("a", vec![edge("x", &["skip_connect", "nor_conv_1x1", "nor_conv_3x3"])]),
            node(
                "y",
                vec![
                    edge("x", &["none", "skip_connect"]),
                    edge("a", &["nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]),
                ],
            ),
        ],
        when: None,
    };
    let depth = Domain::Integer { low: 1, high: 3, step: 1, log: false };
    let width = Domain::Integer { low: 4, high: 16, step: 4, log: false };
    let repeat =
        Repeat { times: Setting::choice("depth"), parts: vec![Part::Layer(Layer::new("block"))] };
    let stages = Stages {
        count: 2.into(),
        channels: Setting::choice("width"),
        parts: vec![Part::Repeat(repeat)],
    };
    Declaration {
        choices: vec![FreeChoice::new("width", width), FreeChoice::new("depth", depth)],
        cells: vec![cell],
        network: vec![Part::Stages(stages), Part::Layer(Layer::new("head"))],
    }
}

impl SearchSpace for Declared {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn graph(&self, architecture: &Architecture) -> Result<Graph> {
        self.spec.check(architecture)?;
        let first = self.first_edge();
        Ok(Reader::new(self, Some(architecture)).graph(&|reader, edge| {
            let option = architecture.int(first + edge).unwrap_or_default();
            vec![(reader.option(edge, option as usize), None)]
        }))
    }

    fn relaxed(&self) -> Option<&dyn Relaxed> {
        self.is_relaxed.then_some(self)
    }
}

impl Relaxed for Declared {
    fn supernet(&self) -> Supernet {
        let mut edges: Vec<MixedEdge> = Vec::with_capacity(self.edges.len());
        for choice in &self.spec.choices()[self.first_edge()..] {
            if let Domain::Categorical { options } = &choice.domain {
                let first = edges.last().map_or(0, |edge| edge.coefficients().end);
                let (name, options) = (choice.name.clone(), options.clone());
                edges.push(MixedEdge { name, options, first });
            }
        }
        let graph = Reader::new(self, None).graph(&|reader, edge| {
            let coefficients = edges[edge].coefficients().enumerate();
            coefficients.map(|(option, at)| (reader.option(edge, option), Some(at))).collect()
        });
        Supernet { graph, edges, passes: Vec::new() }
    }

    fn path(&self, architecture: &Architecture) -> Vec<Option<usize>> {
        let choices = self.first_edge()..self.spec.len();
        choices.map(|at| usize::try_from(architecture.int(at)?).ok()).collect()
    }

    fn strongest(&self, strengths: &[Vec<f64>]) -> Result<Architecture> {
        let options = |at: usize| strengths.get(at).map_or(&[][..], |options| options);
        Ok(self.spec.build(|at, _| Value::Int(largest(options(at)) as i64))?)
    }
}

/// Where a categorical choice is one of these options.
pub fn one_of(choice: &str, options: &[&str]) -> Condition {
    let options = options.iter().map(|option| (*option).to_owned()).collect();
    Condition::OneOf { choice: choice.to_owned(), options }
}

/// Where an integer choice has at least this value.
pub fn at_least(choice: &str, value: i64) -> Condition {
    Condition::AtLeast { choice: choice.to_owned(), value }
}
