//! The DARTS space: two cells of four nodes, one that keeps the size of the image and one that
//! halves it.
//!
//! A node is the sum of two operations on two different inputs, each the output of one of the two
//! cells before or an earlier node; the output of a cell is its four nodes behind each other. Cells
//! at one and two thirds of the depth reduce: they halve the image and double the channels. The
//! published search uses `channels = 16` and `layers = 8`, the final training 36 and 20 with
//! `auxiliary_weight = 0.4` and `drop_path = 0.2`; the default here is a network that two cores train in
//! seconds, without both.
//!
//! `auxiliary_weight` adds a second classifier behind the second cell that reduces, whose loss weighs so
//! much while a network is trained; it counts neither as parameters nor as FLOPs. `drop_path` is how
//! likely the result of an operation is left out at the end of a training, example by example; it grows
//! from 0, and spares skip connections. Supernets have neither.
//!
//! About 10^18 architectures. Their customary names, such as `Genotype(normal=[('sep_conv_3x3', 0),
//! ('skip_connect', 1), ...], normal_concat=[2, 3, 4, 5], reduce=[...], reduce_concat=[2, 3, 4, 5])`,
//! are read and written; an operation is followed by the number of the node it reads, where 0 and 1
//! are the two cells before.
//!
//! # References
//! Liu, Simonyan and Yang, "DARTS: Differentiable Architecture Search", ICLR 2019,
//! <https://arxiv.org/abs/1806.09055>.

mod genotype;

use std::ops::Range;

use nascent_record::{Architecture, Choice, Combine, Graph, Node, Op, Spec, Value};
use serde::{Deserialize, Serialize};

use super::relaxed::{MixedEdge, NONE, Relaxed, Supernet, largest};
use super::{SearchSpace, SpaceEntry};
use crate::config::{defaults, invalid, parse};
use crate::nn::FIRST_OF_TWO;
use crate::{Error, Result};

/// The row of the table.
pub static ENTRY: SpaceEntry = SpaceEntry {
    name: NAME,
    summary: "Two cells of four nodes, each with two inputs and seven operations to choose from.",
    reference: "Liu, Simonyan and Yang 2019, https://arxiv.org/abs/1806.09055",
    defaults: defaults::<Config>,
    build: |config, ()| Ok(Box::new(Darts::new(parse(NAME, config)?)?)),
};

const NAME: &str = "darts";

/// The operations, in the order of the publication's code.
const OPS: [&str; 7] = [
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
];

/// The cells, in the order of the choices.
const CELLS: [&str; 2] = ["normal", "reduce"];

/// The number of the first node; 0 and 1 are the inputs of a cell.
const FIRST: usize = 2;
const NODES: usize = 4;

/// The skeleton around the cells.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Channels of the nodes of the first cells, 1 to 1024; 16 in the published search.
    pub channels: usize,
    /// Cells one after the other, two of which reduce, 3 to 100; 8 in the published search.
    pub layers: usize,
    /// How much the loss of an auxiliary head weighs while networks are trained, at least 0; 0 for none,
    /// 0.4 in the published final training.
    #[serde(default)]
    pub auxiliary_weight: f64,
    /// How likely operations are left out at the end of a training, from 0 to below 1; 0.2 in the
    /// published final training.
    #[serde(default)]
    pub drop_path: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { channels: 4, layers: 3, auxiliary_weight: 0.0, drop_path: 0.0 }
    }
}

/// Two inputs of a node, the lower number first, each with the position of its operation in [`OPS`].
/// The order of its values is also that of the choices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Inputs {
    from: [usize; 2],
    ops: [usize; 2],
}

impl Inputs {
    /// The same, with the lower number first.
    fn sorted(self) -> Self {
        let ([a, b], [first, second]) = (self.from, self.ops);
        if a <= b { self } else { Self { from: [b, a], ops: [second, first] } }
    }
}

type Cell = [Inputs; NODES];

