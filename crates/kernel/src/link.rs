//! The connection to the toolkit in the child process.

use std::collections::HashMap;
use std::io::BufReader;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::Result;
use jupyter_protocol::JupyterMessage;
use nascent_wire::{Data, FromKernel, FromToolkit, receive, send};
use serde_json::json;

use crate::messages::Broadcast;

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
    broadcast: Broadcast,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Link {
    /// Begins to listen.
    pub(crate) fn open(broadcast: Broadcast) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let shared = Arc::new(Shared {
            secret: uuid::Uuid::new_v4().to_string(),
            address: listener.local_addr()?.to_string(),
            toolkit: Mutex::default(),
            cells: Mutex::default(),
            broadcast,
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
                _ => continue,
            };
            let parent = lock(&self.shared.cells).get(&cell).cloned();
            self.shared.broadcast.send(kind, content, parent.as_ref());
        }
    }

    /// Says that a cell begins.
    pub(crate) fn cell(&self, request: &JupyterMessage) {
        let id = request.header.msg_id.clone();
        lock(&self.shared.cells).insert(id.clone(), request.clone());
        self.say(&FromKernel::Cell { id });
    }

    /// Interrupts the running cell; `false` if nobody hears it.
    pub(crate) fn interrupt(&self) -> bool {
        self.say(&FromKernel::Interrupt)
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
