//! Where events go: memory, or a directory with `run.json`, `events.jsonl`, `artifacts/`, and
//! `writer.lock`, which says who writes it.

mod control;
mod directory;
mod files;
mod lock;
mod memory;
mod reader;

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Event, Logged, Result};

pub use control::Control;
pub use directory::DirectoryStore;
pub use memory::MemoryStore;
pub use reader::{Added, Run, RunReader, discover, discover_nested};

const MANIFEST: &str = "run.json";
const EVENTS: &str = "events.jsonl";
const ARTIFACTS: &str = "artifacts";

/// The name of a blob: the SHA-256 of its bytes, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BlobId(String);

impl BlobId {
    /// The name of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let digest = Sha256::digest(bytes);
        Self(digest.iter().fold(String::with_capacity(64), |text, b| text + &format!("{b:02x}")))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a name that [`BlobId::of`] can give; others must not become file names.
    fn is_valid(&self) -> bool {
        self.0.len() == 64 && self.0.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How far a reader has read: everything before it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Bytes of the log.
    pub bytes: u64,
    /// Lines of the log.
    pub lines: u64,
}

/// An append-only log of events, with blobs beside it. The store stamps the time.
///
/// A blob is written before the event that names it. A store may refuse a write: then the log has
/// the whole event or nothing of it, never a part, and the next event may be appended.
pub trait RunStore: Send {
    /// Appends an event and returns it as it was logged.
    fn append(&mut self, event: Event) -> Result<Logged>;

    /// Keeps bytes under their hash.
    fn put_blob(&mut self, bytes: &[u8]) -> Result<BlobId>;

    /// The bytes of a blob.
    fn blob(&self, id: &BlobId) -> Result<Vec<u8>>;

    /// What a person asks of this writer now.
    fn control(&self) -> Control {
        Control::Run
    }

    /// Forgets a blob that no later event needs; a store may keep it.
    fn drop_blob(&mut self, id: &BlobId) -> Result<()> {
        let _ = id;
        Ok(())
    }
}
