//! The metric against two choices.

use nascent_record::{Choice, RunView, Trial, Value};

use super::bins::Bins;
use super::choices::{Common, chosen};
use super::metric::{Metric, focus};
use super::{Ask, NotYet, Plot, PlotOptions, Summary, count};
use crate::{Cell, Cells, Figure, Mark, Point, Role, Series};

/// A number of a choice falls into so many ranges.
const RANGES: usize = 10;

/// See the module.
pub(super) struct Contour;

impl Plot for Contour {
    fn id(&self) -> &'static str {
        "contour"
    }

    fn title(&self) -> &'static str {
        "Contour"
    }

    fn summary(&self) -> &'static str {
        "The metric against two choices, by default the most important: the mean or the best of \
         the trials in each cell."
    }

    fn asks(&self) -> &'static [Ask] {
        &[Ask::Choices]
    }

    fn figure(&self, runs: &[(&str, &RunView)], options: &PlotOptions) -> Result<Figure, NotYet> {
        let metric = Metric::main(runs, options)?;
        let common = Common::of(runs, &metric, options)?;
        let [across, up] = common.most_important(2)[..] else {
            return Err(NotYet("These runs have one choice only, and it takes two.".to_owned()));
        };
        let mut grid = Grid::new(across, up);
        for (run, (_, view)) in runs.iter().enumerate() {
            let (column, row) = (chosen(view, across), chosen(view, up));
            for (trial, value) in metric.trials(view) {
                grid.add([column(trial), row(trial)], (run, trial, value), &metric);
            }
        }
        let Some(best) = grid.best(&metric) else {
            let problem = "No trial is complete yet: complete trials fill the cells.";
            return Err(NotYet(problem.to_owned()));
        };
        let cells = grid.cells(&metric, options.summary, runs.len() == 1);
        let values: Vec<f64> = cells.iter().map(|cell| cell.value).collect();
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // A few bad cells would take all the colors for themselves.
        let [low, high] = match focus(&metric, &values, &[]).0 {
            Some([from, to]) => [from.max(low), to.min(high)],
            None => [low, high],
        };
        let range = if metric.better(high, low) { [low, high] } else { [high, low] };
        let what = match options.summary {
            Summary::Mean => "mean",
            Summary::Best => "best",
        };
        let label = format!("{what} {}", metric.label);
        let mark = |name: String, role, run: usize, trial: &Trial| {
            let (x, y) = grid.place(runs[run].1, trial);
            Mark::Points(Series { name, role, run, points: vec![Point::of(trial.id, x, y)] })
        };
        let (run, trial, value) = best;
        let name = format!("best: trial {}, {}", trial.id, metric.text(value));
        let mut marks = vec![
            Mark::Cells(Cells { label, run: 0, range, cells }),
            mark(name, Role::Best, run, trial),
        ];
        if let Some((run, id)) = options.selected
            && let Some(trial) = runs.get(run).and_then(|(_, v)| v.trials().get(id.index()))
        {
            marks.push(mark(format!("trial {id}"), Role::Selected, run, trial));
        }
        let of_runs = if runs.len() > 1 {
            format!(" of {}", count(runs.len(), "run"))
        } else {
            String::new()
        };
        Ok(Figure {
            title: format!("{}: {}", self.title(), metric.name.replace('_', " ")),
            subtitle: format!(
                "the {what} of the trials in each cell; {}{of_runs}",
                count(grid.total(), "trial")
            ),
            x: grid.columns.axis(across),
            y: grid.rows.axis(up),
            marks,
        })
    }
}

/// A trial with its run and its value.
type Scored<'r> = (usize, &'r Trial, f64);

/// The trials of a cell.
#[derive(Clone, Copy)]
struct Group<'r> {
    count: usize,
    sum: f64,
    best: Scored<'r>,
}

/// Trials by two choices.
struct Grid<'c, 'r> {
    choices: [&'c Choice; 2],
    columns: Bins,
    rows: Bins,
    /// Column by column.
    groups: Vec<Option<Group<'r>>>,
}

impl<'c, 'r> Grid<'c, 'r> {
    fn new(across: &'c Choice, up: &'c Choice) -> Self {
        let (columns, rows) = (Bins::of(across, RANGES), Bins::of(up, RANGES));
        let groups = vec![None; columns.len() * rows.len()];
        Self { choices: [across, up], columns, rows, groups }
    }

    fn add(&mut self, chosen: [Option<Value>; 2], scored: Scored<'r>, metric: &Metric) {
        let (column, row) = (self.columns.index(chosen[0]), self.rows.index(chosen[1]));
        let value = scored.2;
        let group = &mut self.groups[column * self.rows.len() + row];
        let group = group.get_or_insert(Group { count: 0, sum: 0.0, best: scored });
        group.count += 1;
        group.sum += value;
        if metric.better(value, group.best.2) {
            group.best = scored;
        }
    }

    fn total(&self) -> usize {
        self.groups.iter().flatten().map(|group| group.count).sum()
    }

    /// The best trial of all; of equals the one of the earliest run and number.
    fn best(&self, metric: &Metric) -> Option<Scored<'r>> {
        let bests = self.groups.iter().flatten().map(|group| group.best);
        bests.reduce(|a, b| {
            let earlier = (b.0, b.1.id) < (a.0, a.1.id);
            let better = metric.better(b.2, a.2) || (earlier && !metric.better(a.2, b.2));
            if better { b } else { a }
        })
    }

    fn cells(&self, metric: &Metric, summary: Summary, linked: bool) -> Vec<Cell> {
        let [across, up] = self.choices.map(|choice| &choice.name);
        let filled = self.groups.iter().enumerate().filter_map(|(at, group)| Some((at, (*group)?)));
        let cell = |(at, group): (usize, Group<'_>)| {
            let (column, row) = (at / self.rows.len(), at % self.rows.len());
            let mean = group.sum / group.count as f64;
            let (_, trial, best) = group.best;
            Cell {
                x: self.columns.bounds[column],
                y: self.rows.bounds[row],
                value: match summary {
                    Summary::Mean => mean,
                    Summary::Best => best,
                },
                trial: linked.then_some(trial.id),
                note: format!(
                    "{across} = {}, {up} = {}: {}, mean {}, best {} at trial {}",
                    self.columns.names[column],
                    self.rows.names[row],
                    count(group.count, "trial"),
                    metric.text(mean),
                    metric.text(best),
                    trial.id
                ),
            }
        };
        filled.map(cell).collect()
    }

    /// The place of a trial.
    fn place(&self, view: &RunView, trial: &Trial) -> (f64, f64) {
        let of = |bins: &Bins, choice| bins.place(chosen(view, choice)(trial), 0.5);
        (of(&self.columns, self.choices[0]), of(&self.rows, self.choices[1]))
    }
}
