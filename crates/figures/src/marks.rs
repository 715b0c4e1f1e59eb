//! What is drawn in a figure: places, lines, areas and boxes, with roles and without colors.

use nascent_record::TrialId;

use crate::Axis;

/// What a mark is to the reader. Each renderer has one table from roles to looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Series number `i`: a run, or a group of trials.
    Series(usize),
    /// What the search is after: the incumbent, the front.
    Best,
    /// Context: there, and not in the way.
    Muted,
    /// Context that came to nothing, such as a trial that was pruned: fainter still.
    Faint,
    /// What the reader has picked.
    Selected,
}

/// A place in a figure, and the trial behind it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Along the x axis.
    pub x: f64,
    /// Along the y axis.
    pub y: f64,
    /// The trial that a hover or a click leads to, in the run of the mark.
    pub trial: Option<TrialId>,
}

impl Point {
    /// The place of a trial.
    pub fn of(trial: TrialId, x: f64, y: f64) -> Self {
        Self { x, y, trial: Some(trial) }
    }
}

/// Places that belong together, with their name in the legend.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name in the legend; marks of one name and role share an entry, an empty name has none.
    pub name: String,
    /// What it is to the reader.
    pub role: Role,
    /// The position of the run, in the order that the plot was given.
    pub run: usize,
    /// The places, in order.
    pub points: Vec<Point>,
}

/// An area between two curves.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    /// Its name in the legend; empty for none.
    pub name: String,
    /// What it is to the reader.
    pub role: Role,
    /// The position of the run, or of the first of the runs that it sums up.
    pub run: usize,
    /// Places with the lower and the upper end: `[x, lower, upper]`.
    pub points: Vec<[f64; 3]>,
}

/// One horizontal bar, from 0 to its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// Its place on the y axis.
    pub at: f64,
    /// Its length on the x axis.
    pub value: f64,
    /// What a hover says of it.
    pub note: String,
}

/// Horizontal bars; several marks of bars share each place.
#[derive(Clone, Debug, PartialEq)]
pub struct Bars {
    /// Their name in the legend; empty for none.
    pub name: String,
    /// What they are to the reader.
    pub role: Role,
    /// The position of the run.
    pub run: usize,
    /// The bars.
    pub bars: Vec<Bar>,
}

/// A trial across all axes of parallel coordinates.
#[derive(Clone, Debug, PartialEq)]
pub struct Thread {
    /// The trial.
    pub trial: TrialId,
    /// Its place on each axis.
    pub values: Vec<f64>,
}

/// Trials that are drawn alike in parallel coordinates.
#[derive(Clone, Debug, PartialEq)]
pub struct Bundle {
    /// Their name in the legend; empty for none.
    pub name: String,
    /// What they are to the reader.
    pub role: Role,
    /// The position of the run.
    pub run: usize,
    /// The trials.
    pub threads: Vec<Thread>,
}

/// Upright axes side by side, and trials as lines across them. It takes the place of both axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Parallel {
    /// The axes, from the left; every one has a range.
    pub axes: Vec<Axis>,
    /// The trials; the last are on top.
    pub bundles: Vec<Bundle>,
}

/// A straight way from one place to another: from a parent to its child.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    /// Where it begins.
    pub from: Point,
    /// Where it ends.
    pub to: Point,
}

/// Ways that are not joined to each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Links {
    /// Their name in the legend; empty for none.
    pub name: String,
    /// What they are to the reader.
    pub role: Role,
    /// The position of the run.
    pub run: usize,
    /// The ways.
    pub links: Vec<Link>,
}

/// A stretch of the x axis: when a trial ran.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lane, a place on the y axis; lanes are 1 apart.
    pub at: f64,
    /// Where it begins on the x axis.
    pub from: f64,
    /// Where it ends; not before it begins.
    pub to: f64,
    /// The trial that a hover or a click leads to, in the run of the mark.
    pub trial: Option<TrialId>,
}

/// Stretches of the x axis, as flat boxes in lanes.
#[derive(Clone, Debug, PartialEq)]
pub struct Intervals {
    /// Their name in the legend; empty for none.
    pub name: String,
    /// What they are to the reader.
    pub role: Role,
    /// The position of the run.
    pub run: usize,
    /// The stretches.
    pub intervals: Vec<Interval>,
}

/// A box of a heat map.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Where it begins and ends on the x axis.
    pub x: [f64; 2],
    /// Where it begins and ends on the y axis.
    pub y: [f64; 2],
    /// What its color says.
    pub value: f64,
    /// The trial that a click leads to, in the run of the mark.
    pub trial: Option<TrialId>,
    /// What a hover says of it.
    pub note: String,
}

/// A heat map. Its legend is a scale from the weakest color to the strongest.
#[derive(Clone, Debug, PartialEq)]
pub struct Cells {
    /// What the values are, with their unit.
    pub label: String,
    /// The position of the run, or of the first of the runs that it sums up.
    pub run: usize,
    /// The value with the weakest color and the one with the strongest; the first is the greater
    /// one where less is better.
    pub range: [f64; 2],
    /// The boxes.
    pub cells: Vec<Cell>,
}

impl Cells {
    /// How strong the color of a value is: 0 for the weakest, 1 for the strongest.
    pub fn strength(&self, value: f64) -> f64 {
        let [weak, strong] = self.range;
        if weak == strong { 1.0 } else { ((value - weak) / (strong - weak)).clamp(0.0, 1.0) }
    }
}

/// Something in a figure. Later marks are above earlier ones.
#[derive(Clone, Debug, PartialEq)]
pub enum Mark {
    /// Points joined by straight lines.
    Line(Series),
    /// Points joined by steps: level, then up or down at the next point.
    Step(Series),
    /// Points by themselves.
    Points(Series),
    /// An area between two curves, around a line: how sure that is.
    Band(Band),
    /// An area between two curves, one of a stack: how large a share is.
    Area(Band),
    /// Horizontal bars.
    Bars(Bars),
    /// Ways that are not joined.
    Links(Links),
    /// Boxes in lanes.
    Intervals(Intervals),
    /// A heat map.
    Cells(Cells),
    /// Parallel coordinates.
    Parallel(Parallel),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_end_is_the_stronger_one() {
        let cells = |range| Cells { label: String::new(), run: 0, range, cells: Vec::new() };
        assert_eq!(cells([10.0, 20.0]).strength(12.5), 0.25);
        assert_eq!(cells([20.0, 10.0]).strength(12.5), 0.75);
        assert_eq!(cells([20.0, 10.0]).strength(25.0), 0.0);
        assert_eq!(cells([3.0, 3.0]).strength(3.0), 1.0);
    }
}
