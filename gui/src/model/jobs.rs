//! Work that takes longer than a frame, on a thread of its own.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

use super::BEAT;

struct Job {
    work: Box<dyn FnOnce() + Send>,
    /// Whether somebody waits for it: what is only newer comes with the next frame.
    urgent: bool,
}

/// A thread that computes what panels ask for, one after another.
pub(crate) struct Jobs {
    queue: SyncSender<Job>,
    /// Whether nobody touches the app, so that new values may wait for the next beat.
    calm: Cell<bool>,
}

impl Jobs {
    /// Starts the thread; after each job the app is painted anew.
    pub(crate) fn new(ctx: &egui::Context, name: &str) -> std::io::Result<Self> {
        let (queue, jobs) = sync_channel::<Job>(64);
        let ctx = ctx.clone();
        let work = move || {
            for Job { work, urgent } in jobs {
                // What a job panics of must not end the thread: its panel says so.
                let _told_by_its_channel = catch_unwind(AssertUnwindSafe(work));
                if urgent {
                    ctx.request_repaint();
                } else {
                    ctx.request_repaint_after(BEAT);
                }
            }
        };
        std::thread::Builder::new().name(name.to_owned()).spawn(work)?;
        Ok(Self { queue, calm: Cell::new(false) })
    }

    /// Says whether nobody touches the app: then a value that is only newer than one that is shown
    /// comes with the next beat, and is worth no frame of its own.
    pub(crate) fn set_calm(&self, calm: bool) {
        self.calm.set(calm);
    }

    /// Queues work; whether there was room for it.
    pub(crate) fn start(&self, urgent: bool, work: impl FnOnce() + Send + 'static) -> bool {
        self.queue.try_send(Job { work: Box::new(work), urgent }).is_ok()
    }
}

/// A value that is computed in the background from a key. Until it is there, the value of the
/// previous key is shown, so that nothing flickers.
pub(crate) struct Lazy<K, V> {
    shown: Option<(K, V)>,
    pending: Option<(K, Receiver<V>)>,
    failed: Option<K>,
}

impl<K, V> Default for Lazy<K, V> {
    fn default() -> Self {
        Self { shown: None, pending: None, failed: None }
    }
}

impl<K: PartialEq, V: Send + 'static> Lazy<K, V> {
    /// The newest value there is, after asking for that of `key` where it is another. Where the job
    /// of this key ended in a panic there is none.
    pub(crate) fn get(
        &mut self,
        jobs: &Jobs,
        key: K,
        job: impl FnOnce() -> V + Send + 'static,
    ) -> Option<&V> {
        self.receive();
        if self.failed.as_ref().is_some_and(|failed| *failed != key) {
            self.failed = None;
        }
        let known = self.shown.as_ref().is_some_and(|(shown, _)| *shown == key);
        if !known && self.pending.is_none() && self.failed.is_none() {
            let (sender, receiver) = sync_channel(1);
            let run = move || {
                let _nobody_waits = sender.send(job());
            };
            // Where the queue is full, the next frame asks again.
            if jobs.start(self.shown.is_none() || !jobs.calm.get(), run) {
                self.pending = Some((key, receiver));
            }
        }
        self.value()
    }

    fn receive(&mut self) {
        let Some((key, receiver)) = self.pending.take() else { return };
        match receiver.try_recv() {
            Ok(value) => self.shown = Some((key, value)),
            Err(TryRecvError::Empty) => self.pending = Some((key, receiver)),
            Err(TryRecvError::Disconnected) => {
                // The old value would pass for that of the new key.
                self.shown = None;
                self.failed = Some(key);
            }
        }
    }

    /// The value that was there last.
    pub(crate) fn value(&self) -> Option<&V> {
        self.shown.as_ref().map(|(_, value)| value)
    }

    /// The same with the key that it belongs to, which may be an earlier one.
    pub(crate) fn shown(&self) -> Option<(&K, &V)> {
        self.shown.as_ref().map(|(key, value)| (key, value))
    }

    /// Whether a newer value is being computed.
    pub(crate) fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Whether the job of the last key ended in a panic.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait<K: PartialEq + Copy, V: Send + Clone + 'static>(
        lazy: &mut Lazy<K, V>,
        jobs: &Jobs,
        key: K,
        value: &V,
    ) {
        for _ in 0..1000 {
            let value = value.clone();
            lazy.get(jobs, key, move || value);
            if !lazy.is_pending() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        panic!("the job never ended");
    }

    #[test]
    fn the_old_value_is_shown_until_the_new_one_is_there() {
        let jobs = Jobs::new(&egui::Context::default(), "test").unwrap();
        let mut lazy = Lazy::default();
        assert_eq!(lazy.get(&jobs, 1, || "one"), None);
        wait(&mut lazy, &jobs, 1, &"one");
        assert_eq!(lazy.value(), Some(&"one"));
        let (hold, held) = sync_channel::<()>(1);
        lazy.get(&jobs, 2, move || {
            let _released = held.recv();
            "two"
        });
        assert!(lazy.is_pending());
        assert_eq!(lazy.shown(), Some((&1, &"one")), "the old value stands under its own key");
        drop(hold);
        wait(&mut lazy, &jobs, 2, &"two");
        assert_eq!(lazy.value(), Some(&"two"));
    }

    #[test]
    fn a_panic_ends_neither_the_thread_nor_the_next_job() {
        let jobs = Jobs::new(&egui::Context::default(), "test").unwrap();
        let mut lazy: Lazy<u8, u8> = Lazy::default();
        wait(&mut lazy, &jobs, 0, &0);
        lazy.get(&jobs, 1, || panic!("a job may"));
        for _ in 0..1000 {
            lazy.get(&jobs, 1, || 1);
            if lazy.has_failed() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        assert!(lazy.has_failed());
        assert_eq!(lazy.value(), None, "the old value does not pass for the new one");
        wait(&mut lazy, &jobs, 2, &2);
        assert_eq!(lazy.value(), Some(&2));
        assert!(!lazy.has_failed());
    }
}
