//! How trials learned, epoch by epoch.

use nascent_record::{Outcome, RunView, Trial};

use super::metric::{Metric, focus};
use super::{NotYet, Plot, PlotOptions, count, even_sample, role_of};
use crate::{Axis, Figure, Mark, Point, Role, Series};

/// See the module.
pub(super) struct LearningCurves;

impl Plot for LearningCurves {
    fn id(&self) -> &'static str {
        "learning_curves"
    }

    fn title(&self) -> &'static str {
        "Learning curves"
    }

    fn summary(&self) -> &'static str {
        "How trials learned, epoch by epoch, the best of them highlighted and those that were stopped dimmed."
    }

    fn figure(&self, runs: &[(&str, &RunView)], options: &PlotOptions) -> Result<Figure, NotYet> {
        let metric = Metric::main(runs, options)?;
        let (mut faint, mut muted, mut bright) = (Vec::new(), Vec::new(), Vec::new());
        let (mut shown, mut curves) = (0, 0);
        for (run, (name, view)) in runs.iter().enumerate() {
            let learned: Vec<(&Trial, Vec<Point>)> = view
                .trials()
                .iter()
                .map(|trial| (trial, curve(trial, &metric)))
                .filter(|(_, points)| !points.is_empty())
                .collect();
            curves += learned.len();
            // Best first, by the value in the end; trials that were pruned or failed are not among them.
            let mut ranked: Vec<(usize, f64)> = learned
                .iter()
                .enumerate()
                .filter_map(|(at, (trial, points))| {
                    trial.metrics()?;
                    Some((at, metric.of(trial).or(points.last().map(|p| p.y))?))
                })
                .collect();
            ranked.sort_by(|a, b| {
                let oriented = |value| metric.objective.direction.oriented(value);
                oriented(b.1).total_cmp(&oriented(a.1)).then(a.0.cmp(&b.0))
            });
            ranked.truncate((options.top / runs.len()).max(1));
            let budget = options.max_lines / runs.len();
            for at in even_sample(learned.len(), budget) {
                if !ranked.iter().any(|(top, _)| *top == at) {
                    shown += 1;
                    let (trial, points) = &learned[at];
                    let single =
                        |name: &str| if runs.len() == 1 { name.to_owned() } else { String::new() };
                    if matches!(trial.outcome, Some(Outcome::Pruned(_) | Outcome::Failed(_))) {
                        let name = single("pruned or failed");
                        faint.push(line(name, Role::Faint, run, points));
                    } else {
                        muted.push(line(single("other trials"), Role::Muted, run, points));
                    }
                }
            }
            for (rank, &(at, value)) in ranked.iter().enumerate().rev() {
                shown += 1;
                let (trial, points) = &learned[at];
                let (name, role) = if runs.len() > 1 {
                    ((*name).to_owned(), role_of(run, runs))
                } else {
                    let name = format!("trial {}: {}", trial.id, metric.text(value));
                    let role = if rank == 0 { Role::Best } else { Role::Series(rank - 1) };
                    (name, role)
                };
                bright.push(line(name, role, run, points));
            }
            if let Some((_, picked)) = options.selected.filter(|(at, _)| *at == run)
                && let Some((_, points)) = learned.iter().find(|(trial, _)| trial.id == picked)
            {
                bright.push(line(format!("trial {picked}"), Role::Selected, run, points));
            }
        }
        if curves == 0 {
            let words = metric.name;
            let problem = format!("No trial has reported \"{words}\" during its training yet.");
            return Err(NotYet(problem));
        }
        faint.append(&mut muted);
        faint.append(&mut bright);
        let marks = faint;
        let ends = |mark: &Mark| match mark {
            Mark::Line(series) => series.points.last().map(|point| point.y),
            _ => None,
        };
        let is_bright = |mark: &&Mark| matches!(mark, Mark::Line(s) if !matches!(s.role, Role::Muted | Role::Faint));
        let values: Vec<f64> = marks.iter().filter_map(ends).collect();
        let keep: Vec<f64> = marks.iter().filter(is_bright).filter_map(ends).collect();
        let subtitle = if shown < curves {
            format!("{} of {}; {}", shown, count(curves, "trial"), metric.wanted())
        } else {
            format!("{}; {}", count(curves, "trial"), metric.wanted())
        };
        // Early epochs are far from the end: focus on where the curves end, with room to rise.
        let range = focus(&metric, &values, &keep).0;
        Ok(Figure {
            title: self.title().to_owned(),
            subtitle,
            x: Axis::new("epoch").whole(),
            y: Axis::new(metric.label).range(range),
            marks,
        })
    }
}

fn curve(trial: &Trial, metric: &Metric) -> Vec<Point> {
    let place = |report: &nascent_record::Report| {
        let value = report.metrics.get(&metric.name)?;
        Some(Point::of(trial.id, f64::from(report.step), value))
    };
    trial.curve.iter().filter_map(place).collect()
}

fn line(name: String, role: Role, run: usize, points: &[Point]) -> Mark {
    let points = points.to_vec();
    Mark::Line(Series { name, role, run, points })
}
