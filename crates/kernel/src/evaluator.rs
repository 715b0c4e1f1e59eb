//! Runs cells, one after the other, on a thread of its own.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Child;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use evcxr::{CommandContext, Error, EvalCallbacks, EvalOutputs};
use jupyter_protocol::{
    CompleteRequest, ExecuteRequest, HistoryRequest, InspectRequest, JupyterMessage,
    JupyterMessageContent as Content,
};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc::UnboundedSender;

use crate::diagnostics::rendered;
use crate::history::History;
use crate::link::Link;
use crate::messages::{Broadcast, message};
use crate::output::{End, Output};
use crate::toolkit::{INIT, Toolkit};

/// The process that cells run in; a new one takes the place of one that was ended.
pub(crate) type Process = Arc<Mutex<Child>>;

/// What runs cells.
pub(crate) struct Evaluator {
    context: CommandContext,
    output: Output,
    link: Link,
    broadcast: Broadcast,
    replies: UnboundedSender<JupyterMessage>,
    history: History,
    count: usize,
    /// Requests that came while a cell ran.
    waiting: VecDeque<JupyterMessage>,
}

/// Why a cell did not end well.
struct Failure {
    name: &'static str,
    value: String,
    traceback: Vec<String>,
}

impl Evaluator {
    /// Starts evcxr in a folder of this session. Returns it with its process.
    pub(crate) fn start(
        folder: &Path,
        toolkit: &Toolkit,
        (link, broadcast): (Link, Broadcast),
        replies: UnboundedSender<JupyterMessage>,
        history: History,
    ) -> Result<(Self, Process)> {
        let (context, outputs) = toolkit.session(folder, Some(&link.variable()))?;
        let process = context.process_handle();
        let output = Output::pump(outputs, &broadcast)?;
        let (count, waiting) = (0, VecDeque::new());
        Ok((Self { context, output, link, broadcast, replies, history, count, waiting }, process))
    }

    /// Works on requests until there are no more.
    pub(crate) fn run(mut self, requests: &Receiver<JupyterMessage>) {
        match requests.try_recv() {
            Ok(first) => self.waiting.push_back(first),
            Err(_) => self.warm_up(),
        }
        while let Some(request) = self.waiting.pop_front().or_else(|| requests.recv().ok()) {
            self.broadcast.busy(&request);
            match &request.content {
                Content::ExecuteRequest(execute) => self.execute(&request, execute, requests),
                Content::CompleteRequest(complete) => {
                    let content = self.complete(complete);
                    self.reply("complete_reply", content, &request);
                }
                Content::InspectRequest(inspect) => {
                    let content = self.inspect(inspect);
                    self.reply("inspect_reply", content, &request);
                }
                Content::HistoryRequest(wanted) => {
                    let content = self.history(wanted);
                    self.reply("history_reply", content, &request);
                }
                _ => {}
            }
            self.broadcast.idle(&request);
        }
    }

    /// Has rust-analyzer read the toolkit while nobody waits: it takes ten seconds, and the first cell
    /// whose types are to be found would take them.
    fn warm_up(&mut self) {
        let code = "let warm = 1; warm.";
        let context = &mut self.context;
        let _nothing_to_complete =
            catch_unwind(AssertUnwindSafe(|| context.completions(code, code.len()).is_ok()));
    }

    fn reply(&self, kind: &str, content: Value, parent: &JupyterMessage) {
        let _nobody_listens = self.replies.send(message(kind, content, Some(parent)));
    }

