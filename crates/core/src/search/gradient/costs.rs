//! What the options of a supernet cost, for searches that weigh cost beside the loss.

use crate::Result;
use crate::config::invalid;
use crate::nn::{Cost, Model, cost};
use crate::space::{MixedEdge, SearchSpace, Supernet};

use super::relaxation::relaxed;
use super::settings::{AlphaSettings, CostKind};

/// What the option of each coefficient costs, as a share of the most expensive network.
///
/// Operations are counted where they are. What has none of its own, such as a width, costs what
/// networks cost more with it than with the cheapest option, on average over networks that take the
/// same option everywhere else: the sum over all options then is exact for operations, and to first
/// order for widths.
pub(super) fn shares(
    name: &str,
    settings: &AlphaSettings,
    space: &dyn SearchSpace,
    supernet: &Supernet,
    model: &Model,
) -> Result<Vec<f64>> {
    let number: fn(&Cost) -> f64 = match settings.cost {
        CostKind::Params => |cost| cost.params as f64,
        CostKind::Flops => |cost| cost.flops as f64,
        CostKind::Latency => {
            return measured(name, &settings.latencies, supernet.operations())
                .map(|costs| as_shares(costs, supernet));
        }
    };
    let mut costs: Vec<f64> = model.coefficient_costs().iter().map(number).collect();
    costs.resize(supernet.coefficients(), 0.0);
    let of_network = |path: &[usize]| -> Result<f64> {
        let strengths = std::iter::zip(&supernet.edges, path).map(|(edge, option)| {
            let options = 0..edge.options.len();
            options.map(|at| f64::from(u8::from(at == *option))).collect()
        });
        let strengths: Vec<Vec<f64>> = strengths.collect();
        let graph = space.graph(&relaxed(name, space)?.strongest(&strengths)?)?;
        Ok(number(&cost(&graph, model.input_shape(), model.classes())?))
    };
    let is_counted = |edge: &MixedEdge| costs[edge.coefficients()].iter().any(|cost| *cost > 0.0);
    let counted: Vec<bool> = supernet.edges.iter().map(is_counted).collect();
    let most = supernet.edges.iter().map(|edge| edge.options.len()).max().unwrap_or(0);
    for (at, edge) in supernet.edges.iter().enumerate().filter(|(at, _)| !counted[*at]) {
        let mut of_options = vec![0.0; edge.options.len()];
        for (option, of_option) in of_options.iter_mut().enumerate() {
            for everywhere in 0..most {
                let elsewhere = std::iter::zip(&supernet.edges, &counted).map(|(edge, counted)| {
                    let last = edge.options.len() - 1;
                    if *counted { everywhere.min(last) } else { last }
                });
                let mut path: Vec<usize> = elsewhere.collect();
                path[at] = option;
                *of_option += of_network(&path)? / most as f64;
            }
        }
        let least = of_options.iter().copied().fold(f64::INFINITY, f64::min);
        for (cost, of_option) in std::iter::zip(&mut costs[edge.coefficients()], of_options) {
            *cost = of_option - least;
        }
    }
    Ok(as_shares(costs, supernet))
}

/// The milliseconds of `count` operations, as a person has measured them.
fn measured(name: &str, latencies: &[f64], count: usize) -> Result<Vec<f64>> {
    let is_time = |ms: &f64| ms.is_finite() && *ms >= 0.0;
    if latencies.len() != count || !latencies.iter().all(is_time) {
        let problem = format!(
            "cost=latency needs the milliseconds of {count} operations, and has {}; measure them for \
             this space and these data with `nascent latency --json`, and say latencies= and what it \
             prints",
            latencies.len()
        );
        return Err(invalid(name, problem));
    }
    Ok(latencies.to_vec())
}

fn as_shares(mut costs: Vec<f64>, supernet: &Supernet) -> Vec<f64> {
    costs.resize(supernet.coefficients(), 0.0);
    let most = |edge: &MixedEdge| costs[edge.coefficients()].iter().copied().fold(0.0, f64::max);
    let all: f64 = supernet.edges.iter().map(most).sum();
    costs.iter().map(|cost| if all > 0.0 { cost / all } else { 0.0 }).collect()
}
