//! Every plot and every kind of drawing, from runs to pixels.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::fmt::Write as _;

use nascent_figures::{
    Axis, Cell, Cells, Drawing, Figure, Interval, Mark, PLOTS, Plot, PlotOptions, Point, Progress,
    RenderOptions, Role, Theme, draw_graph, find, render_png, render_svg,
};
use nascent_record::{RunView, TrialId};

const THEMES: [Theme; 2] = [Theme::Light, Theme::Dark];

fn views() -> Vec<RunView> {
    (0..3).map(|seed| common::run(16, 4, seed)).collect()
}

fn named(views: &[RunView]) -> Vec<(&str, &RunView)> {
    ["random", "evolution", "a <b> & \"c\""].into_iter().zip(views).collect()
}

fn small(theme: Theme) -> RenderOptions {
    RenderOptions { width: 360, height: 240, theme, scale: 1.0 }
}

/// The fewest runs that a plot needs: some compare.
fn fewest(plot: &dyn Plot) -> usize {
    if plot.id() == "overlap" { 2 } else { 1 }
}

/// A figure as compact text.
fn text(figure: &Figure) -> String {
    let mut text = format!("{}\n{}\n", figure.title, figure.subtitle);
    let axis = |axis: &Axis| {
        let ticks = axis.ticks.iter().flatten().map(|tick| format!("{}={}", tick.at, tick.label));
        let ticks = ticks.collect::<Vec<_>>().join(" ");
        format!("{} {:?} {:.3?} [{ticks}]", axis.label, axis.scale, axis.range)
    };
    let points = |points: &[Point]| {
        let point = |p: &Point| {
            let trial = p.trial.map_or_else(String::new, |trial| format!("#{trial}"));
            format!("{:.4},{:.4}{trial}", p.x, p.y)
        };
        points.iter().map(point).collect::<Vec<_>>().join(" ")
    };
    writeln!(text, "x: {}\ny: {}", axis(&figure.x), axis(&figure.y)).unwrap();
    for mark in &figure.marks {
        match mark {
            Mark::Line(s) | Mark::Step(s) | Mark::Points(s) => {
                let kind = format!("{mark:?}");
                let kind = kind.split('(').next().unwrap();
                let points = points(&s.points);
                writeln!(text, "{kind} {:?} {:?} run {}: {points}", s.name, s.role, s.run).unwrap();
            }
            Mark::Bars(bars) => {
                writeln!(text, "Bars {:?} {:?} run {}", bars.name, bars.role, bars.run).unwrap();
                for bar in &bars.bars {
                    writeln!(text, "  {} {:.4} {}", bar.at, bar.value, bar.note).unwrap();
                }
            }
            Mark::Parallel(parallel) => {
                for of in &parallel.axes {
                    writeln!(text, "axis: {}", axis(of)).unwrap();
                }
                for bundle in &parallel.bundles {
                    writeln!(text, "Bundle {:?} {:?} run {}", bundle.name, bundle.role, bundle.run)
                        .unwrap();
                    for thread in &bundle.threads {
                        writeln!(text, "  #{} {:.3?}", thread.trial, thread.values).unwrap();
                    }
                }
            }
            Mark::Band(band) => writeln!(text, "Band {band:?}").unwrap(),
            Mark::Area(area) => {
                writeln!(text, "Area {:?} {:?} run {}", area.name, area.role, area.run).unwrap();
                writeln!(text, "  {:.3?}", area.points).unwrap();
            }
            Mark::Links(l) => {
                writeln!(text, "Links {:?} {:?} run {}", l.name, l.role, l.run).unwrap();
                for link in &l.links {
                    writeln!(text, "  {}", points(&[link.from, link.to])).unwrap();
                }
            }
            Mark::Intervals(i) => {
                writeln!(text, "Intervals {:?} {:?} run {}", i.name, i.role, i.run).unwrap();
                for Interval { at, from, to, trial } in &i.intervals {
                    let trial = trial.map_or_else(String::new, |trial| format!("#{trial}"));
                    writeln!(text, "  {at} {from:.4}..{to:.4}{trial}").unwrap();
                }
            }
            Mark::Cells(cells) => {
                let Cells { label, run, range, cells } = cells;
                writeln!(text, "Cells {label:?} {range:.4?} run {run}").unwrap();
                for Cell { x, y, value, trial, note } in cells {
                    let trial = trial.map_or_else(String::new, |trial| format!("#{trial}"));
                    writeln!(text, "  {x:.4?} {y:.4?} {value:.4}{trial} {note}").unwrap();
                }
            }
        }
    }
    text
}