    fn execute(
        &mut self,
        request: &JupyterMessage,
        execute: &ExecuteRequest,
        requests: &Receiver<JupyterMessage>,
    ) {
        let stores = execute.store_history && !execute.silent;
        if stores {
            self.count += 1;
            // A history that cannot be written is no reason not to run a cell.
            let _not_noted = self.history.note(self.count, &execute.code);
        }
        let count = self.count;
        if !execute.silent {
            let content = json!({ "code": execute.code, "execution_count": count });
            self.broadcast.send("execute_input", content, Some(request));
        }
        self.link.cell(request);
        self.output.begin(request);
        let result = self.evaluate(&execute.code);
        let (end, errors) = self.output.end();
        let failure = match (result, end) {
            (Ok(outputs), End::Good) => {
                if !execute.silent {
                    self.show(&outputs, request);
                }
                None
            }
            (Ok(_), End::Failed) => Some(Failure {
                name: "Error",
                value: errors.lines().last().unwrap_or("a `?` ended the cell").to_owned(),
                traceback: vec![errors],
            }),
            (Ok(_), End::Panicked) => Some(Failure {
                name: "Panic",
                value: panic_message(&errors),
                traceback: vec![errors],
            }),
            (Err(failure), _) => Some(failure),
        };
        let Some(Failure { name, value, traceback }) = failure else {
            let expressions = self.expressions(execute);
            let content = json!({
                "status": "ok", "execution_count": count, "payload": [],
                "user_expressions": expressions,
            });
            self.reply("execute_reply", content, request);
            return;
        };
        let error = json!({ "ename": name, "evalue": value, "traceback": traceback });
        self.broadcast.send("error", error, Some(request));
        let content = json!({
            "status": "error", "execution_count": count,
            "ename": name, "evalue": value, "traceback": traceback,
        });
        self.reply("execute_reply", content, request);
        if execute.stop_on_error {
            self.abort(requests);
        }
    }

    /// Runs code; whatever evcxr does, the kernel goes on.
    fn evaluate(&mut self, code: &str) -> Result<EvalOutputs, Failure> {
        if code.trim().is_empty() {
            return Ok(EvalOutputs::new());
        }
        if code.trim() == ":nascent" {
            return Ok(EvalOutputs::text_html(NASCENT.to_owned(), format!("<pre>{NASCENT}</pre>")));
        }
        let context = &mut self.context;
        let run = || context.execute_with_callbacks(code, &mut EvalCallbacks::default());
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(outputs)) => Ok(outputs),
            Ok(Err(error)) => Err(self.failure(&error, code)),
            Err(_) => Err(Failure {
                name: "KernelError",
                value: "evcxr has panicked; the cell did not run, and the session goes on"
                    .to_owned(),
                traceback: Vec::new(),
            }),
        }
    }

    fn failure(&mut self, error: &Error, code: &str) -> Failure {
        match error {
            Error::CompilationErrors(errors) => {
                let first = errors.first().map(evcxr::CompilationError::message);
                Failure {
                    name: "CompilationError",
                    value: first.unwrap_or_default(),
                    traceback: errors.iter().map(|error| rendered(error, code)).collect(),
                }
            }
            Error::SubprocessTerminated(text) => {
                let note = "the process of the cells has ended, and a new one has begun: variables are \
                            lost; functions, types and imports are kept. A search goes on from its run \
                            on disk: Run::open(folder)?.resume()?";
                // The new process has not heard of the kernel yet.
                let _without_toolkit = self.context.execute(INIT);
                Failure {
                    name: "ProcessEnded",
                    value: text.clone(),
                    traceback: vec![text.clone(), note.to_owned()],
                }
            }
            other => {
                let text = other.to_string();
                Failure { name: "Error", value: text.clone(), traceback: vec![text] }
            }
        }
    }

    /// Shows the result of a cell.
    fn show(&self, outputs: &EvalOutputs, request: &JupyterMessage) {
        let shown = outputs.content_by_mime_type.iter();
        let data: Map<String, Value> = shown
            .filter(|(mime, text)| !(*mime == "text/plain" && *text == "()"))
            .map(|(mime, text)| (mime.clone(), Value::from(text.as_str())))
            .collect();
        if !data.is_empty() {
            let content = json!({
                "execution_count": self.count, "data": data, "metadata": {}, "transient": {},
            });
            self.broadcast.send("execute_result", content, Some(request));
        }
    }

    /// The values of the expressions that a front end asks for beside the cell.
    fn expressions(&mut self, execute: &ExecuteRequest) -> Value {
        let mut values = Map::new();
        for (name, code) in execute.user_expressions.iter().flatten() {
            let value = match self.evaluate(code) {
                Ok(outputs) => json!({
                    "status": "ok", "data": outputs.content_by_mime_type, "metadata": {},
                }),
                Err(Failure { name, value, traceback }) => json!({
                    "status": "error", "ename": name, "evalue": value, "traceback": traceback,
                }),
            };
            values.insert(name.clone(), value);
        }
        Value::Object(values)
    }

    /// Answers the cells that wait behind one that failed.
    fn abort(&mut self, requests: &Receiver<JupyterMessage>) {
        // Those of "Run all" are on their way.
        thread::sleep(Duration::from_millis(50));
        while let Ok(request) = requests.try_recv() {
            if !matches!(request.content, Content::ExecuteRequest(_)) {
                self.waiting.push_back(request);
                continue;
            }
            self.broadcast.busy(&request);
            let content = json!({
                "status": "aborted", "execution_count": self.count,
                "ename": "Aborted", "evalue": "a cell before has failed", "traceback": [],
            });
            self.reply("execute_reply", content, &request);
            self.broadcast.idle(&request);
        }
    }

    fn complete(&mut self, request: &CompleteRequest) -> Value {
        let (code, at) = (&request.code, request.cursor_pos);
        let context = &mut self.context;
        let find = || context.completions(code, bytes(code, at));
        let Ok(Ok(found)) = catch_unwind(AssertUnwindSafe(find)) else {
            return json!({
                "status": "ok", "matches": [], "metadata": {}, "cursor_start": at, "cursor_end": at,
            });
        };
        let matches: Vec<&str> = found.completions.iter().map(|found| &*found.code).collect();
        let (start, end) = (chars(code, found.start_offset), chars(code, found.end_offset));
        let types: Vec<Value> = found
            .completions
            .iter()
            .map(|found| {
                json!({ "text": found.code, "type": found.kind, "start": start, "end": end })
            })
            .collect();
        json!({
            "status": "ok", "matches": matches, "cursor_start": start, "cursor_end": end,
            "metadata": { "_jupyter_types_experimental": types },
        })
    }

    fn inspect(&mut self, request: &InspectRequest) -> Value {
        let at = bytes(&request.code, request.cursor_pos);
        let context = &mut self.context;
        let found = catch_unwind(AssertUnwindSafe(|| context.hover_at(&request.code, at)));
        match found {
            Ok(Ok((text, html))) if !text.is_empty() && text != "No documentation found" => json!({
                "status": "ok", "found": true, "metadata": {},
                "data": { "text/plain": text, "text/html": html },
            }),
            _ => json!({ "status": "ok", "found": false, "data": {}, "metadata": {} }),
        }
    }

    fn history(&self, request: &HistoryRequest) -> Value {
        let found = self.history.find(request).unwrap_or_default();
        json!({ "status": "ok", "history": found })
    }
}

