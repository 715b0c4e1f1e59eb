//! Signals of a run: which there are, and one of them as a figure.

use std::collections::BTreeMap;

use nascent_figures::{Axis, Figure, Mark, Point, Role, Series};
use nascent_record::{RunView, Signals};

use crate::text;

/// Where signals are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Epochs in which the searcher trained something of its own.
    Epochs,
    /// Its proposals.
    Trials,
}

/// The signal that stands for predictions against results.
pub(super) const SEEN: &str = "predicted against seen";

/// Which signals a run has.
pub(super) struct Thoughts {
    /// The names of single numbers, in the order of their first appearance.
    pub(super) names: Vec<String>,
    pub(super) source: Source,
    /// The positions of epochs or trials that have lists of numbers.
    pub(super) moments: Vec<u32>,
}

impl Thoughts {
    pub(super) fn of(view: &RunView) -> Self {
        let epochs = view.searcher_epochs();
        let mut names: Vec<String> = Vec::new();
        let mut add = |signals: &Signals| {
            for (name, _) in signals.scalars.iter() {
                if !names.iter().any(|known| known == name) {
                    names.push(name.to_owned());
                }
            }
        };
        for epoch in epochs {
            add(&epoch.signals);
        }
        let proposals = view.trials().iter().filter_map(|trial| trial.proposal.signals.as_deref());
        proposals.clone().for_each(&mut add);
        if proposals.clone().any(|signals| predicted(signals).is_some()) {
            names.insert(0, SEEN.to_owned());
        }
        // What one looks for first comes first.
        names.sort_by_key(|name| match name.as_str() {
            SEEN => 0,
            "valid_accuracy" | "entropy" => 1,
            _ => 2,
        });
        let has = |signals: Option<&Signals>| signals.is_some_and(|s| !s.vectors.is_empty());
        let of_epochs = positions(epochs.iter().map(|epoch| has(Some(&epoch.signals))));
        let (source, moments) = if of_epochs.is_empty() {
            let trials = view.trials().iter();
            (Source::Trials, positions(trials.map(|t| has(t.proposal.signals.as_deref()))))
        } else {
            (Source::Epochs, of_epochs)
        };
        Self { names, source, moments }
    }

    /// The number of the epoch or trial at a moment.
    pub(super) fn label(&self, moment: usize) -> String {
        let position = self.moments.get(moment).copied().unwrap_or(0);
        match self.source {
            Source::Epochs => (position + 1).to_string(),
            Source::Trials => position.to_string(),
        }
    }

    /// The moment nearest to the epoch or trial with this number.
    pub(super) fn position(&self, text: &str) -> Option<usize> {
        let number: u32 = text.trim().parse().ok()?;
        let wanted = match self.source {
            Source::Epochs => number.saturating_sub(1),
            Source::Trials => number,
        };
        let at = self.moments.partition_point(|position| *position < wanted);
        Some(at.min(self.moments.len().saturating_sub(1)))
    }

    /// The lists of a moment.
    pub(super) fn vectors<'v>(
        &self,
        view: &'v RunView,
        moment: usize,
    ) -> Option<&'v BTreeMap<String, Vec<f64>>> {
        let position = *self.moments.get(moment)? as usize;
        Some(match self.source {
            Source::Epochs => &view.searcher_epochs().get(position)?.signals.vectors,
            Source::Trials => &view.trials().get(position)?.proposal.signals.as_deref()?.vectors,
        })
    }
}

fn positions(flags: impl Iterator<Item = bool>) -> Vec<u32> {
    flags.zip(0..).filter(|(has, _)| *has).map(|(_, position)| position).collect()
}

/// What a model expected, by the names that searchers give it.
fn predicted(signals: &Signals) -> Option<f64> {
    ["mean", "predicted_mean"].iter().find_map(|name| signals.scalars.get(name))
}

