//! Medians, and how sure a ratio of two of them is.

/// A ratio with an interval in which it lies with a probability of 95 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ratio {
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// How often the rounds are drawn anew.
const DRAWS: usize = 2000;

/// The middle of the values; between the middle two, if there are two.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.get(middle.wrapping_sub(1)), sorted.get(middle)) {
        (Some(before), Some(at)) if sorted.len().is_multiple_of(2) => f64::midpoint(*before, *at),
        (_, Some(at)) => *at,
        _ => f64::NAN,
    }
}

/// The ratio of the medians of two sides that were measured in the same rounds. Its interval is that
/// of the bootstrap: rounds are drawn with replacement, both sides of a round together, because what
/// disturbs a round disturbs both.
pub(crate) fn ratio(ours: &[f64], theirs: &[f64]) -> Ratio {
    let rounds = ours.len().min(theirs.len());
    let value = median(ours) / median(theirs);
    let mut random = Random(1);
    let mut drawn: Vec<f64> = (0..DRAWS)
        .map(|_| {
            let chosen: Vec<usize> = (0..rounds).map(|_| random.below(rounds)).collect();
            let of = |side: &[f64]| median(&chosen.iter().map(|at| side[*at]).collect::<Vec<_>>());
            of(ours) / of(theirs)
        })
        .collect();
    drawn.sort_by(f64::total_cmp);
    let quantile = |part: f64| drawn[(part * (DRAWS - 1) as f64).round() as usize];
    Ratio { value, low: quantile(0.025), high: quantile(0.975) }
}

/// The generator SplitMix64 (G. Steele, D. Lea, C. Flood 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) % limit as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&[7.0]), 7.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn what_disturbs_both_sides_does_not_widen_the_interval() {
        let noise = [1.0, 1.4, 1.1, 2.0, 1.2, 1.05, 1.7];
        let ours = noise.map(|noise| 3.0 * noise);
        let theirs = noise.map(|noise| 6.0 * noise);
        let Ratio { value, low, high } = ratio(&ours, &theirs);
        assert!([value, low, high].iter().all(|x| (x - 0.5).abs() < 1e-12));
    }

    // The median of 7 that are drawn of 1 to 7 is 7 with a probability of 0.010, and at least 6 with one
    // of 0.10 (binomial): so the interval ends at 6, and by symmetry at 2.
    #[test]
    fn the_interval_is_that_of_the_median() {
        let ours = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
        assert_eq!(ratio(&ours, &[1.0; 7]), Ratio { value: 4.0, low: 2.0, high: 6.0 });
    }
}
