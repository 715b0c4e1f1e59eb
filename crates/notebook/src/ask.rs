//! Questions to the person at the notebook.

use crate::{Result, channel};

/// A line of text from the person, below the cell that runs. The standard input of cells is not theirs,
/// but evcxr's own.
///
/// ```no_run
/// let name = nascent_notebook::input("Your name? ")?;
/// println!("Hello {name}");
/// # Ok::<(), nascent_notebook::Error>(())
/// ```
///
/// # Errors
/// If the front end or the kernel cannot ask, or the cell is interrupted.
pub fn input(prompt: &str) -> Result<String> {
    channel::ask(prompt, false)
}

/// The same for what is not to be read on the screen.
///
/// # Errors
/// As [`input`].
pub fn password(prompt: &str) -> Result<String> {
    channel::ask(prompt, true)
}
