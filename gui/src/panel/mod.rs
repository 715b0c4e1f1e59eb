//! The panels of the window: one file and one line in [`PANELS`] for each.

mod ancestors;
mod architecture;
mod compare;
mod figure;

mod overview;
mod part;
mod runs;
mod searcher;
mod trials;

use std::path::PathBuf;

use egui::Ui;

use crate::command::Command;
use crate::layout::Pane;
use crate::model::{Errands, Jobs, Library, Shown};
use crate::picked::Picked;
use crate::settings::Settings;

/// The panel that shows a plot; there may be one for each plot.
pub(crate) const FIGURE: &str = "figure";

/// A kind of panel.
pub(crate) struct Kind {
    /// Its name in remembered layouts.
    pub(crate) id: &'static str,
    /// What stands on its tab.
    pub(crate) title: &'static str,
    /// What it is for, in a sentence.
    pub(crate) summary: &'static str,
    make: fn(&Pane) -> Box<dyn Panel>,
}

/// All panels, in the order in which they are offered.
pub(crate) static PANELS: &[&Kind] = &[
    &runs::KIND,
    &overview::KIND,
    &trials::KIND,
    &figure::KIND,
    &architecture::KIND,
    &searcher::KIND,
    &ancestors::KIND,
    &compare::KIND,
];

/// The kind of panel with this name.
pub(crate) fn find(id: &str) -> Option<&'static Kind> {
    PANELS.iter().copied().find(|kind| kind.id == id)
}

impl Kind {
    /// A panel of this kind.
    pub(crate) fn make(&self, pane: &Pane) -> Box<dyn Panel> {
        (self.make)(pane)
    }
}

/// A part of the window. It keeps what it needs from frame to frame, reads the rest from `cx`, and
/// changes what others show by `cx.picked` and `cx.commands`.
pub(crate) trait Panel {
    /// Draws it, in a time that does not grow with the number of trials.
    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_>);

    /// Whether all that it wants to show is there, and nothing is being computed.
    fn is_ready(&self) -> bool {
        true
    }
}

/// A run that figures show.
#[derive(Clone)]
pub(crate) struct Drawn {
    /// The run.
    pub(crate) run: Shown,
    /// The number of its color.
    pub(crate) slot: usize,
    /// Its name in legends.
    pub(crate) label: String,
}

/// What panels are given.
pub(crate) struct Cx<'a> {
    pub(crate) library: &'a Library,
    /// Computes what is shown.
    pub(crate) jobs: &'a Jobs,
    /// Asks other programs.
    pub(crate) outside: &'a Jobs,
    /// Does what ends with a command.
    pub(crate) errands: &'a Errands,
    /// Milliseconds since the Unix epoch.
    pub(crate) now_ms: u64,
    /// The runs that figures show.
    pub(crate) shown: &'a [Drawn],
    pub(crate) picked: &'a mut Picked,
    pub(crate) settings: &'a mut Settings,
    /// What the app is to do when all panels are drawn.
    pub(crate) commands: &'a mut Vec<Command>,
}

impl Cx<'_> {
    /// The run that is looked into, with its position among those that are shown.
    pub(crate) fn focus(&self) -> Option<(usize, &Drawn)> {
        let focus = self.picked.focus()?;
        self.shown.iter().enumerate().find(|(_, drawn)| drawn.run.row.path == focus)
    }

    /// The number of the color that a run has in figures: its own, or that of its setting where seeds
    /// are grouped.
    pub(crate) fn color(&self, run: &std::path::Path) -> Option<usize> {
        let slot = self.picked.slot(run)?;
        if !self.settings.grouped {
            return Some(slot);
        }
        let mut settings: Vec<&str> = Vec::new();
        for drawn in self.shown {
            let setting = drawn.run.row.setting();
            if !settings.contains(&setting) {
                settings.push(setting);
            }
        }
        let own = self.library.entry(run)?;
        settings.iter().position(|known| *known == own.row.setting()).or(Some(slot))
    }

    /// What tells the runs that are shown, as they are now, from all others.
    pub(crate) fn key(&self) -> Vec<(PathBuf, u64)> {
        self.shown.iter().map(|drawn| drawn.run.key()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_have_names_of_their_own_and_sentences() {
        for (at, kind) in PANELS.iter().enumerate() {
            assert!(PANELS[..at].iter().all(|other| other.id != kind.id));
            assert!(kind.summary.ends_with('.'), "{}", kind.id);
        }
    }
}
