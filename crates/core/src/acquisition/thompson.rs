//! What Thompson sampling draws (Thompson, "On the Likelihood that One Unknown Probability Exceeds
//! Another", Biometrika 25, 1933): a guess of the model instead of its mean.

use rand::RngExt as _;

use crate::Rng;

/// A draw of the standard normal distribution, by Box and Muller.
pub fn standard_normal(rng: &mut Rng) -> f64 {
    let (radius, angle): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}
