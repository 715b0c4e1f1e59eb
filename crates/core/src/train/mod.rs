//! Training a model: data, loss, optimizer, schedule, and the loop.
//!
//! The same seed gives the same weights, bit for bit, on one kind of machine: all random numbers
//! come from `init` and the seeds of [`Seed`](crate::Seed), and every sum keeps its order. (The
//! matrix product takes the size of its blocks from the caches of the processor, so another kind of
//! processor may round otherwise.)

mod augment;
mod checkpoint;
mod config;
mod data;
mod device;
mod fit;
pub(crate) mod init;
mod latency;
mod loader;
mod loss;
mod memory;
mod optim;
mod pool;
pub(crate) mod program;
mod scale;
mod schedule;
mod supernet;
mod trainer;
mod update;

pub use augment::Augment;
pub use config::{OptimizerKind, Precision, ScheduleKind, ScheduleUnit, TrainConfig};
pub use data::{Batch, Data, Part};
pub use device::device;
pub use fit::{EpochResult, Fit, Plan, Score, evaluate, fit};
pub use latency::{latency_ms, option_latencies_ms};
pub use loader::{Batches, Order, batches};
pub use loss::cross_entropy;
pub use memory::memory_mib;
pub(crate) use memory::weights_mib;
pub use optim::Optimizer;
pub(crate) use pool::on_one_thread;
pub use pool::one_thread_per_operation;
pub use program::{NormVars, Trace, Value};
pub use schedule::Schedule;
pub use supernet::{BatchScore, SharedWeights};
pub use trainer::Trainer;
