//! How often each option was proposed as a search went on.

use nascent_record::{Choice, Origin, RunView, Trial};

use super::bins::Bins;
use super::choices::{Common, chosen};
use super::metric::Metric;
use super::{Ask, NotYet, Plot, PlotOptions, count, even_sample, role_of};
use crate::{Axis, Band, Figure, Mark, Point, Role, Series};

/// More options than this have no color of their own; a number falls into as many ranges.
const MOST: usize = 6;

/// The share of the trials that is looked at together, and how many these are at least.
const WINDOW: usize = 12;
const LEAST: usize = 8;

/// A curve is read at so many places.
const PLACES: usize = 200;

/// See the module.
pub(super) struct ChoiceDrift;

impl Plot for ChoiceDrift {
    fn id(&self) -> &'static str {
        "choice_drift"
    }

    fn title(&self) -> &'static str {
        "Drift of a choice"
    }

    fn summary(&self) -> &'static str {
        "How often each option of a choice was proposed as the search went on, by default of the \
         most important choice."
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
        let bins = Bins::of(choice, MOST);
        let drifts: Vec<Drift> =
            runs.iter().map(|(_, view)| Drift::of(view, choice, &bins)).collect();
        let all: usize = drifts.iter().map(|drift| drift.trials).sum();
        let Some(most) = drifts.iter().map(|drift| drift.trials).max().filter(|most| *most > 0)
        else {
            let problem = "No trial has been proposed yet: each proposal counts here.";
            return Err(NotYet(problem.to_owned()));
        };
        let marks = if let [drift] = &drifts[..] {
            stack(drift, &bins)
        } else {
            let winner = winner(&drifts);
            let curve = |(run, drift): (usize, &Drift)| {
                let points = drift.places.iter().map(|(x, shares)| Point {
                    x: *x,
                    y: shares[winner],
                    trial: None,
                });
                Mark::Line(Series {
                    name: runs[run].0.to_owned(),
                    role: role_of(run, runs),
                    run,
                    points: points.collect(),
                })
            };
            drifts.iter().enumerate().filter(|(_, d)| d.trials > 0).map(curve).collect()
        };
        let what = if runs.len() == 1 {
            format!("share of each value of {}", choice.name)
        } else {
            format!("share of {} = {}", choice.name, bins.names[winner(&drifts)])
        };
        Ok(Figure {
            title: format!("{}: {}", self.title(), choice.name),
            subtitle: format!("{}, {} at a time", count(all, "trial"), window(most)),
            x: Axis::new("trial").whole(),
            y: Axis::new(format!("{what} among the proposals")).range(Some([0.0, 1.0])),
            marks,
        })
    }
}

/// How many trials are looked at together.
fn window(trials: usize) -> usize {
    (trials / WINDOW).max(LEAST).min(trials)
}

/// The shares of the bins as a search went on.
struct Drift {
    trials: usize,
    /// The middle of a window, and the share of each bin.
    places: Vec<(f64, Vec<f64>)>,
}

impl Drift {
    fn of(view: &RunView, choice: &Choice, bins: &Bins) -> Self {
        let own = |trial: &&Trial| {
            !matches!(trial.proposal.origin.as_deref(), Some(Origin::Imported { .. }))
        };
        let trials: Vec<&Trial> = view.trials().iter().filter(own).collect();
        let value = chosen(view, choice);
        let chosen: Vec<usize> = trials.iter().map(|trial| bins.index(value(trial))).collect();
        let wide = window(chosen.len());
        let windows = if chosen.is_empty() { 0 } else { chosen.len() - wide + 1 };
        let place = |from: usize| {
            let to = from + wide;
            let ends = [trials[from], trials[to - 1]].map(|trial| f64::from(trial.id.0));
            let mut shares = vec![0.0; bins.len()];
            for bin in &chosen[from..to] {
                shares[*bin] += 1.0;
            }
            for share in &mut shares {
                *share /= wide as f64;
            }
            (f64::midpoint(ends[0], ends[1]), shares)
        };
        Self { trials: chosen.len(), places: even_sample(windows, PLACES).map(place).collect() }
    }

    /// How much of all windows a bin takes.
    fn total(&self, bin: usize) -> f64 {
        self.places.iter().map(|(_, shares)| shares[bin]).sum()
    }
}

/// The bin that is proposed most in the last windows of all runs.
fn winner(drifts: &[Drift]) -> usize {
    let last = |bin: usize| -> f64 {
        drifts.iter().filter_map(|d| d.places.last()).map(|(_, shares)| shares[bin]).sum()
    };
    let bins = drifts.iter().find_map(|d| d.places.last()).map_or(0, |(_, shares)| shares.len());
    (0..bins).fold(0, |known, bin| if last(bin) > last(known) { bin } else { known })
}

/// Areas on one another, the first value at the top; those that are rare together at the bottom.
fn stack(drift: &Drift, bins: &Bins) -> Vec<Mark> {
    let mut shown: Vec<usize> = (0..bins.len()).collect();
    if shown.len() > MOST {
        shown.sort_by(|a, b| drift.total(*b).total_cmp(&drift.total(*a)).then(a.cmp(b)));
        shown.truncate(MOST - 1);
        shown.sort_unstable();
    }
    let mut upper = vec![1.0; drift.places.len()];
    let mut marks = Vec::new();
    let mut area = |name: String, role: Role, share: &dyn Fn(&[f64]) -> f64| {
        let mut points = Vec::with_capacity(upper.len());
        for (top, (x, shares)) in std::iter::zip(&mut upper, &drift.places) {
            let low = (*top - share(shares)).max(0.0);
            points.push([*x, low, *top]);
            *top = low;
        }
        if let [[x, low, top]] = points[..] {
            // One window so far: an area needs two ends.
            points = vec![[x - 0.5, low, top], [x + 0.5, low, top]];
        }
        if points.iter().any(|[_, low, top]| top > low) {
            marks.push(Mark::Area(Band { name, role, run: 0, points }));
        }
    };
    for (at, &bin) in shown.iter().enumerate() {
        area(bins.names[bin].clone(), Role::Series(at), &|shares| shares[bin]);
    }
    if shown.len() < bins.len() {
        let others: Vec<usize> = (0..bins.len()).filter(|bin| !shown.contains(bin)).collect();
        let name = count(others.len(), "other value");
        area(name, Role::Muted, &|shares| others.iter().map(|bin| shares[*bin]).sum());
    }
    marks
}
