//! What an architecture of a declared space means as a network.

use std::collections::HashMap;

use nascent_record::{Architecture, Attribute, Condition, Domain, Edge, Graph, Node, Op};

use super::choices::rename;
use super::declaration::{Cell, Layer, Operation, Part, Repeat, Setting, Stages};
use super::{Declared, NAME, Place};

/// How often each repeat that goes by a choice has been gone through, from the outermost to the
/// innermost.
type Scope<'a> = Vec<(&'a str, i64)>;

/// The operations on an edge of a cell that has a choice of them: each with its coefficient, if it has
/// one.
pub(super) type OnEdge = Vec<(Op, Option<usize>)>;

/// Reads a declared space at one architecture.
pub(super) struct Reader<'a> {
    space: &'a Declared,
    /// None for the supernet, which has no free choice to read.
    architecture: Option<&'a Architecture>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(space: &'a Declared, architecture: Option<&'a Architecture>) -> Self {
        Self { space, architecture }
    }

    /// The network, with what `on_edge` says in the place of the choice that has this number.
    pub(super) fn graph(&self, on_edge: &dyn Fn(&Self, usize) -> OnEdge) -> Graph {
        let mut layers = Vec::new();
        self.parts(&self.space.declaration.network, &mut Vec::new(), &mut layers);
        let mut graph = Graph::new(NAME);
        let mut counts: HashMap<&str, (usize, usize)> = HashMap::new();
        for (label, _) in &layers {
            counts.entry(label).or_default().0 += 1;
        }
        for (label, op) in &layers {
            let (all, before) = counts.entry(label).or_default();
            *before += 1;
            let label = if *all > 1 { format!("{label} {before}") } else { label.clone() };
            graph.then(&label, op.clone());
        }
        for (at, cell) in self.space.declaration.cells.iter().enumerate() {
            if layers.iter().any(|(_, op)| op.text("cell") == Some(&cell.name)) {
                graph.cells.insert(cell.name.clone(), self.cell(at, cell, on_edge));
            }
        }
        graph
    }

    fn cell(&self, at: usize, cell: &Cell, on_edge: &dyn Fn(&Self, usize) -> OnEdge) -> Graph {
        let mut graph = Graph::new(&cell.name);
        graph.nodes[0].label.clone_from(&cell.input);
        let choices = &self.space.edges;
        let mut next = choices.iter().position(|edge| edge.cell == at).unwrap_or(choices.len());
        for (number, node) in cell.nodes.iter().enumerate() {
            graph.nodes.push(Node { label: node.name.clone(), combine: node.join, op: None });
            let to = number + 1;
            for edge in &node.edges {
                // Behind the input, nodes stand in the order of the cell.
                let named = cell.nodes.iter().position(|node| node.name == edge.from);
                let from = named.map_or(0, |at| at + 1);
                let on_edge = match edge.ops.as_slice() {
                    [] => {
                        graph.edges.push(Edge { from, to, op: None, coefficient: None });
                        continue;
                    }
                    [op] => vec![(self.operation(op), None)],
                    _ => {
                        next += 1;
                        on_edge(self, next - 1)
                    }
                };
                let on_edge = on_edge.into_iter();
                graph.edges.extend(on_edge.map(|(op, coefficient)| Edge {
                    from,
                    to,
                    op: Some(op),
                    coefficient,
                }));
            }
        }
        graph
    }

    /// The operation that is an option of the choice on this edge.
    pub(super) fn option(&self, edge: usize, option: usize) -> Op {
        self.operation(&self.space.ops(edge)[option])
    }

    /// An operation of a cell: what it names always applies.
    fn operation(&self, operation: &Operation) -> Op {
        let mut op = Op::new(&operation.op);
        let values = operation
            .with
            .iter()
            .filter_map(|(name, setting)| Some((name.clone(), self.value(setting, &Vec::new())?)));
        op.attributes.extend(values);
        op
    }

    fn parts<'p>(&self, parts: &'p [Part], scope: &mut Scope<'p>, layers: &mut Vec<(String, Op)>) {
        for part in parts {
            match part {
                Part::Layer(layer) => layers.extend(self.layer(layer, scope)),
                Part::Repeat(Repeat { times, parts }) => {
                    for number in 1..=self.count(times, scope) {
                        self.repetition(times, number, parts, scope, layers);
                    }
                }
                Part::Stages(Stages { count, channels, parts }) => {
                    let first = self.count(channels, scope);
                    for number in 1..=self.count(count, scope) {
                        // The checker leaves room for that.
                        let wider = first << (number - 1);
                        let op = if number == 1 { "stem" } else { "residual_reduction" };
                        let mut op = Op::new(op);
                        op.attributes.insert("channels".to_owned(), Attribute::Int(wider));
                        layers.push((label(&op.name), op));
                        self.repetition(count, number, parts, scope, layers);
                    }
                }
            }
        }
    }

    /// Parts once, as the repetition of this number.
    fn repetition<'p>(
        &self,
        times: &'p Setting,
        number: i64,
        parts: &'p [Part],
        scope: &mut Scope<'p>,
        layers: &mut Vec<(String, Op)>,
    ) {
        let before = scope.len();
        if let Setting::Choice(chosen) = times {
            scope.push((&chosen.choice, number));
        }
        self.parts(parts, scope, layers);
        scope.truncate(before);
    }

    /// A layer with its label, if it is there.
    fn layer(&self, layer: &Layer, scope: &Scope<'_>) -> Option<(String, Op)> {
        if let Some(condition) = &layer.when
            && !self.holds(condition, scope)
        {
            return None;
        }
        let cell = self.space.declaration.cells.iter().find(|cell| cell.name == layer.op);
        if let Some(cell) = cell {
            let is_there = cell.when.as_ref().is_none_or(|when| self.holds(when, &Vec::new()));
            return is_there.then(|| (cell.name.clone(), Op::cell(&cell.name)));
        }
        let mut op = Op::new(&layer.op);
        for (name, setting) in &layer.with {
            op.attributes.insert(name.clone(), self.value(setting, scope)?);
        }
        Some((label(&layer.op), op))
    }

    /// Where a choice is among those of the spec, for the repetition that the scope says.
    fn place(&self, name: &str, scope: &Scope<'_>) -> Option<usize> {
        match self.space.places.get(name)? {
            Place::One(at) => Some(*at),
            Place::Each { per, first, count } => {
                let (_, number) = scope.iter().rev().find(|(by, _)| by == per)?;
                (1..=*count).contains(number).then(|| first + (*number - 1) as usize)
            }
        }
    }

    fn holds(&self, condition: &Condition, scope: &Scope<'_>) -> bool {
        let at = self.place(condition.choice(), scope);
        let Some((at, architecture)) = at.zip(self.architecture) else { return false };
        let mut condition = condition.clone();
        if let Some(Place::Each { first, .. }) = self.space.places.get(condition.choice()) {
            rename(&mut condition, (at - first) as i64 + 1);
        }
        match &condition {
            Condition::OneOf { choice, options } => {
                let option = crate::space::option(&self.space.spec, architecture, choice);
                option.is_some_and(|option| options.iter().any(|known| known == option))
            }
            Condition::AtLeast { value, .. } => {
                architecture.int(at).is_some_and(|chosen| chosen >= *value)
            }
        }
    }

    /// What a setting says; nothing if it names a choice that does not apply.
    fn value(&self, setting: &Setting, scope: &Scope<'_>) -> Option<Attribute> {
        let chosen = match setting {
            Setting::Constant(value) => return Some(value.clone()),
            Setting::Choice(chosen) => chosen,
        };
        let at = self.place(&chosen.choice, scope)?;
        let architecture = self.architecture?;
        Some(match &self.space.spec.choices()[at].domain {
            Domain::Categorical { options } => {
                let option = options.get(usize::try_from(architecture.int(at)?).ok()?)?;
                match (option.parse::<i64>(), option.parse::<f64>()) {
                    (Ok(number), _) => Attribute::Int(number.checked_mul(chosen.times)?),
                    (_, Ok(number)) if number.is_finite() => {
                        Attribute::Float(number * chosen.times as f64)
                    }
                    _ => Attribute::Text(option.clone()),
                }
            }
            Domain::Integer { .. } => {
                Attribute::Int(architecture.int(at)?.checked_mul(chosen.times)?)
            }
            Domain::Float { .. } => Attribute::Float(architecture.float(at)? * chosen.times as f64),
        })
    }

    /// How often; never, where that does not apply.
    fn count(&self, setting: &Setting, scope: &Scope<'_>) -> i64 {
        match self.value(setting, scope) {
            Some(Attribute::Int(count)) => count,
            _ => 0,
        }
    }
}

/// What a person calls an operation.
fn label(op: &str) -> String {
    op.replace('_', " ")
}
