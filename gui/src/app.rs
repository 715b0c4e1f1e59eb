//! The window: what is in it, and what is done in which order in a frame.

mod dialog;
mod frame;
mod palette;
mod toast;

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::Ui;
use nascent_figures::PLOTS;
use nascent_record::{Clock, Run};

use crate::command::{COMMANDS, Command, DIGITS};
use crate::layout::Pane;
use crate::model::{BEAT, Errands, Jobs, Library, Order};
use crate::panel::{Drawn, FIGURE, PANELS, Panel};
use crate::picked::Picked;
use crate::settings::Settings;
use crate::theme;

use dialog::Dialog;
use palette::PaletteList;
use toast::Toasts;

/// The app: the runs that it follows, and the window that shows them.
pub struct App {
    library: Library,
    /// Computes what panels show.
    jobs: Jobs,
    /// Asks other programs and lists folders, which may take as long as they like.
    outside: Jobs,
    /// Writes files and the like.
    errands: Errands,
    clock: Arc<dyn Clock>,
    settings: Settings,
    folders: Vec<PathBuf>,
    picked: Picked,
    panels: HashMap<Pane, Box<dyn Panel>>,
    dialog: Option<Dialog>,
    palette: Option<PaletteList>,
    toasts: Toasts,
    /// The runs that are to be shown at first, if not the newest.
    wanted: Vec<PathBuf>,
    /// Whether the other seeds of those are to be shown too.
    whole_groups: bool,
    /// Whether a run was picked to begin with.
    greeted: bool,
}

