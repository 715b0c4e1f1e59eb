//! The median rule: a trial stops whose best result so far is worse than the median of what the
//! others had at the same epoch.
//!
//! # References
//! Golovin et al., "Google Vizier: A Service for Black-Box Optimization", KDD 2017, section 3.2.2.
//!
//! # Differences from the paper
//! The others' values at the epoch are compared, not their running averages.

use serde::{Deserialize, Serialize};

use super::{PruneContext, Pruner, PrunerEntry};
use crate::config::{defaults, parse};
use crate::evaluate::Flow;

/// The row of the table.
pub static ENTRY: PrunerEntry = PrunerEntry {
    name: NAME,
    summary: "Stops a trial that is worse than the median of the others at the same epoch.",
    reference: "Golovin et al. 2017, https://doi.org/10.1145/3097983.3098043",
    defaults: defaults::<Config>,
    build: |config, ()| Ok(Box::new(Median { config: parse(NAME, config)? })),
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

/// The pruner, see the [module](self).
pub struct Median {
    config: Config,
}

impl Pruner for Median {
    fn prune(&self, cx: &PruneContext<'_>) -> Flow {
        let Some(step) = cx.curve.last().map(|report| report.step) else {
            return Flow::Continue;
        };
        let own = cx.curve.iter().filter_map(|report| cx.objective.score(&report.metrics));
        let Some(own) = own.max_by(f64::total_cmp) else {
            return Flow::Continue;
        };
        let complete = cx.others.iter().filter(|trial| trial.metrics().is_some());
        let mut at_step: Vec<f64> = complete
            .filter_map(|trial| trial.curve.iter().find(|report| report.step == step))
            .filter_map(|report| cx.objective.score(&report.metrics))
            .collect();
        if step <= self.config.warmup_epochs
            || at_step.is_empty()
            || at_step.len() < self.config.startup_trials
        {
            return Flow::Continue;
        }
        at_step.sort_by(f64::total_cmp);
        let (low, high) = (at_step[(at_step.len() - 1) / 2], at_step[at_step.len() / 2]);
        if own < f64::midpoint(low, high) { Flow::Stop } else { Flow::Continue }
    }
}

#[cfg(test)]
mod tests {
    use nascent_record::{
        Choice, Direction, Metrics, Objective, Outcome, Proposal, Report, Spec, Trial, TrialId,
        Value,
    };

    use super::*;

    fn curve(values: &[f64]) -> Vec<Report> {
        let metrics = |v: &f64| Metrics::new([("loss", *v)]).unwrap();
        std::iter::zip(1.., values).map(|(step, v)| Report { step, metrics: metrics(v) }).collect()
    }

    #[test]
    fn stops_below_the_median_of_the_same_epoch() {
        let spec = Spec::new(vec![Choice::integer("n", 0, 9)]).unwrap();
        let others: Vec<Trial> = [[3.0, 1.0], [3.0, 2.0], [3.0, 4.0], [3.0, 9.0]]
            .iter()
            .map(|values| {
                let proposal = Proposal::new(spec.build(|_, _| Value::Int(0)).unwrap());
                let mut trial = Trial::new(TrialId(0), proposal, 0);
                trial.curve = curve(values);
                trial.outcome = Some(Outcome::Complete(Metrics::default()));
                trial
            })
            .collect();
        let objective = Objective { metric: "loss".into(), direction: Direction::Minimize };
        let decide = |startup_trials, warmup_epochs, values: &[f64]| {
            let config = Config { startup_trials, warmup_epochs };
            let curve = curve(values);
            Median { config }.prune(&PruneContext {
                objective: &objective,
                curve: &curve,
                others: &others,
            })
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
