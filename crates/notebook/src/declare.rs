//! What `space!` expands to: a declaration, piece by piece.
//!
//! The names of choices, cells and nodes become variables of the types of this file, so that the
//! compiler knows a name that is not declared, and suggests the one that is meant.

use std::fmt::Display;
use std::iter::StepBy;
use std::ops::{Mul, RangeInclusive};

use nascent::space::declared::{
    Cell, CellEdge, CellNode, Chosen, Declaration, FreeChoice, Layer, Operation, Part, Repeat,
    Setting, Stages, at_least, one_of,
};
use nascent_record::{Combine, Condition, Domain};

use crate::{Result, Space};

/// A choice, by its name.
#[derive(Clone, Copy, Debug)]
pub struct ChoiceName(&'static str);

/// A node of a cell, by its name.
#[derive(Clone, Copy, Debug)]
pub struct NodeName(pub &'static str);

/// What can be a layer of a network, by its name: a cell or an operation.
#[derive(Clone, Copy, Debug)]
pub struct LayerName(&'static str);

impl Mul<i64> for ChoiceName {
    type Output = Setting;

    fn mul(self, times: i64) -> Setting {
        Setting::Choice(Chosen { choice: self.0.to_owned(), times })
    }
}

/// What a choice may be.
#[diagnostic::on_unimplemented(
    message = "`{Self}` says nothing that could be chosen",
    label = "these are no options",
    note = "a choice has a range with both ends, such as `1..=4`, `(8..=64).step_by(8)`, `log(16..=256)` or \
            `0.0..=0.5`, or a list, such as `[\"relu\", \"gelu\"]` or `[16, 32]`"
)]
pub trait Options {
    /// The domain.
    fn domain(self) -> Domain;
}

impl Options for Domain {
    fn domain(self) -> Domain {
        self
    }
}

impl Options for RangeInclusive<f64> {
    fn domain(self) -> Domain {
        Domain::Float { low: *self.start(), high: *self.end(), log: false }
    }
}

macro_rules! whole_numbers {
    ($($type:ty: $wide:expr),*) => {
        $(impl Options for RangeInclusive<$type> {
            fn domain(self) -> Domain {
                integer($wide(*self.start()), $wide(*self.end()), 1)
            }
        }

        impl Options for StepBy<RangeInclusive<$type>> {
            fn domain(mut self) -> Domain {
                let first = self.next().map_or(1, $wide);
                let second = self.next().map_or(first, $wide);
                let last = self.last().map_or(second, $wide);
                integer(first, last, (second - first).max(1))
            }
        }

        impl Given for $type {
            fn setting(self) -> Setting {
                Setting::from($wide(self))
            }
        })*
    };
}
whole_numbers!(i32: i64::from, u32: i64::from, i64: std::convert::identity, usize: wide);

fn wide(number: usize) -> i64 {
    number as i64
}

fn integer(low: i64, high: i64, step: i64) -> Domain {
    Domain::Integer { low, high, step, log: false }
}

impl<T: Display, const N: usize> Options for [T; N] {
    fn domain(self) -> Domain {
        Domain::Categorical { options: self.iter().map(ToString::to_string).collect() }
    }
}

/// A setting of an operation, or how often something repeats.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no setting of an operation",
    label = "this is no setting",
    note = "a setting is a number, a text, or the name of a choice, such as `channels: width`, which may be \
            multiplied: `channels: width * 2`"
)]
pub trait Given {
    /// As it stands in a declaration.
    fn setting(self) -> Setting;
}

impl Given for Setting {
    fn setting(self) -> Setting {
        self
    }
}

impl Given for ChoiceName {
    fn setting(self) -> Setting {
        Setting::choice(self.0)
    }
}

impl Given for f64 {
    fn setting(self) -> Setting {
        Setting::from(self)
    }
}

impl Given for &str {
    fn setting(self) -> Setting {
        Setting::from(self)
    }
}

/// What may be written around the options of a choice.
pub mod scales {
    use nascent_record::{Choice, Domain};

    use super::Options;

    /// Numbers that are drawn evenly on a logarithmic scale.
    pub fn log(options: impl Options) -> Domain {
        logarithmic(options.domain())
    }

    fn logarithmic(domain: Domain) -> Domain {
        Choice { name: String::new(), domain, when: None }.log().domain
    }
}

/// The operations by name.
pub mod ops {
    use super::LayerName;

