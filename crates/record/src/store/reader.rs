//! A run on disk, read. Readers never lock and never write, so they cannot disturb a search.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::Deserialize;

use super::files::At as _;
use super::{ARTIFACTS, BlobId, Control, EVENTS, MANIFEST, Position, control, lock};
use crate::{Error, Logged, Manifest, Result, RunView, SCHEMA};

/// A run on disk, read.
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
        let missing = || Error::MissingBlob { id: id.to_string(), path: directory.join(ARTIFACTS) };
        if !id.is_valid() {
            return Err(missing());
        }
        match fs::read(&path) {
            Ok(bytes) if BlobId::of(&bytes) == *id => Ok(bytes),
            Ok(_) => Err(Error::ChangedBlob { path }),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(missing()),
            Err(e) => Err(e).at("read", &path),
        }
    }

    /// Who is writing the run, if somebody is. It never takes the run's lock, so it goes by what
    /// the writer has noted: a note that a crash left behind is told by its process being gone on
    /// Linux, by the lock on Windows, and is believed on other systems and of other computers.
    pub fn writer(directory: &Path) -> Option<String> {
        lock::holder(directory).map(|holder| holder.name)
    }

    /// Who is writing the run at this moment, for a viewer: not a writer of whom only the note is known,
    /// where the log has not grown for an hour. Such a note may be what a crash has left.
    pub fn live_writer(directory: &Path, now_ms: u64) -> Option<String> {
        let holder = lock::holder(directory)?;
        let is_live = holder.is_sure || !is_quiet(directory, now_ms);
        is_live.then_some(holder.name)
    }
}

/// How long a log may stand still before a note alone is not believed: longer than an epoch takes, which
/// is reported.
const QUIET_MS: u128 = 3_600_000;

/// Whether the log in `directory` has not grown for long.
fn is_quiet(directory: &Path, now_ms: u64) -> bool {
    let grown = fs::metadata(directory.join(EVENTS)).and_then(|log| log.modified());
    let grown = grown.ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    grown.is_some_and(|at| u128::from(now_ms).saturating_sub(at.as_millis()) > QUIET_MS)
}

// What a viewer may ask; it writes a file of its own, which the writer watches.
impl Run {
    /// What is asked of the writer of the run in `directory`.
    pub fn control(directory: &Path) -> Control {
        control::read(directory)
    }

    /// Asks the process that writes the run in `directory` to pause, to go on, or to stop. A study
    /// looks a few times each second; what was asked is forgotten when a run is opened to be written.
    ///
    /// # Errors
    /// If there is no run, or the file cannot be written.
    pub fn ask(directory: &Path, asked: Control) -> Result<()> {
        if !directory.join(MANIFEST).is_file() {
            return Err(Error::NotARun { path: directory.to_owned() });
        }
        control::write(directory, asked)
    }
}

/// Every directory in `root`, or `root` itself, that is a run, in the order of their names.
///
/// # Errors
/// If `root` cannot be listed. One that does not exist has no runs.
pub fn discover(root: &Path) -> Result<Vec<PathBuf>> {
    discover_nested(root, 1)
}

/// How many directories are listed at most below one in which runs are looked for.
const MOST_LISTED: usize = 2000;

/// The same with the directories in directories: at a `depth` of 2, runs lie in `root` or in what lies
/// in it. Hidden directories, links, and what cannot be listed are passed over, and a run has no runs
/// in it.
///
/// # Errors
/// If `root` cannot be listed. One that does not exist has no runs.
pub fn discover_nested(root: &Path, depth: u32) -> Result<Vec<PathBuf>> {
    if root.join(MANIFEST).is_file() {
        return Ok(vec![root.to_owned()]);
    }
    let mut level = match list(root) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.at("list", root)?,
    };
    let (mut runs, mut listed) = (Vec::new(), 0);
    for below in (0..depth).rev() {
        let mut next = Vec::new();
        for path in level {
            if path.join(MANIFEST).is_file() {
                runs.push(path);
            } else if below > 0 && listed < MOST_LISTED && may_have_runs(&path) {
                listed += 1;
                next.extend(list(&path).unwrap_or_default());
            }
        }
        level = next;
    }
    runs.sort();
    Ok(runs)
}

fn list(directory: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect()
}

/// Whether it is a directory to look into: not hidden, and no link, which might lead in a circle.
fn may_have_runs(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    !hidden && fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

pub(super) fn read_manifest(directory: &Path) -> Result<Manifest> {
    /// All that is read of a manifest whose schema may be unknown.
    #[derive(Deserialize)]
    struct Schema {
        schema: u64,
    }
    let path = directory.join(MANIFEST);
    let text = match fs::read(&path) {
        // `NotADirectory`: a file was named, perhaps the log itself.
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Err(Error::NotARun { path: directory.to_owned() });
        }
        text => text.at("read", &path)?,
    };
    let corrupt = |e: serde_json::Error| Error::CorruptManifest {
        path: path.clone(),
        problem: e.to_string(),
    };
    let Schema { schema: found } = serde_json::from_slice(&text).map_err(corrupt)?;
    if found > u64::from(SCHEMA) {
        return Err(Error::NewerSchema { found, supported: SCHEMA, path });
    }
    serde_json::from_slice(&text).map_err(corrupt)
}

