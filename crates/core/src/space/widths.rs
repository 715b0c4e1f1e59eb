//! What the widths of a supernet cost: what networks take more that are wider.

use nascent_record::Graph;

use super::relaxed::{MixedEdge, NONE, Supernet};
use super::{SearchSpace, obstacles};
use crate::Result;
use crate::nn::infeasible;

impl Supernet {
    /// Whether it mixes widths, beside operations.
    pub fn has_widths(&self) -> bool {
        self.has_operations().contains(&false)
    }

    /// For each of [`Supernet::edges`] whether its options are operations; those of the others are
    /// widths, and mask what operations compute.
    pub(crate) fn has_operations(&self) -> Vec<bool> {
        let graphs = std::iter::once(&self.graph).chain(self.graph.cells.values());
        let multiplied = graphs.flat_map(|graph| &graph.edges).filter_map(|edge| edge.coefficient);
        let multiplied: std::collections::HashSet<usize> = multiplied.collect();
        let is_there = |edge: &MixedEdge| {
            let is_none = |op: &String| op == NONE;
            edge.options.iter().all(is_none)
                || edge.coefficients().any(|at| multiplied.contains(&at))
        };
        self.edges.iter().map(is_there).collect()
    }
}

/// For each width of a supernet its coefficient and what networks take more with it than with the
/// cheapest width of its place, on average over networks that have the same operation in every place
/// and the most of every other width; as somebody measures networks that differ in one width.
pub(crate) fn costs_of_widths(
    space: &dyn SearchSpace,
    supernet: &Supernet,
    mut measure: impl FnMut(&[Graph]) -> Result<Vec<f64>>,
) -> Result<Vec<(usize, f64)>> {
    let relaxed = space.relaxed().ok_or_else(|| infeasible(obstacles(space.spec())))?;
    let network = |path: &[usize]| -> Result<Graph> {
        let strengths = std::iter::zip(&supernet.edges, path).map(|(edge, option)| {
            let options = 0..edge.options.len();
            options.map(|at| f64::from(u8::from(at == *option))).collect()
        });
        let strengths: Vec<Vec<f64>> = strengths.collect();
        space.graph(&relaxed.strongest(&strengths)?)
    };
    let has_operations = supernet.has_operations();
    let with_operations = std::iter::zip(&supernet.edges, &has_operations);
    let options = with_operations.filter(|(_, has)| **has).map(|(edge, _)| edge.options.len());
    let most = options.max().unwrap_or(1);
    let mut costs = Vec::new();
    for (at, edge) in supernet.edges.iter().enumerate().filter(|(at, _)| !has_operations[*at]) {
        let mut of_options = vec![0.0; edge.options.len()];
        for everywhere in 0..most {
            let elsewhere = std::iter::zip(&supernet.edges, &has_operations);
            let mut path: Vec<usize> = elsewhere
                .map(|(edge, has_operations)| {
                    let last = edge.options.len() - 1;
                    if *has_operations { everywhere.min(last) } else { last }
                })
                .collect();
            let networks = (0..edge.options.len()).map(|option| {
                path[at] = option;
                network(&path)
            });
            let measured = measure(&networks.collect::<Result<Vec<_>>>()?)?;
            for (of_option, measured) in std::iter::zip(&mut of_options, measured) {
                *of_option += measured / most as f64;
            }
        }
        let least = of_options.iter().copied().fold(f64::INFINITY, f64::min);
        costs.extend(std::iter::zip(edge.coefficients(), of_options.iter().map(|x| x - least)));
    }
    Ok(costs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Relaxed as _, nas_bench_201, proxyless};

    #[test]
    fn widths_are_told_from_operations() {
        let space = nas_bench_201::NasBench201::new(nas_bench_201::Config::default()).unwrap();
        assert_eq!(space.supernet().has_operations(), [true; 6]);
        assert_eq!(costs_of_widths(&space, &space.supernet(), |_| unreachable!()).unwrap(), []);
        let config = proxyless::Config { stages: 2, blocks: 1, channels: 4, widths: 2 };
        let space = proxyless::Proxyless::new(config).unwrap();
        assert_eq!(space.supernet().has_operations(), [true, true, false, false]);
    }

    /// Each measure is of networks that differ in one width alone, and what is said of a width is a
    /// difference to the cheapest one.
    #[test]
    fn a_width_costs_what_networks_take_more_with_it() {
        let config = proxyless::Config { stages: 2, blocks: 1, channels: 4, widths: 2 };
        let space = proxyless::Proxyless::new(config).unwrap();
        let mut calls = 0;
        let costs = costs_of_widths(&space, &space.supernet(), |networks| {
            calls += 1;
            let channels = networks.iter().map(|network| {
                let ops = network.edges.iter().filter_map(|edge| edge.op.as_ref()?.int("channels"));
                ops.map(|channels| channels as f64).collect::<Vec<_>>()
            });
            let channels: Vec<Vec<f64>> = channels.collect();
            let first = if calls <= 6 {
                [vec![2.0, 8.0], vec![4.0, 8.0]]
            } else {
                [vec![4.0, 4.0], vec![4.0, 8.0]]
            };
            assert_eq!(channels, first);
            Ok(channels
                .iter()
                .map(|of_network| of_network.iter().sum::<f64>() + f64::from(calls))
                .collect())
        });
        assert_eq!(calls, 12, "one for each of the operations, and for each of the stages");
        let rounded = costs.unwrap().into_iter().map(|(at, cost)| (at, (cost * 1e6).round() / 1e6));
        assert_eq!(rounded.collect::<Vec<_>>(), [(12, 0.0), (13, 2.0), (14, 0.0), (15, 4.0)]);
    }
}
