//! Heat maps with a row for each option: what a searcher prefers as it goes on.

use nascent_record::RunView;

use crate::{Axis, Cell, Cells, Mark, Point, Role, Series, Tick};

/// More rows than this have no room for names.
const MOST_NAMES: usize = 24;

/// More options than this have no room for names side by side.
const MOST_BESIDE: usize = 16;

/// How wide the piece of an option is that has others beside it, whose middles are 1 apart.
const PIECE: f64 = 0.92;

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

/// A heat map with its axes, and what else has to be said of it.
pub(super) struct Heat {
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) marks: Vec<Mark>,
    /// What stands in the subtitle; may be empty.
    pub(super) note: String,
}

/// The heat map of these groups, from the top, over what `across` names: a row for each option, with
/// the strongest row of each group at its last column. Where these rows are more than can be named,
/// and options are few, there is a row for each group, and the options stand side by side.
pub(super) fn heat(groups: &[Group], label: &str, across: &str, run: usize) -> Heat {
    let rows: usize = groups.iter().map(|group| group.rows.len()).sum();
    let options = options(groups);
    if rows > MOST_NAMES && options.len() <= MOST_BESIDE {
        return beside(groups, &options, label, across, run);
    }
    let (y, marks) = below(groups, label, run);
    let range = stretch(groups);
    Heat { x: Axis::new(across).whole().range(range), y, marks, note: legend(groups) }
}

/// A row for each option.
fn below(groups: &[Group], label: &str, run: usize) -> (Axis, Vec<Mark>) {
    let rows: usize = groups.iter().map(|group| group.rows.len()).sum();
    let height = rows as f64 + GAP * groups.len().saturating_sub(1) as f64;
    // Of the rows of one group the renderer names as many as have room.
    let has_names = rows <= MOST_NAMES || groups.len() == 1;
    let (mut cells, mut strongest, mut ticks) = (Vec::new(), Vec::new(), Vec::new());
    let mut top = height;
    for group in groups {
        let n = group.rows.len();
        if !has_names {
            ticks.push(Tick { at: top - n as f64 / 2.0, label: group.name.clone() });
        }
        for (row, name) in group.rows.iter().enumerate() {
            let (low, middle) = (top - 1.0 - row as f64, top - 0.5 - row as f64);
            if has_names {
                let label = match row {
                    0 if !group.name.is_empty() => format!("{}: {name}", group.name),
                    _ => name.clone(),
                };
                ticks.push(Tick { at: middle, label });
            }
            cells.extend(group.columns.iter().map(|column| group.cell(row, column, column.0, low)));
        }
        if let Some(([from, to], values)) = group.columns.last() {
            let y = top - 0.5 - strongest_of(values) as f64;
            strongest.push(Point { x: f64::midpoint(*from, *to), y, trial: None });
        }
        top -= n as f64 + GAP;
    }
    ticks.reverse(); // the y axis points up
    let axis = Axis { ticks: Some(ticks), ..Axis::default().range(Some([0.0, height])) };
    (axis, marks(cells, strongest, label, run))
}

/// A row for each group, and in it a piece for each option; each piece is over the whole stretch.
fn beside(groups: &[Group], options: &[&str], label: &str, across: &str, run: usize) -> Heat {
    let [first, last] = stretch(groups).unwrap_or([0.0, 1.0]);
    let place = |option: usize, x: f64| {
        option as f64 + ((x - first) / (last - first).max(f64::MIN_POSITIVE) - 0.5) * PIECE
    };
    let (mut cells, mut strongest, mut ticks) = (Vec::new(), Vec::new(), Vec::new());
    for (row, group) in groups.iter().rev().enumerate() {
        ticks.push(Tick { at: row as f64, label: group.name.clone() });
        let low = row as f64 - 0.5;
        let at = |name: &String| options.iter().position(|option| option == name).unwrap_or(0);
        let places: Vec<usize> = group.rows.iter().map(at).collect();
        for (number, option) in places.iter().enumerate() {
            let cell = |column: &([f64; 2], Vec<f64>)| {
                group.cell(number, column, column.0.map(|x| place(*option, x)), low)
            };
            cells.extend(group.columns.iter().map(cell));
        }
        if let Some(([from, to], values)) = group.columns.last()
            && let Some(option) = places.get(strongest_of(values))
        {
            let x = place(*option, f64::midpoint(*from, *to));
            strongest.push(Point { x, y: row as f64, trial: None });
        }
    }
    let range = Some([-0.5, groups.len() as f64 - 0.5]);
    let y = Axis { ticks: Some(ticks), ..Axis::default().range(range) };
    let ends = [(first + 0.5).ceil(), (last - 0.5).floor()].map(crate::text::number);
    let x = Axis::new(format!("each by {across}, {} to {}", ends[0], ends[1]));
    let x = x.names(options.iter().copied());
    Heat { x, y, marks: marks(cells, strongest, label, run), note: String::new() }
}

