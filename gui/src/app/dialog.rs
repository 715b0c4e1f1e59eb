//! Questions that need a path. A field to type in, and folders may be dropped on the window: a
//! native dialog would need a desktop's services, which a machine that is reached from afar lacks.

use std::path::{Path, PathBuf};

use egui::{Key, Modal, TextEdit, Ui};

use crate::command::Command;
use crate::theme::Palette;

/// An open question.
pub(super) struct Dialog {
    what: What,
    path: String,
}

enum What {
    Folder,
    Save(Vec<u8>),
}

/// How a question was answered.
pub(super) enum Done {
    Closed,
    Command(Command),
    /// It was done or could not be; `true` for the latter.
    Said(String, bool),
}

impl Dialog {
    /// Which folder to watch.
    pub(super) fn folder() -> Self {
        Self { what: What::Folder, path: String::new() }
    }

    /// Where to write a file.
    pub(super) fn save(name: &str, bytes: Vec<u8>) -> Self {
        let path = std::path::absolute(name).unwrap_or_else(|_| PathBuf::from(name));
        Self { what: What::Save(bytes), path: path.display().to_string() }
    }

    pub(super) fn ui(&mut self, ui: &Ui, recent: &[PathBuf]) -> Option<Done> {
        let palette = Palette::of(ui);
        let mut done = None;
        let modal = Modal::new(egui::Id::unique("dialog")).show(ui.ctx(), |ui| {
            ui.set_width(520.0);
            let (title, hint, action) = match &self.what {
                What::Folder => ("Open a folder of runs", "/path/to/runs", "Open"),
                What::Save(_) => ("Save as", "/path/to/file", "Save"),
            };
            ui.heading(title);
            let field =
                TextEdit::singleline(&mut self.path).hint_text(hint).desired_width(f32::INFINITY);
            let response = ui.add(field);
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Path"));
            if !response.has_focus() && !response.lost_focus() {
                response.request_focus();
            }
            let enter = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
            let path = Path::new(self.path.trim());
            let problem = self.problem(path);
            match &problem {
                Some(problem) if !self.path.trim().is_empty() => {
                    ui.colored_label(palette.warn, problem);
                }
                _ if matches!(self.what, What::Folder) => {
                    ui.weak(
                        "A folder that holds runs, or a run. You can also drop one on the window.",
                    );
                }
                _ => {}
            }
            if matches!(self.what, What::Folder) && !recent.is_empty() {
                ui.add_space(4.0);
                ui.weak("Opened before");
                for folder in recent {
                    if ui.link(folder.display().to_string()).clicked() {
                        done = Some(Done::Command(Command::AddFolder(folder.clone())));
                    }
                }
            }
            ui.add_space(6.0);
            ui.horizontal(|ui| {
                let button = ui.add_enabled(problem.is_none(), egui::Button::new(action));
                if button.clicked() || (enter && problem.is_none()) {
                    done = Some(self.answer());
                }
                if ui.button("Cancel").clicked() {
                    done = Some(Done::Closed);
                }
            });
        });
        done.or_else(|| modal.should_close().then_some(Done::Closed))
    }

    /// Why the path cannot be the answer.
    fn problem(&self, path: &Path) -> Option<String> {
        match self.what {
            What::Folder if path.is_dir() => None,
            What::Folder => Some("There is no such folder.".to_owned()),
            What::Save(_) if path.is_dir() => Some("This is a folder; add a file name.".to_owned()),
            What::Save(_) if path.parent().is_some_and(Path::is_dir) => None,
            What::Save(_) => Some("Its folder does not exist.".to_owned()),
        }
    }

    fn answer(&self) -> Done {
        let path = PathBuf::from(self.path.trim());
        match &self.what {
            What::Folder => Done::Command(Command::AddFolder(path)),
            What::Save(bytes) => match std::fs::write(&path, bytes) {
                Ok(()) => Done::Said(format!("written to {}", path.display()), false),
                Err(error) => Done::Said(format!("cannot write {}: {error}", path.display()), true),
            },
        }
    }
}
