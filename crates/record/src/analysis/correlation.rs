//! Rank correlation: how well one ordering of architectures predicts another.

use std::cmp::Ordering;

use crate::{Error, Result};

fn check(analysis: &'static str, x: &[f64], y: &[f64]) -> Result<()> {
    let problem = if x.len() != y.len() {
        format!("{} values against {}", x.len(), y.len())
    } else if x.len() < 2 {
        "it needs at least two pairs".to_owned()
    } else if x.iter().chain(y).any(|value| value.is_nan()) {
        "a value is not a number".to_owned()
    } else if [x, y].iter().any(|values| values.iter().all(|v| *v == values[0])) {
        "all values of one side are equal".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::Analysis { analysis, problem })
}

/// Kendall's τ-b, −1 to 1: pairs in the same order less pairs in the opposite order, with ties
/// accounted for. O(n log n): Knight, "A Computer Method for Calculating Kendall's Tau with
/// Ungrouped Data", JASA 61 (1966).
///
/// # Errors
/// If the lengths differ, there are fewer than two pairs, or one side is constant.
pub fn kendall_tau(x: &[f64], y: &[f64]) -> Result<f64> {
    check("Kendall's tau", x, y)?;
    // Adding zero makes -0 the 0 that it is equal to, so that the order agrees with equality.
    let mut pairs: Vec<(f64, f64)> =
        std::iter::zip(x, y).map(|(x, y)| (x + 0.0, y + 0.0)).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let ties = |equal: &dyn Fn(usize) -> bool| -> f64 {
        let (mut total, mut run) = (0.0, 1.0);
        for i in 1..pairs.len() {
            if equal(i) {
                run += 1.0;
            } else {
                total += run * (run - 1.0) / 2.0;
                run = 1.0;
            }
        }
        total + run * (run - 1.0) / 2.0
    };
    let ties_x = ties(&|i| pairs[i].0 == pairs[i - 1].0);
    let ties_xy = ties(&|i| pairs[i] == pairs[i - 1]);
    let mut ys: Vec<f64> = pairs.iter().map(|pair| pair.1).collect();
    let swaps = count_swaps(&mut ys);
    let (mut ties_y, mut run) = (0.0, 1.0);
    for i in 1..=ys.len() {
        if i < ys.len() && ys[i] == ys[i - 1] {
            run += 1.0;
        } else {
            ties_y += run * (run - 1.0) / 2.0;
            run = 1.0;
        }
    }
    let n = x.len() as f64;
    let all = n * (n - 1.0) / 2.0;
    let concordant_less_discordant = all - ties_x - ties_y + ties_xy - 2.0 * swaps as f64;
    Ok(concordant_less_discordant / ((all - ties_x) * (all - ties_y)).sqrt())
}

/// Merge sort that counts the exchanges of neighbors it stands for.
fn count_swaps(values: &mut [f64]) -> u64 {
    if values.len() < 2 {
        return 0;
    }
    let middle = values.len() / 2;
    let (left, right) = values.split_at_mut(middle);
    let mut swaps = count_swaps(left) + count_swaps(right);
    let (mut i, mut j, mut merged) = (0, 0, Vec::with_capacity(left.len() + right.len()));
    while i < left.len() || j < right.len() {
        let take_right =
            j < right.len() && (i == left.len() || right[j].total_cmp(&left[i]) == Ordering::Less);
        if take_right {
            merged.push(right[j]);
            j += 1;
            swaps += (left.len() - i) as u64;
        } else {
            merged.push(left[i]);
            i += 1;
        }
    }
    values.copy_from_slice(&merged);
    swaps
}

/// Spearman's ρ, −1 to 1: the linear correlation of the ranks, ties sharing their mean rank.
///
/// # Errors
/// If the lengths differ, there are fewer than two pairs, or one side is constant.
pub fn spearman_rho(x: &[f64], y: &[f64]) -> Result<f64> {
    check("Spearman's rho", x, y)?;
    let (x, y) = (ranks(x), ranks(y));
    let mean = f64::midpoint(1.0, x.len() as f64);
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for (a, b) in std::iter::zip(x, y) {
        xy += (a - mean) * (b - mean);
        xx += (a - mean) * (a - mean);
        yy += (b - mean) * (b - mean);
    }
    Ok(xy / (xx * yy).sqrt())
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let tied = order[start..].iter().take_while(|&&i| values[i] == values[order[start]]);
        let end = start + tied.count();
        for &i in &order[start..end] {
            ranks[i] = (start + 1 + end) as f64 / 2.0;
        }
        start = end;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // Reference values: scipy.stats.kendalltau and spearmanr.
    #[test]
    fn known_values_with_ties() {
        let x = [12.0, 2.0, 1.0, 12.0, 2.0];
        let y = [1.0, 4.0, 7.0, 1.0, 0.0];
        assert!((kendall_tau(&x, &y).unwrap() - -0.471_404_520_791_031_7).abs() < 1e-12);
        assert!(
            (spearman_rho(&[1., 2., 3., 4., 5.], &[5., 6., 7., 8., 7.]).unwrap()
                - 0.820_782_681_668_123_4)
                .abs()
                < 1e-12
        );
    }

    #[test]
    fn what_has_no_answer_is_an_error() {
        assert!(kendall_tau(&[1.0], &[1.0]).is_err());
        assert!(kendall_tau(&[1.0, 1.0], &[1.0, 2.0]).is_err());
        assert!(spearman_rho(&[1.0, 2.0], &[1.0]).is_err());
    }

    fn slow_tau(x: &[f64], y: &[f64]) -> f64 {
        let (mut s, mut tx, mut ty, mut n) = (0.0, 0.0, 0.0, 0.0);
        for i in 0..x.len() {
            for j in 0..i {
                let sign = |a: f64| if a == 0.0 { 0.0 } else { a.signum() };
                let (dx, dy) = (sign(x[i] - x[j]), sign(y[i] - y[j]));
                s += dx * dy;
                tx += f64::from(dx == 0.0);
                ty += f64::from(dy == 0.0);
                n += 1.0;
            }
        }
        s / f64::sqrt((n - tx) * (n - ty))
    }

    proptest! {
        #[test]
        fn kendall_agrees_with_its_definition(
            pairs in prop::collection::vec((0..8_i32, 0..8_i32), 2..60)
        ) {
            let x: Vec<f64> = pairs.iter().map(|p| f64::from(p.0)).collect();
            let y: Vec<f64> = pairs.iter().map(|p| f64::from(p.1)).collect();
            if let Ok(tau) = kendall_tau(&x, &y) {
                prop_assert!((tau - slow_tau(&x, &y)).abs() < 1e-9);
            }
        }
    }
}
