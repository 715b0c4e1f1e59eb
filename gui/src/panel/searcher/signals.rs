//! Signals of a run: which there are, and one of them as a figure.

use std::collections::BTreeMap;

use nascent_figures::{Figure, PlotOptions, find};
use nascent_record::{Architecture, RunView, Signals};

use super::population::{self, Member};

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
    /// The population, where the log says who is in it.
    pub(super) members: Vec<Member>,
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
        Self { names, source, moments, members: population::members(view) }
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

    /// The architecture that the searcher would have proposed at a moment, if it knew one.
    pub(super) fn derived<'v>(&self, view: &'v RunView, moment: usize) -> Option<&'v Architecture> {
        let position = *self.moments.get(moment)? as usize;
        match self.source {
            Source::Epochs => view.searcher_epochs().get(position)?.architecture.as_ref(),
            // What is proposed is in the table.
            Source::Trials => None,
        }
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

/// A signal over epochs or trials, or what was predicted against what was seen; or the sentence why there
/// is nothing to see.
pub(super) fn chart(view: &RunView, name: &str) -> Result<Figure, String> {
    let (plot, signal) = match name {
        SEEN => ("surrogate", None),
        name => ("signal", Some(name.to_owned())),
    };
    let plot = find(plot).map_err(|error| error.to_string())?;
    let options = PlotOptions { signal, ..PlotOptions::default() };
    plot.figure(&[("", view)], &options).map_err(|not_yet| not_yet.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_signals_of_proposals_are_found() {
        let view = testing::run(40, 3, 1);
        let thoughts = Thoughts::of(&view);
        assert_eq!(thoughts.names[0], SEEN);
        assert!(thoughts.names.contains(&"shared_valid_accuracy".to_owned()));
        assert_eq!(thoughts.source, Source::Epochs);
        assert_eq!(thoughts.moments.len(), view.searcher_epochs().len());
        assert!(thoughts.vectors(&view, 0).is_some_and(|vectors| !vectors.is_empty()));
        for name in &thoughts.names {
            chart(&view, name).unwrap();
        }
        assert!(chart(&view, "nobody's").is_err());
    }

    #[test]
    fn a_number_leads_to_its_moment() {
        let thoughts = Thoughts {
            names: vec![],
            source: Source::Trials,
            moments: vec![10, 12, 20],
            members: vec![],
        };
        assert_eq!(thoughts.label(1), "12");
        assert_eq!(thoughts.position("11"), Some(1));
        assert_eq!(thoughts.position("99"), Some(2));
        assert_eq!(thoughts.position("x"), None);
    }
}
