//! The percentile rule: a trial goes on only if its best result so far is among the best
//! `keep_percent` % of what the others had at the same epoch.
//!
//! # References
//! Golovin et al., "Google Vizier: A Service for Black-Box Optimization", KDD 2017, section 3.2.2.
//!
//! # Differences from the paper
//! The paper has the median only. The others' values at the epoch are compared, not their running
//! averages.

use serde::{Deserialize, Serialize};

use super::{PruneContext, Pruner, PrunerEntry};
use crate::Result;
use crate::config::{defaults, invalid, parse};
use crate::evaluate::Flow;

/// The row of the table.
pub static ENTRY: PrunerEntry = PrunerEntry {
    name: NAME,
    summary: "Stops a trial outside the best `keep_percent` percent of the others at the same epoch.",
    reference: "Golovin et al. 2017, https://doi.org/10.1145/3097983.3098043",
    defaults: defaults::<Config>,
    build: |config, ()| Ok(Box::new(Percentile::new(parse(NAME, config)?)?)),
};

const NAME: &str = "percentile";

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// A trial goes on if it is among the best so many percent of the others, above 0 and below
    /// 100. With 50 this is the `median` pruner; less stops more trials.
    pub keep_percent: f64,
    /// Complete trials with a value at the epoch that are needed before any is stopped.
    pub startup_trials: usize,
    /// The number of epochs in which no trial is stopped.
    pub warmup_epochs: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { keep_percent: 25.0, startup_trials: 5, warmup_epochs: 1 }
    }
}

/// The pruner, see the [module](self).
pub struct Percentile {
    config: Config,
}

impl Percentile {
    /// A pruner with these settings.
    ///
    /// # Errors
    /// If `keep_percent` is out of its range.
    pub fn new(config: Config) -> Result<Self> {
        let keep = config.keep_percent;
        if !(keep > 0.0 && keep < 100.0) {
            let problem = format!("keep_percent is {keep}, and must be above 0 and below 100");
            return Err(invalid(NAME, problem));
        }
        Ok(Self { config })
    }
}

impl Pruner for Percentile {
    fn prune(&self, cx: &PruneContext<'_>) -> Flow {
        let Config { keep_percent, startup_trials, warmup_epochs } = self.config;
        let Some(step) = cx.step().filter(|step| *step > warmup_epochs) else {
            return Flow::Continue;
        };
        let Some(own) = cx.best() else {
            return Flow::Continue;
        };
        let complete = cx.others.iter().filter(|trial| trial.metrics().is_some());
        let mut at_step: Vec<f64> = complete.filter_map(|trial| cx.at(trial, step)).collect();
        if at_step.is_empty() || at_step.len() < startup_trials {
            return Flow::Continue;
        }
        at_step.sort_by(f64::total_cmp);
        let least = quantile(&at_step, 1.0 - keep_percent / 100.0);
        if own < least { Flow::Stop } else { Flow::Continue }
    }
}

/// The value below which this share of the values are, linear between neighbors. The values rise,
/// and there is one at least.
fn quantile(values: &[f64], share: f64) -> f64 {
    let place = share * (values.len() - 1) as f64;
    let (low, high) = (values[place.floor() as usize], values[place.ceil() as usize]);
    let part = place.fract();
    low * (1.0 - part) + high * part
}

#[cfg(test)]
mod tests {
    use super::super::tests::{curve, loss, others};
    use super::*;

    #[test]
    fn stops_what_is_not_among_the_best_percent() {
        let others = others(&[&[9.0, 1.0], &[9.0, 2.0], &[9.0, 4.0], &[9.0, 8.0], &[9.0, 16.0]]);
        let decide = |keep_percent, values: &[f64]| {
            let config = Config { keep_percent, ..Config::default() };
            let (objective, curve) = (loss(), curve(1, values));
            let cx = PruneContext { objective: &objective, curve: &curve, others: &others };
            Percentile::new(config).unwrap().prune(&cx)
        };
        // Of 1, 2, 4, 8, 16 the best quarter is up to 2, the best 30 % is up to 2.4.
        assert_eq!(decide(25.0, &[9.0, 2.0]), Flow::Continue);
        assert_eq!(decide(25.0, &[9.0, 2.1]), Flow::Stop);
        assert_eq!(decide(30.0, &[9.0, 2.3]), Flow::Continue);
        assert_eq!(decide(30.0, &[9.0, 2.5]), Flow::Stop);
        assert_eq!(decide(75.0, &[9.0, 7.9]), Flow::Continue);
        assert_eq!(decide(75.0, &[9.0, 8.1]), Flow::Stop);
    }

    #[test]
    fn a_share_that_cannot_be_is_named() {
        for keep_percent in [0.0, 100.0] {
            let settings = serde_json::json!({ "keep_percent": keep_percent });
            let message = ENTRY.make(&settings, &()).err().unwrap().to_string();
            assert!(message.contains(&format!("keep_percent is {keep_percent}")), "{message}");
        }
    }
}