/// The pairs of inputs that a node can have.
fn pairs(node: usize) -> Vec<[usize; 2]> {
    (1..node).flat_map(|b| (0..b).map(move |a| [a, b])).collect()
}

/// All orders of four nodes.
fn orders() -> impl Iterator<Item = [usize; NODES]> {
    let all = (0..NODES.pow(NODES as u32))
        .map(|number| std::array::from_fn(|at| number / NODES.pow(at as u32) % NODES));
    all.filter(|order: &[usize; NODES]| (0..NODES).all(|node| order.contains(&node)))
}

/// The least of the cells that are this one with its nodes in another order.
fn least(cell: &Cell) -> Cell {
    let reordered = orders().filter_map(|order| {
        // Node `n` becomes the node `order[n]`.
        let mut other = [Inputs::default(); NODES];
        for (node, inputs) in cell.iter().enumerate() {
            let from = inputs.from.map(|from| match from.checked_sub(FIRST) {
                Some(earlier) => FIRST + order[earlier],
                None => from,
            });
            if from.iter().any(|from| *from >= FIRST + order[node]) {
                return None;
            }
            other[order[node]] = Inputs { from, ops: inputs.ops }.sorted();
        }
        Some(other)
    });
    reordered.min().unwrap_or(*cell)
}

/// The space, see the [module](self).
pub struct Darts {
    config: Config,
    spec: Spec,
}

impl Darts {
    /// The space with this skeleton.
    ///
    /// # Errors
    /// If a number is out of its range.
    pub fn new(config: Config) -> Result<Self> {
        if !(1..=1024).contains(&config.channels) || !(3..=100).contains(&config.layers) {
            return Err(invalid(NAME, "channels must be 1 to 1024, and layers 3 to 100"));
        }
        let weight = config.auxiliary_weight;
        let is_weight = weight.is_finite() && weight >= 0.0;
        if !is_weight || !(0.0..1.0).contains(&config.drop_path) {
            let problem = "auxiliary_weight must be at least 0, and drop_path from 0 to below 1";
            return Err(invalid(NAME, problem));
        }
        let mut choices = Vec::new();
        for cell in CELLS {
            for node in FIRST..FIRST + NODES {
                // The first node has no other inputs than those of the cell.
                if node > FIRST {
                    let pairs = pairs(node).into_iter().map(|[a, b]| format!("{a}+{b}"));
                    choices.push(Choice::categorical(format!("{cell}.from_{node}"), pairs));
                }
                for input in [1, 2] {
                    choices.push(Choice::categorical(format!("{cell}.op_{node}_{input}"), OPS));
                }
            }
        }
        Ok(Self { config, spec: Spec::new(choices)? })
    }

    /// The two cells of an architecture.
    fn cells(architecture: &Architecture) -> Option<[Cell; 2]> {
        let mut values = (0..).map(|at| Some(architecture.int(at)? as usize));
        let mut cells = [[Inputs::default(); NODES]; 2];
        for cell in &mut cells {
            for (node, inputs) in cell.iter_mut().enumerate() {
                let pair = if node == 0 { 0 } else { values.next()?? };
                let from = *pairs(FIRST + node).get(pair)?;
                *inputs = Inputs { from, ops: [values.next()??, values.next()??] };
            }
        }
        Some(cells)
    }

