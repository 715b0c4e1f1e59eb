//! Ctrl-C: once to end at the next step, twice to end at once.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};

/// Raised by the first Ctrl-C.
pub(crate) static STOP: AtomicBool = AtomicBool::new(false);

/// Lets the first Ctrl-C (or SIGTERM) raise [`STOP`], and the second end the process.
pub(crate) fn listen() -> Result<()> {
    ctrlc::set_handler(|| {
        let again = STOP.swap(true, Ordering::Relaxed);
        let message = if again {
            "\nstopped; every trial that has ended is on disk"
        } else {
            "\nstopping at the next step … (Ctrl-C again to stop at once)"
        };
        let _nobody_reads = writeln!(std::io::stderr(), "{message}");
        if again {
            #[expect(clippy::exit, reason = "the second Ctrl-C means now; the log is append-only")]
            std::process::exit(130);
        }
    })
    .context("cannot listen for Ctrl-C")
}
