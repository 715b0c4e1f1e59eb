//! How long each run took to become as good as wanted.

use nascent_record::analysis::first_to_reach;
use nascent_record::{RunView, Trial};

use super::metric::Metric;
use super::progress::{Progress, walk, x_unit};
use super::{Ask, NotYet, Plot, PlotOptions, count, role_of};
use crate::{Axis, Figure, Link, Links, Mark, Point, Role, Series};

/// See the module.
///
/// Times to a target can be compared as ratios, which values after a time cannot (Hansen et al.,
/// "COCO: a Platform for Comparing Continuous Optimizers in a Black-Box Setting", 2021). Only trials that
/// compare reach one: those that keep the constraints, at the highest fidelity that the run has.
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

    fn asks(&self) -> &'static [Ask] {
        &[Ask::Progress]
    }

    fn figure(&self, runs: &[(&str, &RunView)], options: &PlotOptions) -> Result<Figure, NotYet> {
        let metric = Metric::main(runs, options)?;
        let walks: Vec<Vec<(f64, &Trial)>> =
            runs.iter().map(|(_, view)| walk(view, options.progress)).collect();
        let finals: Vec<f64> = runs.iter().filter_map(|(_, view)| best(view, &metric)).collect();
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
        for (run, ((_, view), walk)) in runs.iter().zip(&walks).enumerate() {
            let Some((end, _)) = walk.last() else { continue };
            let compared: Vec<_> =
                metric.comparable(view).into_iter().map(|(trial, _)| trial.id).collect();
            let compares = |trial: &&Trial| compared.binary_search(&trial.id).is_ok();
            let in_order = walk.iter().map(|(_, trial)| *trial).filter(compares);
            let y = (runs.len() - 1 - run) as f64;
            let at = |x: f64, trial| Point { x: (x + first) / unit, y, trial };
            let hit = first_to_reach(in_order, &metric.objective, target);
            let hit = hit.and_then(|first| walk.iter().find(|(_, trial)| trial.id == first.id));
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
            x: options.progress.axis(label),
            y: Axis::default().names(runs.iter().rev().map(|(name, _)| *name)),
            marks,
        })
    }
}

/// The best value of a run.
fn best(view: &RunView, metric: &Metric) -> Option<f64> {
    let values = metric.comparable(view).into_iter().map(|(_, value)| value);
    values.reduce(|a, b| if metric.better(b, a) { b } else { a })
}