/// A signal over epochs or trials.
pub(super) fn chart(view: &RunView, name: &str) -> Figure {
    if name == SEEN {
        return seen(view);
    }
    let mut marks = Vec::new();
    let mut label = "trial";
    let epochs = view.searcher_epochs().iter().filter_map(|epoch| {
        let y = epoch.signals.scalars.get(name)?;
        Some(Point { x: f64::from(epoch.epoch), y, trial: None })
    });
    let epochs: Vec<Point> = epochs.collect();
    if epochs.is_empty() {
        let points = view.trials().iter().filter_map(|trial| {
            let y = trial.proposal.signals.as_deref()?.scalars.get(name)?;
            Some(Point::of(trial.id, f64::from(trial.id.0), y))
        });
        let points: Vec<Point> = points.collect();
        marks.push(Mark::Points(series("", Role::Muted, points.clone())));
        marks.push(Mark::Line(series("mean of the last 20", Role::Best, smooth(&points, 20))));
    } else {
        label = "epoch of the searcher";
        marks.push(Mark::Line(series("", Role::Best, epochs)));
    }
    Figure {
        title: text::words(name),
        subtitle: String::new(),
        x: Axis::new(label),
        y: Axis::new(text::words(name)),
        marks,
    }
}

fn series(name: &str, role: Role, points: Vec<Point>) -> Series {
    Series { name: name.to_owned(), role, run: 0, points }
}

/// The mean of the last `window` points at each.
fn smooth(points: &[Point], window: usize) -> Vec<Point> {
    let mut sum = 0.0;
    let mut smooth = Vec::with_capacity(points.len());
    for (at, point) in points.iter().enumerate() {
        sum += point.y;
        if at >= window {
            sum -= points[at - window].y;
        }
        let y = sum / window.min(at + 1) as f64;
        smooth.push(Point { y, ..*point });
    }
    smooth
}

/// What a model expected of each trial, against what the search looks for in it. Models see scores,
/// of which more is better, and perhaps on another scale; the order is what counts.
fn seen(view: &RunView) -> Figure {
    let goal = &view.manifest().goal;
    let points = view.trials().iter().filter_map(|trial| {
        let x = predicted(trial.proposal.signals.as_deref()?)?;
        let y = goal.trial_score(trial)?.value;
        Some(Point::of(trial.id, x, y))
    });
    let points: Vec<Point> = points.collect();
    let (x, y): (Vec<f64>, Vec<f64>) = points.iter().map(|point| (point.x, point.y)).unzip();
    let tau = nascent_record::analysis::kendall_tau(&x, &y);
    let subtitle = tau.map_or_else(
        |_| "too few trials with a result to say how well the order was predicted".to_owned(),
        |tau| format!("Kendall's τ {tau:.2} over {}", text::count(points.len(), "trial")),
    );
    Figure {
        title: "Predicted against seen".to_owned(),
        subtitle,
        x: Axis::new("score that the model predicted"),
        y: Axis::new("score of the trial"),
        marks: vec![Mark::Points(series("trial", Role::Series(0), points))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_mean_runs_along() {
        let points: Vec<Point> =
            (0..5).map(|i| Point { x: f64::from(i), y: f64::from(i * i), trial: None }).collect();
        let smooth: Vec<f64> = smooth(&points, 2).iter().map(|point| point.y).collect();
        assert_eq!(smooth, [0.0, 0.5, 2.5, 6.5, 12.5]);
    }

    #[test]
    fn the_signals_of_proposals_are_found() {
        let view = testing::run(40, 3, 1);
        let thoughts = Thoughts::of(&view);
        assert_eq!(thoughts.names[0], SEEN);
        assert!(thoughts.names.contains(&"shared_valid_accuracy".to_owned()));
        assert_eq!(thoughts.source, Source::Epochs);
        assert_eq!(thoughts.moments.len(), view.searcher_epochs().len());
        assert!(thoughts.vectors(&view, 0).is_some_and(|vectors| !vectors.is_empty()));
        let figure = chart(&view, "shared_valid_accuracy");
        let Mark::Points(series) = &figure.marks[0] else { panic!() };
        assert_eq!(series.points.len(), 40);
    }

    #[test]
    fn a_number_leads_to_its_moment() {
        let thoughts =
            Thoughts { names: vec![], source: Source::Trials, moments: vec![10, 12, 20] };
        assert_eq!(thoughts.label(1), "12");
        assert_eq!(thoughts.position("11"), Some(1));
        assert_eq!(thoughts.position("99"), Some(2));
        assert_eq!(thoughts.position("x"), None);
    }
}
