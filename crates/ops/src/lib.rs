//! Fast differentiable operations on the CPU, for candle.

pub mod convolution;
pub mod kernel;
pub mod layout;
pub mod matrix;
pub mod simd;
pub mod update;
pub mod windows;
