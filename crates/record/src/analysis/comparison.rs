//! Runs against one another: is one better, how sure is that, and did they look at the same.

use std::collections::HashMap;

use crate::{Architecture, Error, Objective, Result, RunView, Trial};

/// What pairs of values say of the difference of their means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairedDifference {
    /// The mean of the differences, first less second.
    pub mean: f64,
    /// The lower end of the interval that has it in about 95 of 100 cases.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// How likely a difference at least so large is, either way, where there is none: 0 to 1.
    pub p_value: f64,
    /// The pairs of which the first value is greater, equal, and less.
    pub greater_equal_less: [usize; 3],
}

/// How many samples are drawn, of the differences and of their signs.
const SAMPLES: usize = 10_000;

/// Up to so many pairs, all ways to put signs before the differences are counted out.
const MOST_EXACT: usize = 16;

/// Compares values that belong together pair by pair, as the results of two searchers for one seed.
///
/// The interval is a bootstrap: the differences are drawn again, with replacement, and it has the
/// middle 95 % of their means (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993,
/// chapter 13). With fewer than about ten pairs it is too narrow.
///
/// The p-value is that of a permutation test (Fisher, "The Design of Experiments", 1935; Good,
/// "Permutation Tests", 2000): where there is no difference, each could as well have the other sign, so
/// it is the share of all signs that bring the mean as far from 0 as it is. It holds for any number of
/// pairs; `n` of them cannot be less likely than `2 / 2^n`, so that five pairs are never below 0.05.
/// For more than 16 pairs signs are drawn, and the observed ones count too (Phipson and Smyth,
/// "Permutation P-values Should Never Be Zero", 2010).
///
/// The draws are always the same.
///
/// # Errors
/// If the lengths differ, there are fewer than two pairs, or a value is not finite.
pub fn paired_difference(first: &[f64], second: &[f64]) -> Result<PairedDifference> {
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
    let mut numbers = Numbers(0);
    let mut means: Vec<f64> = (0..SAMPLES)
        .map(|_| {
            let drawn = (0..n).map(|_| differences[numbers.below(n)]);
            drawn.sum::<f64>() / n as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    let count = |keep: fn(f64) -> bool| differences.iter().filter(|d| keep(**d)).count();
    Ok(PairedDifference {
        mean: differences.iter().sum::<f64>() / n as f64,
        low: means[SAMPLES * 25 / 1000],
        high: means[SAMPLES * 975 / 1000],
        p_value: sign_flips(&differences, &mut numbers),
        greater_equal_less: [count(|d| d > 0.0), count(|d| d == 0.0), count(|d| d < 0.0)],
    })
}

/// The share of the signs before these differences that bring their sum as far from 0 as it is.
fn sign_flips(differences: &[f64], numbers: &mut Numbers) -> f64 {
    let sum = |flipped: &mut dyn FnMut(usize) -> bool| -> f64 {
        let signed = differences.iter().enumerate();
        signed.map(|(at, d)| if flipped(at) { -d } else { *d }).sum()
    };
    // Sums that differ by rounding are equal.
    let rounding = 1e-12 * differences.iter().map(|d| d.abs()).sum::<f64>();
    let observed = sum(&mut |_| false).abs() - rounding;
    if differences.len() <= MOST_EXACT {
        let all = 1_u32 << differences.len();
        let far = |signs: &u32| sum(&mut |at| (signs >> at) & 1 == 1).abs() >= observed;
        return (0..all).filter(far).count() as f64 / f64::from(all);
    }
    let far = |_: &usize| sum(&mut |_| numbers.below(2) == 1).abs() >= observed;
    ((0..SAMPLES).filter(far).count() + 1) as f64 / (SAMPLES + 1) as f64
}

/// What p-values come to where several tests are made at once: with them, the chance that any test finds
/// a difference where there is none is as it would be for one (Holm, "A Simple Sequentially Rejective
/// Multiple Test Procedure", 1979).
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut least: f64 = 0.0;
    for (rank, at) in order.into_iter().enumerate() {
        let left = (p_values.len() - rank) as f64;
        least = least.max((p_values[at] * left).min(1.0));
        adjusted[at] = least;
    }
    adjusted
}

/// Numbers that look random and are always the same (Steele et al., "Fast Splittable Pseudorandom
/// Number Generators", 2014).
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    pub(super) fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        ((u128::from(z) * n as u128) >> 64) as usize
    }
}

/// The first of some trials that is at least as good as a target: of those of a run that compare (see
/// [`comparable`](super::comparable)), in the order in which they are looked at.
pub fn first_to_reach<'a>(
    trials: impl IntoIterator<Item = &'a Trial>,
    objective: &Objective,
    target: f64,
) -> Option<&'a Trial> {
    let wanted = objective.direction.oriented(target);
    trials.into_iter().find(|trial| trial.score(objective).is_some_and(|score| score >= wanted))
}

/// What two runs, or two groups of runs, have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// The architectures that both have proposed.
    pub both: usize,
    /// Those that either has; at least one.
    pub either: usize,
}

impl Overlap {
    /// The first as a share of the second, 0 to 1 (Jaccard, "The Distribution of the Flora in the Alpine
    /// Zone", 1912).
    pub fn share(self) -> f64 {
        self.both as f64 / self.either as f64
    }
}

