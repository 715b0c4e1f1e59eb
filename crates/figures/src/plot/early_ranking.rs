//! How early a training says which architecture is better.

use nascent_record::analysis::kendall_tau;
use nascent_record::{RunView, Trial};

use super::metric::Metric;
use super::{NotYet, Plot, PlotOptions, count, role_of};
use crate::{Axis, Figure, Mark, Point, Series};

/// Fewer trials than this have no order to speak of.
const FEWEST: usize = 3;

/// See the module.
///
/// For each epoch it is Kendall's τ between what trials had then and what the same trials have at the
/// last epoch: 1 where the order is the same, 0 where the epoch says nothing. It is over trials that
/// were trained to the end, as far as any of their run; those that were stopped have no end.
pub(super) struct EarlyRanking;

impl Plot for EarlyRanking {
    fn id(&self) -> &'static str {
        "early_ranking"
    }

    fn title(&self) -> &'static str {
        "Rank correlation by epoch"
    }

    fn summary(&self) -> &'static str {
        "How well each epoch of a training ranks trials: Kendall's τ with their order at the last epoch."
    }

    fn figure(&self, runs: &[(&str, &RunView)], options: &PlotOptions) -> Result<Figure, NotYet> {
        let metric = Metric::main(runs, options)?;
        let (mut marks, mut all) = (Vec::new(), 0);
        for (run, (name, view)) in runs.iter().enumerate() {
            let curves = curves(view, &metric);
            let points = ranking(&curves);
            if points.is_empty() {
                continue;
            }
            all += curves.len();
            let name = if runs.len() == 1 { String::new() } else { (*name).to_owned() };
            let series = Series { name, role: role_of(run, runs), run, points };
            marks.push(Mark::Line(series.clone()));
            marks.push(Mark::Points(series));
        }
        if marks.is_empty() {
            let problem = format!(
                "It takes {FEWEST} complete trials that reported \"{}\" for two epochs or more.",
                metric.name
            );
            return Err(NotYet(problem));
        }
        Ok(Figure {
            title: format!("{}: {}", self.title(), metric.name.replace('_', " ")),
            subtitle: format!("{}; 1 is the order at the last epoch", count(all, "trial")),
            x: Axis::new("epoch").whole(),
            y: Axis::new("Kendall's τ with the last epoch"),
            marks,
        })
    }
}

/// What the complete trials reported, by epoch, of those that were trained for the longest time.
fn curves(view: &RunView, metric: &Metric) -> Vec<Vec<(u32, f64)>> {
    let curve = |trial: &Trial| -> Vec<(u32, f64)> {
        let reports = trial.curve.iter();
        reports.filter_map(|r| Some((r.step, r.metrics.get(&metric.name)?))).collect()
    };
    let complete = view.trials().iter().filter(|trial| trial.metrics().is_some());
    let mut curves: Vec<Vec<(u32, f64)>> = complete.map(curve).collect();
    let end = |curve: &Vec<(u32, f64)>| curve.last().map(|(step, _)| *step);
    let last = curves.iter().filter_map(end).max();
    curves.retain(|curve| end(curve).is_some() && end(curve) == last);
    curves
}

/// For each epoch before the last one how well it ranks the trials; with the last one itself.
fn ranking(curves: &[Vec<(u32, f64)>]) -> Vec<Point> {
    let Some((last, _)) = curves.first().and_then(|curve| curve.last()) else { return Vec::new() };
    let tau = |epoch: u32| {
        let pairs = curves.iter().filter_map(|curve| {
            let at = curve.binary_search_by_key(&epoch, |(step, _)| *step).ok()?;
            Some((curve[at].1, curve.last()?.1))
        });
        let (then, end): (Vec<f64>, Vec<f64>) = pairs.unzip();
        let tau = (then.len() >= FEWEST).then(|| kendall_tau(&then, &end).ok()).flatten()?;
        Some(Point { x: f64::from(epoch), y: tau, trial: None })
    };
    let points: Vec<Point> = (1..=*last).filter_map(tau).collect();
    if points.len() > 1 { points } else { Vec::new() }
}
