//! Mobile networks block by block: each inverted residual block has a kernel and an expansion of its
//! own, or is left out.
//!
//! Stages of `blocks` blocks each, the first of which has `channels` channels, and each later one
//! twice as many as the one before and half the rows and columns. A block widens, convolves each
//! channel by itself and narrows again, with a skip connection where it keeps the shape; a block that
//! keeps the shape may be left out.
//!
//! # References
//! The blocks and choices are those of Cai, Zhu and Han, "ProxylessNAS: Direct Neural Architecture
//! Search on Target Task and Hardware", ICLR 2019, <https://arxiv.org/abs/1812.00332>, for small
//! images: the published network halves the image five times, and has blocks of other widths.

use nascent_record::{Architecture, Choice, Graph, Op, Spec, Value};
use serde::{Deserialize, Serialize};

use super::relaxed::{MixedEdge, Relaxed, Supernet, largest};
use super::{SearchSpace, SpaceEntry};
use crate::Result;
use crate::config::{defaults, invalid, parse};

/// The row of the table.
pub static ENTRY: SpaceEntry = SpaceEntry {
    name: NAME,
    summary: "Inverted residual blocks, each with its own kernel and expansion, or left out.",
    reference: "Cai, Zhu and Han 2019, https://arxiv.org/abs/1812.00332",
    defaults: defaults::<Config>,
    build: |config, ()| Ok(Box::new(Proxyless::new(parse(NAME, config)?)?)),
};

const NAME: &str = "proxyless";

/// The option of a block that is left out.
const SKIP: &str = "skip";

/// Expansion and kernel of a block.
const BLOCKS: [(usize, usize); 6] = [(3, 3), (3, 5), (3, 7), (6, 3), (6, 5), (6, 7)];

/// The limits of the space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The stages, 1 to 5.
    pub stages: usize,
    /// The blocks of a stage, 1 to 16; 4 in the paper.
    pub blocks: usize,
    /// The channels of the first stage, 1 to 1024.
    pub channels: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { stages: 3, blocks: 3, channels: 16 }
    }
}

/// A place for a block.
#[derive(Clone, Copy)]
struct Place {
    stage: usize,
    number: usize,
}

impl Place {
    fn name(self) -> String {
        format!("block_{}_{}", self.stage, self.number)
    }

    /// Whether the block keeps the shape of what it gets.
    fn keeps_shape(self) -> bool {
        self.number > 1
    }

    fn options(self) -> Vec<String> {
        let blocks = BLOCKS.iter();
        let blocks =
            blocks.map(|(expansion, kernel)| format!("mbconv{expansion}_{kernel}x{kernel}"));
        blocks.chain(self.keeps_shape().then(|| SKIP.to_owned())).collect()
    }

    /// The operation of an option.
    fn op(self, option: usize, channels: usize) -> Op {
        let Some((expansion, kernel)) = BLOCKS.get(option) else {
            return Op::new("skip_connect");
        };
        let stride = if self.stage > 1 && self.number == 1 { 2_usize } else { 1 };
        Op::new("mbconv")
            .with("channels", channels << (self.stage - 1))
            .with("kernel", *kernel)
            .with("stride", stride)
            .with("expansion", *expansion)
    }
}

/// The space, see the [module](self).
pub struct Proxyless {
    config: Config,
    spec: Spec,
}

impl Proxyless {
    /// The space with these limits.
    ///
    /// # Errors
    /// If a limit is out of its range.
    pub fn new(config: Config) -> Result<Self> {
        if !(1..=5).contains(&config.stages)
            || !(1..=16).contains(&config.blocks)
            || !(1..=1024).contains(&config.channels)
        {
            let problem = "stages must be 1 to 5, blocks 1 to 16, and channels 1 to 1024";
            return Err(invalid(NAME, problem));
        }
        let choices =
            places(config).map(|place| Choice::categorical(place.name(), place.options()));
        let spec = Spec::new(choices.collect())?;
        Ok(Self { config, spec })
    }

    /// The network, with what `connect` puts between two nodes for a block.
    fn network(&self, mut connect: impl FnMut(&mut Graph, (usize, usize), Place)) -> Graph {
        let mut graph = Graph::new(NAME);
        let mut last = graph.then("stem", Op::new("stem").with("channels", self.config.channels));
        for place in places(self.config) {
            let node = graph.node(&format!("block {}.{}", place.stage, place.number), None, &[]);
            connect(&mut graph, (last, node), place);
            last = node;
        }
        graph.node("head", Some(Op::new("head")), &[last]);
        graph
    }
}

/// The places of a space, in order.
fn places(config: Config) -> impl Iterator<Item = Place> {
    (1..=config.stages)
        .flat_map(move |stage| (1..=config.blocks).map(move |number| Place { stage, number }))
}

/// The option of each place.
fn options(architecture: &Architecture) -> impl Iterator<Item = Option<usize>> {
    let count = architecture.values().len();
    (0..count).map(|at| usize::try_from(architecture.int(at)?).ok())
}

