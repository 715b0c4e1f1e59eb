//! How well the weights of a supernet rank architectures: what each comes to with them, beside what it
//! comes to by itself.

use super::comparison::Numbers;
use super::{kendall_tau, spearman_rho};
use crate::{Direction, Origin, Result, RunView, TrialId};

/// What searchers of supernets log with each proposal.
const SHARED: &str = "shared_valid_accuracy";

/// How often the pairs are drawn again for the interval.
const SAMPLES: usize = 1_000;

/// An architecture by both measures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SharedPair {
    /// The trial that evaluated it by itself.
    pub trial: TrialId,
    /// Its validation accuracy by the shared weights.
    pub shared: f64,
    /// Its metric by itself.
    pub alone: f64,
}

/// The complete trials that the searcher of the run proposed with an accuracy by its shared weights, and
/// that have this metric. Those that were taken over from other runs are of other weights.
pub fn shared_pairs(view: &RunView, metric: &str) -> Vec<SharedPair> {
    let pairs = view.trials().iter().filter_map(|trial| {
        if let Some(Origin::Imported { .. }) = trial.proposal.origin.as_deref() {
            return None;
        }
        let shared = trial.proposal.signals.as_ref()?.scalars.get(SHARED)?;
        Some(SharedPair { trial: trial.id, shared, alone: trial.metric(metric)? })
    });
    pairs.collect()
}

/// How far two orders agree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankAgreement {
    /// Kendall's τ-b.
    pub kendall_tau: f64,
    /// The interval that has it in about 95 of 100 cases; of three pairs or more.
    pub kendall_tau_95: Option<[f64; 2]>,
    /// Spearman's ρ.
    pub spearman_rho: f64,
}

/// How far the order by shared weights agrees with the order by themselves, which is by a metric of this
/// direction; 1 where the better ones are the same on both sides.
///
/// The interval is a bootstrap: the pairs are drawn again, with replacement, and it has the middle 95 %
/// of their τ (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13). With fewer
/// than about ten pairs it is too narrow. The draws are always the same.
///
/// # Errors
/// If there are fewer than two pairs, or all values of one side are equal.
pub fn rank_agreement(pairs: &[SharedPair], direction: Direction) -> Result<RankAgreement> {
    let shared: Vec<f64> = pairs.iter().map(|pair| pair.shared).collect();
    let alone: Vec<f64> = pairs.iter().map(|pair| direction.oriented(pair.alone)).collect();
    let (n, mut numbers) = (pairs.len(), Numbers(0));
    let (tau, rho) = (kendall_tau(&shared, &alone)?, spearman_rho(&shared, &alone)?);
    let draw = |_: usize| {
        let drawn: Vec<usize> = (0..n).map(|_| numbers.below(n)).collect();
        let of = |values: &[f64]| drawn.iter().map(|at| values[*at]).collect::<Vec<f64>>();
        // Where all of one side are equal there is no order to speak of.
        kendall_tau(&of(&shared), &of(&alone)).ok()
    };
    let mut taus: Vec<f64> = (0..SAMPLES).filter_map(draw).collect();
    taus.sort_by(f64::total_cmp);
    let at = |share: usize| taus.get(taus.len() * share / 1000).copied();
    let interval = if n < 3 { None } else { at(25).zip(at(975)) };
    Ok(RankAgreement {
        kendall_tau: tau,
        kendall_tau_95: interval.map(|(low, high)| [low, high]),
        spearman_rho: rho,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(values: &[(f64, f64)]) -> Vec<SharedPair> {
        let pair = |(at, (shared, alone)): (usize, &(f64, f64))| SharedPair {
            trial: TrialId(at as u32),
            shared: *shared,
            alone: *alone,
        };
        values.iter().enumerate().map(pair).collect()
    }

    #[test]
    fn the_order_is_by_what_is_good() {
        // Of the ten pairs of five, two are the other way round.
        let five = pairs(&[(0.1, 1.0), (0.2, 3.0), (0.3, 2.0), (0.4, 5.0), (0.5, 4.0)]);
        let agreement = rank_agreement(&five, Direction::Maximize).unwrap();
        assert!((agreement.kendall_tau - 0.6).abs() < 1e-12);
        assert!((agreement.spearman_rho - 0.8).abs() < 1e-12);
        let [low, high] = agreement.kendall_tau_95.unwrap();
        assert!((-1.0..0.6).contains(&low) && high > 0.6 && high <= 1.0, "{low} {high}");
        let other = rank_agreement(&five, Direction::Minimize).unwrap();
        assert!((other.kendall_tau + 0.6).abs() < 1e-12);
    }

    #[test]
    fn more_pairs_make_the_interval_shorter() {
        let width = |n: u32| {
            // A line with a disturbance that comes again.
            let values = (0..n).map(|at| {
                let line = f64::from(at) / f64::from(n);
                (line, line + f64::from(at * 7 % 11) / 11.0)
            });
            let agreement =
                rank_agreement(&pairs(&values.collect::<Vec<_>>()), Direction::Maximize).unwrap();
            let [low, high] = agreement.kendall_tau_95.unwrap();
            assert!(low < agreement.kendall_tau && agreement.kendall_tau < high);
            high - low
        };
        assert!(width(400) < 0.5 * width(40));
    }

    #[test]
    fn what_has_no_order_is_an_error() {
        assert!(rank_agreement(&pairs(&[(0.1, 0.2)]), Direction::Maximize).is_err());
        let equal = pairs(&[(0.5, 0.2), (0.5, 0.3), (0.5, 0.4)]);
        assert!(rank_agreement(&equal, Direction::Maximize).is_err());
        let two = pairs(&[(0.1, 0.2), (0.2, 0.3)]);
        let agreement = rank_agreement(&two, Direction::Maximize).unwrap();
        assert_eq!(agreement.kendall_tau_95, None);
    }
}
