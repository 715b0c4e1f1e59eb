//! A small network of ours (convolution, batch normalization, ReLU, average, linear) against the
//! bare convolution of candle, forward and backward, for batches of 64 on one thread. That ours
//! takes less, though it does more, is why it has convolutions of its own. Compare the medians of
//! one run with each other.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use candle_core::{DType, Device, Tensor, Var};
use nascent::Seed;
use nascent::nn::{ForwardContext, Model};
use nascent::record::{Graph, Op};
use rand::RngExt as _;

const BATCH: usize = 64;

/// Channels and side of the image, kernel, stride.
const CASES: [(usize, usize, usize, usize); 7] = [
    (16, 32, 3, 1),
    (16, 32, 3, 2),
    (16, 32, 1, 1),
    (8, 8, 3, 1),
    (8, 8, 1, 1),
    (32, 8, 3, 1),
    (32, 8, 1, 1),
];

fn random(dims: &[usize]) -> Tensor {
    let mut rng = Seed::new(1).rng();
    let values = (0..dims.iter().product()).map(|_| rng.random::<f32>() - 0.5).collect();
    Tensor::from_vec::<_, f32>(values, dims, &Device::Cpu).unwrap()
}

#[divan::bench(args = CASES.map(|case| format!("{case:?}")))]
fn ours(bencher: divan::Bencher<'_, '_>, case: &str) {
    let (channels, size, kernel, stride) = find(case);
    let mut graph = Graph::new("network");
    let conv = Op::new("conv").with("channels", channels).with("kernel", kernel);
    graph.then("conv", conv.with("stride", stride));
    graph.then("head", Op::new("head"));
    let shape = [channels, size, size];
    let model = Model::new(&graph, &shape, 10, Seed::new(1), &Device::Cpu).unwrap();
    // The gradient of the input is part of the work, as in the middle of a network.
    let x = Var::from_tensor(&random(&[BATCH, channels, size, size])).unwrap();
    bencher.bench_local(|| {
        let mut cx = ForwardContext::train(Seed::new(2));
        let y = model.forward(x.as_tensor(), &mut cx).unwrap();
        y.sum_all().unwrap().backward().unwrap()
    });
}

#[divan::bench(args = CASES.map(|case| format!("{case:?}")))]
fn bare_convolution_of_candle(bencher: divan::Bencher<'_, '_>, case: &str) {
    let (channels, size, kernel, stride) = find(case);
    let x = Var::from_tensor(&random(&[BATCH, channels, size, size])).unwrap();
    let w = Var::from_tensor(&random(&[channels, channels, kernel, kernel])).unwrap();
    bencher.bench_local(|| {
        let y = x.conv2d(w.as_tensor(), kernel / 2, stride, 1, 1).unwrap();
        y.to_dtype(DType::F32).unwrap().sum_all().unwrap().backward().unwrap()
    });
}

fn find(case: &str) -> (usize, usize, usize, usize) {
    CASES.into_iter().find(|known| format!("{known:?}") == case).unwrap()
}

fn main() {
    nascent::train::one_thread_per_operation();
    // As trainings do, not on the main thread: there the allocator of glibc gives memory back to the
    // system after each operation.
    let thread = std::thread::Builder::new().name("nascent-bench".to_owned());
    thread.spawn(divan::main).unwrap().join().unwrap();
}
