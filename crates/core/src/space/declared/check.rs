//! What a declaration has to keep, checked once: what is made from it is valid.

use std::collections::{HashMap, HashSet};

use nascent_record::{Attribute, Choice, Combine, Condition, Domain, Spec, suggestion};

use super::choices::free_choices;
use super::declaration::{
    Cell, CellEdge, Declaration, FreeChoice, Layer, Operation, Part, Repeat, Setting, Stages,
};
use super::{EdgeChoice, Place, problem};
use crate::{Result, nn};

/// The most layers of a network.
const MOST_LAYERS: u64 = 1000;
/// The most stages: each halves the image.
const MOST_STAGES: i64 = 16;
/// The most channels of a first stage.
const MOST_CHANNELS: i64 = 1 << 16;

/// A declaration that is what it has to be.
pub(super) struct Checked {
    pub(super) spec: Spec,
    /// Where the free choices are among those of the spec.
    pub(super) places: HashMap<String, Place>,
    /// The choices on edges, in the order of the spec; they follow the free ones.
    pub(super) edges: Vec<EdgeChoice>,
    /// Whether all that is to be chosen is operations that are added up.
    pub(super) is_relaxed: bool,
}

/// Checks a declaration whose network is written out.
pub(super) fn check(declaration: &Declaration) -> Result<Checked> {
    let (mut choices, places) = free_choices(&declaration.choices)?;
    let mut checker = Checker { declaration, used: HashSet::new() };
    for choice in &declaration.choices {
        checker.used.extend(choice.per.as_deref());
        checker.used.extend(choice.when.as_ref().map(Condition::choice));
    }
    let mut edges = Vec::new();
    let mut is_relaxed = declaration.choices.is_empty();
    for (at, cell) in declaration.cells.iter().enumerate() {
        checker.cell(at, cell)?;
        for (node_at, node) in cell.nodes.iter().enumerate() {
            for (edge_at, edge) in node.edges.iter().enumerate() {
                if edge.ops.len() < 2 {
                    continue;
                }
                is_relaxed &= node.join == Combine::Sum;
                let name = format!("{}.{}-{}", cell.name, edge.from, node.name);
                let mut choice = Choice::categorical(name, edge.ops.iter().map(option_name));
                choice.when.clone_from(&cell.when);
                choices.push(choice);
                edges.push(EdgeChoice { cell: at, node: node_at, edge: edge_at });
            }
        }
    }
    let most = checker.parts(&declaration.network, &mut Vec::new())?;
    if most > MOST_LAYERS {
        let text = format!("it can have {most} layers; repeat less, {MOST_LAYERS} are the most");
        return Err(problem("network", text));
    }
    checker.all_is_used()?;
    is_relaxed &= !edges.is_empty();
    Ok(Checked { spec: Spec::new(choices)?, places, edges, is_relaxed })
}

/// What an operation is called as an option: its name, with its settings behind it.
fn option_name(operation: &Operation) -> String {
    if operation.with.is_empty() {
        return operation.op.clone();
    }
    let settings = operation.with.iter().map(|(name, value)| match value {
        Setting::Constant(value) => format!("{name}:{value}"),
        Setting::Choice(chosen) if chosen.times == 1 => format!("{name}:{}", chosen.choice),
        Setting::Choice(chosen) => format!("{name}:{}*{}", chosen.choice, chosen.times),
    });
    format!("{}({})", operation.op, settings.collect::<Vec<_>>().join(";"))
}

/// The least and the largest value of a domain of whole numbers.
fn ends(domain: &Domain) -> Option<(i64, i64)> {
    match domain {
        Domain::Integer { low, high, .. } => Some((*low, *high)),
        Domain::Categorical { options } => {
            let numbers: Option<Vec<i64>> = options.iter().map(|o| o.parse().ok()).collect();
            let numbers = numbers?;
            Some((*numbers.iter().min()?, *numbers.iter().max()?))
        }
        Domain::Float { .. } => None,
    }
}

struct Checker<'a> {
    declaration: &'a Declaration,
    /// The choices and cells that something names.
    used: HashSet<&'a str>,
}

impl<'a> Checker<'a> {
    fn choice(&mut self, place: &str, name: &'a str) -> Result<&'a FreeChoice> {
        let choices = &self.declaration.choices;
        let found = choices.iter().find(|choice| choice.name == name).ok_or_else(|| {
            let hint = if choices.is_empty() {
                "none is declared".to_owned()
            } else {
                suggestion(name, choices.iter().map(|choice| choice.name.as_str()))
            };
            problem(place, format!("there is no choice \"{name}\"; {hint}"))
        })?;
        self.used.insert(name);
        Ok(found)
    }

    /// A choice as a part of the network can name it, inside of these repeats.
    fn choice_within(
        &mut self,
        place: &str,
        name: &'a str,
        scope: &[&str],
    ) -> Result<&'a FreeChoice> {
        let choice = self.choice(place, name)?;
        match &choice.per {
            Some(per) if !scope.contains(&per.as_str()) => {
                let text = format!(
                    "there is one \"{name}\" for each \"{per}\": name it inside of what repeats \
                     \"{per}\" times"
                );
                Err(problem(place, text))
            }
            _ => Ok(choice),
        }
    }

