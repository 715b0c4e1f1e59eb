//! Operations against slow references, gradients against finite differences, networks against
//! published figures.

use candle_core::{DType, Device, Tensor, Var};
use nascent_record::{Combine, Edge, Graph, Node, Op as Settings};
use rand::RngExt as _;

use super::*;

const CPU: &Device = &Device::Cpu;

fn random(dims: &[usize], seed: u64) -> Var {
    let mut rng = Seed::new(seed).rng();
    let values = (0..dims.iter().product()).map(|_| rng.random::<f64>() * 2.0 - 1.0);
    Var::from_tensor(&Tensor::from_vec(values.collect::<Vec<_>>(), dims, CPU).unwrap()).unwrap()
}

fn values(x: &Tensor) -> Vec<f64> {
    x.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

fn assert_close(actual: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(actual.len(), expected.len());
    for (at, (a, b)) in actual.iter().zip(expected).enumerate() {
        let scale = 1.0_f64.max(b.abs());
        assert!((a - b).abs() <= tolerance * scale, "{a} instead of {b} at {at}");
    }
}

/// Compares the gradient of a random projection of the output with central differences.
fn check_gradient(inputs: &[&Var], f: impl Fn() -> Tensor) {
    let direction = random(f().dims(), 99).as_detached_tensor();
    let loss = || (f() * &direction).unwrap().sum_all().unwrap();
    let gradients = loss().backward().unwrap();
    for var in inputs {
        let analytic = values(gradients.get(var.as_tensor()).expect("a gradient"));
        let original = var.as_detached_tensor().copy().unwrap();
        let base = values(&original);
        let numeric: Vec<f64> = (0..base.len())
            .map(|at| {
                let at_distance = |step: f64| {
                    let mut moved = base.clone();
                    moved[at] += step;
                    var.set(&Tensor::from_vec(moved, original.dims(), CPU).unwrap()).unwrap();
                    loss().to_scalar::<f64>().unwrap()
                };
                (at_distance(1e-5) - at_distance(-1e-5)) / 2e-5
            })
            .collect();
        var.set(&original).unwrap();
        assert_close(&analytic, &numeric, 1e-6);
    }
}

/// A convolution or pooling by its definition: `value` joins what a window covers.
fn windows(
    x: &Tensor,
    kernel: usize,
    stride: usize,
    mut value: impl FnMut(usize, &[(usize, Vec<f64>)]) -> f64,
    outputs: usize,
) -> Vec<f64> {
    let (batch, channels, height, width) = x.dims4().unwrap();
    let all = values(x);
    let mut result = Vec::new();
    let pad = (kernel as i64 - 1) / 2;
    for b in 0..batch {
        for output in 0..outputs {
            for row in 0..height.div_ceil(stride) {
                for column in 0..width.div_ceil(stride) {
                    let mut covered = Vec::new();
                    for ky in 0..kernel {
                        for kx in 0..kernel {
                            let y = (row * stride + ky) as i64 - pad;
                            let x = (column * stride + kx) as i64 - pad;
                            if (0..height as i64).contains(&y) && (0..width as i64).contains(&x) {
                                let at = |c: usize| {
                                    all[((b * channels + c) * height + y as usize) * width
                                        + x as usize]
                                };
                                covered.push((ky * kernel + kx, (0..channels).map(at).collect()));
                            }
                        }
                    }
                    result.push(value(output, &covered));
                }
            }
        }
    }
    result
}

const SIZES: [(usize, usize); 5] = [(5, 4), (8, 8), (3, 1), (2, 2), (1, 1)];

#[test]
fn a_convolution_is_that_of_its_definition() {
    for (kernel, stride) in [(1, 1), (3, 1), (5, 1), (3, 2), (5, 2), (1, 2), (2, 1), (4, 3)] {
        for (height, width) in SIZES {
            let x = random(&[3, 2, height, width], 1);
            let w = random(&[4, 2, kernel, kernel], 2);
            let weights = values(w.as_tensor());
            let expected = windows(
                x.as_tensor(),
                kernel,
                stride,
                |output, covered| {
                    let product = |(tap, inputs): &(usize, Vec<f64>)| {
                        let weight = |c| weights[(output * 2 + c) * kernel * kernel + tap];
                        inputs.iter().enumerate().map(|(c, x)| x * weight(c)).sum::<f64>()
                    };
                    covered.iter().map(product).sum()
                },
                4,
            );
            let window = Window { kernel, stride };
            let f = || window.convolution(x.as_tensor(), w.as_tensor(), 1, 1).unwrap();
            assert_close(&values(&f()), &expected, 1e-12);
            check_gradient(&[&x, &w], f);
        }
    }
}

#[test]
fn a_depthwise_convolution_is_that_of_its_definition() {
    for (kernel, stride) in [(3, 1), (5, 1), (3, 2), (5, 2), (2, 2), (1, 1)] {
        for (height, width) in SIZES {
            let x = random(&[2, 3, height, width], 1);
            let w = random(&[3, 1, kernel, kernel], 2);
            let weights = values(w.as_tensor());
            let expected = windows(
                x.as_tensor(),
                kernel,
                stride,
                |c, covered| {
                    let product = |(tap, inputs): &(usize, Vec<f64>)| {
                        inputs[c] * weights[c * kernel * kernel + tap]
                    };
                    covered.iter().map(product).sum()
                },
                3,
            );
            let window = Window { kernel, stride };
            let f = || window.convolution(x.as_tensor(), w.as_tensor(), 3, 1).unwrap();
            assert_close(&values(&f()), &expected, 1e-12);
            check_gradient(&[&x, &w], f);
        }
    }
}

#[test]
fn pooling_is_that_of_its_definition() {
    for (kernel, stride) in [(3, 1), (2, 2), (3, 2), (5, 1), (2, 1), (4, 3)] {
        for (height, width) in SIZES {
            let window = Window { kernel, stride };
            let x = random(&[3, 2, height, width], 1);
            let mean = |c: usize, covered: &[(usize, Vec<f64>)]| {
                covered.iter().map(|(_, inputs)| inputs[c]).sum::<f64>() / covered.len() as f64
            };
            let expected = windows(x.as_tensor(), kernel, stride, mean, 2);
            let f = || window.average(x.as_tensor()).unwrap();
            assert_close(&values(&f()), &expected, 1e-12);
            check_gradient(&[&x], f);

            let largest = |c: usize, covered: &[(usize, Vec<f64>)]| {
                covered.iter().map(|(_, inputs)| inputs[c]).fold(f64::NEG_INFINITY, f64::max)
            };
            let expected = windows(x.as_tensor(), kernel, stride, largest, 2);
            let f = || window.largest(x.as_tensor()).unwrap();
            assert_close(&values(&f()), &expected, 1e-12);
            check_gradient(&[&x], f);
        }
    }
}

fn model(graph: &Graph, input: &[usize]) -> Model {
    Model::with_dtype(graph, input, 3, Seed::new(1), CPU, DType::F64).unwrap()
}

fn chain(ops: impl IntoIterator<Item = Settings>) -> Graph {
    let mut graph = Graph::new("chain");
    for (at, op) in ops.into_iter().enumerate() {
        graph.then(&format!("layer {at}"), op);
    }
    graph
}

/// Every operation with settings under which it keeps the channel count.
fn every_op() -> Vec<Settings> {
    let settings = |op: &&dyn Op| {
        let mut settings = Settings::new(op.name());
        for name in op.attributes() {
            settings = match *name {
                "channels" | "stride" | "expansion" | "of" | "groups" => {
                    settings.with(name, 2_usize)
                }
                "kernel" => settings.with(name, 3_usize),
                "width" => settings.with(name, 5_usize),
                "activation" => settings.with(name, "silu"),
                "kind" => settings.with(name, "gelu"),
                "rate" | "weight" => settings.with(name, 0.5),
                "from" | "coefficient" => settings.with(name, 0_usize),
                "to" => settings.with(name, 1_usize),
                "widths" => settings.with(name, "1,2"),
                other => panic!("unknown attribute {other}"),
            };
        }
        settings
    };
    OPS.iter().map(settings).collect()
}

#[test]
fn the_gradient_of_every_operation_is_that_of_finite_differences() {
    let dense = ["linear", "classifier", "layer_norm"];
    // What is beside the network is in the tests of programs.
    for op in every_op().into_iter().filter(|op| op.name != AUXILIARY_HEAD) {
        for size in [(4, 5), (1, 1)] {
            let mut ops = vec![Settings::new("stem").with("channels", 2_usize)];
            if dense.contains(&op.name.as_str()) {
                ops.push(Settings::new("flatten"));
            }
            ops.push(op.clone());
            match op.name.as_str() {
                "head" | "classifier" => {}
                _ => ops.extend([Settings::new("flatten"), Settings::new("classifier")]),
            }
            let model = model(&chain(ops), &[1, size.0, size.1]);
            let inputs = random(&[6, 1, size.0, size.1], 4);
            let coefficients = Tensor::new(&[0.3, 0.7], CPU).unwrap();
            let vars: Vec<&Var> = model.parameters().iter().map(|p| &p.var).collect();
            // Only what has a gradient: behind `none` nothing reaches the stem.
            let run = || {
                let cx = ForwardContext::train(Seed::new(8));
                let mut cx = cx.with_coefficients(coefficients.clone());
                model.forward(inputs.as_tensor(), &mut cx).unwrap()
            };
            let gradients = run().sum_all().unwrap().backward().unwrap();
            let reached: Vec<&Var> =
                vars.into_iter().filter(|var| gradients.get(var.as_tensor()).is_some()).collect();
            assert!(reached.len() >= 2, "{}", op.name);
            check_gradient(&reached, run);
        }
    }
}

#[test]
fn every_operation_counts_its_parameters_and_its_output_shape_right() {
    for op in every_op() {
        let flat = ["linear", "classifier", "layer_norm"].contains(&op.name.as_str());
        for input in [[2, 7, 5], [2, 1, 1]] {
            let input = if flat { Shape::Features(10) } else { Shape::new(&input).unwrap() };
            let (mut counted, mut made) = (builder::Store::default(), builder::Store::default());
            let target =
                builder::Target { seed: Seed::new(1), dtype: DType::F64, device: CPU.clone() };
            let found = find(&op.name).unwrap();
            let (_, first) =
                found.build(&op, input, &mut Builder::new(&mut counted, None, 3)).unwrap();
            let (layer, shape) =
                found.build(&op, input, &mut Builder::new(&mut made, Some(&target), 3)).unwrap();
            assert_eq!((first, counted.cost), (shape, made.cost), "{}", op.name);
            let params: usize = made.parameters.iter().map(|p| p.var.elem_count()).sum();
            assert_eq!(made.cost.params, params as u64, "{}", op.name);
            let x = random(&input.batch(4), 1);
            let coefficients = Tensor::new(&[0.3, 0.7], CPU).unwrap();
            let mut cx = ForwardContext::eval().with_coefficients(coefficients);
            let y = layer.forward(x.as_tensor(), &mut cx).unwrap();
            assert_eq!(y.dims(), shape.batch(4), "{}", op.name);
        }
    }
}

/// NAS-Bench-201 with the same operation on all six edges.
fn nas_bench_201(op: &str, channels: usize, cells: usize) -> Graph {
    let mut cell = Graph::new("cell");
    for label in ["1", "2", "output"] {
        cell.nodes.push(Node { label: label.to_owned(), combine: Combine::Sum, op: None });
    }
    for (from, to) in [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)] {
        cell.edge(from, to, Settings::new(op));
    }
    let mut graph = Graph::new("nas_bench_201");
    graph.cells.insert("cell".to_owned(), cell);
    graph.then("stem", Settings::new("stem").with("channels", channels));
    for stage in 0..3 {
        if stage > 0 {
            let wider = channels << stage;
            graph.then("reduction", Settings::new("residual_reduction").with("channels", wider));
        }
        for number in 0..cells {
            graph.then(&format!("cell {}", stage * cells + number + 1), Settings::cell("cell"));
        }
    }
    graph.then("head", Settings::new("head"));
    graph
}

