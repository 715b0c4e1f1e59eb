//! The bar at the top, and the panels below it.

use std::collections::HashMap;

use egui::{Frame, Margin, MenuBar, Panel as Side, RichText, Ui, WidgetText};
use egui_tiles::{EditAction, SimplificationOptions, TabState, TileId, Tiles, UiResponse};
use nascent_figures::PLOTS;

use super::App;
use crate::command::{COMMANDS, Command};
use crate::layout::Pane;
use crate::panel::{self, Cx, Drawn, FIGURE, PANELS, Panel};
use crate::settings::ThemeChoice;
use crate::theme::{self, Palette};

/// The bar at the top: folders, panels, theme, palette.
pub(super) fn bar(app: &App, ui: &mut Ui, commands: &mut Vec<Command>) {
    let frame = Frame::new().fill(ui.visuals().panel_fill).inner_margin(Margin::symmetric(12, 6));
    Side::top("bar").frame(frame).show(ui, |ui| {
        MenuBar::new().ui(ui, |ui| {
            ui.label(RichText::new("Nascent").family(theme::strong()).size(16.0));
            ui.add_space(8.0);
            ui.menu_button("Folders", |ui| folders(app, ui, commands));
            ui.menu_button("Panels", |ui| open_panels(app, ui, commands));
            ui.menu_button("Layout", |ui| layouts(app, ui, commands));
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let dark = ui.visuals().dark_mode;
                let (text, other) =
                    if dark { ("Light", ThemeChoice::Light) } else { ("Dark", ThemeChoice::Dark) };
                if ui.button(text).on_hover_text("Change to the other theme").clicked() {
                    commands.push(Command::Theme(other));
                }
                let palette = ui.button("Commands   Ctrl+P");
                if palette.on_hover_text("Find anything that can be done by typing").clicked() {
                    commands.push(Command::Palette);
                }
                let count = app.library.entries().len();
                ui.weak(crate::text::count(count, "run"));
            });
        });
    });
}

fn folders(app: &App, ui: &mut Ui, commands: &mut Vec<Command>) {
    for folder in &app.folders {
        ui.horizontal(|ui| {
            ui.label(folder.display().to_string());
            if ui.small_button("Close").on_hover_text("Forget the runs of this folder").clicked() {
                commands.push(Command::RemoveFolder(folder.clone()));
                ui.close();
            }
        });
    }
    ui.separator();
    entry(ui, &Command::AskForFolder, commands);
    entry(ui, &Command::Rescan, commands);
    let recent: Vec<_> =
        app.settings.recent.iter().filter(|folder| !app.folders.contains(folder)).collect();
    if !recent.is_empty() {
        ui.separator();
        ui.weak("Opened before");
        for folder in recent {
            if ui.button(folder.display().to_string()).clicked() {
                commands.push(Command::AddFolder(folder.clone()));
            }
        }
    }
}

fn open_panels(app: &App, ui: &mut Ui, commands: &mut Vec<Command>) {
    let mut open = |ui: &mut Ui, pane: Pane, summary: &str| {
        let here = app.settings.layout.has(&pane);
        let button = egui::Button::selectable(here, pane.title());
        if ui.add(button).on_hover_text(summary).clicked() {
            commands.push(Command::Open(pane));
        }
    };
    for kind in PANELS.iter().filter(|kind| kind.id != FIGURE) {
        open(ui, Pane::new(kind.id), kind.summary);
    }
    ui.separator();
    ui.weak("Figures");
    for plot in PLOTS {
        open(ui, Pane::figure(plot.id()), plot.summary());
    }
}

fn layouts(app: &App, ui: &mut Ui, commands: &mut Vec<Command>) {
    entry(ui, &Command::UndoLayout, commands);
    entry(ui, &Command::ResetLayout, commands);
    ui.separator();
    let mut linked = app.settings.linked;
    if ui.checkbox(&mut linked, "Zoom figures together").clicked() {
        commands.push(Command::ToggleLinked);
    }
    let mut grouped = app.settings.grouped;
    if ui.checkbox(&mut grouped, "Group the seeds of one setting").clicked() {
        commands.push(Command::ToggleGrouped);
    }
}

/// A line of a menu with the name and the key of a command.
fn entry(ui: &mut Ui, command: &Command, commands: &mut Vec<Command>) {
    let Some(named) = COMMANDS.iter().find(|named| (named.command)() == *command) else { return };
    let mut button = egui::Button::new(named.name);
    if let Some(key) = named.key {
        button = button.shortcut_text(ui.ctx().format_shortcut(&key));
    }
    if ui.add(button).clicked() {
        commands.push(command.clone());
        ui.close();
    }
}