impl Group {
    /// The box of a row at a column.
    fn cell(
        &self,
        row: usize,
        (stretch, values): &([f64; 2], Vec<f64>),
        x: [f64; 2],
        low: f64,
    ) -> Cell {
        let prefix = if self.name.is_empty() { String::new() } else { format!("{}, ", self.name) };
        let number = crate::text::number(values[row]);
        let at = crate::text::number(f64::midpoint(stretch[0], stretch[1]).floor());
        let note = format!("{prefix}{}: {number} at {at}", self.rows[row]);
        Cell { x, y: [low, low + 1.0], value: values[row], trial: None, note }
    }
}

/// The boxes with their scale, and the strongest options.
fn marks(cells: Vec<Cell>, strongest: Vec<Point>, label: &str, run: usize) -> Vec<Mark> {
    let values = || cells.iter().map(|cell| cell.value);
    let range =
        [values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max)];
    let name = "strongest in the end".to_owned();
    let best = Series { name, role: Role::Best, run, points: strongest };
    let heat = Cells { label: label.to_owned(), run, range, cells };
    vec![Mark::Cells(heat), Mark::Points(best)]
}

/// The position of the largest number; of equals the first.
fn strongest_of(values: &[f64]) -> usize {
    (0..values.len()).fold(0, |known, row| if values[row] > values[known] { row } else { known })
}

/// The names of the rows of all groups, each once.
fn options(groups: &[Group]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for name in groups.iter().flat_map(|group| &group.rows) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names
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

/// What the cells of a heat map take of the x axis.
fn stretch(groups: &[Group]) -> Option<[f64; 2]> {
    let ends = groups.iter().flat_map(|group| group.columns.iter().map(|(x, _)| *x));
    ends.reduce(|[a, b], [from, to]| [a.min(from), b.max(to)])
}

/// The names of the rows from the top, if there are too many rows to name each and all groups have
/// the same; else nothing.
fn legend(groups: &[Group]) -> String {
    let rows: usize = groups.iter().map(|group| group.rows.len()).sum();
    match groups.first() {
        Some(first)
            if rows > MOST_NAMES
                && groups.len() > 1
                && groups.iter().all(|g| g.rows == first.rows) =>
        {
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
        let Heat { x, y: axis, marks, note } = heat(&groups, "p", "epoch", 0);
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
        assert_eq!((x.range, &*x.label, &*note), (Some([0.5, 4.5]), "epoch", ""));
    }

    /// Names of all rows and options are there, however many groups there are.
    #[test]
    fn many_groups_have_a_row_each_with_the_options_side_by_side() {
        let columns = vec![([0.5, 1.5], vec![0.1, 0.9]), ([1.5, 4.5], vec![0.7, 0.3])];
        let group = |at: usize| Group {
            name: format!("edge {at}"),
            rows: if at == 0 { vec!["a".into(), "c".into()] } else { vec!["a".into(), "b".into()] },
            columns: columns.clone(),
        };
        let groups: Vec<Group> = (0..13).map(group).collect();
        let Heat { x, y, marks, note } = heat(&groups, "p", "epoch", 0);
        assert_eq!((&*x.label, &*note), ("each by epoch, 1 to 4", ""));
        let names = |axis: &Axis| -> Vec<String> {
            axis.ticks.iter().flatten().map(|tick| tick.label.clone()).collect()
        };
        assert_eq!(names(&x), ["a", "c", "b"]);
        assert_eq!((names(&y).len(), &*names(&y)[12]), (13, "edge 0"));
        let [Mark::Cells(heat), Mark::Points(best)] = &marks[..] else { panic!("{marks:?}") };
        assert_eq!(heat.cells.len(), 13 * 4);
        // The last row is the first from below: b of edge 12 at the epochs 2 to 4.
        let cell = heat.cells.iter().find(|cell| cell.note == "edge 12, b: 0.3 at 3").unwrap();
        assert_eq!((cell.y, cell.value), ([-0.5, 0.5], 0.3));
        let [from, to] = cell.x.map(|x| (x * 1e4).round() / 1e4);
        assert_eq!([from, to], [1.77, 2.46], "three quarters of the third piece");
        assert_eq!(best.points[0].y, 0.0);
        assert!((best.points[0].x - 0.115).abs() < 1e-9, "in the first piece, where a is");
    }

    #[test]
    fn of_many_options_the_order_is_said() {
        let group = || Group {
            name: "edge".to_owned(),
            rows: (0..30).map(|at| at.to_string()).collect(),
            columns: Vec::new(),
        };
        let heat = |groups: &[Group]| heat(groups, "p", "epoch", 0);
        let two = heat(&[group(), group()]);
        assert!(two.note.starts_with("; each from the top: 0, 1, 2"), "{}", two.note);
        assert_eq!(two.y.ticks.unwrap().len(), 2);
        let one = heat(&[group()]);
        assert_eq!((one.note.as_str(), one.y.ticks.unwrap().len()), ("", 30));
    }
}
