//! Whole convolutional networks: stages of repeated blocks, each stage with its own operation,
//! kernel, width and skip connections.
//!
//! Every stage but the first halves the image with its first block. The block is a convolution, a
//! separable convolution (depthwise, then pointwise), or an inverted residual ("mbconv": expand,
//! depthwise, project).
//!
//! # References
//! The blocks follow Howard et al., "MobileNets", 2017, <https://arxiv.org/abs/1704.04861>, and
//! Sandler et al., "MobileNetV2", CVPR 2018, <https://arxiv.org/abs/1801.04381>; the choice of
//! repeats, kernel, width and skip for each stage follows Tan et al., "MnasNet", CVPR 2019,
//! <https://arxiv.org/abs/1807.11626>.

use nascent_record::{Architecture, Choice, Condition, Graph, Op, Spec};
use serde::{Deserialize, Serialize};

use super::{SearchSpace, SpaceEntry};
use crate::Result;
use crate::config::{defaults, invalid, parse};

/// The row of the table.
pub static ENTRY: SpaceEntry = SpaceEntry {
    name: NAME,
    summary: "Convolutional networks stage by stage: block, repeats, kernel, width, skip.",
    reference: "Tan et al. 2019, https://arxiv.org/abs/1807.11626",
    defaults: defaults::<Config>,
    build: |config, ()| Ok(Box::new(MacroCnn::new(parse(NAME, config)?)?)),
};

const NAME: &str = "macro_cnn";

/// The limits of the space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The number of stages, 1 to 5.
    pub stages: usize,
    /// The most blocks in a stage, 1 to 32.
    pub max_repeats: usize,
    /// The unit of width, 1 to 1024; a stage has 1, 2 or 4 of it in the first stage, twice that in the second,
    /// and so on.
    pub channels: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { stages: 3, max_repeats: 3, channels: 4 }
    }
}

/// The space, see the [module](self).
pub struct MacroCnn {
    config: Config,
    spec: Spec,
}

impl MacroCnn {
    /// The space with these limits.
    ///
    /// # Errors
    /// If a limit is out of its range.
    pub fn new(config: Config) -> Result<Self> {
        if !(1..=5).contains(&config.stages)
            || !(1..=32).contains(&config.max_repeats)
            || !(1..=1024).contains(&config.channels)
        {
            let problem = "stages must be 1 to 5, max_repeats 1 to 32, and channels 1 to 1024";
            return Err(invalid(NAME, problem));
        }
        let mut choices = Vec::new();
        for stage in 1..=config.stages {
            let block = format!("block_{stage}");
            let inverted =
                Condition::OneOf { choice: block.clone(), options: vec!["mbconv".to_owned()] };
            choices.extend([
                Choice::categorical(block, ["conv", "separable_conv", "mbconv"]),
                Choice::integer(format!("repeats_{stage}"), 1, config.max_repeats as i64),
                Choice::categorical(format!("kernel_{stage}"), ["3", "5"]),
                Choice::categorical(format!("width_{stage}"), ["1", "2", "4"]),
                Choice::categorical(format!("skip_{stage}"), ["off", "on"]),
                Choice::categorical(format!("expansion_{stage}"), ["2", "4"]).when(inverted),
            ]);
        }
        Ok(Self { config, spec: Spec::new(choices)? })
    }
}

impl SearchSpace for MacroCnn {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn graph(&self, architecture: &Architecture) -> Result<Graph> {
        self.spec.check(architecture)?;
        let option = |name: String| super::option(&self.spec, architecture, &name);
        let number = |name: String| option(name).and_then(|text| text.parse::<usize>().ok());
        let mut graph = Graph::new(NAME);
        let mut last = graph.then("stem", Op::new("stem").with("channels", self.config.channels));
        for stage in 1..=self.config.stages {
            let block = option(format!("block_{stage}")).unwrap_or("conv");
            let repeats = self.spec.position(&format!("repeats_{stage}"));
            let repeats = repeats.and_then(|at| architecture.int(at)).unwrap_or(1);
            let width = number(format!("width_{stage}")).unwrap_or(1);
            let skip = option(format!("skip_{stage}")) == Some("on");
            for repeat in 1..=repeats {
                let stride = if stage > 1 && repeat == 1 { 2_usize } else { 1 };
                let mut op = Op::new(block)
                    .with("channels", (self.config.channels * width) << (stage - 1))
                    .with("kernel", number(format!("kernel_{stage}")).unwrap_or(3))
                    .with("stride", stride);
                if let Some(expansion) = number(format!("expansion_{stage}")) {
                    op = op.with("expansion", expansion);
                }
                let name = format!("{block} {stage}.{repeat}");
                let output = graph.node(&name, Some(op), &[last]);
                // A skip goes around a block that keeps the shape.
                last = if skip && repeat > 1 {
                    graph.node(&format!("add {stage}.{repeat}"), None, &[last, output])
                } else {
                    output
                };
            }
        }
        graph.node("head", Some(Op::new("head")), &[last]);
        Ok(graph)
    }

    /// A skip connection around a stage of one block does nothing: it is off.
    fn canonical(&self, architecture: &Architecture) -> Architecture {
        let spec = &self.spec;
        let rebuilt = spec.build(|at, choice| {
            let stage = choice.name.strip_prefix("skip_");
            let repeats = stage.and_then(|stage| spec.position(&format!("repeats_{stage}")));
            let single = repeats.is_some_and(|at| architecture.int(at) == Some(1));
            match architecture.values()[at] {
                Some(value) if !single => value,
                _ => nascent_record::Value::Int(0),
            }
        });
        rebuilt.unwrap_or_else(|_impossible| architecture.clone())
    }
}
