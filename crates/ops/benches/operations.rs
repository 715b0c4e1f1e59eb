//! The operations of [`cases`], forward and forward with backward, for batches of 64 on one thread.
//! Compare the medians of one run with each other; `cargo xtask bench-torch` puts them beside those
//! of PyTorch.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

mod cases;

use cases::{CASES, Case};

fn names() -> impl Iterator<Item = &'static str> {
    CASES.iter().map(|case| case.name)
}

fn case(name: &str) -> &'static Case {
    CASES.iter().find(|case| case.name == name).unwrap()
}

#[divan::bench(args = names())]
fn forward(bencher: divan::Bencher<'_, '_>, name: &str) {
    let (_, mut iteration) = case(name).prepare(false).unwrap();
    bencher.bench_local(|| iteration().unwrap());
}

#[divan::bench(args = names())]
fn forward_backward(bencher: divan::Bencher<'_, '_>, name: &str) {
    let (_, mut iteration) = case(name).prepare(true).unwrap();
    bencher.bench_local(|| iteration().unwrap());
}

fn main() {
    // On a thread of a pool of one, as trainings are.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(divan::main);
}
