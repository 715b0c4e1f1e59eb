//! How well shared weights rank architectures.

use nascent_record::RunView;
use nascent_record::analysis::shared_pairs;

use super::metric::{Metric, tau};
use super::{NotYet, Plot, PlotOptions, count, picked, role_of};
use crate::{Axis, Figure, Mark, Point, Series};

/// See the module.
pub(super) struct RankCorrelation;

impl Plot for RankCorrelation {
    fn id(&self) -> &'static str {
        "rank_correlation"
    }

    fn title(&self) -> &'static str {
        "Rank correlation"
    }

    fn summary(&self) -> &'static str {
        "How well the weights of a supernet rank architectures: Kendall's τ with what they come to alone."
    }

    fn figure(&self, runs: &[(&str, &RunView)], options: &PlotOptions) -> Result<Figure, NotYet> {
        let metric = Metric::main(runs, options)?;
        let (mut marks, mut all, mut taus) = (Vec::new(), 0, Vec::new());
        for (run, (name, view)) in runs.iter().enumerate() {
            let pairs = shared_pairs(view, &metric.name);
            let points = pairs.iter().map(|pair| Point::of(pair.trial, pair.shared, pair.alone));
            let points: Vec<Point> = points.collect();
            if points.is_empty() {
                continue;
            }
            all += points.len();
            let shared: Vec<f64> = points.iter().map(|point| point.x).collect();
            // With the better ones first on both sides, whichever end is good.
            let oriented = |point: &Point| metric.objective.direction.oriented(point.y);
            let alone: Vec<f64> = points.iter().map(oriented).collect();
            let tau = tau(&shared, &alone);
            let selected = picked(options, &points, run).map(Mark::Points);
            let is_alone = runs.len() == 1;
            taus.push(if is_alone { tau } else { format!("{name} {tau}") });
            let name = if is_alone { String::new() } else { (*name).to_owned() };
            marks.push(Mark::Points(Series { name, role: role_of(run, runs), run, points }));
            marks.extend(selected);
        }
        if all == 0 {
            let sentence = "No complete trial has an accuracy by shared weights; searchers of \
                            supernets, such as gdas, log it with each proposal.";
            return Err(NotYet(sentence.to_owned()));
        }
        Ok(Figure {
            title: format!("{}: alone by shared weights", self.title()),
            subtitle: format!("Kendall's τ: {}; {}", taus.join(", "), count(all, "trial")),
            x: Axis::new("valid accuracy by shared weights"),
            y: Axis::new(metric.label),
            marks,
        })
    }
}
