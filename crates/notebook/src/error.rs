//! What can go wrong in a cell.

use std::path::PathBuf;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The person has interrupted the cell.
    #[error("interrupted; variables are kept, and a search goes on until it is stopped")]
    Interrupted,
    /// What only a search that this notebook has started can do.
    #[error("{} is a saved run, and no search of this notebook; go on with it by run.resume()?", run.display())]
    NotLive {
        /// The folder of the run.
        run: PathBuf,
    },
    /// A run without a result.
    #[error("no trial of {} has a result yet", run.display())]
    NoResult {
        /// The folder of the run.
        run: PathBuf,
    },
    /// A trial that is not there.
    #[error("there is no trial {trial} in {}; it has {count}", run.display())]
    NoTrial {
        /// The folder of the run.
        run: PathBuf,
        /// The number that was asked for.
        trial: u32,
        /// How many there are.
        count: usize,
    },
    /// A search whose thread panicked.
    #[error("the search in {} has panicked: {problem}", run.display())]
    Panicked {
        /// The folder of the run.
        run: PathBuf,
        /// What it said.
        problem: String,
    },
    /// A search that stopped by itself.
    #[error("the search in {} has failed: {problem}; run.resume()? goes on", run.display())]
    Failed {
        /// The folder of the run.
        run: PathBuf,
        /// Why.
        problem: String,
    },
    /// A space that is there by name, and need not be written.
    #[error("only what space! declares is written to a file; {space} is there by its name")]
    NotDeclared {
        /// The space.
        space: String,
    },
    /// A file that cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Of the search.
    #[error(transparent)]
    Core(#[from] nascent::Error),
    /// Of a run on disk.
    #[error(transparent)]
    Record(#[from] nascent_record::Error),
    /// Of data or settings.
    #[error(transparent)]
    Session(Box<nascent_session::Error>),
    /// Of a picture.
    #[error(transparent)]
    Figures(#[from] nascent_figures::Error),
    /// Of a data frame.
    #[error(transparent)]
    Frames(#[from] nascent_frames::Error),
    /// A question that nobody can be asked.
    #[error(
        "nobody can be asked here: the front end or the kernel has no input; run the cell in a notebook \
         of the Nascent kernel, or write the value into it"
    )]
    NoInput,
    /// A line of talk without a kernel that has any.
    #[error("only the kernel of Nascent has comms, and this is another one, or it is gone")]
    NoKernel,
    /// A line of talk that is over.
    #[error("the other side has closed the comm")]
    Closed,
    /// Of a thread that did not start.
    #[error("the search has no thread: {0}")]
    Thread(std::io::Error),
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<nascent_session::Error> for Error {
    fn from(error: nascent_session::Error) -> Self {
        Self::Session(Box::new(error))
    }
}
