//! Folders of runs.

use std::path::{Path, PathBuf};

use nascent_record::Manifest;

/// A moment, for the name of a folder.
pub fn stamp(ms: u64) -> String {
    let time = chrono::DateTime::from_timestamp_millis(ms as i64).unwrap_or_default();
    time.format("%Y%m%d-%H%M%S").to_string()
}

/// `<time>-<space>-<searcher>-<seed>`, with a number behind it where that is taken.
pub fn free_name(runs: &Path, manifest: &Manifest) -> PathBuf {
    let time = stamp(manifest.created_ms);
    let (space, searcher) = (&manifest.space.name, &manifest.searcher.name);
    let name = format!("{time}-{space}-{searcher}-{}", manifest.seed);
    let numbered = (2..).map(|number| runs.join(format!("{name}-{number}")));
    let mut names = std::iter::once(runs.join(&name)).chain(numbered);
    names.find(|path| !path.exists()).unwrap_or_else(|| runs.join(&name))
}