// The figures are those that the benchmark publishes, in millions.
#[test]
fn nas_bench_201_costs_what_its_authors_say() {
    let costs = |op| {
        let cost = cost(&nas_bench_201(op, 16, 5), &[3, 32, 32], 10).unwrap();
        (cost.params, cost.flops)
    };
    assert_eq!(costs("none"), (73_306, 7_783_050));
    assert_eq!(costs("skip_connect"), (73_306, 7_783_050));
    assert_eq!(costs("avg_pool_3x3"), (73_306, 7_783_050));
    assert_eq!(costs("nor_conv_1x1"), (73_306 + 6 * 28_000, 7_783_050 + 6 * 3_932_160));
    assert_eq!(costs("nor_conv_3x3"), (73_306 + 6 * 243_040, 7_783_050 + 6 * 35_389_440));
}

#[test]
fn parameters_are_named_by_where_they_are() {
    let model = model(&nas_bench_201("nor_conv_1x1", 2, 1), &[1, 8, 8]);
    let names: Vec<&str> = model.parameters().iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names[0], "stem.conv.weight");
    assert!(names.contains(&"cell_3.edge_0_1.conv.weight"), "{names:?}");
    assert!(names.contains(&"node_3_reduction.shortcut.weight"), "{names:?}");
    let mut unique = names.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), names.len());
    let weights: Vec<bool> = model.parameters()[..3].iter().map(|p| p.is_weight).collect();
    assert_eq!(weights, [true, false, false]);
}

