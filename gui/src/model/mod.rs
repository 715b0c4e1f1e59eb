//! What the app knows: runs on disk, read in the background.
//!
//! The thread that paints reads no run and never walks over all trials. One thread finds and follows
//! runs ([`Library`]), others compute what panels ask for ([`Jobs`], [`Lazy`]), and do what ends with
//! a command ([`Errands`]).

mod errands;
mod follow;
mod jobs;
mod library;
mod networks;
mod row;
mod status;

pub(crate) use errands::Errands;
pub(crate) use jobs::{Jobs, Lazy};
pub(crate) use library::{Library, Order, Shown};
pub(crate) use networks::Network;
pub(crate) use row::{Cost, Row, Summary};
pub(crate) use status::{Status, reason};

/// While nobody touches the app, it looks at runs that are being written, and paints what is new, once
/// in this time.
pub(crate) const BEAT: std::time::Duration = std::time::Duration::from_secs(1);
