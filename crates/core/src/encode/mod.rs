//! Architectures as numbers, for models and for arithmetic.

pub mod dag;
pub mod network;
pub mod path;
pub mod unit;
pub mod wl;
