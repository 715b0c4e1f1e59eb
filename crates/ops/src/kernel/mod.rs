//! The kernels: loops over interleaved images, see [`layout`](crate::layout).

pub mod correlation;
