//! What can go wrong before a search begins.

use std::path::PathBuf;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file without a label.
    #[error("which column of {} holds the class? say --label COLUMN", path.display())]
    NoLabel {
        /// The file.
        path: PathBuf,
    },
    /// Columns of what has none.
    #[error(
        "--label and --ignore are about columns of a CSV or Parquet file, and {name} is the name of a \
         dataset"
    )]
    NoColumns {
        /// The dataset.
        name: String,
    },
    /// A file for a run on a dataset.
    #[error("--file names a CSV or Parquet file, and this run is on the dataset {name}")]
    NoFile {
        /// The dataset.
        name: String,
    },
    /// A manifest from the future, or from another program.
    #[error("the run's data \"{name}\" is of an unknown kind")]
    UnknownData {
        /// Its name.
        name: String,
        /// Why it is unknown.
        source: serde_json::Error,
    },
    /// Not what a run was made with.
    #[error(
        "the data \"{name}\" is not what the run was started with (its fingerprint differs); restore \
         it, or start a new run"
    )]
    OtherData {
        /// Their name.
        name: String,
    },
    /// A file or folder.
    #[error("cannot read {}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A setting.
    #[error("\"{text}\" is not of the form key=value, such as channels=16")]
    NoSetting {
        /// What was said.
        text: String,
    },
    /// A file that declares no search space.
    #[error("{} declares no search space: {source}", path.display())]
    NoDeclaration {
        /// The file.
        path: PathBuf,
        /// What is wrong in it, and where.
        source: serde_json::Error,
    },
    /// Settings beside a file that has them all.
    #[error(
        "file=… says all that is declared; leave out the other settings, or write them in the file"
    )]
    MoreThanFile,
    /// Of the search.
    #[error(transparent)]
    Core(#[from] nascent::Error),
    /// Of a dataset.
    #[error(transparent)]
    Dataset(#[from] nascent_datasets::Error),
    /// Of a table.
    #[error(transparent)]
    Frames(#[from] nascent_frames::Error),
    /// Of a value that is no JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
