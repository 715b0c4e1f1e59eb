//! Multi-layer perceptrons: depth, the width of each layer, activation, normalization, dropout.
//!
//! Widths of layers beyond the depth, and the dropout rate where there is no dropout, do not apply:
//! the space shows conditional choices.

use nascent_record::{Architecture, Choice, Condition, Graph, Op, Spec};
use serde::{Deserialize, Serialize};

use super::{SearchSpace, SpaceEntry};
use crate::Result;
use crate::config::{defaults, invalid, parse};

/// The row of the table.
pub static ENTRY: SpaceEntry = SpaceEntry {
    name: NAME,
    summary: "Multi-layer perceptrons: depth, widths, activation, normalization, dropout.",
    reference: "",
    defaults: defaults::<Config>,
    build: |config, ()| Ok(Box::new(Mlp::new(parse(NAME, config)?)?)),
};

const NAME: &str = "mlp";

/// The limits of the space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The most hidden layers, 1 to 100.
    pub max_depth: usize,
    /// The narrowest hidden layer, 1 to 65536.
    pub min_width: usize,
    /// The widest hidden layer, at least the narrowest.
    pub max_width: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_depth: 4, min_width: 16, max_width: 256 }
    }
}

/// The space, see the [module](self).
pub struct Mlp {
    spec: Spec,
}

impl Mlp {
    /// The space with these limits.
    ///
    /// # Errors
    /// If a limit is out of its range, or the widest layer is narrower than the narrowest.
    pub fn new(config: Config) -> Result<Self> {
        let Config { max_depth, min_width, max_width } = config;
        let widths = 1..=1 << 16;
        if !(1..=100).contains(&max_depth)
            || !widths.contains(&min_width)
            || !widths.contains(&max_width)
            || max_width < min_width
        {
            let problem = "max_depth must be 1 to 100, widths 1 to 65536, and max_width at least \
                           min_width";
            return Err(invalid(NAME, problem));
        }
        let mut choices = vec![Choice::integer("depth", 1, max_depth as i64)];
        for layer in 1..=max_depth {
            let width =
                Choice::integer(format!("width_{layer}"), min_width as i64, max_width as i64);
            let value = layer as i64;
            let deep = Condition::AtLeast { choice: "depth".to_owned(), value };
            choices.push(if layer == 1 { width.log() } else { width.log().when(deep) });
        }
        let on = Condition::OneOf { choice: "dropout".to_owned(), options: vec!["on".to_owned()] };
        choices.extend([
            Choice::categorical("activation", ["relu", "gelu", "silu", "tanh"]),
            Choice::categorical("normalization", ["none", "batch_norm", "layer_norm"]),
            Choice::categorical("dropout", ["off", "on"]),
            Choice::float("dropout_rate", 0.05, 0.5).when(on),
        ]);
        Ok(Self { spec: Spec::new(choices)? })
    }

    fn option<'a>(&'a self, architecture: &Architecture, name: &str) -> Option<&'a str> {
        super::option(&self.spec, architecture, name)
    }
}

impl SearchSpace for Mlp {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn graph(&self, architecture: &Architecture) -> Result<Graph> {
        self.spec.check(architecture)?;
        let at = |name: &str| self.spec.position(name).unwrap_or_default();
        let mut graph = Graph::new(NAME);
        graph.then("flatten", Op::new("flatten"));
        for layer in 1..=architecture.int(at("depth")).unwrap_or(1) {
            let width = architecture.int(at(&format!("width_{layer}"))).unwrap_or(1) as usize;
            graph.then(&format!("linear {layer}"), Op::new("linear").with("width", width));
            if let Some(kind @ ("batch_norm" | "layer_norm")) =
                self.option(architecture, "normalization")
            {
                graph.then(&format!("normalization {layer}"), Op::new(kind));
            }
            let kind = self.option(architecture, "activation").unwrap_or("relu");
            let activation = Op::new("activation").with("kind", kind);
            graph.then(&format!("activation {layer}"), activation);
            if let Some(rate) = architecture.float(at("dropout_rate")) {
                graph.then(&format!("dropout {layer}"), Op::new("dropout").with("rate", rate));
            }
        }
        graph.then("classifier", Op::new("classifier"));
        Ok(graph)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_applies_is_in_the_graph() {
        let space = Mlp::new(Config::default()).unwrap();
        let text = "depth=2,width_1=32,width_2=64,activation=gelu,normalization=none,dropout=off";
        let graph = space.graph(&space.parse(text).unwrap()).unwrap();
        let labels: Vec<&str> = graph.nodes.iter().map(|node| node.label.as_str()).collect();
        let expected = [
            "input",
            "flatten",
            "linear 1",
            "activation 1",
            "linear 2",
            "activation 2",
            "classifier",
        ];
        assert_eq!(labels, expected);
        assert!(Mlp::new(Config { max_width: 8, ..Config::default() }).is_err());
    }
}
