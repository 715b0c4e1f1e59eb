//! Heat maps with a row for each option: what a searcher prefers as it goes on.

use nascent_record::RunView;

use crate::{Axis, Cell, Cells, Mark, Point, Role, Series, Tick};

/// More rows than this have no room for names; then each group has one.
const MOST_NAMES: usize = 24;

/// The distance between groups of rows.
const GAP: f64 = 0.5;

/// Trials are taken together into at most so many columns.
const COLUMNS: usize = 80;

/// Rows that belong together: the operations of an edge, the options of a choice.
pub(super) struct Group {
    pub(super) name: String,
    /// The names of its rows.
    pub(super) rows: Vec<String>,
    /// Stretches of the x axis, in rising order, with a number for each row.
    pub(super) columns: Vec<([f64; 2], Vec<f64>)>,
}

/// The heat map of these groups, from the top, with the strongest row of each at its last column;
/// and the y axis.
pub(super) fn heat(groups: &[Group], label: &str, run: usize) -> (Axis, Vec<Mark>) {
    let rows: usize = groups.iter().map(|group| group.rows.len()).sum();
    let height = rows as f64 + GAP * groups.len().saturating_sub(1) as f64;
    let (mut cells, mut strongest, mut ticks) = (Vec::new(), Vec::new(), Vec::new());
    let mut top = height;
    for group in groups {
        let n = group.rows.len();
        if rows > MOST_NAMES {
            ticks.push(Tick { at: top - n as f64 / 2.0, label: group.name.clone() });
        }
        let prefix =
            if group.name.is_empty() { String::new() } else { format!("{}, ", group.name) };
        for (row, name) in group.rows.iter().enumerate() {
            let (low, middle) = (top - 1.0 - row as f64, top - 0.5 - row as f64);
            if rows <= MOST_NAMES {
                let label = match row {
                    0 if !group.name.is_empty() => format!("{}: {name}", group.name),
                    _ => name.clone(),
                };
                ticks.push(Tick { at: middle, label });
            }
            for (x, values) in &group.columns {
                let number = crate::text::number(values[row]);
                let at = crate::text::number(f64::midpoint(x[0], x[1]).floor());
                cells.push(Cell {
                    x: *x,
                    y: [low, low + 1.0],
                    value: values[row],
                    trial: None,
                    note: format!("{prefix}{name}: {number} at {at}"),
                });
            }
        }
        if let Some(([from, to], values)) = group.columns.last() {
            let row =
                (0..n).fold(0, |known, row| if values[row] > values[known] { row } else { known });
            let y = top - 0.5 - row as f64;
            strongest.push(Point { x: f64::midpoint(*from, *to), y, trial: None });
        }
        top -= n as f64 + GAP;
    }
    ticks.reverse(); // the y axis points up
    let values = || cells.iter().map(|cell| cell.value);
    let range =
        [values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max)];
    let axis = Axis { ticks: Some(ticks), ..Axis::default().range(Some([0.0, height])) };
    let name = "strongest in the end".to_owned();
    let best = Series { name, role: Role::Best, run, points: strongest };
    let heat = Cells { label: label.to_owned(), run, range, cells };
    (axis, vec![Mark::Cells(heat), Mark::Points(best)])
}

/// The trials with which a list was logged, and its numbers.
pub(super) type Columns<'r> = Vec<(f64, &'r [f64])>;

/// The lists of this name that were logged with proposals, of those that are as long as the first.
pub(super) fn logged<'r>(view: &'r RunView, name: &str) -> Columns<'r> {
    let mut columns: Columns<'_> = Vec::new();
    for trial in view.trials() {
        let signals = trial.proposal.signals.as_ref();
        let Some(values) = signals.and_then(|signals| signals.vectors.get(name)) else { continue };
        if columns.first().is_none_or(|(_, first)| first.len() == values.len()) {
            columns.push((f64::from(trial.id.0), values));
        }
    }
    columns
}

/// The mean of the numbers in each of at most [`COLUMNS`] stretches of all trials.
pub(super) fn together(view: &RunView, columns: &Columns<'_>) -> Vec<([f64; 2], Vec<f64>)> {
    let wide = view.trials().len().div_ceil(COLUMNS).max(1);
    let stretch = |x: f64| (x / wide as f64).floor();
    let mean = |chunk: &[(f64, &[f64])]| {
        let (x, first) = *chunk.first()?;
        let of = |row: usize| {
            chunk.iter().map(|(_, values)| values[row]).sum::<f64>() / chunk.len() as f64
        };
        let from = stretch(x) * wide as f64 - 0.5;
        Some(([from, from + wide as f64], (0..first.len()).map(of).collect()))
    };
    columns.chunk_by(|a, b| stretch(a.0) == stretch(b.0)).filter_map(mean).collect()
}

/// The x axis of a heat map: exactly what its cells take.
pub(super) fn across(label: &str, groups: &[Group]) -> Axis {
    let ends = groups.iter().flat_map(|group| group.columns.iter().map(|(x, _)| *x));
    let range = ends.reduce(|[a, b], [from, to]| [a.min(from), b.max(to)]);
    Axis::new(label).whole().range(range)
}

/// The names of the rows from the top, if there are too many rows to name each and all groups have
/// the same; else nothing.
pub(super) fn legend(groups: &[Group]) -> String {
    let rows: usize = groups.iter().map(|group| group.rows.len()).sum();
    match groups.first() {
        Some(first) if rows > MOST_NAMES && groups.iter().all(|g| g.rows == first.rows) => {
            format!("; each from the top: {}", first.rows.join(", "))
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_begin_at_the_top() {
        let group = |name: &str, columns| Group {
            name: name.to_owned(),
            rows: vec!["a".to_owned(), "b".to_owned()],
            columns,
        };
        let groups = [
            group("x", vec![([0.5, 1.5], vec![0.1, 0.9]), ([1.5, 3.5], vec![0.7, 0.3])]),
            group("y", vec![([2.5, 4.5], vec![0.5, 0.25])]),
        ];
        let (axis, marks) = heat(&groups, "p", 0);
        assert_eq!(axis.range, Some([0.0, 4.5]));
        let names: Vec<(f64, &str)> =
            axis.ticks.iter().flatten().map(|tick| (tick.at, tick.label.as_str())).collect();
        assert_eq!(names, [(0.5, "b"), (1.5, "y: a"), (3.0, "b"), (4.0, "x: a")]);
        let [Mark::Cells(heat), Mark::Points(best)] = &marks[..] else { panic!("{marks:?}") };
        assert_eq!(heat.range, [0.1, 0.9]);
        let boxes: Vec<([f64; 2], f64, f64)> =
            heat.cells.iter().map(|cell| (cell.x, cell.y[0], cell.value)).collect();
        let expected = [([0.5, 1.5], 3.5, 0.1), ([1.5, 3.5], 3.5, 0.7), ([0.5, 1.5], 2.5, 0.9)];
        assert_eq!(boxes[..3], expected);
        let places: Vec<(f64, f64)> = best.points.iter().map(|p| (p.x, p.y)).collect();
        assert_eq!(places, [(2.5, 4.0), (3.5, 1.5)]);
        assert_eq!(across("epoch", &groups).range, Some([0.5, 4.5]));
        assert_eq!(legend(&groups), "");
        let many: Vec<Group> = (0..13).map(|_| group("z", Vec::new())).collect();
        assert_eq!(legend(&many), "; each from the top: a, b");
    }
}
