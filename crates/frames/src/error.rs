//! What can go wrong, each with the file it happened in and the way out.

use std::path::PathBuf;

use polars::error::PolarsError;

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong on the way in or out of a data frame.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name of a file does not say what is in it.
    #[error("{} must end in {known} for what is in it", path.display())]
    Extension {
        /// The file.
        path: PathBuf,
        /// The endings that are known.
        known: &'static str,
    },

    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },

    /// A file begins like gzip and cannot be unpacked to its end.
    #[error("{} is a truncated or damaged gzip file: {source}", path.display())]
    Gzip {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        source: std::io::Error,
    },

    /// A CSV file has no header, no rows, or is not text.
    #[error("{} is not a table in CSV: {problem}", path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// Why not.
        problem: String,
    },

    /// A line of a CSV file has the wrong number of cells.
    #[error(
        "{}, line {line}: {found} cells where the header has {expected}: \
         is the file truncated, or a text with a comma not quoted?", path.display()
    )]
    Cells {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1 with the header.
        line: usize,
        /// How many cells it has.
        found: usize,
        /// How many the header has.
        expected: usize,
    },

    /// Polars cannot read the file.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What polars said.
        source: PolarsError,
    },

    /// A column is of a type that is neither a number, a truth value nor a text.
    #[error(
        "column {column:?} of {} is of type {found}: write it as 64-bit numbers or as text",
        path.display()
    )]
    ColumnType {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// Its type.
        found: String,
    },

    /// The columns do not make a table.
    #[error("{}: {source}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: nascent_datasets::Error,
    },

    /// Polars refused to build or write a data frame.
    #[error("cannot {action}: {source}")]
    Frame {
        /// What was tried, as a verb.
        action: &'static str,
        /// What polars said.
        source: PolarsError,
    },

    /// A data frame cannot be written as JSON.
    #[error("cannot write a data frame as JSON: {source}")]
    Json {
        /// What `serde_json` said.
        source: serde_json::Error,
    },
}
