//! FairDARTS: each operation has a sigmoid of its own, so that a skip connection takes nothing from
//! the others; a second loss drives each towards 0 or 1.
//!
//! # Algorithm
//! As `darts`, of first order, but that an edge computes `Σ_o σ(α_o) · o(x)`, and that α also moves
//! against the gradient of `-w (1/N) Σ (σ(α) - 1/2)²`, the zero-one loss (Chu et al., eq. 4 and 5),
//! with `w = zero_one_weight` and N operations. At first every α is 0, so that none is on either side.
//! In the end the operation with the largest σ of each edge is taken, by the rule of the space.
//!
//! Of the two remedies against the collapse to skip connections that are asked for here most often
//! (the other is DARTS-), it is the one that takes away the cause, which is the competition of the
//! softmax, and has no schedule: DARTS- adds a skip connection to each edge, and has it fade away over
//! epochs, which need to be tuned with it.
//!
//! # Cost
//! As `darts`.
//!
//! # References
//! Chu, Zhou, Zhang and Li, "Fair DARTS: Eliminating Unfair Advantages in Differentiable Architecture
//! Search", ECCV 2020, <https://arxiv.org/abs/1911.12126>.
//!
//! # Differences from the paper
//! The paper keeps all operations of an edge whose σ is above a threshold; a space with one operation
//! for each edge has the strongest. Where a space also has the choice of none, which the paper has not,
//! it has no α that learns, since nothing depends on it; it is taken where every operation is on its
//! way to 0, with a σ below 1/2.

use serde::{Deserialize, Serialize};

use super::alpha::Alpha;
use super::method::{Method, Mixture};
use super::one_shot::OneShot;
use super::relaxation::relaxed;
use super::settings::{AllSettings, AlphaSettings, CurvatureSettings, Settings};
use crate::Rng;
use crate::config::{defaults, invalid, parse};
use crate::search::SearcherEntry;

/// The row of the table.
pub static ENTRY: SearcherEntry = SearcherEntry {
    name: NAME,
    summary: "As darts, but operations do not compete: each has a sigmoid of its own.",
    reference: "Chu et al. 2020, https://arxiv.org/abs/1911.12126",
    defaults: defaults::<Config>,
    build: |config, setup| {
        let config: Config = parse(NAME, config)?;
        if !(config.zero_one_weight.is_finite() && config.zero_one_weight >= 0.0) {
            return Err(invalid(NAME, "zero_one_weight must be at least 0 and finite"));
        }
        let are_none = relaxed(NAME, &*setup.space)?.supernet().are_none();
        let method = FairDarts { zero_one_weight: config.zero_one_weight, are_none };
        let settings = AllSettings {
            weights: config.supernet,
            alpha: Some(config.alpha),
            curvature: Some(config.curvature),
        };
        Ok(Box::new(OneShot::new(NAME, settings, method, setup)?))
    },
};

const NAME: &str = "fair_darts";

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
    /// How much the zero-one loss weighs, at least 0; 10 in the paper.
    pub zero_one_weight: f64,
}

impl Default for Config {
    fn default() -> Self {
        // As in the code of the paper.
        let alpha = AlphaSettings { alpha_learning_rate: 3e-3, ..AlphaSettings::default() };
        let (supernet, curvature) = (Settings::default(), CurvatureSettings::default());
        Self { supernet, alpha, curvature, zero_one_weight: 10.0 }
    }
}

struct FairDarts {
    zero_one_weight: f64,
    /// Which options are to have no operation.
    are_none: Vec<bool>,
}

/// How strong it is to have none: an operation with a larger σ is on its way to 1, and one that has
/// not moved yet is to be taken before none.
const NONE_STRENGTH: f64 = 0.5 - 1e-9;

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

impl FairDarts {
    /// For each operation σ; 0 for none.
    fn sigmas(&self, alpha: &Alpha) -> Vec<f64> {
        let both = std::iter::zip(&alpha.values, &self.are_none);
        both.map(|(value, is_none)| if *is_none { 0.0 } else { sigmoid(*value) }).collect()
    }
}

impl Method for FairDarts {
    fn mix(&self, alpha: &Alpha, _: f64, _: &mut Rng) -> Mixture {
        Mixture::soft(alpha.with(self.sigmas(alpha)))
    }

