//! What the app knows: runs on disk, read in the background.
//!
//! The thread that paints never opens a file and never walks over all trials. One thread finds and
//! follows runs ([`Library`]), another computes what panels ask for ([`Jobs`], [`Lazy`]).

mod follow;
mod jobs;
mod library;
mod networks;
mod row;
mod status;

pub(crate) use jobs::{Jobs, Lazy};
pub(crate) use library::{Library, Order, Shown};
pub(crate) use networks::Network;
pub(crate) use row::{Row, Summary};
pub(crate) use status::{Status, reason};
