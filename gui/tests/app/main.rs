//! The app without a window: panels are found by their labels, as a screen reader finds them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod common;
mod damaged;
mod live;
mod panels;
mod picture;
mod pictures;