    /// The network of two cells, in the order of [`CELLS`], with an auxiliary head whose loss weighs so
    /// much if that is above 0.
    fn network(&self, cells: [Graph; 2], auxiliary_weight: f64) -> Graph {
        let mut graph = Graph::new(NAME);
        for (name, cell) in std::iter::zip(CELLS, cells) {
            graph.cells.insert(name.to_owned(), cell);
        }
        let Config { mut channels, layers, .. } = self.config;
        let stem = graph.then("stem", Op::new("stem").with("channels", 3 * channels));
        let (mut before_last, mut last, mut reduced) = (stem, stem, false);
        for layer in 0..layers {
            let reduces = [layers / 3, 2 * layers / 3].contains(&layer);
            if reduces {
                channels *= 2;
            }
            // The cell before the last one is larger if the last one reduced.
            let adapt = if reduced { "factorized_reduce" } else { "relu_conv_bn" };
            let number = layer + 1;
            let [a, b] = [("a", adapt, before_last), ("b", "relu_conv_bn", last)].map(
                |(input, op, from)| {
                    let op = Op::new(op).with("channels", channels);
                    graph.node(&format!("input {number}{input}"), Some(op), &[from])
                },
            );
            let cell = Op::cell(CELLS[usize::from(reduces)]);
            let output = graph.node(&format!("cell {number}"), Some(cell), &[a, b]);
            (before_last, last, reduced) = (last, output, reduces);
            if layer == 2 * layers / 3 && auxiliary_weight > 0.0 {
                let op = Op::new("auxiliary_head").with("weight", auxiliary_weight);
                graph.node("auxiliary head", Some(op), &[output]);
            }
        }
        graph.node("average", Some(Op::new("global_avg_pool")), &[last]);
        graph.then("classifier", Op::new("classifier"));
        graph
    }

    /// The architecture with these cells.
    fn architecture(&self, cells: &[Cell; 2]) -> Result<Architecture> {
        let mut values = Vec::with_capacity(self.spec.len());
        for cell in cells {
            for (node, inputs) in cell.iter().enumerate() {
                let pair = pairs(FIRST + node).iter().position(|pair| *pair == inputs.from);
                let pair = (node > 0).then_some(pair.unwrap_or(usize::MAX));
                values.extend(pair.into_iter().chain(inputs.ops));
            }
        }
        Ok(self.spec.build(|at, _| Value::Int(values[at] as i64))?)
    }
}

/// A cell without operations.
fn frame(name: &str) -> Graph {
    let mut graph = Graph::new(name);
    graph.inputs = FIRST;
    let node = |label: String, combine| Node { label, combine, op: None };
    graph.nodes = ["before the last", "last"].map(|label| node(label.into(), Combine::Sum)).into();
    graph.nodes.extend((1..=NODES).map(|number| node(number.to_string(), Combine::Sum)));
    let nodes: Vec<usize> = (FIRST..FIRST + NODES).collect();
    let output = graph.node("output", None, &nodes);
    graph.nodes[output].combine = Combine::Concat;
    graph
}

/// An operation between two nodes. In a cell that reduces, what reads the inputs halves the image.
fn op_between(cell: &str, from: usize, op: &str) -> Op {
    let halves = cell == CELLS[1] && from < FIRST;
    match op {
        "skip_connect" if halves => Op::new("factorized_reduce"),
        op if halves => Op::new(op).with("stride", 2_usize),
        op => Op::new(op),
    }
}

/// A cell as a graph, whose operations are left out with this probability.
fn graph_of(name: &str, cell: &Cell, drop_path: f64) -> Graph {
    let mut graph = frame(name);
    for (at, inputs) in cell.iter().enumerate() {
        for (from, op) in std::iter::zip(inputs.from, inputs.ops) {
            let op = op_between(name, from, OPS[op]);
            let is_spared = drop_path == 0.0 || op.name == "skip_connect";
            let drop = ("drop_path", Op::new("drop_path").with("rate", drop_path));
            let op = if is_spared { op } else { followed(&mut graph, op, drop) };
            graph.edge(from, FIRST + at, op);
        }
    }
    graph
}

/// An operation with another one behind it, which has a name of its own: a cell of the graph.
fn followed(graph: &mut Graph, op: Op, (name, then): (&str, Op)) -> Op {
    let cell = format!("{} of {}, {name}", op.name, op.int("stride").unwrap_or(1));
    let mut both = Graph::new(&cell);
    both.then(FIRST_OF_TWO, op);
    both.then(name, then);
    graph.cells.insert(cell.clone(), both);
    Op::cell(&cell)
}

