//! What plots say of runs whose answers are known.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use nascent_figures::{
    Cells, Figure, Intervals, Links, Mark, PLOTS, PlotOptions, Point, RenderOptions, Role, Series,
    Summary, find, render_svg,
};
use nascent_record::{
    Budget, Choice, Condition, Event, Logged, Metrics, Outcome, Proposal, RunView, SearcherTrained,
    SessionStarted, Signals, Spec, TrialFinished, TrialId, TrialReported, TrialStarted,
};

/// A trial to tell of: architecture, accuracy, parameters, parents, signals, and when it ran.
struct Told {
    text: &'static str,
    accuracy: f64,
    params: f64,
    parents: Vec<u32>,
    signals: Signals,
    ran: (u64, u64),
}

fn told(text: &'static str, accuracy: f64) -> Told {
    let (parents, signals) = (Vec::new(), Signals::default());
    Told { text, accuracy, params: 1.0, parents, signals, ran: (0, 0) }
}

fn spec() -> Spec {
    Spec::new(vec![Choice::categorical("op", ["a", "b", "c"]), Choice::integer("width", 1, 4)])
        .unwrap()
}

fn run(epochs: Vec<SearcherTrained>, trials: Vec<Told>) -> RunView {
    let mut view = RunView::new(common::manifest(&spec()));
    let session = SessionStarted { version: "0.1.0".into(), workers: 2, budget: Budget::default() };
    let mut events = vec![(0, Event::SessionStarted(session))];
    events.extend(epochs.into_iter().map(|epoch| (0, Event::SearcherTrained(epoch))));
    let mut ends = Vec::new();
    for (trial, told) in (0..).map(TrialId).zip(trials) {
        let proposal = Proposal::new(spec().parse(told.text).unwrap())
            .with_parents(told.parents.into_iter().map(TrialId).collect())
            .with_signals(told.signals);
        let metrics = [("valid_accuracy", told.accuracy), ("params", told.params)];
        let outcome = Outcome::Complete(Metrics::new(metrics).unwrap());
        let artifacts = std::collections::BTreeMap::new();
        let started = TrialStarted { trial, proposal, told: 0, state: None, weights: None };
        events.push((told.ran.0, Event::TrialStarted(started)));
        let finished = TrialFinished { trial, outcome, epochs: 1, artifacts, spent: None };
        ends.push((told.ran.1, Event::TrialFinished(finished)));
    }
    events.extend(ends);
    // A stable sort: of one time, starts are before ends.
    events.sort_by_key(|(at_ms, _)| *at_ms);
    for (line, (at_ms, event)) in (1..).zip(events) {
        view.apply(Logged { at_ms, event: Some(event) }, line).unwrap();
    }
    view
}

fn figure(plot: &str, views: &[RunView], options: &PlotOptions) -> Figure {
    let names = ["first", "second", "third"];
    let runs: Vec<(&str, &RunView)> = names.into_iter().zip(views).collect();
    find(plot).unwrap().figure(&runs, options).unwrap()
}

fn of(plot: &str, view: &RunView) -> Figure {
    figure(plot, std::slice::from_ref(view), &PlotOptions::default())
}

fn step(figure: &Figure) -> &Series {
    let found = figure.marks.iter().find_map(|mark| match mark {
        Mark::Step(series) => Some(series),
        _ => None,
    });
    found.unwrap()
}

fn cells(figure: &Figure) -> &Cells {
    let found = figure.marks.iter().find_map(|mark| match mark {
        Mark::Cells(cells) => Some(cells),
        _ => None,
    });
    found.unwrap()
}

fn links(figure: &Figure, role: Role) -> &Links {
    let found = figure.marks.iter().find_map(|mark| match mark {
        Mark::Links(links) if links.role == role => Some(links),
        _ => None,
    });
    found.unwrap()
}

fn places(points: &[Point]) -> Vec<(f64, f64)> {
    points
        .iter()
        .map(|point| ((point.x * 1e6).round() / 1e6, (point.y * 1e6).round() / 1e6))
        .collect()
}