/// What each group of runs has in common with each, itself among them. `None` where their spaces differ,
/// or neither has proposed anything.
///
/// Architectures are compared as the log has them. Where a space knows several ways to write one
/// network, those count as different here: what they mean is known to the space only, not to the log.
pub fn overlaps(groups: &[Vec<&RunView>]) -> Vec<Vec<Option<Overlap>>> {
    // Spaces by number, so that an architecture is one only within its space.
    let mut specs = Vec::new();
    let mut numbers: HashMap<(usize, &Architecture), usize> = HashMap::new();
    // The groups that have each architecture, in order.
    let mut owners: Vec<Vec<usize>> = Vec::new();
    let mut space_of = vec![None; groups.len()];
    for (group, views) in groups.iter().enumerate() {
        for view in views {
            let spec = &view.manifest().spec;
            let space = specs.iter().position(|known| *known == spec).unwrap_or(specs.len());
            if space == specs.len() {
                specs.push(spec);
            }
            space_of[group].get_or_insert(space);
            for trial in view.trials() {
                let key = (space, &trial.proposal.architecture);
                let number = *numbers.entry(key).or_insert(owners.len());
                if number == owners.len() {
                    owners.push(Vec::new());
                }
                if owners[number].last() != Some(&group) {
                    owners[number].push(group);
                }
            }
        }
    }
    let mut both = vec![vec![0; groups.len()]; groups.len()];
    for own in &owners {
        for &a in own {
            for &b in own {
                both[a][b] += 1;
            }
        }
    }
    let of = |a: usize, b: usize| {
        let either = both[a][a] + both[b][b] - both[a][b];
        let comparable = space_of[a] == space_of[b] && either > 0;
        comparable.then(|| Overlap { both: both[a][b], either })
    };
    (0..groups.len()).map(|a| (0..groups.len()).map(|b| of(a, b)).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clear_difference_is_told_from_none() {
        let a: Vec<f64> = (0..20).map(|i| 0.9 + 0.001 * f64::from(i % 5)).collect();
        let b: Vec<f64> = (0..20).map(|i| 0.8 + 0.001 * f64::from(i % 7)).collect();
        let clear = paired_difference(&a, &b).unwrap();
        let mean = std::iter::zip(&a, &b).map(|(a, b)| a - b).sum::<f64>() / 20.0;
        assert!((clear.mean - mean).abs() < 1e-12);
        assert!(clear.low > 0.09 && clear.high < 0.11 && clear.p_value < 0.001, "{clear:?}");
        assert_eq!(clear.greater_equal_less, [20, 0, 0]);
        let none = paired_difference(&[1.0, 2.0, 3.0, 4.0], &[2.0, 1.0, 4.0, 3.0]).unwrap();
        assert!(none.low < 0.0 && none.high > 0.0, "{none:?}");
        assert_eq!((none.mean, none.greater_equal_less), (0.0, [2, 0, 2]));
        assert!(none.p_value > 0.99);
    }

    #[test]
    fn few_pairs_cannot_be_sure() {
        let p = |d: &[f64]| paired_difference(d, &vec![0.0; d.len()]).unwrap().p_value;
        // Of all signs, only the observed ones and their opposite are as far from 0.
        assert_eq!(p(&[0.1, 0.3]), 0.5);
        assert_eq!(p(&[-0.1, -0.3, -0.2, -0.4, -0.1]), 2.0 / 32.0);
        assert_eq!(p(&[0.1; 6]), 2.0 / 64.0);
        // Sums of ±3 ±1 ±4: 8, 2, 6, 0 and their opposites; 6 is observed.
        assert_eq!(p(&[0.3, -0.1, 0.4]), 0.5);
        assert_eq!(p(&[0.0; 4]), 1.0);
    }

    #[test]
    fn drawn_signs_say_what_all_signs_say() {
        let d: Vec<f64> = (0..16).map(|i| f64::from(i * 7 % 16) - 5.5).collect();
        let exact = sign_flips(&d, &mut Numbers(0));
        let more: Vec<f64> = d.iter().copied().chain([0.0]).collect(); // a zero changes nothing
        let drawn = sign_flips(&more, &mut Numbers(0));
        assert!((exact - drawn).abs() < 0.02, "{exact} {drawn}");
        assert!(exact > 0.05 && exact < 0.2, "{exact}");
    }

    #[test]
    fn several_tests_need_more_to_be_sure() {
        let adjusted = holm(&[0.04, 0.01, 0.03, 0.5]);
        for (found, expected) in std::iter::zip(adjusted, [0.09, 0.04, 0.09, 0.5]) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        assert_eq!(holm(&[0.6, 0.7]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn the_same_values_have_the_same_answer_whatever_their_order_of_sides() {
        let (a, b) = ([0.5, 0.7, 0.6, 0.9], [0.4, 0.8, 0.5, 0.7]);
        let there = paired_difference(&a, &b).unwrap();
        assert_eq!(there, paired_difference(&a, &b).unwrap());
        let back = paired_difference(&b, &a).unwrap();
        assert!((there.mean + back.mean).abs() < 1e-12);
        assert_eq!(there.greater_equal_less, [3, 0, 1]);
        assert_eq!(back.greater_equal_less, [1, 0, 3]);
    }

    #[test]
    fn what_has_no_answer_is_an_error() {
        assert!(paired_difference(&[1.0], &[1.0]).is_err());
        assert!(paired_difference(&[1.0, 2.0], &[1.0]).is_err());
        let message = paired_difference(&[1.0, f64::NAN], &[1.0, 2.0]).unwrap_err().to_string();
        assert_eq!(message, "cannot compute the paired difference: a value is not a finite number");
    }
}
