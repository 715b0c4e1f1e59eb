//! How much memory a training needs.

use super::config::TrainConfig;
use super::optim::Optimizer;
use crate::nn::{Cost, UNFOLDED};

/// How often the kept numbers of a training step are in memory at once: the value, the gradients
/// that are on their way, and what the allocator holds back. Measured, see the test
/// `memory_estimate`.
const COPIES: f64 = 1.4;

/// How often the largest intermediate result is in memory at once.
const WORKSPACES: f64 = 2.0;

/// What the program, its thread and the tensor library need at all, in MiB.
const BASE_MIB: f64 = 16.0;

/// An estimate of the memory of a training in MiB: weights with their gradients, the memory of the
/// optimizer and the best weights so far, and for every example of a batch what is kept for the
/// gradient. The dataset is not in it. From 0.8 to 1.3 of what was measured.
pub fn memory_mib(cost: Cost, config: &TrainConfig) -> u64 {
    let weights = (3 + Optimizer::moments(config.optimizer)) as f64 * cost.params as f64;
    let batch = config.batch_size as f64;
    // Intermediate results are made in pieces of the batch, at least one example long.
    let example = cost.workspace as f64;
    let workspace = (batch * example).min(example.max(UNFOLDED as f64));
    let kept = batch * cost.activations as f64;
    let numbers = weights + COPIES * kept + WORKSPACES * workspace;
    (BASE_MIB + numbers * 4.0 / f64::from(1 << 20)).ceil() as u64
}
