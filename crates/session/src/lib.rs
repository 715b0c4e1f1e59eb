//! What the command and the notebooks share: data by name, folders of runs, settings as people write
//! them, and what this machine can take.

pub mod data;
mod error;
mod machine;
mod runs;
mod settings;

pub use data::{DataRequest, Used};
pub use error::{Error, Result};
pub use machine::{cores, git_commit, memory_share_mib};
pub use runs::{free_name, stamp};
pub use settings::{named, settings, space_settings, split_pair};
