//! What the options of a supernet cost, for searches that weigh cost beside the loss.

use crate::Result;
use crate::config::invalid;
use crate::nn::{Cost, Model, cost};
use crate::space::{Relaxed, SearchSpace, Supernet, costs_of_widths};

use super::relaxation::relaxed;
use super::settings::{AlphaSettings, CostKind};

/// What the option of each coefficient costs, as a share of what all those of the most expensive network
/// do.
///
/// Operations are counted where they are. A width costs what networks cost more with it than with the
/// cheapest one, see [`costs_of_widths`]. Without widths the sum over the options of a network is what
/// its operations cost; with them what one width saves of another is not counted.
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
            let costs = measured(name, &settings.latencies, supernet)?;
            return as_shares(costs, supernet, relaxed(name, space)?);
        }
    };
    let mut costs: Vec<f64> = model.coefficient_costs().iter().map(number).collect();
    costs.resize(supernet.coefficients(), 0.0);
    let of_widths = costs_of_widths(space, supernet, |networks| {
        let of_network = |network| cost(network, model.input_shape(), model.classes());
        networks.iter().map(|network| Ok(number(&of_network(network)?))).collect()
    })?;
    for (at, of_width) in of_widths {
        costs[at] = of_width;
    }
    as_shares(costs, supernet, relaxed(name, space)?)
}

/// The milliseconds of operations and widths, as a person has measured them.
fn measured(name: &str, latencies: &[f64], supernet: &Supernet) -> Result<Vec<f64>> {
    let (count, is_time) = (supernet.operations(), |ms: &f64| ms.is_finite() && *ms >= 0.0);
    if latencies.len() != count || !latencies.iter().all(is_time) {
        let problem = format!(
            "cost=latency needs the milliseconds of {count} operations{}, and has {}; measure them for \
             this space and these data with `nascent latency --json`, and say latencies= and what it \
             prints",
            if supernet.has_widths() { " and widths" } else { "" },
            latencies.len()
        );
        return Err(invalid(name, problem));
    }
    Ok(latencies.to_vec())
}

fn as_shares(mut costs: Vec<f64>, supernet: &Supernet, relaxed: &dyn Relaxed) -> Result<Vec<f64>> {
    costs.resize(supernet.coefficients(), 0.0);
    // The most expensive network takes what is most expensive, by the rule of the space.
    let by_edge = supernet.edges.iter().map(|edge| costs[edge.coefficients()].to_vec());
    let path = relaxed.path(&relaxed.strongest(&by_edge.collect::<Vec<_>>())?);
    let taken = std::iter::zip(&supernet.edges, path)
        .filter_map(|(edge, option)| Some(edge.first + option?));
    let all: f64 = taken.map(|at| costs[at]).sum();
    Ok(costs.iter().map(|cost| if all > 0.0 { cost / all } else { 0.0 }).collect())
}

#[cfg(test)]
mod tests {
    use nascent_record::Architecture;

    use super::*;
    use crate::space::{SpecExt as _, darts};

    /// Of the edges of a node an architecture takes two, though all have operations.
    #[test]
    fn the_most_expensive_network_costs_1() {
        let space = darts::Darts::new(darts::Config::default()).unwrap();
        let supernet = space.supernet();
        let costs = (0..supernet.coefficients()).map(|at| ((at * 7919) % 101) as f64).collect();
        let shares = as_shares(costs, &supernet, &space).unwrap();
        let by_edge: Vec<Vec<f64>> =
            supernet.edges.iter().map(|edge| shares[edge.coefficients()].to_vec()).collect();
        let of = |architecture: &Architecture| -> f64 {
            let edges = std::iter::zip(&by_edge, space.path(architecture));
            edges.filter_map(|(edge, option)| Some(edge[option?])).sum()
        };
        assert!((of(&space.strongest(&by_edge).unwrap()) - 1.0).abs() < 1e-12);
        let mut rng = crate::Seed::new(1).rng();
        for _ in 0..200 {
            assert!(of(&space.spec().sample(&mut rng)) <= 1.0);
        }
    }
}
