//! A Gaussian process: its posterior, and the fit of its kernel.
//!
//! # References
//! Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, chapters 2 and 5:
//! algorithm 2.1 for the posterior, equation 5.9 for the slope of the marginal likelihood.

use super::cholesky::{Cholesky, dot};
use super::kernel::{Encoder, Hyper, Point, length_slope, log_correlation};

/// The smallest variance that is left of a point that was seen.
const LEAST: f64 = 1e-8;
/// Steps of the fit.
const STEPS: usize = 30;

/// The points that were seen, with the factor of their kernel matrix. Values come later: the factor
/// does not depend on them.
#[derive(Clone, Debug)]
pub struct Process {
    /// The kernel.
    pub hyper: Hyper,
    points: Vec<Point>,
    factor: Cholesky,
}

/// What the process says of a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// The mean.
    pub mean: f64,
    /// The standard deviation, without noise.
    pub std: f64,
}

impl Process {
    /// Of no points.
    pub fn new(hyper: Hyper) -> Self {
        Self { hyper, points: Vec::new(), factor: Cholesky::default() }
    }

    /// The number of points.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Adds a point.
    pub fn push(&mut self, encoder: &Encoder, point: Point) {
        let column = self.column(encoder, &point);
        self.factor.push(&column, self.hyper.variance() + self.hyper.noise, LEAST);
        self.points.push(point);
    }

    /// The row of the factor that came with a point.
    pub fn row(&self, at: usize) -> &[f64] {
        self.factor.row(at)
    }

    /// The kernel of a point with all that were seen.
    fn column(&self, encoder: &Encoder, point: &Point) -> Vec<f64> {
        self.points.iter().map(|seen| self.hyper.kernel(encoder, seen, point)).collect()
    }

    /// L⁻¹ k of a point: the row that it would add to the factor, without the diagonal.
    pub fn whitened(&self, encoder: &Encoder, point: &Point) -> Vec<f64> {
        self.factor.solve_lower(&self.column(encoder, point))
    }

    /// L⁻¹ y of the values of the points.
    pub fn weights(&self, values: &[f64]) -> Vec<f64> {
        self.factor.solve_lower(values)
    }

    /// The prediction from [`Process::whitened`] of a point and [`Process::weights`].
    pub fn predict(&self, whitened: &[f64], weights: &[f64]) -> Prediction {
        let left = (self.hyper.variance() - dot(whitened, whitened)).max(LEAST);
        Prediction { mean: dot(whitened, weights), std: left.sqrt() }
    }
}

/// A normal prior of a logarithm.
#[derive(Clone, Copy)]
struct Prior {
    mean: f64,
    std: f64,
}

/// The kernel with the greatest posterior density for these points and values, which should have
/// mean 0 and variance 1. Deterministic: resilient backpropagation from the mean of the prior.
pub fn fit(encoder: &Encoder, points: &[Point], values: &[f64]) -> Hyper {
    let distances: Vec<Vec<f32>> = (0..encoder.distances())
        .map(|at| {
            let row = |i: usize| (0..=i).map(move |j| encoder.distance(at, &points[i], &points[j]));
            (0..points.len()).flat_map(row).collect()
        })
        .collect();
    let priors = priors(encoder, &distances);
    let mut theta: Vec<f64> = priors.iter().map(|prior| prior.mean).collect();
    let mut best = (f64::NEG_INFINITY, theta.clone());
    let mut steps = vec![0.25; theta.len()];
    let mut before = vec![0.0; theta.len()];
    for _ in 0..STEPS {
        let (mut height, mut slope) = likelihood(encoder, &distances, values, &theta);
        for ((slope, at), prior) in slope.iter_mut().zip(&theta).zip(&priors) {
            let z = (at - prior.mean) / prior.std;
            height -= 0.5 * z * z;
            *slope -= z / prior.std;
        }
        if height > best.0 {
            best = (height, theta.clone());
        }
        for at in 0..theta.len() {
            let agreement: f64 = slope[at] * before[at];
            if agreement > 0.0 {
                steps[at] = f64::min(steps[at] * 1.3, 1.0);
            } else if agreement < 0.0 {
                steps[at] *= 0.5;
                slope[at] = 0.0;
            }
            let move_by = if slope[at] == 0.0 { 0.0 } else { steps[at] * slope[at].signum() };
            theta[at] = (theta[at] + move_by).clamp(-9.0, 7.0);
        }
        before = slope;
    }
    hyper(encoder, &best.1)
}

