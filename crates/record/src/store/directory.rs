//! A run on disk, written.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::ser::Error as _;

use super::control;
use super::files::{At as _, cut, sync_directory, write_whole};
use super::lock::Lock;
use super::reader::{read_events, read_manifest};
use super::{ARTIFACTS, BlobId, Control, EVENTS, MANIFEST, Position, Run, RunStore};
use crate::{Clock, Error, Event, Logged, Manifest, Result, RunView};

/// A run on disk, written. It holds the run's lock until it is dropped.
pub struct DirectoryStore {
    directory: PathBuf,
    events: File,
    /// The length of the log up to the end of its last whole line.
    len: u64,
    /// Behind that there may be a part of a line that could not be taken back.
    torn: bool,
    clock: Box<dyn Clock>,
    _lock: Lock, // the last field, so the last to be dropped
}

impl DirectoryStore {
    /// Makes a new run in `directory`.
    ///
    /// # Errors
    /// If there is one already, or the directory cannot be written.
    pub fn create(directory: &Path, manifest: &Manifest, clock: Box<dyn Clock>) -> Result<Self> {
        let check_vacant = || {
            // A log without its manifest is somebody's data all the same.
            let log = fs::metadata(directory.join(EVENTS)).is_ok_and(|log| log.len() > 0);
            if log || directory.join(MANIFEST).exists() {
                return Err(Error::AlreadyARun { path: directory.to_owned() });
            }
            Ok(())
        };
        check_vacant()?;
        let json = manifest_json(manifest)?;
        fs::create_dir_all(directory).at("create", directory)?;
        let lock = Lock::acquire(directory)?;
        check_vacant()?; // somebody else may have been faster
        write_whole(&directory.join(MANIFEST), &json)?;
        Self::start(directory, 0, lock, clock)
    }

    /// Opens a run to go on with it: cuts a torn last line, and returns the state so far.
    ///
    /// # Errors
    /// If it is not a run, is of a newer schema, is damaged, or somebody else is writing it.
    pub fn open(directory: &Path, clock: Box<dyn Clock>) -> Result<(Self, RunView)> {
        let manifest = read_manifest(directory)?;
        let lock = Lock::acquire(directory)?;
        let (mut view, mut end) = (RunView::new(manifest), Position::default());
        read_events(directory, &mut end, |event, behind| view.apply(event, behind.lines))?;
        let store = Self::start(directory, end.bytes, lock, clock)?;
        Ok((store, view))
    }

    fn start(directory: &Path, len: u64, lock: Lock, clock: Box<dyn Clock>) -> Result<Self> {
        control::clear(directory);
        let artifacts = directory.join(ARTIFACTS);
        fs::create_dir_all(&artifacts).at("create", &artifacts)?;
        let path = directory.join(EVENTS);
        let mut options = OpenOptions::new();
        let events = options.create(true).append(true).open(&path);
        let events = events.at("open", &path)?;
        if events.metadata().at("read", &path)?.len() > len {
            cut(&path, len).at("cut the torn end of", &path)?;
        }
        sync_directory(directory);
        Ok(Self { directory: directory.to_owned(), events, len, torn: false, clock, _lock: lock })
    }

    /// The directory of the run.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn write_line(&mut self, line: &str, sync: bool) -> Result<()> {
        let path = self.directory.join(EVENTS);
        if self.torn {
            cut(&path, self.len).at("cut the torn end of", &path)?;
            self.torn = false;
        }
        if let Err(refused) = self.events.write_all(line.as_bytes()) {
            // A part of a line would spoil the next one: take it back, now or then.
            self.torn = cut(&path, self.len).is_err();
            return Err(refused).at("append to", &path);
        }
        // From here on readers may have seen the line, so it stays, whatever becomes of the disk.
        self.len += line.len() as u64;
        if sync {
            self.events.sync_data().at("flush", &path)?;
        }
        Ok(())
    }
}

/// The manifest as JSON, if it can be read back as it is: not with a number that is not finite.
fn manifest_json(manifest: &Manifest) -> Result<Vec<u8>> {
    let json = serde_json::to_vec_pretty(manifest).and_then(|json| {
        if serde_json::from_slice::<Manifest>(&json)? == *manifest {
            Ok(json)
        } else {
            Err(serde_json::Error::custom(
                "it would not be the same when read; is there a number that is not finite?",
            ))
        }
    });
    json.map_err(|source| Error::Json { what: "the manifest", source })
}

impl RunStore for DirectoryStore {
    fn append(&mut self, event: Event) -> Result<Logged> {
        let sync = matches!(
            event,
            Event::SearcherTrained(_)
                | Event::TrialFinished(_)
                | Event::Retrained(_)
                | Event::RunFinished(_)
        );
        let logged = Logged { at_ms: self.clock.now_ms(), event: Some(event) };
        let mut line =
            logged.to_line().map_err(|source| Error::Json { what: "an event", source })?;
        line.push('\n');
        self.write_line(&line, sync)?;
        Ok(logged)
    }

    fn put_blob(&mut self, bytes: &[u8]) -> Result<BlobId> {
        let id = BlobId::of(bytes);
        let path = self.directory.join(ARTIFACTS).join(id.as_str());
        let is_there = fs::metadata(&path).is_ok_and(|blob| blob.len() == bytes.len() as u64);
        if !is_there {
            write_whole(&path, bytes)?;
        }
        Ok(id)
    }

    fn blob(&self, id: &BlobId) -> Result<Vec<u8>> {
        Run::blob(&self.directory, id)
    }

    fn control(&self) -> Control {
        control::read(&self.directory)
    }

    fn drop_blob(&mut self, id: &BlobId) -> Result<()> {
        let path = self.directory.join(ARTIFACTS).join(id.as_str());
        match fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::Io { action: "remove", path, source })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use crate::{FinishReason, RunFinished, SystemClock};

    fn store(directory: &Path) -> DirectoryStore {
        let manifest = include_str!("../../tests/golden/v1/run.json");
        let manifest = serde_json::from_str(manifest).unwrap();
        DirectoryStore::create(directory, &manifest, Box::new(SystemClock)).unwrap()
    }

    fn event() -> Event {
        let reason = FinishReason::Exhausted;
        Event::RunFinished(RunFinished { reason })
    }

    #[test]
    fn a_full_disk_says_so_and_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = store(dir.path());
        let log = dir.path().join(EVENTS);
        store.append(event()).unwrap();
        let before = fs::read(&log).unwrap();

        let full = OpenOptions::new().append(true).open("/dev/full").unwrap();
        let working = std::mem::replace(&mut store.events, full);
        let message = store.append(event()).unwrap_err().to_string();
        assert_eq!(
            message,
            format!(
                "cannot append to {}: No space left on device (os error 28); \
                 free some space, then resume the run: nothing that was finished is lost",
                log.display()
            )
        );
        assert_eq!(fs::read(&log).unwrap(), before);

        store.events = working;
        store.append(event()).unwrap();
        assert_eq!(fs::read(&log).unwrap().len(), 2 * before.len());
        Run::open(dir.path()).unwrap();
    }

    #[test]
    fn a_part_of_a_line_that_stayed_is_cut_before_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = store(dir.path());
        store.append(event()).unwrap();
        // As after a write that failed half-way, where taking it back failed too.
        store.events.write_all(b"{\"at_ms\":17,\"tri").unwrap();
        store.torn = true;
        store.append(event()).unwrap();
        let log = fs::read_to_string(dir.path().join(EVENTS)).unwrap();
        assert_eq!(log.lines().count(), 2);
        assert!(log.lines().all(|line| line.ends_with('}')));
    }
}
