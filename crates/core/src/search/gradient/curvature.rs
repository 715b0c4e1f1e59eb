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
const ITERATIONS: usize = 8;

/// How far α moves to both sides for a product with the Hessian.
const STEP: f64 = 0.05;

/// The largest eigenvalue of the Hessian, from a direction that is drawn. `gradient` is that of the
/// loss where α has moved so far; it is asked twice for each iteration.
///
/// The Hessian of a loss over α has negative eigenvalues as large as its positive ones, between which
/// a plain power iteration would waver. So all its vectors are kept: `H v = (g(STEP v) - g(-STEP v)) /
/// (2 STEP)` is made orthogonal to those before, and what is returned is the largest eigenvalue of the
/// Hessian on the space that they span (Lanczos 1950, with full orthogonalization).
///
/// # Errors
/// If the gradient cannot be computed.
pub(super) fn largest_eigenvalue(
    size: usize,
    rng: &mut Rng,
    mut gradient: impl FnMut(&[f64]) -> Result<Vec<f64>>,
) -> Result<f64> {
    let mut next: Vec<f64> = (0..size).map(|_| normal(rng)).collect();
    let mut directions: Vec<Vec<f64>> = Vec::new();
    let (mut diagonal, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..ITERATIONS.min(size) {
        let norm = dot(&next, &next).sqrt();
        let scale = diagonal.iter().fold(0.0, |most: f64, x: &f64| most.max(x.abs()));
        if norm <= 1e-9 * scale || norm == 0.0 {
            break;
        }
        if !directions.is_empty() {
            beside.push(norm);
        }
        let direction: Vec<f64> = next.iter().map(|x| x / norm).collect();
        let moved = |by: f64| direction.iter().map(|x| by * x).collect::<Vec<f64>>();
        let (above, below) = (gradient(&moved(STEP))?, gradient(&moved(-STEP))?);
        let sides = std::iter::zip(above, below);
        next = sides.map(|(a, b)| (a - b) / (2.0 * STEP)).collect();
        diagonal.push(dot(&direction, &next));
        directions.push(direction);
        // Twice: once leaves what rounding has left.
        for _ in 0..2 {
            for direction in &directions {
                let along = dot(direction, &next);
                for (x, d) in std::iter::zip(&mut next, direction) {
                    *x -= along * d;
                }
            }
        }
    }
    Ok(largest_of_tridiagonal(&diagonal, &beside))
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    std::iter::zip(a, b).map(|(a, b)| a * b).sum()
}

/// The largest eigenvalue of a symmetric matrix with this diagonal, and these numbers beside it, by
/// bisection: the number of negative pivots of `T - x` is that of eigenvalues below x. 0 of nothing.
fn largest_of_tridiagonal(diagonal: &[f64], beside: &[f64]) -> f64 {
    let at = |at: Option<usize>| at.and_then(|at| beside.get(at)).copied().unwrap_or(0.0);
    let radius = |row: usize| at(row.checked_sub(1)).abs() + at(Some(row)).abs();
    let rows = || diagonal.iter().enumerate();
    // Gershgorin's circles.
    let mut low = rows().map(|(row, x)| x - radius(row)).fold(f64::INFINITY, f64::min);
    let mut high = rows().map(|(row, x)| x + radius(row)).fold(f64::NEG_INFINITY, f64::max);
    if !(low.is_finite() && high.is_finite()) {
        return if diagonal.is_empty() { 0.0 } else { f64::NAN };
    }
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        let (mut pivot, mut below) = (1.0, 0);
        for (row, x) in rows() {
            pivot = x - middle - at(row.checked_sub(1)).powi(2) / pivot;
            if pivot == 0.0 {
                pivot = f64::MIN_POSITIVE;
            }
            below += usize::from(pivot < 0.0);
        }
        if below == diagonal.len() { high = middle } else { low = middle }
    }
    0.5 * (low + high)
}

/// The eigenvalues of the epochs in which α has learned, and the α of those that one may go back to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Watch {
    /// The epoch before the first one.
    before: u32,
    eigenvalues: Vec<f64>,
    alphas: Vec<Vec<f64>>,
}

impl Watch {
    /// How many eigenvalues are averaged.
    const WINDOW: usize = 5;
    /// How many epochs lie between the two means.
    const BACK: usize = 4;
    /// The earlier mean is below so much of the later one.
    const RATIO: f64 = 0.75;
    /// So many epochs, as a share of all, are not looked at: at first every α is a small number, and
    /// so is the curvature.
    pub(super) const START: f64 = 0.2;

