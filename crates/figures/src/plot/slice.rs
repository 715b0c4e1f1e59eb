//! The metric against one choice.

use nascent_record::RunView;

use super::bins::Bins;
use super::choices::{Common, chosen};
use super::metric::{Metric, focus, quantile};
use super::{Ask, NotYet, Plot, PlotOptions, count, picked, role_of};
use crate::{Axis, Figure, Link, Links, Mark, Point, Role, Series};

/// A number of a choice falls into so many ranges, each with a median.
const RANGES: usize = 8;

/// The part of the room of an option that stays free on each side.
const MARGIN: f64 = 0.15;

/// See the module.
pub(super) struct Slice;

impl Plot for Slice {
    fn id(&self) -> &'static str {
        "slice"
    }

    fn title(&self) -> &'static str {
        "Slice"
    }

    fn summary(&self) -> &'static str {
        "The metric against one choice, by default the most important: every trial, and medians."
    }

    fn asks(&self) -> &'static [Ask] {
        &[Ask::Choices]
    }

    fn figure(&self, runs: &[(&str, &RunView)], options: &PlotOptions) -> Result<Figure, NotYet> {
        let metric = Metric::main(runs, options)?;
        let common = Common::of(runs, &metric, options)?;
        let Some(&choice) = common.most_important(1).first() else {
            return Err(NotYet("These runs have no choice in common.".to_owned()));
        };
        let bins = Bins::of(choice, RANGES);
        let (mut marks, mut medians) = (Vec::new(), Vec::new());
        let (mut values, mut keep) = (Vec::new(), Vec::new());
        for (run, (name, view)) in runs.iter().enumerate() {
            let chosen = chosen(view, choice);
            let mut points: Vec<Point> = Vec::new();
            let mut groups: Vec<Vec<f64>> = vec![Vec::new(); bins.len()];
            for (trial, y) in metric.trials(view) {
                let value = chosen(trial);
                groups[bins.index(value)].push(y);
                // Trials of one option lie beside each other, those of each run together.
                let part = (run as f64 + spread(trial.id.0)) / runs.len() as f64;
                let x = bins.place(value, MARGIN + (1.0 - 2.0 * MARGIN) * part);
                points.push(Point::of(trial.id, x, y));
            }
            if points.is_empty() {
                continue;
            }
            values.extend(points.iter().map(|point| point.y));
            let single = runs.len() == 1;
            let best =
                points.iter().copied().reduce(|a, b| if metric.better(b.y, a.y) { b } else { a });
            keep.extend(best.map(|point| point.y));
            let selected = picked(options, &points, run).map(Mark::Points);
            marks.push(Mark::Points(Series {
                name: if single { "trial" } else { name }.to_owned(),
                role: if single { Role::Muted } else { role_of(run, runs) },
                run,
                points,
            }));
            marks.extend(selected);
            // Of an option the part where the trials of the run are; ranges belong to all runs.
            let parts = [run, run + 1].map(|at| at as f64 / runs.len() as f64);
            let room = if bins.single { parts } else { [0.0, 1.0] };
            let link = |(bin, group): (usize, &mut Vec<f64>)| {
                group.sort_by(f64::total_cmp);
                let y = (!group.is_empty()).then(|| quantile(group, 0.5))?;
                let [from, to] = room.map(|part| MARGIN / 2.0 + (1.0 - MARGIN) * part);
                let end = |part| Point { x: bins.within(bin, part), y, trial: None };
                Some(Link { from: end(from), to: end(to) })
            };
            medians.push(Mark::Links(Links {
                name: if single { "median".to_owned() } else { String::new() },
                role: role_of(run, runs),
                run,
                links: groups.iter_mut().enumerate().filter_map(link).collect(),
            }));
        }
        if values.is_empty() {
            let problem = "No trial is complete yet: every complete trial is a point here.";
            return Err(NotYet(problem.to_owned()));
        }
        marks.append(&mut medians);
        let (range, outside) = focus(&metric, &values, &keep);
        let mut subtitle = count(values.len(), "trial");
        let explains = common.explains(choice);
        if !explains.is_empty() {
            subtitle = format!("{subtitle}; {explains}");
        }
        if outside > 0 {
            let outside = count(outside, "trial");
            subtitle = format!("{subtitle}; {outside} worse than the axis shows");
        }
        Ok(Figure {
            title: format!(
                "{}: {} by {}",
                self.title(),
                metric.name.replace('_', " "),
                choice.name
            ),
            subtitle,
            x: bins.axis(choice),
            y: Axis::new(metric.label).range(range),
            marks,
        })
    }
}

/// Numbers from 0 to 1 that are spread evenly however many there are: multiples of the golden ratio.
fn spread(number: u32) -> f64 {
    (f64::from(number) * 0.618_033_988_749_895).fract()
}
