//! Writes every picture to `target/gallery`, to be looked at:
//! `cargo run -p nascent-figures --example gallery`. Folders of runs behind that are drawn too, each
//! by itself and all together.

#![expect(clippy::unwrap_used, reason = "its inputs are fixed")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::path::PathBuf;

use nascent_figures::{
    PLOTS, Picture, PlotOptions, Progress, RenderOptions, Theme, draw_graph, render_png, render_svg,
};
use nascent_record::{Run, RunView, TrialId};

fn save<'a>(name: &str, picture: impl Into<Picture<'a>>) {
    let picture = picture.into();
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/gallery");
    std::fs::create_dir_all(&dir).unwrap();
    for theme in [Theme::Light, Theme::Dark] {
        let options = RenderOptions { theme, scale: 1.5, ..RenderOptions::default() };
        let file = dir.join(format!("{name}-{theme:?}").to_lowercase());
        std::fs::write(file.with_extension("png"), render_png(picture, &options).unwrap()).unwrap();
        std::fs::write(file.with_extension("svg"), render_svg(picture, &options).unwrap()).unwrap();
    }
}

fn main() {
    let views: Vec<RunView> = (0..3).map(|seed| common::run(60, 12, seed)).collect();
    let names = ["2026-03-01 random, seed 0", "regularized_evolution", "local_search"];
    let runs: Vec<(&str, &RunView)> = names.into_iter().zip(&views).collect();
    for plot in PLOTS {
        for count in [1, 3] {
            let options = PlotOptions {
                selected: (count == 1).then_some((0, TrialId(7))),
                ..PlotOptions::default()
            };
            if let Ok(figure) = plot.figure(&runs[..count], &options) {
                save(&format!("{}-{count}", plot.id()), &figure);
            }
        }
    }
    let options = PlotOptions { progress: Progress::WallClock, ..PlotOptions::default() };
    let figure = PLOTS[0].figure(&runs, &options).unwrap();
    save("best_so_far-time", &figure);
    let large = common::run(20_000, 1, 9);
    for plot in PLOTS {
        if let Ok(figure) = plot.figure(&[("large", &large)], &PlotOptions::default()) {
            save(&format!("{}-large", plot.id()), &figure);
        }
    }
    let searcher = |seed| ["random", "regularized_evolution"][usize::from(seed % 3 == 0)];
    let many: Vec<RunView> =
        (0..14).map(|seed| common::run_of(searcher(seed), 30, 3, seed)).collect();
    let names: Vec<String> = (0..14)
        .map(|seed| format!("2026-03-01-1204-nas_bench_201-regularized_evolution-{seed}"))
        .collect();
    let runs: Vec<(&str, &RunView)> = names.iter().map(String::as_str).zip(&many).collect();
    let pool = PlotOptions { pool: true, ..PlotOptions::default() };
    save("best_so_far-pool", &PLOTS[0].figure(&runs, &pool).unwrap());
    for plot in PLOTS {
        let Ok(figure) = plot.figure(&runs, &PlotOptions::default()) else { continue };
        save(&format!("{}-many", plot.id()), &figure);
        let small = RenderOptions { width: 360, height: 240, ..RenderOptions::default() };
        let figure = plot.figure(&runs[..2], &PlotOptions::default()).unwrap();
        let png = render_png(&figure, &small).unwrap();
        let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/gallery");
        std::fs::write(dir.join(format!("{}-small.png", plot.id())), png).unwrap();
    }
    for (name, graph) in [
        ("cell", common::cell()),
        ("network", common::network()),
        ("darts", common::darts()),
        ("residual", common::residual()),
    ] {
        save(name, &draw_graph(&graph));
    }
    real();
}

/// The runs in the folders that were named.
fn real() {
    let folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let name = |folder: &PathBuf| folder.file_name().unwrap().to_string_lossy().into_owned();
    let opened: Vec<(String, RunView)> =
        folders.iter().map(|folder| (name(folder), Run::open(folder).unwrap())).collect();
    let runs: Vec<(&str, &RunView)> = opened.iter().map(|(n, view)| (n.as_str(), view)).collect();
    let singles = runs.iter().map(|run| (run.0, std::slice::from_ref(run)));
    for (name, runs) in singles.chain([("all", &runs[..])]) {
        for plot in PLOTS {
            if let Ok(figure) = plot.figure(runs, &PlotOptions::default()) {
                save(&format!("real-{}-{name}", plot.id()), &figure);
            }
        }
    }
}
