//! One plot of the runs that are shown.

use std::collections::BTreeSet;
use std::path::PathBuf;

use egui::{RichText, Ui};
use nascent_figures::{
    Figure, PLOTS, PlotOptions, Progress, RenderOptions, Theme, render_png, render_svg,
};
use nascent_record::{RunView, TrialId};

use super::{Cx, Drawn, Kind, Panel, part};
use crate::command::Command;
use crate::draw::{Brushes, Chart, Look, show_chart};
use crate::layout::Pane;
use crate::model::Lazy;
use crate::text;

pub(super) static KIND: Kind = Kind {
    id: super::FIGURE,
    title: "Figure",
    summary: "One plot of the runs that are shown.",
    make: |pane| Box::new(FigurePanel::new(&pane.detail)),
};

type Key = (Vec<(PathBuf, u64)>, PlotOptions, String);

struct FigurePanel {
    plot: String,
    options: PlotOptions,
    chart: Lazy<Key, Result<Chart, String>>,
    hidden: BTreeSet<String>,
    brushes: Brushes,
}

impl FigurePanel {
    fn new(plot: &str) -> Self {
        Self {
            plot: plot.to_owned(),
            options: PlotOptions::default(),
            chart: Lazy::default(),
            hidden: BTreeSet::new(),
            brushes: Brushes::new(),
        }
    }
}

impl Panel for FigurePanel {
    fn is_ready(&self) -> bool {
        !self.chart.is_pending()
    }

    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        if cx.shown.is_empty() {
            part::empty(
                ui,
                "No run is shown",
                "Click a run in the list; check the boxes of several to see them side by side.",
            );
            return;
        }
        self.options.pool = cx.settings.grouped;
        self.bar(ui, cx);
        let drawn: Vec<Drawn> = cx.shown.to_vec();
        let key = (cx.key(), self.options.clone(), self.plot.clone());
        let (plot, options) = (self.plot.clone(), self.options.clone());
        self.chart.get(cx.jobs, key, move || compute(&plot, &drawn, &options));
        if self.chart.has_failed() && self.chart.value().is_none() {
            part::empty(
                ui,
                "This figure could not be computed",
                "That is a mistake of this program.",
            );
            return;
        }
        match self.chart.value() {
            None => part::waiting(ui, "Computing the figure"),
            Some(Err(sentence)) => part::empty(ui, "Nothing to see yet", sentence),
            Some(Ok(chart)) => {
                let names: Vec<String> = cx.shown.iter().map(|drawn| drawn.label.clone()).collect();
                let slots: Vec<usize> = cx.shown.iter().map(|drawn| drawn.slot).collect();
                // Where several runs are one series, series are no runs.
                let slots = if self.options.pool { &[][..] } else { &slots };
                let focus = cx.focus().map_or(usize::MAX, |(at, _)| at);
                let shown = cx.shown;
                let describe = |run: usize, trial: TrialId| {
                    shown.get(run).map_or_else(String::new, |drawn| about(drawn.run.view(), trial))
                };
                let look = Look {
                    id: ui.scope_id().with("plot"),
                    link: cx.settings.linked.then(|| link(&chart.figure)),
                    names: &names,
                    slots,
                    picked: (focus, &cx.picked.trials),
                    hidden: &mut self.hidden,
                    brushes: &mut self.brushes,
                    describe: &describe,
                };
                let answer = show_chart(ui, chart, look);
                if let Some((run, trial)) = answer.clicked
                    && let Some(drawn) = cx.shown.get(run)
                {
                    let path = &drawn.run.row.path;
                    if ui.input(|input| input.modifiers.command) && cx.picked.focus() == Some(path)
                    {
                        cx.picked.toggle_trial(trial);
                    } else {
                        cx.picked.pick(path, trial);
                    }
                }
                if let Some((run, trials)) = answer.brushed
                    && let Some(drawn) = cx.shown.get(run)
                {
                    cx.picked.look_into(Some(&drawn.run.row.path));
                    cx.picked.last = trials.first().copied();
                    cx.picked.trials = trials;
                }
            }
        }
    }
}

