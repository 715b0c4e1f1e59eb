//! How long an answer takes.

use std::time::{Duration, Instant};

use candle_core::Tensor;

use crate::Result;
use crate::nn::Model;

/// The passes that are timed.
const PASSES: u32 = 20;

/// When enough is known: of a slow network fewer passes are timed, but at least one.
const ENOUGH: Duration = Duration::from_millis(500);

/// The milliseconds that a network needs for one example, on the device and threads it runs on: the
/// least of 20 passes behind a first one. Whatever else runs can only make a pass longer, so that
/// the least of them says most about the network.
///
/// # Errors
/// If the network cannot be run.
#[expect(
    clippy::disallowed_methods,
    reason = "this is what is measured, and no part of the history"
)]
pub fn latency_ms(model: &Model) -> Result<f64> {
    let device = model.device();
    let mut dims = vec![1];
    dims.extend(model.input_shape());
    let example = Tensor::zeros(dims, model.dtype(), device)?;
    let pass = || -> Result<Duration> {
        let start = Instant::now();
        model.predict(&example)?;
        device.synchronize()?;
        Ok(start.elapsed())
    };
    pass()?;
    let (begun, mut least) = (Instant::now(), Duration::MAX);
    for _ in 0..PASSES {
        least = least.min(pass()?);
        if begun.elapsed() > ENOUGH {
            break;
        }
    }
    Ok(least.as_secs_f64() * 1e3)
}
