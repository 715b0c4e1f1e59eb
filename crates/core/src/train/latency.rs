//! How long an answer takes.

use std::time::{Duration, Instant};

use candle_core::{Device, Tensor};

use crate::nn::{ForwardContext, Model};
use crate::space::Supernet;
use crate::{Result, Seed};

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
    let example = example(model)?;
    let mut least = Duration::MAX;
    passes(|| {
        let start = Instant::now();
        model.predict(&example)?;
        model.device().synchronize()?;
        least = least.min(start.elapsed());
        Ok(())
    })?;
    Ok(least.as_secs_f64() * 1e3)
}

/// The milliseconds that each operation of a supernet needs for one example, in all places where it
/// is, on the CPU: measured as [`latency_ms`]. 0 for what is nothing.
///
/// # Errors
/// If the network does not fit the inputs.
pub fn operation_latencies_ms(
    supernet: &Supernet,
    input: &[usize],
    classes: usize,
) -> Result<Vec<f64>> {
    let model = Model::new(&supernet.graph, input, classes, Seed::new(0), &Device::Cpu)?;
    let (example, count) = (example(&model)?, supernet.operations());
    let coefficients = Tensor::ones(supernet.coefficients(), model.dtype(), model.device())?;
    let mut least = vec![Duration::MAX; count];
    passes(|| {
        let cx = ForwardContext::eval().with_coefficients(coefficients.clone());
        let mut cx = cx.timed(count);
        model.forward(&example, &mut cx)?;
        for (least, time) in std::iter::zip(&mut least, cx.times()) {
            *least = (*least).min(*time);
        }
        Ok(())
    })?;
    Ok(least.into_iter().map(|time| time.as_secs_f64() * 1e3).collect())
}

fn example(model: &Model) -> Result<Tensor> {
    let mut dims = vec![1];
    dims.extend(model.input_shape());
    Ok(Tensor::zeros(dims, model.dtype(), model.device())?)
}

/// Makes a first pass that does not count for the time, then others until enough is known.
#[expect(
    clippy::disallowed_methods,
    reason = "this is what is measured, and no part of the history"
)]
fn passes(mut pass: impl FnMut() -> Result<()>) -> Result<()> {
    pass()?;
    let begun = Instant::now();
    for _ in 0..PASSES {
        pass()?;
        if begun.elapsed() > ENOUGH {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Relaxed as _, nas_bench_201};

    #[test]
    fn operations_take_time_where_they_do_something() {
        let config = nas_bench_201::Config { channels: 8, cells: 1 };
        let supernet = nas_bench_201::NasBench201::new(config).unwrap().supernet();
        let latencies = operation_latencies_ms(&supernet, &[3, 16, 16], 10).unwrap();
        assert_eq!(latencies.len(), supernet.coefficients());
        for edge in &supernet.edges {
            for (op, ms) in std::iter::zip(&edge.options, &latencies[edge.coefficients()]) {
                let works = !["none", "skip_connect"].contains(&&**op);
                assert!(if works { *ms > 0.0 && *ms < 1e3 } else { *ms == 0.0 }, "{op}: {ms}");
            }
        }
    }
}
