//! The training steps that are measured, in one table: `cargo bench --bench training` and
//! `cargo xtask bench-torch` both read it. The same names stand in `xtask/python/torch_peer.py`.

use std::sync::Arc;

use candle_core::Device;
use nascent::datasets::{Dataset, Inputs, Split};
use nascent::nn::Model;
use nascent::space::{Relaxed, SearchSpace, darts, mlp, nas_bench_201};
use nascent::train::{Batch, Data, Part, SharedWeights, TrainConfig, Trainer};
use nascent::{Result, Seed};

/// A training step.
pub(crate) type Iteration = Box<dyn FnMut() -> Result<()>>;

/// A row of the table.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    make: fn() -> Result<(usize, Iteration)>,
}

/// All training steps.
pub(crate) const CASES: &[Case] = &[
    Case { name: "nas_bench_201/n1", make: || nas_bench_201(1) },
    Case { name: "nas_bench_201/n5", make: || nas_bench_201(5) },
    Case { name: "darts/c16", make: darts },
    Case { name: "supernet/nas_bench_201", make: supernet_of_nas_bench_201 },
    Case { name: "supernet/darts", make: supernet_of_darts },
    Case { name: "mlp/64", make: || mlp(64) },
    Case { name: "mlp/256", make: || mlp(256) },
];

impl Case {
    /// How many parameters there are, and a step.
    pub(crate) fn prepare(&self) -> Result<(usize, Iteration)> {
        (self.make)()
    }
}

/// The cell of the NAS-Bench-201 networks: each operation is in it.
const CELL: &str = "|nor_conv_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+\
                    |avg_pool_3x3~0|none~1|nor_conv_3x3~2|";

fn nas_bench_201(cells: usize) -> Result<(usize, Iteration)> {
    let config = nas_bench_201::Config { channels: 16, cells };
    step(&nas_bench_201::NasBench201::new(config)?, CELL, &[3, 32, 32], 64)
}

/// The published result of the second-order search.
const GENOTYPE: &str = "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), \
    ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 1), ('skip_connect', 0), \
    ('skip_connect', 0), ('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, 5], \
    reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), \
    ('max_pool_3x3', 1), ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), \
    ('max_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])";

fn darts() -> Result<(usize, Iteration)> {
    let config = darts::Config { channels: 16, layers: 8, ..darts::Config::default() };
    step(&darts::Darts::new(config)?, GENOTYPE, &[3, 32, 32], 64)
}

fn mlp(batch: usize) -> Result<(usize, Iteration)> {
    let architecture = "depth=2,width_1=256,width_2=128,activation=relu,normalization=none,\
                        dropout=off";
    step(&mlp::Mlp::new(mlp::Config::default())?, architecture, &[1, 28, 28], batch)
}

/// A step as `fit` does it: the batch is put together of the examples, in another order each time.
fn step(
    space: &dyn SearchSpace,
    architecture: &str,
    shape: &[usize],
    batch: usize,
) -> Result<(usize, Iteration)> {
    let seed = Seed::new(1);
    let config = TrainConfig {
        batch_size: batch,
        learning_rate: 0.025,
        decay_all: true,
        clip_norm: 0.0,
        ..TrainConfig::default()
    };
    let data = Data::new(Arc::new(dataset(shape, 2 * batch)?), &config, seed)?;
    let graph = space.graph(&space.parse(architecture)?)?;
    // It lives as long as the process that measures it.
    let model = Box::leak(Box::new(Model::new(&graph, shape, 10, seed, &Device::Cpu)?));
    model.set_input_statistics(data.mean(), data.deviation())?;
    let parameters = model.cost().params as usize;
    let mut trainer = Trainer::new(model, &config)?;
    let mut order = data.shuffled(seed, 1);
    let (mut examples, mut number) = (Batch::default(), 0);
    let iteration = move || {
        number += 1;
        order.rotate_left(batch);
        data.batch(Part::Train, &order[..batch], None, &mut examples);
        trainer.loss(&examples, seed.derive("dropout", number))?;
        trainer.step(config.learning_rate)
    };
    Ok((parameters, Box::new(iteration)))
}

fn supernet_of_nas_bench_201() -> Result<(usize, Iteration)> {
    let config = nas_bench_201::Config { channels: 16, cells: 5 };
    supernet_step(&nas_bench_201::NasBench201::new(config)?)
}

fn supernet_of_darts() -> Result<(usize, Iteration)> {
    supernet_step(&darts::Darts::new(darts::Config {
        channels: 16,
        layers: 8,
        ..darts::Config::default()
    })?)
}

/// A step of the weights of a supernet whose edges mix all operations, with the gradient of the
/// mixture.
fn supernet_step(space: &dyn SearchSpace) -> Result<(usize, Iteration)> {
    let (seed, shape, batch) = (Seed::new(1), [3, 32, 32], 64);
    let config = TrainConfig { batch_size: batch, clip_norm: 0.0, ..TrainConfig::default() };
    let data = Data::new(Arc::new(dataset(&shape, 2 * batch)?), &config, seed)?;
    let Some(supernet) = space.relaxed().map(Relaxed::supernet) else {
        return Err(nascent::Error::Infeasible { problem: "the space cannot be mixed".into() });
    };
    let mut shared = SharedWeights::new(&supernet, &shape, 10, &config, seed)?;
    shared.set_input_statistics(data.mean(), data.deviation())?;
    let mut mixture = vec![0.0; supernet.coefficients()];
    for edge in &supernet.edges {
        mixture[edge.coefficients()].fill(1.0 / edge.options.len() as f32);
    }
    shared.set_coefficients(&mixture)?;
    let parameters = shared.trained() + mixture.len();
    let mut order = data.shuffled(seed, 1);
    let mut examples = Batch::default();
    let iteration = move || {
        order.rotate_left(batch);
        data.batch(Part::Train, &order[..batch], None, &mut examples);
        shared.forward(&examples, seed);
        shared.backward();
        shared.step(0.025);
        Ok(())
    };
    Ok((parameters, Box::new(iteration)))
}

/// Bytes in no visible order, ten classes.
fn dataset(shape: &[usize], examples: usize) -> Result<Dataset> {
    let count = examples * shape.iter().product::<usize>();
    let bytes = (0..count).map(|at| (at * 7919 % 10_007 % 256) as u8).collect();
    let labels = (0..examples as u32).map(|at| at % 10).collect();
    let classes = (0..10).map(|class| class.to_string()).collect();
    let train = Split::new(Inputs::Bytes(bytes), labels)?;
    Ok(Dataset::new("synthetic", shape.to_vec(), classes, train, None)?)
}
