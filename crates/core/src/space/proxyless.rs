//! Mobile networks block by block: each inverted residual block has a kernel and an expansion of its
//! own, or is left out.
//!
//! Stages of `blocks` blocks each, the first of which has `channels` channels, and each later one
//! twice as many as the one before and half the rows and columns. A block widens, convolves each
//! channel by itself and narrows again, with a skip connection where it keeps the shape; a block that
//! keeps the shape may be left out. With `widths` above 1 each stage also has a number of channels to
//! choose: so many parts of its most.
//!
//! In the supernet the widths of a stage share the weights of the widest, of which a narrower one has
//! the first channels: what the stem and its blocks compute is masked, channel by channel (Wan et al.,
//! section 3.1). So is what lies between the convolutions of a block, by the width of what the block
//! gets, and what the head has normalized. With one width for each stage it is the network of those
//! widths.
//!
//! # References
//! The blocks and choices are those of Cai, Zhu and Han, "ProxylessNAS: Direct Neural Architecture
//! Search on Target Task and Hardware", ICLR 2019, <https://arxiv.org/abs/1812.00332>, for small
//! images: the published network halves the image five times, and has blocks of other widths. Masks
//! are those of Wan et al., "FBNetV2: Differentiable Neural Architecture Search for Spatial and Channel
//! Dimensions", CVPR 2020, <https://arxiv.org/abs/2004.05565>.

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
    /// The channels of the first stage, 1 to 1024; the most, where they are to be chosen.
    pub channels: usize,
    /// How many widths a stage can have, 1 to 16: all parts of its most channels of which each is larger
    /// than the one before by as much; 1 for no choice.
    #[serde(default = "one")]
    pub widths: usize,
}

fn one() -> usize {
    1
}

