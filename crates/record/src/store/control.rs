//! What a person asks of the process that writes a run: a file beside the log, never a line in it.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::files::write_whole;
use crate::{Error, Result};

const CONTROL: &str = "control.json";

/// What a person asks of the process that writes a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// To go on.
    #[default]
    Run,
    /// To begin no new trial; those that run go on to their end.
    Pause,
    /// To end as an interrupt ends it: the run can be resumed.
    Stop,
}

/// The contents of the file: a place for more later.
#[derive(Serialize, Deserialize)]
struct Asked {
    control: Control,
}

/// What is asked of the writer of the run in `directory`. What cannot be read asks nothing.
pub(super) fn read(directory: &Path) -> Control {
    let read = fs::read(directory.join(CONTROL)).ok();
    let asked = read.and_then(|bytes| serde_json::from_slice::<Asked>(&bytes).ok());
    asked.map(|asked| asked.control).unwrap_or_default()
}

/// Asks something of the writer of the run in `directory`.
pub(super) fn write(directory: &Path, control: Control) -> Result<()> {
    let json = serde_json::to_vec(&Asked { control })
        .map_err(|source| Error::Json { what: "what is asked", source })?;
    write_whole(&directory.join(CONTROL), &json)
}

/// Forgets what was asked of an earlier writer.
pub(super) fn clear(directory: &Path) {
    let _none_there = fs::remove_file(directory.join(CONTROL));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_read_and_what_is_no_request_asks_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()), Control::Run);
        for control in [Control::Pause, Control::Stop, Control::Run] {
            write(dir.path(), control).unwrap();
            assert_eq!(read(dir.path()), control);
        }
        assert_eq!(fs::read_to_string(dir.path().join(CONTROL)).unwrap(), r#"{"control":"run"}"#);
        for text in ["", "{", r#"{"control":"of_tomorrow"}"#] {
            fs::write(dir.path().join(CONTROL), text).unwrap();
            assert_eq!(read(dir.path()), Control::Run, "{text}");
        }
        clear(dir.path());
        assert!(!dir.path().join(CONTROL).exists());
    }
}
