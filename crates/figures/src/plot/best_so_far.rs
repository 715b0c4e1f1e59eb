//! How good the best trial was at each point of the search.

use nascent_record::{Outcome, RunView, Trial};

use super::{Metric, NotYet, Plot, PlotOptions, Progress, count, focus, picked, role_of};
use crate::{Axis, Figure, Mark, Point, Role, Series};

/// See the module.
pub(super) struct BestSoFar;

impl Plot for BestSoFar {
    fn id(&self) -> &'static str {
        "best_so_far"
    }

    fn title(&self) -> &'static str {
        "Best so far"
    }

    fn summary(&self) -> &'static str {
        "How good the best trial was at each point of the search."
    }

    fn figure(&self, runs: &[(&str, &RunView)], options: &PlotOptions) -> Result<Figure, NotYet> {
        let metric = Metric::main(runs, options)?;
        let walks: Vec<Vec<(f64, &Trial)>> = runs
            .iter()
            .map(|(_, view)| walk(view, options.progress))
            .collect();
        let latest = walks.iter().flatten().map(|(x, _)| *x);
        let (unit, label) = x_unit(options.progress, latest.fold(0.0, f64::max));
        let mut marks = Vec::new();
        let (mut best, mut values, mut keep) = (None, Vec::new(), Vec::new());
        for (run, ((name, _), walk)) in std::iter::zip(runs, &walks).enumerate() {
            let place = |(x, trial): &(f64, &Trial)| {
                metric.of(trial).map(|y| Point::of(trial.id, x / unit, y))
            };
            let points: Vec<Point> = walk.iter().filter_map(place).collect();
            values.extend(points.iter().map(|point| point.y));
            let mut improvements: Vec<Point> = Vec::new();
            for point in &points {
                let better = |known: &Point| metric.better(point.y, known.y);
                if improvements.last().is_none_or(better) {
                    improvements.push(*point);
                }
            }
            let Some(last) = improvements.last().copied() else {
                continue;
            };
            keep.push(last.y);
            if best.is_none_or(|(_, known)| metric.better(last.y, known)) {
                best = Some((last.trial, last.y));
            }
            let single = runs.len() == 1;
            if single {
                marks.push(Mark::Points(Series {
                    name: "trial".to_owned(),
                    role: Role::Muted,
                    run,
                    points: points.clone(),
                }));
            }
            let role = role_of(run, runs);
            let name = if single { "best so far" } else { name };
            let end = walk.last().map_or(last.x, |(x, _)| x / unit);
            let mut steps = improvements.clone();
            if end > last.x {
                steps.push(Point { x: end, ..last });
            }
            let series = |points| Series {
                name: name.to_owned(),
                role,
                run,
                points,
            };
            marks.push(Mark::Step(series(steps)));
            marks.push(Mark::Points(series(improvements)));
            marks.extend(picked(options, &points, run).map(Mark::Points));
        }
        let Some((trial, value)) = best else {
            let problem = match options.progress {
                Progress::Cost if runs.iter().any(|(_, view)| view.finished_trials() > 0) => {
                    "No complete trial has the metric cost_secs, which this picture counts by."
                }
                _ => "No trial is complete yet: the best so far begins with the first.",
            };
            return Err(NotYet(problem.to_owned()));
        };
        let (range, outside) = focus(&metric, &values, &keep);
        let best = metric.text(value);
        let mut subtitle = match trial {
            Some(trial) if runs.len() == 1 => {
                format!(
                    "{}; best {best} at trial {trial}",
                    count(walks[0].len(), "trial")
                )
            }
            _ => format!(
                "{}; best {best}; {}",
                count(runs.len(), "run"),
                metric.wanted()
            ),
        };
        if outside > 0 {
            let outside = count(outside, "trial");
            subtitle = format!("{subtitle}; {outside} worse than the axis shows");
        }
        Ok(Figure {
            title: self.title().to_owned(),
            subtitle,
            x: Axis::new(label),
            y: Axis::new(metric.label).range(range),
            marks,
        })
    }
}

/// The finished trials with how far the search had come with each, in that order.
fn walk(view: &RunView, progress: Progress) -> Vec<(f64, &Trial)> {
    let mut finished: Vec<&Trial> = view.trials().iter().filter(|t| t.is_finished()).collect();
    if progress == Progress::WallClock {
        finished.sort_by_key(|trial| (trial.finished_ms, trial.id));
    }
    let begin = view.span_ms().map_or(0, |(first, _)| first);
    let mut sum = 0.0;
    let mut counted = false;
    let mut steps = Vec::with_capacity(finished.len());
    for trial in finished {
        let x = match progress {
            Progress::Trials => f64::from(trial.id.0),
            Progress::Epochs => {
                sum += f64::from(trial.epochs);
                sum
            }
            Progress::Cost => {
                let cost = match &trial.outcome {
                    Some(Outcome::Complete(m) | Outcome::Pruned(m)) => m.get("cost_secs"),
                    _ => None,
                };
                counted |= cost.is_some();
                sum += cost.unwrap_or(0.0);
                sum
            }
            Progress::WallClock => {
                let ended = trial.finished_ms.unwrap_or(begin);
                ended.saturating_sub(begin) as f64 / 1000.0
            }
        };
        steps.push((x, trial));
    }
    if progress == Progress::Cost && !counted {
        steps.clear();
    }
    steps
}

/// The unit of the x axis, in what [`walk`] counts, and the axis' label.
fn x_unit(progress: Progress, latest: f64) -> (f64, String) {
    let (secs, unit) = match latest {
        t if t > 3.0 * 86_400.0 => (86_400.0, "days"),
        t if t > 3.0 * 3600.0 => (3600.0, "h"),
        t if t > 300.0 => (60.0, "min"),
        _ => (1.0, "s"),
    };
    match progress {
        Progress::Trials => (1.0, "trial".to_owned()),
        Progress::Epochs => (1.0, "training epochs of all trials".to_owned()),
        Progress::Cost => (secs, format!("evaluation time of all trials ({unit})")),
        Progress::WallClock => (secs, format!("time since the start ({unit})")),
    }
}