    fn condition(&mut self, place: &str, condition: &'a Condition, scope: &[&str]) -> Result<()> {
        let on = self.choice_within(place, condition.choice(), scope)?;
        let on = Choice { name: on.name.clone(), domain: on.domain.clone(), when: None };
        condition.problem(&on).map_or(Ok(()), |text| Err(problem(place, format!("it {text}"))))
    }

    fn setting(&mut self, place: &str, setting: &'a Setting, scope: &[&str]) -> Result<()> {
        let Setting::Choice(chosen) = setting else { return Ok(()) };
        let choice = self.choice_within(place, &chosen.choice, scope)?;
        let name = &choice.name;
        if chosen.times != 1
            && let Domain::Categorical { options } = &choice.domain
            && let Some(option) = options.iter().find(|option| option.parse::<f64>().is_err())
        {
            let text =
                format!("\"{name}\" is multiplied, and can be \"{option}\", which is no number");
            return Err(problem(place, text));
        }
        let too_large = |end: i64| end.checked_mul(chosen.times).is_none();
        match ends(&choice.domain) {
            Some((low, high)) if too_large(low) || too_large(high) => {
                Err(problem(place, format!("\"{name}\" times {} is too large", chosen.times)))
            }
            _ => Ok(()),
        }
    }

    /// A whole number; returns the largest that it can be.
    fn count(&mut self, place: &str, setting: &'a Setting, scope: &[&str]) -> Result<i64> {
        self.setting(place, setting, scope)?;
        let range = match setting {
            // What is never there need not be declared.
            Setting::Constant(Attribute::Int(0)) => None,
            Setting::Constant(Attribute::Int(count)) => Some((*count, *count)),
            Setting::Constant(_) => None,
            Setting::Choice(chosen) => {
                let domain = &self.choice_within(place, &chosen.choice, scope)?.domain;
                // `setting` has made sure that the products are no larger than they can be.
                ends(domain).map(|(low, high)| (low * chosen.times, high * chosen.times))
            }
        };
        match range {
            Some((low, high)) if low >= 0 && high >= 0 => Ok(low.max(high)),
            _ => {
                let text = "a whole number of at least 1 stands here, or a choice of whole numbers, \
                            like 1..=4";
                Err(problem(place, text))
            }
        }
    }

    /// Checks that the operation takes these settings.
    fn known(place: &str, name: &str, settings: impl Iterator<Item = &'a String>) -> Result<()> {
        let op = nn::find(name).map_err(|error| problem(place, error.to_string()))?;
        for setting in settings {
            if !op.attributes().contains(&setting.as_str()) {
                let hint = match op.attributes() {
                    [] => "it has none".to_owned(),
                    known => suggestion(setting, known.iter().copied()),
                };
                let text = format!("\"{name}\" has no setting \"{setting}\"; {hint}");
                return Err(problem(place, text));
            }
        }
        Ok(())
    }

    fn cell(&mut self, at: usize, cell: &'a Cell) -> Result<()> {
        let place = format!("cell \"{}\"", cell.name);
        if nn::find(&cell.name).is_ok() {
            return Err(problem(&place, "this is the name of an operation; choose another"));
        }
        if self.declaration.cells[..at].iter().any(|other| other.name == cell.name) {
            return Err(problem(&place, "it is declared twice; give one another name"));
        }
        if let Some(condition) = &cell.when {
            self.condition(&place, condition, &[])?;
        }
        if cell.nodes.is_empty() {
            let text = "it has no node behind its input; the last node is its output";
            return Err(problem(&place, text));
        }
        let mut known = vec![cell.input.as_str()];
        for node in &cell.nodes {
            let name = node.name.as_str();
            if known.contains(&name) {
                let text = format!("it has two nodes \"{name}\"; give one another name");
                return Err(problem(&place, text));
            }
            if node.edges.is_empty() {
                let text = format!("nothing leads to the node \"{name}\"; give it an edge");
                return Err(problem(&place, text));
            }
            for (number, edge) in node.edges.iter().enumerate() {
                let is_other = |other: &&CellEdge| other.from == edge.from && other.ops.len() > 1;
                if edge.ops.len() > 1 && node.edges[..number].iter().any(|other| is_other(&other)) {
                    let text = format!(
                        "two edges from \"{}\" to \"{name}\" have a choice; put a node between, or \
                         make it one choice",
                        edge.from
                    );
                    return Err(problem(&place, text));
                }
                let place = format!("{place}, edge {}-{name}", edge.from);
                if !known.contains(&edge.from.as_str()) {
                    let hint = suggestion(&edge.from, known.iter().copied());
                    let text = format!("there is no node \"{}\" before it; {hint}", edge.from);
                    return Err(problem(&place, text));
                }
                for operation in &edge.ops {
                    self.cell_operation(&place, operation)?;
                }
            }
            known.push(name);
        }
        Ok(())
    }