/// Reads the log in `directory` from `position` on, and moves it behind each line that was applied. What
/// applies an event is told the position behind it.
pub(super) fn read_events(
    directory: &Path,
    position: &mut Position,
    mut apply: impl FnMut(Logged, Position) -> Result<()>,
) -> Result<()> {
    let path = directory.join(EVENTS);
    let mut file = match File::open(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file.at("open", &path)?,
    };
    file.seek(SeekFrom::Start(position.bytes)).at("read", &path)?;
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let mut line = Vec::with_capacity(1024);
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line).at("read", &path)?;
        if line.last() != Some(&b'\n') {
            return Ok(()); // the end, or a line that is being written
        }
        let behind = Position { bytes: position.bytes + read as u64, lines: position.lines + 1 };
        match Logged::from_line(&line) {
            Ok(logged) => apply(logged, behind).map_err(|error| of_file(error, &path))?,
            // The last line may have been torn by a crash; any other must be whole.
            Err(_) if reader.fill_buf().at("read", &path)?.is_empty() => return Ok(()),
            Err(problem) => {
                let problem = in_one_line(&problem);
                return Err(Error::CorruptLine { path, line: behind.lines, problem });
            }
        }
        *position = behind;
    }
}

/// An event that cannot follow those before it is a damaged line of its file.
fn of_file(error: Error, path: &Path) -> Error {
    match error {
        Error::Inconsistent { line, problem } => {
            let problem = format!("it does not follow from the events before it: {problem}");
            Error::CorruptLine { path: path.to_owned(), line, problem }
        }
        other => other,
    }
}

/// The parser's words, without the number of the only line it was given.
fn in_one_line(problem: &serde_json::Error) -> String {
    let text = problem.to_string();
    match text.rsplit_once(" at line ") {
        Some((what, _)) => format!("{what} at column {}", problem.column()),
        None => text,
    }
}

/// What was added to a log, read and not taken in yet.
#[derive(Debug)]
pub struct Added {
    from: Position,
    /// Each event with the position behind it.
    events: Vec<(Logged, Position)>,
    /// What is damaged behind them.
    problem: Option<Error>,
}

/// Follows a run on disk: what is there now, then what is added.
#[derive(Debug)]
pub struct RunReader {
    directory: PathBuf,
    position: Position,
    view: RunView,
}

impl RunReader {
    /// Opens the run in `directory` and reads all that is there.
    ///
    /// # Errors
    /// If it is not a run, is of a newer schema, or its log is damaged before its end.
    pub fn open(directory: &Path) -> Result<Self> {
        let mut reader = Self::at_start(directory)?;
        reader.refresh()?;
        Ok(reader)
    }

    /// Opens the run in `directory` before its first event. A viewer of a damaged log so shows what
    /// stands before the damage, which [`RunReader::refresh`] names.
    ///
    /// # Errors
    /// If it is not a run, or is of a newer schema.
    pub fn at_start(directory: &Path) -> Result<Self> {
        Ok(Self {
            directory: directory.to_owned(),
            position: Position::default(),
            view: RunView::new(read_manifest(directory)?),
        })
    }

    /// Reads what was added since; returns the number of events. A log that has become shorter was
    /// cut or replaced by a person: it is read anew.
    ///
    /// # Errors
    /// If the log is damaged before its end. What stands before the damage has been read.
    pub fn refresh(&mut self) -> Result<u64> {
        if self.is_cut()? {
            *self = Self::at_start(&self.directory)?;
        }
        let before = self.position.lines;
        let view = &mut self.view;
        read_events(&self.directory, &mut self.position, |event, behind| {
            view.apply(event, behind.lines)
        })?;
        Ok(self.position.lines - before)
    }

    /// Reads what was added since, for [`RunReader::take_in`]: others can look at the state while the
    /// disk is waited for. `None` if the log has become shorter, and is to be read anew.
    ///
    /// # Errors
    /// If the log cannot be found out about. That it cannot be read, or is damaged, is said when what
    /// stands before that is taken in.
    pub fn read_added(&self) -> Result<Option<Added>> {
        if self.is_cut()? {
            return Ok(None);
        }
        let (mut end, mut events) = (self.position, Vec::new());
        let read = read_events(&self.directory, &mut end, |event, behind| {
            events.push((event, behind));
            Ok(())
        });
        Ok(Some(Added { from: self.position, events, problem: read.err() }))
    }

    /// Takes in what was read, if nothing has been taken in since; returns the number of events.
    ///
    /// # Errors
    /// If the log is damaged before its end. What stands before the damage has been taken in.
    pub fn take_in(&mut self, added: Added) -> Result<u64> {
        let Added { from, events, problem } = added;
        if from != self.position {
            return Ok(0);
        }
        for (event, behind) in events {
            let applied = self.view.apply(event, behind.lines);
            applied.map_err(|error| of_file(error, &self.directory.join(EVENTS)))?;
            self.position = behind;
        }
        problem.map_or(Ok(self.position.lines - from.lines), Err)
    }

    /// Whether the log is shorter than what has been read of it.
    fn is_cut(&self) -> Result<bool> {
        let path = self.directory.join(EVENTS);
        let len = match fs::metadata(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => 0,
            metadata => metadata.at("read", &path)?.len(),
        };
        Ok(len < self.position.bytes)
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