/// The edges of a cell of the supernet, in the order of its coefficients.
fn edges() -> impl Iterator<Item = (usize, usize)> {
    (FIRST..FIRST + NODES).flat_map(|to| (0..to).map(move |from| (from, to)))
}

/// A cell of the supernet, whose coefficients begin with this one. Its poolings are normalized, so
/// that all operations are alike in size, as in the code of the publication.
fn mixed_cell(name: &str, first: usize) -> Graph {
    let mut graph = frame(name);
    for (number, (from, to)) in edges().enumerate() {
        let first = first + number * (OPS.len() + 1);
        // The first coefficient is that of no operation.
        for (at, op) in OPS.iter().enumerate() {
            let mut mixed = op_between(name, from, op);
            if op.contains("pool") {
                mixed = followed(&mut graph, mixed, ("norm", Op::new("batch_norm")));
            }
            graph.mixed_edge(from, to, mixed, first + 1 + at);
        }
    }
    graph
}

impl Relaxed for Darts {
    fn supernet(&self) -> Supernet {
        let count = OPS.len() + 1;
        let options: Vec<String> = [NONE].iter().chain(&OPS).map(|op| (*op).to_owned()).collect();
        let mut mixed = Vec::new();
        let cells = CELLS.map(|cell| {
            let graph = mixed_cell(cell, mixed.len() * count);
            for (from, to) in edges() {
                let (name, first) = (format!("{cell}.edge_{from}_{to}"), mixed.len() * count);
                mixed.push(MixedEdge { name, options: options.clone(), first });
            }
            graph
        });
        Supernet { graph: self.network(cells, 0.0), edges: mixed, passes: Vec::new() }
    }

    fn path(&self, architecture: &Architecture) -> Vec<Option<usize>> {
        let cells = Self::cells(architecture).unwrap_or_default();
        let of_cell = |cell: Cell| {
            edges().map(move |(from, to)| {
                let Inputs { from: inputs, ops } = cell[to - FIRST];
                // The first option is to have none.
                inputs.iter().position(|input| *input == from).map(|at| 1 + ops[at])
            })
        };
        cells.into_iter().flat_map(of_cell).collect()
    }

    /// The inputs of a node and their operations.
    fn groups(&self, _: usize) -> Vec<Range<usize>> {
        let mut first = 0;
        let nodes = (0..2 * NODES).map(|node| {
            // The first node of a cell has no choice of inputs.
            let count = if node % NODES == 0 { 2 } else { 3 };
            first += count;
            first - count..first
        });
        nodes.collect()
    }

    /// Of each edge the strongest operation that is one, and of each node the two strongest edges
    /// (Liu et al. 2019, section 2.4).
    fn strongest(&self, strengths: &[Vec<f64>]) -> Result<Architecture> {
        let per_cell = edges().count();
        let mut cells = [[Inputs::default(); NODES]; 2];
        for (cell, strengths) in std::iter::zip(&mut cells, strengths.chunks(per_cell)) {
            let mut found: [Vec<(usize, usize, f64)>; NODES] = Default::default();
            for ((from, to), options) in std::iter::zip(edges(), strengths) {
                let ops = options.get(1..).unwrap_or_default();
                let op = largest(ops);
                let strength = ops.get(op).copied().unwrap_or(f64::NEG_INFINITY);
                found[to - FIRST].push((from, op, strength));
            }
            for (inputs, mut found) in std::iter::zip(cell, found) {
                // Stable: of equals the earlier input.
                found.sort_by(|a, b| b.2.total_cmp(&a.2));
                if let [a, b, ..] = found[..] {
                    *inputs = Inputs { from: [a.0, b.0], ops: [a.1, b.1] }.sorted();
                }
            }
        }
        self.architecture(&cells)
    }
}

