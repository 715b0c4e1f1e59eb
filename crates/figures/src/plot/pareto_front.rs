//! What a better architecture costs.

use nascent_record::analysis::pareto_front;
use nascent_record::{Direction, RunView, TrialId};

use super::metric::{Metric, focus};
use super::{Ask, NotYet, Plot, PlotOptions, count, picked, role_of};
use crate::{Axis, Figure, Mark, Point, Role, Scale, Series};

/// What trials usually cost, in the order in which it is looked for.
pub static COSTS: &[&str] =
    &["params", "flops", "macs", "latency_ms", "memory_mib", "cost_secs", "energy_joules"];

/// See the module.
///
/// Only trials that compare are shown: those that keep the constraints, at the highest fidelity that
/// the run has.
pub(super) struct ParetoFront;

impl Plot for ParetoFront {
    fn id(&self) -> &'static str {
        "pareto_front"
    }

    fn title(&self) -> &'static str {
        "Pareto front"
    }

    fn summary(&self) -> &'static str {
        "What a better architecture costs: trials that no other beats in both."
    }

    fn asks(&self) -> &'static [Ask] {
        &[Ask::Cost]
    }

    fn figure(&self, runs: &[(&str, &RunView)], options: &PlotOptions) -> Result<Figure, NotYet> {
        let metric = Metric::main(runs, options)?;
        let cost = cost(runs, options, &metric)?;
        let mut marks = Vec::new();
        let mut values = Vec::new();
        let mut keep = Vec::new();
        let (mut on_front, mut costs, mut left_out) = (0, Vec::new(), 0);
        for (run, (name, view)) in runs.iter().enumerate() {
            let mut points: Vec<Point> = Vec::new();
            let compared = metric.comparable(view);
            left_out += metric.trials(view).len() - compared.len();
            for (trial, y) in compared {
                points.extend(cost.of(trial).map(|x| Point::of(trial.id, x, y)));
            }
            let front = front(&points, &metric, &cost)?;
            if front.is_empty() {
                continue;
            }
            on_front += front.len();
            values.extend(points.iter().map(|point| point.y));
            keep.extend(front.iter().map(|point| point.y));
            costs.extend(points.iter().map(|point| point.x));
            let mut ids: Vec<Option<TrialId>> = front.iter().map(|point| point.trial).collect();
            ids.sort_unstable();
            let beaten = points.iter().copied();
            let beaten = beaten.filter(|point| ids.binary_search(&point.trial).is_err());
            marks.push(Mark::Points(Series {
                name: if runs.len() == 1 { "dominated".to_owned() } else { String::new() },
                role: Role::Muted,
                run,
                points: beaten.collect(),
            }));
            let series = Series {
                name: if runs.len() == 1 { "front" } else { name }.to_owned(),
                role: role_of(run, runs),
                run,
                points: front,
            };
            marks.push(Mark::Step(series.clone()));
            marks.push(Mark::Points(series));
            marks.extend(picked(options, &points, run).map(Mark::Points));
        }
        if costs.is_empty() {
            let (a, b) = (&metric.name, &cost.name);
            return Err(NotYet(format!("No complete trial has both \"{a}\" and \"{b}\" yet.")));
        }
        let low = costs.iter().copied().fold(f64::INFINITY, f64::min);
        let high = costs.iter().copied().fold(0.0, f64::max);
        let wide = low > 0.0 && high / low > 3.0;
        let (range, outside) = focus(&metric, &values, &keep);
        let front = count(on_front, "trial");
        let mut subtitle =
            format!("{front} of {} on the front", crate::text::grouped(values.len()));
        if outside > 0 {
            let outside = count(outside, "trial");
            subtitle = format!("{subtitle}; {outside} worse than the axis shows");
        }
        if left_out > 0 {
            let left_out = count(left_out, "trial");
            subtitle = format!(
                "{subtitle}; without {left_out} that break a constraint or were evaluated less"
            );
        }
        Ok(Figure {
            title: format!("{}: {} by {}", self.title(), plain(&metric), plain(&cost)),
            subtitle,
            x: Axis::new(cost.label).scale(if wide { Scale::Log } else { Scale::Linear }),
            y: Axis::new(metric.label).range(range),
            marks,
        })
    }
}

fn plain(metric: &Metric) -> String {
    metric.name.replace('_', " ")
}

/// The cost that the options name; else the second objective; else the first usual cost.
pub(super) fn cost(
    runs: &[(&str, &RunView)],
    options: &PlotOptions,
    metric: &Metric,
) -> Result<Metric, NotYet> {
    let has = |name: &str| {
        runs.iter().any(|(_, view)| {
            let mut trials = view.trials().iter();
            trials.any(|trial| trial.metric(name).is_some())
        })
    };
    let objectives = runs.iter().flat_map(|(_, view)| &view.manifest().goal.objectives);
    let objectives = objectives.map(|objective| objective.metric.as_str());
    let candidates = objectives.chain(COSTS.iter().copied());
    let mut candidates = candidates.filter(|name| *name != metric.name);
    let name = match &options.cost {
        Some(name) if *name == metric.name => {
            let problem = format!("\"{name}\" is on both axes; choose another cost.");
            return Err(NotYet(problem));
        }
        Some(name) if has(name) => name.as_str(),
        Some(name) => {
            return Err(NotYet(format!("No complete trial has the metric \"{name}\" yet.")));
        }
        None => candidates.find(|name| has(name)).ok_or_else(|| {
            let problem = "No complete trial has a cost yet, such as params or flops.";
            NotYet(problem.to_owned())
        })?,
    };
    Ok(Metric::named(runs, name, Direction::Minimize))
}

/// The points that no other beats, from the cheapest on.
fn front(points: &[Point], metric: &Metric, cost: &Metric) -> Result<Vec<Point>, NotYet> {
    let oriented = |metric: &Metric, value| metric.objective.direction.oriented(value);
    let scores: Vec<Vec<f64>> = points
        .iter()
        .map(|point| vec![oriented(metric, point.y), oriented(cost, point.x)])
        .collect();
    let on = pareto_front(&scores).map_err(|error| NotYet(error.to_string()))?;
    let mut front: Vec<Point> = on.into_iter().map(|at| points[at]).collect();
    front.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)).then(a.trial.cmp(&b.trial)));
    Ok(front)
}
