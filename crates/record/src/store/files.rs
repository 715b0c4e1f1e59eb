//! Files that are whole or not there, and errors that name them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use crate::{Error, Result};

/// Names the file and the verb of an input or output error.
pub(super) trait At<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| Error::Io { action, path: path.to_owned(), source })
    }
}

/// Writes a file so that it is either whole or not there: temporary file, fsync, rename.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = path.with_extension("partial");
    let write = || -> io::Result<()> {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    let written = write();
    if written.is_err() {
        let _best_effort = fs::remove_file(&temporary);
    }
    written.at("write", path)?;
    // The rename itself is durable once the directory is.
    if let Some(parent) = path.parent() {
        sync_directory(parent);
    }
    Ok(())
}

/// Makes new names in a directory durable, where the system can: Windows has no such call, and
/// some network file systems refuse it.
pub(super) fn sync_directory(directory: &Path) {
    if cfg!(unix) {
        let _best_effort = File::open(directory).and_then(|opened| opened.sync_all());
    }
}

/// Cuts a file to its first `len` bytes. A handle that appends cannot do that on Windows.
pub(super) fn cut(path: &Path, len: u64) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.set_len(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_written_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("run.json");
        write_whole(&target, b"whole").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"whole");

        // A directory in the way of the rename: refused, also for the superuser.
        let taken = dir.path().join("taken");
        fs::create_dir_all(taken.join("inside")).unwrap();
        assert!(write_whole(&taken, b"whole").is_err());
        let mut names: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["run.json", "taken"]);
    }
}
