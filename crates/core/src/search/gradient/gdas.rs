//! GDAS: for each batch one operation of each edge is drawn by the Gumbel softmax over its α, so that
//! only one network is computed.
//!
//! # Algorithm
//! 1. For each edge `p = softmax((α + g) / τ)` with `g = -ln(-ln u)`, u uniform; the operation with
//!    the largest p is taken with the coefficient 1 (Dong and Yang, eq. 4 and 5).
//! 2. The gradient of the loss for that coefficient is taken for that of p, and goes on to α.
//! 3. τ falls linearly from `temperature` to `temperature_end` over the epochs.
//!
//! α learns from one half of the training examples and the weights from the other, as in `darts`. In
//! the end the strongest operation of each edge is taken.
//!
//! # Cost
//! A batch takes the time of two batches of one network of the space.
//!
//! # References
//! Dong and Yang, "Searching for A Robust Neural Architecture in Four GPU Hours", CVPR 2019,
//! <https://arxiv.org/abs/1910.04465>.
//!
//! # Differences from the paper
//! Operations that are not drawn have the gradient 0, as in the paper and in its code for cells as
//! those of DARTS; that for NAS-Bench-201 adds their p to the sum, which gives each of them the sum of
//! the gradients of all pixels.

use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use super::alpha::Alpha;
use super::method::{Method, Mixture};
use super::one_shot::OneShot;
use super::settings::{AllSettings, AlphaSettings, Settings};
use crate::Rng;
use crate::config::{defaults, invalid, parse};
use crate::search::SearcherEntry;

/// The row of the table.
pub static ENTRY: SearcherEntry = SearcherEntry {
    name: NAME,
    summary: "As darts, but each batch draws one operation of each edge.",
    reference: "Dong and Yang 2019, https://arxiv.org/abs/1910.04465",
    defaults: defaults::<Config>,
    build: |config, setup| {
        let config: Config = parse(NAME, config)?;
        let temperatures = [config.temperature, config.temperature_end];
        if !temperatures.iter().all(|t| t.is_finite() && *t > 0.0) {
            return Err(invalid(NAME, "temperatures must be above 0 and finite"));
        }
        let method = Gdas { temperatures };
        let settings =
            AllSettings { weights: config.supernet, alpha: Some(config.alpha), curvature: None };
        Ok(Box::new(OneShot::new(NAME, settings, method, setup)?))
    },
};

const NAME: &str = "gdas";

/// The settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Those of every supernet.
    #[serde(flatten)]
    pub supernet: Settings,
    /// Those of α.
    #[serde(flatten)]
    pub alpha: AlphaSettings,
    /// What logits are divided by in the first epoch; above 0.
    pub temperature: f64,
    /// What they are divided by in the last one; above 0.
    pub temperature_end: f64,
}

impl Default for Config {
    fn default() -> Self {
        let (supernet, alpha) = (Settings::default(), AlphaSettings::default());
        Self { supernet, alpha, temperature: 10.0, temperature_end: 0.1 }
    }
}

/// How operations are drawn.
struct Gdas {
    temperatures: [f64; 2],
}

impl Gdas {
    /// The temperature at a part of the epochs.
    fn temperature(&self, progress: f64) -> f64 {
        let [first, last] = self.temperatures;
        first + (last - first) * progress
    }
}

impl Method for Gdas {
    fn mix(&self, alpha: &Alpha, progress: f64, rng: &mut Rng) -> Mixture {
        let gumbel = |_| -(-rng.random::<f64>().max(f64::MIN_POSITIVE).ln()).ln();
        let noise: Vec<f64> = alpha.values.iter().map(gumbel).collect();
        let noisy = std::iter::zip(&alpha.values, noise).map(|(value, noise)| value + noise);
        let probabilities = alpha.with(noisy.collect()).softmax(self.temperature(progress));
        Mixture { temperature: self.temperature(progress), ..Mixture::likeliest(probabilities) }
    }

    fn differentiate(&self, mixture: &Mixture, for_coefficients: &[f64]) -> Vec<f64> {
        mixture.probabilities.softmax_gradient(for_coefficients, mixture.temperature)
    }

    fn signals(&self, progress: f64) -> Vec<(&'static str, f64)> {
        vec![("temperature", self.temperature(progress))]
    }
}
