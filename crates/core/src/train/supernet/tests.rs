//! A supernet against tensors, and against the networks that it holds.

use std::sync::Arc;

use candle_core::{DType, Tensor, Var};
use nascent_record::Architecture;

use super::*;
use crate::nn::ForwardContext;
use crate::space::{SearchSpace, SpecExt as _, darts, nas_bench_201, proxyless};
use crate::train::{Data, Part, cross_entropy};

fn space() -> nas_bench_201::NasBench201 {
    let config = nas_bench_201::Config { channels: 6, cells: 1 };
    nas_bench_201::NasBench201::new(config).unwrap()
}

fn darts_space() -> darts::Darts {
    darts::Darts::new(darts::Config { channels: 2, ..darts::Config::default() }).unwrap()
}

fn batch(config: &TrainConfig) -> Batch {
    let digits = nascent_datasets::load("digits", None).unwrap().limited(200, 0);
    let data = Data::new(Arc::new(digits), config, Seed::new(1)).unwrap();
    let mut batch = Batch::default();
    let examples = &data.examples(Part::Train)[..config.batch_size];
    data.batch(Part::Train, examples, None, &mut batch);
    batch
}

/// Numbers that are neither equal nor small.
fn coefficients(count: usize) -> Vec<f32> {
    (0..count).map(|at| 0.1 + ((at * 7) % 11) as f32 / 20.0).collect()
}

fn shared(supernet: &Supernet, config: &TrainConfig) -> SharedWeights {
    SharedWeights::new(supernet, &[1, 8, 8], 10, config, Seed::new(3)).unwrap()
}

/// Loss, gradient of the coefficients, and those of the parameters by name.
type Gradients = (f64, Vec<f64>, Vec<(String, Vec<f64>)>);

/// In double precision by the tensor library.
fn by_tensors(supernet: &Supernet, batch: &Batch, coefficients: &[f32]) -> Gradients {
    let (device, seed) = (Device::Cpu, Seed::new(3));
    let model =
        Model::with_dtype(&supernet.graph, &[1, 8, 8], 10, seed, &device, DType::F64).unwrap();
    let numbers: Vec<f64> = coefficients.iter().map(|x| f64::from(*x)).collect();
    let mixture = Var::new(numbers, &device).unwrap();
    let inputs = batch.inputs(&[1, 8, 8], &device).unwrap();
    let mut cx = ForwardContext::train(seed).with_coefficients(mixture.as_tensor().clone());
    let logits = model.forward(&inputs, &mut cx).unwrap();
    let loss = cross_entropy(&logits, &batch.labels, 0.0).unwrap();
    let gradients = loss.backward().unwrap();
    let numbers = |x: &Tensor| -> Vec<f64> { x.flatten_all().unwrap().to_vec1().unwrap() };
    let of_parameters = model.parameters().iter().map(|parameter| {
        let gradient = gradients.get(parameter.var.as_tensor()).map(numbers);
        (parameter.name.clone(), gradient.unwrap_or_default())
    });
    (
        loss.to_scalar().unwrap(),
        numbers(gradients.get(mixture.as_tensor()).unwrap()),
        of_parameters.collect(),
    )
}

fn assert_close(a: &[f64], b: &[f64], what: &str) {
    let scale = b.iter().fold(1e-3, |most: f64, x| most.max(x.abs()));
    for (a, b) in std::iter::zip(a, b) {
        assert!((a - b).abs() < 2e-4 * scale, "{what}: {a} is not {b}, of up to {scale}");
    }
}

#[test]
fn gradients_are_those_of_the_tensor_library() {
    let supernet = space().relaxed().unwrap().supernet();
    assert_gradients(&supernet, &[&[], &[2, 3, 9, 16, 24, 27]]);
}

#[test]
fn gradients_of_separable_and_dilated_operations_are_those_of_the_tensor_library() {
    let supernet = darts_space().relaxed().unwrap().supernet();
    let every_third: Vec<usize> = (0..supernet.coefficients()).step_by(3).collect();
    assert_gradients(&supernet, &[&[], &every_third]);
}

#[test]
fn gradients_of_operations_on_a_part_of_the_channels_are_those_of_the_tensor_library() {
    let supernet = space().relaxed().unwrap().supernet().partial(2).unwrap();
    assert_gradients(&supernet, &[&[], &[2, 3, 9, 16, 24, 27, 31, 34]]);
    let config = darts::Config { channels: 4, ..darts::Config::default() };
    let space = darts::Darts::new(config).unwrap();
    let supernet = space.relaxed().unwrap().supernet().partial(2).unwrap();
    let every_third: Vec<usize> = (0..supernet.coefficients()).step_by(3).collect();
    assert_gradients(&supernet, &[&[], &every_third]);
}

#[test]
fn gradients_of_widths_are_those_of_the_tensor_library() {
    let config = proxyless::Config { stages: 2, blocks: 2, channels: 4, widths: 2 };
    let space = proxyless::Proxyless::new(config).unwrap();
    let supernet = space.relaxed().unwrap().supernet();
    let last = supernet.coefficients() - 1;
    assert_gradients(&supernet, &[&[], &[1, 5, 8, 20, last - 2]]);
}