impl SearchSpace for Darts {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn graph(&self, architecture: &Architecture) -> Result<Graph> {
        self.spec.check(architecture)?;
        let cells = Self::cells(architecture).unwrap_or_default();
        let Config { auxiliary_weight, drop_path, .. } = self.config;
        let graphs = [0, 1].map(|at| graph_of(CELLS[at], &cells[at], drop_path));
        Ok(self.network(graphs, auxiliary_weight))
    }

    fn relaxed(&self) -> Option<&dyn Relaxed> {
        Some(self)
    }

    /// The nodes of a cell can stand in several orders: of these it is the least.
    fn canonical(&self, architecture: &Architecture) -> Architecture {
        let cells = Self::cells(architecture).map(|cells| cells.map(|cell| least(&cell)));
        let canonical = cells.and_then(|cells| self.architecture(&cells).ok());
        canonical.unwrap_or_else(|| architecture.clone())
    }

    fn official_name(&self, architecture: &Architecture) -> Option<String> {
        let cells = Self::cells(architecture)?.map(|cell| {
            let edges = cell.iter().flat_map(|inputs| std::iter::zip(inputs.ops, inputs.from));
            let edges = edges.map(|(op, from)| format!("('{}', {from})", OPS[op]));
            edges.collect::<Vec<_>>().join(", ")
        });
        let cells = std::iter::zip(CELLS, cells)
            .map(|(name, edges)| format!("{name}=[{edges}], {name}_concat=[2, 3, 4, 5]"));
        Some(format!("Genotype({})", cells.collect::<Vec<_>>().join(", ")))
    }

