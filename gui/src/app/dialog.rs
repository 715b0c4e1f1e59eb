//! Questions that need a path: a field to type in, over the folders that it can go on with. Folders may
//! be dropped on the window too. A native dialog would need a desktop's services, which a machine that
//! is reached from afar lacks.

use std::path::{Path, PathBuf};

use egui::{Button, Key, Modal, RichText, ScrollArea, TextEdit, Ui};

use crate::command::Command;
use crate::model::{Jobs, Lazy};
use crate::theme::Palette;

/// An open question.
pub(super) struct Dialog {
    what: What,
    path: String,
    found: Lazy<String, Found>,
}

enum What {
    Folder,
    Save(Vec<u8>),
}

/// How a question was answered.
pub(super) enum Done {
    Closed,
    Command(Command),
}

/// What there is on disk at a path that was typed.
#[derive(Default)]
struct Found {
    /// Why the path cannot be the answer.
    problem: Option<String>,
    /// Whether there is a file that would be written over.
    exists: bool,
    /// The folder that is listed: the path, or what it lies in.
    folder: PathBuf,
    /// The folders in that which begin as the path goes on, and whether they are runs.
    folders: Vec<(String, bool)>,
}

/// How many folders are listed at most.
const MOST: usize = 500;

impl Dialog {
    /// Which folder to watch.
    pub(super) fn folder() -> Self {
        Self { what: What::Folder, path: String::new(), found: Lazy::default() }
    }

    /// Where to write a file.
    pub(super) fn save(name: &str, bytes: Vec<u8>) -> Self {
        let path = std::path::absolute(name).unwrap_or_else(|_| PathBuf::from(name));
        let path = path.display().to_string();
        Self { what: What::Save(bytes), path, found: Lazy::default() }
    }

    /// Whether all that it wants to show is there.
    pub(super) fn is_ready(&self) -> bool {
        !self.found.is_pending()
    }

    pub(super) fn ui(&mut self, ui: &Ui, jobs: &Jobs, recent: &[PathBuf]) -> Option<Done> {
        let mut done = None;
        let modal = Modal::new(egui::Id::unique("dialog")).show(ui.ctx(), |ui| {
            ui.set_width(520.0);
            let (title, hint) = match &self.what {
                What::Folder => ("Open a folder of runs", "/path/to/runs"),
                What::Save(_) => ("Save as", "/path/to/file"),
            };
            ui.heading(title);
            let enter = self.field(ui, hint);
            let typed = self.path.trim().to_owned();
            let saving = matches!(self.what, What::Save(_));
            let job = typed.clone();
            self.found.get(jobs, typed.clone(), move || Found::at(&job, saving));
            // What is known of another path says nothing of this one.
            let (known, replaces) = match self.found.shown().filter(|(path, _)| **path == typed) {
                Some((_, found)) => (found.problem.is_none(), found.exists),
                None => (false, false),
            };
            self.say(ui, &typed);
            self.browse(ui);
            if !saving && !recent.is_empty() {
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
                let action = match (saving, replaces) {
                    (false, _) => "Open",
                    (true, false) => "Save",
                    (true, true) => "Overwrite",
                };
                let button = ui.add_enabled(known, Button::new(action));
                // What is lost by writing over it is worth a click.
                if button.clicked() || (enter && known && !replaces) {
                    done = Some(self.answer(replaces));
                }
                if ui.button("Cancel").clicked() {
                    done = Some(Done::Closed);
                }
            });
        });
        done.or_else(|| modal.should_close().then_some(Done::Closed))
    }

    /// The field of the path; whether Enter was pressed in it.
    fn field(&mut self, ui: &mut Ui, hint: &str) -> bool {
        let field =
            TextEdit::singleline(&mut self.path).hint_text(hint).desired_width(f32::INFINITY);
        let response = ui.add(field);
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Path"));
        if !response.has_focus() && !response.lost_focus() {
            response.request_focus();
        }
        response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter))
    }

    /// What is to be known of the path that was typed.
    fn say(&self, ui: &mut Ui, typed: &str) {
        let palette = Palette::of(ui);
        let found = self.found.shown().filter(|(path, _)| *path == typed).map(|(_, found)| found);
        match (&self.what, found) {
            _ if self.found.has_failed() => {
                ui.colored_label(palette.bad, "This path could not be looked at.");
            }
            (_, Some(Found { problem: Some(problem), .. })) if !typed.is_empty() => {
                ui.colored_label(palette.warn, problem);
            }
            (What::Save(_), Some(Found { exists: true, .. })) => {
                ui.colored_label(palette.warn, "There is a file of this name.");
            }
            (What::Folder, _) => {
                ui.weak("A folder that holds runs, or a run. You can also drop one on the window.");
            }
            (What::Save(_), _) => {
                ui.weak("A file of this name will be made.");
            }
        }
    }

    /// The folders to go on with.
    fn browse(&mut self, ui: &mut Ui) {
        let Some((_, found)) = self.found.shown() else { return };
        let file = match &self.what {
            What::Folder => String::new(),
            What::Save(_) => file_name(&self.path),
        };
        let mut next = None;
        ui.add_space(4.0);
        ui.horizontal(|ui| {
            let parent = found.folder.parent();
            if ui.add_enabled(parent.is_some(), Button::new("Up").small()).clicked() {
                next = parent.map(Path::to_owned);
            }
            let folder = RichText::new(found.folder.display().to_string()).weak();
            ui.add(egui::Label::new(folder).truncate());
        });
        ScrollArea::vertical().max_height(200.0).auto_shrink([false, true]).show(ui, |ui| {
            for (name, is_run) in &found.folders {
                let text = if *is_run { format!("{name}   run") } else { name.clone() };
                let button = Button::selectable(false, text).min_size(egui::vec2(500.0, 20.0));
                if ui.add(button).clicked() {
                    next = Some(found.folder.join(name));
                }
            }
        });
        if let Some(folder) = next {
            // With a separator at its end, so that what is typed next is in the folder.
            self.path = folder.join(file).display().to_string();
        }
    }

    fn answer(&mut self, replace: bool) -> Done {
        let path = PathBuf::from(self.path.trim());
        Done::Command(match &mut self.what {
            What::Folder => Command::AddFolder(path),
            What::Save(bytes) => Command::Write { path, bytes: std::mem::take(bytes), replace },
        })
    }
}

