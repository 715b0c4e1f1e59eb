//! A threshold: a trial stops whose objective is worse than a number that a person knows no good
//! network has, such as the accuracy of guessing.
//!
//! Without the setting `worst` there is no threshold, and no trial is stopped.

use nascent_record::Direction;
use serde::{Deserialize, Serialize};

use super::{PruneContext, Pruner, PrunerEntry};
use crate::Result;
use crate::config::{defaults, invalid, parse};
use crate::evaluate::Flow;

/// The row of the table.
pub static ENTRY: PrunerEntry = PrunerEntry {
    name: NAME,
    summary: "Stops a trial whose objective is worse than `worst`; set it, or no trial is stopped.",
    reference: "",
    defaults: defaults::<Config>,
    build: |config, ()| Ok(Box::new(Threshold::new(parse(NAME, config)?)?)),
};

const NAME: &str = "threshold";

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The worst value of the objective with which a trial goes on, in the objective's own unit: a
    /// trial stops below it where the objective is maximized, above it where it is minimized. For an
    /// accuracy over ten classes, 0.15 stops what does no better than guessing. Null, the default,
    /// is no threshold.
    pub worst: Option<f64>,
    /// The number of epochs in which no trial is stopped.
    pub warmup_epochs: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { worst: None, warmup_epochs: 1 }
    }
}

/// The pruner, see the [module](self).
pub struct Threshold {
    config: Config,
}

impl Threshold {
    /// A pruner with these settings.
    ///
    /// # Errors
    /// If `worst` is not a finite number.
    pub fn new(config: Config) -> Result<Self> {
        match config.worst.filter(|worst| !worst.is_finite()) {
            Some(worst) => {
                let problem = format!("worst is {worst}, and must be a finite number or null");
                Err(invalid(NAME, problem))
            }
            None => Ok(Self { config }),
        }
    }
}

impl Pruner for Threshold {
    fn prune(&self, cx: &PruneContext<'_>) -> Flow {
        let value = cx.curve.last().filter(|report| report.step > self.config.warmup_epochs);
        let value = value.and_then(|report| report.metrics.get(&cx.objective.metric));
        let (Some(value), Some(worst)) = (value, self.config.worst) else {
            return Flow::Continue;
        };
        let stops = match cx.objective.direction {
            Direction::Maximize => value < worst,
            Direction::Minimize => value > worst,
        };
        if stops { Flow::Stop } else { Flow::Continue }
    }
}

#[cfg(test)]
mod tests {
    use nascent_record::Objective;

    use super::super::tests::{curve, loss};
    use super::*;

    #[test]
    fn stops_on_the_worse_side_after_the_warmup() {
        let decide = |objective: Objective, worst, first, values: &[f64]| {
            let curve = curve(first, values);
            let cx = PruneContext { objective: &objective, curve: &curve, others: &[] };
            Threshold::new(Config { worst, warmup_epochs: 2 }).unwrap().prune(&cx)
        };
        assert_eq!(decide(loss(), Some(2.0), 1, &[9.0, 9.0]), Flow::Continue, "warming up");
        assert_eq!(decide(loss(), Some(2.0), 1, &[9.0, 1.0, 2.1]), Flow::Stop);
        assert_eq!(decide(loss(), Some(2.0), 1, &[9.0, 9.0, 2.0]), Flow::Continue);
        assert_eq!(decide(loss(), Some(2.0), 3, &[9.0]), Flow::Stop, "it goes on from epoch 2");
        let gain = || Objective::maximize("loss");
        assert_eq!(decide(gain(), Some(2.0), 1, &[9.0, 9.0, 1.9]), Flow::Stop);
        assert_eq!(decide(gain(), Some(2.0), 1, &[9.0, 1.0, 2.1]), Flow::Continue);
        assert_eq!(decide(gain(), None, 1, &[9.0, 9.0, -1e9]), Flow::Continue, "no threshold");
        assert!(Threshold::new(Config { worst: Some(f64::NAN), warmup_epochs: 0 }).is_err());
    }
}
