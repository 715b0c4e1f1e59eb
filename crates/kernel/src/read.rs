//! Messages as they come from a socket: signed, and forgiving of what a front end leaves out.

use anyhow::{Context as _, Result};
use jupyter_protocol::JupyterMessage;
use jupyter_zmq_client::{RawMessage, RouterRecvConnection};
use serde_json::{Map, Value, json};
use zeromq::SocketRecv as _;

/// The next message of a socket.
///
/// # Errors
/// If it is not signed with the key of the connection, or is none.
pub(crate) async fn read(connection: &mut RouterRecvConnection) -> Result<JupyterMessage> {
    let parts = connection.socket.recv().await?;
    // The signature is compared in constant time.
    let raw = RawMessage::from_multipart(parts, &connection.mac)?;
    let value = |at: usize| -> Result<Value> {
        let part = raw.jparts.get(at).context("a message has four parts")?;
        Ok(serde_json::from_slice(part)?)
    };
    let (header, mut content) = (value(0)?, value(3)?);
    if let (Some("history_request"), Value::Object(said)) =
        (header["msg_type"].as_str(), &mut content)
    {
        complete(said);
    }
    let parent = value(1)?;
    let parent = if parent.as_object().is_some_and(Map::is_empty) { Value::Null } else { parent };
    let message = json!({
        "header": header, "parent_header": parent, "metadata": value(2)?,
        "content": content,
    });
    let message = JupyterMessage::from_value(message).context("a message of no known kind")?;
    Ok(message.with_zmq_identities(raw.zmq_identities))
}

/// What a request for the history may leave out.
fn complete(said: &mut Map<String, Value>) {
    let usual = json!({
        "output": false, "raw": true, "hist_access_type": "range", "session": 0, "start": 0,
        "stop": i32::MAX, "n": 1000, "pattern": "*", "unique": false,
    });
    for (name, value) in usual.as_object().into_iter().flatten() {
        let given = said.entry(name.clone()).or_insert(Value::Null);
        if given.is_null() {
            *given = value.clone();
        }
    }
}