#[test]
fn a_network_that_nothing_reaches_still_runs() {
    let graph = nas_bench_201("none", 2, 1);
    check_forward(&graph, &[1, 8, 8], 3).unwrap();
    check_forward(&graph, &[3, 1, 5], 3).unwrap();
    let model = model(&graph, &[1, 8, 8]);
    let logits = model.predict(random(&[2, 1, 8, 8], 1).as_tensor()).unwrap();
    let rows = logits.to_vec2::<f64>().unwrap();
    assert_eq!(rows[0], rows[1]);
}

#[test]
fn nodes_join_what_reaches_them() {
    // Two inputs into one cell, concatenation, parallel edges, and an edge that is not there.
    let mut cell = Graph::new("cell");
    cell.inputs = 2;
    cell.nodes.push(Node { label: "second".to_owned(), combine: Combine::Sum, op: None });
    let node = Node { label: "both".to_owned(), combine: Combine::Concat, op: None };
    cell.nodes.push(node);
    cell.edge(0, 2, Settings::new("none"));
    cell.edge(1, 2, Settings::new("identity"));
    cell.edges.push(Edge { from: 0, to: 2, op: None, coefficient: None });
    let mut graph = Graph::new("net");
    graph.cells.insert("cell".to_owned(), cell);
    let doubled = graph.node("doubled", None, &[0, 0]);
    let both = graph.node("cell", Some(Settings::cell("cell")), &[0, doubled]);
    graph.node("flat", Some(Settings::new("flatten")), &[both]);
    graph.then("classifier", Settings::new("classifier"));
    let model = Model::with_dtype(&graph, &[2, 1, 1], 6, Seed::new(1), CPU, DType::F64).unwrap();
    // The classifier as the identity shows what it gets.
    let weight = &model.parameters()[0].var;
    weight.set(&Tensor::eye(6, DType::F64, CPU).unwrap()).unwrap();
    model.parameters()[1].var.set(&Tensor::zeros(6, DType::F64, CPU).unwrap()).unwrap();
    let inputs = Tensor::from_slice(&[1.0, 2.0, 3.0, 4.0], (2, 2, 1, 1), CPU).unwrap();
    let logits = model.predict(&inputs).unwrap().to_vec2::<f64>().unwrap();
    assert_eq!(logits[0], [0.0, 0.0, 2.0, 4.0, 1.0, 2.0]);
    assert_eq!(logits[1], [0.0, 0.0, 6.0, 8.0, 3.0, 4.0]);
}

