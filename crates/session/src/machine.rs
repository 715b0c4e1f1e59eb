//! What is known of this machine.

use std::process::Command;

/// The number of cores.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// What one of the trials at a time may need, in MiB, so that they do not exhaust the memory: an
/// allocation that fails would end the whole search. Not known on every system.
pub fn memory_share_mib(lookahead: u32) -> Option<u64> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    let total = info.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let total_kib: u64 = total.trim().strip_suffix(" kB")?.parse().ok()?;
    // Not by the workers, which have no influence on the results.
    let at_a_time = cores().min(lookahead as usize).max(1) as u64;
    Some(total_kib / 1024 * 4 / 5 / at_a_time)
}

/// The commit that is checked out here, if this is a repository.
pub fn git_commit() -> Option<String> {
    let output = Command::new("git").args(["rev-parse", "HEAD"]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}
