//! The metric that a plot is about, and the part of its axis that is worth showing.

use nascent_record::analysis::{comparable, kendall_tau};
use nascent_record::{Direction, MetricSpec, Objective, RunView, Trial, suggestion};

use super::{NotYet, PlotOptions};

/// The metric in question: what it is called and which end of it is good.
pub(super) struct Metric {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) unit: String,
    pub(super) objective: Objective,
}

impl Metric {
    /// The metric with this name, as the first run that declares it does.
    pub(super) fn named(runs: &[(&str, &RunView)], name: &str, direction: Direction) -> Self {
        let declared = runs.iter().find_map(|(_, view)| view.manifest().metric(name));
        let unit = declared.map(|metric| metric.unit.clone()).unwrap_or_default();
        let direction = declared.map_or(direction, |metric| metric.direction);
        let words = name.replace('_', " ");
        let label = if unit.is_empty() {
            words
        } else {
            // `latency_ms` in ms is latency (ms).
            let words = words.strip_suffix(&format!(" {unit}")).unwrap_or(&words);
            format!("{words} ({unit})")
        };
        Self {
            name: name.to_owned(),
            label,
            unit,
            objective: Objective { metric: name.to_owned(), direction },
        }
    }

    /// The metric that the options ask for, or the first objective of the first run.
    pub(super) fn main(runs: &[(&str, &RunView)], options: &PlotOptions) -> Result<Self, NotYet> {
        let Some((_, first)) = runs.first() else {
            return Err(NotYet("Choose a run to see it here.".to_owned()));
        };
        if let Some(name) = &options.metric {
            let names = || metric_names(runs);
            if !names().any(|known| known == name) {
                let tail = suggestion(name, names().collect::<Vec<_>>());
                return Err(NotYet(format!("No trial has the metric \"{name}\"; {tail}.")));
            }
            return Ok(Self::named(runs, name, Direction::Maximize));
        }
        match first.manifest().objective() {
            None => Err(NotYet("The run has no objective to plot.".to_owned())),
            Some(objective) => {
                let mut metric = Self::named(runs, &objective.metric, objective.direction);
                metric.objective = objective.clone();
                Ok(metric)
            }
        }
    }

    pub(super) fn of(&self, trial: &Trial) -> Option<f64> {
        trial.metric(&self.name)
    }

    /// The complete trials that have it, with their values.
    pub(super) fn trials<'r>(&self, view: &'r RunView) -> Vec<(&'r Trial, f64)> {
        let of = |trial| Some((trial, self.of(trial)?));
        view.trials().iter().filter_map(of).collect()
    }

    /// The trials of a run whose values compare, see [`comparable`], with their values: what a best one
    /// may be of.
    pub(super) fn comparable<'r>(&self, view: &'r RunView) -> Vec<(&'r Trial, f64)> {
        comparable(view).filter_map(|trial| Some((trial, self.of(trial)?))).collect()
    }

    /// The value with its unit.
    pub(super) fn text(&self, value: f64) -> String {
        let number = crate::text::number(value);
        match self.unit.as_str() {
            "" => number,
            unit => format!("{number} {unit}"),
        }
    }

    /// Which end is good, in words.
    pub(super) fn wanted(&self) -> &'static str {
        match self.objective.direction {
            Direction::Maximize => "more is better",
            Direction::Minimize => "less is better",
        }
    }

    /// Whether the first value is better.
    pub(super) fn better(&self, a: f64, b: f64) -> bool {
        self.objective.direction.oriented(a) > self.objective.direction.oriented(b)
    }
}

/// The metrics that the runs declare or their trials have, each once.
fn metric_names<'r>(runs: &'r [(&str, &RunView)]) -> impl Iterator<Item = &'r str> + Clone {
    let mut names: Vec<&str> = Vec::new();
    for (_, view) in runs {
        let declared = view.manifest().metrics.iter();
        let declared = declared.map(|metric: &MetricSpec| metric.name.as_str());
        let first = view.trials().iter().find_map(Trial::metrics);
        let had = first.into_iter().flat_map(|m| m.iter().map(|(name, _)| name));
        for name in declared.chain(had) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names.into_iter()
}

/// The part of an axis that is worth showing: a few trials that failed to learn would otherwise
/// flatten everything else. Cuts only at the bad end, far outside of the middle half, and never
/// anything in `keep`. Returns the range and the number of values outside of it.
pub(super) fn focus(metric: &Metric, values: &[f64], keep: &[f64]) -> (Option<[f64; 2]>, usize) {
    let mut sorted: Vec<f64> = values.iter().chain(keep).copied().collect();
    sorted.sort_by(f64::total_cmp);
    let (Some(&low), Some(&high)) = (sorted.first(), sorted.last()) else {
        return (None, 0);
    };
    let quarter = |q: usize| sorted[(sorted.len() - 1) * q / 4];
    let reach = 2.0 * (quarter(3) - quarter(1));
    let (mut from, mut to) = (low, high);
    match metric.objective.direction {
        Direction::Maximize => {
            let fence = keep.iter().copied().fold(quarter(1) - reach, f64::min);
            from = sorted.iter().copied().find(|v| *v >= fence).unwrap_or(low);
        }
        Direction::Minimize => {
            let fence = keep.iter().copied().fold(quarter(3) + reach, f64::max);
            let within = sorted.iter().rev().copied().find(|v| *v <= fence);
            to = within.unwrap_or(high);
        }
    }
    let outside = values.iter().filter(|v| **v < from || **v > to).count();
    if outside == 0 || to <= from {
        return (None, 0);
    }
    let margin = 0.05 * (to - from);
    (Some([from - margin, to + margin]), outside)
}

/// A quantile of sorted values, between them where it falls between.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

/// Kendall's τ with two digits, "unknown" where it has no value.
pub(super) fn tau(x: &[f64], y: &[f64]) -> String {
    kendall_tau(x, y).map_or_else(
        |_no_order| "unknown".to_owned(),
        |tau| format!("{tau:.2}").replacen('-', "−", 1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn focus_cuts_the_bad_end_only() {
        let mut metric = Metric {
            name: "a".into(),
            label: "a".into(),
            unit: String::new(),
            objective: Objective { metric: "a".into(), direction: Direction::Maximize },
        };
        let values = [10.0, 90.0, 91.0, 92.0, 93.0, 94.0];
        let (range, outside) = focus(&metric, &values, &[]);
        assert_eq!(outside, 1);
        assert!(range.unwrap()[0] > 85.0);
        assert_eq!(focus(&metric, &values, &[10.0]), (None, 0));
        metric.objective.direction = Direction::Minimize;
        assert_eq!(focus(&metric, &values, &[]), (None, 0));
        assert_eq!(focus(&metric, &[], &[]), (None, 0));
    }
}
