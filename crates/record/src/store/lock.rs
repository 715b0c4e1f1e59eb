//! One writer for each run.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::Duration;

use super::files::At as _;
use crate::{Error, Result};

const LOCK: &str = "writer.lock";

/// The lock of a run, held until it is dropped. Its file says who holds it, and is empty while
/// nobody does.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Lock {
    pub(super) fn acquire(directory: &Path) -> Result<Self> {
        let path = directory.join(LOCK);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).at("open", &path)?;
        let mut attempts_left = 20;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                // A process that was killed a moment ago has yet to let go.
                Err(TryLockError::WouldBlock)
                    if attempts_left > 0 && holder(directory).is_none() =>
                {
                    attempts_left -= 1;
                    std::thread::sleep(Duration::from_millis(50));
                }
                Err(TryLockError::WouldBlock) => {
                    let mut note = String::new();
                    let _unreadable = file.read_to_string(&mut note);
                    let holder = match note.lines().next() {
                        None | Some("") => "another process".to_owned(),
                        Some(holder) => holder.to_owned(),
                    };
                    return Err(Error::Locked { path: directory.to_owned(), holder });
                }
                Err(TryLockError::Error(source)) => return Err(source).at("lock", &path),
            }
        }
        let mut note = || {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(own_note().as_bytes())
        };
        note().at("write", &path)?;
        Ok(Self { file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The file stays: were it removed, two processes could lock two files of this name.
        let _best_effort = self.file.set_len(0);
    }
}

/// Who holds a lock.
pub(super) struct Holder {
    /// As the note says: process, and computer.
    pub(super) name: String,
    /// Whether that is sure, or only noted: a note of another computer stays after a crash.
    pub(super) is_sure: bool,
}

/// Who writes the run in `directory`, as far as its note tells. To ask the lock itself would mean
/// to take it for a moment, and to keep a writer out.
pub(super) fn holder(directory: &Path) -> Option<Holder> {
    let note = match fs::read_to_string(directory.join(LOCK)) {
        Ok(note) => note,
        // Windows refuses to read a file that is locked.
        Err(e) if cfg!(windows) && is_lock_violation(&e) => {
            return Some(Holder { name: "another process".to_owned(), is_sure: true });
        }
        Err(_) => return None,
    };
    let mut lines = note.lines();
    let holder = lines.next()?;
    let (pid, host) = match holder.strip_prefix("process ")?.split_once(" on ") {
        Some((pid, host)) => (pid, host),
        None => (holder.strip_prefix("process ")?, ""),
    };
    let pid: u32 = pid.parse().ok()?;
    let started = lines.next().and_then(|line| line.strip_prefix("started "));
    let is_sure = is_known(host);
    is_held(pid, host, started).then(|| Holder { name: holder.to_owned(), is_sure })
}

/// Whether the processes of a computer can be asked for: those of this one, where it has `/proc`.
fn is_known(host: &str) -> bool {
    host == host_name() && Path::new("/proc/self/stat").exists()
}

/// Whether a note still holds. One that a crash left behind names a process that is gone, or whose
/// number another has now. Of other computers, and where there is no `/proc`, the note is believed.
fn is_held(pid: u32, host: &str, started: Option<&str>) -> bool {
    if cfg!(windows) {
        return false; // it could be read, so it is not locked
    }
    if !is_known(host) {
        return true;
    }
    match (process_start(pid), started) {
        (None, _) => false,
        (Some(now), Some(then)) => now == then,
        (Some(_), None) => true,
    }
}

fn is_lock_violation(error: &io::Error) -> bool {
    error.raw_os_error() == Some(33)
}

fn own_note() -> String {
    let pid = std::process::id();
    let host = match host_name().as_str() {
        "" => String::new(),
        host => format!(" on {host}"),
    };
    let start = process_start(pid).map_or_else(String::new, |at| format!("started {at}\n"));
    format!("process {pid}{host}\n{start}")
}

fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

/// When a process started, in ticks since the computer did: field 22 of its `stat`. The second is
/// its name in parentheses, which may contain anything; the third its state. `None` for one that is
/// gone, or dead and only waits to be noticed by its parent.
fn process_start(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_whitespace();
    let state = fields.next()?;
    let start = fields.nth(22 - 4)?;
    (!matches!(state, "Z" | "X" | "x")).then(|| start.to_owned())
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    fn name(directory: &Path) -> Option<String> {
        holder(directory).map(|holder| holder.name)
    }

    #[test]
    fn a_note_holds_as_long_as_its_process() {
        let dir = tempfile::tempdir().unwrap();
        let note = |text: String| {
            fs::write(dir.path().join(LOCK), text).unwrap();
            name(dir.path())
        };
        assert_eq!(name(dir.path()), None, "no file");
        assert_eq!(note(String::new()), None, "empty");
        assert_eq!(note("nonsense\n".to_owned()), None);
        assert_eq!(note("process ../self\n".to_owned()), None);

        let (pid, host) = (std::process::id(), host_name());
        let own = format!("process {pid} on {host}");
        assert_eq!(note(own_note()), Some(own.clone()));
        assert_eq!(note(format!("{own}\n")), Some(own.clone()), "without start");
        assert_eq!(note(format!("{own}\nstarted 1\n")), None, "number reused");
        assert_eq!(note(format!("process {} on {host}\n", u32::MAX)), None);
        let elsewhere = "process 1 on another-computer".to_owned();
        assert_eq!(note(format!("{elsewhere}\nstarted 1\n")), Some(elsewhere));
    }

    #[test]
    fn a_lock_is_noted_while_it_is_held() {
        let dir = tempfile::tempdir().unwrap();
        let lock = Lock::acquire(dir.path()).unwrap();
        let own = own_note().lines().next().unwrap().to_owned();
        assert_eq!(name(dir.path()), Some(own.clone()));
        let message = Lock::acquire(dir.path()).unwrap_err().to_string();
        assert!(message.contains(&format!("is in use by {own};")), "{message}");
        drop(lock);
        assert_eq!(name(dir.path()), None);
        // What a crash left behind is written over, and nothing of it stays.
        let long = format!("process {} on {}\nstarted 1\n", u32::MAX, "x".repeat(99));
        fs::write(dir.path().join(LOCK), long).unwrap();
        let _lock = Lock::acquire(dir.path()).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join(LOCK)).unwrap(), own_note());
    }
}
