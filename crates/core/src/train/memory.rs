//! How much memory a training needs.

use candle_core::DType;

use super::config::TrainConfig;
use super::loader;
use super::optim::Optimizer;
use super::program::Program;
use crate::Result;
use crate::nn::{Cost, Model};

/// How often the kept numbers of a training step are in memory at once where the tensor library
/// trains: the value, the gradients that are on their way, and what the allocator holds back.
/// Measured, see the test `memory_estimate`.
const COPIES: f64 = 1.4;

/// What the program, its thread and the tensor library need at all, in MiB.
const BASE_MIB: f64 = 16.0;

/// The memory of a training in MiB: weights with their gradients, the memory of the optimizer and
/// the best weights so far, and what a batch needs. The dataset is not in it.
///
/// Where the model is trained as a fixed list of steps, what a batch needs is known; else it is an
/// estimate, from what is kept of each example for the gradient. From 0.8 to 1.3 of what was
/// measured. In half precision it is the estimate for `f32`, which is more than is needed.
///
/// # Errors
/// If the model cannot be read.
pub fn memory_mib(model: &Model, config: &TrainConfig) -> Result<u64> {
    let batch = match Program::bytes(model, config.batch_size)? {
        Some(bytes) => (bytes + loader::bytes(model, config)) as f64,
        None => estimate(model, config),
    };
    Ok(mib(weights(model.cost(), config) + batch))
}

/// The part of it that the weights need.
pub(crate) fn weights_mib(cost: Cost, config: &TrainConfig) -> u64 {
    mib(weights(cost, config))
}

fn mib(bytes: f64) -> u64 {
    (BASE_MIB + bytes / f64::from(1 << 20)).ceil() as u64
}

fn weights(cost: Cost, config: &TrainConfig) -> f64 {
    (3 + Optimizer::moments(config.optimizer)) as f64 * cost.params as f64 * 4.0
}

fn estimate(model: &Model, config: &TrainConfig) -> f64 {
    let Cost { activations, unfolded, .. } = model.cost();
    let has_kernels = model.device().is_cpu() && matches!(model.dtype(), DType::F32 | DType::F64);
    let kept = if has_kernels { activations } else { activations + unfolded };
    COPIES * config.batch_size as f64 * kept as f64 * model.dtype().size_in_bytes() as f64
}
