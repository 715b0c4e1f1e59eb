//! A run that leaves nothing behind, for tests and benchmarks.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{BlobId, RunStore};
use crate::{Error, Event, Logged, Result};

/// A log in memory. Its clock counts events, so it is the same every time.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    log: Vec<Logged>,
    blobs: BTreeMap<BlobId, Vec<u8>>,
}

impl MemoryStore {
    /// The events so far.
    pub fn log(&self) -> &[Logged] {
        &self.log
    }

    /// The store as it was after its first `len` events; the blobs stay.
    #[must_use]
    pub fn cut(&self, len: usize) -> Self {
        Self { log: self.log[..len.min(self.log.len())].to_vec(), blobs: self.blobs.clone() }
    }
}

impl RunStore for MemoryStore {
    fn append(&mut self, event: Event) -> Result<Logged> {
        let logged = Logged { at_ms: self.log.len() as u64, event: Some(event) };
        self.log.push(logged.clone());
        Ok(logged)
    }

    fn put_blob(&mut self, bytes: &[u8]) -> Result<BlobId> {
        let id = BlobId::of(bytes);
        self.blobs.entry(id.clone()).or_insert_with(|| bytes.to_vec());
        Ok(id)
    }

    fn blob(&self, id: &BlobId) -> Result<Vec<u8>> {
        self.blobs
            .get(id)
            .cloned()
            .ok_or_else(|| Error::MissingBlob { id: id.to_string(), path: PathBuf::from("memory") })
    }
}
