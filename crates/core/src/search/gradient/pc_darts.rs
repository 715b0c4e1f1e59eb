//! PC-DARTS: operations work on a part of the channels, and edges are preferred too.
//!
//! # Algorithm
//! As `darts`, of first order, but that the operations of an edge see one of `parts` equal parts of
//! the channels; the rest passes by, and behind each node the channels are shuffled, so that all take
//! their turn. A node weights its edges by a softmax over β, one number for each, which is learned as α
//! is: an edge from `i` to `j` brings `softmax(β)_ij · Σ_o softmax(α_ij)_o · o(x_i)` (Xu et al., eq. 2
//! and 3). For the first epochs, a share `warm_up` of all, only the weights learn. In the end the
//! operations, and the edges of a node, are those with the largest product of both.
//!
//! What sees few channels cannot win by having no weights: this takes from skip connections their
//! advantage at the start, and β evens out what single edges do.
//!
//! # Cost
//! As `darts`, with operations on `1 / parts` of the channels.
//!
//! # References
//! Xu et al., "PC-DARTS: Partial Channel Connections for Memory-Efficient Architecture Search", ICLR
//! 2020, <https://arxiv.org/abs/1907.05737>.
//!
//! # Differences from the paper
//! The sum over the edges of a node is taken before the shuffle, not behind it, which is the same.

use serde::{Deserialize, Serialize};

use super::alpha::Alpha;
use super::method::{Method, Mixture};
use super::one_shot::OneShot;
use super::settings::{AllSettings, AlphaSettings, CurvatureSettings, Settings};
use crate::Rng;
use crate::config::{defaults, invalid, parse};
use crate::search::SearcherEntry;

/// The row of the table.
pub static ENTRY: SearcherEntry = SearcherEntry {
    name: NAME,
    summary: "As darts, but operations work on a part of the channels, and edges are weighted too.",
    reference: "Xu et al. 2020, https://arxiv.org/abs/1907.05737",
    defaults: defaults::<Config>,
    build: |config, setup| {
        let config: Config = parse(NAME, config)?;
        if !(2..=64).contains(&config.parts) {
            return Err(invalid(NAME, "parts must be 2 to 64"));
        }
        if !(0.0..1.0).contains(&config.warm_up) {
            return Err(invalid(NAME, "warm_up must be from 0 to below 1"));
        }
        let method = PcDarts { parts: config.parts, warm_up: config.warm_up };
        let settings = AllSettings {
            weights: config.supernet,
            alpha: Some(config.alpha),
            curvature: Some(config.curvature),
        };
        Ok(Box::new(OneShot::new(NAME, settings, method, setup)?))
    },
};

const NAME: &str = "pc_darts";

/// The settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Those of every supernet.
    #[serde(flatten)]
    pub supernet: Settings,
    /// Those of α.
    #[serde(flatten)]
    pub alpha: AlphaSettings,
    /// Those of the curvature of the loss over α.
    #[serde(flatten)]
    pub curvature: CurvatureSettings,
    /// In how many parts the channels are divided, of which one goes through the operations; 2 to 64,
    /// and 4 in the paper. It has to divide the channels of the space.
    pub parts: usize,
    /// For which share of the epochs, at the start, only the weights learn; 0 to below 1, and 0.3 in
    /// the paper.
    pub warm_up: f64,
}

impl Default for Config {
    fn default() -> Self {
        let alpha = AlphaSettings { alpha_learning_rate: 6e-4, ..AlphaSettings::default() };
        let (supernet, curvature) = (Settings::default(), CurvatureSettings::default());
        Self { supernet, alpha, curvature, parts: 4, warm_up: 0.3 }
    }
}

/// How operations are mixed.
struct PcDarts {
    parts: usize,
    warm_up: f64,
}

impl PcDarts {
    /// `softmax(β) · softmax(α)` for the operations, and `softmax(β)` for what passes by.
    fn products(alpha: &Alpha) -> Alpha {
        let shares = alpha.softmax(1.0);
        let mut products = shares.values.clone();
        for (edge, pass) in shares.edges_with_passes() {
            for product in &mut products[edge] {
                *product *= shares.values[pass];
            }
        }
        shares.with(products)
    }
}

impl Method for PcDarts {
    fn parts(&self, _: u32, _: u32) -> usize {
        self.parts
    }

    fn weighs_edges(&self) -> bool {
        true
    }

    fn mix(&self, alpha: &Alpha, _: f64, _: &mut Rng) -> Mixture {
        Mixture::soft(Self::products(alpha))
    }

    fn learns_at(&self, progress: f64, _: u32) -> bool {
        progress >= self.warm_up
    }

    fn differentiate(&self, mixture: &Mixture, for_coefficients: &[f64]) -> Vec<f64> {
        let products = &mixture.probabilities;
        let (mut shares, mut gradient) = (products.values.clone(), for_coefficients.to_vec());
        for (edge, pass) in products.edges_with_passes() {
            let beta = products.values[pass];
            for at in edge {
                // A share that has underflown learns no more.
                shares[at] = if beta > 0.0 { shares[at] / beta } else { 0.0 };
                gradient[pass] += shares[at] * for_coefficients[at];
                gradient[at] *= beta;
            }
        }
        products.with(shares).softmax_gradient(&gradient, 1.0)
    }

    fn strengths(&self, alpha: &Alpha) -> Alpha {
        Self::products(alpha)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;
    use crate::space::MixedEdge;

    #[test]
    fn the_gradient_is_that_of_the_mixture() {
        let edge = |first: usize, count: usize| {
            let options = vec!["op".to_owned(); count];
            MixedEdge { name: String::new(), options, first }
        };
        let (edges, passes) = ([edge(0, 3), edge(3, 2), edge(5, 2)], [7..8, 8..10]);
        let method = PcDarts { parts: 2, warm_up: 0.0 };
        let mut rng = Seed::new(1).rng();
        let drawn = Alpha::drawn(&edges, &passes, &mut rng);
        let alpha = drawn.with(drawn.values.iter().map(|value| value * 700.0).collect());
        let weights: Vec<f64> = (0..10).map(|at| f64::from(at * 7 % 5) - 1.7).collect();
        let mut value = |alpha: &Alpha| -> f64 {
            let mixture = method.mix(alpha, 0.0, &mut rng);
            let values = &mixture.probabilities.values;
            std::iter::zip(values, &weights).map(|(value, weight)| value * weight).sum()
        };
        let differences: Vec<f64> = (0..10)
            .map(|at| {
                let moved = |by: f64| {
                    let mut values = alpha.values.clone();
                    values[at] += by;
                    alpha.with(values)
                };
                (value(&moved(1e-5)) - value(&moved(-1e-5))) / 2e-5
            })
            .collect();
        let mixture = method.mix(&alpha, 0.0, &mut rng);
        let gradient = method.differentiate(&mixture, &weights);
        for (actual, expected) in std::iter::zip(&gradient, &differences) {
            assert!((actual - expected).abs() < 1e-8, "{gradient:?} is not {differences:?}");
        }
        // What a node gets of its edges is all of something.
        let shares = &mixture.probabilities.values;
        assert!((shares[7] - 1.0).abs() < 1e-12 && (shares[8] + shares[9] - 1.0).abs() < 1e-12);
    }
}
