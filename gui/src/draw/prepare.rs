//! A figure made ready to be drawn many times: every number at its place on its scale.

use nascent_figures::{Figure, LegendEntry, Mark, Parallel, Role, Scale, Series};
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
    /// Points are the ends of bars from 0, and `notes` say what they are.
    Bars,
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
                Mark::Band(band) => {
                    let place = |at: &[f64; 3]| {
                        let x = scales.0.position(at[0])?;
                        Some(([x, scales.1.position(at[2])?], scales.1.position(at[1])?))
                    };
                    let (points, lower) = band.points.iter().filter_map(place).unzip();
                    let mark = empty(Kind::Band, &band.name, band.role, band.run);
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

    /// All numbers of it as CSV: one line for each point.
    pub(crate) fn csv(&self) -> String {
        let quote = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let mut text = String::from("series,run,trial,x,y,lower\n");
        let undo = |scale: Scale, at: f64| match scale {
            Scale::Linear => at,
            Scale::Log => 10_f64.powf(at),
        };
        let (x_scale, y_scale) = (self.figure.x.scale, self.figure.y.scale);
        for mark in &self.marks {
            for (at, point) in mark.points.iter().enumerate() {
                let trial = mark.trials.get(at).copied().flatten();
                let trial = trial.map(|trial| trial.to_string()).unwrap_or_default();
                let lower = mark.lower.get(at).map(|low| undo(y_scale, *low).to_string());
                let name = mark.notes.get(at).unwrap_or(&mark.name);
                let (x, y) = (undo(x_scale, point[0]), undo(y_scale, point[1]));
                let lower = lower.unwrap_or_default();
                let line =
                    [quote(name), mark.run.to_string(), trial, x.to_string(), y.to_string(), lower];
                text += &(line.join(",") + "\n");
            }
        }
        if let Some(parallel) = self.parallel() {
            let names: Vec<String> = parallel.axes.iter().map(|axis| quote(&axis.label)).collect();
            text = format!("run,trial,{}\n", names.join(","));
            for bundle in &parallel.bundles {
                for thread in &bundle.threads {
                    let values: Vec<String> = thread.values.iter().map(f64::to_string).collect();
                    let line = [bundle.run.to_string(), thread.trial.to_string(), values.join(",")];
                    text += &(line.join(",") + "\n");
                }
            }
        }
        text
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
        thickness: 0.0,
        rising: false,
    }
}

fn placed(kind: Kind, series: &Series, (x, y): (Scale, Scale)) -> Placed {
    let place = |point: &nascent_figures::Point| {
        Some(([x.position(point.x)?, y.position(point.y)?], point.trial))
    };
    let (points, trials) = series.points.iter().filter_map(place).unzip();
    Placed { points, trials, ..empty(kind, &series.name, series.role, series.run) }
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
        assert!(chart.csv().ends_with("1000,1000,\n"));
    }
}