impl App {
    /// The app over the runs of these folders (or these runs), as it was left last time.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub fn new(
        ctx: &egui::Context,
        folders: &[PathBuf],
        settings: Settings,
        clock: Arc<dyn Clock>,
    ) -> std::io::Result<Self> {
        theme::install(ctx);
        ctx.set_theme(settings.theme);
        let folders: Vec<PathBuf> = folders.iter().map(|folder| absolute(folder)).collect();
        let mut settings = settings;
        for folder in folders.iter().rev() {
            settings.remember(folder);
        }
        Ok(Self {
            library: Library::new(folders.clone(), Arc::clone(&clock), ctx)?,
            jobs: Jobs::new(ctx, "nascent-gui-jobs")?,
            outside: Jobs::new(ctx, "nascent-gui-outside")?,
            errands: Errands::new(ctx)?,
            clock,
            settings,
            folders,
            picked: Picked::default(),
            panels: HashMap::new(),
            dialog: None,
            palette: None,
            toasts: Toasts::default(),
            wanted: Vec::new(),
            whole_groups: false,
            greeted: false,
        })
    }

    /// What is to be remembered for the next start.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Shows these runs at first, not the newest.
    pub fn show_at_first(&mut self, runs: &[PathBuf]) {
        self.wanted = runs.iter().map(|run| absolute(run)).collect();
    }

    /// Shows all seeds of the settings of the runs that are shown at first, a setting as one line.
    pub fn group_seeds(&mut self) {
        self.settings.grouped = true;
        self.whole_groups = true;
    }

    /// Brings a panel to the front, by its name or that of a plot.
    ///
    /// # Errors
    /// If there is none; the error has the names.
    pub fn open_panel(&mut self, name: &str) -> Result<(), String> {
        let pane = if nascent_figures::find(name).is_ok() {
            Pane::figure(name)
        } else if PANELS.iter().any(|kind| kind.id == name && kind.id != FIGURE) {
            Pane::new(name)
        } else {
            let kinds = PANELS.iter().map(|kind| kind.id).filter(|id| *id != FIGURE);
            let known: Vec<&str> = kinds.chain(PLOTS.iter().map(|plot| plot.id())).collect();
            let tail = nascent_record::suggestion(name, known);
            return Err(format!("there is no panel \"{name}\"; {tail}"));
        };
        self.settings.layout.open(&pane);
        Ok(())
    }

    /// Whether all that was on disk is read, and every visible panel shows all that it wants to.
    pub fn is_settled(&self) -> bool {
        let visible = self.settings.layout.tree.active_tiles();
        let panes = visible.iter().filter_map(|id| self.settings.layout.tree.tiles.get_pane(id));
        let mut panels = panes.filter_map(|pane| self.panels.get(pane));
        self.library.is_caught_up()
            && self.greeted
            && self.errands.is_idle()
            && self.dialog.as_ref().is_none_or(Dialog::is_ready)
            && panels.all(|panel| panel.is_ready())
    }

    /// Draws a frame.
    pub fn ui(&mut self, ui: &mut Ui) {
        for notice in self.library.receive() {
            self.toasts.say(self.clock.now_ms(), notice.text, notice.bad);
        }
        let picked = &self.picked;
        self.library.forget_gone(|run| picked.slot(run).is_some());
        self.greet();
        let library = &self.library;
        self.picked.keep(|run| library.entry(run).is_some());
        let calm = library.has_live() && ui.input(|input| input.raw.events.is_empty());
        self.jobs.set_calm(calm);
        self.outside.set_calm(calm);
        let mut commands = self.errands.receive();
        if self.dialog.is_none() {
            keys(ui, self.palette.is_some(), &mut commands);
        }
        for file in ui.input(|input| input.raw.dropped_files.clone()) {
            commands.push(Command::AddFolder(file.path().to_owned()));
        }
        let shown = self.shown();
        frame::bar(self, ui, &mut commands);
        frame::panels(self, ui, &shown, &mut commands);
        drop(shown); // the thread that reads may go on
        if let Some(list) = &mut self.palette
            && list.ui(ui, &self.library, &mut commands)
        {
            self.palette = None;
        }
        if let Some(dialog) = &mut self.dialog
            && let Some(done) = dialog.ui(ui, &self.outside, &self.settings.recent)
        {
            self.dialog = None;
            match done {
                dialog::Done::Closed => {}
                dialog::Done::Command(command) => commands.push(command),
            }
        }
        self.toasts.ui(ui, self.clock.now_ms());
        for command in commands {
            self.carry_out(ui, command);
        }
        if self.library.has_live() {
            // Ages and times left go on, and what was read meanwhile is shown.
            ui.ctx().request_repaint_after(BEAT);
        }
    }

    /// Shows the newest run, once all are known and nobody has picked another.
    fn greet(&mut self) {
        if self.greeted || !self.library.is_caught_up() {
            return;
        }
        self.greeted = true;
        let library = &self.library;
        self.wanted.retain(|run| library.entry(run).is_some());
        if !self.wanted.is_empty() {
            self.picked.show_only(&std::mem::take(&mut self.wanted));
        }
        if self.picked.focus().is_none() {
            let readable = self.library.entries().iter().filter_map(|entry| {
                Some((entry.row.summary.as_ref()?.created_ms, &entry.row.path))
            });
            if let Some((_, newest)) = readable.max() {
                self.picked.show_only(std::slice::from_ref(newest));
            }
        }
        if std::mem::take(&mut self.whole_groups) {
            let shown = self.picked.shown().iter();
            let rows = shown.filter_map(|(path, _)| self.library.entry(path));
            let settings: Vec<String> = rows.map(|entry| entry.row.setting().to_owned()).collect();
            let entries = self.library.entries().iter();
            let all = entries.filter(|entry| settings.iter().any(|s| s == entry.row.setting()));
            let all: Vec<PathBuf> = all.map(|entry| entry.row.path.clone()).collect();
            self.picked.show_only(&all);
        }
    }

    /// The runs that figures show, held for this frame.
    fn shown(&self) -> Vec<Drawn> {
        let runs = self.picked.shown().iter().filter_map(|(path, slot)| {
            let run = self.library.entry(path)?.look()?;
            Some(Drawn { label: run.row.label(), run, slot: *slot })
        });
        let mut shown: Vec<Drawn> = runs.collect();
        // Two runs of one label are told apart by their folders.
        let labels: Vec<String> = shown.iter().map(|drawn| drawn.label.clone()).collect();
        for drawn in &mut shown {
            if labels.iter().filter(|label| **label == drawn.label).count() > 1 {
                drawn.label.clone_from(&drawn.run.row.name);
            }
        }
        shown
    }

    /// The only place where something is done.
    fn carry_out(&mut self, ui: &Ui, command: Command) {
        let now = self.clock.now_ms();
        match command {
            Command::ShowOnly(runs) => self.picked.show_only(&runs),
            Command::Toggle(run) => self.picked.toggle(&run),
            Command::Open(pane) => self.settings.layout.open(&pane),
            Command::AskForFolder => self.dialog = Some(Dialog::folder()),
            Command::AddFolder(path) => self.errands.start(move || to_watch(&path)),
            Command::Watch(folder) => self.watch(&folder, now),
            Command::RemoveFolder(folder) => {
                self.folders.retain(|known| *known != folder);
                self.library.order(Order::Unwatch(folder));
            }
            Command::Rescan => self.library.order(Order::Rescan),
            Command::Theme(theme) => {
                self.settings.theme = theme;
                ui.ctx().set_theme(theme);
            }
            Command::UndoLayout => {
                if !self.settings.layout.undo() {
                    self.toasts.say(now, "there is no change of the layout to undo".into(), false);
                }
            }
            Command::ResetLayout => self.settings.layout.reset(),
            Command::Palette => {
                self.palette =
                    if self.palette.is_some() { None } else { Some(PaletteList::default()) };
            }
            Command::ToggleGrouped => self.settings.grouped = !self.settings.grouped,
            Command::ToggleLinked => self.settings.linked = !self.settings.linked,
            Command::ClearTrials => self.picked.clear_trials(),
            Command::Copy { what, text } => {
                ui.ctx().copy_text(text);
                self.toasts.say(now, format!("{what} copied"), false);
            }
            Command::Ask(run, control) => {
                self.errands.start(move || match Run::ask(&run, control) {
                    Ok(()) => Command::Rescan,
                    Err(error) => Command::Say { text: error.to_string(), bad: true },
                });
            }
            Command::Say { text, bad } => self.toasts.say(now, text, bad),
            Command::Save { name, bytes } => self.dialog = Some(Dialog::save(&name, bytes)),
            Command::Write { path, bytes, replace } => {
                self.errands.start(move || write(&path, &bytes, replace));
            }
        }
    }

    fn watch(&mut self, folder: &Path, now: u64) {
        self.settings.remember(folder);
        if !self.folders.iter().any(|known| known == folder) {
            self.folders.push(folder.to_owned());
            self.library.order(Order::Watch(folder.to_owned()));
        }
        self.greeted = self.picked.focus().is_some();
        let text = format!("looking for runs in {}", folder.display());
        self.toasts.say(now, text, false);
    }
}