impl Default for Config {
    fn default() -> Self {
        Self { stages: 3, blocks: 3, channels: 16, widths: 1 }
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

    /// The stage whose channels the block gets.
    fn stage_before(self) -> usize {
        if self.number > 1 { self.stage } else { self.stage.saturating_sub(1).max(1) }
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

    /// The operation of an option, with so many channels behind it.
    fn op(self, option: usize, channels: usize) -> Op {
        let Some((expansion, kernel)) = BLOCKS.get(option) else {
            return Op::new("skip_connect");
        };
        let stride = if self.stage > 1 && self.number == 1 { 2_usize } else { 1 };
        Op::new("mbconv")
            .with("channels", channels)
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
            || !(1..=16).contains(&config.widths)
        {
            let problem =
                "stages must be 1 to 5, blocks 1 to 16, channels 1 to 1024, and widths 1 to 16";
            return Err(invalid(NAME, problem));
        }
        if !config.channels.is_multiple_of(config.widths) {
            let Config { channels, widths, .. } = config;
            let problem = format!("{channels} channels cannot be divided by {widths} widths");
            return Err(invalid(NAME, problem));
        }
        let blocks = places(config).map(|place| Choice::categorical(place.name(), place.options()));
        let widths = stages(config).map(|stage| {
            let options = widths(config, stage).into_iter().map(|width| width.to_string());
            Choice::categorical(width_name(stage), options)
        });
        let spec = Spec::new(blocks.chain(widths).collect())?;
        Ok(Self { config, spec })
    }

    /// The network, with so many channels in the first stage, the operations as `mask` has them work
    /// on the channels of a stage, and what `connect` puts between two nodes for a block.
    fn network(
        &self,
        channels: usize,
        mask: impl Fn(usize, Op) -> Option<Op>,
        mut connect: impl FnMut(&mut Graph, (usize, usize), Place),
    ) -> Graph {
        let masked = |stage: usize, op: Op| mask(stage, op.clone()).unwrap_or(op);
        let mut graph = Graph::new(NAME);
        let stem = Op::new("stem").with("channels", channels);
        let mut last = graph.then("stem", masked(1, stem));
        for place in places(self.config) {
            let label = format!("block {}.{}", place.stage, place.number);
            let node = graph.node(&label, mask(place.stage, Op::new("channel_mask")), &[]);
            connect(&mut graph, (last, node), place);
            last = node;
        }
        graph.node("head", Some(masked(self.config.stages, Op::new("head"))), &[last]);
        graph
    }
}

/// The places of a space, in order.
fn places(config: Config) -> impl Iterator<Item = Place> {
    (1..=config.stages)
        .flat_map(move |stage| (1..=config.blocks).map(move |number| Place { stage, number }))
}

/// The stages with a choice of widths.
fn stages(config: Config) -> impl Iterator<Item = usize> {
    (1..=config.stages).filter(move |_| config.widths > 1)
}

/// The widths of a stage.
fn widths(config: Config, stage: usize) -> Vec<usize> {
    let most = config.channels << (stage - 1);
    (1..=config.widths).map(|parts| most / config.widths * parts).collect()
}

fn width_name(stage: usize) -> String {
    format!("width_{stage}")
}

/// The option of each place, and behind them that of each width.
fn options(architecture: &Architecture) -> impl Iterator<Item = Option<usize>> {
    let count = architecture.values().len();
    (0..count).map(|at| usize::try_from(architecture.int(at)?).ok())
}

impl Relaxed for Proxyless {
    fn supernet(&self) -> Supernet {
        let config = self.config;
        let count: usize = places(config).map(|place| place.options().len()).sum();
        let first_width = |stage: usize| count + (stage - 1) * config.widths;
        let mask = |stage: usize, op: Op| {
            let widths = widths(config, stage).iter().map(usize::to_string).collect::<Vec<_>>();
            let op = op.with("widths", &*widths.join(","));
            (config.widths > 1).then(|| op.with("coefficient", first_width(stage)))
        };
        let mut edges: Vec<MixedEdge> = Vec::new();
        let graph = self.network(config.channels, mask, |graph, (from, to), place| {
            let first = edges.last().map_or(0, |edge| edge.coefficients().end);
            let (options, channels) = (place.options(), config.channels << (place.stage - 1));
            for at in 0..options.len() {
                let op = place.op(at, channels);
                let masked = mask(place.stage_before(), op.clone());
                let masked = masked.filter(|_| at < BLOCKS.len()).unwrap_or(op);
                graph.mixed_edge(from, to, masked, first + at);
            }
            edges.push(MixedEdge { name: place.name(), options, first });
        });
        edges.extend(stages(config).map(|stage| {
            let options = widths(config, stage).iter().map(usize::to_string).collect();
            MixedEdge { name: width_name(stage), options, first: first_width(stage) }
        }));
        Supernet { graph, edges, passes: Vec::new() }
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
        let config = self.config;
        let options: Vec<usize> = options(architecture).map(|option| option.unwrap_or(0)).collect();
        let blocks = places(config).count();
        let channels = |stage: usize| match options.get(blocks + stage - 1) {
            Some(option) => widths(config, stage)[*option],
            None => config.channels << (stage - 1),
        };
        let mut blocks = options.iter();
        Ok(self.network(
            channels(1),
            |_, _| None,
            |graph, (from, to), place| {
                let option = *blocks.next().unwrap_or(&0);
                graph.edge(from, to, place.op(option, channels(place.stage)));
            },
        ))
    }

    fn relaxed(&self) -> Option<&dyn Relaxed> {
        Some(self)
    }

    /// Blocks of a stage that are left out are its last ones: which of them it is makes no difference.
    fn canonical(&self, architecture: &Architecture) -> Architecture {
        let all: Vec<usize> = options(architecture).flatten().collect();
        let mut sorted = Vec::with_capacity(all.len());
        let (blocks, widths) = all.split_at(places(self.config).count());
        for stage in blocks.chunks(self.config.blocks) {
            let (there, left_out): (Vec<usize>, Vec<usize>) =
                stage.iter().partition(|option| **option < BLOCKS.len());
            sorted.extend(there.into_iter().chain(left_out));
        }
        sorted.extend(widths);
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
        Proxyless::new(Config { stages: 2, blocks: 3, channels: 4, widths: 1 }).unwrap()
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

    #[test]
    fn stages_have_a_width_of_their_own() {
        let config = Config { stages: 2, blocks: 2, channels: 8, widths: 4 };
        let space = Proxyless::new(config).unwrap();
        let name = "block_1_1=mbconv3_3x3,block_1_2=skip,block_2_1=mbconv3_3x3,block_2_2=skip,\
                    width_1=4,width_2=12";
        let architecture = space.parse(name).unwrap();
        let graph = space.graph(&architecture).unwrap();
        let narrow = Proxyless::new(Config { channels: 4, widths: 1, ..config }).unwrap();
        let params = |graph: &Graph| model(graph).cost().params;
        let alone = |stage: &str| {
            let name =
                format!("block_1_1={stage},block_1_2=skip,block_2_1=mbconv3_3x3,block_2_2=skip");
            params(&narrow.graph(&narrow.parse(&name).unwrap()).unwrap())
        };
        // The second stage has 12 channels instead of 8: its last convolution and normalization, and
        // the head.
        assert_eq!(params(&graph) - alone("mbconv3_3x3"), 4 * 12 + 4 * 2 + 4 * 2 + 4 * 10);
        assert_eq!(space.canonical(&architecture), architecture);
        assert_eq!(space.path(&architecture), [0, 6, 0, 6, 1, 2].map(Some));
        let supernet = space.supernet();
        assert_eq!(supernet.edges[4].options, ["2", "4", "6", "8"]);
        assert_eq!(supernet.edges[5].options, ["4", "8", "12", "16"]);
        assert_eq!(supernet.coefficients(), 6 + 7 + 6 + 7 + 8);
        model(&supernet.graph);
        let error = Proxyless::new(Config { channels: 6, ..config }).err().unwrap().to_string();
        assert!(error.contains("6 channels cannot be divided by 4 widths"), "{error}");
    }
}
