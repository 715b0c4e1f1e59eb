//! A run on disk: `run.json`, `events.jsonl`, `artifacts/`, and `writer.lock` while it is written.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::{BlobId, Position, RunStore};
use crate::{Clock, Error, Event, Logged, Manifest, Result, RunView, SCHEMA};

const MANIFEST: &str = "run.json";
const EVENTS: &str = "events.jsonl";
const ARTIFACTS: &str = "artifacts";
const LOCK: &str = "writer.lock";

/// Names the file and the verb of an input or output error.
trait At<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T>;
}
impl<T> At<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| Error::Io {
            action,
            path: path.to_owned(),
            source,
        })
    }
}

/// A run on disk, read. Readers never lock and never write, so they cannot disturb a search.
pub struct Run;

impl Run {
    /// The state of the run in `directory`.
    ///
    /// # Errors
    /// If it is not a run, is of a newer schema, or its log is damaged before its end.
    pub fn open(directory: &Path) -> Result<RunView> {
        let reader = RunReader::open(directory)?;
        Ok(reader.view)
    }

    /// The description of the run in `directory`, without its log.
    ///
    /// # Errors
    /// If it is not a run, or is of a newer schema.
    pub fn manifest(directory: &Path) -> Result<Manifest> {
        read_manifest(directory)
    }

    /// The bytes of a blob of the run in `directory`.
    ///
    /// # Errors
    /// If the blob is missing or its bytes have changed.
    pub fn blob(directory: &Path, id: &BlobId) -> Result<Vec<u8>> {
        let path = directory.join(ARTIFACTS).join(id.as_str());
        let missing = || Error::MissingBlob {
            id: id.to_string(),
            path: path.clone(),
        };
        if !id.is_valid() {
            return Err(missing());
        }
        match fs::read(&path) {
            Ok(bytes) if BlobId::of(&bytes) == *id => Ok(bytes),
            Ok(_) => Err(missing()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(missing()),
            Err(e) => Err(e).at("read", &path),
        }
    }

    /// Who is writing the run, if somebody is.
    pub fn writer(directory: &Path) -> Option<String> {
        let holder = fs::read_to_string(directory.join(LOCK)).ok()?;
        let pid = holder.strip_prefix("process ")?.split(' ').next()?;
        // Asking the lock itself would mean to take it for a moment.
        let proc = Path::new("/proc");
        (!proc.is_dir() || proc.join(pid).is_dir()).then(|| holder.trim_end().to_owned())
    }
}

/// Every directory under `root`, or `root` itself, that is a run, in the order of their names.
///
/// # Errors
/// If `root` cannot be listed. One that does not exist has no runs.
pub fn discover(root: &Path) -> Result<Vec<PathBuf>> {
    if root.join(MANIFEST).is_file() {
        return Ok(vec![root.to_owned()]);
    }
    let entries = match fs::read_dir(root) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.at("list", root)?,
    };
    let mut runs = Vec::new();
    for entry in entries {
        let path = entry.at("list", root)?.path();
        if path.join(MANIFEST).is_file() {
            runs.push(path);
        }
    }
    runs.sort();
    Ok(runs)
}

fn read_manifest(directory: &Path) -> Result<Manifest> {
    let path = directory.join(MANIFEST);
    let text = match fs::read(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Err(Error::NotARun {
                path: directory.to_owned(),
            });
        }
        text => text.at("read", &path)?,
    };
    let corrupt = |e: serde_json::Error| Error::CorruptManifest {
        path: path.clone(),
        problem: e.to_string(),
    };
    let json: serde_json::Value = serde_json::from_slice(&text).map_err(corrupt)?;
    if let Some(found) = json.get("schema").and_then(serde_json::Value::as_u64)
        && found > u64::from(SCHEMA)
    {
        return Err(Error::NewerSchema {
            found,
            supported: SCHEMA,
            path,
        });
    }
    serde_json::from_value(json).map_err(corrupt)
}

/// Reads the log from `from` on; returns the position behind the last whole line.
fn read_events(
    path: &Path,
    from: Position,
    mut apply: impl FnMut(Logged, u64) -> Result<()>,
) -> Result<Position> {
    let mut file = match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(from),
        file => file.at("open", path)?,
    };
    file.seek(SeekFrom::Start(from.bytes)).at("read", path)?;
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let (mut position, mut line) = (from, Vec::with_capacity(1024));
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line).at("read", path)?;
        if line.last() != Some(&b'\n') {
            return Ok(position); // the end, or a line that is being written
        }
        match Logged::from_line(&line) {
            Ok(logged) => apply(logged, position.lines + 1)?,
            Err(problem) => {
                // The last line may have been torn by a crash; any other must be whole.
                let is_last = reader.fill_buf().at("read", path)?.is_empty();
                if is_last {
                    return Ok(position);
                }
                return Err(Error::CorruptLine {
                    path: path.to_owned(),
                    line: position.lines + 1,
                    problem: problem.to_string(),
                });
            }
        }
        position = Position {
            bytes: position.bytes + read as u64,
            lines: position.lines + 1,
        };
    }
}

/// Follows a run on disk: what is there now, then what is added.
#[derive(Debug)]
pub struct RunReader {
    path: PathBuf,
    position: Position,
    view: RunView,
}

impl RunReader {
    /// Opens the run in `directory` and reads all that is there.
    ///
    /// # Errors
    /// If it is not a run, is of a newer schema, or its log is damaged before its end.
    pub fn open(directory: &Path) -> Result<Self> {
        let view = RunView::new(read_manifest(directory)?);
        let mut reader = Self {
            path: directory.join(EVENTS),
            position: Position::default(),
            view,
        };
        reader.refresh()?;
        Ok(reader)
    }