/// What keys ask for. With the palette open, letters and digits are typed.
fn keys(ui: &Ui, palette: bool, commands: &mut Vec<Command>) {
    // A field has an undo of its own.
    let typing = ui.ctx().text_edit_focused();
    ui.input_mut(|input| {
        for named in COMMANDS {
            if typing && (named.command)() == Command::UndoLayout {
                continue;
            }
            if named.key.is_some_and(|key| input.consume_shortcut(&key)) {
                commands.push((named.command)());
            }
        }
        for (kind, key) in std::iter::zip(PANELS, DIGITS) {
            if !palette && input.consume_key(egui::Modifiers::COMMAND, key) {
                let pane = Pane::new(kind.id);
                let plot = PLOTS.first().map_or("", |plot| plot.id());
                let figure = kind.id == FIGURE;
                commands.push(Command::Open(if figure { Pane::figure(plot) } else { pane }));
            }
        }
    });
}

/// Writes a file, and says so.
fn write(path: &Path, bytes: &[u8], replace: bool) -> Command {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).truncate(replace).create(replace).create_new(!replace);
    let written = options.open(path).and_then(|mut file| file.write_all(bytes));
    match written {
        Ok(()) => Command::Say { text: format!("written to {}", path.display()), bad: false },
        Err(error) => {
            Command::Say { text: format!("cannot write {}: {error}", path.display()), bad: true }
        }
    }
}

/// The folder to watch for a path that was typed or dropped: a file of a run means the run.
fn to_watch(path: &Path) -> Command {
    let folder = match path.parent() {
        Some(parent) if path.is_file() => parent,
        _ => path,
    };
    if folder.is_dir() {
        return Command::Watch(absolute(folder));
    }
    let text = format!("{} is no folder; name a folder of runs", folder.display());
    Command::Say { text, bad: true }
}

/// The path from the root, so that a folder has one name.
fn absolute(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    std::fs::canonicalize(&whole).unwrap_or(whole)
}