#[test]
fn what_cannot_be_built_says_why() {
    let message = |graph: &Graph, input: &[usize]| cost(graph, input, 3).unwrap_err().to_string();
    let graph = chain([Settings::new("linear").with("width", 3_usize)]);
    assert!(message(&graph, &[1, 8, 8]).contains("put a flatten before it"));
    let graph = chain([Settings::new("flatten"), Settings::new("linear").with("width", 4_usize)]);
    assert!(message(&graph, &[1, 8, 8]).contains("instead of 3 classes"));
    let graph = chain([Settings::new("conv").with("channel", 3_usize)]);
    let text = message(&graph, &[1, 8, 8]);
    assert!(text.contains("no attribute \"channel\"") && text.contains("channels"), "{text}");
    let graph = chain([Settings::new("convv")]);
    assert!(message(&graph, &[1, 8, 8]).contains("there is no operation \"convv\""));
    let graph = chain([Settings::new("stem")]);
    assert!(message(&graph, &[1, 8, 8]).contains("\"channels\""));
    let graph = chain([Settings::new("conv")]);
    assert!(message(&graph, &[8]).contains("needs an image"));
    let mut graph = chain([Settings::new("conv").with("channels", 2_usize)]);
    graph.node("sum", None, &[0, 1]);
    assert!(message(&graph, &[1, 8, 8]).contains("put a projection before"));
}

