//! Runs against one another: is one better, how sure is that, and did they look at the same.

use std::collections::HashSet;

use super::best_so_far;
use crate::{Architecture, Error, Objective, Result, RunView, TrialId};

/// What pairs of values say of the difference of their means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairedDifference {
    /// The mean of the differences, first less second.
    pub mean: f64,
    /// The lower end of the interval that has it in 95 of 100 cases.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// How likely a difference at least so large is, either way, where there is none: 0 to 1.
    pub p_value: f64,
    /// The pairs of which the first value is greater, equal, and less.
    pub greater_equal_less: [usize; 3],
}

/// How many samples are drawn of the differences.
const SAMPLES: usize = 10_000;

/// Compares values that belong together pair by pair, as the results of two searchers for one seed.
/// The differences are drawn again, with replacement (Efron and Tibshirani, "An Introduction to the
/// Bootstrap", 1993, chapters 13 and 16): percentiles of their means are the interval, and the share
/// of means as far from 0 as the observed one, once the differences are shifted to have mean 0, is
/// the p-value. The draws are always the same. With fewer than about ten pairs both say little.
///
/// # Errors
/// If the lengths differ, there are fewer than two pairs, or a value is not finite.
pub fn paired_bootstrap(first: &[f64], second: &[f64]) -> Result<PairedDifference> {
    let problem = if first.len() != second.len() {
        Some(format!("{} values against {}", first.len(), second.len()))
    } else if first.len() < 2 {
        Some("it needs at least two pairs".to_owned())
    } else if first.iter().chain(second).any(|value| !value.is_finite()) {
        Some("a value is not a finite number".to_owned())
    } else {
        None
    };
    if let Some(problem) = problem {
        return Err(Error::Analysis { analysis: "the paired difference", problem });
    }
    let differences: Vec<f64> = std::iter::zip(first, second).map(|(a, b)| a - b).collect();
    let n = differences.len();
    let mean = differences.iter().sum::<f64>() / n as f64;
    let mut numbers = Numbers(0);
    let mut means: Vec<f64> = (0..SAMPLES)
        .map(|_| {
            let drawn = (0..n).map(|_| differences[numbers.below(n)]);
            drawn.sum::<f64>() / n as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    // A difference by rounding is none.
    let observed = mean.abs() * (1.0 - 1e-12);
    let as_far = means.iter().filter(|drawn| (*drawn - mean).abs() >= observed).count();
    // The observed sample counts too, so that no p-value is 0.
    let p_value = (as_far + 1) as f64 / (SAMPLES + 1) as f64;
    let count = |keep: fn(f64) -> bool| differences.iter().filter(|d| keep(**d)).count();
    Ok(PairedDifference {
        mean,
        low: means[SAMPLES * 25 / 1000],
        high: means[SAMPLES * 975 / 1000],
        p_value,
        greater_equal_less: [count(|d| d > 0.0), count(|d| d == 0.0), count(|d| d < 0.0)],
    })
}

/// Numbers that look random and are always the same (Steele et al., "Fast Splittable Pseudorandom
/// Number Generators", 2014).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        ((u128::from(z) * n as u128) >> 64) as usize
    }
}

/// The first trial at which the best so far is at least as good as a target.
pub fn first_to_reach(view: &RunView, objective: &Objective, target: f64) -> Option<TrialId> {
    let wanted = objective.direction.oriented(target);
    let reached = |value| objective.direction.oriented(value) >= wanted;
    best_so_far(view, objective).into_iter().find(|point| reached(point.value)).map(|p| p.trial)
}

/// The architectures that two runs have both proposed, as a share of those that either has (Jaccard's
/// coefficient), 0 to 1. `None` where their spaces differ, or neither has proposed any.
pub fn overlap(a: &RunView, b: &RunView) -> Option<f64> {
    if a.manifest().spec != b.manifest().spec {
        return None;
    }
    let of = |view: &RunView| -> HashSet<Architecture> {
        view.trials().iter().map(|trial| trial.proposal.architecture.clone()).collect()
    };
    let (a, b) = (of(a), of(b));
    let both = a.intersection(&b).count();
    let either = a.len() + b.len() - both;
    (either > 0).then(|| both as f64 / either as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clear_difference_is_told_from_none() {
        let a: Vec<f64> = (0..20).map(|i| 0.9 + 0.001 * f64::from(i % 5)).collect();
        let b: Vec<f64> = (0..20).map(|i| 0.8 + 0.001 * f64::from(i % 7)).collect();
        let clear = paired_bootstrap(&a, &b).unwrap();
        let mean = std::iter::zip(&a, &b).map(|(a, b)| a - b).sum::<f64>() / 20.0;
        assert!((clear.mean - mean).abs() < 1e-12);
        assert!(clear.low > 0.09 && clear.high < 0.11 && clear.p_value < 0.001, "{clear:?}");
        assert_eq!(clear.greater_equal_less, [20, 0, 0]);
        let none = paired_bootstrap(&[1.0, 2.0, 3.0, 4.0], &[2.0, 1.0, 4.0, 3.0]).unwrap();
        assert!(none.low < 0.0 && none.high > 0.0, "{none:?}");
        assert_eq!((none.mean, none.greater_equal_less), (0.0, [2, 0, 2]));
        assert!(none.p_value > 0.99);
    }

    /// All 27 samples of three differences, counted out.
    #[test]
    fn the_p_value_is_near_that_of_all_samples() {
        let d = [0.3, -0.1, 0.4];
        let mean: f64 = d.iter().sum::<f64>() / 3.0;
        let mut as_far = 0;
        for i in 0..27 {
            let drawn = (d[i % 3] + d[i / 3 % 3] + d[i / 9]) / 3.0;
            as_far += usize::from((drawn - mean).abs() >= mean - 1e-12);
        }
        let exact = as_far as f64 / 27.0;
        let found = paired_bootstrap(&d, &[0.0; 3]).unwrap().p_value;
        assert!((found - exact).abs() < 0.02, "{found} {exact}");
    }

    #[test]
    fn the_same_values_have_the_same_answer_whatever_their_order_of_sides() {
        let (a, b) = ([0.5, 0.7, 0.6, 0.9], [0.4, 0.8, 0.5, 0.7]);
        let there = paired_bootstrap(&a, &b).unwrap();
        assert_eq!(there, paired_bootstrap(&a, &b).unwrap());
        let back = paired_bootstrap(&b, &a).unwrap();
        assert!((there.mean + back.mean).abs() < 1e-12);
        assert_eq!(there.greater_equal_less, [3, 0, 1]);
        assert_eq!(back.greater_equal_less, [1, 0, 3]);
    }

    #[test]
    fn what_has_no_answer_is_an_error() {
        assert!(paired_bootstrap(&[1.0], &[1.0]).is_err());
        assert!(paired_bootstrap(&[1.0, 2.0], &[1.0]).is_err());
        let message = paired_bootstrap(&[1.0, f64::NAN], &[1.0, 2.0]).unwrap_err().to_string();
        assert_eq!(message, "cannot compute the paired difference: a value is not a finite number");
    }
}
