//! One decision of a search space: what it may be, and when it applies.

use serde::{Deserialize, Serialize};

use crate::Value;

/// What a choice may be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Domain {
    /// One of some named options without an order.
    Categorical {
        /// The names of the options.
        options: Vec<String>,
    },
    /// A whole number from `low` to `high`, both included, in steps.
    Integer {
        /// The smallest value.
        low: i64,
        /// The largest value.
        high: i64,
        /// The distance of two neighbors, at least 1.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        step: i64,
        /// Whether values are sampled evenly on a logarithmic scale.
        #[serde(default, skip_serializing_if = "is_false")]
        log: bool,
    },
    /// A real number from `low` to `high`, both included.
    Float {
        /// The smallest value.
        low: f64,
        /// The largest value.
        high: f64,
        /// Whether values are sampled evenly on a logarithmic scale.
        #[serde(default, skip_serializing_if = "is_false")]
        log: bool,
    },
}

fn one() -> i64 {
    1
}
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_one(n: &i64) -> bool {
    *n == 1
}
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(b: &bool) -> bool {
    !*b
}

impl Domain {
    /// The number of values, or `None` for a continuous domain.
    pub fn size(&self) -> Option<u64> {
        match self {
            Self::Categorical { options } => Some(options.len() as u64),
            Self::Integer { low, high, step, .. } => {
                Some(steps(*low, *step, *high).map_or(0, |last| last.saturating_add(1)))
            }
            Self::Float { .. } => None,
        }
    }

    /// The value number `index` of a finite domain, in order.
    pub fn nth(&self, index: u64) -> Option<Value> {
        if index >= self.size()? {
            return None;
        }
        match self {
            Self::Categorical { .. } => Some(Value::Int(index as i64)),
            Self::Integer { low, step, .. } => {
                let value = i128::from(*low) + i128::from(index) * i128::from((*step).max(1));
                i64::try_from(value).ok().map(Value::Int)
            }
            Self::Float { .. } => None,
        }
    }

    /// The position of a value of a finite domain: the inverse of [`Domain::nth`].
    pub fn position(&self, value: Value) -> Option<u64> {
        match (self, value) {
            _ if !self.contains(value) => None,
            (Self::Categorical { .. }, Value::Int(i)) => Some(i as u64),
            (Self::Integer { low, step, .. }, Value::Int(i)) => steps(*low, *step, i),
            _ => None,
        }
    }

    /// The number of values of an integer domain that are less than `bound`.
    pub(crate) fn count_below(&self, bound: i64) -> u64 {
        match (self, bound.checked_sub(1)) {
            (Self::Integer { low, high, step, .. }, Some(last)) => {
                steps(*low, *step, last.min(*high)).map_or(0, |last| last.saturating_add(1))
            }
            _ => 0,
        }
    }

    /// Whether the value is of this domain.
    pub fn contains(&self, value: Value) -> bool {
        match (self, value) {
            (Self::Categorical { options }, Value::Int(i)) => {
                usize::try_from(i).is_ok_and(|i| i < options.len())
            }
            (Self::Integer { low, high, step, .. }, Value::Int(i)) => {
                let distance = i128::from(i) - i128::from(*low);
                (*low..=*high).contains(&i) && distance % i128::from((*step).max(1)) == 0
            }
            (Self::Float { low, high, .. }, Value::Float(x)) => (*low..=*high).contains(&x), // no NaN is
            _ => false,
        }
    }

    /// The value as a person reads it: the option's name, or the number.
    pub fn text(&self, value: Value) -> String {
        match (self, value) {
            (Self::Categorical { options }, Value::Int(i)) => {
                let option = usize::try_from(i).ok().and_then(|i| options.get(i));
                option.cloned().unwrap_or_else(|| format!("?{i}"))
            }
            (_, Value::Int(i)) => i.to_string(),
            (_, Value::Float(x)) => (x + 0.0).to_string(), // -0 is 0
        }
    }

    /// The value that [`Domain::text`] wrote.
    pub fn parse(&self, text: &str) -> Option<Value> {
        let value = match self {
            Self::Categorical { options } => {
                Value::Int(options.iter().position(|option| option == text)? as i64)
            }
            Self::Integer { .. } => Value::Int(text.parse().ok()?),
            Self::Float { .. } => Value::Float(text.parse().ok()?),
        };
        self.contains(value).then_some(value)
    }

