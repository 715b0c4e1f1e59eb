//! FairDARTS: each operation has a sigmoid of its own, so that a skip connection takes nothing from
//! the others; a second loss drives each towards 0 or 1.
//!
//! # Algorithm
//! As `darts`, of first order, but that an edge computes `Σ_o σ(α_o) · o(x)`, and that α also moves
//! against the gradient of `-w (1/N) Σ (σ(α) - 1/2)²`, the zero-one loss (Chu et al., eq. 4 and 5),
//! with `w = zero_one_weight`. In the end the operation with the largest σ of each edge is taken, by
//! the rule of the space.
//!
//! Of the two remedies against the collapse to skip connections that are asked for here most often
//! (the other is DARTS-), it is the one without a schedule: one weight, and nothing in the network.
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
//! for each edge has the strongest.

use serde::{Deserialize, Serialize};

use super::alpha::Alpha;
use super::method::{Method, Mixture};
use super::one_shot::OneShot;
use super::settings::Settings;
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
        let method = FairDarts { zero_one_weight: config.zero_one_weight };
        Ok(Box::new(OneShot::new(NAME, config.supernet, method, setup)?))
    },
};

const NAME: &str = "fair_darts";

/// The settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Those of every supernet.
    #[serde(flatten)]
    pub supernet: Settings,
    /// How much the zero-one loss weighs, at least 0; 10 in the paper.
    pub zero_one_weight: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { supernet: Settings::default(), zero_one_weight: 10.0 }
    }
}

struct FairDarts {
    zero_one_weight: f64,
}

impl Method for FairDarts {
    fn mix(&self, alpha: &Alpha, _: f64, _: &mut Rng) -> Mixture {
        Mixture::soft(self.strengths(alpha))
    }

    fn is_smooth(&self) -> bool {
        true
    }

    fn differentiate(&self, mixture: &Mixture, for_coefficients: &[f64]) -> Vec<f64> {
        let sigmas = &mixture.probabilities.values;
        let weight = -2.0 * self.zero_one_weight / sigmas.len() as f64;
        let both = std::iter::zip(sigmas, for_coefficients);
        both.map(|(s, gradient)| (gradient + weight * (s - 0.5)) * s * (1.0 - s)).collect()
    }

    fn strengths(&self, alpha: &Alpha) -> Alpha {
        alpha.with(alpha.values.iter().map(|value| 1.0 / (1.0 + (-value).exp())).collect())
    }
}
