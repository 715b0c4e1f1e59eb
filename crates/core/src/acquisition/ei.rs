//! Expected improvement and its logarithm.
//!
//! Expected improvement: Mockus 1975; Jones, Schonlau and Welch, "Efficient Global Optimization of
//! Expensive Black-Box Functions", Journal of Global Optimization 13, 1998. Its logarithm, which
//! still tells candidates apart where the improvement itself is 0 in floating-point numbers: Ament
//! et al., "Unexpected Improvements to Expected Improvement for Bayesian Optimization", NeurIPS
//! 2023, <https://arxiv.org/abs/2310.20708>.

use std::f64::consts::{FRAC_1_SQRT_2, LN_2, PI};

use super::normal::erfcx;
use super::{normal_cdf, normal_pdf};

/// By how much a value is expected to exceed `best`, where it is normal with this mean and standard
/// deviation; a shortfall counts as 0. Without deviation it is the plain improvement.
pub fn expected_improvement(mean: f64, std: f64, best: f64) -> f64 {
    let gain = mean - best;
    if std <= 0.0 {
        return gain.max(0.0);
    }
    let z = gain / std;
    if z < -1.0 {
        // The two terms of the textbook's sum cancel there.
        return log_expected_improvement(mean, std, best).exp();
    }
    gain * normal_cdf(z) + std * normal_pdf(z)
}

/// The logarithm of [`expected_improvement`], exact also where that is too small for a number.
/// Minus infinity where there is neither deviation nor improvement.
pub fn log_expected_improvement(mean: f64, std: f64, best: f64) -> f64 {
    let gain = mean - best;
    if std <= 0.0 {
        return if gain > 0.0 { gain.ln() } else { f64::NEG_INFINITY };
    }
    std.ln() + log_h(gain / std)
}

/// The logarithm of φ(z) + z Φ(z), equation 9 of Ament et al.
fn log_h(z: f64) -> f64 {
    if z > -1.0 {
        return (normal_pdf(z) + z * normal_cdf(z)).ln();
    }
    let log_pdf = -0.5 * z * z - 0.5 * (2.0 * PI).ln();
    // The paper has this branch from 1/sqrt(machine epsilon) only, without the correction; with it,
    // the branch before has no digits to lose.
    if z < -1e3 {
        return log_pdf - 2.0 * z.abs().ln() + (-3.0 / (z * z)).ln_1p();
    }
    let log_share = (z.abs() * erfcx(z.abs() * FRAC_1_SQRT_2)).ln() + 0.5 * (PI / 2.0).ln();
    log_pdf + log_one_minus_exp(log_share)
}

/// ln(1 - exp(x)) for negative `x`.
fn log_one_minus_exp(x: f64) -> f64 {
    if x > -LN_2 { (-x.exp_m1()).ln() } else { (-x.exp()).ln_1p() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acquisition::upper_confidence_bound;

    /// ln h(z) by numerical integration with 60 digits.
    const KNOWN: [(f64, f64); 10] = [
        (2.0, 0.697_383_545_788_228_4),
        (0.0, -0.918_938_533_204_672_8),
        (-0.5, -1.620_516_264_387_319_9),
        (-1.0, -2.485_121_025_712_641_3),
        (-1.5, -3.529_935_920_805_71),
        (-5.0, -16.744_301_162_660_99),
        (-40.0, -808.298_568_356_62),
        (-999.0, -499_015.232_451_096_5),
        (-1001.0, -501_015.236_451_085_83),
        (-1e6, -500_000_000_028.55),
    ];

    #[test]
    fn the_logarithm_is_right_from_the_middle_to_far_in_the_tail() {
        for (z, log) in KNOWN {
            let (mean, std) = (3.0 + 0.5 * z, 0.5);
            let found = log_expected_improvement(mean, std, 3.0) - std.ln();
            assert!((found / log - 1.0).abs() < 1e-12, "{z}: {found} is not {log}");
            let linear = expected_improvement(mean, std, 3.0) / std;
            assert!((linear - log.exp()).abs() <= 1e-12 * log.exp(), "{z}: {linear}");
        }
    }

    #[test]
    fn without_deviation_only_a_sure_improvement_counts() {
        assert_eq!(expected_improvement(3.0, 0.0, 1.0), 2.0);
        assert_eq!(expected_improvement(1.0, 0.0, 3.0), 0.0);
        assert_eq!(log_expected_improvement(3.0, 0.0, 1.0), 2_f64.ln());
        assert_eq!(log_expected_improvement(1.0, 0.0, 3.0), f64::NEG_INFINITY);
        assert_eq!(upper_confidence_bound(1.0, 0.5, 2.0), 2.0);
    }
}
