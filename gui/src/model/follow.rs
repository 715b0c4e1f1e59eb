//! The thread that finds runs and follows them. It reads only: no lock, no write.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nascent_record::{Added, Clock, Control, Position, Run, RunReader, discover_nested};

use super::library::{Handle, Order, Update, look};
use super::row::Summary;
use super::{BEAT, Row, Status};

/// Every so many looks, folders are listed anew and runs that nobody writes are looked at too.
const SLOW: u32 = 2;
/// Every so many looks, the folders in folders are listed too.
const DEEP: u32 = 16;
/// How many folders a run may lie below an open one.
const DEPTH: u32 = 4;

/// A run that is followed.
struct Followed {
    row: Arc<Row>,
    handle: Option<Handle>,
}

/// What came of reading a run.
#[derive(Default)]
struct Read {
    grown: bool,
    problem: Option<String>,
    gone: bool,
}

/// Finds the runs under some folders and tells what becomes of them.
pub(super) struct Follower {
    folders: Vec<PathBuf>,
    clock: Arc<dyn Clock>,
    runs: BTreeMap<PathBuf, Followed>,
    /// The folders that could not be listed, and why.
    problems: BTreeMap<PathBuf, String>,
    orders: Receiver<Order>,
    tell: SyncSender<Update>,
    repaint: Box<dyn Fn() + Send>,
}

/// Nobody listens any more.
struct Closed;

impl Follower {
    pub(super) fn new(
        folders: Vec<PathBuf>,
        clock: Arc<dyn Clock>,
        orders: Receiver<Order>,
        tell: SyncSender<Update>,
        repaint: impl Fn() + Send + 'static,
    ) -> Self {
        let repaint = Box::new(repaint);
        let (runs, problems) = (BTreeMap::new(), BTreeMap::new());
        Self { folders, clock, runs, problems, orders, tell, repaint }
    }

