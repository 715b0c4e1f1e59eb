//! How long each run took to become as good as wanted.

use nascent_record::{RunView, Trial};

use super::metric::Metric;
use super::progress::{Progress, walk, x_unit};
use super::{NotYet, Plot, PlotOptions, count, role_of};
use crate::{Axis, Figure, Link, Links, Mark, Point, Role, Series};

/// See the module.
///
/// Times to a target can be compared as ratios, which values after a time cannot (Hansen et al.,
/// "COCO: a Platform for Comparing Continuous Optimizers in a Black-Box Setting", 2021).
pub(super) struct TargetTime;

impl Plot for TargetTime {
    fn id(&self) -> &'static str {
        "target_time"
    }

    fn title(&self) -> &'static str {
        "Time to target"
    }

    fn summary(&self) -> &'static str {
        "How long each run took to reach a target: by default the best that all of them reached."
    }

    fn figure(&self, runs: &[(&str, &RunView)], options: &PlotOptions) -> Result<Figure, NotYet> {
        let metric = Metric::main(runs, options)?;
        let walks: Vec<Vec<(f64, &Trial)>> =
            runs.iter().map(|(_, view)| walk(view, options.progress)).collect();
        let finals: Vec<f64> = walks.iter().filter_map(|walk| best(walk, &metric)).collect();
        let worst = finals.iter().copied().reduce(|a, b| if metric.better(a, b) { b } else { a });
        let Some(worst) = worst else {
            return Err(NotYet(
                "No trial is complete yet: the first may reach a target.".to_owned(),
            ));
        };
        let target = options.target.unwrap_or(worst);
        if !target.is_finite() {
            return Err(NotYet(format!("The target {target} cannot be reached; name a number.")));
        }
        let (unit, label) = x_unit(
            options.progress,
            walks.iter().filter_map(|w| w.last()).map(|(x, _)| *x).fold(0.0, f64::max),
        );
        // The first trial is the first, not the zeroth.
        let first = if options.progress == Progress::Trials { 1.0 } else { 0.0 };
        let (mut ways, mut points) = (Vec::new(), Vec::new());
        let mut missed = Vec::new();
        let mut reached = 0;
        for (run, (_, walk)) in runs.iter().zip(&walks).enumerate() {
            let Some((end, _)) = walk.last() else { continue };
            let y = (runs.len() - 1 - run) as f64;
            let at = |x: f64, trial| Point { x: (x + first) / unit, y, trial };
            let hit = walk.iter().find(|(_, trial)| {
                metric.of(trial).is_some_and(|value| !metric.better(target, value))
            });
            let way = |to| Link { from: Point { x: 0.0, y, trial: None }, to };
            if let Some((x, trial)) = hit {
                reached += 1;
                let place = at(*x, Some(trial.id));
                let role = role_of(run, runs);
                let name = String::new();
                ways.push(Mark::Links(Links {
                    name: name.clone(),
                    role,
                    run,
                    links: vec![way(place)],
                }));
                points.push(Mark::Points(Series { name, role, run, points: vec![place] }));
            } else {
                missed.push((run, way(at(*end, None))));
            }
        }
        let mut marks: Vec<Mark> = Vec::new();
        for (run, link) in missed {
            let name = "not reached so far".to_owned();
            marks.push(Mark::Links(Links { name, role: Role::Muted, run, links: vec![link] }));
        }
        marks.append(&mut ways);
        marks.append(&mut points);
        let who = if options.target.is_none() && runs.len() > 1 {
            "the best that all have reached"
        } else if options.target.is_none() {
            "its best"
        } else {
            "as asked"
        };
        Ok(Figure {
            title: format!("{}: {}", self.title(), metric.name.replace('_', " ")),
            subtitle: format!(
                "target {}, {who}; reached by {reached} of {}",
                metric.text(target),
                count(runs.len(), "run")
            ),
            x: Axis::new(label),
            y: Axis::default().names(runs.iter().rev().map(|(name, _)| *name)),
            marks,
        })
    }
}

/// The best value of a run.
fn best(walk: &[(f64, &Trial)], metric: &Metric) -> Option<f64> {
    let values = walk.iter().filter_map(|(_, trial)| metric.of(trial));
    values.reduce(|a, b| if metric.better(b, a) { b } else { a })
}
