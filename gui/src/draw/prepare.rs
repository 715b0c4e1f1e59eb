//! A figure made ready to be drawn many times: every number at its place on its scale.

use nascent_figures::{
    Cells, Figure, Intervals, LegendEntry, Links, Mark, Parallel, Point, Role, Scale, Series,
};
use nascent_record::TrialId;

/// A figure that is ready to be drawn.
pub(crate) struct Chart {
    /// What it is made of.
    pub(crate) figure: Figure,
    pub(super) marks: Vec<Placed>,
    /// What is shown at first, from and to, along x and along y.
    pub(super) bounds: [[f64; 2]; 2],
    pub(super) legend: Vec<LegendEntry>,
}

/// How the points of a mark are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Line,
    Step,
    Points,
    /// Points are the upper ends, and `lower` has the lower ones.
    Band,
    /// The same, one of a stack.
    Area,
    /// Points are the ends of bars from 0, and `notes` say what they are.
    Bars,
    /// Ways from each point at an even position to the next.
    Links,
    /// Boxes: points are left upper corners, `corners` the others.
    Intervals,
    /// Boxes of a heat map, with a strength each.
    Cells,
}

/// A mark with its points on even scales.
pub(super) struct Placed {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) run: usize,
    pub(super) points: Vec<[f64; 2]>,
    pub(super) trials: Vec<Option<TrialId>>,
    pub(super) lower: Vec<f64>,
    pub(super) notes: Vec<String>,
    /// The opposite corners of boxes.
    pub(super) corners: Vec<[f64; 2]>,
    /// What the values of boxes are, and those with the weakest and the strongest color.
    pub(super) label: String,
    pub(super) range: [f64; 2],
    pub(super) values: Vec<f64>,
    /// How strong the color of a box is, 0 to 1.
    pub(super) strengths: Vec<f64>,
    /// The thickness of bars.
    pub(super) thickness: f64,
    /// Whether x never falls, so that what is visible can be found by halving.
    pub(super) rising: bool,
}

impl Chart {
    pub(crate) fn new(figure: Figure) -> Self {
        let scales = (figure.x.scale, figure.y.scale);
        let bar_marks = figure.marks.iter().filter(|mark| matches!(mark, Mark::Bars(_))).count();
        let mut bar_mark = 0_usize;
        let mut marks: Vec<Placed> = Vec::with_capacity(figure.marks.len());
        for mark in &figure.marks {
            marks.extend(match mark {
                Mark::Line(series) => Some(placed(Kind::Line, series, scales)),
                Mark::Step(series) => Some(placed(Kind::Step, series, scales)),
                Mark::Points(series) => Some(placed(Kind::Points, series, scales)),
                Mark::Band(band) | Mark::Area(band) => {
                    let kind = if matches!(mark, Mark::Band(_)) { Kind::Band } else { Kind::Area };
                    let place = |at: &[f64; 3]| {
                        let x = scales.0.position(at[0])?;
                        Some(([x, scales.1.position(at[2])?], scales.1.position(at[1])?))
                    };
                    let (points, lower) = band.points.iter().filter_map(place).unzip();
                    let mark = empty(kind, &band.name, band.role, band.run);
                    Some(Placed { points, lower, ..mark })
                }
                Mark::Bars(bars) => {
                    // Several marks of bars share each place.
                    let thickness = 0.8 / bar_marks.max(1) as f64;
                    let shift = (bar_mark as f64 - (bar_marks as f64 - 1.0) / 2.0) * thickness;
                    bar_mark += 1;
                    let mark = empty(Kind::Bars, &bars.name, bars.role, bars.run);
                    let points = bars.bars.iter().map(|bar| [bar.value, bar.at - shift]).collect();
                    let notes = bars.bars.iter().map(|bar| bar.note.clone()).collect();
                    Some(Placed { points, notes, thickness, ..mark })
                }
                Mark::Links(links) => Some(ways(links, scales)),
                Mark::Intervals(intervals) => Some(stretches(intervals, scales)),
                Mark::Cells(cells) => Some(heat(cells, scales)),
                Mark::Parallel(_) => None,
            });
        }
        for mark in &mut marks {
            mark.rising = mark.points.windows(2).all(|pair| pair[0][0] <= pair[1][0]);
        }
        let bounds = bounds(&figure, &marks);
        let legend = figure.legend();
        Self { figure, marks, bounds, legend }
    }

    /// The parallel coordinates that take the place of both axes, if it has any.
    pub(super) fn parallel(&self) -> Option<&Parallel> {
        self.figure.marks.iter().find_map(|mark| match mark {
            Mark::Parallel(parallel) => Some(parallel),
            _ => None,
        })
    }

    /// All numbers of it as CSV.
    pub(crate) fn csv(&self) -> String {
        super::csv::of(self)
    }
}

fn empty(kind: Kind, name: &str, role: Role, run: usize) -> Placed {
    Placed {
        kind,
        name: name.to_owned(),
        role,
        run,
        points: Vec::new(),
        trials: Vec::new(),
        lower: Vec::new(),
        notes: Vec::new(),
        corners: Vec::new(),
        label: String::new(),
        range: [0.0; 2],
        values: Vec::new(),
        strengths: Vec::new(),
        thickness: 0.0,
        rising: false,
    }
}

