//! DARTS: the operations of an edge are mixed by a softmax over their α, which is learned by the
//! gradient of the validation loss.
//!
//! # Algorithm
//! An edge computes `Σ_o softmax(α)_o · o(x)`. Half of the training examples train the weights w, the
//! other half α; for each batch:
//! 1. α moves against the gradient of the loss of a batch of the second half, by Adam: with
//!    `second_order = false` the gradient at w (first order), else at the weights after one step,
//!    `w' = w - ξ ∇w L_train(w, α)` with the momentum of that step (Liu et al., eq. 5 and 7). The
//!    product with the Hessian that this takes is a difference of two gradients at `w ± ε ∇w' L_valid`,
//!    where `ε = 0.01 / |∇w' L_valid|` (eq. 8).
//! 2. w moves against the gradient of the loss of a batch of the first half.
//!
//! In the end the strongest operation of each edge is taken, by the rule of the space.
//!
//! It is known to prefer skip connections more and more on some spaces (Dong and Yang 2020: on
//! NAS-Bench-201 it ends with nothing else): what is logged of each epoch shows it, and `gdas` does
//! not.
//!
//! # Cost
//! A batch takes the time of two batches of the supernet, second order of five; memory that of one.
//!
//! # References
//! Liu, Simonyan and Yang, "DARTS: Differentiable Architecture Search", ICLR 2019,
//! <https://arxiv.org/abs/1806.09055>.
//!
//! # Differences from the paper
//! The one step of the second order limits the norm of the gradient as every step does.

use serde::{Deserialize, Serialize};

use super::alpha::Alpha;
use super::method::{Method, Mixture, Pair, first_order};
use super::one_shot::OneShot;
use super::settings::{AllSettings, AlphaSettings, CurvatureSettings, Settings};
use crate::config::{defaults, parse};
use crate::search::SearcherEntry;
use crate::train::SharedWeights;
use crate::{Result, Rng, Seed};

/// The row of the table.
pub static ENTRY: SearcherEntry = SearcherEntry {
    name: NAME,
    summary: "One network mixes all operations; the gradient of the loss learns which to prefer.",
    reference: "Liu, Simonyan and Yang 2019, https://arxiv.org/abs/1806.09055",
    defaults: defaults::<Config>,
    build: |config, setup| {
        let config: Config = parse(NAME, config)?;
        let method = Darts { second_order: config.second_order };
        let settings = AllSettings {
            weights: config.supernet,
            alpha: Some(config.alpha),
            curvature: Some(config.curvature),
        };
        Ok(Box::new(OneShot::new(NAME, settings, method, setup)?))
    },
};

const NAME: &str = "darts";

/// The settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    /// Whether α moves by the gradient at the weights after one step.
    pub second_order: bool,
}

/// How operations are mixed.
pub(super) struct Darts {
    pub(super) second_order: bool,
}

impl Method for Darts {
    fn mix(&self, alpha: &Alpha, _: f64, _: &mut Rng) -> Mixture {
        Mixture::soft(alpha.softmax(1.0))
    }

    fn differentiate(&self, mixture: &Mixture, for_coefficients: &[f64]) -> Vec<f64> {
        mixture.probabilities.softmax_gradient(for_coefficients, 1.0)
    }

    fn alpha_gradient(
        &mut self,
        shared: &mut SharedWeights,
        mixture: &Mixture,
        pair: &Pair<'_>,
        learning_rate: f64,
        seed: Seed,
    ) -> Result<Vec<f64>> {
        if !self.second_order {
            return first_order(self, shared, mixture, pair, seed);
        }
        mixture.apply(shared)?;
        let (before, moments) = (shared.weights().to_vec(), shared.moments().to_vec());
        shared.forward(pair.weights, seed);
        shared.backward();
        shared.step(learning_rate);
        shared.moments_mut().copy_from_slice(&moments);
        shared.forward(pair.alpha, seed);
        shared.backward();
        let mut gradient = shared.coefficient_gradients();
        let direction = shared.gradients().to_vec();
        let squares: f64 = direction.iter().map(|x| f64::from(*x).powi(2)).sum();
        let epsilon = 0.01 / squares.sqrt().max(1e-12);
        let mut sides = [const { Vec::new() }; 2];
        for (side, sign) in std::iter::zip(&mut sides, [1.0, -1.0]) {
            let moved = std::iter::zip(&before, &direction)
                .map(|(weight, x)| (f64::from(*weight) + sign * epsilon * f64::from(*x)) as f32);
            for (weight, moved) in std::iter::zip(shared.weights_mut(), moved) {
                *weight = moved;
            }
            shared.forward(pair.weights, seed);
            shared.backward();
            *side = shared.coefficient_gradients();
        }
        shared.weights_mut().copy_from_slice(&before);
        for (gradient, (plus, minus)) in
            std::iter::zip(&mut gradient, std::iter::zip(&sides[0], &sides[1]))
        {
            *gradient -= learning_rate * (plus - minus) / (2.0 * epsilon);
        }
        Ok(self.differentiate(mixture, &gradient))
    }
}