#[test]
fn figures_of_every_plot() {
    let views = views();
    for plot in PLOTS {
        let figure = plot.figure(&named(&views)[..fewest(*plot)], &PlotOptions::default()).unwrap();
        insta::assert_snapshot!(format!("figure_{}", plot.id()), text(&figure));
    }
}

#[test]
fn svg_of_every_plot() {
    let views = views();
    for plot in PLOTS {
        let figure = plot.figure(&named(&views)[..2], &PlotOptions::default()).unwrap();
        let svg = render_svg(&figure, &small(Theme::Light)).unwrap();
        insta::assert_snapshot!(format!("svg_{}", plot.id()), svg);
    }
}

#[test]
fn every_plot_says_why_there_is_nothing_to_see() {
    let empty = common::empty();
    let mut sentences = String::new();
    for plot in PLOTS {
        for runs in [vec![], vec![("empty", &empty)]] {
            let count = runs.len();
            let not_yet = plot.figure(&runs, &PlotOptions::default()).unwrap_err();
            assert!(not_yet.0.ends_with('.'), "{not_yet}");
            writeln!(sentences, "{} of {count}: {not_yet}", plot.id()).unwrap();
        }
    }
    insta::assert_snapshot!(sentences);
}

#[test]
fn every_plot_draws_one_two_and_three_runs_in_both_themes() {
    let views = views();
    let options = PlotOptions { selected: Some((0, TrialId(3))), ..PlotOptions::default() };
    for plot in PLOTS {
        for count in fewest(*plot)..=3 {
            let figure = plot.figure(&named(&views)[..count], &options).unwrap();
            for theme in THEMES {
                let svg = render_svg(&figure, &small(theme)).unwrap();
                assert_eq!(svg, render_svg(&figure, &small(theme)).unwrap());
                well_formed(&svg);
                assert_png(&render_png(&figure, &small(theme)).unwrap(), 360, 240);
            }
        }
    }
}

#[test]
fn runs_that_have_nothing_do_not_hide_the_others() {
    let (views, empty) = (views(), common::empty());
    let mut unnamed = Vec::new();
    for plot in PLOTS {
        let runs = [("empty", &empty), ("full", &views[1]), ("more", &views[2])];
        let figure = plot.figure(&runs[..=fewest(*plot)], &PlotOptions::default()).unwrap();
        let legend = figure.legend();
        match legend.iter().find(|entry| entry.name == "full") {
            Some(entry) => assert_eq!(entry.role, Role::Series(1), "{}", plot.id()),
            None => unnamed.push(plot.id()),
        }
    }
    // These sum runs up, show one of them, or have the names of runs on an axis.
    let known =
        ["contour", "timeline", "relevance", "controller", "alpha", "target_time", "overlap"];
    assert_eq!(unnamed, known);
}

#[test]
fn best_so_far_by_everything() {
    let views = views();
    let labels: Vec<String> =
        [Progress::Trials, Progress::Epochs, Progress::Cost, Progress::WallClock]
            .into_iter()
            .map(|progress| {
                let options = PlotOptions { progress, ..PlotOptions::default() };
                let figure = find("best_so_far").unwrap().figure(&named(&views), &options).unwrap();
                for mark in &figure.marks {
                    if let Mark::Step(series) = mark {
                        let rising =
                            |pair: &[Point]| pair[0].x <= pair[1].x && pair[0].y <= pair[1].y;
                        assert!(series.points.windows(2).all(rising));
                    }
                }
                figure.x.label
            })
            .collect();
    insta::assert_snapshot!(labels.join("\n"));
}