    /// Why it cannot be the domain of a choice.
    pub(crate) fn problem(&self) -> Option<String> {
        match self {
            Self::Categorical { options } => {
                if options.is_empty() {
                    return Some("has no options".to_owned());
                }
                for (i, option) in options.iter().enumerate() {
                    let illegal = |c: char| ",=".contains(c) || c.is_whitespace() || c.is_control();
                    if option.is_empty() || option.contains(illegal) {
                        return Some(format!(
                            "has the option {option:?}; an option needs at least one \
                             character and no comma, equals sign, space or control character"
                        ));
                    }
                    if options[..i].contains(option) {
                        return Some(format!("has the option {option:?} twice"));
                    }
                }
                None
            }
            Self::Integer { low, high, step, log } => {
                if low > high {
                    Some(format!("has the empty range {low} to {high}"))
                } else if *step < 1 {
                    Some(format!("has the step {step}; a step is at least 1"))
                } else if high.checked_sub(*low).is_none() {
                    Some(format!("has a range too wide to count, {low} to {high}"))
                } else if *log && *low < 1 {
                    Some(format!("is logarithmic and starts at {low}; it must start at 1 or more"))
                } else {
                    None
                }
            }
            Self::Float { low, high, log } => {
                if !low.is_finite() || !high.is_finite() || low > high {
                    Some(format!(
                        "has the range {low} to {high}; both ends must be finite, in order"
                    ))
                } else if !(high - low).is_finite() {
                    Some(format!("has a range too wide, {low:?} to {high:?}"))
                } else if *log && *low <= 0.0 {
                    Some(format!("is logarithmic and starts at {low}; it must start above 0"))
                } else {
                    None
                }
            }
        }
    }
}

/// How many whole steps lead from `low` to at most `value`; none lead downward.
fn steps(low: i64, step: i64, value: i64) -> Option<u64> {
    let distance = i128::from(value) - i128::from(low);
    u64::try_from(distance).ok().map(|distance| distance / step.max(1) as u64)
}

/// When a choice applies. It always also needs the choice that it refers to to apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Applies where an earlier categorical choice is one of these options.
    OneOf {
        /// The earlier choice.
        choice: String,
        /// Its options for which the condition holds.
        options: Vec<String>,
    },
    /// Applies where an earlier integer choice has at least this value.
    AtLeast {
        /// The earlier choice.
        choice: String,
        /// The smallest value for which the condition holds.
        value: i64,
    },
}

impl Condition {
    /// The choice that it refers to.
    pub fn choice(&self) -> &str {
        match self {
            Self::OneOf { choice, .. } | Self::AtLeast { choice, .. } => choice,
        }
    }
}

/// One decision of a search space.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Its name, unique in the space: letters, digits, `_`, `.` and `-`.
    pub name: String,
    /// What it may be.
    pub domain: Domain,
    /// When it applies; always, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
}

impl Choice {
    /// A choice among named options.
    pub fn categorical<S: Into<String>>(
        name: impl Into<String>,
        options: impl IntoIterator<Item = S>,
    ) -> Self {
        let options = options.into_iter().map(Into::into).collect();
        Self { name: name.into(), domain: Domain::Categorical { options }, when: None }
    }

    /// A whole number from `low` to `high`, both included.
    pub fn integer(name: impl Into<String>, low: i64, high: i64) -> Self {
        let domain = Domain::Integer { low, high, step: 1, log: false };
        Self { name: name.into(), domain, when: None }
    }

    /// A real number from `low` to `high`, both included.
    pub fn float(name: impl Into<String>, low: f64, high: f64) -> Self {
        Self { name: name.into(), domain: Domain::Float { low, high, log: false }, when: None }
    }

    /// The same choice, sampled evenly on a logarithmic scale; no effect on a categorical one.
    #[must_use]
    pub fn log(mut self) -> Self {
        if let Domain::Integer { log, .. } | Domain::Float { log, .. } = &mut self.domain {
            *log = true;
        }
        self
    }

    /// The same choice in steps of `size`; no effect on one that is not an integer.
    #[must_use]
    pub fn step(mut self, size: i64) -> Self {
        if let Domain::Integer { step, .. } = &mut self.domain {
            *step = size;
        }
        self
    }

    /// The same choice, which applies only where the condition holds.
    #[must_use]
    pub fn when(mut self, condition: Condition) -> Self {
        self.when = Some(condition);
        self
    }
}
