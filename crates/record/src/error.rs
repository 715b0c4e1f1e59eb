//! What can go wrong with a run or its vocabulary.

use std::path::PathBuf;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the run record; each message names the input and, where there is one, the fix.
///
/// A message is complete: `r#source` keeps thiserror from handing the same words out as a cause, which
/// a program that prints the chain of causes would say twice.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A search space that cannot be.
    #[error("invalid search space: choice \"{choice}\" {problem}")]
    InvalidSpec {
        /// The choice at fault.
        choice: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A text that is no constraint.
    #[error("\"{text}\" is no constraint; write a metric and its limit, such as params<=1e6")]
    InvalidConstraint {
        /// The text.
        text: String,
    },
    /// An architecture that the search space does not contain.
    #[error("architecture \"{architecture}\" is not in the search space: {problem}")]
    InvalidArchitecture {
        /// The architecture as text.
        architecture: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A metric that is not a finite number.
    #[error("metric \"{name}\" is {value}, and a metric must be finite")]
    NonFiniteMetric {
        /// The metric.
        name: String,
        /// Its value.
        value: f64,
    },
    /// A graph with a cycle, or an edge that leads nowhere.
    #[error("invalid graph \"{graph}\": {problem}")]
    InvalidGraph {
        /// The graph's name.
        graph: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The file system refused.
    #[error("cannot {action} {}: {source}{}", path.display(), hint(source))]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The system's reason.
        r#source: std::io::Error,
    },
    /// A line of the log that is not an event, or not one that can follow the lines before it.
    #[error(
        "line {line} of {} is damaged ({problem}); the lines before it are intact: \
         keep a copy of the file, and cut it before that line to go on from there",
        path.display()
    )]
    CorruptLine {
        /// The log.
        path: PathBuf,
        /// The number of the line, from 1.
        line: u64,
        /// What the parser said.
        problem: String,
    },
    /// An event that cannot follow the events before it.
    #[error("{} does not follow from the events before it: {problem}", place(*line))]
    Inconsistent {
        /// The number of its line, from 1; 0 for one that is not read from a file.
        line: u64,
        /// What does not fit.
        problem: String,
    },
    /// A manifest that cannot be read.
    #[error("{} is not a run manifest: {problem}", path.display())]
    CorruptManifest {
        /// The manifest.
        path: PathBuf,
        /// What the parser said.
        problem: String,
    },
    /// A run of a newer version.
    #[error(
        "this run has schema {found}, and this version reads up to {supported}; \
         update nascent to open {}",
        path.display()
    )]
    NewerSchema {
        /// The run's schema number.
        found: u64,
        /// The newest that this version knows.
        supported: u32,
        /// The manifest.
        path: PathBuf,
    },
    /// A directory without a manifest.
    #[error(
        "{} is not a run: it has no run.json; name the directory of a run",
        path.display()
    )]
    NotARun {
        /// The directory.
        path: PathBuf,
    },
    /// A run directory that exists.
    #[error("a run already exists in {}; resume it, or choose another directory", path.display())]
    AlreadyARun {
        /// The directory.
        path: PathBuf,
    },
    /// A run that another process writes.
    #[error(
        "run {} is in use by {holder}; wait for it or stop it, a run has one writer",
        path.display()
    )]
    Locked {
        /// The run directory.
        path: PathBuf,
        /// Who holds the lock.
        holder: String,
    },
    /// A blob that the log names and the directory lacks.
    #[error(
        "artifact {id} is missing from {}; copy the run again, with all its files",
        path.display()
    )]
    MissingBlob {
        /// The blob's hash.
        id: String,
        /// The directory where it should be.
        path: PathBuf,
    },
    /// A blob whose bytes are not those that were written.
    #[error(
        "artifact {} has changed since it was written; copy the run again, with all its files",
        path.display()
    )]
    ChangedBlob {
        /// The blob.
        path: PathBuf,
    },
    /// A value that cannot be written as JSON.
    #[error("cannot write {what} as JSON: {source}")]
    Json {
        /// What was to be written.
        what: &'static str,
        /// The serializer's reason.
        r#source: serde_json::Error,
    },
    /// A question that the data cannot answer.
    #[error("cannot compute {analysis}: {problem}")]
    Analysis {
        /// The analysis.
        analysis: &'static str,
        /// Why not.
        problem: String,
    },
}

fn place(line: u64) -> String {
    match line {
        0 => "an event".to_owned(),
        line => format!("line {line} of the log"),
    }
}

/// What a person can do about a refusal of the file system.
fn hint(source: &std::io::Error) -> &'static str {
    use std::io::ErrorKind as Kind;
    match source.kind() {
        Kind::StorageFull | Kind::QuotaExceeded => {
            "; free some space, then resume the run: nothing that was finished is lost"
        }
        Kind::PermissionDenied | Kind::ReadOnlyFilesystem => {
            "; choose a directory that you may write to with --runs"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn a_reason_is_said_once() {
        let source = std::io::ErrorKind::PermissionDenied.into();
        let error = Error::Io { action: "open", path: "runs".into(), source };
        assert!(error.source().is_none());
        assert_eq!(
            error.to_string(),
            "cannot open runs: permission denied; \
             choose a directory that you may write to with --runs"
        );
    }
}