impl Relaxed for Proxyless {
    fn supernet(&self) -> Supernet {
        let mut edges: Vec<MixedEdge> = Vec::new();
        let graph = self.network(|graph, (from, to), place| {
            let first = edges.last().map_or(0, |edge| edge.coefficients().end);
            let options = place.options();
            for at in 0..options.len() {
                graph.mixed_edge(from, to, place.op(at, self.config.channels), first + at);
            }
            edges.push(MixedEdge { name: place.name(), options, first });
        });
        Supernet { graph, edges }
    }

    fn path(&self, architecture: &Architecture) -> Vec<Option<usize>> {
        options(architecture).collect()
    }

    fn strongest(&self, strengths: &[Vec<f64>]) -> Result<Architecture> {
        let options = |at: usize| strengths.get(at).map_or(&[][..], |options| options);
        Ok(self.spec.build(|at, _| Value::Int(largest(options(at)) as i64))?)
    }
}

impl SearchSpace for Proxyless {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn graph(&self, architecture: &Architecture) -> Result<Graph> {
        self.spec.check(architecture)?;
        let mut options = options(architecture);
        Ok(self.network(|graph, (from, to), place| {
            let option = options.next().flatten().unwrap_or(0);
            graph.edge(from, to, place.op(option, self.config.channels));
        }))
    }

    fn relaxed(&self) -> Option<&dyn Relaxed> {
        Some(self)
    }

    /// Blocks of a stage that are left out are its last ones: which of them it is makes no difference.
    fn canonical(&self, architecture: &Architecture) -> Architecture {
        let all: Vec<usize> = options(architecture).flatten().collect();
        let mut sorted = Vec::with_capacity(all.len());
        for stage in all.chunks(self.config.blocks) {
            let (there, left_out): (Vec<usize>, Vec<usize>) =
                stage.iter().partition(|option| **option < BLOCKS.len());
            sorted.extend(there.into_iter().chain(left_out));
        }
        let value = |at: usize| Value::Int(sorted.get(at).map_or(0, |option| *option as i64));
        self.spec.build(|at, _| value(at)).unwrap_or_else(|_impossible| architecture.clone())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::Seed;
    use crate::nn::Model;

    fn space() -> Proxyless {
        Proxyless::new(Config { stages: 2, blocks: 3, channels: 4 }).unwrap()
    }

    fn model(graph: &Graph) -> Model {
        Model::new(graph, &[3, 16, 16], 10, Seed::new(1), &Device::Cpu).unwrap()
    }

    #[test]
    fn parameters_are_those_of_the_formula() {
        let name = "block_1_1=mbconv3_3x3,block_1_2=skip,block_1_3=mbconv6_5x5,\
                    block_2_1=mbconv6_7x7,block_2_2=mbconv3_5x5,block_2_3=skip";
        let space = space();
        let graph = space.graph(&space.parse(name).unwrap()).unwrap();
        // Widen, each channel by itself, narrow; two numbers for each normalized channel.
        let block = |inputs: u64, outputs: u64, expansion: u64, kernel: u64| {
            let wide = inputs * expansion;
            inputs * wide + wide * kernel * kernel + wide * outputs + 4 * wide + 2 * outputs
        };
        let blocks = block(4, 4, 3, 3) + block(4, 4, 6, 5) + block(4, 8, 6, 7) + block(8, 8, 3, 5);
        let stem = |channels: u64| 3 * 9 * channels + 2 * channels;
        let mut without_blocks = Graph::new("stem and head");
        without_blocks.then("stem", Op::new("stem").with("channels", 8_usize));
        without_blocks.then("head", Op::new("head"));
        let head = model(&without_blocks).cost().params - stem(8);
        assert_eq!(model(&graph).cost().params, stem(4) + blocks + head);
    }

    #[test]
    fn blocks_that_are_left_out_come_last() {
        let space = space();
        let of = |name: &str| space.parse(name).unwrap();
        let a = of("block_1_1=mbconv3_3x3,block_1_2=skip,block_1_3=mbconv6_5x5,\
                    block_2_1=mbconv6_7x7,block_2_2=skip,block_2_3=skip");
        let b = of("block_1_1=mbconv3_3x3,block_1_2=mbconv6_5x5,block_1_3=skip,\
                    block_2_1=mbconv6_7x7,block_2_2=skip,block_2_3=skip");
        assert_eq!(space.canonical(&a), b);
        assert_eq!(space.canonical(&b), b);
    }

    #[test]
    fn the_supernet_has_every_block() {
        let supernet = space().supernet();
        let options: Vec<usize> = supernet.edges.iter().map(|edge| edge.options.len()).collect();
        assert_eq!(options, [6, 7, 7, 6, 7, 7], "what changes the shape cannot be left out");
        assert_eq!(supernet.coefficients(), 40);
        assert!(model(&supernet.graph).cost().params > 0);
    }
}
