//! In the child process: tells the kernel how a cell ended.
//!
//! evcxr takes the end of a cell by a panic or a failed `?` for a good one: the lines by which its child
//! says so are for itself alone. So the standard output of the child goes through here, and such a line
//! is followed by one that evcxr hands on.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::thread;

/// How lines for the kernel begin, which no cell prints by chance.
pub(crate) const MARK: &str = "\u{1}nascent:";
/// Behind the mark: a `?` ended the cell.
pub(crate) const FAILED: &str = "failed";
/// Behind the mark: a panic ended the cell.
pub(crate) const PANICKED: &str = "panicked";

/// What evcxr prints in its child.
const OF_EVCXR: [(&str, &str); 2] =
    [("EVCXR_ERROR_OCCURRED", FAILED), ("EVCXR_PANIC_NOTIFICATION", PANICKED)];

/// Puts itself between the standard output of this process and its reader, if this is the child.
#[cfg(unix)]
pub(crate) fn begin() {
    if std::env::var_os("EVCXR_IS_RUNTIME").is_some() {
        // Without it cells run all the same.
        let _ended_badly = relay();
    }
}

#[cfg(not(unix))]
pub(crate) fn begin() {}

#[cfg(unix)]
fn relay() -> std::io::Result<()> {
    let (reader, writer) = rustix::pipe::pipe()?;
    let mut real = File::from(rustix::io::dup(rustix::stdio::stdout())?);
    rustix::stdio::dup2_stdout(&writer)?;
    let forward = move || {
        let mut lines = BufReader::new(File::from(reader));
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            let text = String::from_utf8_lossy(&line);
            let known = OF_EVCXR.iter().find(|(of_evcxr, _)| text.trim_end() == *of_evcxr);
            let mark = known.map(|(_, end)| format!("{MARK}{end}\n")).unwrap_or_default();
            if real.write_all(mark.as_bytes()).and_then(|()| real.write_all(&line)).is_err() {
                break;
            }
            line.clear();
        }
    };
    thread::Builder::new().name("nascent-relay".to_owned()).spawn(forward)?;
    Ok(())
}
