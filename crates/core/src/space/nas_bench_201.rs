//! NAS-Bench-201: one cell of four nodes, one of five operations on each of its six edges.
//!
//! The cell is repeated `cells` times in each of three stages; between stages a residual block
//! halves the image and doubles the channels. The benchmark's own setting is `channels = 16`,
//! `cells = 5`; the default here is a network that two cores train in seconds.
//!
//! 15,625 architectures. Their official names, such as
//! `|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|`,
//! are read and written.
//!
//! # References
//! Dong and Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search",
//! ICLR 2020, <https://arxiv.org/abs/2001.00326>.

use std::collections::HashMap;
use std::sync::OnceLock;

use nascent_record::{Architecture, Choice, Combine, Graph, Node, Op, Spec, Value};
use serde::{Deserialize, Serialize};

use super::relaxed::{MixedEdge, Relaxed, Supernet, largest};
use super::{SearchSpace, SpaceEntry, SpecExt as _};
use crate::config::{defaults, invalid, parse};
use crate::{Error, Result};

/// The row of the table.
pub static ENTRY: SpaceEntry = SpaceEntry {
    name: NAME,
    summary: "A cell of six edges with five operations each, repeated in a fixed skeleton.",
    reference: "Dong and Yang 2020, https://arxiv.org/abs/2001.00326",
    defaults: defaults::<Config>,
    build: |config, ()| Ok(Box::new(NasBench201::new(parse(NAME, config)?)?)),
};

const NAME: &str = "nas_bench_201";

/// The operations, in the official order.
const OPS: [&str; 5] = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"];
const NONE: i64 = 0;
const SKIP: i64 = 1;

/// The edges (from, to), in the official order.
const EDGES: [(usize, usize); 6] = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)];

/// The skeleton around the cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Channels of the first stage, 1 to 4096; 16 in the benchmark.
    pub channels: usize,
    /// Cells in each of the three stages, 1 to 100; 5 in the benchmark.
    pub cells: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { channels: 8, cells: 1 }
    }
}

/// The space, see the [module](self).
pub struct NasBench201 {
    config: Config,
    spec: Spec,
}

impl NasBench201 {
    /// The space with this skeleton.
    ///
    /// # Errors
    /// If a number is out of its range.
    pub fn new(config: Config) -> Result<Self> {
        if !(1..=4096).contains(&config.channels) || !(1..=100).contains(&config.cells) {
            return Err(invalid(NAME, "channels must be 1 to 4096, and cells 1 to 100"));
        }
        let edge = |(from, to)| Choice::categorical(format!("edge_{from}_{to}"), OPS);
        Ok(Self { config, spec: Spec::new(EDGES.map(edge).into())? })
    }

    /// A cell without edges.
    fn cell() -> Graph {
        let mut cell = Graph::new("cell");
        for label in ["1", "2", "output"] {
            let label = label.to_owned();
            cell.nodes.push(Node { label, combine: Combine::Sum, op: None });
        }
        cell
    }

    /// The network of this cell.
    fn network(&self, cell: Graph) -> Graph {
        let mut graph = Graph::new(NAME);
        graph.cells.insert("cell".to_owned(), cell);
        let Config { channels, cells } = self.config;
        graph.then("stem", Op::new("stem").with("channels", channels));
        for stage in 0..3 {
            if stage > 0 {
                let wider = channels << stage;
                let op = Op::new("residual_reduction").with("channels", wider);
                graph.then("residual reduction", op);
            }
            for number in 0..cells {
                graph.then(&format!("cell {}", stage * cells + number + 1), Op::cell("cell"));
            }
        }
        graph.then("head", Op::new("head"));
        graph
    }