/// With all coefficients, and with each of these sets of them at 0.
fn assert_gradients(supernet: &Supernet, zeros: &[&[usize]]) {
    let config = TrainConfig { batch_size: 20, ..TrainConfig::default() };
    let (batch, mut shared) = (batch(&config), shared(supernet, &config));
    let mut numbers = coefficients(supernet.coefficients());
    for zeros in zeros {
        for at in *zeros {
            numbers[*at] = 0.0;
        }
        shared.set_coefficients(&numbers).unwrap();
        let score = shared.forward(&batch, Seed::new(4));
        shared.backward();
        let (loss, mut of_mixture, of_parameters) = by_tensors(supernet, &batch, &numbers);
        assert!((score.loss - loss).abs() < 1e-5, "{} is not {loss}", score.loss);
        for at in *zeros {
            of_mixture[*at] = 0.0;
        }
        assert_close(&shared.coefficient_gradients(), &of_mixture, "coefficients");
        let mut start = 0;
        for (parameter, (name, expected)) in
            std::iter::zip(shared.model().parameters(), of_parameters)
        {
            let range = start..start + parameter.var.elem_count();
            start = range.end;
            let actual: Vec<f64> =
                shared.gradients()[range].iter().map(|x| f64::from(*x)).collect();
            let is_mixed = name.contains("edge_");
            if is_mixed && !parameter.is_weight {
                assert!(actual.iter().all(|x| *x == 0.0), "{name} is not to be trained");
            } else {
                assert_close(&actual, &expected, &name);
            }
        }
    }
}

/// Whether with one operation for each edge it is the network of that architecture with the
/// weights that it gives to it.
fn assert_is_network(space: &dyn SearchSpace, architecture: &Architecture) {
    let config = TrainConfig { batch_size: 20, ..TrainConfig::default() };
    let batch = batch(&config);
    let graph = space.graph(architecture).unwrap();
    let alone = Model::new(&graph, &[1, 8, 8], 10, Seed::new(5), &Device::Cpu).unwrap();
    let supernet = space.relaxed().unwrap().supernet();
    let mut shared = shared(&supernet, &config);
    // With shifts, as trained ones have them, a channel that is masked only before them shows.
    let mut start = 0;
    let shared_by_all = shared.model().coefficients_of_parameters();
    let parameters = std::iter::zip(shared.model().parameters(), shared_by_all);
    let parameters = parameters.map(|(p, owner)| (p.var.elem_count(), owner));
    for (count, owner) in parameters.collect::<Vec<_>>() {
        for at in (0..count).filter(|_| owner.is_none()) {
            shared.weights_mut()[start + at] += 0.1 + (at % 7) as f32 / 20.0;
        }
        start += count;
    }
    let path = space.relaxed().unwrap().path(architecture);
    let coefficients = supernet.one_hot(&path);
    alone.inherit(&shared.of_network(&coefficients).unwrap()).unwrap();
    shared.set_coefficients(&coefficients).unwrap();
    let score = shared.forward(&batch, Seed::new(4));
    let inputs = batch.inputs(&[1, 8, 8], &Device::Cpu).unwrap();
    let logits = alone.forward(&inputs, &mut ForwardContext::train(Seed::new(4))).unwrap();
    let loss = cross_entropy(&logits, &batch.labels, 0.0).unwrap();
    let loss = f64::from(loss.to_scalar::<f32>().unwrap());
    let name = space.official_name(architecture).unwrap_or_default();
    assert!((score.loss - loss).abs() < 1e-4, "{name}: {} is not {loss}", score.loss);
}

#[test]
fn with_one_operation_for_each_edge_it_is_the_network_of_that_architecture() {
    let space = space();
    for name in [
        "|nor_conv_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|avg_pool_3x3~0|none~1|nor_conv_3x3~2|",
        "|skip_connect~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|none~2|",
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
    ] {
        assert_is_network(&space, &space.parse(name).unwrap());
    }
    let space = proxyless::Proxyless::new(proxyless::Config::default()).unwrap();
    let mut rng = Seed::new(6).rng();
    for _ in 0..4 {
        assert_is_network(&space, &space.spec().sample(&mut rng));
    }
    let config = proxyless::Config { stages: 3, blocks: 2, channels: 6, widths: 3 };
    let space = proxyless::Proxyless::new(config).unwrap();
    for _ in 0..6 {
        assert_is_network(&space, &space.spec().sample(&mut rng));
    }
    // The last block has a stride, a pixel, and as many channels behind it as before.
    let config = proxyless::Config { stages: 5, blocks: 1, channels: 2, widths: 2 };
    let space = proxyless::Proxyless::new(config).unwrap();
    let blocks = (1..=5).map(|stage| format!("block_{stage}_1=mbconv3_3x3"));
    let blocks = blocks.collect::<Vec<_>>().join(",");
    let name = format!("{blocks},width_1=1,width_2=2,width_3=8,width_4=16,width_5=16");
    assert_is_network(&space, &space.parse(&name).unwrap());
    // Poolings are normalized in the supernet alone, so not one with them.
    let space = darts_space();
    let cell = "('sep_conv_3x3', 0), ('skip_connect', 1), ('dil_conv_5x5', 0), ('sep_conv_5x5', 2), \
                ('skip_connect', 0), ('dil_conv_3x3', 3), ('sep_conv_3x3', 2), ('skip_connect', 4)";
    let name = format!(
        "Genotype(normal=[{cell}], normal_concat=[2, 3, 4, 5], reduce=[{cell}], \
         reduce_concat=[2, 3, 4, 5])"
    );
    assert_is_network(&space, &space.parse(&name).unwrap());
}

