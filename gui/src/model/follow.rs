//! The thread that finds runs and follows them. It reads only: no lock, no write.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};

use nascent_record::{Control, Run, RunReader, discover};

use super::library::{Handle, Order, TICK, Update};
use super::row::Summary;
use super::{Row, Status};

/// Every so many looks, folders are listed anew and runs that nobody writes are looked at too.
const SLOW: u32 = 4;

/// A run that is followed.
struct Followed {
    row: Arc<Row>,
    handle: Option<Handle>,
}

/// Finds the runs under some folders and tells what becomes of them.
pub(super) struct Follower {
    folders: Vec<PathBuf>,
    runs: BTreeMap<PathBuf, Followed>,
    orders: Receiver<Order>,
    tell: SyncSender<Update>,
    repaint: Box<dyn Fn() + Send>,
}

/// Nobody listens any more.
struct Closed;

impl Follower {
    pub(super) fn new(
        folders: Vec<PathBuf>,
        orders: Receiver<Order>,
        tell: SyncSender<Update>,
        repaint: impl Fn() + Send + 'static,
    ) -> Self {
        let repaint = Box::new(repaint);
        Self { folders, runs: BTreeMap::new(), orders, tell, repaint }
    }

    /// Follows until the app is closed.
    pub(super) fn run(mut self) {
        let mut looks = 0_u32;
        loop {
            let all = looks.is_multiple_of(SLOW);
            let looked = if all { self.list() } else { Ok(()) }.and_then(|()| self.look(all));
            if looked.is_err() || (looks == 0 && self.say(Update::CaughtUp).is_err()) {
                return;
            }
            looks = looks.wrapping_add(1);
            match self.orders.recv_timeout(TICK) {
                Ok(order) => {
                    if self.obey(order).is_err() {
                        return;
                    }
                    looks = SLOW; // what was asked for is looked at now
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn say(&self, update: Update) -> Result<(), Closed> {
        self.tell.send(update).map_err(|_closed| Closed)?;
        (self.repaint)();
        Ok(())
    }

    fn obey(&mut self, order: Order) -> Result<(), Closed> {
        match order {
            Order::Watch(folder) => {
                if !self.folders.contains(&folder) {
                    self.folders.push(folder);
                }
            }
            Order::Unwatch(folder) => {
                self.folders.retain(|known| *known != folder);
                self.say(Update::Folder(folder, None))?;
                let folders = self.folders.clone();
                let watched =
                    |run: &Path| folders.iter().any(|f| run == f || run.parent() == Some(f));
                let gone: Vec<PathBuf> =
                    self.runs.keys().filter(|run| !watched(run)).cloned().collect();
                for run in gone {
                    self.runs.remove(&run);
                    self.say(Update::Gone(run))?;
                }
            }
            Order::Rescan => {}
        }
        Ok(())
    }

    /// Lists the folders, and opens what is new.
    fn list(&mut self) -> Result<(), Closed> {
        for folder in self.folders.clone() {
            match discover(&folder) {
                Err(error) => self.say(Update::Folder(folder, Some(error.to_string())))?,
                Ok(paths) => {
                    self.say(Update::Folder(folder, None))?;
                    for path in paths {
                        if !self.runs.contains_key(&path) {
                            let row = Arc::new(Row::new(&path));
                            self.runs.insert(path.clone(), Followed { row, handle: None });
                            self.refresh(&path, true)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads what was added to runs: to all of them, or to those that are being written.
    fn look(&mut self, all: bool) -> Result<(), Closed> {
        let due = |run: &Followed| all || run.row.status == Status::Running;
        let due: Vec<PathBuf> =
            self.runs.iter().filter(|(_, run)| due(run)).map(|(path, _)| path.clone()).collect();
        due.iter().try_for_each(|path| self.refresh(path, false))
    }

    /// Reads what was added to a run, and tells it if that changes what is shown.
    fn refresh(&mut self, path: &Path, new: bool) -> Result<(), Closed> {
        let Some(run) = self.runs.get_mut(path) else { return Ok(()) };
        let mut problem = None;
        let mut grown = new;
        if run.handle.is_none() {
            match RunReader::at_start(path) {
                Ok(reader) => {
                    run.handle = Some(Arc::new(Mutex::new(Arc::new(reader))));
                    grown = true;
                }
                Err(error) => problem = Some(error.to_string()),
            }
        }
        if let Some(handle) = &run.handle {
            if path.join("run.json").exists() {
                let mut shared = handle.lock().unwrap_or_else(PoisonError::into_inner);
                // Somebody looks: what was added is read at the next look.
                let Some(reader) = Arc::get_mut(&mut shared) else { return Ok(()) };
                let before = reader.position();
                problem = reader.refresh().err().map(|error| error.to_string());
                grown |= reader.position() != before;
            } else {
                problem = Some(format!(
                    "{} is gone: it was moved or deleted while it was open; what was read is shown",
                    path.display()
                ));
            }
        }
        let live = Run::writer(path).is_some();
        let row = &run.row;
        let summary = match &run.handle {
            Some(handle) if grown => {
                let reader = Arc::clone(&handle.lock().unwrap_or_else(PoisonError::into_inner));
                Some(Summary::of(reader.view()))
            }
            _ => row.summary.clone(),
        };
        let status = match (&problem, &run.handle) {
            (None, Some(handle)) => {
                let reader = Arc::clone(&handle.lock().unwrap_or_else(PoisonError::into_inner));
                Status::of(reader.view(), live)
            }
            _ => Status::Unreadable,
        };
        let control = if live { Run::control(path) } else { Control::Run };
        let same = (status, &problem, control) == (row.status, &row.problem, row.control);
        if !grown && same {
            return Ok(());
        }
        let revision = row.revision + u64::from(grown);
        let row = Row { status, problem, control, revision, summary, ..Row::clone(row) };
        run.row = Arc::new(row);
        let update = Update::Run(Arc::clone(&run.row), run.handle.clone());
        self.say(update)
    }
}