    /// The architecture with this official name.
    fn parse_official(&self, text: &str) -> Result<Architecture> {
        let invalid = |problem: String| {
            Error::Record(nascent_record::Error::InvalidArchitecture {
                architecture: text.to_owned(),
                problem,
            })
        };
        let mut ops = Vec::with_capacity(EDGES.len());
        let nodes: Vec<&str> = text.split('+').collect();
        for (node, group) in nodes.iter().enumerate() {
            let edges: Vec<&str> = group.trim_matches('|').split('|').collect();
            for (source, edge) in edges.iter().enumerate() {
                let Some((op, from)) = edge.split_once('~') else {
                    return Err(invalid(format!("\"{edge}\" is not of the form op~node")));
                };
                if from != source.to_string() {
                    return Err(invalid(format!("\"{edge}\" should come from node {source}")));
                }
                let Some(position) = OPS.iter().position(|known| *known == op) else {
                    let hint = nascent_record::suggestion(op, OPS);
                    return Err(invalid(format!("there is no operation \"{op}\"; {hint}")));
                };
                ops.push(position as i64);
            }
            if edges.len() != node + 1 {
                return Err(invalid(format!("node {} needs {} edges", node + 1, node + 1)));
            }
        }
        if nodes.len() != 3 {
            return Err(invalid("it needs three nodes, joined by `+`".to_owned()));
        }
        Ok(self.spec.build(|at, _| Value::Int(ops[at]))?)
    }
}

/// The cell as an expression in its input, with `skip_connect` as identity and `none` as zero: two
/// cells are the same function if their expressions are equal. An operation on zero is zero.
fn expression(ops: &[i64; 6]) -> String {
    // Each node as the terms of a sum, in order; zero has no terms.
    let mut nodes: [Vec<String>; 4] = [vec!["x".to_owned()], vec![], vec![], vec![]];
    for ((from, to), op) in std::iter::zip(EDGES, ops) {
        let terms = match *op {
            NONE => Vec::new(),
            SKIP => nodes[from].clone(),
            _ if nodes[from].is_empty() => Vec::new(),
            op => vec![format!("{op}({})", nodes[from].join("+"))],
        };
        nodes[to].extend(terms);
        nodes[to].sort();
    }
    nodes[3].join("+")
}

fn ops(architecture: &Architecture) -> Option<[i64; 6]> {
    let mut ops = [0; 6];
    for (at, op) in ops.iter_mut().enumerate() {
        *op = architecture.int(at)?;
    }
    Some(ops)
}

/// Every architecture in the order of the grid, with the position of the first of its class of equal
/// functions.
fn classes(spec: &Spec) -> &'static [(Architecture, usize)] {
    static CLASSES: OnceLock<Vec<(Architecture, usize)>> = OnceLock::new();
    CLASSES.get_or_init(|| {
        let mut first = HashMap::new();
        let numbered = spec.grid(2).enumerate();
        numbered
            .map(|(at, architecture)| {
                let class = expression(&ops(&architecture).unwrap_or_default());
                (architecture, *first.entry(class).or_insert(at))
            })
            .collect()
    })
}

impl Relaxed for NasBench201 {
    fn supernet(&self) -> Supernet {
        let mut cell = Self::cell();
        let mut edges = Vec::new();
        for (from, to) in EDGES {
            let (name, first) = (format!("edge_{from}_{to}"), edges.len() * OPS.len());
            for (at, op) in OPS.iter().enumerate() {
                cell.mixed_edge(from, to, Op::new(op), first + at);
            }
            edges.push(MixedEdge { name, options: OPS.map(str::to_owned).into(), first });
        }
        Supernet { graph: self.network(cell), edges, passes: Vec::new() }
    }

    fn path(&self, architecture: &Architecture) -> Vec<Option<usize>> {
        let ops = ops(architecture).unwrap_or_default();
        ops.iter().map(|op| Some(*op as usize)).collect()
    }

    fn strongest(&self, strengths: &[Vec<f64>]) -> Result<Architecture> {
        let options = |at: usize| strengths.get(at).map_or(&[][..], |options| options);
        Ok(self.spec.build(|at, _| Value::Int(largest(options(at)) as i64))?)
    }
}

impl SearchSpace for NasBench201 {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn graph(&self, architecture: &Architecture) -> Result<Graph> {
        self.spec.check(architecture)?;
        let mut cell = Self::cell();
        for ((from, to), op) in std::iter::zip(EDGES, ops(architecture).unwrap_or_default()) {
            cell.edge(from, to, Op::new(OPS[op as usize]));
        }
        Ok(self.network(cell))
    }