#[test]
fn weights_survive_being_saved() {
    let graph = nas_bench_201("nor_conv_3x3", 2, 1);
    let make = |seed| Model::new(&graph, &[1, 8, 8], 3, Seed::new(seed), CPU).unwrap();
    let (first, second) = (make(1), make(2));
    let inputs = random(&[5, 1, 8, 8], 1).to_dtype(DType::F32).unwrap();
    first.set_input_statistics(&[0.3], &[0.7]).unwrap();
    for seed in 0..3 {
        first.forward(&inputs, &mut ForwardContext::train(Seed::new(seed))).unwrap();
    }
    let bytes = first.to_safetensors().unwrap();
    assert_eq!(bytes, first.to_safetensors().unwrap());
    let logits = |model: &Model| values(&model.predict(&inputs).unwrap());
    assert_ne!(logits(&first), logits(&second));
    second.load_safetensors(&bytes).unwrap();
    assert_eq!(logits(&first), logits(&second));
    assert_eq!(logits(&first), logits(&Model::from_safetensors(&bytes, CPU).unwrap()));
    let other = Model::new(&nas_bench_201("none", 2, 1), &[1, 8, 8], 3, Seed::new(1), CPU).unwrap();
    let fewer = other.to_safetensors().unwrap();
    let message = first.load_safetensors(&fewer).unwrap_err().to_string();
    assert!(message.contains("edge_0_1.conv.weight"), "{message}");
    assert!(Model::from_safetensors(b"no weights", CPU).is_err());
}

#[test]
fn running_statistics_follow_the_batches() {
    let graph = chain([Settings::new("batch_norm"), Settings::new("classifier")]);
    let model = model(&graph, &[2]);
    let x = Tensor::from_slice(&[1.0, 10.0, 3.0, 30.0], (2, 2), CPU).unwrap();
    model.forward(&x, &mut ForwardContext::train(Seed::new(0))).unwrap();
    let running: Vec<Vec<f64>> = model
        .tensors()
        .filter(|(name, _)| name.contains("running"))
        .map(|(_, v)| values(v))
        .collect();
    // A tenth of the way from (0, 1) to the mean and the unbiased variance.
    assert_close(&running[0], &[0.2, 2.0], 1e-12);
    assert_close(&running[1], &[0.9 + 0.2, 0.9 + 20.0], 1e-12);
}

#[test]
fn the_measures_of_the_parts_add_up_to_the_cost_of_the_network() {
    let mut cell = Graph::new("cell");
    cell.node("sum", None, &[]);
    cell.edge(0, 1, Settings::new("nor_conv_3x3"));
    cell.edge(0, 1, Settings::new("skip_connect"));
    let mut graph = Graph::new("net");
    graph.then("stem", Settings::new("conv").with("channels", 4_usize).with("kernel", 3_usize));
    graph.then("cell 1", Settings::cell("cell"));
    graph.then("cell 2", Settings::cell("cell"));
    graph.then("pool", Settings::new("global_avg_pool"));
    graph.then("classifier", Settings::new("classifier"));
    graph.cells.insert("cell".to_owned(), cell);
    let (found, all) = (measures(&graph, &[1, 8, 8], 10), cost(&graph, &[1, 8, 8], 10).unwrap());
    let found = found.unwrap();
    let known = || found.nodes.iter().flatten();
    assert_eq!(known().map(|part| part.params).sum::<u64>(), all.params);
    assert_eq!(known().map(|part| part.flops).sum::<u64>(), all.flops);
    assert_eq!(found.nodes[0], None);
    let shapes: Vec<&[usize]> = known().map(|part| &part.shape[..]).collect();
    assert_eq!(shapes, [&[4, 8, 8][..], &[4, 8, 8], &[4, 8, 8], &[4], &[10]]);
    let inside = &found.cells["cell"];
    let of_cell = found.nodes[2].as_ref().unwrap();
    assert_eq!(inside.edges[0].as_ref().unwrap().params, of_cell.params);
    assert_eq!(inside.edges[1].as_ref().unwrap().flops, 0);
}