/// All plots with all that may go wrong: no panic, and no number that is none in a picture.
fn draw_all(views: &[RunView]) {
    let runs: Vec<(&str, &RunView)> = views.iter().map(|view| ("run", view)).collect();
    let picked = PlotOptions {
        selected: Some((0, TrialId(1))),
        choices: vec!["b".into()],
        summary: Summary::Best,
        target: Some(1e300),
        ..PlotOptions::default()
    };
    for plot in PLOTS {
        for options in [&PlotOptions::default(), &picked] {
            for count in 1..=runs.len() {
                match plot.figure(&runs[..count], options) {
                    Ok(figure) => {
                        let text = format!("{figure:?}");
                        let odd = ["NaN", "inf"].into_iter().find(|odd| text.contains(odd));
                        assert_eq!(odd, None, "{}: {text}", plot.id());
                        render_svg(&figure, &RenderOptions::default()).unwrap();
                    }
                    Err(not_yet) => assert!(not_yet.0.ends_with('.'), "{not_yet}"),
                }
            }
        }
    }
}

#[test]
fn every_beginning_of_a_run_can_be_drawn() {
    for trials in 1..10 {
        draw_all(&[common::run(trials, 2, 3), common::run(1, 1, 4)]);
    }
}

#[test]
fn strange_spaces_can_be_drawn() {
    let when = |value| Condition::AtLeast { choice: "a".into(), value };
    let spec = Spec::new(vec![
        Choice::integer("a", i64::MIN / 2, i64::MAX / 2),
        Choice::categorical("b", ["only"]).when(when(0)),
        Choice::float("c", 0.5, 0.5).when(when(0)),
        Choice::float("d", 1e-300, 1e300).log(),
        Choice::integer("e", 1, 1).log().when(when(0)),
    ])
    .unwrap();
    let architectures = [
        format!("a={},d=1e-300", i64::MIN / 2),
        format!("a={},b=only,c=0.5,d=1e300,e=1", i64::MAX / 2),
        "a=0,b=only,c=0.5,d=1,e=1".to_owned(),
        "a=-1,d=1e10".to_owned(),
        "a=1,b=only,c=0.5,d=1,e=1".to_owned(),
    ];
    for values in [[0.0, 1e300, -1e300, 5.0, 5.0], [1.0; 5]] {
        let mut view = RunView::new(common::manifest(&spec));
        let mut line = 0;
        let mut log = |view: &mut RunView, at_ms, event| {
            line += 1;
            view.apply(Logged { at_ms, event: Some(event) }, line).unwrap();
        };
        for (trial, text) in (0..).map(TrialId).zip(&architectures) {
            let proposal = Proposal::new(spec.parse(text).unwrap());
            // The clock runs backward.
            let at_ms = 1000 - 200 * u64::from(trial.0);
            let started = TrialStarted { trial, proposal, told: 0, state: None, weights: None };
            log(&mut view, at_ms, Event::TrialStarted(started));
            let value = values[trial.index()];
            let metrics = Metrics::new([("valid_accuracy", value), ("params", -value)]).unwrap();
            let outcome = Outcome::Complete(metrics);
            let artifacts = std::collections::BTreeMap::new();
            let finished = TrialFinished { trial, outcome, epochs: 0, artifacts, spent: None };
            log(&mut view, at_ms - 100, Event::TrialFinished(finished));
        }
        draw_all(&[view.clone(), view]);
    }
}

#[test]
fn the_hypervolume_is_that_of_boxes() {
    let sizes = [(70.0, 400.0), (90.0, 100.0), (80.0, 50.0), (75.0, 300.0), (95.0, 200.0)];
    let trials = sizes.map(|(accuracy, params)| Told { params, ..told("op=a,width=1", accuracy) });
    let view = run(Vec::new(), trials.into());
    // In the box from 70 to 95 and from 400 to 50: 0.8 by 6/7; then 0.4 by 1/7 more; nothing; and
    // 0.2 by 4/7 more.
    let hypervolume = of("hypervolume", &view);
    let series = &step(&hypervolume).points;
    let expected = [(0.0, 0.0), (1.0, 0.685_714), (2.0, 0.742_857), (4.0, 0.857_143)];
    assert_eq!(places(series), expected);
    assert_eq!(series[3].trial, Some(TrialId(4)));
}

