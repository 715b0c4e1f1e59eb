//! What `cargo xtask` and the tests share.

pub mod binary;
pub mod reference;
