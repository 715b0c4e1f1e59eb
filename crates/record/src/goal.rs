//! What a search is for: objectives, constraints, and how several numbers become one.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Direction, Error, Metrics, Objective, Result, Trial};

/// A limit that a metric must keep.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// It may be this much, and no more.
    AtMost(f64),
    /// It must be at least this much.
    AtLeast(f64),
}

/// A metric and the limit that it must keep, in text `params<=1e6` or `valid_accuracy>=0.9`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Constraint {
    /// The metric.
    pub metric: String,
    /// Its limit.
    pub bound: Bound,
}

impl Constraint {
    /// By how much a value breaks the limit, as a share of the limit (of 1, where the limit is 0);
    /// 0 where it keeps it.
    pub fn violation(&self, value: f64) -> f64 {
        let (excess, limit) = match self.bound {
            Bound::AtMost(limit) => (value - limit, limit),
            Bound::AtLeast(limit) => (limit - value, limit),
        };
        let scale = if limit == 0.0 { 1.0 } else { limit.abs() };
        (excess / scale).max(0.0)
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bound {
            Bound::AtMost(limit) => write!(f, "{}<={limit}", self.metric),
            Bound::AtLeast(limit) => write!(f, "{}>={limit}", self.metric),
        }
    }
}

impl FromStr for Constraint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let invalid = || Error::InvalidConstraint { text: text.to_owned() };
        let (metric, limit, at_most) = match (text.split_once("<="), text.split_once(">=")) {
            (Some((metric, limit)), None) => (metric, limit, true),
            (None, Some((metric, limit))) => (metric, limit, false),
            _ => return Err(invalid()),
        };
        let limit: f64 = limit.trim().parse().map_err(|_no_number| invalid())?;
        let metric = metric.trim();
        if metric.is_empty() || !limit.is_finite() {
            return Err(invalid());
        }
        let bound = if at_most { Bound::AtMost(limit) } else { Bound::AtLeast(limit) };
        Ok(Self { metric: metric.to_owned(), bound })
    }
}

/// How several objectives become one number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scalarization {
    /// The sum of the objectives, each oriented so that more is better, times its weight.
    WeightedSum {
        /// A weight for each objective, at least 0.
        weights: Vec<f64>,
    },
    /// The reward of MnasNet: the first objective times, for each other one, a power of its share of
    /// a target (Tan et al., "MnasNet: Platform-Aware Neural Architecture Search for Mobile", CVPR
    /// 2019, equation 2).
    Reward {
        /// What is said of each objective behind the first.
        terms: Vec<RewardTerm>,
    },
}

/// How an objective weighs in a [`Scalarization::Reward`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RewardTerm {
    /// The value that is wanted, above 0.
    pub target: f64,
    /// The exponent where the target is reached: α of the paper.
    pub within: f64,
    /// The exponent where it is missed: β of the paper.
    pub beyond: f64,
}

impl RewardTerm {
    /// The exponent of the paper's soft constraint: to halve the cost is worth 5 % of accuracy.
    pub const EXPONENT: f64 = 0.07;

    /// The soft constraint of the paper: the same exponent on both sides of the target.
    pub fn soft(target: f64) -> Self {
        Self { target, within: Self::EXPONENT, beyond: Self::EXPONENT }
    }

    /// The hard constraint of the paper: nothing is gained within the target, much lost beyond.
    pub fn hard(target: f64) -> Self {
        Self { target, within: 0.0, beyond: 1.0 }
    }

    /// The factor for a value; more is better, 1 on the target.
    fn factor(self, value: f64, direction: Direction) -> f64 {
        let share = value.max(f64::MIN_POSITIVE) / self.target;
        let (good, share) = match direction {
            Direction::Minimize => (share <= 1.0, 1.0 / share),
            Direction::Maximize => (share >= 1.0, share),
        };
        share.powf(if good { self.within } else { self.beyond })
    }
}

