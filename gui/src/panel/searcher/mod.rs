//! Inside a searcher: what it logged of what it thought, as curves and as heat maps.

mod heat;
mod population;
mod signals;

use std::collections::BTreeSet;
use std::path::PathBuf;

use egui::{Label, RichText, ScrollArea, Slider, Ui};

use super::{Cx, Kind, Panel, part};
use crate::draw::Chart;
use crate::model::Lazy;
use crate::text;

use signals::{SEEN, Source, Thoughts};

pub(super) static KIND: Kind = Kind {
    id: "searcher",
    title: "Searcher",
    summary: "Inside a searcher: α and entropy, probabilities, predictions, population, as logged.",
    make: |_| Box::new(Searcher::default()),
};

#[derive(Default)]
struct Searcher {
    thoughts: Lazy<(PathBuf, u64), Thoughts>,
    chart: Lazy<((PathBuf, u64), String), Result<Chart, String>>,
    /// The signal that is drawn; empty for the first.
    signal: String,
    /// The position of the moment that heat maps show; `None` for the last.
    moment: Option<usize>,
    hidden: BTreeSet<String>,
}

impl Panel for Searcher {
    fn is_ready(&self) -> bool {
        !self.thoughts.is_pending() && !self.chart.is_pending()
    }

    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let Some((_, drawn)) = cx.focus() else {
            part::no_run(ui);
            return;
        };
        let drawn = drawn.clone();
        let run = drawn.run.clone();
        let job = run.clone();
        self.thoughts.get(cx.jobs, run.key(), move || Thoughts::of(job.view()));
        // Those of another run would stand under the name of this one.
        let shown = self.thoughts.shown().filter(|((path, _), _)| *path == run.row.path);
        let Some((_, thoughts)) = shown else {
            part::pending(ui, self.thoughts.has_failed(), "Reading signals");
            return;
        };
        if thoughts.names.is_empty() && thoughts.moments.is_empty() {
            let sentence = format!(
                "{} logs nothing of what it thinks. Supernets log α, policies their probabilities, \
                 models their predictions, evolution its population.",
                run.view().manifest().searcher.name
            );
            part::empty(ui, "No signals in this run", &sentence);
            return;
        }
        if !thoughts.names.contains(&self.signal) {
            self.signal = thoughts.names.first().cloned().unwrap_or_default();
        }
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            for name in &thoughts.names {
                let here = *name == self.signal;
                if ui
                    .selectable_label(here, text::words(name))
                    .on_hover_text(explain(name))
                    .clicked()
                {
                    self.signal.clone_from(name);
                }
            }
        });
        let key = (run.key(), self.signal.clone());
        let (job, signal) = (run.clone(), self.signal.clone());
        self.chart.get(cx.jobs, key, move || signals::chart(job.view(), &signal).map(Chart::new));
        let with_heat = !thoughts.moments.is_empty();
        let room = ui.available_size();
        let below = with_heat || !thoughts.members.is_empty();
        // In a low panel the figure keeps what it needs, and what is below is scrolled.
        let height = if below { (room.y * 0.5).max(190.0).min(room.y) } else { room.y };
        let mut clicked = None;
        ui.allocate_ui(egui::vec2(room.x, height), |ui| {
            match self.chart.shown().filter(|(((path, _), _), _)| *path == run.row.path) {
                None => part::pending(ui, self.chart.has_failed(), "Drawing signals"),
                Some((_, Err(sentence))) => part::empty(ui, "Nothing to see yet", sentence),
                Some((_, Ok(chart))) => {
                    clicked = part::chart(ui, chart, &drawn, &cx.picked.trials, &mut self.hidden);
                }
            }
        });
        if !thoughts.members.is_empty() {
            ScrollArea::vertical().id_salt("population").auto_shrink(!with_heat).show(ui, |ui| {
                clicked = population::show(ui, &thoughts.members).or(clicked);
            });
        }
        if let Some(trial) = clicked {
            cx.picked.pick(&run.row.path, trial);
        }
        if !with_heat {
            return;
        }
        let last = thoughts.moments.len() - 1;
        let mut moment = self.moment.unwrap_or(last).min(last);
        ui.horizontal(|ui| {
            let what = match thoughts.source {
                Source::Epochs => "Epoch",
                Source::Trials => "Trial",
            };
            ui.label(what);
            ui.spacing_mut().slider_width = (ui.available_width() - 90.0).max(60.0);
            let slider = Slider::new(&mut moment, 0..=last)
                .custom_formatter(|at, _| thoughts.label(at as usize))
                .custom_parser(|text| thoughts.position(text).map(|at| at as f64));
            if ui.add(slider).on_hover_text("The moment that the map shows").changed() {
                self.moment = if moment == last { None } else { Some(moment) };
            }
        });
        if let Some(derived) = thoughts.derived(run.view(), moment) {
            let text = run.view().manifest().spec.text(derived);
            ui.add(Label::new(RichText::new(text).monospace()).truncate())
                .on_hover_text("The architecture that the searcher would have proposed then");
        }
        if let Some(vectors) = thoughts.vectors(run.view(), moment) {
            ScrollArea::both().auto_shrink(false).show(ui, |ui| {
                heat::show(ui, run.view().manifest(), vectors);
            });
        }
    }
}

/// What a signal is, for those that searchers of this project log.
fn explain(name: &str) -> &'static str {
    match name {
        SEEN => "What the model predicted of each trial, against what came of it",
        "entropy" => "How undecided the searcher is: 0 when it has made up its mind",
        "skip_share" => {
            "The share of skip connections in the derived architecture; much is a collapse"
        }
        "parameter_free_share" => {
            "The share of operations without weights in the derived architecture: poolings, none, \
             and skip connections that keep the size"
        }
        "alpha_eigenvalue" => {
            "The curvature of the validation loss in α; growth warns of a collapse"
        }
        "discretization_gap" => "What is lost when the mixture becomes one architecture",
        "expected_cost" => "What a network costs whose operations are as likely as they are strong",
        "baseline" => "The moving average that results are compared with",
        "advantage" => "How much better the last batch was than the baseline",
        "acquisition" => "How much the model's guess made this architecture worth a trial",
        "population_size" => "How many members the population has",
        "parent_age" => "How many trials ago the parent was made",
        "mean" | "predicted_mean" => "What the model expected",
        "std" | "predicted_std" => "How unsure the model was",
        _ => "A number that the searcher logged",
    }
}