/// All panels.
pub(super) fn panels(app: &mut App, ui: &mut Ui, shown: &[Drawn], commands: &mut Vec<Command>) {
    // The tree is drawn with the settings in hand, so it steps out of them for the time.
    let mut tree = std::mem::replace(
        &mut app.settings.layout.tree,
        egui_tiles::Tree::empty(egui::Id::unique("panels")),
    );
    let before = tree.clone();
    let mut docked = Docked {
        cx: Cx {
            library: &app.library,
            jobs: &app.jobs,
            outside: &app.outside,
            errands: &app.errands,
            now_ms: app.clock.now_ms(),
            shown,
            picked: &mut app.picked,
            settings: &mut app.settings,
            commands,
        },
        panels: &mut app.panels,
        moved: false,
        resized: false,
    };
    let frame = Frame::new().fill(ui.visuals().panel_fill);
    egui::CentralPanel::default().frame(frame).show(ui, |ui| tree.ui(&mut docked, ui));
    let (moved, resized) = (docked.moved, docked.resized);
    let layout = &mut app.settings.layout;
    layout.tree = tree;
    if moved {
        layout.remember(before);
    } else if resized {
        layout.remember_resize(before);
    }
    if !ui.input(|input| input.pointer.any_down()) {
        layout.let_go();
    }
    let tiles = &app.settings.layout.tree.tiles;
    app.panels.retain(|pane, _| tiles.find_pane(pane).is_some());
}

struct Docked<'a, 'c> {
    cx: Cx<'c>,
    panels: &'a mut HashMap<Pane, Box<dyn Panel>>,
    /// Whether a panel was moved or closed in this frame.
    moved: bool,
    /// Whether an edge was dragged in this frame.
    resized: bool,
}

impl egui_tiles::Behavior<Pane> for Docked<'_, '_> {
    fn pane_ui(&mut self, ui: &mut Ui, _tile: TileId, pane: &mut Pane) -> UiResponse {
        let frame = Frame::new().fill(Palette::of(ui).ground).inner_margin(Margin::same(10));
        frame.show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            let Some(kind) = panel::find(&pane.kind) else {
                ui.label(format!("This version has no panel \"{}\".", pane.kind));
                return;
            };
            let panel = self.panels.entry(pane.clone()).or_insert_with(|| kind.make(pane));
            ui.push_id((&pane.kind, &pane.detail), |ui| panel.ui(ui, &mut self.cx));
        });
        UiResponse::None
    }

    fn tab_title_for_pane(&mut self, pane: &Pane) -> WidgetText {
        pane.title().into()
    }

    fn is_tab_closable(&self, tiles: &Tiles<Pane>, tile: TileId) -> bool {
        // A closed panel comes back by the menu, so each can be closed, but for the list of runs.
        tiles.get_pane(&tile).is_some_and(|pane| pane.kind != "runs")
    }

    fn on_tab_close(&mut self, _tiles: &mut Tiles<Pane>, _tile: TileId) -> bool {
        self.moved = true;
        true
    }

    fn simplification_options(&self) -> SimplificationOptions {
        SimplificationOptions { all_panes_must_have_tabs: true, ..SimplificationOptions::default() }
    }

    fn on_edit(&mut self, action: EditAction) {
        self.resized |= action == EditAction::TileResized;
        self.moved |= action == EditAction::TileDropped;
    }

    fn tab_bar_height(&self, _style: &egui::Style) -> f32 {
        28.0
    }

    fn gap_width(&self, _style: &egui::Style) -> f32 {
        4.0
    }

    fn min_size(&self) -> f32 {
        120.0
    }

    fn tab_bar_color(&self, visuals: &egui::Visuals) -> egui::Color32 {
        visuals.panel_fill
    }

    fn tab_bg_color(
        &self,
        visuals: &egui::Visuals,
        _tiles: &Tiles<Pane>,
        _tile: TileId,
        state: &TabState,
    ) -> egui::Color32 {
        if state.active { visuals.extreme_bg_color } else { visuals.panel_fill }
    }

    fn tab_outline_stroke(
        &self,
        visuals: &egui::Visuals,
        _tiles: &Tiles<Pane>,
        _tile: TileId,
        state: &TabState,
    ) -> egui::Stroke {
        if state.active { visuals.widgets.noninteractive.bg_stroke } else { egui::Stroke::NONE }
    }
}