    /// Takes in an epoch, counted from 1. If it is time to stop, the epoch to go back to, in the middle
    /// of the earlier mean, and its α.
    pub(super) fn is_over(
        &mut self,
        epoch: u32,
        eigenvalue: f64,
        alpha: &[f64],
    ) -> Option<(u32, Vec<f64>)> {
        if self.eigenvalues.is_empty() {
            self.before = epoch - 1;
        }
        self.eigenvalues.push(eigenvalue);
        self.alphas.push(alpha.to_vec());
        if self.alphas.len() > Self::BACK + Self::WINDOW {
            self.alphas.remove(0);
        }
        let mean = |end: usize| {
            let window = self.eigenvalues.get(end.checked_sub(Self::WINDOW)?..end)?;
            Some(window.iter().sum::<f64>() / Self::WINDOW as f64)
        };
        let count = self.eigenvalues.len();
        let (now, before) = (mean(count)?, mean(count.checked_sub(Self::BACK)?)?);
        // Of numbers above 0 alone a ratio says something.
        let is_over = before > 0.0 && before < Self::RATIO * now;
        let middle = Self::WINDOW / 2;
        let epoch = self.before + (count - Self::BACK - middle) as u32;
        is_over.then(|| Some((epoch, self.alphas.get(middle)?.clone()))).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;

    /// The gradient of a quadratic function with these eigenvalues, in directions that are no axes.
    fn quadratic(eigenvalues: &[f64]) -> impl Fn(&[f64]) -> Result<Vec<f64>> {
        let count = eigenvalues.len();
        // Reflected by the plane of a vector, the axes are orthogonal still.
        let normal: Vec<f64> = (0..count).map(|at| 1.0 + (at % 3) as f64).collect();
        let reflected = move |x: &[f64]| -> Vec<f64> {
            let factor = 2.0 * dot(&normal, x) / dot(&normal, &normal);
            std::iter::zip(x, &normal).map(|(x, n)| x - factor * n).collect()
        };
        let eigenvalues = eigenvalues.to_vec();
        move |at| {
            let inside = reflected(at);
            let scaled: Vec<f64> =
                std::iter::zip(inside, &eigenvalues).map(|(x, value)| x * value).collect();
            Ok(reflected(&scaled).into_iter().map(|x| x + 0.3).collect())
        }
    }

    #[test]
    fn the_eigenvalue_is_that_of_the_matrix() {
        for eigenvalues in [&[5.0, 1.0, -2.0][..], &[-3.0, -1.0], &[0.5]] {
            let most = eigenvalues.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let found = largest_eigenvalue(
                eigenvalues.len(),
                &mut Seed::new(1).rng(),
                quadratic(eigenvalues),
            );
            assert!((found.unwrap() - most).abs() < 1e-6, "{eigenvalues:?}");
        }
    }

    /// As those of networks are: one large one on each side, and many small ones.
    #[test]
    fn it_does_not_waver_between_the_largest_and_the_least() {
        let mut eigenvalues: Vec<f64> = (0..28).map(|at| 0.08 * f64::from(at % 7 - 3)).collect();
        eigenvalues.extend([0.6, -0.59]);
        for seed in 0..50 {
            let found = largest_eigenvalue(30, &mut Seed::new(seed).rng(), quadratic(&eigenvalues));
            let found = found.unwrap();
            assert!((found - 0.6).abs() < 0.03, "seed {seed}: {found}");
        }
    }

    #[test]
    fn no_gradient_has_no_curvature() {
        let found = largest_eigenvalue(2, &mut Seed::new(1).rng(), |_| Ok(vec![0.0; 2]));
        assert_eq!(found.unwrap(), 0.0);
    }

    #[test]
    fn it_stops_when_the_eigenvalues_have_grown_and_goes_back() {
        let mut watch = Watch::default();
        for epoch in 3..=14 {
            assert_eq!(watch.is_over(epoch, 1.0, &[f64::from(epoch)]), None, "they do not grow");
        }
        // The mean of the last five is 1.2 and then 1.4, that of four epochs ago 1, of the epochs 8 to
        // 12.
        assert_eq!(watch.is_over(15, 2.0, &[15.0]), None);
        assert_eq!(watch.is_over(16, 2.0, &[16.0]), Some((10, vec![10.0])));
    }

    #[test]
    fn what_is_not_above_0_has_not_grown() {
        let mut watch = Watch::default();
        for epoch in 1..=20 {
            let eigenvalue = if epoch < 10 { -0.3 } else { 0.01 };
            assert_eq!(watch.is_over(epoch, eigenvalue, &[0.0]), None);
        }
        let mut watch = Watch::default();
        for epoch in 1..=20 {
            let eigenvalue = if epoch < 10 { 0.01 } else { -0.3 };
            assert_eq!(watch.is_over(epoch, eigenvalue, &[0.0]), None);
        }
        let mut watch = Watch::default();
        for epoch in 1..=20 {
            assert_eq!(watch.is_over(epoch, -f64::from(epoch), &[0.0]), None);
        }
    }
}
