//! Figures as CSV: every number of them, and every name that stands for one.

use nascent_figures::{Axis, Parallel};

use super::axis::{name, value};
use super::prepare::{Chart, Placed};

/// The columns: the first corner of a box, the upper end of a band, or the point; then the other corner
/// or end; then what a box of a heat map or a bar says, and the names at their places.
const HEAD: &str = "series,run,trial,x,y,x_to,y_to,value,x_name,y_name,note\n";

/// All numbers of a chart: one line for each point, box or bar, or for each trial across all axes.
pub(super) fn of(chart: &Chart) -> String {
    if let Some(parallel) = chart.parallel() {
        return across(parallel);
    }
    let mut text = HEAD.to_owned();
    for mark in &chart.marks {
        for at in 0..mark.points.len() {
            text += &line(&chart.figure.x, &chart.figure.y, mark, at);
        }
    }
    text
}

fn line(x_axis: &Axis, y_axis: &Axis, mark: &Placed, at: usize) -> String {
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let [x, y] = mark.points[at];
    let corner = mark.corners.get(at).copied();
    let x_to = corner.map(|corner| value(x_axis, corner[0]));
    let y_to = corner.map(|corner| corner[1]).or_else(|| mark.lower.get(at).copied());
    let middle = |axis: usize| {
        let own = mark.points[at][axis];
        corner.map_or(own, |corner| f64::midpoint(corner[axis], own))
    };
    let trial = mark.trials.get(at).copied().flatten();
    [
        // A heat map has a scale in place of a name.
        quote(if mark.name.is_empty() { &mark.label } else { &mark.name }),
        mark.run.to_string(),
        trial.map_or_else(String::new, |trial| trial.to_string()),
        value(x_axis, x).to_string(),
        value(y_axis, y).to_string(),
        number(x_to),
        number(y_to.map(|y| value(y_axis, y))),
        number(mark.values.get(at).copied()),
        quote(name(x_axis, middle(0))),
        quote(name(y_axis, middle(1))),
        quote(mark.notes.get(at).map_or("", |note| note)),
    ]
    .join(",")
        + "\n"
}

/// Parallel coordinates: a column for each axis.
fn across(parallel: &Parallel) -> String {
    let names: Vec<String> = parallel.axes.iter().map(|axis| quote(&axis.label)).collect();
    let mut text = format!("run,trial,{}\n", names.join(","));
    for bundle in &parallel.bundles {
        for thread in &bundle.threads {
            let values: Vec<String> = thread.values.iter().map(f64::to_string).collect();
            let (run, trial) = (bundle.run.to_string(), thread.trial.to_string());
            text += &([run, trial, values.join(",")].join(",") + "\n");
        }
    }
    text
}

/// A text as a cell; one that needs none has no quotes.
fn quote(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use nascent_figures::{Bar, Bars, Cell, Cells, Figure, Interval, Intervals, Mark, Role};
    use nascent_record::TrialId;

    use super::*;

    fn csv(marks: Vec<Mark>) -> Vec<String> {
        let (x, y) = (Axis::new("x"), Axis::default().names(["depth", "op, kind"]));
        let (title, subtitle) = (String::new(), String::new());
        let chart = Chart::new(Figure { title, subtitle, x, y, marks });
        of(&chart).lines().skip(1).map(str::to_owned).collect()
    }

    #[test]
    fn boxes_and_bars_have_all_that_is_seen_of_them() {
        let bar = Bar { at: 1.0, value: 0.25, note: "3 options".into() };
        let bars = Bars { name: "share".into(), role: Role::Best, run: 0, bars: vec![bar] };
        assert_eq!(csv(vec![Mark::Bars(bars)]), ["share,0,,0.25,1,,,,,\"op, kind\",3 options"]);
        let cell =
            Cell { x: [1.0, 2.0], y: [-0.5, 0.5], value: 7.5, trial: None, note: "n".into() };
        let label = "mean".to_owned();
        let cells = Cells { label, run: 1, range: [0.0, 9.0], cells: vec![cell] };
        assert_eq!(csv(vec![Mark::Cells(cells)]), ["mean,1,,1,0.5,2,-0.5,7.5,,depth,n"]);
        let interval = Interval { at: 0.0, from: 3.0, to: 4.5, trial: Some(TrialId(8)) };
        let (name, role) = ("complete".to_owned(), Role::Best);
        let intervals = Intervals { name, role, run: 0, intervals: vec![interval] };
        assert_eq!(csv(vec![Mark::Intervals(intervals)]), ["complete,0,8,3,0.4,4.5,-0.4,,,depth,"]);
    }
}
