//! How the Pareto front grew.

use nascent_record::RunView;
use nascent_record::analysis::{comparable, hypervolume_growth};

use super::metric::Metric;
use super::pareto_front::cost;
use super::progress::{walk, x_unit};
use super::{Ask, NotYet, Plot, PlotOptions, count, role_of};
use crate::{Axis, Figure, Mark, Point, Series};

/// See the module.
///
/// The hypervolume is what the front dominates of the box between the worst and the best value of
/// each metric that any of the runs has (Zitzler and Thiele, "Multiobjective Optimization Using
/// Evolutionary Algorithms", 1998): comparable between the runs of one figure, not between figures.
pub(super) struct Hypervolume;

impl Plot for Hypervolume {
    fn id(&self) -> &'static str {
        "hypervolume"
    }

    fn title(&self) -> &'static str {
        "Hypervolume"
    }

    fn summary(&self) -> &'static str {
        "How much of what is possible the Pareto front covers, at each point of the search."
    }

    fn asks(&self) -> &'static [Ask] {
        &[Ask::Progress, Ask::Cost]
    }

    fn figure(&self, runs: &[(&str, &RunView)], options: &PlotOptions) -> Result<Figure, NotYet> {
        let metrics = measured(runs, options)?;
        let mut walks = Vec::with_capacity(runs.len());
        for (_, view) in runs {
            walks.push(places(view, options, &metrics));
        }
        let all = || walks.iter().flat_map(|(_, points)| points);
        if all().next().is_none() {
            let names: Vec<String> = metrics.iter().map(|m| format!("\"{}\"", m.name)).collect();
            let names = names.join(" and ");
            return Err(NotYet(format!("No complete trial has both {names} yet.")));
        }
        // The box between the worst and the best of each metric is 1 in each direction.
        let bounds: Vec<[f64; 2]> = (0..metrics.len())
            .map(|at| {
                let values = all().map(|point| point[at]);
                values.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| {
                    [low.min(value), high.max(value)]
                })
            })
            .collect();
        let side = |(value, [low, high]): (&f64, &[f64; 2])| {
            if high > low { (value - low) / (high - low) } else { 1.0 }
        };
        let latest = walks.iter().flat_map(|(walk, _)| walk).map(|point| point.x);
        let (unit, label) = x_unit(options.progress, latest.fold(0.0, f64::max));
        let (mut marks, mut ends) = (Vec::new(), Vec::new());
        for (run, (name, _)) in runs.iter().enumerate() {
            let (walk, points) = &walks[run];
            let shares: Vec<Vec<f64>> = points
                .iter()
                .map(|point| std::iter::zip(point, &bounds).map(side).collect())
                .collect();
            let growth = hypervolume_growth(&shares, &vec![0.0; metrics.len()])
                .map_err(|error| NotYet(error.to_string()))?;
            let mut steps: Vec<Point> = Vec::new();
            for (place, y) in std::iter::zip(walk, growth) {
                if steps.last().is_none_or(|last| y > last.y) {
                    steps.push(Point { x: place.x / unit, y, trial: place.trial });
                }
            }
            let (Some(last), Some(end)) = (steps.last().copied(), walk.last()) else { continue };
            ends.push(last.y);
            let grown = steps.clone();
            if end.x / unit > last.x {
                steps.push(Point { x: end.x / unit, y: last.y, trial: None });
            }
            let series = |points| Series {
                name: if runs.len() == 1 { "hypervolume".to_owned() } else { (*name).to_owned() },
                role: role_of(run, runs),
                run,
                points,
            };
            marks.push(Mark::Step(series(steps)));
            marks.push(Mark::Points(series(grown)));
        }
        let names: Vec<String> = metrics.iter().map(|m| m.name.replace('_', " ")).collect();
        let subtitle = match ends[..] {
            [end] => format!("{}; {end:.3} in the end", count(walks_len(&walks), "trial")),
            _ => format!("{}; {}", count(runs.len(), "run"), "more is better"),
        };
        Ok(Figure {
            title: format!("{}: {}", self.title(), names.join(", ")),
            subtitle,
            x: options.progress.axis(label),
            y: Axis::new("share of the box between the worst and the best values"),
            marks,
        })
    }
}

fn walks_len(walks: &[Walk]) -> usize {
    walks.iter().map(|(walk, _)| walk.len()).sum()
}

/// How far the search was with each trial, and the trial's values; more is better.
type Walk = (Vec<Point>, Vec<Vec<f64>>);

/// All objectives of a search that has several; else the metric and the cost of the Pareto front.
fn measured(runs: &[(&str, &RunView)], options: &PlotOptions) -> Result<Vec<Metric>, NotYet> {
    let metric = Metric::main(runs, options)?;
    if options.metric.is_none() && options.cost.is_none() {
        let goal = runs.first().map(|(_, view)| &view.manifest().goal);
        let objectives = goal.map_or(&[][..], |goal| &goal.objectives);
        if objectives.len() > 1 {
            let named = objectives.iter().map(|objective| {
                let mut metric = Metric::named(runs, &objective.metric, objective.direction);
                metric.objective = objective.clone();
                metric
            });
            return Ok(named.collect());
        }
    }
    let cost = cost(runs, options, &metric)?;
    Ok(vec![metric, cost])
}

/// The complete trials that compare.
fn places(view: &RunView, options: &PlotOptions, metrics: &[Metric]) -> Walk {
    let walk = walk(view, options.progress);
    let compared: Vec<_> = comparable(view).map(|trial| trial.id).collect();
    let of = |(x, trial): &(f64, &nascent_record::Trial)| {
        compared.binary_search(&trial.id).ok()?;
        let oriented = |m: &Metric| Some(m.objective.direction.oriented(m.of(trial)?));
        let values: Option<Vec<f64>> = metrics.iter().map(oriented).collect();
        Some((Point::of(trial.id, *x, 0.0), values?))
    };
    walk.iter().filter_map(of).unzip()
}
