//! How long each plot takes with a run of 100,000 trials: to make its figure, which happens whenever
//! a run has grown, and to draw that as SVG.
//!
//! `cargo bench -p nascent-figures --bench plots`
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run may panic")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::sync::LazyLock;

use divan::Bencher;
use nascent_figures::{Figure, PLOTS, PlotOptions, RenderOptions, find, render_svg};
use nascent_record::RunView;

/// Two runs, for plots that compare.
static RUNS: LazyLock<[RunView; 2]> =
    LazyLock::new(|| [common::run(100_000, 3, 1), common::run(100_000, 3, 2)]);

fn main() {
    LazyLock::force(&RUNS);
    divan::main();
}

fn ids() -> impl Iterator<Item = &'static str> {
    PLOTS.iter().map(|plot| plot.id())
}

fn of(id: &str) -> Figure {
    let [a, b] = &*RUNS;
    let runs = [("one", a), ("other", b)];
    let fewest = if id == "overlap" { 2 } else { 1 };
    find(id).unwrap().figure(&runs[..fewest], &PlotOptions::default()).unwrap()
}

#[divan::bench(args = ids(), sample_count = 5)]
fn figure(bencher: Bencher<'_, '_>, id: &str) {
    bencher.bench(|| of(id));
}

#[divan::bench(args = ids(), sample_count = 5)]
fn svg(bencher: Bencher<'_, '_>, id: &str) {
    let figure = of(id);
    bencher.bench(|| render_svg(&figure, &RenderOptions::default()).unwrap());
}
