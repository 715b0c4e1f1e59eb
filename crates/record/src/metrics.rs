//! Named numbers, what they mean, and what a search wants of them.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeMap as _, Serializer};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The name of a metric. Names of the same text share their memory where they are read from a log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct MetricName(Arc<str>);

impl MetricName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for MetricName {
    fn from(name: &str) -> Self {
        thread_local! {
            // A run has a handful of metrics and a hundred thousand trials.
            static RECENT: RefCell<Vec<Arc<str>>> = const { RefCell::new(Vec::new()) };
        }
        RECENT.with_borrow_mut(|recent| {
            if let Some(shared) = recent.iter().find(|shared| ***shared == *name) {
                return Self(Arc::clone(shared));
            }
            let shared: Arc<str> = name.into();
            if recent.len() < 64 {
                recent.push(Arc::clone(&shared));
            }
            Self(shared)
        })
    }
}

impl fmt::Display for MetricName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Finite numbers by name, in the order of their names.
///
/// ```
/// use nascent_record::Metrics;
///
/// let metrics = Metrics::new([("valid_accuracy", 0.91), ("params", 73_306.0)])?;
/// assert_eq!(metrics.get("valid_accuracy"), Some(0.91));
/// assert!(Metrics::new([("valid_loss", f64::NAN)]).is_err());
/// # Ok::<(), nascent_record::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics(Vec<(MetricName, f64)>);

impl Metrics {
    /// These metrics; of two with one name the last counts.
    ///
    /// # Errors
    /// If a value is infinite or not a number.
    pub fn new<'a>(values: impl IntoIterator<Item = (&'a str, f64)>) -> Result<Self> {
        let mut metrics = Self::default();
        for (name, value) in values {
            metrics.insert(name, value)?;
        }
        metrics.0.shrink_to_fit();
        Ok(metrics)
    }

    /// Sets one metric.
    ///
    /// # Errors
    /// If the value is infinite or not a number.
    pub fn insert(&mut self, name: &str, value: f64) -> Result<()> {
        if !value.is_finite() {
            return Err(Error::NonFiniteMetric { name: name.to_owned(), value });
        }
        match self.0.binary_search_by(|(known, _)| known.as_str().cmp(name)) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (name.into(), value)),
        }
        Ok(())
    }

    /// The value of a metric.
    pub fn get(&self, name: &str) -> Option<f64> {
        let at = self.0.binary_search_by(|(known, _)| known.as_str().cmp(name)).ok()?;
        Some(self.0[at].1)
    }

    /// All metrics, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// The number of metrics.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Metrics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Metrics;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("metrics by name")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metrics, A::Error> {
                let mut metrics = Metrics(Vec::with_capacity(map.size_hint().unwrap_or(4)));
                while let Some(Text(name)) = map.next_key()? {
                    let value = map.next_value()?;
                    metrics.insert(&name, value).map_err(serde::de::Error::custom)?;
                }
                metrics.0.shrink_to_fit();
                Ok(metrics)
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// A string that is borrowed from the input where that is possible.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);

/// Which end of a metric is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// More is better.
    Maximize,
    /// Less is better.
    Minimize,
}

impl Direction {
    /// The value such that more is better; never -0, so that scores can be ordered bit by bit.
    pub fn oriented(self, value: f64) -> f64 {
        match self {
            Self::Maximize => value + 0.0,
            Self::Minimize => 0.0 - value,
        }
    }
}

/// What a metric means; declared once in the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricSpec {
    /// Its name.
    pub name: String,
    /// Its unit, as a person writes it; empty for a plain number.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// Which end of it is good.
    pub direction: Direction,
    /// Whether it is measured on the machine (a latency), so that it differs from run to run. It is
    /// then not part of the history's hash.
    #[serde(default, skip_serializing_if = "is_false")]
    pub measured: bool,
    /// Whether only the final training has it, as the score on the test data. A search cannot be
    /// for it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub final_only: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(b: &bool) -> bool {
    !*b
}

impl MetricSpec {
    /// A metric of which more is better.
    pub fn maximize(name: &str, unit: &str) -> Self {
        let direction = Direction::Maximize;
        let (name, unit) = (name.to_owned(), unit.to_owned());
        Self { name, unit, direction, measured: false, final_only: false }
    }

    /// A metric of which less is better.
    pub fn minimize(name: &str, unit: &str) -> Self {
        let direction = Direction::Minimize;
        let (name, unit) = (name.to_owned(), unit.to_owned());
        Self { name, unit, direction, measured: false, final_only: false }
    }

    /// The same metric, measured on the machine.
    #[must_use]
    pub fn measured(mut self) -> Self {
        self.measured = true;
        self
    }

    /// The same metric, which only the final training has.
    #[must_use]
    pub fn only_final(mut self) -> Self {
        self.final_only = true;
        self
    }
}

/// What a search wants: a metric, and which end of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objective {
    /// The metric.
    pub metric: String,
    /// The end that is wanted.
    pub direction: Direction,
}

impl Objective {
    /// More of this metric.
    pub fn maximize(metric: &str) -> Self {
        Self { metric: metric.to_owned(), direction: Direction::Maximize }
    }

    /// Less of this metric.
    pub fn minimize(metric: &str) -> Self {
        Self { metric: metric.to_owned(), direction: Direction::Minimize }
    }

    /// The metric's value such that more is better.
    pub fn score(&self, metrics: &Metrics) -> Option<f64> {
        metrics.get(&self.metric).map(|value| self.direction.oriented(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_ordered_by_name_and_finite() {
        let metrics = Metrics::new([("b", 1.0), ("a", 2.0), ("b", 3.0)]).unwrap();
        assert_eq!(serde_json::to_string(&metrics).unwrap(), r#"{"a":2.0,"b":3.0}"#);
        let message = Metrics::new([("loss", f64::INFINITY)]).unwrap_err().to_string();
        assert_eq!(message, "metric \"loss\" is inf, and a metric must be finite");
        assert!(serde_json::from_str::<Metrics>(r#"{"loss":1e999}"#).is_err());
    }
}
