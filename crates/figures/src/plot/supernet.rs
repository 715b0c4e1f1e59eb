//! How a supernet learned.

use nascent_record::RunView;

use super::{NotYet, Plot, PlotOptions, count, role_of};
use crate::{Axis, Figure, Mark, Point, Role, Series};

/// What is drawn of one run, each a share of 1: the signal, its name, its role.
const CURVES: &[(&str, &str, Role)] = &[
    ("train_accuracy", "train accuracy", Role::Series(0)),
    ("valid_accuracy", "valid accuracy", Role::Series(2)),
    ("derived_valid_accuracy", "valid accuracy of the derived network", Role::Best),
    ("mean_valid_accuracy", "mean valid accuracy of those compared", Role::Series(3)),
    ("skip_share", "share of skip connections", Role::Series(1)),
    ("parameter_free_share", "share of operations without weights", Role::Series(4)),
];

/// What is drawn of each of several runs, the first that a run has.
const MAIN: &[&str] = &["derived_valid_accuracy", "valid_accuracy", "train_accuracy"];

/// See the module.
pub(super) struct Supernet;

impl Plot for Supernet {
    fn id(&self) -> &'static str {
        "supernet"
    }

    fn title(&self) -> &'static str {
        "Training of the supernet"
    }

    fn summary(&self) -> &'static str {
        "How accurate a supernet and the network derived from it were, epoch by epoch, and how much \
         of that is skip connections and other operations without weights."
    }

    fn figure(&self, runs: &[(&str, &RunView)], _options: &PlotOptions) -> Result<Figure, NotYet> {
        let mut marks = Vec::new();
        let mut epochs = 0;
        for (run, (name, view)) in runs.iter().enumerate() {
            epochs += view.searcher_epochs().len();
            let mut add = |name: &str, role, points: Vec<Point>| {
                if !points.is_empty() {
                    marks.push(Mark::Line(Series { name: name.to_owned(), role, run, points }));
                }
            };
            if runs.len() == 1 {
                for (signal, words, role) in CURVES {
                    add(words, *role, curve(view, signal));
                }
            } else {
                let curves = MAIN.iter().map(|signal| curve(view, signal));
                let first = curves.into_iter().find(|points| !points.is_empty());
                add(name, role_of(run, runs), first.unwrap_or_default());
            }
        }
        if runs.is_empty() {
            return Err(NotYet("Choose a run to see it here.".to_owned()));
        }
        if marks.is_empty() {
            let sentence = "No searcher has trained a supernet here; darts, gdas, spos and their \
                            like log each of its epochs.";
            return Err(NotYet(sentence.to_owned()));
        }
        let label = if runs.len() == 1 { "share" } else { "valid accuracy of the derived network" };
        let subtitle = if runs.len() == 1 {
            count(epochs, "epoch")
        } else {
            format!("{}; of the supernet, where none is derived", count(epochs, "epoch"))
        };
        Ok(Figure {
            title: self.title().to_owned(),
            subtitle,
            x: Axis::new("epoch of the supernet").whole(),
            y: Axis::new(label),
            marks,
        })
    }
}

fn curve(view: &RunView, signal: &str) -> Vec<Point> {
    let of = view.searcher_epochs().iter().filter_map(|trained| {
        let y = trained.signals.scalars.get(signal)?;
        Some(Point { x: f64::from(trained.epoch), y, trial: None })
    });
    of.collect()
}
