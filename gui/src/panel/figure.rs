//! One plot of the runs that are shown.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{RichText, Ui};
use nascent_figures::{
    Ask, Figure, Mark, PLOTS, PlotOptions, Progress, RenderOptions, Theme, Thread, render_png,
    render_svg,
};
use nascent_record::{RunView, TrialId};

use super::{Cx, Drawn, Kind, Panel, part};
use crate::command::Command;
use crate::draw::{Brushes, Chart, Look, passes, show_chart};
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

/// A chart with the runs that it is of: others may be shown while a newer one is computed.
struct Plotted {
    chart: Chart,
    runs: Vec<Source>,
}

/// A run of a chart.
struct Source {
    path: PathBuf,
    label: String,
    /// The number of its color when it was drawn.
    slot: usize,
}

struct FigurePanel {
    plot: String,
    options: PlotOptions,
    chart: Lazy<Key, Result<Arc<Plotted>, String>>,
    hidden: BTreeSet<String>,
    brushes: Brushes,
    /// What was brushed last, until the trials within it are picked.
    brushed: Option<Brushed>,
    within: Lazy<(Key, PathBuf, Brushes), BTreeSet<TrialId>>,
}

/// A question for the trials of a run that are within the brushes of a figure.
struct Brushed {
    key: Key,
    run: PathBuf,
}

impl FigurePanel {
    fn new(plot: &str) -> Self {
        Self {
            plot: plot.to_owned(),
            options: PlotOptions::default(),
            chart: Lazy::default(),
            hidden: BTreeSet::new(),
            brushes: Brushes::new(),
            brushed: None,
            within: Lazy::default(),
        }
    }
}

impl Panel for FigurePanel {
    fn is_ready(&self) -> bool {
        !self.chart.is_pending() && !self.within.is_pending()
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
        let pools = uses(&self.plot, Ask::Pool) && cx.settings.grouped;
        let color = |drawn: &Drawn| cx.color(&drawn.run.row.path).unwrap_or(drawn.slot);
        self.options.pool = pools;
        self.options.settings =
            if pools { cx.shown.iter().map(color).collect() } else { Vec::new() };
        self.bar(ui, cx);
        let drawn: Vec<Drawn> = cx.shown.to_vec();
        let key = (cx.key(), self.options.clone(), self.plot.clone());
        let (plot, options) = (self.plot.clone(), self.options.clone());
        self.chart.get(cx.jobs, key, move || compute(&plot, &drawn, &options));
        match self.chart.shown() {
            None => part::pending(ui, self.chart.has_failed(), "Computing the figure"),
            Some((_, Err(sentence))) => part::empty(ui, "Nothing to see yet", sentence),
            Some((key, Ok(plotted))) => {
                let Plotted { chart, runs } = &**plotted;
                let names: Vec<String> = runs.iter().map(|run| run.label.clone()).collect();
                // Where several runs are one series, series have the numbers of colors themselves.
                let own = runs.iter().filter(|_| !key.1.pool);
                let slots: Vec<usize> =
                    own.map(|run| cx.color(&run.path).unwrap_or(run.slot)).collect();
                let focus = runs.iter().position(|run| cx.picked.focus() == Some(&run.path));
                let shown = cx.shown;
                let find = |run: usize| -> Option<&Drawn> {
                    let path = &runs.get(run)?.path;
                    shown.iter().find(|drawn| drawn.run.row.path == *path)
                };
                let describe = |run: usize, trial: TrialId| {
                    find(run).map_or_else(String::new, |drawn| about(drawn.run.view(), trial))
                };
                let look = Look {
                    id: ui.scope_id().with("plot"),
                    link: cx.settings.linked.then(|| link(&chart.figure)),
                    names: &names,
                    slots: &slots,
                    picked: (focus.unwrap_or(usize::MAX), &cx.picked.trials),
                    hidden: &mut self.hidden,
                    brushes: &mut self.brushes,
                    describe: &describe,
                };
                let answer = show_chart(ui, chart, look);
                if let Some((run, trial)) = answer.clicked
                    && let Some(drawn) = find(run)
                {
                    let path = &drawn.run.row.path;
                    if ui.input(|input| input.modifiers.command) && cx.picked.focus() == Some(path)
                    {
                        cx.picked.toggle_trial(trial);
                    } else {
                        cx.picked.pick(path, trial);
                    }
                }
                if answer.brushed {
                    let run = find(focus.unwrap_or(0)).map(|drawn| drawn.run.row.path.clone());
                    self.brushed = run.map(|run| Brushed { key: key.clone(), run });
                }
            }
        }
        self.pick_brushed(cx);
    }
}

