//! The runs that the app knows, as the thread that follows them tells.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use nascent_record::{Clock, RunReader, RunView};

use super::Row;
use super::follow::Follower;

/// A run as it is shared between the thread that reads it and those that look at it. Whoever looks
/// clones the inner `Arc` for as long as it takes. The reader reads what was added while others look,
/// and takes it in, which is short, when nobody does.
pub(super) type Handle = Arc<Mutex<Arc<RunReader>>>;

/// A run of the list.
#[derive(Clone)]
pub(crate) struct Entry {
    /// What the list shows of it.
    pub(crate) row: Arc<Row>,
    handle: Option<Handle>,
}

impl Entry {
    /// The run as it is now, if it can be read.
    pub(crate) fn look(&self) -> Option<Shown> {
        let reader = look(self.handle.as_ref()?);
        Some(Shown { row: Arc::clone(&self.row), reader })
    }
}

/// The run behind a handle, as it is now.
pub(super) fn look(handle: &Handle) -> Arc<RunReader> {
    Arc::clone(&handle.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A run that somebody looks at, for a frame or for a job.
#[derive(Clone)]
pub(crate) struct Shown {
    /// What the list shows of it.
    pub(crate) row: Arc<Row>,
    reader: Arc<RunReader>,
}

impl Shown {
    /// Its state.
    pub(crate) fn view(&self) -> &RunView {
        self.reader.view()
    }

    /// The metrics that its trials have.
    pub(crate) fn metrics(&self) -> &[String] {
        self.row.summary.as_ref().map_or(&[], |summary| &summary.metrics)
    }

    /// What tells this state of this run from all others.
    pub(crate) fn key(&self) -> (PathBuf, u64) {
        (self.row.path.clone(), self.row.revision)
    }
}

/// What the app asks of the thread that follows runs.
pub(crate) enum Order {
    /// Find the runs of this folder too, now and later.
    Watch(PathBuf),
    /// Forget the runs of this folder.
    Unwatch(PathBuf),
    /// Forget a run that is gone.
    Forget(PathBuf),
    /// Look for new runs and changes now.
    Rescan,
}

/// What that thread tells.
pub(super) enum Update {
    /// A run is new or has changed.
    Run(Arc<Row>, Option<Handle>),
    /// A run is gone.
    Gone(PathBuf),
    /// A folder cannot be listed.
    Folder(PathBuf, Option<String>),
    /// All that is on disk now has been read, for the start or for so many orders.
    CaughtUp(usize),
}

/// What is told the user at the edge of the window.
pub(crate) struct Notice {
    /// The sentence.
    pub(crate) text: String,
    /// Whether something went wrong.
    pub(crate) bad: bool,
}

/// The runs that the app knows.
pub(crate) struct Library {
    orders: SyncSender<Order>,
    updates: Receiver<Update>,
    entries: Vec<Entry>,
    problems: Vec<(PathBuf, String)>,
    /// How many answers of the thread that follows are still to come.
    awaited: usize,
}

impl Library {
    /// Starts following the runs under these folders.
    pub(crate) fn new(
        folders: Vec<PathBuf>,
        clock: Arc<dyn Clock>,
        ctx: &egui::Context,
    ) -> std::io::Result<Self> {
        let (orders, ordered) = sync_channel(64);
        let (tell, updates) = sync_channel(256);
        let ctx = ctx.clone();
        let follower = Follower::new(folders, clock, ordered, tell, move || ctx.request_repaint());
        std::thread::Builder::new()
            .name("nascent-gui-follow".to_owned())
            .spawn(move || follower.run())?;
        let (entries, problems) = (Vec::new(), Vec::new());
        Ok(Self { orders, updates, entries, problems, awaited: 1 })
    }

    /// Asks something of the thread that follows; it is told when it next looks.
    pub(crate) fn order(&mut self, order: Order) {
        // A full queue is one of the same.
        self.awaited += usize::from(self.orders.try_send(order).is_ok());
    }

    /// Forgets the runs that are gone from disk, but for those that somebody looks at.
    pub(crate) fn forget_gone(&mut self, looked_at: impl Fn(&Path) -> bool) {
        let entries = self.entries.iter().filter(|entry| entry.row.gone);
        let gone: Vec<PathBuf> =
            entries.map(|entry| entry.row.path.clone()).filter(|path| !looked_at(path)).collect();
        for path in gone {
            self.entries.retain(|entry| entry.row.path != path);
            self.order(Order::Forget(path));
        }
    }

    /// Takes in what has been told, for a few milliseconds at most; returns what is worth a notice.
    pub(crate) fn receive(&mut self) -> Vec<Notice> {
        let mut notices = Vec::new();
        // A bounded number of updates keeps a frame short; the rest waits for the next one.
        for update in self.updates.try_iter().take(256).collect::<Vec<_>>() {
            match update {
                Update::Run(row, handle) => {
                    if let Some(notice) = self.put(row, handle) {
                        notices.push(notice);
                    }
                }
                Update::Gone(path) => self.entries.retain(|entry| entry.row.path != path),
                Update::Folder(path, problem) => {
                    self.problems.retain(|(known, _)| *known != path);
                    self.problems.extend(problem.map(|problem| (path, problem)));
                }
                Update::CaughtUp(answers) => self.awaited = self.awaited.saturating_sub(answers),
            }
        }
        notices
    }

    fn put(&mut self, row: Arc<Row>, handle: Option<Handle>) -> Option<Notice> {
        use super::Status;
        let at = self.entries.partition_point(|entry| entry.row.path < row.path);
        let known = self.entries.get_mut(at).filter(|entry| entry.row.path == row.path);
        let Some(entry) = known else {
            self.entries.insert(at, Entry { row, handle });
            return None;
        };
        let (before, now) = (entry.row.status, row.status);
        let notice = match (before, now) {
            (Status::Running, Status::Finished) => {
                Some((format!("{} is finished", row.name), false))
            }
            (Status::Running, Status::Interrupted) => {
                Some((format!("{} was interrupted", row.name), true))
            }
            (Status::Running, Status::Failed) => Some((format!("{} has failed", row.name), true)),
            (before, Status::Unreadable) if before != Status::Unreadable => {
                let problem = row.problem.as_deref().unwrap_or_default();
                Some((format!("{}: {problem}", row.name), true))
            }
            _ => None,
        };
        *entry = Entry { row, handle };
        notice.map(|(text, bad)| Notice { text, bad })
    }

    /// The runs, by folder.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The run in this folder.
    pub(crate) fn entry(&self, path: &Path) -> Option<&Entry> {
        let at = self.entries.binary_search_by(|entry| entry.row.path.as_path().cmp(path)).ok()?;
        self.entries.get(at)
    }

    /// The folders that cannot be listed, and why.
    pub(crate) fn problems(&self) -> &[(PathBuf, String)] {
        &self.problems
    }

    /// Whether all that was on disk when it was last asked for has been read.
    pub(crate) fn is_caught_up(&self) -> bool {
        self.awaited == 0
    }

    /// Whether a run is being written.
    pub(crate) fn has_live(&self) -> bool {
        self.entries.iter().any(|entry| entry.row.status == super::Status::Running)
    }
}