#[test]
fn a_slice_has_the_medians_of_the_most_important_choice() {
    let values = [
        ("op=a,width=1", 50.0),
        ("op=a,width=2", 52.0),
        ("op=a,width=3", 60.0),
        ("op=b,width=1", 90.0),
        ("op=b,width=3", 94.0),
        ("op=b,width=4", 80.0),
    ];
    let view = run(Vec::new(), values.map(|(text, accuracy)| told(text, accuracy)).into());
    let slice = of("slice", &view);
    assert_eq!(slice.x.label, "op");
    let medians: Vec<f64> =
        links(&slice, Role::Best).links.iter().map(|link| link.from.y).collect();
    assert_eq!(medians, [52.0, 90.0]); // nothing of option c
    let Mark::Points(trials) = &slice.marks[0] else { panic!("{:?}", slice.marks[0]) };
    for (point, (text, _)) in std::iter::zip(&trials.points, values) {
        let option = if text.starts_with("op=a") { 0.0 } else { 1.0 };
        assert!((point.x - option).abs() < 0.36, "{point:?}");
    }
    let width = PlotOptions { choices: vec!["width".into()], ..PlotOptions::default() };
    let slice = figure("slice", std::slice::from_ref(&view), &width);
    assert_eq!(slice.x.label, "width");
    assert_eq!(links(&slice, Role::Best).links.len(), 4);
    let wrong = PlotOptions { choices: vec!["widht".into()], ..PlotOptions::default() };
    let not_yet = find("slice").unwrap().figure(&[("run", &view)], &wrong).unwrap_err();
    assert!(not_yet.0.contains("did you mean \"width\"?"), "{not_yet}");
}

#[test]
fn a_contour_has_the_mean_or_the_best_of_each_cell() {
    let values = [
        ("op=a,width=1", 50.0),
        ("op=a,width=1", 54.0),
        ("op=b,width=1", 90.0),
        ("op=b,width=4", 94.0),
    ];
    let view = run(Vec::new(), values.map(|(text, accuracy)| told(text, accuracy)).into());
    for (summary, expected) in [(Summary::Mean, 52.0), (Summary::Best, 54.0)] {
        let options = PlotOptions { summary, ..PlotOptions::default() };
        let contour = figure("contour", std::slice::from_ref(&view), &options);
        assert_eq!((contour.x.label.as_str(), contour.y.label.as_str()), ("op", "width"));
        let cells = &cells(&contour).cells;
        let found: Vec<_> = cells.iter().map(|cell| (cell.x, cell.y, cell.value)).collect();
        let a = [-0.5, 0.5];
        let b = [0.5, 1.5];
        assert_eq!(found, [(a, b, expected), (b, b, 90.0), (b, [3.5, 4.5], 94.0)]);
        assert_eq!(cells[0].trial, Some(TrialId(1)));
        let Some(Mark::Points(best)) = contour.marks.last() else { panic!("no best") };
        assert_eq!(places(&best.points), [(1.0, 4.0)]);
    }
}

#[test]
fn the_timeline_has_a_lane_for_each_trial_at_a_time() {
    let times = [(0, 4000), (1000, 2000), (2000, 5000), (4000, 4500)];
    let trials = times.map(|ran| Told { ran, ..told("op=a,width=1", ran.1 as f64) });
    let timeline = of("timeline", &run(Vec::new(), trials.into()));
    let boxes = timeline.marks.iter().flat_map(|mark| match mark {
        Mark::Intervals(Intervals { role, intervals, .. }) => {
            intervals.iter().map(|i| (i.trial.unwrap().0, i.at, i.from, i.to, *role)).collect()
        }
        _ => Vec::new(),
    });
    let mut boxes: Vec<_> = boxes.collect();
    boxes.sort_by_key(|(trial, ..)| *trial);
    let complete = Role::Series(0);
    let expected = [
        (0, 2.0, 0.0, 4.0, complete),
        (1, 1.0, 1.0, 2.0, complete),
        (2, 1.0, 2.0, 5.0, Role::Best),
        (3, 2.0, 4.0, 4.5, complete),
    ];
    assert_eq!(boxes, expected);
    // 8.5 seconds of two lanes of 5.
    assert!(timeline.subtitle.contains("85 %"), "{}", timeline.subtitle);
}

