//! What cells write to standard output and standard error.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use evcxr::EvalContextOutputs;
use jupyter_protocol::JupyterMessage;
use serde_json::json;

use crate::messages::Broadcast;
use crate::relay::{FAILED, MARK, PANICKED};

/// How a cell ended, as far as its output says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    #[default]
    Good,
    Failed,
    Panicked,
}

#[derive(Default)]
struct State {
    request: Option<JupyterMessage>,
    end: End,
    /// What the cell wrote to standard error.
    errors: String,
    /// Of standard error, what a panic says: it belongs to the error of the cell, if it is that of the
    /// cell.
    held: Option<String>,
    is_running: bool,
    /// When something was written last.
    last: Option<Instant>,
}

/// Sends what cells write to the front ends.
pub(crate) struct Output {
    state: Arc<Mutex<State>>,
    broadcast: Broadcast,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// After so long without a line all of a cell's output is there: it comes by two pipes.
const QUIET: Duration = Duration::from_millis(15);

impl Output {
    /// Begins to send.
    pub(crate) fn pump(outputs: EvalContextOutputs, broadcast: &Broadcast) -> Result<Self> {
        let state: Arc<Mutex<State>> = Arc::default();
        let EvalContextOutputs { stdout, stderr } = outputs;
        for (name, lines) in [("stdout", stdout), ("stderr", stderr)] {
            let (state, broadcast) = (Arc::clone(&state), broadcast.clone());
            let pump = move || {
                while let Ok(first) = lines.recv() {
                    // What is there already is sent together.
                    let mut text = String::new();
                    let mut next = Some(first);
                    let mut state = lock(&state);
                    state.last = Some(now());
                    while let Some(line) = next {
                        match line.strip_prefix(MARK) {
                            Some(FAILED) => state.end = End::Failed,
                            Some(PANICKED) => state.end = End::Panicked,
                            _ => {
                                text.push_str(&line);
                                text.push('\n');
                            }
                        }
                        next = lines.try_recv().ok();
                    }
                    if name == "stderr" {
                        state.errors.push_str(&text);
                        let begins = text.contains("thread '") && text.contains("panicked at");
                        if state.is_running && (begins || state.held.is_some()) {
                            state.held.get_or_insert_default().push_str(&text);
                            text.clear();
                        }
                    }
                    stream(&broadcast, name, &text, state.request.as_ref());
                }
            };
            thread::Builder::new().name(format!("nascent-{name}")).spawn(pump)?;
        }
        Ok(Self { state, broadcast: broadcast.clone() })
    }

    /// A cell begins.
    pub(crate) fn begin(&self, request: &JupyterMessage) {
        let request = Some(request.clone());
        *lock(&self.state) = State { request, is_running: true, ..State::default() };
    }

    /// A cell has ended: how, and what it wrote to standard error. What is written later still goes
    /// below it.
    pub(crate) fn end(&self) -> (End, String) {
        let begun = now();
        loop {
            thread::sleep(QUIET);
            let mut state = lock(&self.state);
            // Who failed has said why, and that comes another way than the end.
            let is_whole = state.end == End::Good || !state.errors.is_empty();
            let is_quiet = is_whole && state.last.is_none_or(|last| last.elapsed() >= QUIET);
            if is_quiet || begun.elapsed() > Duration::from_secs(1) {
                state.is_running = false;
                let held = state.held.take().unwrap_or_default();
                if state.end != End::Panicked {
                    stream(&self.broadcast, "stderr", &held, state.request.as_ref());
                }
                return (state.end, std::mem::take(&mut state.errors));
            }
        }
    }
}

/// Sends text to the front ends, if there is any.
fn stream(broadcast: &Broadcast, name: &str, text: &str, request: Option<&JupyterMessage>) {
    if !text.is_empty() {
        broadcast.send("stream", json!({ "name": name, "text": text }), request);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "output is waited for, and nothing is computed of it"
)]
fn now() -> Instant {
    Instant::now()
}
