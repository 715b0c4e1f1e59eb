//! A graph as layers: what is computed, in which order.

use std::collections::{BTreeMap, HashMap};

use candle_core::Tensor;
use nascent_record::{Combine, Graph, Measured, Measures, Op as Settings, suggestion};

use super::{AUXILIARY_HEAD, Builder, ForwardContext, Layer, Shape, find, infeasible};
use crate::Result;
use crate::train::program::{Trace, Value};

/// What the node of an operation is called that has another one behind it, where both are a cell on
/// an edge.
pub(crate) const FIRST_OF_TWO: &str = "op";

/// A graph, or a cell of one, built for inputs of certain shapes.
pub(crate) struct Network {
    inputs: usize,
    steps: Vec<Step>,
    /// After which step nobody needs the value of a node.
    last_use: Vec<usize>,
    pub(crate) output: Shape,
}

/// How one node is computed.
struct Step {
    node: usize,
    combine: Combine,
    edges: Vec<Arrow>,
    /// The shape of the combined input, for a node that nothing reaches.
    joined: Shape,
    /// What an edge without a connection would bring; for [`Combine::Concat`].
    absent: Vec<(usize, Shape)>,
    op: Stage,
    /// Whether it makes logits for the loss of a training alone.
    is_auxiliary: bool,
}

/// An edge that brings something.
struct Arrow {
    /// The node that it leaves.
    from: usize,
    /// What is on the way, if anything is.
    layer: Option<Box<dyn Layer>>,
    /// The coefficient that multiplies the result, if one does.
    coefficient: Option<usize>,
}

enum Stage {
    Nothing,
    Layer(Box<dyn Layer>),
    Cell(Network),
}

/// What an edge or node named [`Settings`] does.
enum Built {
    Nothing,
    Absent,
    Layer(Box<dyn Layer>),
    Cell(Network),
}

impl Network {
    /// Builds a checked graph.
    ///
    /// # Errors
    /// If an operation does not fit.
    pub(crate) fn build(
        graph: &Graph,
        inputs: &[Shape],
        builder: &mut Builder<'_>,
    ) -> Result<Self> {
        let names = names(graph);
        let mut shapes = inputs.to_vec();
        let mut steps = Vec::new();
        for (node, this) in graph.nodes.iter().enumerate().skip(graph.inputs) {
            let edges: Vec<_> = graph.entering(node).collect();
            let separate = match &this.op {
                Some(op) if op.name == Settings::CELL => cell(graph, op)?.inputs > 1,
                _ => false,
            };
            let mut arriving = Vec::new();
            let mut step = Step {
                node,
                combine: this.combine,
                edges: Vec::new(),
                joined: Shape::Features(0),
                absent: Vec::new(),
                op: Stage::Nothing,
                is_auxiliary: this.op.as_ref().is_some_and(|op| op.name == AUXILIARY_HEAD),
            };
            let mut seen: HashMap<usize, usize> = HashMap::new();
            let sums = this.combine == Combine::Sum && !separate;
            if !sums && edges.iter().any(|edge| edge.coefficient.is_some()) {
                let node = &names[node];
                return Err(infeasible(format!("node \"{node}\" weights what it does not add up")));
            }
            for edge in edges {
                let input = shapes[edge.from];
                let repeat = seen.entry(edge.from).or_default();
                let mut part = builder.part(&edge_name(edge.from, node, *repeat));
                *repeat += 1;
                let before = part.mark();
                let (built, shape) = operation(graph, edge.op.as_ref(), &[input], &mut part)?;
                part.note_measure(before.cost, shape);
                if let Some(coefficient) = edge.coefficient {
                    part.note_coefficient(coefficient, before);
                }
                arriving.push(shape);
                let layer = match built {
                    Built::Nothing => None,
                    Built::Layer(layer) => Some(layer),
                    Built::Cell(network) => Some(Box::new(network) as Box<dyn Layer>),
                    Built::Absent => {
                        if !sums {
                            step.absent.push((arriving.len() - 1, shape));
                        }
                        continue;
                    }
                };
                let (from, coefficient) = (edge.from, edge.coefficient);
                step.edges.push(Arrow { from, layer, coefficient });
            }
            let joined = if separate {
                arriving.clone()
            } else {
                vec![join(&names[node], this.combine, &arriving)?]
            };
            step.joined = joined[0];
            let mut part = builder.part(&names[node]);
            if step.edges.len() > 1 && !separate {
                part.count_activations(joined[0].len());
            }
            let before = part.store.cost;
            let (built, shape) = operation(graph, this.op.as_ref(), &joined, &mut part)?;
            if step.is_auxiliary {
                // It is no part of the network that is trained for.
                let cost = &mut part.store.cost;
                (cost.params, cost.flops) = (before.params, before.flops);
            }
            part.note_measure(before, shape);
            step.op = match built {
                Built::Nothing => Stage::Nothing,
                Built::Layer(layer) => Stage::Layer(layer),
                Built::Cell(network) => Stage::Cell(network),
                Built::Absent => {
                    step.edges.clear();
                    step.absent.clear();
                    step.joined = shape;
                    Stage::Nothing
                }
            };
            shapes.push(shape);
            steps.push(step);
        }
        let output = shapes.last().copied().unwrap_or(Shape::Features(0));
        Ok(Self::connected(graph.inputs, shapes.len(), steps, output))
    }

