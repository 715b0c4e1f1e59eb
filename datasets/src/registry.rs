//! The registry: one row per dataset, with where it is from, what it may be used for, and how to find it.

use std::env;
use std::path::{Path, PathBuf};

use crate::dataset::{Dataset, Split};
use crate::error::{Error, Result, nearest};
use crate::{cifar10, digits, fashion_mnist, mnist};

/// All datasets that have a name.
pub static DATASETS: &[Entry] =
    &[digits::ENTRY, mnist::ENTRY, fashion_mnist::ENTRY, cifar10::ENTRY];

/// One row of the registry.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The name, in `snake_case`.
    pub name: &'static str,
    /// What it is, in one sentence.
    pub summary: &'static str,
    /// The license, or what its authors say about use.
    pub license: &'static str,
    /// Authors, year, title and address.
    pub source: &'static str,
    /// `[channels, height, width]` for images, `[features]` for tabular data.
    pub shape: &'static [usize],
    /// The names of the classes, by label.
    pub classes: &'static [&'static str],
    /// How many examples the training part has.
    pub train_len: usize,
    /// How many examples the official test part has; 0 where there is none.
    pub test_len: usize,
    /// What [`fetch`](crate::fetch()) downloads; nothing for what is part of the program.
    pub files: &'static [RemoteFile],
    /// Where other packages install it.
    pub default_dirs: &'static [&'static str],
    pub(crate) origin: Origin,
}

/// A file to download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteFile {
    /// The name it gets.
    pub name: &'static str,
    /// Where it is.
    pub url: &'static str,
    /// Its SHA-256 in hexadecimal.
    pub sha256: &'static str,
    /// Its length in bytes.
    pub bytes: u64,
}

/// Where the examples come from.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    /// They are part of the program.
    Embedded {
        /// Decodes them.
        load: fn() -> Result<Dataset>,
    },
    /// They are files in a folder.
    Folder {
        /// Names the files that a folder lacks.
        missing: fn(&Path) -> Vec<String>,
        /// Loads them.
        load: fn(&Path) -> Result<Dataset>,
        /// Makes the files out of the downloaded ones, where they are not the same.
        unpack: Option<fn(&Path) -> Result<()>>,
    },
}

/// The folders that do not depend on the dataset.
#[derive(Debug, Default)]
pub(crate) struct Bases {
    /// `NASCENT_DATA`.
    chosen: Option<PathBuf>,
    /// The folder for data of this user.
    user: Option<PathBuf>,
}

impl Bases {
    fn from_environment() -> Self {
        let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let home = || variable("HOME").or_else(|| variable("USERPROFILE")).map(PathBuf::from);
        let user = variable("XDG_DATA_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| home().map(|home| home.join(".local/share")));
        Self {
            chosen: variable("NASCENT_DATA").map(PathBuf::from),
            user: user.map(|folder| folder.join("nascent")),
        }
    }
}

/// The folder that [`fetch`](crate::fetch()) should put data into where nobody says otherwise: `NASCENT_DATA`, else
/// `nascent` in `XDG_DATA_HOME`, else `~/.local/share/nascent`.
pub fn default_data_dir() -> Option<PathBuf> {
    let bases = Bases::from_environment();
    bases.chosen.or(bases.user)
}

/// The row of this name.
pub fn find(name: &str) -> Result<&'static Entry> {
    DATASETS.iter().find(|entry| entry.name == name).ok_or_else(|| Error::UnknownDataset {
        name: name.to_owned(),
        nearest: nearest(name, DATASETS.iter().map(|entry| entry.name)),
        known: DATASETS.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", "),
    })
}

/// Loads the dataset of this name.
///
/// Its files are looked for in the folders of [`Entry::search_dirs`].
pub fn load(name: &str, data_dir: Option<&Path>) -> Result<Dataset> {
    find(name)?.load(data_dir)
}

impl Entry {
    /// Whether it is part of the program, so that no file is needed.
    pub fn is_embedded(&self) -> bool {
        matches!(self.origin, Origin::Embedded { .. })
    }

