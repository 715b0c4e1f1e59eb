//! The training steps of [`cases`], on one thread. Compare the medians of one run with each other;
//! `cargo xtask bench-torch` puts them beside those of PyTorch.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod cases;

use cases::CASES;

#[divan::bench(args = CASES.iter().map(|case| case.name), sample_count = 20)]
fn step(bencher: divan::Bencher<'_, '_>, name: &str) {
    let case = CASES.iter().find(|case| case.name == name).unwrap();
    let (_, mut iteration) = case.prepare().unwrap();
    bencher.bench_local(|| iteration().unwrap());
}

fn main() {
    nascent::train::one_thread_per_operation();
    // On a thread of a pool of one, as trainings are; the gradient of a deep network is a deep
    // recursion.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).stack_size(64 << 20).build();
    pool.unwrap().install(divan::main);
}