/// What stands behind the last separator of a path.
fn file_name(path: &str) -> String {
    path.trim().rsplit(std::path::is_separator).next().unwrap_or_default().to_owned()
}

impl Found {
    /// Looks at the disk, which may take long.
    fn at(typed: &str, saving: bool) -> Self {
        let path = std::path::absolute(if typed.is_empty() { "." } else { typed });
        let path = path.unwrap_or_else(|_| PathBuf::from(typed));
        let is_folder = path.is_dir();
        let (folder, begin) = match path.parent() {
            Some(parent) if !is_folder => (parent.to_owned(), file_name(typed)),
            _ => (path.clone(), String::new()),
        };
        // The name of a file to be written says nothing of folders.
        let begin = if saving { String::new() } else { begin };
        Self {
            problem: if saving { unfit_for_a_file(&path) } else { unfit_to_open(typed, is_folder) },
            exists: saving && !is_folder && path.exists(),
            folders: folders(&folder, &begin),
            folder,
        }
    }
}

fn unfit_to_open(typed: &str, is_folder: bool) -> Option<String> {
    (typed.is_empty() || !is_folder).then(|| "There is no such folder.".to_owned())
}

fn unfit_for_a_file(path: &Path) -> Option<String> {
    let parent = path.parent().filter(|parent| parent.is_dir());
    if path.is_dir() {
        return Some("This is a folder; add a file name.".to_owned());
    }
    let Some(parent) = parent else { return Some("Its folder does not exist.".to_owned()) };
    // The run itself, or its artifacts.
    let is_of_run = parent.ancestors().take(2).any(|folder| folder.join("run.json").exists());
    is_of_run.then(|| "This folder is of a run, which only a search writes.".to_owned())
}

/// The folders in a folder that begin so, and whether they are runs. Hidden ones are listed where
/// somebody types their dot.
fn folders(folder: &Path, begin: &str) -> Vec<(String, bool)> {
    let begin = begin.to_lowercase();
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let named = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let name = entry.file_name().into_string().ok()?;
        let listed = name.to_lowercase().starts_with(&begin)
            && (!name.starts_with('.') || begin.starts_with('.'));
        (listed && entry.path().is_dir()).then_some(name)
    });
    let mut names: Vec<String> = named.collect();
    names.sort_by_cached_key(|name| name.to_lowercase());
    names.truncate(MOST);
    let is_run = |name: &String| folder.join(name).join("run.json").is_file();
    names.into_iter().map(|name| (name.clone(), is_run(&name))).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_typed_narrows_the_folders() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["runs/a", "runs/b/artifacts", "rust", ".hidden", "other"] {
            fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        fs::write(dir.path().join("runs/b/run.json"), "{}").unwrap();
        let at = |path: &str| Found::at(&dir.path().join(path).display().to_string(), false);
        let names = |found: &Found| {
            found.folders.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(&at("")), "other runs rust");
        let found = at("RU");
        assert_eq!(names(&found), "runs rust");
        assert_eq!(found.folder, dir.path());
        assert_eq!(found.problem.as_deref(), Some("There is no such folder."));
        let found = at("runs");
        assert_eq!(found.folders, [("a".to_owned(), false), ("b".to_owned(), true)]);
        assert_eq!(found.problem, None);
        assert_eq!(names(&at(".h")), ".hidden");
        assert_eq!(names(&at("none/below")), "");
    }

    #[test]
    fn no_file_is_written_into_a_run() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| Found::at(&dir.path().join(path).display().to_string(), true);
        fs::create_dir_all(dir.path().join("run/artifacts")).unwrap();
        fs::write(dir.path().join("run/run.json"), "{}").unwrap();
        fs::write(dir.path().join("there.csv"), "").unwrap();
        for path in ["run/events.jsonl", "run/new.csv", "run/artifacts/new.csv"] {
            assert!(at(path).problem.is_some_and(|problem| problem.contains("run")), "{path}");
        }
        assert!(at("run").problem.is_some_and(|problem| problem.contains("add a file name")));
        assert!(at("no/new.csv").problem.is_some_and(|problem| problem.contains("not exist")));
        let (new, there) = (at("new.csv"), at("there.csv"));
        assert!(new.problem.is_none() && !new.exists);
        assert!(there.problem.is_none() && there.exists);
    }
}
