//! The kernels: loops over one block of interleaved images, see [`layout`](crate::layout).

pub mod correlation;
pub mod rows;

/// Whether a result replaces what was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// It does.
    Set,
    /// It is added.
    Add,
}