    fn parse(&self, text: &str) -> Result<Architecture> {
        if !text.trim_start().starts_with("Genotype") {
            return Ok(self.spec.parse(text)?);
        }
        let cells = genotype::read(text).map_err(|problem| {
            let architecture = text.to_owned();
            Error::Record(nascent_record::Error::InvalidArchitecture { architecture, problem })
        })?;
        self.architecture(&cells)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;
    use crate::space::SpecExt as _;

    /// The second-order result of the publication.
    const DARTS_V2: &str = "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), \
        ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 1), ('skip_connect', 0), \
        ('skip_connect', 0), ('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, 5], \
        reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), \
        ('max_pool_3x3', 1), ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), \
        ('max_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])";

    fn space() -> Darts {
        Darts::new(Config::default()).unwrap()
    }

    #[test]
    fn official_names_are_read_in_either_order_of_edges() {
        let architecture = space().parse(DARTS_V2).unwrap();
        let text = "normal.op_2_1=sep_conv_3x3,normal.op_2_2=sep_conv_3x3,\
            normal.from_3=0+1,normal.op_3_1=sep_conv_3x3,normal.op_3_2=sep_conv_3x3,\
            normal.from_4=0+1,normal.op_4_1=skip_connect,normal.op_4_2=sep_conv_3x3,\
            normal.from_5=0+2,normal.op_5_1=skip_connect,normal.op_5_2=dil_conv_3x3,\
            reduce.op_2_1=max_pool_3x3,reduce.op_2_2=max_pool_3x3,\
            reduce.from_3=1+2,reduce.op_3_1=max_pool_3x3,reduce.op_3_2=skip_connect,\
            reduce.from_4=0+2,reduce.op_4_1=max_pool_3x3,reduce.op_4_2=skip_connect,\
            reduce.from_5=1+2,reduce.op_5_1=max_pool_3x3,reduce.op_5_2=skip_connect";
        assert_eq!(space().spec().text(&architecture), text);
        let older = DARTS_V2.replace("[2, 3, 4, 5]", "range(2, 6)").replace('\'', "\"");
        assert_eq!(space().parse(&older).unwrap(), architecture);
    }

    #[test]
    fn the_published_network_has_its_published_size() {
        let space = Darts::new(Config { channels: 36, layers: 20, ..Config::default() }).unwrap();
        let graph = space.graph(&space.parse(DARTS_V2).unwrap()).unwrap();
        let cost = crate::nn::cost(&graph, &[3, 32, 32], 10).unwrap();
        // "3.3 million" in the paper.
        assert_eq!(cost.params, 3_349_342);
        // As it is trained, it is no larger.
        let config = Config { auxiliary_weight: 0.4, drop_path: 0.2, ..space.config };
        let trained = Darts::new(config).unwrap();
        let graph = trained.graph(&space.parse(DARTS_V2).unwrap()).unwrap();
        let as_trained = crate::nn::cost(&graph, &[3, 32, 32], 10).unwrap();
        assert_eq!((as_trained.params, as_trained.flops), (cost.params, cost.flops));
        assert!(as_trained.activations > cost.activations);
    }

    #[test]
    fn wrong_official_names_say_what_is_wrong() {
        for (piece, wrong, problem) in [
            ("('sep_conv_3x3', 0)", "('sep_conv_3x4', 0)", "did you mean \"sep_conv_3x3\"?"),
            ("('sep_conv_3x3', 1), ", "", "normal has 5 edges and needs 8"),
            ("('max_pool_3x3', 0), ('max", "('max_pool_3x3', 1), ('max", "of reduce reads 1 twice"),
            ("('dil_conv_3x3', 2)", "('dil_conv_3x3', 5)", "node 5 of normal reads 5, which"),
            ("reduce_concat=[2, 3", "reduce_concat=[3", "reduce_concat must be [2, 3, 4, 5]"),
            (
                "normal_concat",
                "concat",
                "`normal_concat` is missing before \"concat=[2, 3, 4, 5],\"",
            ),
            (", reduce_concat=[2, 3, 4, 5])", "", "`,` is missing at its end"),
        ] {
            let text = DARTS_V2.replace(piece, wrong);
            let message = space().parse(&text).unwrap_err().to_string();
            assert!(message.contains(problem), "{message}");
        }
    }

    /// A cell as the set of its nodes, each written as what it computes of the inputs.
    fn functions(cell: &Cell) -> Vec<String> {
        let mut nodes = vec!["x".to_owned(), "y".to_owned()];
        for Inputs { from, ops } in cell {
            let mut terms = [0, 1].map(|at| format!("{}({})", OPS[ops[at]], nodes[from[at]]));
            terms.sort();
            nodes.push(terms.join("+"));
        }
        nodes.sort();
        nodes
    }

    #[test]
    fn cells_of_one_function_have_one_representative() {
        let (space, mut rng) = (space(), Seed::new(1).rng());
        let mut moved = 0;
        for _ in 0..100 {
            let architecture = space.spec().sample(&mut rng);
            let canonical = space.canonical(&architecture);
            let [before, after] = [&architecture, &canonical]
                .map(|of| Darts::cells(of).unwrap().map(|c| functions(&c)));
            assert_eq!(before, after);
            moved += usize::from(canonical != architecture);
        }
        assert!(moved > 20, "{moved}");
        // Nodes 2 and 3 read inputs only, so they can change places.
        let tail = &DARTS_V2[DARTS_V2.find("('sep_conv_3x3', 1), ('skip").unwrap()..];
        let (a, b) = (
            "('dil_conv_5x5', 0), ('avg_pool_3x3', 1)",
            "('max_pool_3x3', 0), ('sep_conv_5x5', 1)",
        );
        let canonical = |first: &str, second: &str, tail: &str| {
            let name = format!("Genotype(normal=[{first}, {second}, {tail}");
            space.canonical(&space.parse(&name).unwrap())
        };
        let swapped = tail.replacen("'dil_conv_3x3', 2", "'dil_conv_3x3', 3", 1);
        assert_eq!(canonical(a, b, tail), canonical(b, a, &swapped));
        assert_ne!(canonical(a, b, tail), canonical(b, a, tail));
    }
}
