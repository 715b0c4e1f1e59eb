//! Early stopping: a trial stops whose own best result has not improved for some epochs. It looks at
//! no other trial.
//!
//! # References
//! Prechelt, "Early Stopping – But When?", 1998, <https://doi.org/10.1007/3-540-49430-8_3>.
//!
//! # Differences from the paper
//! Of the criteria there, which look at strips of epochs, this is the simplest: an improvement by
//! more than `min_delta` starts the count of epochs anew.

use serde::{Deserialize, Serialize};

use super::{PruneContext, Pruner, PrunerEntry};
use crate::Result;
use crate::config::{defaults, invalid, parse};
use crate::evaluate::Flow;

/// The row of the table.
pub static ENTRY: PrunerEntry = PrunerEntry {
    name: NAME,
    summary: "Stops a trial whose own best has not improved for some epochs.",
    reference: "Prechelt 1998, https://doi.org/10.1007/3-540-49430-8_3",
    defaults: defaults::<Config>,
    build: |config, ()| Ok(Box::new(Patient::new(parse(NAME, config)?)?)),
};

const NAME: &str = "patient";

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Epochs without an improvement after which a trial stops, at least 1.
    pub patience: u32,
    /// Only what is better by more than this is an improvement, in the unit of the objective; at
    /// least 0.
    pub min_delta: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { patience: 5, min_delta: 0.0 }
    }
}

/// The pruner, see the [module](self).
pub struct Patient {
    config: Config,
}

impl Patient {
    /// A pruner with these settings.
    ///
    /// # Errors
    /// If a setting is out of its range.
    pub fn new(config: Config) -> Result<Self> {
        let Config { patience, min_delta } = config;
        if patience == 0 {
            return Err(invalid(NAME, "patience is 0, and must be at least 1"));
        }
        if !(min_delta >= 0.0 && min_delta.is_finite()) {
            return Err(invalid(NAME, format!("min_delta is {min_delta}, and must be at least 0")));
        }
        Ok(Self { config })
    }
}

impl Pruner for Patient {
    fn prune(&self, cx: &PruneContext<'_>) -> Flow {
        let mut scores = cx.scores();
        let (Some(last), Some((mut improved, mut best))) = (cx.step(), scores.next()) else {
            return Flow::Continue;
        };
        for (step, score) in scores {
            if score > best + self.config.min_delta {
                (improved, best) = (step, score);
            }
        }
        if last - improved >= self.config.patience { Flow::Stop } else { Flow::Continue }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{curve, loss};
    use super::*;

    #[test]
    fn stops_when_its_best_has_not_improved_for_long() {
        let decide = |min_delta, first, values: &[f64]| {
            let (objective, curve) = (loss(), curve(first, values));
            let cx = PruneContext { objective: &objective, curve: &curve, others: &[] };
            Patient::new(Config { patience: 2, min_delta }).unwrap().prune(&cx)
        };
        assert_eq!(decide(0.0, 1, &[5.0, 5.0]), Flow::Continue);
        assert_eq!(decide(0.0, 1, &[5.0, 5.0, 5.0]), Flow::Stop);
        assert_eq!(decide(0.0, 1, &[5.0, 6.0, 4.9]), Flow::Continue);
        assert_eq!(decide(0.0, 1, &[5.0, 4.0, 4.5, 4.1]), Flow::Stop, "its best counts");
        assert_eq!(decide(0.25, 1, &[5.0, 4.9, 4.8]), Flow::Stop, "too small steps");
        assert_eq!(decide(0.25, 1, &[5.0, 4.8, 4.7]), Flow::Continue, "small steps add up");
        assert_eq!(decide(0.0, 8, &[5.0, 5.0]), Flow::Continue, "epochs before do not count");
        assert_eq!(decide(0.0, 8, &[5.0, 5.0, 5.0]), Flow::Stop);
    }

    #[test]
    fn settings_that_cannot_be_are_named() {
        for (name, value) in [("patience", 0), ("min_delta", -1)] {
            let message = ENTRY.make(&serde_json::json!({ name: value }), &()).err().unwrap();
            assert!(message.to_string().contains(&format!("{name} is {value}")), "{message}");
        }
    }
}