#[test]
fn runs_of_one_searcher_can_be_pooled() {
    let views: Vec<RunView> = (0..5)
        .map(|seed| common::run_of(["random", "evolution"][seed as usize / 3], 12, 1, seed))
        .collect();
    let runs: Vec<(&str, &RunView)> = views.iter().map(|view| ("run", view)).collect();
    let options = PlotOptions { pool: true, ..PlotOptions::default() };
    let figure = find("best_so_far").unwrap().figure(&runs, &options).unwrap();
    insta::assert_snapshot!(text(&figure));
    well_formed(&render_svg(&figure, &small(Theme::Dark)).unwrap());
}

#[test]
fn an_unknown_metric_is_met_with_the_nearest() {
    let views = views();
    let options =
        PlotOptions { metric: Some("valid_acuracy".to_owned()), ..PlotOptions::default() };
    let not_yet = find("best_so_far").unwrap().figure(&named(&views), &options).unwrap_err();
    assert!(not_yet.0.contains("did you mean \"valid_accuracy\"?"), "{not_yet}");
}

#[test]
fn a_large_run_makes_a_small_picture() {
    let view = common::run(20_000, 2, 5);
    for plot in PLOTS {
        let runs = [("large", &view), ("again", &view)];
        let figure = plot.figure(&runs[..fewest(*plot)], &PlotOptions::default()).unwrap();
        let svg = render_svg(&figure, &RenderOptions::default()).unwrap();
        assert!(svg.len() < 3_000_000, "{}: {} bytes", plot.id(), svg.len());
    }
}

#[test]
fn drawings() {
    let graphs = [
        ("cell", common::cell()),
        ("network", common::network()),
        ("darts", common::darts()),
        ("residual", common::residual()),
    ];
    for (name, graph) in graphs {
        let drawing = draw_graph(&graph);
        insta::assert_snapshot!(format!("drawing_{name}"), boxes(&drawing));
        for theme in THEMES {
            let svg = render_svg(&drawing, &small(theme)).unwrap();
            well_formed(&svg);
            let png = render_png(&drawing, &small(theme)).unwrap();
            assert!(width_of(&png) <= 360);
        }
    }
    let svg = render_svg(&draw_graph(&common::cell()), &RenderOptions::default()).unwrap();
    insta::assert_snapshot!("svg_cell", svg);
}

fn boxes(drawing: &Drawing) -> String {
    let mut text = format!("{} {:.0?}\n", drawing.title, drawing.size);
    for node in &drawing.nodes {
        let (x, y) = (node.x + node.width / 2.0, node.y + node.height / 2.0);
        let lines = node.lines.join(" | ");
        writeln!(text, "{:?} {:?} at {x:.0},{y:.0}: {lines}", node.nodes, node.family).unwrap();
    }
    for edge in &drawing.edges {
        let label = edge.label.as_ref().map_or("", |label| label.text.as_str());
        writeln!(text, "{} -> {} {:?} {label}", edge.from, edge.to, edge.family).unwrap();
    }
    text
}

#[test]
fn impossible_sizes_are_refused() {
    let figure = find("best_so_far").unwrap();
    let views = views();
    let figure = figure.figure(&named(&views), &PlotOptions::default()).unwrap();
    let narrow = RenderOptions { width: 10, ..RenderOptions::default() };
    let error = render_svg(&figure, &narrow).unwrap_err().to_string();
    insta::assert_snapshot!(error);
    let fine = RenderOptions { scale: 100.0, ..RenderOptions::default() };
    assert!(render_png(&figure, &fine).is_err());
}

fn assert_png(png: &[u8], width: u32, height: u32) {
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    assert_eq!(width_of(png), width);
    assert_eq!(u32::from_be_bytes(png[20..24].try_into().unwrap()), height);
}

fn width_of(png: &[u8]) -> u32 {
    u32::from_be_bytes(png[16..20].try_into().unwrap())
}

/// Checks that tags are closed in order and that text is escaped: all that our documents could get
/// wrong.
fn well_formed(svg: &str) {
    let mut open: Vec<&str> = Vec::new();
    for piece in svg.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap();
        assert!(!tag.contains(['\n', '&']) || tag.contains("font-family"), "{tag}");
        let escapes = text.split('&').skip(1);
        assert!(escapes.clone().all(|e| {
            ["lt;", "gt;", "amp;", "quot;", "apos;"].iter().any(|x| e.starts_with(x))
        }));
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}
