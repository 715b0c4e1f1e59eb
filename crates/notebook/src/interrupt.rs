//! Stopping a cell without losing its variables.
//!
//! A process cannot be stopped in the middle of any code and go on. So an interrupt raises a flag, and
//! whatever takes long looks at it: [`Run::wait`](crate::Run::wait) does, and a loop of your own can:
//!
//! ```
//! use nascent_notebook::interrupt;
//!
//! # fn main() -> Result<(), nascent_notebook::Error> {
//! for step in 0..1000 {
//!     interrupt::check()?; // ends the loop with an error when the cell is interrupted
//! }
//! # Ok(())
//! # }
//! ```

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Error, Result};

static RAISED: AtomicBool = AtomicBool::new(false);

/// Whether the cell has been interrupted. Asking takes the interrupt back.
pub fn take() -> bool {
    RAISED.swap(false, Ordering::SeqCst)
}

/// An error if the cell has been interrupted.
///
/// # Errors
/// [`Error::Interrupted`], once.
pub fn check() -> Result<()> {
    if take() { Err(Error::Interrupted) } else { Ok(()) }
}

/// Interrupts the cell.
pub fn raise() {
    RAISED.store(true, Ordering::SeqCst);
}

/// Takes Ctrl-C, which else would end the process, for an interrupt.
pub(crate) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Where another part of the program listens already, that is its business.
        let _others_listen = ctrlc::set_handler(raise);
    });
}