#[test]
fn wider_weights_are_those_that_were_there_and_copies() {
    let supernet = space().relaxed().unwrap().supernet();
    let config = nas_bench_201::Config { channels: 8, cells: 1 };
    let whole = nas_bench_201::NasBench201::new(config).unwrap().relaxed().unwrap().supernet();
    let config = TrainConfig { batch_size: 20, ..TrainConfig::default() };
    let [mut narrow, mut wide] =
        [4, 2].map(|parts| shared(&whole.partial(parts).unwrap(), &config));
    let batch = batch(&config);
    narrow.forward(&batch, Seed::new(4));
    narrow.backward();
    narrow.step(0.1);
    wide.widen(&narrow, Seed::new(5)).unwrap();
    let parameters = |shared: &SharedWeights| -> Vec<(String, Vec<usize>)> {
        let parameters = shared.model().parameters().iter();
        parameters.map(|p| (p.name.clone(), p.var.dims().to_vec())).collect()
    };
    let (mut from, mut to, mut widened) = (0, 0, 0);
    for ((name, old), (same, new)) in std::iter::zip(parameters(&narrow), parameters(&wide)) {
        assert_eq!(name, same);
        let [count, more] = [&old, &new].map(|dims| dims.iter().product::<usize>());
        for (old_values, new_values) in
            [(narrow.weights(), wide.weights()), (narrow.moments(), wide.moments())]
        {
            let [old_values, new_values] =
                [&old_values[from..from + count], &new_values[to..to + more]];
            assert!(new_values.iter().all(|x| old_values.contains(x)), "{name}");
            // The first outputs, of the first inputs.
            let row = |dims: &[usize]| dims[1..].iter().product::<usize>();
            let pixels: usize = old[2.min(old.len())..].iter().product();
            for at in 0..old[0] {
                let inputs = if old.len() > 1 { old[1] * pixels } else { 1 };
                assert_eq!(
                    old_values[at * row(&old)..][..inputs],
                    new_values[at * row(&new)..][..inputs],
                    "{name}"
                );
            }
        }
        widened += usize::from(more > count);
        (from, to) = (from + count, to + more);
    }
    assert!(widened > 10, "{widened} are wider");
    let whole = shared(&supernet, &config);
    let problem = wide.widen(&whole, Seed::new(5)).unwrap_err().to_string();
    assert!(problem.contains("has no narrower one"), "{problem}");
}

/// What is in a network alone stays as it was, and what is not of a network is refused.
#[test]
fn a_network_with_more_than_the_supernet_inherits_what_both_have() {
    let config =
        darts::Config { auxiliary_weight: 0.4, drop_path: 0.2, ..darts::Config::default() };
    let space = darts::Darts::new(config).unwrap();
    let supernet = space.relaxed().unwrap().supernet();
    let shared = shared(&supernet, &TrainConfig { batch_size: 20, ..TrainConfig::default() });
    let architecture = space.spec().sample(&mut Seed::new(6).rng());
    let graph = space.graph(&architecture).unwrap();
    let alone = Model::new(&graph, &[1, 8, 8], 10, Seed::new(5), &Device::Cpu).unwrap();
    let values = |model: &Model| -> Vec<(String, Vec<f32>)> {
        let flat = |var: &Var| var.flatten_all().unwrap().to_vec1().unwrap();
        model.parameters().iter().map(|p| (p.name.clone(), flat(&p.var))).collect()
    };
    let before = values(&alone);
    let path = space.relaxed().unwrap().path(&architecture);
    let weights = shared.of_network(&supernet.one_hot(&path)).unwrap();
    alone.inherit(&weights).unwrap();
    for ((name, before), (_, after)) in std::iter::zip(before, values(&alone)) {
        // Scales and shifts begin the same anyway.
        let is_random = before.iter().any(|x| *x != before[0]);
        assert_eq!(before != after, is_random && !name.contains("auxiliary"), "{name}");
    }
    let other = crate::space::find("mlp").unwrap().make(&serde_json::Value::Null, &()).unwrap();
    let graph = other.graph(&other.spec().sample(&mut Seed::new(6).rng())).unwrap();
    let other = Model::new(&graph, &[1, 8, 8], 10, Seed::new(5), &Device::Cpu).unwrap();
    let problem = other.inherit(&weights).unwrap_err().to_string();
    assert!(problem.contains("there is no weight"), "{problem}");
}