    fn first_alpha(&self, drawn: Alpha) -> Alpha {
        drawn.with(vec![0.0; drawn.values.len()])
    }

    fn betas(&self) -> [f64; 2] {
        [0.9, 0.999]
    }

    fn differentiate(&self, mixture: &Mixture, for_coefficients: &[f64]) -> Vec<f64> {
        let both = std::iter::zip(&mixture.probabilities.values, for_coefficients);
        both.map(|(s, gradient)| gradient * s * (1.0 - s)).collect()
    }

    fn penalty(&self, alpha: &Alpha) -> Option<Vec<f64>> {
        let count = self.are_none.iter().filter(|is_none| !*is_none).count().max(1);
        let weight = -2.0 * self.zero_one_weight / count as f64;
        let sigmas = self.sigmas(alpha).into_iter();
        // 0 for none.
        Some(sigmas.map(|s| weight * (s - 0.5) * s * (1.0 - s)).collect())
    }

    fn strengths(&self, alpha: &Alpha) -> Alpha {
        let both = std::iter::zip(self.sigmas(alpha), &self.are_none);
        alpha.with(both.map(|(s, is_none)| if *is_none { NONE_STRENGTH } else { s }).collect())
    }

    fn slopes(&self, alpha: &Alpha) -> Vec<f64> {
        let (strengths, sigmas) = (self.strengths(alpha), self.sigmas(alpha));
        let mut slopes = vec![0.0; sigmas.len()];
        for edge in strengths.edges() {
            let sum: f64 = strengths.values[edge.clone()].iter().sum();
            for at in edge.clone() {
                slopes[at] = sigmas[at] * (1.0 - sigmas[at]) / sum;
            }
        }
        slopes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;
    use crate::space::{Relaxed as _, nas_bench_201};

    fn method_and_alpha() -> (FairDarts, Alpha, nas_bench_201::NasBench201) {
        let space = nas_bench_201::NasBench201::new(nas_bench_201::Config::default()).unwrap();
        let supernet = space.supernet();
        let method = FairDarts { zero_one_weight: 10.0, are_none: supernet.are_none() };
        let alpha = Alpha::drawn(&supernet.edges, &[], &mut Seed::new(1).rng());
        (method, alpha, space)
    }

    #[test]
    fn none_is_taken_where_all_operations_go_to_0() {
        let (method, drawn, space) = method_and_alpha();
        let alpha = method.first_alpha(drawn);
        assert!(alpha.values.iter().all(|value| *value == 0.0));
        // Two operations of the first edge are on, none of the second is, and the third has not moved.
        let mut values = alpha.values.clone();
        values[0..5].copy_from_slice(&[9.0, 0.2, 0.5, -0.3, -2.0]);
        values[5..10].copy_from_slice(&[-9.0, -0.2, -0.5, -0.1, -2.0]);
        let strengths = method.strengths(&alpha.with(values)).by_edge();
        let path = space.path(&space.strongest(&strengths).unwrap());
        assert_eq!(path[..3], [Some(2), Some(0), Some(1)]);
    }

    #[test]
    fn the_zero_one_loss_drives_operations_away_from_the_middle() {
        let (method, drawn, _) = method_and_alpha();
        let alpha = drawn.with(drawn.values.iter().map(|value| value * 900.0).collect());
        let loss = |alpha: &Alpha| -> f64 {
            let operations = std::iter::zip(&alpha.values, &method.are_none);
            let squares = operations
                .filter(|(_, is_none)| !*is_none)
                .map(|(value, _)| (sigmoid(*value) - 0.5).powi(2));
            // 24 of the 30 options are operations.
            -10.0 / 24.0 * squares.sum::<f64>()
        };
        let gradient = method.penalty(&alpha).unwrap();
        for (at, gradient) in gradient.iter().enumerate() {
            let [above, below] = [1e-5, -1e-5].map(|step| {
                let mut values = alpha.values.clone();
                values[at] += step;
                loss(&alpha.with(values))
            });
            assert!((gradient - (above - below) / 2e-5).abs() < 1e-8, "{at}");
        }
        assert_eq!(gradient[0], 0.0, "there is nothing to be driven");
    }
}
