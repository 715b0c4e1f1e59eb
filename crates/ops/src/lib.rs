//! Fast differentiable operations on the CPU, for candle.
//!
//! - [`op`]: operations on tensors, for any network;
//! - [`kernel`]: loops over interleaved images, for any instruction set, chosen on the machine that
//!   they run on; [`layout`] says how images lie in memory, [`scratch`] where what they
//!   need for a moment is, [`simd`] how kernels are written;
//! - [`convolution`], [`matrix`] and [`update`]: what whole batches and optimizers need of them.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined into a kernel is not compiled for its instruction set"
)]

pub mod convolution;
pub mod kernel;
pub mod layout;
pub mod matrix;
pub mod op;
pub mod scratch;
pub mod simd;
mod transpose;
pub mod update;
pub mod windows;