impl FigurePanel {
    /// What can be asked of the plot, and where the picture can go.
    fn bar(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        ui.horizontal(|ui| {
            let metrics = metrics(cx.shown);
            let options = &mut self.options;
            if options.metric.as_ref().is_some_and(|metric| !metrics.contains(metric)) {
                options.metric = None;
            }
            if options.cost.as_ref().is_some_and(|metric| !metrics.contains(metric)) {
                options.cost = None;
            }
            choose(ui, "Metric", "Objective", &metrics, &mut options.metric);
            if uses(&self.plot, Asks::Progress) {
                let progress = [
                    (Progress::Trials, "by trials"),
                    (Progress::WallClock, "by wall clock"),
                    (Progress::Cost, "by cost"),
                    (Progress::Epochs, "by epochs"),
                ];
                let current = progress.iter().find(|(known, _)| *known == options.progress);
                let shown = current.map_or("", |(_, name)| name);
                part::combo(ui, "Against", shown, 96.0, |ui| {
                    for (choice, name) in progress {
                        ui.selectable_value(&mut options.progress, choice, name);
                    }
                });
            }
            if uses(&self.plot, Asks::Choices) {
                choose_choices(ui, cx.shown, &mut options.choices);
            }
            if uses(&self.plot, Asks::Signal) {
                let names = signals(cx.shown);
                choose(ui, "Signal", "Telling signal", &names, &mut options.signal);
            }
            if uses(&self.plot, Asks::Cost) {
                choose(ui, "Cost", "Usual cost", &metrics, &mut options.cost);
            }
            part::right(ui, |ui| {
                ui.menu_button("Save", |ui| self.save(ui, cx));
                ui.menu_button("Plot", |ui| {
                    for plot in PLOTS {
                        let here = plot.id() == self.plot;
                        let button = egui::Button::selectable(here, plot.title());
                        if ui.add(button).on_hover_text(plot.summary()).clicked() {
                            cx.commands.push(Command::Open(Pane::figure(plot.id())));
                            ui.close();
                        }
                    }
                });
                if !self.brushes.is_empty() && ui.button("Clear brushes").clicked() {
                    self.brushes.clear();
                    cx.commands.push(Command::ClearTrials);
                }
            });
        });
    }

    fn save(&self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let Some(Ok(chart)) = self.chart.value() else {
            ui.weak("There is nothing to save yet.");
            return;
        };
        let theme = if ui.visuals().dark_mode { Theme::Dark } else { Theme::Light };
        let options = RenderOptions { theme, ..RenderOptions::default() };
        let forms: [(&str, &str); 3] = [("SVG", "svg"), ("PNG", "png"), ("CSV", "csv")];
        for (name, ending) in forms {
            if !ui.button(format!("{name}…")).clicked() {
                continue;
            }
            let bytes = match ending {
                "svg" => render_svg(&chart.figure, &options).map(String::into_bytes),
                "png" => render_png(&chart.figure, &options),
                _ => Ok(chart.csv().into_bytes()),
            };
            match bytes {
                Ok(bytes) => {
                    let name = format!("{}.{ending}", self.plot);
                    cx.commands.push(Command::Save { name, bytes });
                }
                Err(error) => cx.commands.push(Command::Say { text: error.to_string(), bad: true }),
            }
            ui.close();
        }
    }
}

/// What can be asked of a plot beside its metric.
#[derive(Clone, Copy, PartialEq)]
enum Asks {
    Progress,
    Cost,
    Choices,
    Signal,
}

/// The plots of which more can be asked; another plot is drawn all the same.
const ASKS: &[(&str, Asks)] = &[
    ("best_so_far", Asks::Progress),
    ("hypervolume", Asks::Progress),
    ("target_time", Asks::Progress),
    ("pareto_front", Asks::Cost),
    ("slice", Asks::Choices),
    ("contour", Asks::Choices),
    ("choice_drift", Asks::Choices),
    ("controller", Asks::Choices),
    ("signal", Asks::Signal),
];

fn uses(plot: &str, asks: Asks) -> bool {
    ASKS.contains(&(plot, asks))
}

