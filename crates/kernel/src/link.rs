//! The connection to the toolkit in the child process.

use std::collections::{BTreeMap, HashMap};
use std::io::BufReader;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::Result;
use jupyter_protocol::{JupyterMessage, JupyterMessageContent};
use nascent_wire::{Comm, Data, FromKernel, FromToolkit, receive, send};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use crate::messages::{Broadcast, message};

/// Listens on the loopback interface for the toolkit, which knows the secret.
#[derive(Clone)]
pub(crate) struct Link {
    shared: Arc<Shared>,
}

struct Shared {
    secret: String,
    address: String,
    toolkit: Mutex<Option<TcpStream>>,
    /// The request of each cell, so that what is shown later stands below it.
    cells: Mutex<HashMap<String, JupyterMessage>>,
    /// The comms that are open, with the names of their other sides.
    comms: Mutex<BTreeMap<String, String>>,
    broadcast: Broadcast,
    questions: UnboundedSender<JupyterMessage>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Link {
    /// Begins to listen.
    pub(crate) fn open(
        broadcast: Broadcast,
        questions: UnboundedSender<JupyterMessage>,
    ) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let shared = Arc::new(Shared {
            secret: uuid::Uuid::new_v4().to_string(),
            address: listener.local_addr()?.to_string(),
            toolkit: Mutex::default(),
            cells: Mutex::default(),
            comms: Mutex::default(),
            broadcast,
            questions,
        });
        let link = Self { shared };
        let this = link.clone();
        let accept = move || {
            for stream in listener.incoming().flatten() {
                let this = this.clone();
                let serve = move || this.serve(stream);
                let _no_thread =
                    thread::Builder::new().name("nascent-link".to_owned()).spawn(serve);
            }
        };
        thread::Builder::new().name("nascent-links".to_owned()).spawn(accept)?;
        Ok(link)
    }

    /// What the environment of the child says.
    pub(crate) fn variable(&self) -> String {
        format!("{} {}", self.shared.address, self.shared.secret)
    }

    /// Takes what a toolkit says, if it knows the secret.
    fn serve(&self, stream: TcpStream) {
        let Ok(writer) = stream.try_clone() else { return };
        let mut reader = BufReader::new(stream);
        match receive::<FromToolkit>(&mut reader) {
            Ok(Some(FromToolkit::Hello { secret })) if secret == self.shared.secret => {}
            _ => return,
        }
        // A new child takes the place of the one before.
        *lock(&self.shared.toolkit) = Some(writer);
        while let Ok(Some(message)) = receive::<FromToolkit>(&mut reader) {
            let shown = |id: &str, data: Data| json!({ "data": data, "metadata": {}, "transient": { "display_id": id } });
            let (kind, cell, content) = match message {
                FromToolkit::Display { cell, id, data } => ("display_data", cell, shown(&id, data)),
                FromToolkit::Update { cell, id, data } => {
                    ("update_display_data", cell, shown(&id, data))
                }
                FromToolkit::Clear { cell, wait } => {
                    ("clear_output", cell, json!({ "wait": wait }))
                }
                FromToolkit::Ask { cell, prompt, password } => {
                    self.ask(&cell, &json!({ "prompt": prompt, "password": password }));
                    continue;
                }
                FromToolkit::Comm(message) => {
                    self.comm_to_all(message);
                    continue;
                }
                _ => continue,
            };
            let parent = lock(&self.shared.cells).get(&cell).cloned();
            self.shared.broadcast.send(kind, content, parent.as_ref());
        }
        // The process of the cells has ended, and what it had open with it.
        for id in std::mem::take(&mut *lock(&self.shared.comms)).into_keys() {
            let content = json!({ "comm_id": id, "data": {} });
            self.shared.broadcast.send("comm_close", content, None);
        }
    }

    /// Says that a cell begins.
    pub(crate) fn cell(&self, request: &JupyterMessage) {
        let id = request.header.msg_id.clone();
        lock(&self.shared.cells).insert(id.clone(), request.clone());
        self.say(&FromKernel::Cell { id });
    }

    /// How many cells have begun.
    pub(crate) fn cells(&self) -> usize {
        lock(&self.shared.cells).len()
    }

    /// Interrupts the running cell; `false` if nobody hears it.
    pub(crate) fn interrupt(&self) -> bool {
        self.say(&FromKernel::Interrupt)
    }

    /// Asks the person at the front end that a cell came from, if that has an input.
    fn ask(&self, cell: &str, question: &Value) {
        let parent = lock(&self.shared.cells).get(cell).cloned();
        let parent = parent.filter(|parent| match &parent.content {
            JupyterMessageContent::ExecuteRequest(execute) => execute.allow_stdin,
            _ => false,
        });
        let sent = parent.is_some_and(|parent| {
            let question = message("input_request", question.clone(), Some(&parent));
            self.shared.questions.send(question).is_ok()
        });
        if !sent {
            self.say(&FromKernel::Answer { text: None });
        }
    }

    /// Hands on what the person has answered.
    pub(crate) fn answer(&self, text: String) {
        self.say(&FromKernel::Answer { text: Some(text) });
    }

    /// The comms that are open, with the names of their other sides.
    pub(crate) fn comms(&self) -> BTreeMap<String, String> {
        lock(&self.shared.comms).clone()
    }

    /// Hands on what the front end says over a comm. Where nobody listens, it hears that at once.
    pub(crate) fn comm_to_toolkit(&self, comm: Comm, parent: &JupyterMessage) {
        let id = comm.id.clone();
        let mut comms = lock(&self.shared.comms);
        match &comm.target {
            Some(target) => {
                comms.insert(id.clone(), target.clone());
            }
            None if comm.closes => {
                comms.remove(&id);
            }
            None => {}
        }
        drop(comms);
        let closes = comm.closes;
        if !self.say(&FromKernel::Comm(comm)) && !closes {
            lock(&self.shared.comms).remove(&id);
            let content = json!({ "comm_id": id, "data": {} });
            self.shared.broadcast.send("comm_close", content, Some(parent));
        }
    }

    /// Hands on what the toolkit says over a comm.
    fn comm_to_all(&self, comm: Comm) {
        let Comm { id, target, closes, data } = comm;
        // The protocol wants an object.
        let data = if data.is_object() { data } else { json!({ "value": data }) };
        let mut content = json!({ "comm_id": id, "data": data });
        let kind = if let Some(target) = target {
            content["target_name"] = Value::from(target.clone());
            lock(&self.shared.comms).insert(id, target);
            "comm_open"
        } else if closes {
            lock(&self.shared.comms).remove(&id);
            "comm_close"
        } else {
            "comm_msg"
        };
        self.shared.broadcast.send(kind, content, None);
    }

    fn say(&self, message: &FromKernel) -> bool {
        let mut toolkit = lock(&self.shared.toolkit);
        let sent = toolkit.as_mut().is_some_and(|stream| send(stream, message).is_ok());
        if !sent {
            *toolkit = None;
        }
        sent
    }
}
