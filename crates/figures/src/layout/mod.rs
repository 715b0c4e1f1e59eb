//! Drawings of networks: where nodes and edges go.
//!
//! The layout is layered (Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of
//! Hierarchical System Structures", 1981): a node's layer is the longest path to it, edges across
//! layers get a place in each layer that they pass, layers are ordered by the barycenters of their
//! neighbors, and places are the least-squares fit to the neighbors' places. An edge with an
//! operation is given a place for its label like a node, so labels never lie on each other.

mod collapse;
mod layers;

use std::ops::Range;

use nascent_record::{Attribute, Combine, Graph, Measured, Measures, Node, Op};

use crate::text::{self, Weight};
use collapse::Unit;
use layers::{Flow, Placed, Vertex};

/// The size of the text in boxes, in pixels per em.
pub(crate) const TEXT: f64 = 12.0;
/// The size of the text on edges.
pub(crate) const SMALL: f64 = 11.0;
/// The height of a line of text.
pub(crate) const LINE: f64 = 16.0;
/// Text wider than this is cut.
const WIDEST: f64 = 190.0;

/// What kind of operation something is; each renderer has one table from kinds to colors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OpFamily {
    /// No operation: a tensor, an input, a sum.
    Tensor,
    /// A convolution of any kind.
    Convolution,
    /// Pooling.
    Pooling,
    /// The input itself.
    Skip,
    /// Zero: the connection is cut. Drawn faded.
    None,
    /// A dense layer.
    Linear,
    /// A normalization.
    Norm,
    /// A whole cell.
    Cell,
    /// Everything else.
    Other,
}

impl OpFamily {
    /// The kind of an operation, by its name.
    pub fn of(op: &Op) -> Self {
        let name = op.name.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        if name == Op::CELL {
            Self::Cell
        } else if has(&["conv", "bottleneck", "residual", "reduction", "stem"]) {
            Self::Convolution
        } else if has(&["pool"]) {
            Self::Pooling
        } else if has(&["skip", "identity"]) {
            Self::Skip
        } else if name == "none" || has(&["zero"]) {
            Self::None
        } else if has(&["linear", "dense", "classifier", "mlp", "head"]) {
            Self::Linear
        } else if has(&["norm"]) {
            Self::Norm
        } else {
            Self::Other
        }
    }
}

/// A node, or a run of identical nodes, as a box.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeBox {
    /// The nodes of the graph that it stands for.
    pub nodes: Range<usize>,
    /// The left edge.
    pub x: f64,
    /// The upper edge.
    pub y: f64,
    /// The width.
    pub width: f64,
    /// The height.
    pub height: f64,
    /// What is written in it; the first line is its name.
    pub lines: Vec<String>,
    /// What a hover says besides: what the operation makes and costs, where the graph says that.
    pub note: String,
    /// What kind of operation it has.
    pub family: OpFamily,
}

/// A piece of text with its box.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// The text.
    pub text: String,
    /// The center.
    pub center: [f64; 2],
    /// Width and height.
    pub size: [f64; 2],
}

/// An edge as a curve.
#[derive(Clone, Debug, PartialEq)]
pub struct EdgePath {
    /// The box that it leaves, by position.
    pub from: usize,
    /// The box that it enters.
    pub to: usize,
    /// Cubic Bézier curves, end to end: the first point, then three for each curve (two controls
    /// and the end).
    pub path: Vec<[f64; 2]>,
    /// What is written on it.
    pub label: Option<Label>,
    /// What a hover says besides, as for nodes.
    pub note: String,
    /// What kind of operation it has.
    pub family: OpFamily,
}

/// A picture of a network as plain data, in pixels from the upper left corner.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    /// What it shows.
    pub title: String,
    /// Width and height.
    pub size: [f64; 2],
    /// The nodes.
    pub nodes: Vec<NodeBox>,
    /// The edges.
    pub edges: Vec<EdgePath>,
}

/// Lays out a network or a cell (one of [`Graph::cells`]). Runs of identical nodes, one behind the
/// other, become one box. Networks run downward; cells with operations on edges run to the right.
///
/// The same graph always gives the same drawing. An edge that does not lead forward, which
/// [`Graph::check`] refuses, is left out.
pub fn draw_graph(graph: &Graph) -> Drawing {
    draw_measured(graph, None)
}

/// The same, with notes of what operations make and cost.
pub fn draw_measured(graph: &Graph, measures: Option<&Measures>) -> Drawing {
    let (units, links) = collapse::collapse(graph);
    let labeled = links.iter().any(|link| link.op.is_some());
    let flow = if labeled { Flow::Right } else { Flow::Down };
    let faces: Vec<Face> = units.iter().map(|unit| Face::of(graph, unit, flow)).collect();
    let labels: Vec<Option<(String, [f64; 2])>> = links
        .iter()
        .map(|link| {
            let text = text::elide(&one_line(link.op?), SMALL, Weight::Regular, WIDEST);
            let size = [text::width(&text, SMALL, Weight::Regular) + 10.0, LINE + 2.0];
            Some((text, size))
        })
        .collect();
    let boxes: Vec<Vertex> = faces.iter().map(|face| Vertex::of(face.size, flow)).collect();
    let edges: Vec<layers::Link> = std::iter::zip(&links, &labels)
        .map(|(link, label)| layers::Link {
            from: link.from,
            to: link.to,
            label: label.as_ref().map(|(_, size)| Vertex::of(*size, flow)),
        })
        .collect();
    let Placed { size, boxes: centers, edges: routes } = layers::place(&boxes, &edges, flow);
    let nodes = std::iter::zip(units, faces).zip(centers).map(|((unit, face), center)| NodeBox {
        note: measures.map_or_else(String::new, |all| note(&all.nodes, unit.nodes.clone())),
        nodes: unit.nodes,
        x: center[0] - face.size[0] / 2.0,
        y: center[1] - face.size[1] / 2.0,
        width: face.size[0],
        height: face.size[1],
        lines: face.lines,
        family: face.family,
    });
    let edges = std::iter::zip(&links, labels).zip(routes);
    let edges = edges.map(|((link, label), route)| EdgePath {
        from: link.from,
        to: link.to,
        path: route.path,
        note: measures
            .filter(|_| link.op.is_some())
            .map_or_else(String::new, |all| note(&all.edges, link.edge..link.edge + 1)),
        label: std::iter::zip(label, route.label)
            .map(|((text, size), center)| Label { text, center, size })
            .next(),
        family: link.op.map_or(OpFamily::Tensor, OpFamily::of),
    });
    Drawing { title: graph.name.clone(), size, nodes: nodes.collect(), edges: edges.collect() }
}