/// How good a trial is: those that keep all constraints come first, by their value; the others
/// follow, by how little they break them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// The scalar that is searched for; more is better.
    pub value: f64,
    /// The sum of what breaks the constraints, see [`Constraint::violation`]; 0 for none.
    pub violation: f64,
}

impl Score {
    /// Below every other: of a trial without a result.
    pub const WORST: Self = Self { value: f64::NEG_INFINITY, violation: f64::INFINITY };

    /// Whether all constraints are kept.
    pub fn is_feasible(self) -> bool {
        self.violation <= 0.0
    }
}

impl Eq for Score {}
impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Score {
    fn cmp(&self, other: &Self) -> Ordering {
        other.violation.total_cmp(&self.violation).then(self.value.total_cmp(&other.value))
    }
}

/// What a search is for.
///
/// ```
/// use nascent_record::{Goal, Metrics, Objective};
///
/// let goal = Goal::new(Objective::maximize("valid_accuracy"))
///     .with_constraint("params<=1e6".parse()?);
/// let small = Metrics::new([("valid_accuracy", 0.90), ("params", 0.5e6)])?;
/// let large = Metrics::new([("valid_accuracy", 0.95), ("params", 2.0e6)])?;
/// assert!(goal.score(&small) > goal.score(&large));
/// # Ok::<(), nascent_record::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Goal {
    /// What the search wants; the first is what "best" means, if there is no scalarization.
    pub objectives: Vec<Objective>,
    /// What every architecture must keep.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<Constraint>,
    /// How several objectives become one. Without it a search with several is for their Pareto
    /// front, and searchers that know one number only use the soft reward of MnasNet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scalarization: Option<Scalarization>,
}

impl Goal {
    /// One objective.
    pub fn new(objective: Objective) -> Self {
        Self { objectives: vec![objective], constraints: Vec::new(), scalarization: None }
    }

    /// The same with one more objective.
    #[must_use]
    pub fn with_objective(mut self, objective: Objective) -> Self {
        self.objectives.push(objective);
        self
    }

    /// The same with one more constraint.
    #[must_use]
    pub fn with_constraint(mut self, constraint: Constraint) -> Self {
        self.constraints.push(constraint);
        self
    }

    /// Whether it asks for a Pareto front: several objectives, and no one number.
    pub fn is_pareto(&self) -> bool {
        self.objectives.len() > 1 && self.scalarization.is_none()
    }

    /// The values of the objectives, each oriented so that more is better.
    pub fn values(&self, metrics: &Metrics) -> Option<Vec<f64>> {
        self.objectives.iter().map(|objective| objective.score(metrics)).collect()
    }

    /// By how much the metrics break the constraints. A metric that is not there breaks nothing: it
    /// is not known yet.
    pub fn violation(&self, metrics: &Metrics) -> f64 {
        let known = self.constraints.iter();
        known.filter_map(|c| Some(c.violation(metrics.get(&c.metric)?))).sum()
    }

    /// How good the metrics are as one number: for searchers that know one number only.
    pub fn score(&self, metrics: &Metrics) -> Option<Score> {
        let value = match &self.scalarization {
            None if self.objectives.len() < 2 => self.objectives.first()?.score(metrics)?,
            None => self.reward(metrics, |_| RewardTerm::soft(1.0))?,
            Some(Scalarization::WeightedSum { weights }) => {
                let values = self.values(metrics)?;
                std::iter::zip(values, weights).map(|(value, weight)| value * weight).sum()
            }
            Some(Scalarization::Reward { terms }) => {
                self.reward(metrics, |at| terms.get(at).copied().unwrap_or(RewardTerm::soft(1.0)))?
            }
        };
        Some(Score { value: value + 0.0, violation: self.violation(metrics) })
    }

