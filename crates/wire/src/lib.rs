//! What the Nascent kernel and the toolkit in its child process say to each other.
//!
//! Cells run in a child process of the kernel. What they print goes over its standard output, but the
//! kernel reads that only while a cell runs. So there is a connection besides, over which a search in
//! the background shows its progress, and over which the kernel says that a cell is to stop.
//!
//! The kernel listens on the loopback interface and puts the address and a secret into the environment
//! of the child ([`VARIABLE`]). The toolkit connects and sends [`FromToolkit::Hello`] with the secret
//! first; the kernel closes any other connection. Each message is one line of JSON.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The variable of the environment with the address and the secret: `127.0.0.1:4711 secret`.
pub const VARIABLE: &str = "NASCENT_KERNEL";

/// What is shown: for each MIME type one form of it.
pub type Data = BTreeMap<String, Value>;

/// What the toolkit says to the kernel.
///
/// `cell` is what [`FromKernel::Cell`] said when the cell ran that the message belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FromToolkit {
    /// The first message.
    Hello {
        /// The secret of the environment.
        secret: String,
    },
    /// Show something below a cell.
    Display {
        /// The cell.
        cell: String,
        /// The name by which it is updated later.
        id: String,
        /// What is shown.
        data: Data,
    },
    /// Show something else in its place.
    Update {
        /// The cell.
        cell: String,
        /// The name that it was shown with.
        id: String,
        /// What is shown.
        data: Data,
    },
    /// Remove what is shown below a cell.
    Clear {
        /// The cell.
        cell: String,
        /// Whether that waits until there is something else to show.
        wait: bool,
    },
    /// Ask the person for a line of text.
    Ask {
        /// The cell.
        cell: String,
        /// What is written before the answer.
        prompt: String,
        /// Whether the answer is hidden.
        password: bool,
    },
    /// A message of a comm to the front end.
    Comm(Comm),
}

/// What the kernel says to the toolkit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FromKernel {
    /// A cell begins to run.
    Cell {
        /// Its name, of this session.
        id: String,
    },
    /// The running cell is to stop.
    Interrupt,
    /// The answer of the person; none if there can be none.
    Answer {
        /// The text, without the end of the line.
        text: Option<String>,
    },
    /// A message of a comm from the front end.
    Comm(Comm),
}

/// A message between the front end and a part of the toolkit, as the protocol of Jupyter has them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comm {
    /// Which comm.
    pub id: String,
    /// The name of the other side; where there is one, the message opens the comm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Whether the message closes it.
    #[serde(default)]
    pub closes: bool,
    /// What is said.
    pub data: Value,
}

/// Writes a message.
///
/// # Errors
/// If the connection is closed.
pub fn send(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    to.write_all(&line)?;
    to.flush()
}

/// Reads a message; none at the end of the connection.
///
/// # Errors
/// If the connection fails, or the line is no message.
pub fn receive<T: DeserializeOwned>(from: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    Ok(Some(serde_json::from_str(&line)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_received_line_by_line() {
        let data = Data::from([("text/plain".to_owned(), Value::from("two\nlines"))]);
        let (cell, id) = ("1".to_owned(), "a".to_owned());
        let messages = [
            FromToolkit::Hello { secret: "s".into() },
            FromToolkit::Display { cell: cell.clone(), id, data },
            FromToolkit::Ask { cell, prompt: "name: ".into(), password: false },
        ];
        let mut bytes = Vec::new();
        for message in &messages {
            send(&mut bytes, message).unwrap();
        }
        let mut bytes = &bytes[..];
        for message in &messages {
            assert_eq!(receive::<FromToolkit>(&mut bytes).unwrap().as_ref(), Some(message));
        }
        assert_eq!(receive::<FromToolkit>(&mut bytes).unwrap(), None);
        assert!(receive::<FromKernel>(&mut &b"{\"no\":1}\n"[..]).is_err());
    }
}
