//! Lines of talk between cells and parts of the front end, such as widgets: the comms of Jupyter.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nascent_wire::FromToolkit;
use serde_json::Value;

use crate::{Error, Result, channel as kernel, interrupt};

/// A line of talk with a part of the front end. It is closed where it is dropped.
pub struct Comm {
    id: String,
    heard: Receiver<Value>,
}

type Handler = Arc<dyn Fn(Comm, Value) + Send + Sync>;

/// What the front end may open.
static TARGETS: Mutex<BTreeMap<String, Handler>> = Mutex::new(BTreeMap::new());
/// Where what the front end says goes.
static OPEN: Mutex<BTreeMap<String, Sender<Value>>> = Mutex::new(BTreeMap::new());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes what the front end opens under this name: the handler is called with each line and the first
/// thing said, on a thread of its own.
///
/// ```no_run
/// use nascent_notebook::on_comm;
/// use std::time::Duration;
///
/// on_comm("echo", |comm, first| {
///     let mut said = Some(first);
///     while let Some(data) = said {
///         if comm.send(data).is_err() {
///             break;
///         }
///         said = comm.receive(Duration::from_secs(600)).ok().flatten();
///     }
/// });
/// ```
pub fn on_comm(target: &str, handler: impl Fn(Comm, Value) + Send + Sync + 'static) {
    lock(&TARGETS).insert(target.to_owned(), Arc::new(handler));
}

impl Comm {
    /// Opens a line to what the front end has under this name.
    ///
    /// # Errors
    /// If the kernel is not ours.
    pub fn open(target: &str, data: Value) -> Result<Self> {
        let comm = Self::new(unique());
        comm.say(Some(target.to_owned()), false, data)?;
        Ok(comm)
    }

    fn new(id: String) -> Self {
        let (sender, heard) = channel();
        lock(&OPEN).insert(id.clone(), sender);
        Self { id, heard }
    }

    /// Its name in the protocol.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Says something.
    ///
    /// # Errors
    /// If the other side has closed the line.
    pub fn send(&self, data: Value) -> Result<()> {
        if lock(&OPEN).contains_key(&self.id) {
            self.say(None, false, data)
        } else {
            Err(Error::Closed)
        }
    }

    /// What the other side says next; none if it says nothing for this long.
    ///
    /// # Errors
    /// If the other side has closed the line and all was heard, or the cell is interrupted.
    #[expect(clippy::disallowed_methods, reason = "how long a person is waited for")]
    pub fn receive(&self, limit: Duration) -> Result<Option<Value>> {
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.heard.recv_timeout(left.min(Duration::from_millis(50))) {
                Ok(data) => return Ok(Some(data)),
                Err(RecvTimeoutError::Disconnected) => return Err(Error::Closed),
                Err(RecvTimeoutError::Timeout) if left.is_zero() => return Ok(None),
                Err(RecvTimeoutError::Timeout) => interrupt::check()?,
            }
        }
    }

    fn say(&self, target: Option<String>, closes: bool, data: Value) -> Result<()> {
        let message = nascent_wire::Comm { id: self.id.clone(), target, closes, data };
        if kernel::say(&FromToolkit::Comm(message)) { Ok(()) } else { Err(Error::NoKernel) }
    }
}

impl Drop for Comm {
    fn drop(&mut self) {
        // Closed by the other side, there is nobody to tell.
        if lock(&OPEN).remove(&self.id).is_some() {
            let _nobody_listens = self.say(None, true, Value::Null);
        }
    }
}

/// Takes what the front end says.
pub(crate) fn take(message: nascent_wire::Comm) {
    let nascent_wire::Comm { id, target, closes, data } = message;
    if let Some(target) = target {
        let handler = lock(&TARGETS).get(&target).cloned();
        let comm = Comm::new(id);
        // Without a handler it is dropped here, and so closed.
        if let Some(handler) = handler {
            let talk = thread::Builder::new().name("nascent-comm".to_owned());
            let _no_thread = talk.spawn(move || handler(comm, data));
        }
    } else if closes {
        lock(&OPEN).remove(&id);
    } else if let Some(open) = lock(&OPEN).get(&id) {
        let _nobody_listens = open.send(data);
    }
}

/// A name that no other line has.
fn unique() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("nascent-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}
