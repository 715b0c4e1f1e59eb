//! What was measured, as tables in Markdown.

use std::fmt::Write as _;

use crate::statistics::{median, ratio};

/// The tables, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    Forward,
    ForwardBackward,
    Steps,
    TwoTrials,
    Memory,
}

impl Group {
    /// All of them.
    pub(super) const ALL: [Self; 5] =
        [Self::Forward, Self::ForwardBackward, Self::Steps, Self::TwoTrials, Self::Memory];

    fn title(self) -> &'static str {
        match self {
            Self::Forward => "Operations, forward",
            Self::ForwardBackward => "Operations, forward and backward",
            Self::Steps => "Training steps",
            Self::TwoTrials => "Two trials at once, a process of one thread each",
            Self::Memory => "Peak memory of a training step",
        }
    }

    fn unit(self) -> &'static str {
        if self == Self::Memory { "MiB" } else { "ms" }
    }
}

/// What one side gave in one case.
#[derive(Debug)]
pub(super) enum Cell {
    /// What was measured in each round, and the seconds of the first pass.
    Samples { samples: Vec<f64>, first_seconds: f64 },
    /// Nothing, for this reason.
    Missing(String),
}

impl Cell {
    fn samples(&self) -> Option<&[f64]> {
        match self {
            Self::Samples { samples, .. } => Some(samples),
            Self::Missing(_) => None,
        }
    }
}

/// What was measured in one case.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) group: Group,
    pub(super) name: String,
    pub(super) threads: usize,
    /// A cell for each side, the first of which is ours.
    pub(super) cells: Vec<Cell>,
}

/// What stands where there is nothing.
const NOTHING: &str = "–";

/// All tables that have rows. `modes` are the names of the sides, in the order of the cells: ours,
/// PyTorch's plain mode, its other modes.
pub(super) fn tables(rows: &[Row], modes: &[&str]) -> String {
    let mut text = String::new();
    for group in Group::ALL {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.group == group).collect();
        if !rows.is_empty() {
            let _never = write!(text, "\n## {}\n\n{}", group.title(), table(group, &rows, modes));
        }
    }
    text
}

fn table(group: Group, rows: &[&Row], modes: &[&str]) -> String {
    let unit = group.unit();
    // A mode that none of the rows has needs no column; the notes say why.
    let has = |mode: &usize| rows.iter().any(|row| row.cells[*mode].samples().is_some());
    let shown: Vec<usize> = (1..modes.len()).filter(|mode| *mode == 1 || has(mode)).collect();
    let compiled = modes.iter().position(|mode| *mode == "compile").filter(has);
    let mut header = vec!["case".to_owned(), "threads".to_owned(), format!("ours, {unit}")];
    header.push(format!("PyTorch, {unit}"));
    header.extend(shown.iter().map(|mode| format!("ours / {}", modes[*mode])));
    header.extend(compiled.map(|_| "compiling takes, s".to_owned()));
    let mut lines = vec![header];
    for row in rows {
        let middle = |cell: &Cell| cell.samples().map_or(NOTHING.to_owned(), |x| number(median(x)));
        let mut line = vec![row.name.clone(), row.threads.to_string()];
        line.extend(row.cells[..2].iter().map(middle));
        line.extend(shown.iter().map(|mode| compare(&row.cells[0], &row.cells[*mode])));
        line.extend(compiled.map(|mode| match &row.cells[mode] {
            Cell::Samples { first_seconds, .. } => number(*first_seconds),
            Cell::Missing(_) => NOTHING.to_owned(),
        }));
        lines.push(line);
    }
    let mut text = align(&lines);
    for (reason, cases) in notes(rows, modes) {
        let _never = write!(text, "\n{reason}: {cases}.\n");
    }
    text
}

