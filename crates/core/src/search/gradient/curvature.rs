//! The sign of a collapse: how sharply the validation loss curves over α.
//!
//! The largest eigenvalue of the Hessian of the validation loss over α grows before the architectures
//! that are derived become worse, with skip connections in the place of most operations; who stops
//! in time keeps a better one (Zela et al., "Understanding and Robustifying Differentiable
//! Architecture Search", ICLR 2020, <https://arxiv.org/abs/1909.09656>, section 4.3).

use serde::{Deserialize, Serialize};

use super::alpha::normal;
use crate::{Result, Rng};

/// How many times a direction is multiplied with the Hessian.
const ITERATIONS: u32 = 5;

/// How far α moves to both sides for a product with the Hessian.
const STEP: f64 = 0.05;

/// The eigenvalue of the Hessian with the largest absolute value, by power iteration from a direction
/// that is drawn: `v ← H v / |H v|`, where `H v = (g(STEP v) - g(-STEP v)) / (2 STEP)`. `gradient` is
/// that of the loss where α has moved so far; it is asked twice for each iteration.
///
/// # Errors
/// If the gradient cannot be computed.
pub(super) fn largest_eigenvalue(
    size: usize,
    rng: &mut Rng,
    mut gradient: impl FnMut(&[f64]) -> Result<Vec<f64>>,
) -> Result<f64> {
    let mut direction: Vec<f64> = (0..size).map(|_| normal(rng)).collect();
    let mut eigenvalue = 0.0;
    for _ in 0..ITERATIONS {
        let norm = length(&direction);
        if norm == 0.0 {
            break;
        }
        for x in &mut direction {
            *x /= norm;
        }
        let moved = |by: f64| direction.iter().map(|x| by * x).collect::<Vec<f64>>();
        let (above, below) = (gradient(&moved(STEP))?, gradient(&moved(-STEP))?);
        let sides = std::iter::zip(above, below);
        let product: Vec<f64> = sides.map(|(a, b)| (a - b) / (2.0 * STEP)).collect();
        eigenvalue = std::iter::zip(&direction, &product).map(|(v, h)| v * h).sum();
        direction = product;
    }
    Ok(eigenvalue)
}

fn length(vector: &[f64]) -> f64 {
    vector.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// The eigenvalues of the epochs so far, and the α of those that one may go back to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Watch {
    eigenvalues: Vec<f64>,
    alphas: Vec<Vec<f64>>,
}

impl Watch {
    /// How many eigenvalues are averaged.
    const WINDOW: usize = 5;
    /// How many epochs the search goes back.
    pub(super) const BACK: usize = 5;
    /// The mean of so many epochs ago is below so much of that of now.
    const RATIO: f64 = 0.75;

    /// Takes in an epoch. The α to go back to, if it is time to stop.
    pub(super) fn is_over(&mut self, eigenvalue: f64, alpha: &[f64]) -> Option<Vec<f64>> {
        self.eigenvalues.push(eigenvalue);
        self.alphas.push(alpha.to_vec());
        if self.alphas.len() > Self::BACK + 1 {
            self.alphas.remove(0);
        }
        let mean = |end: usize| {
            let window = self.eigenvalues.get(end.checked_sub(Self::WINDOW)?..end)?;
            Some(window.iter().sum::<f64>() / Self::WINDOW as f64)
        };
        let count = self.eigenvalues.len();
        let (now, before) = (mean(count)?, mean(count.checked_sub(Self::BACK)?)?);
        let is_over = now > 0.0 && before / now < Self::RATIO;
        is_over.then(|| self.alphas.first().cloned()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;

    #[test]
    fn the_eigenvalue_is_that_of_the_matrix() {
        // Eigenvalues 5, 1 and -2, in directions that are no axes.
        let half = std::f64::consts::FRAC_1_SQRT_2;
        let directions = [[half, half, 0.0], [half, -half, 0.0], [0.0, 0.0, 1.0]];
        let gradient = |at: &[f64]| {
            let mut sum = vec![0.3, -0.1, 0.2];
            for (value, direction) in std::iter::zip([5.0, 1.0, -2.0], directions) {
                let along: f64 = std::iter::zip(direction, at).map(|(d, x)| d * x).sum();
                for (sum, d) in std::iter::zip(&mut sum, direction) {
                    *sum += value * along * d;
                }
            }
            Ok(sum)
        };
        let found = largest_eigenvalue(3, &mut Seed::new(1).rng(), gradient).unwrap();
        assert!((found - 5.0).abs() < 0.02, "{found}");
    }

    #[test]
    fn no_gradient_has_no_curvature() {
        let found = largest_eigenvalue(2, &mut Seed::new(1).rng(), |_| Ok(vec![0.0; 2]));
        assert_eq!(found.unwrap(), 0.0);
    }

    #[test]
    fn it_stops_when_the_eigenvalues_have_grown_and_goes_back() {
        let mut watch = Watch::default();
        for epoch in 0..12 {
            assert_eq!(watch.is_over(1.0, &[f64::from(epoch)]), None, "they do not grow");
        }
        // The mean of the last five is 1.2 and then 1.4, that of five epochs ago 1.
        assert_eq!(watch.is_over(2.0, &[12.0]), None);
        assert_eq!(watch.is_over(2.0, &[13.0]), Some(vec![8.0]));
    }
}
