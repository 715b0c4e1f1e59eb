//! A declaration as data: what stands in a file, in a manifest, and behind `space!`.

use std::collections::BTreeMap;

use nascent_record::{Attribute, Combine, Condition, Domain};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A search space as data. What it has to keep is checked by [`Declared::new`](super::Declared::new).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// The choices beside those on the edges of cells.
    #[serde(default)]
    pub choices: Vec<FreeChoice>,
    /// The cells.
    #[serde(default)]
    pub cells: Vec<Cell>,
    /// The network, from its input to its last layer; empty for three stages of the one cell, between
    /// a stem of 8 channels and a head.
    #[serde(default)]
    pub network: Vec<Part>,
}

impl Declaration {
    /// The declaration as settings of the space `declared`.
    pub fn settings(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// A choice that layers, conditions and repeats can name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FreeChoice {
    /// Its name: letters, digits, `_`, `.` and `-`.
    pub name: String,
    /// The choice of how often something repeats, if this one is made for each repetition: `width` for
    /// each of `depth` is `width_1`, `width_2` and so on, as far as `depth` reaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<String>,
    /// What it may be.
    pub domain: Domain,
    /// When it applies; always, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
}

/// A cell: nodes that join what edges bring. The first node is its input, the last its output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// Its name, by which layers of the network place it.
    pub name: String,
    /// The name of its input.
    pub input: String,
    /// The other nodes; edges lead from earlier ones to later ones.
    pub nodes: Vec<CellNode>,
    /// When it is there; always, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
}

/// A node of a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellNode {
    /// Its name.
    pub name: String,
    /// How it joins what its edges bring.
    #[serde(default)]
    pub join: Combine,
    /// What leads to it.
    pub edges: Vec<CellEdge>,
}

/// An edge of a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellEdge {
    /// The node that it leaves.
    pub from: String,
    /// The operations: several are a choice, `CELL.FROM-TO` by name; none is the input as it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ops: Vec<Operation>,
}

/// An operation with its settings; in JSON its name alone, where it has none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Operation {
    /// Its name in [`OPS`](crate::nn::OPS).
    pub op: String,
    /// Its settings.
    pub with: BTreeMap<String, Setting>,
}

/// How an operation is written.
#[derive(Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "an operation is its name, or {\"op\": NAME, \"with\": {SETTING: VALUE}}"
)]
enum Written {
    Name(String),
    Whole(Whole),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    op: String,
    with: BTreeMap<String, Setting>,
}

impl From<Written> for Operation {
    fn from(written: Written) -> Self {
        match written {
            Written::Name(op) => Self { op, with: BTreeMap::new() },
            Written::Whole(Whole { op, with }) => Self { op, with },
        }
    }
}

impl From<Operation> for Written {
    fn from(Operation { op, with }: Operation) -> Self {
        if with.is_empty() { Self::Name(op) } else { Self::Whole(Whole { op, with }) }
    }
}

/// A setting of an operation, or a number of repetitions: as it is, or as it is chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "a setting is a number, a text, or {\"choice\": NAME}, which may be multiplied: \
                 {\"choice\": NAME, \"times\": NUMBER}"
)]
pub enum Setting {
    /// As it is.
    Constant(Attribute),
    /// What a choice says. Options that are numbers count as numbers.
    Choice(Chosen),
}

/// What a choice says, times a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chosen {
    /// The choice.
    pub choice: String,
    /// What it is multiplied with.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub times: i64,
}

fn one() -> i64 {
    1
}
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_one(times: &i64) -> bool {
    *times == 1
}

impl Setting {
    /// What this choice says.
    pub fn choice(name: &str) -> Self {
        Self::Choice(Chosen { choice: name.to_owned(), times: 1 })
    }
}

impl From<i64> for Setting {
    fn from(value: i64) -> Self {
        Self::Constant(Attribute::Int(value))
    }
}
impl From<f64> for Setting {
    fn from(value: f64) -> Self {
        Self::Constant(Attribute::Float(value))
    }
}
impl From<&str> for Setting {
    fn from(value: &str) -> Self {
        Self::Constant(Attribute::Text(value.to_owned()))
    }
}

/// A part of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// An operation or a cell.
    Layer(Layer),
    /// Parts one after the other, several times.
    Repeat(Repeat),
    /// Parts at several sizes of the image.
    Stages(Stages),
}

/// An operation or a cell. One that names a choice that does not apply is left out, and so is one whose
/// cell is not there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// The name of a cell, or of an operation in [`OPS`](crate::nn::OPS).
    pub op: String,
    /// The settings of the operation.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub with: BTreeMap<String, Setting>,
    /// When it is there; always, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
}

/// Parts one after the other, several times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// How many times; 0 leaves them out.
    pub times: Setting,
    /// What is repeated.
    pub parts: Vec<Part>,
}

/// Parts at several sizes of the image: the first stage begins with a stem, each later one with a
/// residual reduction, which halves height and width and doubles the channels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stages {
    /// How many stages.
    pub count: Setting,
    /// The channels of the first stage.
    pub channels: Setting,
    /// What each stage consists of.
    pub parts: Vec<Part>,
}

impl FreeChoice {
    /// A choice that always applies.
    pub fn new(name: &str, domain: Domain) -> Self {
        Self { name: name.to_owned(), per: None, domain, when: None }
    }

    /// The same, made for each repetition of what repeats so often.
    #[must_use]
    pub fn per(self, times: &str) -> Self {
        Self { per: Some(times.to_owned()), ..self }
    }

    /// The same, which applies under a condition.
    #[must_use]
    pub fn when(self, condition: Condition) -> Self {
        Self { when: Some(condition), ..self }
    }
}

impl Operation {
    /// An operation without settings.
    pub fn new(op: &str) -> Self {
        Self { op: op.to_owned(), with: BTreeMap::new() }
    }

    /// The same with one more setting.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Setting>) -> Self {
        self.with.insert(name.to_owned(), value.into());
        self
    }
}

impl Layer {
    /// A layer without settings that is always there.
    pub fn new(op: &str) -> Self {
        Self { op: op.to_owned(), with: BTreeMap::new(), when: None }
    }

    /// The same with one more setting.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Setting>) -> Self {
        self.with.insert(name.to_owned(), value.into());
        self
    }

    /// The same, which is there under a condition.
    #[must_use]
    pub fn when(self, condition: Condition) -> Self {
        Self { when: Some(condition), ..self }
    }
}
