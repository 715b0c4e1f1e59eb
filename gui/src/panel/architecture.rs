//! The network of a trial, and what tells it from another.

use std::path::PathBuf;

use egui::{Color32, RichText, ScrollArea, Ui, vec2};
use nascent_figures::{Drawing, RenderOptions, Theme, render_png, render_svg};
use nascent_record::{Architecture, RunView, TrialId};

use super::{Cx, Drawn, Kind, Panel, part};
use crate::command::Command;
use crate::draw::{State, States, differences, show_network, tint};
use crate::model::{Lazy, Network};
use crate::text;
use crate::theme::{self, Palette};

pub(super) static KIND: Kind = Kind {
    id: "architecture",
    title: "Architecture",
    summary: "The network of a trial as a graph, and what tells it from another one.",
    make: |_| Box::new(ArchitecturePanel::default()),
};

/// An architecture of a run.
#[derive(Clone, PartialEq)]
struct Which {
    run: PathBuf,
    trial: TrialId,
    text: String,
}

/// A network with what it is of: while that of another trial is drawn, the old one stands under its own
/// name.
type Drawings = Lazy<Which, Result<Network, String>>;

#[derive(Default)]
struct ArchitecturePanel {
    left: Drawings,
    right: Drawings,
    /// What the picked one is compared with, if that was fixed by hand.
    pinned: Option<Which>,
    compare: bool,
    /// The name of the drawing that is shown: a cell or the network.
    part: String,
}

impl Panel for ArchitecturePanel {
    fn is_ready(&self) -> bool {
        !self.left.is_pending() && !self.right.is_pending()
    }

    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let Some((_, drawn)) = cx.focus() else {
            part::no_run(ui);
            return;
        };
        let drawn = drawn.clone();
        let best = drawn.run.row.summary.as_ref().and_then(|summary| summary.best);
        let Some(trial) = cx.picked.last.or(best.map(|(trial, _)| trial)) else {
            part::empty(
                ui,
                "No trial is picked",
                "Click a trial in the table or in a figure to see its network.",
            );
            return;
        };
        let Some(this) = which(&drawn, trial) else { return };
        let other = self.other(cx, &drawn, &this, best.map(|(trial, _)| trial));
        self.bar(ui, cx, &this, other.as_ref());
        let compared = other.filter(|_| self.compare);
        let room = ui.available_size();
        let across = room.x > room.y * 1.1;
        // Below are the choices that differ, above is the legend.
        let table = if compared.is_some() { (room.y * 0.32).min(170.0) + 22.0 } else { 0.0 };
        let count = if compared.is_some() { 2.0 } else { 1.0 };
        let gap = ui.spacing().item_spacing;
        let size = if across {
            vec2((room.x - gap.x * (count - 1.0)) / count, room.y - table - 26.0)
        } else {
            vec2(room.x, (room.y - table - gap.y * (count - 1.0)) / count - 26.0)
        };
        let size = size.max(vec2(80.0, 80.0));
        let ask = |lazy: &mut Drawings, which: &Which| {
            let (run, text) = (which.run.clone(), which.text.clone());
            lazy.get(cx.outside, which.clone(), move || Network::of(&run, &text));
        };
        ask(&mut self.left, &this);
        if let Some(other) = &compared {
            ask(&mut self.right, other);
        }
        let drawings = compared
            .as_ref()
            .and_then(|_| Some((find(&self.left, &self.part)?, find(&self.right, &self.part)?)));
        let states = drawings.map(|(left, right)| differences(left, right));
        if states.is_some() {
            legend(ui);
        }
        let one = |ui: &mut Ui, lazy: &Drawings, which: &Which, side: usize| {
            ui.vertical(|ui| {
                ui.set_max_width(size.x); // a long title must not push the other one out
                let which = lazy.shown().map_or(which, |(shown, _)| shown);
                title(ui, cx, which);
                let states = states.as_ref().map(|states| &states[side]);
                drawing(ui, lazy, &self.part, which, size, states);
            });
        };
        let both = |ui: &mut Ui| {
            one(ui, &self.left, &this, 0);
            if let Some(other) = &compared {
                one(ui, &self.right, other, 1);
            }
        };
        if across {
            ui.horizontal(both)
        } else {
            ui.vertical(both)
        };
        if let Some(other) = &compared {
            difference(ui, cx, &drawn, &this, other);
        }
    }
}

