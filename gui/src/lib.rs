//! The desktop app: see, follow and compare search runs.
//!
//! It reads runs with `nascent-record` and shows figures of `nascent-figures`. It never takes the lock of
//! a run and writes nothing of it but `control.json`, where a person asks a search to pause, to go on, or
//! to stop; so it cannot disturb a search otherwise. [`App`] is the whole window, [`run`] opens it.
//!
//! - `model` finds and follows runs in the background.
//! - `panel` has one file for each panel, and the table of them.
//! - `draw` draws figures and networks.
//! - `filter` is the language of the trials table.
//! - `command` is what menus, keys and the command palette can do.

mod app;
mod command;
mod draw;
mod filter;
mod layout;
mod model;
mod open;
mod panel;
mod picked;
mod settings;
mod terms;
mod text;
mod theme;

#[cfg(test)]
#[path = "../../crates/figures/tests/common/mod.rs"]
mod testing;

#[cfg(test)]
#[path = "../tests/app/picture.rs"]
mod picture;

pub use app::App;
pub use open::{Options, run};
pub use settings::{Settings, ThemeChoice};