#[test]
fn drift_is_the_share_in_a_window() {
    let trials = (0..16).map(|at| told(["op=a,width=1", "op=b,width=1"][at / 8], 1.0 + at as f64));
    let view = run(Vec::new(), trials.collect());
    let drift = of("choice_drift", &view);
    let areas: Vec<_> = drift
        .marks
        .iter()
        .map(|mark| match mark {
            Mark::Area(area) => area,
            other => panic!("{other:?}"),
        })
        .collect();
    let names: Vec<&str> = areas.iter().map(|area| area.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    // Windows of eight trials: the first has a only, the fifth half of each, the last b only.
    assert_eq!(areas[0].points.len(), 9);
    assert_eq!(areas[0].points[0], [3.5, 0.0, 1.0]);
    assert_eq!(areas[0].points[4], [7.5, 0.5, 1.0]);
    assert_eq!(areas[1].points[4], [7.5, 0.0, 0.5]);
    assert_eq!(areas[0].points[8], [11.5, 1.0, 1.0]);
}

#[test]
fn the_time_to_a_target_ends_at_the_first_trial_that_reaches_it() {
    let of = |values: &[f64]| {
        run(Vec::new(), values.iter().map(|value| told("op=a,width=1", *value)).collect())
    };
    let views = [of(&[50.0, 70.0, 90.0, 95.0]), of(&[60.0, 61.0, 80.0, 85.0, 84.0])];
    let ends = |figure: &Figure| -> Vec<(f64, f64, Role)> {
        let of_mark = |mark: &Mark| match mark {
            Mark::Links(links) => {
                links.links.iter().map(|l| (l.to.x, l.to.y, links.role)).collect()
            }
            _ => Vec::new(),
        };
        figure.marks.iter().flat_map(of_mark).collect()
    };
    // Both have reached 85: the first with its third trial, the second with its fourth.
    let found = figure("target_time", &views, &PlotOptions::default());
    let expected = [(3.0, 1.0, Role::Series(0)), (4.0, 0.0, Role::Series(1))];
    assert_eq!(ends(&found), expected);
    let options = PlotOptions { target: Some(90.0), ..PlotOptions::default() };
    let found = figure("target_time", &views, &options);
    assert_eq!(ends(&found), [(5.0, 0.0, Role::Muted), (3.0, 1.0, Role::Series(0))]);
    assert!(found.subtitle.ends_with("reached by 1 of 2 runs"), "{}", found.subtitle);
}

#[test]
fn overlap_is_the_share_of_architectures_that_both_have() {
    let of = |texts: &[&'static str]| {
        run(Vec::new(), texts.iter().map(|text| told(text, 1.0)).collect())
    };
    let views = [
        of(&["op=a,width=1", "op=a,width=2", "op=a,width=2", "op=a,width=3"]),
        of(&["op=a,width=2", "op=a,width=3", "op=a,width=4"]),
        of(&["op=b,width=1"]),
    ];
    let overlap = figure("overlap", &views, &PlotOptions::default());
    let values: Vec<f64> = cells(&overlap).cells.iter().map(|cell| cell.value).collect();
    // Two of four; a pair is there from both sides.
    assert_eq!(values, [50.0, 0.0, 50.0, 0.0, 0.0, 0.0]);
    let single = find("overlap").unwrap().figure(&[("one", &views[0])], &PlotOptions::default());
    assert!(single.is_err());
}

#[test]
fn alpha_has_a_row_for_each_operation_and_a_column_for_each_epoch() {
    let epochs = (1..=2).map(|epoch| {
        let signals = Signals::default()
            .with_list("alpha.op", vec![0.1, f64::from(epoch), 0.3])
            .with("valid_accuracy", 0.25 * f64::from(epoch));
        SearcherTrained { epoch, epochs: 2, told: 0, architecture: None, signals, state: None }
    });
    let view = run(epochs.collect(), Vec::new());
    let alpha = of("alpha", &view);
    let ticks: Vec<&str> = alpha.y.ticks.iter().flatten().map(|t| t.label.as_str()).collect();
    assert_eq!(ticks, ["c", "b", "op: a"]);
    let found: Vec<_> = cells(&alpha).cells.iter().map(|c| (c.x, c.y[0], c.value)).collect();
    let (one, two) = ([0.5, 1.5], [1.5, 2.5]);
    let rows = [(2.0, 0.1, 0.1), (1.0, 1.0, 2.0), (0.0, 0.3, 0.3)];
    let expected = rows.map(|(y, a, b)| [(one, y, a), (two, y, b)]).concat();
    assert_eq!(found, expected);
    let supernet = of("supernet", &view);
    let [Mark::Line(accuracy)] = &supernet.marks[..] else { panic!("{:?}", supernet.marks) };
    assert_eq!(places(&accuracy.points), [(1.0, 0.25), (2.0, 0.5)]);
}

#[test]
fn a_controller_has_the_means_of_its_probabilities() {
    // 160 trials in 80 columns of two.
    let trials = (0..160).map(|at| {
        let first = if at % 2 == 0 { 0.25 } else { 0.75 };
        let list = vec![first, 0.5 * (1.0 - first), 0.5 * (1.0 - first)];
        let signals = Signals::default().with_list("probabilities.op", list);
        Told { signals, ..told("op=a,width=1", f64::from(at)) }
    });
    let controller = of("controller", &run(Vec::new(), trials.collect()));
    let cells = &cells(&controller).cells;
    assert_eq!(cells.len(), 3 * 80);
    assert!(cells[..80].iter().all(|cell| cell.value == 0.5));
    assert!(cells[80..].iter().all(|cell| cell.value == 0.25));
    assert_eq!((cells[0].x, cells[79].x), ([-0.5, 1.5], [157.5, 159.5]));
}

#[test]
fn short_scales_are_relevant() {
    let trials = (0..2).map(|at| {
        let list = vec![if at == 0 { 0.1 } else { 0.01 }, 100.0];
        let signals = Signals::default().with_list("length_scales", list);
        Told { signals, ..told("op=a,width=1", 1.0) }
    });
    let relevance = of("relevance", &run(Vec::new(), trials.collect()));
    let cells = &cells(&relevance).cells;
    let found: Vec<f64> = cells.iter().map(|cell| (1e9 * cell.value).round() / 1e9).collect();
    assert_eq!(found, [1.0, 2.0, -2.0, -2.0]);
    let ticks: Vec<&str> = relevance.y.ticks.iter().flatten().map(|t| t.label.as_str()).collect();
    assert_eq!(ticks, ["width", "op"]);
}

#[test]
fn a_signal_is_chosen_by_its_name() {
    let trials = (0..3).map(|at| {
        let signals = Signals::default().with("entropy", 3.0 - f64::from(at)).with("baseline", 7.0);
        Told { signals, ..told("op=a,width=1", 1.0) }
    });
    let view = run(Vec::new(), trials.collect());
    let signal = of("signal", &view);
    assert_eq!(signal.y.label, "entropy");
    let Mark::Points(points) = &signal.marks[0] else { panic!("{:?}", signal.marks[0]) };
    assert_eq!(places(&points.points), [(0.0, 3.0), (1.0, 2.0), (2.0, 1.0)]);
    let options = PlotOptions { signal: Some("basline".into()), ..PlotOptions::default() };
    let not_yet = find("signal").unwrap().figure(&[("run", &view)], &options).unwrap_err();
    assert!(not_yet.0.contains("did you mean \"baseline\"?"), "{not_yet}");
}

#[test]
fn what_was_predicted_stands_beside_what_was_seen() {
    let guesses = [(0.1, 50.0), (0.4, 70.0), (0.2, 80.0)];
    let trials = guesses.map(|(mean, accuracy)| {
        let signals = Signals::default().with("mean", mean).with("std", 0.05);
        Told { signals, ..told("op=a,width=1", accuracy) }
    });
    let surrogate = of("surrogate", &run(Vec::new(), trials.into()));
    // Of three pairs two are in the same order.
    assert!(surrogate.subtitle.starts_with("Kendall's τ: 0.33;"), "{}", surrogate.subtitle);
    let ways = &links(&surrogate, Role::Muted).links;
    let ends: Vec<_> = ways.iter().map(|l| places(&[l.from, l.to])).collect();
    assert_eq!(ends[1], [(0.35, 70.0), (0.45, 70.0)]);
}

#[test]
fn a_lineage_leads_from_the_first_ancestor_to_the_best() {
    let family = [
        (50.0, vec![]),
        (60.0, vec![]),
        (55.0, vec![0]),
        (70.0, vec![2, 1]), // of two parents the better is on the path
        (65.0, vec![3]),
        (90.0, vec![3]),
    ];
    let trials =
        family.map(|(accuracy, parents)| Told { parents, ..told("op=a,width=1", accuracy) });
    let lineage = of("lineage", &run(Vec::new(), trials.into()));
    assert_eq!(links(&lineage, Role::Muted).links.len(), 5);
    let path = lineage.marks.iter().find_map(|mark| match mark {
        Mark::Line(series) if series.role == Role::Best => Some(series),
        _ => None,
    });
    let path: Vec<(u32, f64)> = path
        .unwrap()
        .points
        .iter()
        .map(|point| (point.trial.unwrap().0, point.x.round()))
        .collect();
    assert_eq!(path, [(1, 0.0), (3, 2.0), (5, 3.0)]);
    assert!(lineage.subtitle.starts_with("4 generations, 5 pairs"), "{}", lineage.subtitle);
}

/// A trial that breaks a constraint, or was trained for less, may look better than the best, and is not.
#[test]
fn the_best_is_the_best_of_those_that_compare() {
    let trial =
        |accuracy, params, epochs: u32| (Told { params, ..told("op=a,width=1", accuracy) }, epochs);
    let trials = [
        trial(60.0, 10.0, 3),
        trial(95.0, 10.0, 1), // one epoch only
        trial(99.0, 90.0, 3), // too large
        trial(70.0, 20.0, 3),
        trial(65.0, 5.0, 3),
    ];
    let mut manifest = common::manifest(&spec());
    manifest.goal = manifest.goal.with_constraint("params<=50".parse().unwrap());
    let mut view = RunView::new(manifest);
    let mut line = 0;
    for (id, (told, epochs)) in (0..).map(TrialId).zip(trials) {
        let proposal = Proposal::new(spec().parse(told.text).unwrap()).at_epochs(epochs);
        let proposal =
            proposal.with_parents(id.0.checked_sub(1).map(TrialId).into_iter().collect());
        let started = TrialStarted { trial: id, proposal, told: 0, state: None, weights: None };
        let metrics = [("valid_accuracy", told.accuracy), ("params", told.params)];
        let outcome = Outcome::Complete(Metrics::new(metrics).unwrap());
        let artifacts = std::collections::BTreeMap::new();
        let finished = TrialFinished { trial: id, outcome, epochs, artifacts, spent: None };
        for event in [Event::TrialStarted(started), Event::TrialFinished(finished)] {
            line += 1;
            view.apply(Logged { at_ms: line, event: Some(event) }, line).unwrap();
        }
    }
    let best = of("best_so_far", &view);
    assert_eq!(places(&step(&best).points), [(0.0, 60.0), (3.0, 70.0), (4.0, 70.0)]);
    let Mark::Points(all) = &best.marks[0] else { panic!("{:?}", best.marks[0]) };
    assert_eq!(all.points.len(), 5, "the others are points all the same");
    let target = of("target_time", &view);
    assert!(target.subtitle.starts_with("target 70 %"), "{}", target.subtitle);
    let front = of("pareto_front", &view);
    assert_eq!(places(&step(&front).points), [(5.0, 65.0), (20.0, 70.0)]);
    assert!(front.subtitle.contains("without 2 trials"), "{}", front.subtitle);
    let lineage = of("lineage", &view);
    let path = lineage.marks.iter().find_map(|mark| match mark {
        Mark::Line(series) if series.role == Role::Best => series.points.last(),
        _ => None,
    });
    assert_eq!(path.unwrap().trial, Some(TrialId(3)));
}

#[test]
fn an_early_ranking_is_that_of_the_last_epoch_or_is_not() {
    let curves = [[1.0, 5.0, 7.0], [2.0, 6.0, 9.0], [3.0, 4.0, 8.0]];
    let mut view = RunView::new(common::manifest(&spec()));
    let mut line = 0;
    for (id, curve) in (0..).map(TrialId).zip(curves) {
        let proposal = Proposal::new(spec().parse("op=a,width=1").unwrap());
        let started = TrialStarted { trial: id, proposal, told: 0, state: None, weights: None };
        let mut events = vec![Event::TrialStarted(started)];
        for (step, value) in (1..).zip(curve) {
            let metrics = Metrics::new([("valid_accuracy", value)]).unwrap();
            events.push(Event::TrialReported(TrialReported { trial: id, step, metrics }));
        }
        let outcome = Outcome::Complete(Metrics::new([("valid_accuracy", curve[2])]).unwrap());
        let artifacts = std::collections::BTreeMap::new();
        events.push(Event::TrialFinished(TrialFinished {
            trial: id,
            outcome,
            epochs: 3,
            artifacts,
            spent: None,
        }));
        for event in events {
            line += 1;
            view.apply(Logged { at_ms: line, event: Some(event) }, line).unwrap();
        }
    }
    // Of three pairs two are in the same order after one epoch, and after two.
    let figure = of("early_ranking", &view);
    let Mark::Line(series) = &figure.marks[0] else { panic!("{:?}", figure.marks[0]) };
    let third = 0.333_333;
    assert_eq!(places(&series.points), [(1.0, third), (2.0, third), (3.0, 1.0)]);
}

/// Seeds are one series, and settings that differ in one number only are not.
#[test]
fn settings_are_pooled_by_all_that_decides_their_results() {
    let setting = |epochs: u32, seed: u64| {
        let mut manifest = common::manifest(&spec());
        manifest.evaluator.config = serde_json::json!({ "epochs": epochs });
        manifest.seed = seed;
        let mut view = RunView::new(manifest);
        let proposal = Proposal::new(spec().parse("op=a,width=1").unwrap());
        let trial = TrialId(0);
        let started = TrialStarted { trial, proposal, told: 0, state: None, weights: None };
        let outcome = Outcome::Complete(Metrics::new([("valid_accuracy", 50.0)]).unwrap());
        let artifacts = std::collections::BTreeMap::new();
        let finished = TrialFinished { trial, outcome, epochs, artifacts, spent: None };
        for (line, event) in
            (1..).zip([Event::TrialStarted(started), Event::TrialFinished(finished)])
        {
            view.apply(Logged { at_ms: line, event: Some(event) }, line).unwrap();
        }
        view
    };
    let views = [setting(1, 0), setting(9, 0), setting(1, 1)];
    let pooled = PlotOptions { pool: true, ..PlotOptions::default() };
    let named = |options: &PlotOptions| -> Vec<(Role, String)> {
        let legend = figure("best_so_far", &views, options).legend();
        legend.into_iter().map(|entry| (entry.role, entry.name)).collect()
    };
    let expected = [
        (Role::Series(0), "random · epochs 1: median of 2 runs".to_owned()),
        (Role::Series(1), "random · epochs 9: median of 1 run".to_owned()),
    ];
    assert_eq!(named(&pooled), expected);
    let numbered = PlotOptions { settings: vec![4, 2, 4], ..pooled };
    let roles: Vec<Role> = named(&numbered).into_iter().map(|(role, _)| role).collect();
    assert_eq!(roles, [Role::Series(2), Role::Series(4)]);
}