impl ArchitecturePanel {
    /// What the picked trial is compared with: the one that was fixed, another picked one, its
    /// parent, or the best.
    fn other(
        &self,
        cx: &Cx<'_>,
        drawn: &Drawn,
        this: &Which,
        best: Option<TrialId>,
    ) -> Option<Which> {
        if let Some(pinned) = self.pinned.as_ref().filter(|pinned| *pinned != this) {
            return Some(pinned.clone());
        }
        let picked = cx.picked.trials.iter().rev().copied().find(|trial| *trial != this.trial);
        let view = drawn.run.view();
        let parent = view.trials().get(this.trial.index())?.proposal.parents.first().copied();
        let other = picked.or(parent).or(best)?;
        which(drawn, other).filter(|other| other != this)
    }

    fn bar(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, this: &Which, other: Option<&Which>) {
        ui.horizontal(|ui| {
            let names: Vec<String> = match self.left.value() {
                Some(Ok(network)) => {
                    network.drawings.iter().map(|(name, _)| name.clone()).collect()
                }
                _ => Vec::new(),
            };
            if !names.contains(&self.part)
                && let Some(first) = names.first()
            {
                self.part.clone_from(first);
            }
            for name in &names {
                let here = *name == self.part;
                if names.len() > 1 && ui.selectable_label(here, text::words(name)).clicked() {
                    self.part.clone_from(name);
                }
            }
            part::right(ui, |ui| {
                ui.menu_button("Save", |ui| self.save(ui, cx));
                let copy = ui.button("Copy");
                if copy.on_hover_text("Copy the architecture as text").clicked() {
                    let (what, text) = ("architecture".to_owned(), this.text.clone());
                    cx.commands.push(Command::Copy { what, text });
                }
                let pinned = self.pinned.is_some();
                let pin = ui.selectable_label(pinned, "Pin");
                if pin
                    .on_hover_text("Hold on to this one, to compare the next picked with it")
                    .clicked()
                {
                    self.pinned = if pinned { None } else { Some(this.clone()) };
                    self.compare |= !pinned;
                }
                ui.add_enabled_ui(other.is_some(), |ui| {
                    ui.checkbox(&mut self.compare, "Compare").on_hover_text(
                        "Beside the pinned one, else another picked trial, its parent, or the best",
                    );
                });
            });
        });
    }

    fn save(&self, ui: &mut Ui, cx: &Cx<'_>) {
        let shown = self.left.shown().map(|(which, _)| which.trial);
        let (Some(trial), Some(drawing)) = (shown, find(&self.left, &self.part)) else {
            ui.weak("There is no drawing to save.");
            return;
        };
        let theme = if ui.visuals().dark_mode { Theme::Dark } else { Theme::Light };
        for ending in ["svg", "png"] {
            if ui.button(format!("{}…", ending.to_uppercase())).clicked() {
                let name = format!("trial_{trial}_{}.{ending}", self.part);
                let drawing = drawing.clone();
                cx.errands.start(move || written(&drawing, name, ending, theme));
                ui.close();
            }
        }
    }
}

/// A drawing as a file, which asks where to.
fn written(drawing: &Drawing, name: String, ending: &str, theme: Theme) -> Command {
    let options = RenderOptions { theme, ..RenderOptions::default() };
    let bytes = match ending {
        "svg" => render_svg(drawing, &options).map(String::into_bytes),
        _ => render_png(drawing, &options),
    };
    match bytes {
        Ok(bytes) => Command::Save { name, bytes },
        Err(error) => Command::Say { text: error.to_string(), bad: true },
    }
}