    macro_rules! names {
        ($($name:ident)*) => {
            $(#[doc = concat!("The operation `", stringify!($name), "`.")]
            #[expect(non_upper_case_globals, reason = "it is typed as it is called")]
            pub const $name: LayerName = LayerName(stringify!($name));)*

            #[cfg(test)]
            pub(super) const ALL: &[&str] = &[$(stringify!($name)),*];
        };
    }
    names! {
        none skip_connect identity nor_conv_1x1 nor_conv_3x3 avg_pool_3x3 max_pool_3x3
        sep_conv_3x3 sep_conv_5x5 dil_conv_3x3 dil_conv_5x5 relu_conv_bn factorized_reduce
        conv separable_conv mbconv avg_pool max_pool global_avg_pool
        channel_parts channel_shuffle channel_mask drop_path projection
        stem residual_reduction head auxiliary_head
        flatten linear classifier batch_norm layer_norm activation dropout
    }
}

/// The settings of an operation.
pub(crate) type With<'a> = &'a [(&'static str, Setting)];

/// An operation.
pub fn operation(name: LayerName, with: With<'_>) -> Operation {
    let with = with.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    Operation { op: name.0.to_owned(), with: with.collect() }
}

/// Where a choice is one of these options.
pub fn is_one_of(choice: ChoiceName, options: &[&dyn Display]) -> Condition {
    let options: Vec<String> = options.iter().map(ToString::to_string).collect();
    one_of(choice.0, &options.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Where a choice is at least as large.
pub fn is_at_least(choice: ChoiceName, value: i64) -> Condition {
    at_least(choice.0, value)
}

/// A declaration that is being made.
#[derive(Debug, Default)]
pub struct Declare(Declaration);

impl Declare {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A choice.
    pub fn choice(
        &mut self,
        name: &'static str,
        per: Option<ChoiceName>,
        domain: Domain,
        when: Option<Condition>,
    ) -> ChoiceName {
        let per = per.map(|per| per.0.to_owned());
        self.0.choices.push(FreeChoice { name: name.to_owned(), per, domain, when });
        ChoiceName(name)
    }

    /// A cell.
    pub fn cell(
        &mut self,
        name: &'static str,
        input: &str,
        nodes: Nodes,
        when: Option<Condition>,
    ) -> LayerName {
        let input = input.to_owned();
        self.0.cells.push(Cell { name: name.to_owned(), input, nodes: nodes.0, when });
        LayerName(name)
    }

    /// The network.
    pub fn network(&mut self, parts: Parts) {
        self.0.network = parts.0;
    }

    /// The space.
    ///
    /// # Errors
    /// If what is declared is no space: the error names the place and the way out.
    pub fn finish(self) -> Result<Space> {
        Space::declared(self.0)
    }
}

/// The nodes of a cell.
#[derive(Debug, Default)]
pub struct Nodes(Vec<CellNode>);

impl Nodes {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A node that adds up what its edges bring, or puts it side by side.
    pub fn node(&mut self, name: &'static str, concat: bool, edges: Edges) -> NodeName {
        let join = if concat { Combine::Concat } else { Combine::Sum };
        self.0.push(CellNode { name: name.to_owned(), join, edges: edges.0 });
        NodeName(name)
    }
}

/// The edges of a node.
#[derive(Debug, Default)]
pub struct Edges(Vec<CellEdge>);

impl Edges {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// An edge with these operations.
    pub fn edge(&mut self, from: NodeName, ops: &[Operation]) {
        self.0.push(CellEdge { from: from.0.to_owned(), ops: ops.to_vec() });
    }
}

/// Parts of a network.
#[derive(Debug, Default)]
pub struct Parts(Vec<Part>);

impl Parts {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A layer.
    pub fn layer(&mut self, name: LayerName, with: With<'_>, when: Option<Condition>) {
        let Operation { op, with } = operation(name, with);
        self.0.push(Part::Layer(Layer { op, with, when }));
    }

    /// Parts that repeat.
    pub fn repeat(&mut self, times: Setting, parts: Self) {
        self.0.push(Part::Repeat(Repeat { times, parts: parts.0 }));
    }

    /// Parts in stages.
    pub fn stages(&mut self, count: Setting, channels: Setting, parts: Self) {
        self.0.push(Part::Stages(Stages { count, channels, parts: parts.0 }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_name_to_type() {
        let known: Vec<&str> = nascent::nn::OPS.iter().map(|op| op.name()).collect();
        assert_eq!(ops::ALL, known);
    }

    #[test]
    fn options_are_as_they_are_written() {
        assert_eq!((1..=4).domain(), integer(1, 4, 1));
        assert_eq!((8..=64_usize).step_by(8).domain(), integer(8, 64, 8));
        assert_eq!((1..=9).step_by(4).domain(), integer(1, 9, 4));
        assert_eq!((1..=2).step_by(4).domain(), integer(1, 1, 1));
        let log = Domain::Float { low: 0.1, high: 1.0, log: true };
        assert_eq!(scales::log(0.1..=1.0), log);
        assert_eq!([16, 32].domain().text(nascent_record::Value::Int(1)), "32");
    }
}