    /// Leaves out the nodes that do not reach the output. Their parameters stay: they are part of
    /// the architecture, and of its published size.
    fn connected(inputs: usize, nodes: usize, mut steps: Vec<Step>, output: Shape) -> Self {
        let mut needed = vec![false; nodes];
        if let Some(last) = needed.last_mut() {
            *last = true;
        }
        for step in steps.iter().rev().filter(|step| !step.edges.is_empty()) {
            needed[step.node] |= step.is_auxiliary;
            if needed[step.node] {
                for edge in &step.edges {
                    needed[edge.from] = true;
                }
            }
        }
        steps.retain(|step| needed[step.node]);
        let mut last_use = vec![usize::MAX; nodes];
        for (at, step) in steps.iter().enumerate() {
            for edge in &step.edges {
                last_use[edge.from] = at;
            }
        }
        Self { inputs, steps, last_use, output }
    }

    /// Computes the output from the inputs.
    pub(crate) fn run(&self, inputs: &[Tensor], cx: &mut ForwardContext) -> Result<Tensor> {
        let like = inputs.first().ok_or_else(|| infeasible("a network needs an input"))?;
        let mut values: Vec<Option<Tensor>> = vec![None; self.last_use.len()];
        for (value, input) in values.iter_mut().zip(inputs).take(self.inputs) {
            *value = Some(input.clone());
        }
        let zeros = |shape: Shape| -> Result<Tensor> {
            Ok(Tensor::zeros(shape.batch(like.dim(0)?), like.dtype(), like.device())?)
        };
        for (at, step) in self.steps.iter().enumerate() {
            if step.is_auxiliary && !cx.is_train() {
                continue;
            }
            let mut arriving = Vec::with_capacity(step.edges.len());
            for Arrow { from, layer, coefficient } in &step.edges {
                let value = values[*from].as_ref();
                let value = value.ok_or_else(|| infeasible("a node is used before its time"))?;
                let value = match layer {
                    None => value.clone(),
                    Some(layer) => cx.timing(*coefficient, |cx| layer.forward(value, cx))?,
                };
                arriving.push(match coefficient {
                    None => value,
                    Some(at) => value.broadcast_mul(&cx.coefficient(*at)?)?,
                });
            }
            for edge in &step.edges {
                if self.last_use[edge.from] == at {
                    values[edge.from] = None;
                }
            }
            for (at, shape) in &step.absent {
                arriving.insert(*at, zeros(*shape)?);
            }
            let value = match &step.op {
                Stage::Cell(network) if network.inputs > 1 => network.run(&arriving, cx)?,
                stage => {
                    let joined = match (arriving.len(), step.combine) {
                        (0, _) => zeros(step.joined)?,
                        (1, _) => arriving.remove(0),
                        (_, Combine::Sum) => sum(&arriving)?,
                        (_, Combine::Concat) => Tensor::cat(&arriving, 1)?,
                    };
                    match stage {
                        Stage::Nothing => joined,
                        Stage::Layer(layer) => layer.forward(&joined, cx)?,
                        Stage::Cell(network) => network.run(&[joined], cx)?,
                    }
                }
            };
            if step.is_auxiliary {
                cx.auxiliary = Some(value);
            } else {
                values[step.node] = Some(value);
            }
        }
        let output = values.pop().flatten();
        output.ok_or_else(|| infeasible("a network needs an output"))
    }
}

