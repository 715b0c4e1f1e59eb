//! The upper confidence bound (Srinivas et al., "Gaussian Process Optimization in the Bandit
//! Setting", ICML 2010, <https://arxiv.org/abs/0912.3995>).

/// The mean and `beta` standard deviations: an optimistic guess. More `beta` explores more.
pub fn upper_confidence_bound(mean: f64, std: f64, beta: f64) -> f64 {
    mean + beta * std
}
