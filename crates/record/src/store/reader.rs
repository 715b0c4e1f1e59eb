//! A run on disk, read. Readers never lock and never write, so they cannot disturb a search.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

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
        lock::holder(directory)
    }
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

/// Reads the log in `directory` from `position` on, and moves it behind each line that was applied.
pub(super) fn read_events(
    directory: &Path,
    position: &mut Position,
    mut apply: impl FnMut(Logged, u64) -> Result<()>,
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
        let number = position.lines + 1;
        let damaged =
            |problem: String| Error::CorruptLine { path: path.clone(), line: number, problem };
        match Logged::from_line(&line) {
            Ok(logged) => apply(logged, number).map_err(|error| match error {
                Error::Inconsistent { problem, .. } => {
                    damaged(format!("it does not follow from the events before it: {problem}"))
                }
                other => other,
            })?,
            // The last line may have been torn by a crash; any other must be whole.
            Err(_) if reader.fill_buf().at("read", &path)?.is_empty() => return Ok(()),
            Err(problem) => return Err(damaged(in_one_line(&problem))),
        }
        position.bytes += read as u64;
        position.lines = number;
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
        let path = self.directory.join(EVENTS);
        let len = match fs::metadata(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => 0,
            metadata => metadata.at("read", &path)?.len(),
        };
        if len < self.position.bytes {
            *self = Self::at_start(&self.directory)?;
        }
        let before = self.position.lines;
        let view = &mut self.view;
        read_events(&self.directory, &mut self.position, |event, line| view.apply(event, line))?;
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
