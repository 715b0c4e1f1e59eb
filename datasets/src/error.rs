//! What can go wrong, each with the input it happened in and the way out.

use std::path::PathBuf;

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong with a dataset or a table.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The registry has no dataset of this name.
    #[error("there is no dataset {name:?}{}: the registry has {known}", did_you_mean(.nearest.as_deref()))]
    UnknownDataset {
        /// What was asked for.
        name: String,
        /// The registered name closest to it, where one is close.
        nearest: Option<String>,
        /// All registered names, separated by commas.
        known: String,
    },

    /// A registered dataset is in none of the places it could be in.
    #[error(
        "the files of {name} are in none of: {looked}; get them with `nascent datasets fetch {name}`, \
         or name the folder that holds them with --data-dir or NASCENT_DATA"
    )]
    NotFound {
        /// The dataset.
        name: &'static str,
        /// Every folder that was looked at, with what is missing where some files are there.
        looked: String,
    },

    /// The dataset is part of the program.
    #[error("{name} is part of the program: there is nothing to fetch, load it")]
    Embedded {
        /// The dataset.
        name: &'static str,
    },

    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },

    /// A file begins like gzip and cannot be unpacked to its end.
    #[error("{} is a truncated or damaged gzip file ({source}): fetch it again", path.display())]
    Gzip {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        source: std::io::Error,
    },

    /// A file does not begin like an IDX file of unsigned bytes.
    #[error(
        "{} is not an IDX file of unsigned bytes: it begins with {found}, not 00 00 08; \
         is it another file under this name?", path.display()
    )]
    WrongMagic {
        /// The file.
        path: PathBuf,
        /// Its first bytes, in hexadecimal.
        found: String,
    },

    /// An IDX file has the wrong number of dimensions: images and labels mixed up, for one.
    #[error(
        "{} has {found} dimensions where {expected} are needed (labels have 1, images have 3): \
         are the files of images and labels swapped?", path.display()
    )]
    WrongDimensions {
        /// The file.
        path: PathBuf,
        /// What its header says.
        found: usize,
        /// What is needed.
        expected: usize,
    },

    /// A file holds fewer or more bytes than it has to.
    #[error("{} holds {found} bytes where {expected} are needed: fetch it again", path.display())]
    WrongLength {
        /// The file.
        path: PathBuf,
        /// How many bytes there are, after unpacking.
        found: u64,
        /// How many its header, or its format, asks for.
        expected: u64,
    },

    /// A file is not a whole number of records.
    #[error(
        "{} holds {found} bytes, not a whole number of records of {record} bytes: fetch it again",
        path.display()
    )]
    PartialRecord {
        /// The file.
        path: PathBuf,
        /// How many bytes there are.
        found: u64,
        /// The length of one record.
        record: u64,
    },

    /// Images and labels do not belong together.
    #[error(
        "{} has {images} images and {} has {labels} labels: they are from different sets",
        images_path.display(), labels_path.display()
    )]
    CountMismatch {
        /// The file of images.
        images_path: PathBuf,
        /// How many it has.
        images: usize,
        /// The file of labels.
        labels_path: PathBuf,
        /// How many it has.
        labels: usize,
    },

    /// A label is not the number of a class.
    #[error(
        "{}: label {label} of example {index} (counted from 0) is not below {classes}, the number of classes",
        path.display()
    )]
    LabelOutOfRange {
        /// The file of labels.
        path: PathBuf,
        /// The example.
        index: usize,
        /// Its label.
        label: u32,
        /// How many classes there are.
        classes: usize,
    },

    /// Inputs, labels, shape and classes do not fit together.
    #[error("the dataset {name:?} does not fit together: {problem}")]
    Inconsistent {
        /// The dataset.
        name: String,
        /// What does not fit.
        problem: String,
    },

    /// The server did not deliver.
    #[error("cannot fetch {url}: {reason}; get {file} by other means and put it into {}", folder.display())]
    Http {
        /// The address.
        url: String,
        /// The status, or what the connection said.
        reason: String,
        /// The name the file has to have.
        file: String,
        /// Where it has to be.
        folder: PathBuf,
    },

    /// A download ended early or went on too long.
    #[error(
        "{url} delivered {found} bytes where {expected} are registered: fetch again, nothing was kept"
    )]
    DownloadLength {
        /// The address.
        url: String,
        /// How many bytes arrived before it was given up.
        found: u64,
        /// How many the registry says.
        expected: u64,
    },

    /// A download is not the registered file.
    #[error(
        "{url} delivered a file with sha256 {found} where {expected} is registered: nothing was kept"
    )]
    Checksum {
        /// The address.
        url: String,
        /// The sum of what arrived.
        found: String,
        /// The sum in the registry.
        expected: String,
    },

    /// An archive lacks a file that it has to have.
    #[error("{} has no regular file {member} of {bytes} bytes: fetch it again", path.display())]
    ArchiveMember {
        /// The archive.
        path: PathBuf,
        /// The file that is not in it.
        member: String,
        /// The length it has to have.
        bytes: u64,
    },

    /// The columns of a table do not make a table.
    #[error("these columns do not make a table: {problem}")]
    Columns {
        /// Why not.
        problem: String,
    },

    /// A table has no column of this name.
    #[error("the table has no column {column:?}{}: it has {columns}", did_you_mean(.nearest.as_deref()))]
    UnknownColumn {
        /// What was asked for.
        column: String,
        /// The column closest to it, where one is close.
        nearest: Option<String>,
        /// All columns, separated by commas.
        columns: String,
    },

    /// A column holds text where numbers are needed, or the other way round.
    #[error("column {column:?} holds {found} where {expected} are needed")]
    ColumnKind {
        /// The column.
        column: String,
        /// What it holds.
        found: &'static str,
        /// What is needed.
        expected: &'static str,
    },

    /// A cell is empty.
    #[error(
        "column {column:?} has no value in row {row} (counted from 1, without the header): \
         fill it in, drop the row, or ignore the column"
    )]
    MissingValue {
        /// The column.
        column: String,
        /// The row, counted from 1.
        row: usize,
    },

    /// A cell holds an infinity or not a number.
    #[error(
        "column {column:?} has {value} in row {row} (counted from 1, without the header), not a finite number"
    )]
    NotFinite {
        /// The column.
        column: String,
        /// The row, counted from 1.
        row: usize,
        /// What is there.
        value: f64,
    },

    /// A numeric label is not an integer.
    #[error(
        "label column {column:?} has {value} in row {row} (counted from 1, without the header): \
         a class is a text or an integer"
    )]
    LabelNotInteger {
        /// The column.
        column: String,
        /// The row, counted from 1.
        row: usize,
        /// What is there.
        value: f64,
    },

    /// All rows have one label.
    #[error("label column {column:?} has the one class {class:?}: at least two are needed")]
    SingleClass {
        /// The column.
        column: String,
        /// The only class.
        class: String,
    },

    /// A text column has too many different values to be one-hot.
    #[error(
        "text column {column:?} has more than {limit} different values, too many for one-hot: \
         ignore the column or raise the limit"
    )]
    TooManyCategories {
        /// The column.
        column: String,
        /// The most that is taken.
        limit: usize,
    },
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|name| format!(" (did you mean {name:?}?)")).unwrap_or_default()
}

/// The candidate closest to `name`, where one is close enough to be meant.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let wanted = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}