/// The logarithms in the order: lengths, weights, noise.
fn hyper(encoder: &Encoder, theta: &[f64]) -> Hyper {
    let (lengths, rest) = theta.split_at(encoder.distances());
    let weight = |at: usize| if encoder.has_network() || at == 0 { rest[at].exp() } else { 0.0 };
    Hyper {
        lengths: lengths.iter().map(|x| x.exp()).collect(),
        weights: [weight(0), weight(1), weight(2)],
        noise: rest[3].exp(),
    }
}

fn priors(encoder: &Encoder, distances: &[Vec<f32>]) -> Vec<Prior> {
    let choices = encoder.choices() as f64;
    let lengths = distances.iter().enumerate().map(|(at, pairs)| {
        // The more choices, the less each one says: the correlation of two random architectures
        // stays about the same.
        let mean = if at >= encoder.choices() {
            let mean = pairs.iter().map(|&r| f64::from(r)).sum::<f64>() / pairs.len().max(1) as f64;
            3.0 * mean.max(0.1)
        } else if encoder.is_numeric(at) {
            0.5 * choices.sqrt()
        } else {
            0.5 * choices
        };
        Prior { mean: mean.ln(), std: 1.0 }
    });
    let mut priors: Vec<Prior> = lengths.collect();
    let share: f64 = if encoder.has_network() { 1.0 / 3.0 } else { 1.0 };
    priors.extend([Prior { mean: share.ln(), std: 1.0 }; 3]);
    priors.push(Prior { mean: 0.02_f64.ln(), std: 1.5 });
    priors
}

/// The logarithm of the marginal likelihood (without its constant), and its slope.
fn likelihood(
    encoder: &Encoder,
    distances: &[Vec<f32>],
    values: &[f64],
    theta: &[f64],
) -> (f64, Vec<f64>) {
    let hyper = hyper(encoder, theta);
    let pairs = values.len() * (values.len() + 1) / 2;
    let (mut choices, mut network) = (vec![0.0; pairs], vec![0.0; pairs]);
    for (at, rs) in distances.iter().enumerate() {
        let logs = if at < encoder.choices() { &mut choices } else { &mut network };
        for (log, &r) in std::iter::zip(logs, rs).filter(|(_, r)| **r > 0.0) {
            *log += log_correlation(encoder.is_numeric(at), f64::from(r), hyper.lengths[at]);
        }
    }
    choices.iter_mut().chain(&mut network).for_each(|log| *log = log.exp());
    let mut factor = Cholesky::default();
    let mut column = Vec::with_capacity(values.len());
    for i in 0..values.len() {
        column.clear();
        let row = i * (i + 1) / 2;
        column.extend((row..row + i).map(|at| hyper.joined(choices[at], network[at])));
        factor.push(&column, hyper.variance() + hyper.noise, LEAST);
    }
    let z = factor.solve_lower(values);
    let height = -0.5 * dot(&z, &z) - 0.5 * factor.log_determinant();
    let inverse = factor.inverse();
    let mut alpha = vec![0.0; values.len()];
    for i in 0..values.len() {
        for j in 0..=i {
            let entry = inverse[i * (i + 1) / 2 + j];
            alpha[i] += entry * values[j];
            alpha[j] += if i == j { 0.0 } else { entry * values[i] };
        }
    }
    // (α αᵀ - K⁻¹) / 2, with each pair off the diagonal counted twice.
    let mut slope = vec![0.0; theta.len()];
    let lengths = distances.len();
    let [by_choices, by_network, by_both] = hyper.weights;
    let (mut through_choices, mut through_network) = (vec![0.0; pairs], vec![0.0; pairs]);
    let mut at = 0;
    for i in 0..values.len() {
        for j in 0..=i {
            let weight = (alpha[i] * alpha[j] - inverse[at]) * if i == j { 0.5 } else { 1.0 };
            let (c, n) = (choices[at], network[at]);
            slope[lengths] += weight * by_choices * c;
            slope[lengths + 1] += weight * by_network * n;
            slope[lengths + 2] += weight * by_both * c * n;
            if i == j {
                slope[lengths + 3] += weight * hyper.noise;
            }
            through_choices[at] = weight * (by_choices * c + by_both * c * n);
            through_network[at] = weight * (by_network * n + by_both * c * n);
            at += 1;
        }
    }
    for (d, rs) in distances.iter().enumerate() {
        let through = if d < encoder.choices() { &through_choices } else { &through_network };
        slope[d] = std::iter::zip(through, rs)
            .filter(|(_, r)| **r > 0.0)
            .map(|(w, &r)| w * length_slope(encoder.is_numeric(d), f64::from(r), hyper.lengths[d]))
            .sum();
    }
    (height, slope)
}