/// What `:nascent` says.
const NASCENT: &str = "\
let run = search! { space: \"nas_bench_201\", data: \"digits\", trials: 20 }?;   starts a search
run.wait()?   run.stop()?   run.resume()?                                      governs it
leaderboard!(run)   plot!(best_so_far, run)   compare!(a, b)                   shows it
architecture!(run.best()?)   diff!(run.trial(0)?, run.best()?)                 shows networks
frame!(run)?                                                                   a polars DataFrame
Run::open(\"runs/…\")?                                                           a saved run
:help                                                                          what evcxr has";

/// The panic in what was written to standard error.
fn panic_message(errors: &str) -> String {
    let mut lines = errors.lines().skip_while(|line| !line.contains("panicked at"));
    let (head, message) = (lines.next(), lines.next());
    message.or(head).unwrap_or("the cell has panicked").to_owned()
}

/// Positions of the protocol are of characters, those of Rust of bytes.
fn bytes(text: &str, chars: usize) -> usize {
    text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at)
}

fn chars(text: &str, bytes: usize) -> usize {
    text.get(..bytes).map_or_else(|| text.chars().count(), |before| before.chars().count())
}

/// Ends the process of the cells.
pub(crate) fn end(process: &Process) {
    let mut child = process.lock().unwrap_or_else(PoisonError::into_inner);
    let _ended_already = child.kill();
}
