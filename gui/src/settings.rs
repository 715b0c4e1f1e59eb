//! What is remembered from one start to the next.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::layout::Layout;

/// Which of the two themes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ThemeChoice {
    /// That of the desktop.
    #[default]
    System,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl From<ThemeChoice> for egui::ThemePreference {
    fn from(choice: ThemeChoice) -> Self {
        match choice {
            ThemeChoice::System => Self::System,
            ThemeChoice::Light => Self::Light,
            ThemeChoice::Dark => Self::Dark,
        }
    }
}

/// What the list of runs is ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Order {
    #[default]
    Newest,
    Name,
    Best,
    Trials,
    Status,
}

impl Order {
    pub(crate) const ALL: [(Self, &'static str); 5] = [
        (Self::Newest, "Newest first"),
        (Self::Name, "Name"),
        (Self::Best, "Best result"),
        (Self::Trials, "Most trials"),
        (Self::Status, "Status"),
    ];
}

/// What is remembered from one start to the next. What an older version lacks has its default.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The theme.
    pub theme: ThemeChoice,
    /// Folders that were opened, the last first.
    pub(crate) recent: Vec<PathBuf>,
    /// What runs are ordered by.
    pub(crate) order: Order,
    /// Whether runs of one setting are one line.
    pub(crate) grouped: bool,
    /// Whether figures zoom together.
    pub(crate) linked: bool,
    /// The columns of the trials table that are hidden, by name.
    pub(crate) hidden_columns: BTreeSet<String>,
    /// What people wrote about runs, by folder.
    pub(crate) tags: BTreeMap<PathBuf, String>,
    /// How panels are laid out.
    pub(crate) layout: Layout,
}

/// How many recent folders are kept.
const RECENT: usize = 8;

impl Settings {
    /// Puts a folder first among the recent ones.
    pub(crate) fn remember(&mut self, folder: &Path) {
        self.recent.retain(|known| known != folder);
        self.recent.insert(0, folder.to_owned());
        self.recent.truncate(RECENT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_an_older_version_are_read() {
        let old: Settings = serde_json::from_str(r#"{"theme":"Dark","of_tomorrow":1}"#).unwrap();
        assert_eq!(old.theme, ThemeChoice::Dark);
        let text = serde_json::to_string(&Settings::default()).unwrap();
        let same: Settings = serde_json::from_str(&text).unwrap();
        assert_eq!(same.layout, Settings::default().layout);
    }

    #[test]
    fn a_folder_is_recent_once() {
        let mut settings = Settings::default();
        for name in ["a", "b", "a"] {
            settings.remember(Path::new(name));
        }
        assert_eq!(settings.recent, ["a", "b"].map(PathBuf::from));
    }
}