    /// Follows until the app is closed.
    pub(super) fn run(mut self) {
        let mut looks = 0_u32;
        // How many answers somebody waits for: the first, and one for each order.
        let mut awaited = 1;
        loop {
            let due = |every: u32| awaited > 0 || looks.is_multiple_of(every);
            let all = due(SLOW);
            let depth = if due(DEEP) { DEPTH } else { 1 };
            let listed = if all { self.list(depth) } else { Ok(()) };
            let looked = listed.and_then(|()| self.look(all)).and_then(|()| match awaited {
                0 => Ok(()),
                answers => self.say(Update::CaughtUp(answers)),
            });
            if looked.is_err() {
                return;
            }
            looks = looks.wrapping_add(1);
            awaited = match self.orders.recv_timeout(BEAT) {
                Ok(order) => match self.obey_all(order) {
                    Ok(orders) => orders,
                    Err(Closed) => return,
                },
                Err(RecvTimeoutError::Timeout) => 0,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Tells something that is to be seen at once.
    fn say(&self, update: Update) -> Result<(), Closed> {
        self.tell.send(update).map_err(|_closed| Closed)?;
        (self.repaint)();
        Ok(())
    }

    /// Carries out an order and those behind it; returns how many.
    fn obey_all(&mut self, first: Order) -> Result<usize, Closed> {
        self.obey(first)?;
        let mut count = 1;
        while let Ok(order) = self.orders.try_recv() {
            self.obey(order)?;
            count += 1;
        }
        Ok(count)
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
                self.report(folder, None)?;
                let folders = self.folders.clone();
                let watched = |run: &Path| folders.iter().any(|folder| run.starts_with(folder));
                let gone: Vec<PathBuf> =
                    self.runs.keys().filter(|run| !watched(run)).cloned().collect();
                for run in gone {
                    self.runs.remove(&run);
                    self.say(Update::Gone(run))?;
                }
            }
            Order::Forget(run) => {
                self.runs.remove(&run);
            }
            Order::Rescan => {}
        }
        Ok(())
    }

    /// Lists the folders to a depth, and opens what is new.
    fn list(&mut self, depth: u32) -> Result<(), Closed> {
        for folder in self.folders.clone() {
            let paths = match discover_nested(&folder, depth) {
                Ok(paths) => paths,
                Err(error) => {
                    self.report(folder, Some(error.to_string()))?;
                    continue;
                }
            };
            self.report(folder, None)?;
            for path in paths {
                if !self.runs.contains_key(&path) {
                    let row = Arc::new(Row::new(&path));
                    self.runs.insert(path.clone(), Followed { row, handle: None });
                    self.refresh(&path, true)?;
                }
            }
        }
        Ok(())
    }

    /// Tells whether a folder can be listed, if that has changed.
    fn report(&mut self, folder: PathBuf, problem: Option<String>) -> Result<(), Closed> {
        let known = match &problem {
            Some(problem) => self.problems.insert(folder.clone(), problem.clone()),
            None => self.problems.remove(&folder),
        };
        if known == problem { Ok(()) } else { self.say(Update::Folder(folder, problem)) }
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
        let Read { grown, problem, gone } = run.read(path);
        let grown = grown || new;
        let live = Run::live_writer(path, self.clock.now_ms()).is_some();
        let row = &run.row;
        let reader = run.handle.as_ref().map(look);
        let summary = match &reader {
            Some(reader) if grown => Some(Summary::of(reader.view())),
            _ => row.summary.clone(),
        };
        let status = match (&problem, &reader) {
            (None, Some(reader)) => Status::of(reader.view(), live),
            _ => Status::Unreadable,
        };
        drop(reader);
        let control = if live { Run::control(path) } else { Control::Run };
        let same = (status, &problem, control) == (row.status, &row.problem, row.control);
        if !grown && same {
            return Ok(());
        }
        let revision = row.revision + u64::from(grown);
        // A run that is being written is painted once in a beat anyway.
        let urgent = new || !same || status != Status::Running;
        let row = Row { status, problem, gone, control, revision, summary, ..Row::clone(row) };
        run.row = Arc::new(row);
        let update = Update::Run(Arc::clone(&run.row), run.handle.clone());
        if urgent { self.say(update) } else { self.tell.send(update).map_err(|_closed| Closed) }
    }
}

impl Followed {
    /// Reads what was added. Nobody who looks at the run waits for the disk.
    fn read(&mut self, path: &Path) -> Read {
        let failed = |error: nascent_record::Error| Read {
            problem: Some(error.to_string()),
            ..Read::default()
        };
        if !path.join("run.json").exists() {
            let problem = format!(
                "{} is gone: it was moved or deleted while it was open; what was read is shown",
                path.display()
            );
            return Read { grown: false, problem: Some(problem), gone: true };
        }
        let Some(handle) = &self.handle else {
            return self.read_anew(path).unwrap_or_else(failed);
        };
        let reader = look(handle);
        let before = reader.position();
        let added = reader.read_added();
        drop(reader);
        match added {
            Err(error) => failed(error),
            Ok(None) => self.read_anew(path).unwrap_or_else(failed),
            Ok(Some(added)) => match take_in(handle, added) {
                // Somebody looks: what was added is read again at the next look.
                None => Read { problem: self.row.problem.clone(), ..Read::default() },
                Some((after, problem)) => Read { grown: after != before, problem, gone: false },
            },
        }
    }

    /// Reads all of a run, beside what is known of it, which nobody sees any more then.
    fn read_anew(&mut self, path: &Path) -> nascent_record::Result<Read> {
        let mut reader = RunReader::at_start(path)?;
        let problem = reader.refresh().err().map(|error| error.to_string());
        self.handle = Some(Arc::new(Mutex::new(Arc::new(reader))));
        Ok(Read { grown: true, problem, gone: false })
    }
}

/// How often what was added is offered while others look, and how long a frame takes at most between.
const OFFERS: u32 = 8;
const FRAME: Duration = Duration::from_millis(6);

/// Takes in what was added as soon as nobody looks; where the run has come to then, and what is wrong
/// behind it. `None` if somebody looks for long, as a job does that computes something of the run.
fn take_in(handle: &Handle, added: Added) -> Option<(Position, Option<String>)> {
    for offer in 0..OFFERS {
        if offer > 0 {
            std::thread::sleep(FRAME);
        }
        let mut shared = handle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reader) = Arc::get_mut(&mut shared) {
            let problem = reader.take_in(added).err().map(|error| error.to_string());
            return Some((reader.position(), problem));
        }
    }
    None
}