fn which(drawn: &Drawn, trial: TrialId) -> Option<Which> {
    let view = drawn.run.view();
    let architecture = &view.trials().get(trial.index())?.proposal.architecture;
    let text = view.manifest().spec.text(architecture);
    Some(Which { run: drawn.run.row.path.clone(), trial, text })
}

fn find<'a>(lazy: &'a Drawings, part: &str) -> Option<&'a nascent_figures::Drawing> {
    let Some(Ok(network)) = lazy.value() else { return None };
    let named = network.drawings.iter().find(|(name, _)| name == part);
    named.or(network.drawings.first()).map(|(_, drawing)| drawing)
}

/// What the colors of two drawings side by side say.
fn legend(ui: &mut Ui) {
    let palette = Palette::of(ui);
    ui.horizontal(|ui| {
        for (state, name) in
            [(State::Same, "Same"), (State::Changed, "Changed"), (State::Only, "Only here")]
        {
            let (rect, _) = ui.allocate_exact_size(vec2(14.0, 12.0), egui::Sense::hover());
            let color = tint(palette, state).unwrap_or(palette.rule);
            let (line, inside) = (egui::Stroke::new(1.5, color), egui::StrokeKind::Inside);
            ui.painter().rect(rect, 3.0, color.gamma_multiply(0.2), line, inside);
            ui.label(RichText::new(name).size(12.0));
        }
    });
}

fn title(ui: &mut Ui, cx: &Cx<'_>, which: &Which) {
    let drawn = cx.shown.iter().find(|drawn| drawn.run.row.path == which.run);
    let metrics = drawn.map_or_else(String::new, |drawn| results(drawn.run.view(), which.trial));
    ui.horizontal(|ui| {
        ui.label(RichText::new(format!("Trial {}", which.trial)).family(theme::strong()));
        ui.add(egui::Label::new(RichText::new(metrics).weak()).truncate());
    });
}

/// The metrics of a trial in a line.
fn results(view: &RunView, trial: TrialId) -> String {
    let Some(trial) = view.trials().get(trial.index()) else { return String::new() };
    let Some(metrics) = trial.metrics() else { return trial.status().to_owned() };
    let all = metrics.iter().map(|(name, value)| {
        let unit = view.manifest().metric(name).map_or("", |metric| &metric.unit);
        format!("{} {}", text::words(name), text::with_unit(value, unit))
    });
    all.collect::<Vec<_>>().join("  ·  ")
}

fn drawing(
    ui: &mut Ui,
    lazy: &Drawings,
    part: &str,
    which: &Which,
    size: egui::Vec2,
    states: Option<&States>,
) {
    match lazy.value() {
        None => {
            let failed = lazy.has_failed();
            ui.allocate_ui(size, |ui| part::pending(ui, failed, "Asking nascent for the network"));
        }
        Some(Err(sentence)) => {
            // Without a drawing the choices still say what it is.
            ui.allocate_ui(size, |ui| {
                ScrollArea::vertical().id_salt(("choices", which.trial.0)).show(ui, |ui| {
                    ui.add(egui::Label::new(RichText::new(sentence).weak()).wrap());
                    ui.add_space(6.0);
                    for choice in which.text.split(',') {
                        ui.label(choice);
                    }
                });
            });
        }
        Some(Ok(_)) => {
            if let Some(drawing) = find(lazy, part) {
                let id = ui.scope_id().with(("network", part));
                show_network(ui, id, size, drawing, states);
            }
        }
    }
}

/// One choice of two architectures.
#[derive(Debug, PartialEq)]
struct Line {
    choice: String,
    left: Option<String>,
    right: Option<String>,
}

/// The choices of two architectures of one space, side by side: those that differ first.
fn lines(view: &RunView, left: &Architecture, right: &Architecture) -> (Vec<Line>, usize) {
    let choices = view.manifest().spec.choices().iter();
    let values = std::iter::zip(left.values(), right.values());
    let mut same = 0;
    let mut found = Vec::new();
    for (choice, (left, right)) in choices.zip(values) {
        let text = |value: &Option<_>| value.map(|value| choice.domain.text(value));
        let line = Line { choice: choice.name.clone(), left: text(left), right: text(right) };
        if line.left == line.right {
            same += usize::from(line.left.is_some());
        } else {
            found.push(line);
        }
    }
    (found, same)
}