impl Network {
    /// Takes down what it computes, see [`Layer::trace`].
    pub(crate) fn trace(&self, inputs: &[Value], trace: &mut Trace) -> Option<Value> {
        let mut values: Vec<Option<Value>> = vec![None; self.last_use.len()];
        for (value, input) in values.iter_mut().zip(inputs).take(self.inputs) {
            *value = Some(*input);
        }
        let (auxiliary, main): (Vec<_>, Vec<_>) =
            self.steps.iter().partition(|step| step.is_auxiliary);
        for step in main.into_iter().chain(auxiliary) {
            let mut arriving = Vec::with_capacity(step.edges.len());
            let mut coefficients = Vec::with_capacity(step.edges.len());
            for Arrow { from, layer, coefficient } in &step.edges {
                let value = values[*from]?;
                arriving.push(match layer {
                    None => value,
                    Some(layer) => layer.trace(value, trace)?,
                });
                coefficients.push(*coefficient);
            }
            for (at, shape) in &step.absent {
                arriving.insert(*at, trace.zeros(*shape)?);
            }
            let value = match &step.op {
                Stage::Cell(network) if network.inputs > 1 => network.trace(&arriving, trace)?,
                stage => {
                    let joined = match (&arriving[..], step.combine) {
                        ([], _) => trace.zeros(step.joined)?,
                        (many, Combine::Sum) if coefficients.iter().any(Option::is_some) => {
                            trace.weighted_sum(many, &coefficients)?
                        }
                        ([one], _) => *one,
                        (many, Combine::Sum) => trace.sum(many)?,
                        (many, Combine::Concat) => trace.concat(many)?,
                    };
                    match stage {
                        Stage::Nothing => joined,
                        Stage::Layer(layer) => layer.trace(joined, trace)?,
                        Stage::Cell(network) => network.trace(&[joined], trace)?,
                    }
                }
            };
            if step.is_auxiliary {
                trace.set_auxiliary(value);
            }
            values[step.node] = Some(value);
        }
        values.pop().flatten()
    }
}

impl Layer for Network {
    fn forward(&self, x: &Tensor, cx: &mut ForwardContext) -> Result<Tensor> {
        self.run(std::slice::from_ref(x), cx)
    }

    fn trace(&self, x: Value, trace: &mut Trace) -> Option<Value> {
        Self::trace(self, &[x], trace)
    }
}

fn sum(values: &[Tensor]) -> Result<Tensor> {
    let mut sum = (&values[0] + &values[1])?;
    for value in &values[2..] {
        sum = (sum + value)?;
    }
    Ok(sum)
}

fn cell<'a>(graph: &'a Graph, op: &Settings) -> Result<&'a Graph> {
    let name = op.text("cell").unwrap_or_default();
    graph.cells.get(name).ok_or_else(|| infeasible(format!("there is no cell \"{name}\"")))
}

/// Builds what stands on a node or edge.
fn operation(
    graph: &Graph,
    op: Option<&Settings>,
    inputs: &[Shape],
    builder: &mut Builder<'_>,
) -> Result<(Built, Shape)> {
    let Some(settings) = op else {
        return Ok((Built::Nothing, inputs[0]));
    };
    if settings.name == Settings::CELL {
        let cell = cell(graph, settings)?;
        if cell.inputs != inputs.len() {
            let (name, needs, has) = (&cell.name, cell.inputs, inputs.len());
            return Err(infeasible(format!("cell \"{name}\" has {needs} inputs and gets {has}")));
        }
        let network = Network::build(cell, inputs, builder)?;
        let output = network.output;
        return Ok((Built::Cell(network), output));
    }
    let op = find(&settings.name)?;
    for name in settings.attributes.keys() {
        let known = [op.attributes(), op.supernet_attributes()];
        if !known.iter().any(|names| names.contains(&name.as_str())) {
            let hint = match op.attributes() {
                [] => "it has none".to_owned(),
                known => suggestion(name, known.iter().copied()),
            };
            let op = op.name();
            return Err(infeasible(format!("\"{op}\" has no attribute \"{name}\"; {hint}")));
        }
    }
    let (layer, output) = op.build(settings, inputs[0], builder)?;
    let built = match op.name() {
        "none" => Built::Absent,
        "skip_connect" | "identity" => Built::Nothing,
        _ => Built::Layer(layer),
    };
    Ok((built, output))
}

