//! The command palette: everything that can be done, found by typing.

use egui::{Key, Modal, ScrollArea, TextEdit, Ui};
use nascent_figures::PLOTS;

use crate::command::{COMMANDS, Command, answers};
use crate::layout::Pane;
use crate::model::Library;
use crate::panel::{FIGURE, PANELS};
use crate::theme::Palette;

/// The open palette.
#[derive(Default)]
pub(super) struct PaletteList {
    typed: String,
    at: usize,
}

/// How many answers are shown.
const MOST: usize = 12;

impl PaletteList {
    /// Draws it; returns whether it is to be closed.
    pub(super) fn ui(&mut self, ui: &Ui, library: &Library, commands: &mut Vec<Command>) -> bool {
        let palette = Palette::of(ui);
        let mut chosen = None;
        let found = find(&self.typed, library);
        self.at = self.at.min(found.len().saturating_sub(1));
        let (up, down, enter) = ui.input_mut(|input| {
            let none = egui::Modifiers::NONE;
            (
                input.consume_key(none, Key::ArrowUp),
                input.consume_key(none, Key::ArrowDown),
                input.consume_key(none, Key::Enter),
            )
        });
        self.at = self.at.saturating_sub(usize::from(up));
        self.at = (self.at + usize::from(down)).min(found.len().saturating_sub(1));
        let modal = Modal::new(egui::Id::unique("command palette")).show(ui.ctx(), |ui| {
            ui.set_width(460.0);
            let field = TextEdit::singleline(&mut self.typed)
                .hint_text("Type what to do, a plot, or a run")
                .desired_width(f32::INFINITY);
            let response = ui.add(field);
            response
                .widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Command"));
            if !response.has_focus() {
                response.request_focus();
            }
            ui.add_space(4.0);
            if found.is_empty() {
                ui.weak("No match");
            }
            ScrollArea::vertical().max_height(340.0).show(ui, |ui| {
                for (at, (name, hint, command)) in found.iter().enumerate() {
                    let text = egui::RichText::new(name);
                    let text = if at == self.at { text.color(palette.accent) } else { text };
                    let button = egui::Button::selectable(at == self.at, text)
                        .shortcut_text(hint.as_str())
                        .min_size(egui::vec2(ui.available_width(), 24.0));
                    if ui.add(button).clicked() {
                        chosen = Some(command.clone());
                    }
                }
            });
        });
        if enter && chosen.is_none() {
            chosen = found.into_iter().nth(self.at).map(|(_, _, command)| command);
        }
        let close = chosen.is_some() || modal.should_close();
        commands.extend(chosen.filter(|command| *command != Command::Palette));
        close
    }
}

/// Everything that can be done and answers what was typed, the best answer first, each with its key
/// or kind.
fn find(typed: &str, library: &Library) -> Vec<(String, String, Command)> {
    let mut all: Vec<(String, String, Command)> = Vec::new();
    for named in COMMANDS {
        let key = named.key.map(|key| key.format(&egui::ModifierNames::NAMES, false));
        all.push((named.name.to_owned(), key.unwrap_or_default(), (named.command)()));
    }
    for (at, kind) in PANELS.iter().enumerate().filter(|(_, kind)| kind.id != FIGURE) {
        let command = Command::Open(Pane::new(kind.id));
        all.push((format!("Panel: {}", kind.title), format!("Ctrl+{}", at + 1), command));
    }
    for plot in PLOTS {
        let command = Command::Open(Pane::figure(plot.id()));
        all.push((format!("Figure: {}", plot.title()), String::new(), command));
    }
    for entry in library.entries() {
        let row = &entry.row;
        let command = Command::ShowOnly(vec![row.path.clone()]);
        all.push((format!("Run: {}", row.name), row.status.word().to_owned(), command));
    }
    let mut scored: Vec<(i32, usize)> = all
        .iter()
        .enumerate()
        .filter_map(|(at, (name, _, _))| Some((answers(name, typed)?, at)))
        .collect();
    if !typed.trim().is_empty() {
        scored.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    }
    scored.truncate(MOST);
    scored.into_iter().filter_map(|(_, at)| all.get(at).cloned()).collect()
}
