//! What a trial is worth to a policy: how it ranks among all that were told.
//!
//! A rank does not change with the scale of the score, so an accuracy, a percentage and a loss are
//! learned from alike, and one broken network at 10 % does not drown what separates good ones. The
//! reward is `-ln(1 - q) - 1`, where q is the share of results that are worse: 0 on average over
//! all results, and a step from the best 2 % to the best 1 % is worth as much as one from the better
//! half to the better quarter. So there is something to learn until the end.

use nascent_record::Score;

/// How a trial ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Ending {
    /// With a score.
    Scored(Score),
    /// It was stopped early.
    Pruned,
    /// It failed.
    Failed,
}

/// The share of results that are worse than a trial that was stopped early: it is not known, but
/// such a trial was behind the middle when it was stopped.
const PRUNED: f64 = 0.25;

/// All results so far.
#[derive(Default)]
pub(super) struct Ranks {
    /// In order.
    scores: Vec<Score>,
    failed: usize,
}

impl Ranks {
    /// Takes one more result.
    pub(super) fn add(&mut self, ending: Ending) {
        match ending {
            Ending::Scored(score) => {
                let at = self.scores.partition_point(|other| *other < score);
                self.scores.insert(at, score);
            }
            Ending::Failed => self.failed += 1,
            Ending::Pruned => {}
        }
    }

    /// The share of results that are worse than this one, which was added; equal ones, itself among
    /// them, count half. A failed trial is worse than any score.
    fn share_below(&self, ending: Ending) -> f64 {
        let (below, equal) = match ending {
            Ending::Scored(score) => {
                let below = self.scores.partition_point(|other| *other < score);
                let up_to = self.scores.partition_point(|other| *other <= score);
                (self.failed + below, up_to - below)
            }
            Ending::Failed => (0, self.failed),
            Ending::Pruned => return PRUNED,
        };
        (below as f64 + 0.5 * equal as f64) / (self.failed + self.scores.len()) as f64
    }

    /// The reward of a result that was added, see the [module](self).
    pub(super) fn reward(&self, ending: Ending) -> f64 {
        -(1.0 - self.share_below(ending)).ln() - 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewards(values: &[Option<f64>]) -> Vec<f64> {
        let ending = |value: &Option<f64>| match value {
            Some(value) => Ending::Scored(Score { value: *value, violation: 0.0 }),
            None => Ending::Failed,
        };
        let mut ranks = Ranks::default();
        for value in values {
            ranks.add(ending(value));
        }
        values.iter().map(|value| ranks.reward(ending(value))).collect()
    }

    #[test]
    fn the_scale_of_the_score_does_not_matter() {
        let accuracies = [0.1, 0.7, 0.9, 0.7].map(Some);
        let expected = [1.0 / 8.0, 0.5, 7.0 / 8.0, 0.5].map(|q: f64| -(1.0 - q).ln() - 1.0);
        assert_eq!(rewards(&accuracies), expected);
        assert_eq!(rewards(&accuracies.map(|a| a.map(|a| a * 100.0))), expected);
        assert_eq!(rewards(&accuracies.map(|a| a.map(f64::ln))), expected);
    }

    #[test]
    fn a_failure_is_the_worst_and_nothing_is_learned_from_failures_alone() {
        let some = rewards(&[Some(-1e9), None, Some(0.5), None]);
        assert!(some[1] < some[0] && some[0] < some[2] && some[1] == some[3], "{some:?}");
        assert_eq!(rewards(&[None, None]), [0.5_f64.ln().abs() - 1.0; 2]);
    }

    #[test]
    fn what_breaks_a_constraint_is_below_all_that_keeps_it_and_above_failures() {
        let broken = Ending::Scored(Score { value: 99.0, violation: 0.1 });
        let kept = Ending::Scored(Score { value: 1.0, violation: 0.0 });
        let mut ranks = Ranks::default();
        for ending in [broken, kept, Ending::Failed] {
            ranks.add(ending);
        }
        let order = [Ending::Failed, broken, kept].map(|ending| ranks.reward(ending));
        assert!(order.is_sorted_by(|a, b| a < b), "{order:?}");
        assert!(ranks.reward(Ending::Pruned) < ranks.reward(broken));
    }
}
