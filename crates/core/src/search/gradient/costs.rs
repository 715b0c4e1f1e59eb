//! What the options of a supernet cost, for searches that weigh cost beside the loss.

use crate::Result;
use crate::config::invalid;
use crate::nn::{Cost, Model, cost};
use crate::space::{MixedEdge, SearchSpace, Supernet, costs_of_widths};

use super::settings::{CostKind, Settings};

/// What the option of each coefficient costs, as a share of the most expensive network.
///
/// Operations are counted where they are. A width costs what networks cost more with it than with the
/// cheapest one, see [`costs_of_widths`]: the sum over all options then is exact for operations, and to
/// first order for widths.
pub(super) fn shares(
    name: &str,
    settings: &Settings,
    space: &dyn SearchSpace,
    supernet: &Supernet,
    model: &Model,
) -> Result<Vec<f64>> {
    let number: fn(&Cost) -> f64 = match settings.cost {
        CostKind::Params => |cost| cost.params as f64,
        CostKind::Flops => |cost| cost.flops as f64,
        CostKind::Latency => {
            return measured(name, &settings.latencies, supernet)
                .map(|costs| as_shares(costs, supernet));
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
    Ok(as_shares(costs, supernet))
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

fn as_shares(mut costs: Vec<f64>, supernet: &Supernet) -> Vec<f64> {
    costs.resize(supernet.coefficients(), 0.0);
    let most = |edge: &MixedEdge| costs[edge.coefficients()].iter().copied().fold(0.0, f64::max);
    let all: f64 = supernet.edges.iter().map(most).sum();
    costs.iter().map(|cost| if all > 0.0 { cost / all } else { 0.0 }).collect()
}