    /// Where its files are looked for, in this order: `data_dir`, `NASCENT_DATA`, the user's data folder (each with
    /// a sub-folder of the dataset's name first, then itself), then [`Entry::default_dirs`].
    pub fn search_dirs(&self, data_dir: Option<&Path>) -> Vec<PathBuf> {
        self.search_dirs_in(data_dir, Bases::from_environment())
    }

    fn search_dirs_in(&self, data_dir: Option<&Path>, bases: Bases) -> Vec<PathBuf> {
        if self.is_embedded() {
            return Vec::new();
        }
        let mut folders: Vec<PathBuf> = Vec::new();
        let bases = data_dir.map(Path::to_owned).into_iter().chain(bases.chosen).chain(bases.user);
        for folder in bases
            .flat_map(|base| [base.join(self.name), base])
            .chain(self.default_dirs.iter().map(PathBuf::from))
        {
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        folders
    }

    /// The first of [`Entry::search_dirs`] that has all files.
    pub fn locate(&self, data_dir: Option<&Path>) -> Option<PathBuf> {
        self.first_complete(&self.search_dirs(data_dir))
    }

    fn first_complete(&self, folders: &[PathBuf]) -> Option<PathBuf> {
        folders.iter().find(|folder| self.missing(folder).is_empty()).cloned()
    }

    /// The files that a folder lacks.
    pub(crate) fn missing(&self, folder: &Path) -> Vec<String> {
        match &self.origin {
            Origin::Embedded { .. } => Vec::new(),
            Origin::Folder { missing, .. } => missing(folder),
        }
    }

    /// Loads it. See [`load`].
    pub fn load(&self, data_dir: Option<&Path>) -> Result<Dataset> {
        self.load_from(&self.search_dirs(data_dir))
    }

    fn load_from(&self, folders: &[PathBuf]) -> Result<Dataset> {
        match &self.origin {
            Origin::Embedded { load } => load(),
            Origin::Folder { load, .. } => match self.first_complete(folders) {
                Some(folder) => load(&folder),
                None => Err(self.not_found(folders)),
            },
        }
    }

    fn not_found(&self, folders: &[PathBuf]) -> Error {
        let required = self.missing(Path::new("")).len();
        let looked = folders.iter().map(|folder| {
            let missing = self.missing(folder);
            if missing.len() < required {
                format!("{} (lacks {})", folder.display(), missing.join(" and "))
            } else {
                folder.display().to_string()
            }
        });
        Error::NotFound { name: self.name, looked: looked.collect::<Vec<_>>().join(", ") }
    }

    /// Joins what a loader read, and checks it against this row.
    pub(crate) fn dataset(&self, train: Split, test: Option<Split>) -> Result<Dataset> {
        let test_len = test.as_ref().map_or(0, Split::len);
        for (part, found, expected) in
            [("training", train.len(), self.train_len), ("test", test_len, self.test_len)]
        {
            if found != expected {
                return Err(Error::Inconsistent {
                    name: self.name.to_owned(),
                    problem: format!("{found} examples in the {part} part, not {expected}"),
                });
            }
        }
        let classes = self.classes.iter().map(|class| (*class).to_owned()).collect();
        Dataset::new(self.name, self.shape.to_vec(), classes, train, test)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;

    #[test]
    fn every_row_is_complete() {
        let names: BTreeSet<_> = DATASETS.iter().map(|entry| entry.name).collect();
        assert_eq!(names.len(), DATASETS.len(), "names are unique");
        for entry in DATASETS {
            let name = entry.name;
            assert!(
                name.starts_with(|c: char| c.is_ascii_lowercase())
                    && name
                        .chars()
                        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'),
                "{name} is snake_case"
            );
            for text in [entry.summary, entry.license, entry.source] {
                assert!(!text.trim().is_empty(), "{name}");
            }
            assert!(matches!(entry.shape.len(), 1 | 3) && !entry.shape.contains(&0), "{name}");
            assert!(entry.classes.len() >= 2 && entry.train_len > 0, "{name}");
            assert_eq!(entry.files.is_empty(), entry.is_embedded(), "{name}");
            for file in entry.files {
                assert_eq!(file.sha256.len(), 64, "{}", file.name);
                assert!(
                    file.sha256.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')),
                    "{}",
                    file.name
                );
                assert!(file.bytes > 0 && file.url.starts_with("http"), "{}", file.name);
                assert!(file.url.ends_with(file.name) && !file.name.contains('/'), "{}", file.name);
            }
        }
    }

    #[test]
    fn the_documented_sizes() {
        let sizes: Vec<_> = DATASETS
            .iter()
            .map(|e| (e.name, e.shape, e.classes.len(), e.train_len, e.test_len))
            .collect();
        assert_eq!(
            sizes,
            [
                ("digits", [1, 8, 8].as_slice(), 10, 1797, 0),
                ("mnist", &[1, 28, 28], 10, 60_000, 10_000),
                ("fashion_mnist", &[1, 28, 28], 10, 60_000, 10_000),
                ("cifar10", &[3, 32, 32], 10, 50_000, 10_000),
            ]
        );
    }

    #[test]
    fn every_row_that_is_here_loads() {
        for entry in DATASETS {
            let here = entry.is_embedded() || entry.locate(None).is_some();
            if !here {
                println!("skipped: {} is not on this machine", entry.name);
                continue;
            }
            let dataset = entry.load(None).unwrap();
            assert_eq!(dataset.name(), entry.name);
            assert_eq!(dataset.shape(), entry.shape);
            assert_eq!(dataset.classes(), entry.classes);
            assert_eq!(dataset.train().len(), entry.train_len);
            assert_eq!(dataset.test().map_or(0, Split::len), entry.test_len);
            let seen: BTreeSet<_> = dataset.train().labels().iter().collect();
            assert_eq!(seen.len(), entry.classes.len(), "every class has an example");
        }
    }

    #[test]
    fn an_unknown_name_gets_a_suggestion() {
        assert_eq!(
            find("fashion-mnist").unwrap_err().to_string(),
            "there is no dataset \"fashion-mnist\" (did you mean \"fashion_mnist\"?): \
             the registry has digits, mnist, fashion_mnist, cifar10"
        );
        assert!(find("CIFAR-10").unwrap_err().to_string().contains("did you mean \"cifar10\""));
        assert!(!find("xyz").unwrap_err().to_string().contains("did you mean"));
    }

    #[test]
    fn the_search_goes_from_the_chosen_to_the_default() {
        let bases = Bases { chosen: Some("/n".into()), user: Some("/u".into()) };
        let folders = find("fashion_mnist").unwrap().search_dirs_in(Some(Path::new("/d")), bases);
        let expected = [
            "/d/fashion_mnist",
            "/d",
            "/n/fashion_mnist",
            "/n",
            "/u/fashion_mnist",
            "/u",
            "/usr/share/datasets/fashion-mnist",
        ];
        assert_eq!(folders, expected.map(PathBuf::from));
        assert!(find("digits").unwrap().search_dirs(Some(Path::new("/d"))).is_empty());
    }

    #[test]
    fn the_error_names_every_place_and_the_command() {
        let mut entry = find("mnist").unwrap().clone();
        entry.default_dirs = &["/nowhere/mnist"];
        let entry: &'static Entry = Box::leak(Box::new(entry));
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("train-images-idx3-ubyte"), "").unwrap();
        let dirs = entry.search_dirs_in(Some(folder.path()), Bases::default());
        let message = entry.load_from(&dirs).unwrap_err().to_string();
        let here = folder.path().display();
        assert!(message.contains(&format!("none of: {here}/mnist, {here} (lacks train-labels-")));
        assert!(message.contains("/nowhere/mnist"), "{message}");
        assert!(message.contains("nascent datasets fetch mnist"), "{message}");
    }
}