    fn cell_operation(&mut self, place: &str, operation: &'a Operation) -> Result<()> {
        Self::known(place, &operation.op, operation.with.keys())?;
        for setting in operation.with.values() {
            let Setting::Choice(chosen) = setting else { continue };
            let choice = self.choice(place, &chosen.choice)?;
            if choice.per.is_some() || choice.when.is_some() {
                let text = format!(
                    "a cell is the same wherever it stands: it can name choices that are made once and \
                     always apply, and \"{}\" is none",
                    choice.name
                );
                return Err(problem(place, text));
            }
            self.setting(place, setting, &[])?;
        }
        Ok(())
    }

    /// Checks parts of the network inside of these repeats; returns how many layers they can have.
    fn parts(&mut self, parts: &'a [Part], scope: &mut Vec<&'a str>) -> Result<u64> {
        let mut most = 0_u64;
        for part in parts {
            most = most.saturating_add(match part {
                Part::Layer(layer) => self.layer(layer, scope)?,
                Part::Repeat(Repeat { times, parts }) => {
                    let place = "network, repeat";
                    let count = self.count(place, times, scope)?;
                    self.repeated(count, times, parts, scope)?
                }
                Part::Stages(Stages { count: times, channels, parts }) => {
                    let place = "network, stages";
                    let count = self.count(place, times, scope)?;
                    if count > MOST_STAGES {
                        let text = format!(
                            "there can be {count} stages, and each halves the image; {MOST_STAGES} are \
                             the most"
                        );
                        return Err(problem(place, text));
                    }
                    let most = self.count(place, channels, scope)?;
                    if most > MOST_CHANNELS {
                        let text =
                            format!("there can be {most} channels; {MOST_CHANNELS} are the most");
                        return Err(problem(place, text));
                    }
                    self.repeated(count, times, parts, scope)?.saturating_add(count as u64)
                }
            });
        }
        Ok(most)
    }

    fn repeated(
        &mut self,
        count: i64,
        times: &'a Setting,
        parts: &'a [Part],
        scope: &mut Vec<&'a str>,
    ) -> Result<u64> {
        let by = match times {
            Setting::Choice(chosen) if chosen.times == 1 => Some(chosen.choice.as_str()),
            _ => None,
        };
        scope.extend(by);
        let most = self.parts(parts, scope)?;
        scope.truncate(scope.len() - by.iter().len());
        Ok(most.saturating_mul(count as u64))
    }

    fn layer(&mut self, layer: &'a Layer, scope: &[&str]) -> Result<u64> {
        let place = format!("network, layer \"{}\"", layer.op);
        if let Some(condition) = &layer.when {
            self.condition(&place, condition, scope)?;
        }
        for setting in layer.with.values() {
            self.setting(&place, setting, scope)?;
        }
        let cells = &self.declaration.cells;
        if cells.iter().any(|cell| cell.name == layer.op) {
            if let Some(setting) = layer.with.keys().next() {
                let text = format!("a cell has no settings, and this one has \"{setting}\"");
                return Err(problem(&place, text));
            }
            self.used.insert(&layer.op);
        } else if nn::find(&layer.op).is_err() {
            let ops = nn::OPS.iter().map(|op| op.name());
            let known = cells.iter().map(|cell| cell.name.as_str()).chain(ops);
            let hint = suggestion(&layer.op, known);
            return Err(problem(&place, format!("there is no such operation or cell; {hint}")));
        } else {
            Self::known(&place, &layer.op, layer.with.keys())?;
        }
        Ok(1)
    }

    fn all_is_used(&self) -> Result<()> {
        let Declaration { choices, cells, .. } = self.declaration;
        if let Some(choice) = choices.iter().find(|c| !self.used.contains(c.name.as_str())) {
            let text =
                "nothing names it; use it in a layer, a repeat or a condition, or leave it out";
            return Err(problem(&format!("choice \"{}\"", choice.name), text));
        }
        if let Some(cell) = cells.iter().find(|cell| !self.used.contains(cell.name.as_str())) {
            let text =
                "it does not stand in the network; place it there as a layer, or leave it out";
            return Err(problem(&format!("cell \"{}\"", cell.name), text));
        }
        Ok(())
    }
}
