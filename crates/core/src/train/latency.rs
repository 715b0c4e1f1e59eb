//! How long an answer takes.

use std::time::{Duration, Instant};

use candle_core::{Device, Tensor};

use crate::nn::{ForwardContext, Model, infeasible};
use crate::space::{SearchSpace, Supernet, costs_of_widths, obstacles};
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
pub fn latency_ms(model: &Model) -> Result<f64> {
    let latencies = in_turn(std::slice::from_ref(model))?;
    Ok(latencies.into_iter().sum())
}

/// The same of each of several networks, pass by pass in turn, so that what else runs hits all.
#[expect(
    clippy::disallowed_methods,
    reason = "this is what is measured, and no part of the history"
)]
fn in_turn(models: &[Model]) -> Result<Vec<f64>> {
    let examples = models.iter().map(example).collect::<Result<Vec<_>>>()?;
    let mut least = vec![Duration::MAX; models.len()];
    passes(models.len(), || {
        for ((model, example), least) in std::iter::zip(models, &examples).zip(&mut least) {
            let start = Instant::now();
            model.predict(example)?;
            model.device().synchronize()?;
            *least = (*least).min(start.elapsed());
        }
        Ok(())
    })?;
    Ok(least.into_iter().map(milliseconds).collect())
}

/// The milliseconds that each option of the supernet of a space needs for one example, on the CPU,
/// measured as [`latency_ms`]: an operation in all places where it is, and 0 for what is nothing; a
/// width what networks take more with it than with the fastest width of its place, on average over
/// networks that have the same operation everywhere.
///
/// # Errors
/// If the space has no supernet, or its networks do not fit the inputs.
pub fn option_latencies_ms(
    space: &dyn SearchSpace,
    input: &[usize],
    classes: usize,
) -> Result<Vec<f64>> {
    let relaxed = space.relaxed().ok_or_else(|| infeasible(obstacles(space.spec())))?;
    let supernet = relaxed.supernet();
    let mut latencies = of_operations(&supernet, input, classes)?;
    let of_widths = costs_of_widths(space, &supernet, |networks| {
        let models = networks.iter();
        let models =
            models.map(|graph| Model::new(graph, input, classes, Seed::new(0), &Device::Cpu));
        in_turn(&models.collect::<Result<Vec<_>>>()?)
    })?;
    for (at, of_width) in of_widths {
        latencies[at] = of_width;
    }
    Ok(latencies)
}

/// The milliseconds of each operation of a supernet; 0 for each width.
fn of_operations(supernet: &Supernet, input: &[usize], classes: usize) -> Result<Vec<f64>> {
    // No network alone has a mask between its convolutions.
    let mut graph = supernet.graph.clone();
    for op in graph.edges.iter_mut().filter_map(|edge| edge.op.as_mut()) {
        op.attributes.retain(|name, _| !["coefficient", "widths"].contains(&name.as_str()));
    }
    let model = Model::new(&graph, input, classes, Seed::new(0), &Device::Cpu)?;
    let (example, count) = (example(&model)?, supernet.operations());
    let coefficients = Tensor::ones(supernet.coefficients(), model.dtype(), model.device())?;
    let mut least = vec![Duration::MAX; count];
    passes(1, || {
        let cx = ForwardContext::eval().with_coefficients(coefficients.clone());
        let mut cx = cx.timed(count);
        model.forward(&example, &mut cx)?;
        for (least, time) in std::iter::zip(&mut least, cx.times()) {
            *least = (*least).min(*time);
        }
        Ok(())
    })?;
    Ok(least.into_iter().map(milliseconds).collect())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn example(model: &Model) -> Result<Tensor> {
    let mut dims = vec![1];
    dims.extend(model.input_shape());
    Ok(Tensor::zeros(dims, model.dtype(), model.device())?)
}

/// Makes a first pass that does not count for the time, then others until enough is known of so many
/// networks.
#[expect(
    clippy::disallowed_methods,
    reason = "this is what is measured, and no part of the history"
)]
fn passes(networks: usize, mut pass: impl FnMut() -> Result<()>) -> Result<()> {
    pass()?;
    let begun = Instant::now();
    for _ in 0..PASSES {
        pass()?;
        if begun.elapsed() > ENOUGH * networks as u32 {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Relaxed as _, nas_bench_201, proxyless};

    #[test]
    fn operations_take_time_where_they_do_something() {
        let config = nas_bench_201::Config { channels: 8, cells: 1 };
        let space = nas_bench_201::NasBench201::new(config).unwrap();
        let latencies = option_latencies_ms(&space, &[3, 16, 16], 10).unwrap();
        let supernet = space.supernet();
        assert_eq!(latencies.len(), supernet.coefficients());
        for edge in &supernet.edges {
            for (op, ms) in std::iter::zip(&edge.options, &latencies[edge.coefficients()]) {
                let works = !["none", "skip_connect"].contains(&&**op);
                assert!(if works { *ms > 0.0 && *ms < 1e3 } else { *ms == 0.0 }, "{op}: {ms}");
            }
        }
    }

    #[test]
    fn wider_networks_take_longer() {
        let config = proxyless::Config { stages: 2, blocks: 1, channels: 64, widths: 2 };
        let space = proxyless::Proxyless::new(config).unwrap();
        let latencies = option_latencies_ms(&space, &[3, 16, 16], 10).unwrap();
        let supernet = space.supernet();
        assert_eq!(latencies.len(), supernet.coefficients());
        for edge in &supernet.edges {
            let of_edge = &latencies[edge.coefficients()];
            if edge.name.starts_with("width") {
                assert!(of_edge[0] == 0.0 && of_edge[1] > 0.005, "{}: {of_edge:?}", edge.name);
            } else {
                assert!(of_edge.iter().all(|ms| *ms > 0.0), "{}: {of_edge:?}", edge.name);
            }
        }
    }
}