/// "0.56 (0.54–0.58)".
fn compare(ours: &Cell, theirs: &Cell) -> String {
    ours.samples().zip(theirs.samples()).map_or(NOTHING.to_owned(), |(ours, theirs)| {
        let ratio = ratio(ours, theirs);
        format!("{:.2} ({:.2}–{:.2})", ratio.value, ratio.low, ratio.high)
    })
}

/// Why cells are empty, each reason once with the cases that it holds for.
fn notes(rows: &[&Row], modes: &[&str]) -> Vec<(String, String)> {
    let mut notes: Vec<(String, Vec<&str>)> = Vec::new();
    for (at, mode) in modes.iter().enumerate() {
        for row in rows {
            let Cell::Missing(reason) = &row.cells[at] else { continue };
            let reason = format!("Not measured in {mode}, because {reason}");
            match notes.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, cases)) if cases.contains(&&*row.name) => {}
                Some((_, cases)) => cases.push(&row.name),
                None => notes.push((reason, vec![&row.name])),
            }
        }
    }
    let mut names: Vec<&str> = rows.iter().map(|row| &*row.name).collect();
    names.dedup();
    let shown = |cases: Vec<&str>| {
        if cases.len() == names.len() { "all".to_owned() } else { cases.join(", ") }
    };
    notes.into_iter().map(|(reason, cases)| (reason, shown(cases))).collect()
}

/// Three digits that count.
fn number(value: f64) -> String {
    let digits = match value {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

/// A table in Markdown that also reads well as it is; the first column is text.
fn align(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| {
        lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0).max(3)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (at, line) in lines.iter().enumerate() {
        for (column, (cell, width)) in std::iter::zip(line, &widths).enumerate() {
            let _never = match column {
                0 => write!(text, "| {cell:width$} |"),
                _ => write!(text, " {cell:>width$} |"),
            };
        }
        text.push('\n');
        if at == 0 {
            for (column, width) in widths.iter().enumerate() {
                let dashes = "-".repeat(width - 1);
                let _never = match column {
                    0 => write!(text, "| {dashes}- |"),
                    _ => write!(text, " {dashes}: |"),
                };
            }
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: [f64; 3]) -> Cell {
        Cell::Samples { samples: values.to_vec(), first_seconds: 12.34 }
    }

    fn row(group: Group, name: &str, cells: Vec<Cell>) -> Row {
        Row { group, name: name.to_owned(), threads: 1, cells }
    }

    #[test]
    fn a_table_shows_ratios_and_says_what_is_missing() {
        let missing = |reason: &str| Cell::Missing(reason.to_owned());
        let rows = [
            row(
                Group::Steps,
                "net",
                vec![
                    samples([2.0, 2.0, 2.0]),
                    samples([4.0, 4.0, 4.0]),
                    missing("it has no images"),
                    samples([2.5, 2.5, 2.5]),
                ],
            ),
            row(
                Group::Steps,
                "other",
                vec![
                    missing("it is new"),
                    samples([150.4, 150.4, 150.4]),
                    missing("it has no images"),
                    missing("it failed"),
                ],
            ),
        ];
        let modes = ["ours", "eager", "channels_last", "compile"];
        let expected = "
## Training steps

| case  | threads | ours, ms | PyTorch, ms |     ours / eager |   ours / compile | compiling takes, s |
| ----- | ------: | -------: | ----------: | ---------------: | ---------------: | -----------------: |
| net   |       1 |     2.00 |        4.00 | 0.50 (0.50–0.50) | 0.80 (0.80–0.80) |               12.3 |
| other |       1 |        – |         150 |                – |                – |                  – |

Not measured in ours, because it is new: other.

Not measured in channels_last, because it has no images: all.

Not measured in compile, because it failed: other.
";
        assert_eq!(tables(&rows, &modes), expected);
    }

    #[test]
    fn numbers_have_three_digits() {
        let texts = [123.4, 12.34, 1.234, 0.1234].map(number);
        assert_eq!(texts, ["123", "12.3", "1.23", "0.123"]);
    }
}
