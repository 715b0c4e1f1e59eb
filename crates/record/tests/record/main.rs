//! What a run leaves on the disk, and what is read back from it.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod analysis;
mod common;
mod fold;
mod format;
mod spec;
mod store;
