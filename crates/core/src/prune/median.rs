//! The median rule: a trial stops whose best result so far is worse than the median of what the
//! others had at the same epoch. It is the [`percentile`] rule with half of the others.
//!
//! # References
//! Golovin et al., "Google Vizier: A Service for Black-Box Optimization", KDD 2017, section 3.2.2.
//!
//! # Differences from the paper
//! The others' values at the epoch are compared, not their running averages.

use serde::{Deserialize, Serialize};

use super::PrunerEntry;
use super::percentile::{self, Percentile};
use crate::config::{defaults, parse};

/// The row of the table.
pub static ENTRY: PrunerEntry = PrunerEntry {
    name: NAME,
    summary: "Stops a trial that is worse than the median of the others at the same epoch.",
    reference: "Golovin et al. 2017, https://doi.org/10.1145/3097983.3098043",
    defaults: defaults::<Config>,
    build: |config, ()| {
        let Config { startup_trials, warmup_epochs } = parse(NAME, config)?;
        let config = percentile::Config { keep_percent: 50.0, startup_trials, warmup_epochs };
        Ok(Box::new(Percentile::new(config)?))
    },
};

const NAME: &str = "median";

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Complete trials with a value at the epoch that are needed before any is stopped.
    pub startup_trials: usize,
    /// The number of epochs in which no trial is stopped.
    pub warmup_epochs: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { startup_trials: 5, warmup_epochs: 1 }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::PruneContext;
    use super::super::tests::{curve, loss, others};
    use super::*;
    use crate::evaluate::Flow;

    #[test]
    fn stops_below_the_median_of_the_same_epoch() {
        let others = others(&[&[3.0, 1.0], &[3.0, 2.0], &[3.0, 4.0], &[3.0, 9.0]]);
        let decide = |startup_trials, warmup_epochs, values: &[f64]| {
            let settings =
                json!({ "startup_trials": startup_trials, "warmup_epochs": warmup_epochs });
            let (objective, curve) = (loss(), curve(1, values));
            let cx = PruneContext { objective: &objective, curve: &curve, others: &others };
            ENTRY.make(&settings, &()).unwrap().prune(&cx)
        };
        // The median of 1, 2, 4, 9 is 3.
        assert_eq!(decide(4, 1, &[5.0, 3.1]), Flow::Stop);
        assert_eq!(decide(4, 1, &[5.0, 2.9]), Flow::Continue);
        assert_eq!(decide(4, 1, &[2.9, 3.1]), Flow::Continue, "its best so far counts");
        assert_eq!(decide(5, 1, &[5.0, 3.1]), Flow::Continue, "too few others");
        assert_eq!(decide(4, 2, &[5.0, 3.1]), Flow::Continue, "still warming up");
        assert_eq!(decide(4, 1, &[9.0, 9.0, 9.0]), Flow::Continue, "nobody was there yet");
    }
}
