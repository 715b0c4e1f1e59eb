//! Successive halving as a pruner: at each rung of epochs, a trial goes on only if it is among the
//! best of those that were there. It may stand under any searcher.
//!
//! # Algorithm
//! The rungs are at `min_epochs` · η⁰, `min_epochs` · η¹, … epochs, η being `reduction_factor`. A
//! trial that reports on a rung goes on if it is among the best max(1, ⌊n / η⌋) of the n trials with
//! a value there, itself included. Nothing waits for a rung to be full.
//!
//! # References
//! Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht and Talwalkar, "A System for Massively
//! Parallel Hyperparameter Tuning", MLSys 2020, <https://arxiv.org/abs/1810.05934>, section 3.
//!
//! # Differences from the paper
//! A trial that is stopped is never taken up again, and the first η - 1 trials on a rung go on while
//! each is the best so far. The searcher of the same name pauses trials instead.

use serde::{Deserialize, Serialize};

use super::{PruneContext, Pruner, PrunerEntry};
use crate::Result;
use crate::config::{defaults, invalid, parse};
use crate::evaluate::Flow;

/// The row of the table.
pub static ENTRY: PrunerEntry = PrunerEntry {
    name: NAME,
    summary: "At each rung of epochs, stops all but the best of the trials that were there (ASHA).",
    reference: "Li et al. 2020, https://arxiv.org/abs/1810.05934",
    defaults: defaults::<Config>,
    build: |config, ()| Ok(Box::new(SuccessiveHalving::new(parse(NAME, config)?)?)),
};

const NAME: &str = "successive_halving";

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The epochs of the lowest rung, at least 1.
    pub min_epochs: u32,
    /// One of so many trials goes on, at least 2: η. The paper has 4; 3 is that of Hyperband.
    pub reduction_factor: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { min_epochs: 1, reduction_factor: 3 }
    }
}

/// The pruner, see the [module](self).
pub struct SuccessiveHalving {
    config: Config,
}

impl SuccessiveHalving {
    /// A pruner with these settings.
    ///
    /// # Errors
    /// If a setting is out of its range.
    pub fn new(config: Config) -> Result<Self> {
        let Config { min_epochs, reduction_factor } = config;
        if min_epochs == 0 {
            return Err(invalid(NAME, "min_epochs is 0, and must be at least 1"));
        }
        if reduction_factor < 2 {
            let problem = format!("reduction_factor is {reduction_factor}, and must be at least 2");
            return Err(invalid(NAME, problem));
        }
        Ok(Self { config })
    }

    fn is_rung(&self, step: u32) -> bool {
        let Config { min_epochs, reduction_factor } = self.config;
        let next = |rung: &u32| rung.checked_mul(reduction_factor);
        std::iter::successors(Some(min_epochs), next).any(|rung| rung == step)
    }
}

impl Pruner for SuccessiveHalving {
    fn prune(&self, cx: &PruneContext<'_>) -> Flow {
        let Some((step, own)) = cx.scores().last() else {
            return Flow::Continue;
        };
        if cx.step() != Some(step) || !self.is_rung(step) {
            return Flow::Continue;
        }
        // Those that were stopped here or later count, too: without them the rung would rise.
        let on_rung = cx.others.iter().filter_map(|trial| cx.at(trial, step));
        let (mut n, mut better) = (1, 0);
        for other in on_rung {
            n += 1;
            better += usize::from(other > own);
        }
        let kept = (n / self.config.reduction_factor as usize).max(1);
        if better < kept { Flow::Continue } else { Flow::Stop }
    }
}

#[cfg(test)]
mod tests {
    use nascent_record::{Metrics, Outcome};

    use super::super::tests::{curve, loss, others};
    use super::*;

    #[test]
    fn a_trial_goes_on_among_the_best_third_of_its_rung() {
        let mut others = others(&[&[1.0, 6.0], &[2.0, 5.0], &[3.0], &[4.0], &[5.0, 1.0, 7.0]]);
        others[2].outcome = Some(Outcome::Pruned(Metrics::default()));
        let decide = |others: &[_], config, first, values: &[f64]| {
            let (objective, curve) = (loss(), curve(first, values));
            let cx = PruneContext { objective: &objective, curve: &curve, others };
            SuccessiveHalving::new(config).unwrap().prune(&cx)
        };
        let thirds = Config::default();
        // Six with itself: the best two go on.
        assert_eq!(decide(&others, thirds, 1, &[1.5]), Flow::Continue);
        assert_eq!(decide(&others, thirds, 1, &[2.5]), Flow::Stop);
        // Five with itself, as one is not there: the best one goes on.
        assert_eq!(decide(&others[..4], thirds, 1, &[0.5]), Flow::Continue);
        assert_eq!(decide(&others[..4], thirds, 1, &[1.5]), Flow::Stop);
        assert_eq!(decide(&[], thirds, 1, &[99.0]), Flow::Continue, "it is the first");
        assert_eq!(decide(&others, thirds, 1, &[1.0, 99.0]), Flow::Continue, "2 is no rung");
        assert_eq!(decide(&others, thirds, 1, &[1.0, 1.0, 7.5]), Flow::Stop, "3 is one");
        assert_eq!(decide(&others, thirds, 3, &[7.5]), Flow::Stop, "it goes on from epoch 2");
        let halves = Config { min_epochs: 2, reduction_factor: 2 };
        assert_eq!(decide(&others, halves, 1, &[99.0]), Flow::Continue, "1 is no rung");
        // 6, 5, 1 and itself: the best two go on.
        assert_eq!(decide(&others, halves, 1, &[9.0, 4.0]), Flow::Continue);
        assert_eq!(decide(&others, halves, 1, &[0.0, 5.5]), Flow::Stop, "its value there counts");
    }

    #[test]
    fn settings_that_cannot_be_are_named() {
        for (name, value) in [("min_epochs", 0), ("reduction_factor", 1)] {
            let message = ENTRY.make(&serde_json::json!({ name: value }), &()).err().unwrap();
            assert!(message.to_string().contains(&format!("{name} is {value}")), "{message}");
        }
    }
}