/// The shape of what a node gets.
fn join(node: &str, combine: Combine, shapes: &[Shape]) -> Result<Shape> {
    let (Some(first), rest) = (shapes.first().copied(), shapes.iter().skip(1)) else {
        return Err(infeasible(format!("no edge enters node \"{node}\"")));
    };
    let mismatch = |other: &Shape| {
        infeasible(format!(
            "node \"{node}\" cannot join {first} and {other}: put a projection before"
        ))
    };
    let mut joined = first;
    for other in rest {
        joined = match (combine, joined, *other) {
            (Combine::Sum, a, b) if a == b => a,
            (Combine::Concat, Shape::Features(a), Shape::Features(b)) => Shape::Features(a + b),
            (
                Combine::Concat,
                Shape::Image { channels: a, height, width },
                Shape::Image { channels: b, height: h, width: w },
            ) if (height, width) == (h, w) => Shape::Image { channels: a + b, height, width },
            _ => return Err(mismatch(other)),
        };
    }
    Ok(joined)
}

/// The name of a tensor in every network that has its operation between the same nodes: alone on the
/// edge or beside others, by itself or with another operation behind it.
pub(crate) fn shared_name(name: &str) -> String {
    let mut shared: Vec<String> = Vec::new();
    let mut on_edge = false;
    for part in name.split('.') {
        let ends = part.strip_prefix("edge_");
        match ends {
            Some(ends) => {
                let ends: Vec<&str> = ends.split('_').take(2).collect();
                shared.push(format!("edge_{}", ends.join("_")));
            }
            None if on_edge && part == FIRST_OF_TWO => {}
            None => shared.push(part.to_owned()),
        }
        on_edge = ends.is_some();
    }
    shared.join(".")
}

/// The name of an edge between two nodes that has so many others before it.
fn edge_name(from: usize, to: usize, repeat: usize) -> String {
    match repeat {
        0 => format!("edge_{from}_{to}"),
        n => format!("edge_{from}_{to}_{n}"),
    }
}

/// What the parts of a graph make and cost, of what is known by path; `prefix` is the path of the graph.
pub(super) fn measures(graph: &Graph, prefix: &str, known: &HashMap<String, Measured>) -> Measures {
    let below = |name: &str| {
        if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
    };
    let nodes: Vec<String> = names(graph).iter().map(|name| below(name)).collect();
    let mut seen: HashMap<(usize, usize), usize> = HashMap::new();
    let edges = graph.edges.iter().map(|edge| {
        let repeat = seen.entry((edge.from, edge.to)).or_default();
        *repeat += 1;
        below(&edge_name(edge.from, edge.to, *repeat - 1))
    });
    let edges: Vec<String> = edges.collect();
    let ops = graph.nodes.iter().map(|node| &node.op).zip(&nodes);
    let ops = ops.chain(graph.edges.iter().map(|edge| &edge.op).zip(&edges));
    let mut cells = BTreeMap::new();
    for (op, path) in ops {
        if let Some(op) = op.as_ref().filter(|op| op.name == Settings::CELL)
            && let Some(name) = op.text("cell")
            && let Some(cell) = graph.cells.get(name)
            && !cells.contains_key(name)
        {
            cells.insert(name.to_owned(), measures(cell, path, known));
        }
    }
    let of = |paths: &[String]| paths.iter().map(|path| known.get(path).cloned()).collect();
    Measures { nodes: of(&nodes), edges: of(&edges), cells }
}

/// A name for each node that is unique in the graph and fit for a path.
fn names(graph: &Graph) -> Vec<String> {
    let slug = |label: &str| {
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }
        };
        label.chars().map(plain).collect::<String>()
    };
    let slugs: Vec<String> = graph.nodes.iter().map(|node| slug(&node.label)).collect();
    let unique = |(at, name): (usize, &String)| {
        let twice = slugs.iter().filter(|other| *other == name).count() > 1;
        let plain = !name.is_empty() && !name.starts_with("edge_") && !twice;
        if plain { name.clone() } else { format!("node_{at}_{name}") }
    };
    slugs.iter().enumerate().map(unique).collect()
}
