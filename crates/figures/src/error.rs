//! What can go wrong.

/// What can go wrong when a plot is looked up or a picture is drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A plot that is not in [`crate::PLOTS`].
    #[error("unknown plot \"{id}\"; {suggestion}")]
    UnknownPlot {
        /// What was asked for.
        id: String,
        /// The nearest name, and all names.
        suggestion: String,
    },
    /// A picture that cannot be drawn.
    #[error("cannot draw {what}: {problem}")]
    Render {
        /// The title of the picture.
        what: String,
        /// Why not.
        problem: String,
    },
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