#[cfg(test)]
mod tests {
    use nascent_record::{Choice, Spec};

    use super::*;
    use crate::Seed;
    use crate::space::{Choices, SpecExt as _};

    #[test]
    fn the_posterior_of_two_points_by_hand() {
        let space = Choices::new(Spec::new(vec![Choice::float("x", 0.0, 1.0)]).unwrap());
        let encoder = Encoder::new(crate::space::SearchSpace::spec(&space), false);
        let point = |x: f32| Point { choices: vec![x], network: None };
        let hyper = Hyper { lengths: vec![0.5], weights: [2.0, 0.0, 0.0], noise: 0.1 };
        let mut process = Process::new(hyper);
        process.push(&encoder, point(0.0));
        process.push(&encoder, point(1.0));
        let values = [1.0, -0.5];
        let weights = process.weights(&values);
        let found = process.predict(&process.whitened(&encoder, &point(0.25)), &weights);
        let matern = |r: f64| {
            let a = 5_f64.sqrt() * r / 0.5;
            2.0 * (1.0 + a + a * a / 3.0) * (-a).exp()
        };
        // The inverse of [[d, o], [o, d]] is [[d, -o], [-o, d]] / (d² - o²).
        let (d, o, k) = (2.1, matern(1.0), [matern(0.25), matern(0.75)]);
        let solve =
            |b: [f64; 2]| [d * b[0] - o * b[1], d * b[1] - o * b[0]].map(|x| x / (d * d - o * o));
        let (alpha, beta) = (solve(values), solve(k));
        assert!((found.mean - (k[0] * alpha[0] + k[1] * alpha[1])).abs() < 1e-9);
        let variance = 2.0 - (k[0] * beta[0] + k[1] * beta[1]);
        assert!((found.std - variance.sqrt()).abs() < 1e-9);
    }

    #[test]
    fn the_slope_of_the_likelihood_is_that_of_its_differences() {
        let space = crate::space::find("nas_bench_201").unwrap();
        let space = space.make(&serde_json::Value::Null, &()).unwrap();
        let encoder = Encoder::new(space.spec(), true);
        let mut rng = Seed::new(3).rng();
        let samples = (0..9).map(|_| encoder.encode(&*space, &space.spec().sample(&mut rng)));
        let points: Vec<Point> = samples.collect();
        let values: Vec<f64> = (0..9).map(|i| (f64::from(i) * 1.7).sin()).collect();
        let distances: Vec<Vec<f32>> = (0..encoder.distances())
            .map(|at| {
                let row = |i: usize| {
                    (0..=i)
                        .map(|j| encoder.distance(at, &points[i], &points[j]))
                        .collect::<Vec<_>>()
                };
                (0..9).flat_map(row).collect()
            })
            .collect();
        let theta: Vec<f64> =
            (0..encoder.distances() + 4).map(|i| (i as f64).cos() * 0.4).collect();
        let (_, slope) = likelihood(&encoder, &distances, &values, &theta);
        for at in 0..theta.len() {
            let moved = |h: f64| {
                let mut theta = theta.clone();
                theta[at] += h;
                likelihood(&encoder, &distances, &values, &theta).0
            };
            let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((slope[at] - difference).abs() < 1e-6, "{at}: {} {difference}", slope[at]);
        }
    }

    #[test]
    fn a_choice_that_does_not_matter_gets_a_long_scale() {
        let names = ["matters", "does_not", "matters_too"];
        let spec = Spec::new(names.map(|name| Choice::float(name, 0.0, 1.0)).into()).unwrap();
        let (encoder, space, mut rng) =
            (Encoder::new(&spec, false), Choices::new(spec.clone()), Seed::new(5).rng());
        let (mut points, mut values) = (Vec::new(), Vec::new());
        for _ in 0..40 {
            let architecture = spec.sample(&mut rng);
            let x = |at| architecture.float(at).unwrap();
            values.push(1.5 * ((5.0 * x(0)).sin() + (4.0 * x(2)).cos()));
            points.push(encoder.encode(&space, &architecture));
        }
        let lengths = fit(&encoder, &points, &values).lengths;
        assert!(lengths[1] > 3.0 * lengths[0].max(lengths[2]), "{lengths:?}");
    }
}