/// The choices that a plot looks at; where none is named it takes the most important ones.
fn choose_choices(ui: &mut Ui, shown: &[Drawn], chosen: &mut Vec<String>) {
    let spec = shown.first().map(|drawn| &drawn.run.view().manifest().spec);
    let known = |name: &String| spec.is_some_and(|spec| spec.position(name).is_some());
    chosen.retain(known);
    let title = match &chosen[..] {
        [] => "Important choices".to_owned(),
        [only] => text::words(only),
        several => text::count(several.len(), "choice"),
    };
    ui.menu_button(title, |ui| {
        if ui.button("The most important").clicked() {
            chosen.clear();
        }
        egui::ScrollArea::vertical().max_height(320.0).show(ui, |ui| {
            for choice in spec.iter().flat_map(|spec| spec.choices()) {
                let mut on = chosen.contains(&choice.name);
                if ui.checkbox(&mut on, text::words(&choice.name)).changed() {
                    if on {
                        chosen.push(choice.name.clone());
                    } else {
                        chosen.retain(|name| *name != choice.name);
                    }
                }
            }
        });
    });
}

/// The numbers that the searchers logged with their last epochs and proposals.
fn signals(shown: &[Drawn]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for drawn in shown {
        let view = drawn.run.view();
        let epochs = view.searcher_epochs().iter().rev().take(4).map(|epoch| &epoch.signals);
        let trials = view.trials().iter().rev().take(16);
        let trials = trials.filter_map(|trial| trial.proposal.signals.as_deref());
        for (name, _) in epochs.chain(trials).flat_map(|signals| signals.scalars.iter()) {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
    }
    names
}

/// The figure, or the sentence why there is none.
fn compute(plot: &str, drawn: &[Drawn], options: &PlotOptions) -> Result<Chart, String> {
    let plot = nascent_figures::find(plot).map_err(|error| error.to_string())?;
    let runs: Vec<(&str, &RunView)> =
        drawn.iter().map(|drawn| (drawn.label.as_str(), drawn.run.view())).collect();
    let figure = plot.figure(&runs, options).map_err(|not_yet| not_yet.0)?;
    Ok(Chart::new(figure))
}

/// Figures with the same thing along x zoom together.
fn link(figure: &Figure) -> egui::Id {
    egui::Id::unique(("linked figures", &figure.x.label))
}

/// The metrics that the runs declare for trials, or their first trials have.
fn metrics(shown: &[Drawn]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for drawn in shown {
        for (name, field) in crate::filter::fields(drawn.run.view()) {
            if matches!(field, crate::filter::Field::Metric(_)) && !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

fn choose(ui: &mut Ui, id: &str, none: &str, names: &[String], chosen: &mut Option<String>) {
    let shown = chosen.as_deref().map_or_else(|| none.to_owned(), text::words);
    part::combo(ui, id, &shown, 112.0, |ui| {
        ui.selectable_value(chosen, None, RichText::new(none).weak());
        for name in names {
            ui.selectable_value(chosen, Some(name.clone()), text::words(name));
        }
    });
}

/// A trial in a few lines.
pub(super) fn about(view: &RunView, trial: TrialId) -> String {
    let Some(found) = view.trials().get(trial.index()) else {
        return format!("trial {trial}");
    };
    let spec = &view.manifest().spec;
    let mut text = format!("trial {trial}, {}", found.status());
    if let Some(objective) = view.manifest().objective()
        && let Some(value) = crate::filter::metric(found, &objective.metric)
    {
        let line = [text::words(&objective.metric), text::number(value)];
        text += "\n";
        text += &line.join(" ");
    }
    let choices = spec.text(&found.proposal.architecture);
    for (at, choice) in choices.split(',').enumerate() {
        text += if at % 3 == 0 { "\n" } else { "  " };
        text += choice;
        if at == 17 {
            text += " …";
            break;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_of_plots_is_asked_of_plots_that_exist() {
        for (plot, _) in ASKS {
            nascent_figures::find(plot).unwrap();
        }
    }
}