impl FigurePanel {
    /// Picks the trials that are within the brushes: of all trials of a run, not only of those that are
    /// drawn.
    fn pick_brushed(&mut self, cx: &mut Cx<'_>) {
        let Some(Brushed { key, run }) = &self.brushed else { return };
        let drawn: Vec<Drawn> = cx.shown.to_vec();
        let wanted = (key.clone(), run.clone(), self.brushes.clone());
        let (plot, options, brushes) = (self.plot.clone(), key.1.clone(), self.brushes.clone());
        let path = run.clone();
        let job = move || within(&plot, &drawn, options, &path, &brushes);
        self.within.get(cx.jobs, wanted.clone(), job);
        if let Some((_, trials)) = self.within.shown().filter(|(key, _)| **key == wanted) {
            cx.picked.look_into(Some(run));
            cx.picked.last = trials.first().copied();
            cx.picked.trials.clone_from(trials);
            self.brushed = None;
        } else if self.within.has_failed() {
            self.brushed = None;
        }
    }

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
            if uses(&self.plot, Ask::Progress) {
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
            if uses(&self.plot, Ask::Choices) {
                choose_choices(ui, cx.shown, &mut options.choices);
            }
            if uses(&self.plot, Ask::Signal) {
                let names = signals(cx.shown);
                choose(ui, "Signal", "Default signal", &names, &mut options.signal);
            }
            if uses(&self.plot, Ask::Cost) {
                choose(ui, "Cost", "Default cost", &metrics, &mut options.cost);
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

    fn save(&self, ui: &mut Ui, cx: &Cx<'_>) {
        let Some(Ok(plotted)) = self.chart.value() else {
            ui.weak("There is nothing to save yet.");
            return;
        };
        let theme = if ui.visuals().dark_mode { Theme::Dark } else { Theme::Light };
        for (title, ending) in [("SVG", "svg"), ("PNG", "png"), ("CSV", "csv")] {
            if ui.button(format!("{title}…")).clicked() {
                let (plotted, name) = (Arc::clone(plotted), format!("{}.{ending}", self.plot));
                cx.errands.start(move || written(&plotted.chart, name, ending, theme));
                ui.close();
            }
        }
    }
}

/// A chart as a file, which asks where to.
fn written(chart: &Chart, name: String, ending: &str, theme: Theme) -> Command {
    let options = RenderOptions { theme, ..RenderOptions::default() };
    let bytes = match ending {
        "svg" => render_svg(&chart.figure, &options).map(String::into_bytes),
        "png" => render_png(&chart.figure, &options),
        _ => Ok(chart.csv().into_bytes()),
    };
    match bytes {
        Ok(bytes) => Command::Save { name, bytes },
        Err(error) => Command::Say { text: error.to_string(), bad: true },
    }
}

fn uses(plot: &str, ask: Ask) -> bool {
    nascent_figures::find(plot).is_ok_and(|plot| plot.asks().contains(&ask))
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
fn compute(plot: &str, drawn: &[Drawn], options: &PlotOptions) -> Result<Arc<Plotted>, String> {
    let plot = nascent_figures::find(plot).map_err(|error| error.to_string())?;
    let runs: Vec<(&str, &RunView)> =
        drawn.iter().map(|drawn| (drawn.label.as_str(), drawn.run.view())).collect();
    let figure = plot.figure(&runs, options).map_err(|not_yet| not_yet.0)?;
    let runs = drawn.iter().map(|drawn| Source {
        path: drawn.run.row.path.clone(),
        label: drawn.label.clone(),
        slot: drawn.slot,
    });
    Ok(Arc::new(Plotted { chart: Chart::new(figure), runs: runs.collect() }))
}

/// The trials of a run within the brushes of a plot.
fn within(
    plot: &str,
    drawn: &[Drawn],
    mut options: PlotOptions,
    run: &Path,
    brushes: &Brushes,
) -> BTreeSet<TrialId> {
    if brushes.is_empty() {
        return BTreeSet::new();
    }
    options.max_lines = usize::MAX;
    let Ok(plotted) = compute(plot, drawn, &options) else { return BTreeSet::new() };
    let run = plotted.runs.iter().position(|of| of.path == run);
    run.map_or_else(BTreeSet::new, |run| inside(&plotted.chart.figure, run, brushes))
}

/// The trials of a run within the brushes of a figure.
fn inside(figure: &Figure, run: usize, brushes: &Brushes) -> BTreeSet<TrialId> {
    let mut found = BTreeSet::new();
    for mark in &figure.marks {
        let Mark::Parallel(parallel) = mark else { continue };
        for bundle in parallel.bundles.iter().filter(|bundle| bundle.run == run) {
            let within = |thread: &&Thread| passes(brushes, &parallel.axes, thread);
            found.extend(bundle.threads.iter().filter(within).map(|thread| thread.trial));
        }
    }
    found
}

/// Figures with the same thing along x zoom together.
fn link(figure: &Figure) -> egui::Id {
    egui::Id::unique(("linked figures", &figure.x.label))
}

/// The metrics that the runs declare for trials, or their first trials have.
fn metrics(shown: &[Drawn]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for summary in shown.iter().filter_map(|drawn| drawn.run.row.summary.as_ref()) {
        for name in &summary.metrics {
            if !names.contains(name) {
                names.push(name.clone());
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
    use crate::testing;

    #[test]
    fn a_brush_picks_of_all_trials_of_its_run() {
        let (first, second) = (testing::run(900, 2, 1), testing::run(1500, 2, 2));
        let runs = [("first", &first), ("second", &second)];
        let options = PlotOptions { max_lines: usize::MAX, ..PlotOptions::default() };
        let plot = nascent_figures::find("parallel_coordinates").unwrap();
        let figure = plot.figure(&runs, &options).unwrap();
        let depth = Brushes::from([("depth".to_owned(), [0.5, 2.5])]);
        let found = inside(&figure, 1, &depth);
        let shallow = second.trials().iter().filter(|trial| {
            trial.metrics().is_some() && trial.proposal.architecture.int(0) != Some(3)
        });
        let expected: BTreeSet<TrialId> = shallow.map(|trial| trial.id).collect();
        assert!(expected.len() > 400, "more than are drawn: {}", expected.len());
        assert_eq!(found, expected);
    }
}
