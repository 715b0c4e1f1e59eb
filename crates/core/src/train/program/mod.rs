//! The fast path of a training on the CPU: a network as a fixed list of steps on memory that is
//! there before the first batch, with gradients made by hand.
//!
//! Layers are asked to [`trace`](crate::nn::Layer::trace) what they compute; [`compile`] makes steps
//! of it, and [`run`] takes them. Where a layer has something that is not among the operations of a
//! [`Trace`], there is no program, and the network is trained by the gradients of the tensor library;
//! both give the same results but for rounding.

mod backward;
mod compile;
mod drop_path;
mod features;
mod halving;
mod images;
mod join;
mod mask;
mod memory;
mod norm;
mod owners;
mod rows;
mod run;
mod select;
mod step;
#[cfg(test)]
mod tests;
mod trace;
mod windowed;

pub(crate) use run::Program;
pub use trace::{NormVars, Trace, Value};

use crate::Seed;
use crate::nn::NORM_MOMENTUM;

/// What a batch is computed for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mode {
    /// Normalization by the batch, and what is left out at random from this seed, of which there is
    /// more when a larger part of the training is done.
    Train { seed: Seed, progress: f64 },
    /// Normalization by the batch, and no dropout: the running statistics become the means of those
    /// of the batches so far, of which this is the number, from 1.
    Calibrate { number: u32 },
    /// Normalization by running statistics, and no dropout.
    Evaluate,
}

impl Mode {
    /// How much of the statistics of the batch the running ones take; none, if normalization is by
    /// these.
    fn share(self) -> Option<f64> {
        match self {
            Self::Train { .. } => Some(NORM_MOMENTUM),
            Self::Calibrate { number } => Some(1.0 / f64::from(number)),
            Self::Evaluate => None,
        }
    }
}