    fn reward(&self, metrics: &Metrics, term: impl Fn(usize) -> RewardTerm) -> Option<f64> {
        let (first, rest) = self.objectives.split_first()?;
        let mut factor = 1.0;
        for (at, objective) in rest.iter().enumerate() {
            factor *= term(at).factor(metrics.get(&objective.metric)?, objective.direction);
        }
        let value = first.score(metrics)?;
        // A negative value (a loss, oriented) becomes better where it comes nearer to 0.
        Some(if value >= 0.0 { value * factor } else { value / factor })
    }

    /// How good a complete trial is as one number.
    pub fn trial_score(&self, trial: &Trial) -> Option<Score> {
        self.score(trial.metrics()?)
    }

    /// What "best" means: the first objective, or the scalarization if there is one.
    pub fn best_score(&self, trial: &Trial) -> Option<Score> {
        let metrics = trial.metrics()?;
        if self.is_pareto() {
            let value = self.objectives.first()?.score(metrics)?;
            return Some(Score { value, violation: self.violation(metrics) });
        }
        self.score(metrics)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(accuracy: f64, params: f64) -> Metrics {
        Metrics::new([("accuracy", accuracy), ("params", params)]).unwrap()
    }

    fn both() -> Goal {
        Goal::new(Objective::maximize("accuracy")).with_objective(Objective::minimize("params"))
    }

    #[test]
    fn constraints_come_before_values() {
        let goal = Goal::new(Objective::maximize("accuracy"))
            .with_constraint("params <= 100".parse().unwrap())
            .with_constraint("accuracy>=0.5".parse().unwrap());
        let score = |accuracy, params| goal.score(&metrics(accuracy, params)).unwrap();
        assert!(score(0.6, 100.0).is_feasible());
        assert!(score(0.6, 100.0) > score(0.9, 101.0));
        assert!(score(0.9, 101.0) > score(0.95, 120.0));
        // 20 % too many parameters, and 20 % too little accuracy.
        assert!((score(0.4, 120.0).violation - 0.4).abs() < 1e-12);
        assert_eq!(goal.constraints[0].to_string(), "params<=100");
    }

    #[test]
    fn what_is_no_constraint_is_refused_with_an_example() {
        for text in ["params", "params<1", "<=3", "params<=many", "params<=inf", "a<=1>=2"] {
            let message = text.parse::<Constraint>().unwrap_err().to_string();
            assert!(message.contains(text) && message.contains("params<=1e6"), "{message}");
        }
    }

    #[test]
    fn the_reward_of_mnasnet() {
        let mut goal = both();
        // Without a target, to halve the cost is worth 2^0.07: 5 %.
        let gain = goal.score(&metrics(0.8, 50.0)).unwrap().value
            / goal.score(&metrics(0.8, 100.0)).unwrap().value;
        assert!((gain - 2_f64.powf(0.07)).abs() < 1e-12);
        goal.scalarization = Some(Scalarization::Reward { terms: vec![RewardTerm::hard(100.0)] });
        let reward = |params| goal.score(&metrics(0.8, params)).unwrap().value;
        assert!((reward(50.0) - 0.8).abs() < 1e-12, "within the target nothing is gained");
        assert!((reward(200.0) - 0.4).abs() < 1e-12);
        goal.scalarization = Some(Scalarization::WeightedSum { weights: vec![1.0, 0.001] });
        assert!((reward_of(&goal, 0.8, 50.0) - 0.75).abs() < 1e-12);
    }

    fn reward_of(goal: &Goal, accuracy: f64, params: f64) -> f64 {
        goal.score(&metrics(accuracy, params)).unwrap().value
    }

    #[test]
    fn a_loss_is_better_where_the_cost_is_less() {
        let goal = Goal::new(Objective::minimize("accuracy"))
            .with_objective(Objective::minimize("params"));
        assert!(reward_of(&goal, 0.8, 50.0) > reward_of(&goal, 0.8, 100.0));
        assert!(reward_of(&goal, 0.7, 50.0) > reward_of(&goal, 0.8, 50.0));
    }
}
