//! What menus, keys and the command palette can do: one table, carried out at one place.

use std::path::PathBuf;

use egui::{Key, KeyboardShortcut, Modifiers};
use nascent_record::Control;

use crate::layout::Pane;
use crate::settings::ThemeChoice;

/// Something that the app is asked to do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    /// Show these runs and no others.
    ShowOnly(Vec<PathBuf>),
    /// Show a run too, or no longer.
    Toggle(PathBuf),
    /// Bring a panel to the front.
    Open(Pane),
    /// Ask for a folder to watch.
    AskForFolder,
    /// Find out whether a path is a folder of runs, or of what, and watch that.
    AddFolder(PathBuf),
    /// Watch a folder, by its path from the root.
    Watch(PathBuf),
    /// Forget a folder.
    RemoveFolder(PathBuf),
    /// Look for new runs now.
    Rescan,
    Theme(ThemeChoice),
    UndoLayout,
    ResetLayout,
    /// Open or close the list of all commands.
    Palette,
    ToggleGrouped,
    ToggleLinked,
    ClearTrials,
    /// Put a text on the clipboard, and say so.
    Copy {
        what: String,
        text: String,
    },
    /// Ask the process that writes a run to pause, to go on, or to stop.
    Ask(PathBuf, Control),
    /// Tell the reader something.
    Say {
        text: String,
        bad: bool,
    },
    /// Ask where to, then write a file.
    Save {
        name: String,
        bytes: Vec<u8>,
    },
    /// Write a file, over another one only if that is wanted.
    Write {
        path: PathBuf,
        bytes: Vec<u8>,
        replace: bool,
    },
}

/// A command that has a name, and perhaps a key.
pub(crate) struct Named {
    pub(crate) name: &'static str,
    pub(crate) key: Option<KeyboardShortcut>,
    pub(crate) command: fn() -> Command,
}

const fn ctrl(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND, key)
}

/// The commands that have a name. Panels, plots and runs join them in the palette.
pub(crate) static COMMANDS: &[Named] = &[
    Named { name: "Command palette", key: Some(ctrl(Key::P)), command: || Command::Palette },
    Named {
        name: "Open a folder of runs…",
        key: Some(ctrl(Key::O)),
        command: || Command::AskForFolder,
    },
    Named { name: "Look for new runs", key: Some(ctrl(Key::R)), command: || Command::Rescan },
    Named {
        name: "Group the seeds of one setting",
        key: Some(ctrl(Key::G)),
        command: || Command::ToggleGrouped,
    },
    Named {
        name: "Zoom figures together",
        key: Some(ctrl(Key::L)),
        command: || Command::ToggleLinked,
    },
    Named { name: "Clear selection", key: Some(ctrl(Key::D)), command: || Command::ClearTrials },
    Named {
        name: "Undo a change of the layout",
        key: Some(ctrl(Key::Z)),
        command: || Command::UndoLayout,
    },
    Named { name: "Reset layout", key: None, command: || Command::ResetLayout },
    Named { name: "Light theme", key: None, command: || Command::Theme(ThemeChoice::Light) },
    Named { name: "Dark theme", key: None, command: || Command::Theme(ThemeChoice::Dark) },
    Named {
        name: "Theme of the desktop",
        key: None,
        command: || Command::Theme(ThemeChoice::System),
    },
];

/// The panel that a digit key brings to the front, from 1.
pub(crate) const DIGITS: [Key; 8] =
    [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8];

/// How well a name answers what was typed: all letters in their order, the closer together and the
/// nearer to the start of words the better. `None` if a letter is missing.
pub(crate) fn answers(name: &str, typed: &str) -> Option<i32> {
    let name: Vec<char> = name.to_lowercase().chars().collect();
    let mut score = 0;
    let mut at = 0;
    for letter in typed.to_lowercase().chars().filter(|c| !c.is_whitespace()) {
        let found = (at..name.len()).find(|i| name[*i] == letter)?;
        let starts = found == 0 || !name[found - 1].is_alphanumeric();
        score += if starts { 8 } else { 0 } - (found - at).min(10) as i32;
        at = found + 1;
    }
    Some(score - name.len() as i32 / 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_keys_are_unique() {
        for (at, entry) in COMMANDS.iter().enumerate() {
            for other in &COMMANDS[..at] {
                assert_ne!(entry.name, other.name);
                assert!(entry.key.is_none() || entry.key != other.key, "{}", entry.name);
            }
        }
    }

    #[test]
    fn the_best_answer_begins_with_what_was_typed() {
        let best = |typed: &str| {
            let scored = COMMANDS.iter().filter_map(|c| Some((answers(c.name, typed)?, c.name)));
            scored.max().map(|(_, name)| name)
        };
        assert_eq!(best("dark"), Some("Dark theme"));
        assert_eq!(best("opfol"), Some("Open a folder of runs…"));
        assert_eq!(best("undo"), Some("Undo a change of the layout"));
        assert_eq!(best("qqq"), None);
    }
}