    fn relaxed(&self) -> Option<&dyn Relaxed> {
        Some(self)
    }

    fn canonical(&self, architecture: &Architecture) -> Architecture {
        let position = |ops: [i64; 6]| ops.iter().fold(0, |at, op| at * OPS.len() + *op as usize);
        let classes = classes(&self.spec);
        let class = ops(architecture).and_then(|ops| classes.get(position(ops)));
        class.map_or(architecture, |(_, first)| &classes[*first].0).clone()
    }

    fn official_name(&self, architecture: &Architecture) -> Option<String> {
        let ops = ops(architecture)?.map(|op| OPS[op as usize]);
        let node = |to: usize| {
            let edges = std::iter::zip(EDGES, ops).filter(|((_, target), _)| *target == to);
            edges.fold("|".to_owned(), |text, ((from, _), op)| text + &format!("{op}~{from}|"))
        };
        Some(format!("{}+{}+{}", node(1), node(2), node(3)))
    }

    fn parse(&self, text: &str) -> Result<Architecture> {
        if text.starts_with('|') { self.parse_official(text) } else { Ok(self.spec.parse(text)?) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn space() -> NasBench201 {
        NasBench201::new(Config::default()).unwrap()
    }

    #[test]
    fn official_names_round_trip() {
        let name = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|";
        let architecture = space().parse(name).unwrap();
        assert_eq!(space().official_name(&architecture).unwrap(), name);
        assert_eq!(
            space().spec().text(&architecture),
            "edge_0_1=nor_conv_3x3,edge_0_2=nor_conv_3x3,edge_1_2=avg_pool_3x3,\
             edge_0_3=skip_connect,edge_1_3=nor_conv_3x3,edge_2_3=skip_connect"
        );
        for architecture in space().spec().grid(2).step_by(97) {
            let name = space().official_name(&architecture).unwrap();
            assert_eq!(space().parse(&name).unwrap(), architecture);
        }
    }

    #[test]
    fn wrong_official_names_say_what_is_wrong() {
        let message = |text: &str| space().parse(text).unwrap_err().to_string();
        assert!(message("|none~0|+|none~0|none~1|").contains("three nodes"));
        assert!(message("|none~0|+|none~1|none~0|+|a|b|c|").contains("should come from node 0"));
        assert!(message("|nor_conv_3x4~0|").contains("did you mean \"nor_conv_3x3\"?"));
    }

    #[test]
    fn cells_of_one_function_have_one_representative() {
        let space = space();
        for architecture in space.spec().grid(2).step_by(61) {
            let canonical = space.canonical(&architecture);
            assert_eq!(space.canonical(&canonical), canonical);
        }
        // A convolution behind or before an identity is the same cell.
        let a = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|";
        let b = "|skip_connect~0|+|none~0|none~1|+|none~0|nor_conv_3x3~1|none~2|";
        let canonical = |name| space.canonical(&space.parse(name).unwrap());
        assert_eq!(canonical(a), canonical(b));
        let classes: HashSet<usize> = classes(space.spec()).iter().map(|class| class.1).collect();
        assert_eq!(classes.len(), by_value(space.spec()));
    }

    /// The number of different functions, found by computing them: any functions of a number that
    /// are 0 at 0 stand for the operations.
    fn by_value(spec: &Spec) -> usize {
        let f = |op: i64, x: f64| match op {
            NONE => 0.0,
            SKIP => x,
            2 => (1.3 * x).sin(),
            3 => (0.7 * x).tanh() * 1.9,
            _ => x / (1.0 + x * x),
        };
        let value = |architecture: &Architecture| {
            let ops = ops(architecture).unwrap();
            let mut nodes = [0.83, 0.0, 0.0, 0.0];
            for ((from, to), op) in std::iter::zip(EDGES, ops) {
                nodes[to] += f(op, nodes[from]);
            }
            (nodes[3] * 1e9_f64).round() as i64
        };
        let values = spec.grid(2).map(|architecture| value(&architecture));
        values.collect::<std::collections::HashSet<i64>>().len()
    }
}
