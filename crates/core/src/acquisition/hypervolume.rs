//! Expected hypervolume improvement for two objectives.
//!
//! # References
//! Emmerich, Giannakoglou and Naujoks, "Single- and Multiobjective Evolutionary Optimization Assisted
//! by Gaussian Random Field Metamodels", IEEE Transactions on Evolutionary Computation 10, 2006; Yang
//! et al., "Multi-Objective Bayesian Global Optimization using Expected Hypervolume Improvement
//! Gradient", Swarm and Evolutionary Computation 44, 2019: the sum over the strips of the front.

use super::expected_improvement;

/// A Pareto front of two objectives, more of both is better, above a reference point.
#[derive(Clone, Debug)]
pub struct Front {
    reference: [f64; 2],
    /// By the first objective, upward; the second goes down.
    points: Vec<[f64; 2]>,
}

impl Front {
    /// The best of these points.
    pub fn new(points: impl IntoIterator<Item = [f64; 2]>, reference: [f64; 2]) -> Self {
        let above = |p: &[f64; 2]| p[0] > reference[0] && p[1] > reference[1];
        let mut sorted: Vec<[f64; 2]> = points.into_iter().filter(above).collect();
        sorted.sort_by(|a, b| b[0].total_cmp(&a[0]).then(b[1].total_cmp(&a[1])));
        let mut points: Vec<[f64; 2]> = Vec::new();
        for point in sorted {
            if points.last().is_none_or(|last| point[1] > last[1]) {
                points.push(point);
            }
        }
        points.reverse();
        Self { reference, points }
    }

    /// By how much a point with two independent normal values is expected to enlarge the area that
    /// the front covers.
    pub fn expected_improvement(&self, mean: [f64; 2], std: [f64; 2]) -> f64 {
        // In the strip of first values up to each point, what is covered is as high as that point;
        // behind the last one, nothing is.
        let beyond = |at: f64| expected_improvement(mean[0], std[0], at);
        let (mut sum, mut left) = (0.0, beyond(self.reference[0]));
        for [end, height] in &self.points {
            let right = beyond(*end);
            sum += (left - right).max(0.0) * expected_improvement(mean[1], std[1], *height);
            left = right;
        }
        sum + left * expected_improvement(mean[1], std[1], self.reference[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;
    use crate::acquisition::standard_normal;

    fn covered(points: &[[f64; 2]]) -> f64 {
        let flat: Vec<Vec<f64>> = points.iter().map(|p| p.to_vec()).collect();
        nascent_record::analysis::hypervolume(&flat, &[0.0, 0.0]).unwrap()
    }

    #[test]
    fn it_is_what_draws_give_on_average() {
        let points = [[1.0, 3.0], [2.0, 2.5], [3.0, 0.5], [0.5, 0.4], [2.0, 1.0]];
        let front = Front::new(points, [0.0, 0.0]);
        assert_eq!(front.points.len(), 3);
        let mut rng = Seed::new(1).rng();
        for (mean, std) in
            [([2.5, 2.0], [0.8, 0.6]), ([0.5, 0.5], [0.5, 1.0]), ([3.5, 3.5], [0.1, 0.2])]
        {
            let before = covered(&points);
            let mut sum = 0.0;
            const DRAWS: usize = 20_000;
            for _ in 0..DRAWS {
                let drawn =
                    [0, 1].map(|i: usize| (mean[i] + std[i] * standard_normal(&mut rng)).max(0.0));
                let mut with = points.to_vec();
                with.push(drawn);
                sum += covered(&with) - before;
            }
            let (drawn, exact) = (sum / DRAWS as f64, front.expected_improvement(mean, std));
            assert!((drawn - exact).abs() < 0.03 * (1.0 + exact), "{drawn} {exact}");
        }
    }
}