/// What operations one behind the other make and cost; empty if that is not known.
fn note(measures: &[Option<Measured>], range: Range<usize>) -> String {
    let known: Vec<&Measured> = measures.get(range).unwrap_or_default().iter().flatten().collect();
    let Some(last) = known.last() else { return String::new() };
    let shape: Vec<String> = last.shape.iter().map(ToString::to_string).collect();
    let params: u64 = known.iter().map(|one| one.params).sum();
    let flops: u64 = known.iter().map(|one| one.flops).sum();
    let number = |n: u64| text::grouped(usize::try_from(n).unwrap_or(usize::MAX));
    format!("out {}\n{} params, {} FLOPs", shape.join("×"), number(params), number(flops))
}

/// What a box looks like, wherever it is placed.
struct Face {
    lines: Vec<String>,
    family: OpFamily,
    size: [f64; 2],
}

impl Face {
    fn of(graph: &Graph, unit: &Unit, flow: Flow) -> Self {
        let node = graph.nodes.get(unit.nodes.start);
        let family = node.and_then(|n| n.op.as_ref()).map_or(OpFamily::Tensor, OpFamily::of);
        let enters = graph.edges.iter().filter(|edge| edge.to == unit.nodes.start).count();
        let lines = node.map(|node| lines(node, unit.nodes.len(), enters)).unwrap_or_default();
        let weight = |at| {
            if at == 0 { Weight::Bold } else { Weight::Regular }
        };
        let cut = |(at, line): (usize, &String)| text::elide(line, TEXT, weight(at), WIDEST);
        let lines: Vec<String> = lines.iter().enumerate().map(cut).collect();
        let wide = |(at, line): (usize, &String)| text::width(line, TEXT, weight(at));
        let widest = lines.iter().enumerate().map(wide).fold(0.0, f64::max);
        let height = LINE * lines.len().max(1) as f64 + 12.0;
        let least = match flow {
            Flow::Right => height,
            Flow::Down => 96.0,
        };
        Self { lines, family, size: [(widest + 20.0).max(least).ceil(), height] }
    }
}

/// What is written in a box: its name, how often, then the operation.
fn lines(node: &Node, times: usize, enters: usize) -> Vec<String> {
    let Some(op) = &node.op else {
        let mut lines = vec![node.label.clone()];
        if node.combine == Combine::Concat && enters > 1 && node.label != "concat" {
            lines.push("concat".to_owned());
        }
        return lines;
    };
    let (name, details) = words(op);
    let mut lines = if times > 1 {
        vec![format!("{name} ×{times}")]
    } else if node.label.is_empty() || op.name == Op::CELL || same(&node.label, &op.name) {
        vec![name]
    } else if plain(&node.label).starts_with(&plain(&op.name)) {
        vec![node.label.clone()] // "linear 2"
    } else {
        vec![node.label.clone(), name]
    };
    if node.combine == Combine::Concat && enters > 1 {
        lines.push("of concat".to_owned());
    }
    if !details.is_empty() {
        lines.push(details);
    }
    lines
}

fn plain(text: &str) -> String {
    text.to_lowercase().replace(['_', '-', ' '], "")
}

fn same(label: &str, name: &str) -> bool {
    plain(label) == plain(name)
}

fn one_line(op: &Op) -> String {
    let (name, details) = words(op);
    if details.is_empty() { name } else { format!("{name}, {details}") }
}

/// An operation's name, with the kernel in it, and its other settings.
fn words(op: &Op) -> (String, String) {
    let mut name = match (op.name.as_str(), op.text("cell")) {
        (Op::CELL, Some(cell)) if cell == Op::CELL => Op::CELL.to_owned(),
        (Op::CELL, Some(cell)) => format!("{cell} cell"),
        (name, _) => name.to_owned(),
    };
    let mut details: Vec<String> = Vec::new();
    for (key, value) in &op.attributes {
        match (key.as_str(), value) {
            ("cell", _) if op.name == Op::CELL => {}
            ("kernel", Attribute::Int(k)) => {
                let square = format!("{k}×{k}");
                if !name.contains(&square) && !name.contains(&format!("{k}x{k}")) {
                    name = format!("{name} {square}");
                }
            }
            ("stride" | "dilation" | "groups", Attribute::Int(1)) => {}
            ("kind", Attribute::Text(kind)) => details.insert(0, kind.clone()),
            _ => details.push(format!("{} {value}", key.replace('_', " "))),
        }
    }
    (name, details.join(", "))
}