fn placed(kind: Kind, series: &Series, (x, y): (Scale, Scale)) -> Placed {
    let place = |point: &Point| Some(([x.position(point.x)?, y.position(point.y)?], point.trial));
    let (points, trials) = series.points.iter().filter_map(place).unzip();
    Placed { points, trials, ..empty(kind, &series.name, series.role, series.run) }
}

fn ways(links: &Links, (x, y): (Scale, Scale)) -> Placed {
    let place = |point: &Point| Some(([x.position(point.x)?, y.position(point.y)?], point.trial));
    let ends = links.links.iter().filter_map(|link| Some([place(&link.from)?, place(&link.to)?]));
    let (points, trials) = ends.flatten().unzip();
    Placed { points, trials, ..empty(Kind::Links, &links.name, links.role, links.run) }
}

fn stretches(intervals: &Intervals, (x, _): (Scale, Scale)) -> Placed {
    let mut mark = empty(Kind::Intervals, &intervals.name, intervals.role, intervals.run);
    for interval in &intervals.intervals {
        let (Some(from), Some(to)) = (x.position(interval.from), x.position(interval.to)) else {
            continue;
        };
        mark.points.push([from, interval.at + 0.4]);
        mark.corners.push([to, interval.at - 0.4]);
        mark.trials.push(interval.trial);
    }
    mark
}

fn heat(cells: &Cells, (x, y): (Scale, Scale)) -> Placed {
    // Its legend is a scale, so that nobody can hide it.
    let mut mark = empty(Kind::Cells, "", Role::Muted, cells.run);
    mark.label.clone_from(&cells.label);
    mark.range = cells.range;
    for cell in &cells.cells {
        let corner = |at: usize| Some([x.position(cell.x[at])?, y.position(cell.y[at])?]);
        let (Some(low), Some(high)) = (corner(0), corner(1)) else { continue };
        mark.points.push([low[0], high[1]]);
        mark.corners.push([high[0], low[1]]);
        mark.strengths.push(cells.strength(cell.value));
        mark.values.push(cell.value);
        mark.notes.push(cell.note.clone());
        mark.trials.push(cell.trial);
    }
    mark
}

/// What there is to see, with a margin; an axis with a range has that.
fn bounds(figure: &Figure, marks: &[Placed]) -> [[f64; 2]; 2] {
    let mut seen = [[f64::INFINITY, f64::NEG_INFINITY]; 2];
    let mut add = |axis: usize, value: f64| {
        seen[axis][0] = seen[axis][0].min(value);
        seen[axis][1] = seen[axis][1].max(value);
    };
    for mark in marks {
        for point in &mark.points {
            add(0, point[0]);
            add(1, point[1]);
        }
        for low in &mark.lower {
            add(1, *low);
        }
        for corner in &mark.corners {
            add(0, corner[0]);
            add(1, corner[1]);
        }
        if mark.kind == Kind::Bars {
            add(0, 0.0);
        }
    }
    let fit = |axis: usize, shown: &nascent_figures::Axis| {
        let range = shown
            .range
            .and_then(|[from, to]| Some([shown.scale.position(from)?, shown.scale.position(to)?]));
        let [from, to] = match (range, seen[axis]) {
            (Some(range), _) => return range,
            (None, [from, to]) if from <= to => [from, to],
            _ => [0.0, 1.0],
        };
        let margin = if to > from { 0.04 * (to - from) } else { 0.5 };
        [from - margin, to + margin]
    };
    [fit(0, &figure.x), fit(1, &figure.y)]
}

#[cfg(test)]
mod tests {
    use nascent_figures::{PLOTS, PlotOptions};

    use super::*;
    use crate::testing;

    #[test]
    fn every_plot_can_be_drawn_and_written_as_csv() {
        let (a, b) = (testing::run(120, 6, 1), testing::run_of("tpe", 90, 6, 2));
        let mut drawn = 0;
        for runs in [vec![("a", &a)], vec![("a", &a), ("b", &b)]] {
            for plot in PLOTS {
                let Ok(figure) = plot.figure(&runs, &PlotOptions::default()) else { continue };
                let chart = Chart::new(figure);
                assert!(chart.parallel().is_some() || !chart.marks.is_empty(), "{}", plot.id());
                for [from, to] in chart.bounds {
                    assert!(from.is_finite() && to > from, "{}", plot.id());
                }
                let csv = chart.csv();
                let columns = |line: &str| line.split(',').count();
                let first = columns(csv.lines().next().unwrap());
                assert!(csv.lines().count() > 1, "{}", plot.id());
                let plain = csv.lines().filter(|line| !line.contains('"'));
                assert!(plain.skip(1).all(|line| columns(line) == first), "{}", plot.id());
                drawn += 1;
            }
        }
        assert!(drawn >= 10, "{drawn}");
    }

    #[test]
    fn what_has_no_place_on_a_logarithmic_axis_is_left_out() {
        let points = [-1.0, 0.0, 10.0, 1000.0];
        let series = Series {
            name: "s".into(),
            role: Role::Best,
            run: 0,
            points: points.map(|y| nascent_figures::Point { x: y, y, trial: None }).into(),
        };
        let axis = || nascent_figures::Axis::new("y").scale(Scale::Log);
        let figure = Figure {
            title: String::new(),
            subtitle: String::new(),
            x: axis(),
            y: axis(),
            marks: vec![Mark::Line(series)],
        };
        let chart = Chart::new(figure);
        assert_eq!(chart.marks[0].points, [[1.0, 1.0], [3.0, 3.0]]);
        assert!(chart.csv().ends_with("1000,1000,,,,,,\n"));
    }
}