/// The choices in which two architectures differ.
fn difference(ui: &mut Ui, cx: &Cx<'_>, drawn: &Drawn, this: &Which, other: &Which) {
    let palette = Palette::of(ui);
    let view = drawn.run.view();
    let find = |which: &Which| {
        let drawn = cx.shown.iter().find(|drawn| drawn.run.row.path == which.run)?;
        let same_space = drawn.run.view().manifest().spec == view.manifest().spec;
        let trial = drawn.run.view().trials().get(which.trial.index())?;
        same_space.then(|| trial.proposal.architecture.clone())
    };
    let (Some(left), Some(right)) = (find(this), find(other)) else {
        ui.weak("The two are of different spaces, or of a run that is not shown any more.");
        return;
    };
    let (lines, same) = lines(view, &left, &right);
    let text = if lines.is_empty() {
        "The same architecture".to_owned()
    } else {
        let differ = if lines.len() == 1 { "differs" } else { "differ" };
        format!("{} {differ}, {same} are the same", text::count(lines.len(), "choice"))
    };
    ui.label(RichText::new(text).family(theme::strong()));
    ScrollArea::vertical().id_salt("difference").show(ui, |ui| {
        egui::Grid::new("difference").num_columns(3).spacing([18.0, 3.0]).show(ui, |ui| {
            for line in &lines {
                ui.label(RichText::new(text::words(&line.choice)).weak());
                let cell = |ui: &mut Ui, value: &Option<String>, color: Color32| {
                    let text = value.as_deref().unwrap_or("does not apply");
                    ui.label(RichText::new(text).color(if value.is_some() {
                        color
                    } else {
                        palette.faint
                    }));
                };
                let only = line.left.is_none() || line.right.is_none();
                let color = if only { palette.good } else { palette.ink };
                cell(ui, &line.left, color);
                cell(ui, &line.right, color);
                ui.end_row();
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use nascent_record::{Measured, MeasuredGraph, Measures};

    use super::*;
    use crate::testing;

    #[test]
    fn a_difference_tells_changed_from_absent() {
        let view = testing::empty();
        let spec = &view.manifest().spec;
        let a = spec.parse("depth=1,op=skip,width=8,learning_rate=0.01").unwrap();
        let b = spec.parse("depth=2,op=skip,activation=gelu,width=16,learning_rate=0.01").unwrap();
        let (found, same) = lines(&view, &a, &b);
        assert_eq!(same, 2);
        let names: Vec<&str> = found.iter().map(|line| line.choice.as_str()).collect();
        assert_eq!(names, ["depth", "activation", "width"]);
        assert_eq!(found[1].left, None);
        assert_eq!(found[1].right.as_deref(), Some("gelu"));
        assert_eq!(lines(&view, &a, &a), (vec![], 4));
    }

    #[test]
    fn a_network_has_its_cells_and_itself_as_drawings() {
        let graph = testing::network();
        let part = |params| Measured { shape: vec![16, 8, 8], params, flops: 1234 };
        let cell = Measures {
            nodes: vec![None; 4],
            edges: vec![Some(part(99)); 6],
            ..Measures::default()
        };
        let measures = Measures {
            nodes: (0..graph.nodes.len() as u64).map(|at| Some(part(at))).collect(),
            edges: vec![None; graph.edges.len()],
            cells: [("cell".to_owned(), cell)].into(),
        };
        let network = Network::new(&MeasuredGraph { graph, measures: Some(measures) });
        let edge = &network.drawings[0].1.edges[0];
        assert_eq!(edge.note, "out 16×8×8\n99 params, 1,234 FLOPs");
        // Five cells in a row: nodes 2 to 6.
        assert!(network.drawings[1].1.nodes[2].note.contains("20 params, 6,170 FLOPs"));
        let names: Vec<&str> = network.drawings.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["cell", "network"]);
    }
}
