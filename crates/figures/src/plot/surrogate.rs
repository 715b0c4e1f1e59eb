//! How well a model knew what trials would come to.

use nascent_record::RunView;

use super::metric::{Metric, tau};
use super::{NotYet, Plot, PlotOptions, count, even_sample, picked, role_of};
use crate::{Axis, Figure, Link, Links, Mark, Point, Role, Series};

/// Under which names searchers log what their model expects, and how sure it is.
const NAMES: &[(&str, &str)] = &[("mean", "std"), ("predicted_mean", "predicted_std")];

/// See the module.
pub(super) struct Surrogate;

impl Plot for Surrogate {
    fn id(&self) -> &'static str {
        "surrogate"
    }

    fn title(&self) -> &'static str {
        "Predicted and seen"
    }

    fn summary(&self) -> &'static str {
        "How well the model of a searcher knew what its trials would come to, with how sure it was."
    }

    fn figure(&self, runs: &[(&str, &RunView)], options: &PlotOptions) -> Result<Figure, NotYet> {
        let metric = Metric::main(runs, options)?;
        let (mut marks, mut taus, mut all) = (Vec::new(), Vec::new(), 0);
        let mut unsure = Vec::new();
        for (run, (name, view)) in runs.iter().enumerate() {
            let of_trials = metric.trials(view).into_iter().filter_map(|(trial, seen)| {
                let scalars = &trial.proposal.signals.as_ref()?.scalars;
                let guess = |(mean, std): &(&str, &str)| {
                    Some((scalars.get(mean)?, scalars.get(std).unwrap_or(0.0)))
                };
                let (mean, std) = NAMES.iter().find_map(guess)?;
                Some((Point::of(trial.id, mean, seen), std))
            });
            let (points, stds): (Vec<Point>, Vec<f64>) = of_trials.unzip();
            if points.is_empty() {
                continue;
            }
            all += points.len();
            let predicted: Vec<f64> = points.iter().map(|point| point.x).collect();
            // With the better ones first on both sides, whichever end is good.
            let oriented = |point: &Point| metric.objective.direction.oriented(point.y);
            let seen: Vec<f64> = points.iter().map(oriented).collect();
            let tau = tau(&predicted, &seen);
            let single = runs.len() == 1;
            taus.push(if single { tau } else { format!("{name} {tau}") });
            let links = even_sample(points.len(), options.max_lines / runs.len()).map(|at| {
                let (point, std) = (points[at], stds[at]);
                let end = |x| Point { x, ..point };
                Link { from: end(point.x - std), to: end(point.x + std) }
            });
            unsure.push(Mark::Links(Links {
                name: if single { "one standard deviation".to_owned() } else { String::new() },
                role: Role::Muted,
                run,
                links: links.collect(),
            }));
            let selected = picked(options, &points, run).map(Mark::Points);
            let name = if single { String::new() } else { (*name).to_owned() };
            marks.push(Mark::Points(Series { name, role: role_of(run, runs), run, points }));
            marks.extend(selected);
        }
        if all == 0 {
            let sentence = "No complete trial was predicted; searchers with a model, such as gp, \
                            bananas and random_forest, log what it expects with each proposal.";
            return Err(NotYet(sentence.to_owned()));
        }
        unsure.append(&mut marks);
        Ok(Figure {
            title: self.title().to_owned(),
            subtitle: format!("Kendall's τ: {}; {}", taus.join(", "), count(all, "trial")),
            x: Axis::new("predicted, on the scale of the model; more is better"),
            y: Axis::new(metric.label),
            marks: unsure,
        })
    }
}
