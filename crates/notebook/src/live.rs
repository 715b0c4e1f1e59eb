//! A search in the background.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nascent::evaluate::Silent;
use nascent::study::{RunOptions, Stopped, Study};
use nascent_record::{Budget, Clock as _, RunView, SystemClock};

use crate::channel::Place;
use crate::{Error, Result, card};

/// How often the output of a cell changes at most.
const BETWEEN_MS: u64 = 500;

/// How a search stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Running,
    /// It was stopped, and can go on.
    Stopped,
    Finished,
    Failed(String),
    Panicked(String),
}

/// A search that this process runs, or ran.
pub(crate) struct Live {
    stop: Arc<AtomicBool>,
    state: Mutex<State>,
    changed: Condvar,
}

impl Live {
    /// Runs a study on a thread of its own, with its progress below the present cell.
    pub(crate) fn start(mut study: Study, directory: &Path, workers: u32) -> Result<Arc<Self>> {
        let live = Arc::new(Self {
            stop: Arc::new(AtomicBool::new(false)),
            state: Mutex::new(State::Running),
            changed: Condvar::new(),
        });
        let (this, directory) = (Arc::clone(&live), directory.to_owned());
        let id = format!("{}-{}", directory.display(), study.view().sessions());
        let place = Place::show(id, &card::card(&directory, study.view(), &State::Running));
        let work = move || {
            let mut progress = Progress { directory: directory.clone(), place, shown_ms: 0 };
            let done = catch_unwind(AssertUnwindSafe(|| {
                run(&mut study, workers, &this.stop, &mut |view| progress.observe(view))
            }));
            let state = match done {
                Ok(Ok(Stopped::Finished(_))) => State::Finished,
                Ok(Ok(Stopped::Interrupted)) => State::Stopped,
                Ok(Err(error)) => State::Failed(error.to_string()),
                Err(panic) => State::Panicked(message(&*panic)),
            };
            progress.show(study.view(), &state);
            // The lock of the run is free before anybody hears that the search has ended.
            drop(study);
            *this.lock() = state;
            this.changed.notify_all();
        };
        thread::Builder::new()
            .name("nascent-search".to_owned())
            .spawn(work)
            .map_err(Error::Thread)?;
        Ok(live)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it stands.
    pub(crate) fn state(&self) -> State {
        self.lock().clone()
    }

    /// Has it end at the next step of each trial.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    /// Waits for its end, or so long.
    pub(crate) fn wait(&self, most: Duration) -> State {
        let state = self.lock();
        let running = |state: &mut State| *state == State::Running;
        let waited = self.changed.wait_timeout_while(state, most, running);
        waited.unwrap_or_else(PoisonError::into_inner).0.clone()
    }
}

/// Searches, then trains the best again if the run asks for it.
fn run(
    study: &mut Study,
    workers: u32,
    stop: &AtomicBool,
    observe: &mut dyn FnMut(&RunView),
) -> nascent::Result<Stopped> {
    let budget: Budget = study.view().budget();
    study.begin_session(workers, budget)?;
    let stopped = study.run(&mut RunOptions { workers, stop, observe })?;
    if let Stopped::Finished(_) = stopped {
        let epochs = study.view().manifest().final_epochs;
        for trial in study.due_for_retraining() {
            study.retrain(trial, epochs, &mut Silent)?;
        }
    }
    Ok(stopped)
}

/// What a panic says.
fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// The output of the cell that started the search.
struct Progress {
    directory: PathBuf,
    place: Option<Place>,
    shown_ms: u64,
}

impl Progress {
    fn observe(&mut self, view: &RunView) {
        let now = SystemClock.now_ms();
        if now.saturating_sub(self.shown_ms) >= BETWEEN_MS {
            self.shown_ms = now;
            self.show(view, &State::Running);
        }
    }

    fn show(&self, view: &RunView, state: &State) {
        if let Some(place) = &self.place {
            place.update(&card::card(&self.directory, view, state));
        }
    }
}