    /// Reads what was added since; returns the number of events.
    ///
    /// # Errors
    /// If the log is damaged before its end.
    pub fn refresh(&mut self) -> Result<u64> {
        let before = self.position.lines;
        let view = &mut self.view;
        self.position = read_events(&self.path, self.position, |e, line| view.apply(e, line))?;
        Ok(self.position.lines - before)
    }

    /// The state of the run.
    pub fn view(&self) -> &RunView {
        &self.view
    }

    /// How far it has been read.
    pub fn position(&self) -> Position {
        self.position
    }
}

/// A run on disk, written. It holds the run's lock until it is dropped.
pub struct DirectoryStore {
    directory: PathBuf,
    events: File,
    clock: Box<dyn Clock>,
    _lock: Lock,
}

/// The lock of a run; its file says who holds it.
struct Lock {
    file: File,
}

impl Lock {
    fn acquire(directory: &Path) -> Result<Self> {
        let path = directory.join(LOCK);
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let mut file = file.at("open", &path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _unreadable = file.read_to_string(&mut holder);
                let holder = match holder.trim() {
                    "" => "another process".to_owned(),
                    holder => holder.to_owned(),
                };
                return Err(Error::Locked {
                    path: directory.to_owned(),
                    holder,
                });
            }
            Err(TryLockError::Error(source)) => return Err(source).at("lock", &path),
        }
        file.set_len(0).at("write", &path)?;
        file.rewind().at("write", &path)?;
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let holder = match host.trim() {
            "" => format!("process {}\n", std::process::id()),
            host => format!("process {} on {host}\n", std::process::id()),
        };
        file.write_all(holder.as_bytes()).at("write", &path)?;
        Ok(Self { file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // An empty lock file: nobody writes. The file stays, else two could lock two files.
        let _best_effort = self.file.set_len(0);
    }
}

impl DirectoryStore {
    /// Makes a new run in `directory`.
    ///
    /// # Errors
    /// If there is one already, or the directory cannot be written.
    pub fn create(directory: &Path, manifest: &Manifest, clock: Box<dyn Clock>) -> Result<Self> {
        if directory.join(MANIFEST).exists() {
            return Err(Error::AlreadyARun {
                path: directory.to_owned(),
            });
        }
        fs::create_dir_all(directory).at("create", directory)?;
        let lock = Lock::acquire(directory)?;
        let json = serde_json::to_vec_pretty(manifest).map_err(|source| Error::Json {
            what: "the manifest",
            source,
        })?;
        write_whole(&directory.join(MANIFEST), &json)?;
        Self::start(directory, lock, clock)
    }

    /// Opens a run to go on with it: cuts a torn last line, and returns the state so far.
    ///
    /// # Errors
    /// If it is not a run, is of a newer schema, is damaged, or somebody else is writing it.
    pub fn open(directory: &Path, clock: Box<dyn Clock>) -> Result<(Self, RunView)> {
        let manifest = read_manifest(directory)?;
        let lock = Lock::acquire(directory)?;
        let mut view = RunView::new(manifest);
        let path = directory.join(EVENTS);
        let end = read_events(&path, Position::default(), |e, line| view.apply(e, line))?;
        let store = Self::start(directory, lock, clock)?;
        if store.events.metadata().at("read", &path)?.len() > end.bytes {
            store
                .events
                .set_len(end.bytes)
                .at("cut the torn end of", &path)?;
        }
        Ok((store, view))
    }

    fn start(directory: &Path, lock: Lock, clock: Box<dyn Clock>) -> Result<Self> {
        let artifacts = directory.join(ARTIFACTS);
        fs::create_dir_all(&artifacts).at("create", &artifacts)?;
        let path = directory.join(EVENTS);
        let events = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .at("open", &path)?;
        Ok(Self {
            directory: directory.to_owned(),
            events,
            clock,
            _lock: lock,
        })
    }

    /// The directory of the run.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn write_line(&mut self, line: &str, sync: bool) -> Result<()> {
        let path = self.directory.join(EVENTS);
        let before = self.events.metadata().at("read", &path)?.len();
        let written = self.events.write_all(line.as_bytes());
        let written = written.and_then(|()| {
            if sync {
                self.events.sync_data()
            } else {
                Ok(())
            }
        });
        if written.is_err() {
            // Half a line would spoil the log for the next one: take it back.
            let _best_effort = self.events.set_len(before);
        }
        written.at("append to", &path)
    }
}

impl RunStore for DirectoryStore {
    fn append(&mut self, event: Event) -> Result<Logged> {
        let sync = matches!(
            event,
            Event::TrialFinished(_) | Event::Retrained(_) | Event::RunFinished(_)
        );
        let logged = Logged {
            at_ms: self.clock.now_ms(),
            event: Some(event),
        };
        let mut line = logged.to_line().map_err(|source| Error::Json {
            what: "an event",
            source,
        })?;
        line.push('\n');
        self.write_line(&line, sync)?;
        Ok(logged)
    }

    fn put_blob(&mut self, bytes: &[u8]) -> Result<BlobId> {
        let id = BlobId::of(bytes);
        let path = self.directory.join(ARTIFACTS).join(id.as_str());
        if !path.exists() {
            write_whole(&path, bytes)?;
        }
        Ok(id)
    }

    fn blob(&self, id: &BlobId) -> Result<Vec<u8>> {
        Run::blob(&self.directory, id)
    }
}

/// Writes a file so that it is either whole or not there: temporary file, fsync, rename.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = path.with_extension("partial");
    let write = || -> io::Result<()> {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        // The rename itself is durable once the directory is.
        path.parent()
            .map_or(Ok(()), |parent| File::open(parent)?.sync_all())
    };
    let written = write();
    if written.is_err() {
        let _best_effort = fs::remove_file(&temporary);
    }
    written.at("write", path)
}
