//! Messages of the Jupyter protocol, as JSON.

use jupyter_protocol::{JupyterMessage, JupyterMessageContent};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

/// A message with this content, in answer to another one.
pub(crate) fn message(
    kind: &str,
    content: Value,
    parent: Option<&JupyterMessage>,
) -> JupyterMessage {
    let typed = JupyterMessageContent::from_type_and_content(kind, content);
    // Of a kind that the library does not know as we wrote it, the front end hears an error.
    let typed = typed.unwrap_or_else(|problem| {
        let error = json!({
            "ename": "KernelError",
            "evalue": format!("the kernel wrote a wrong {kind}: {problem}"),
            "traceback": [],
        });
        JupyterMessageContent::from_type_and_content("error", error)
            .unwrap_or_else(|_| jupyter_protocol::Status::idle().into())
    });
    JupyterMessage::new(typed, parent)
}

/// Where all front ends hear what happens.
#[derive(Clone)]
pub(crate) struct Broadcast(pub(crate) UnboundedSender<JupyterMessage>);

impl Broadcast {
    /// Sends a message; after the end of the kernel nobody listens.
    pub(crate) fn send(&self, kind: &str, content: Value, parent: Option<&JupyterMessage>) {
        let _nobody_listens = self.0.send(message(kind, content, parent));
    }

    /// Says that a request is worked on.
    pub(crate) fn busy(&self, parent: &JupyterMessage) {
        self.send("status", json!({ "execution_state": "busy" }), Some(parent));
    }

    /// Says that it is done.
    pub(crate) fn idle(&self, parent: &JupyterMessage) {
        self.send("status", json!({ "execution_state": "idle" }), Some(parent));
    }
}

/// What this kernel is.
pub(crate) fn kernel_info() -> Value {
    let version = env!("CARGO_PKG_VERSION");
    json!({
        "status": "ok",
        "protocol_version": "5.3",
        "implementation": "nascent",
        "implementation_version": version,
        "language_info": {
            "name": "rust",
            "version": "2024",
            "mimetype": "text/rust",
            "file_extension": ".rs",
            "pygments_lexer": "rust",
            "codemirror_mode": "rust",
        },
        "banner": format!(
            "Nascent {version}: Rust with neural architecture search inside. Try \
             `let run = search! {{ trials: 10 }}?;` or `:nascent`"
        ),
        "help_links": [
            { "text": "evcxr", "url": "https://github.com/evcxr/evcxr" },
            { "text": "candle", "url": "https://huggingface.github.io/candle/" },
            { "text": "polars", "url": "https://docs.rs/polars" },
        ],
        "debugger": false,
    })
}
