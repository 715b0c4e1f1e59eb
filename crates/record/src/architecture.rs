//! A point of a search space.

use std::fmt;

use serde::de::{Deserializer, Unexpected, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The value of one choice: the position of an option, a whole number, or a real number.
#[derive(Clone, Copy, Debug)]
pub enum Value {
    /// The position of a categorical choice's option, or the value of an integer choice.
    Int(i64),
    /// The value of a float choice; finite, and -0 is written as 0, to which it is equal.
    Float(f64),
}

impl Value {
    fn bits(self) -> (bool, u64) {
        match self {
            Self::Int(i) => (false, i as u64),
            Self::Float(x) => (true, (x + 0.0).to_bits()), // -0 is 0
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.bits() == other.bits()
    }
}
impl Eq for Value {}
impl std::hash::Hash for Value {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.bits().hash(state);
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(i) => write!(f, "{i}"),
            Self::Float(x) => write!(f, "{:?}", x + 0.0),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Int(i) => serializer.serialize_i64(*i),
            Self::Float(x) => serializer.serialize_f64(*x + 0.0),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Value;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }
            fn visit_i64<E: serde::de::Error>(self, i: i64) -> Result<Value, E> {
                Ok(Value::Int(i))
            }
            fn visit_u64<E: serde::de::Error>(self, i: u64) -> Result<Value, E> {
                i64::try_from(i)
                    .map(Value::Int)
                    .map_err(|_too_large| E::invalid_value(Unexpected::Unsigned(i), &self))
            }
            fn visit_f64<E: serde::de::Error>(self, x: f64) -> Result<Value, E> {
                if x.is_finite() {
                    Ok(Value::Float(x))
                } else {
                    Err(E::custom("a choice must be finite"))
                }
            }
        }
        deserializer.deserialize_any(Number)
    }
}

/// One value for each choice that applies, in the order of the [`Spec`](crate::Spec) that made it.
///
/// In the log it is a JSON array: the position of the option for a categorical choice, a number for
/// the others, `null` where the choice does not apply. [`Spec::text`](crate::Spec::text) gives the
/// form with names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Architecture(Box<[Option<Value>]>);

impl Architecture {
    pub(crate) fn from_values(values: Vec<Option<Value>>) -> Self {
        Self(values.into_boxed_slice())
    }

    /// The values, in the order of the choices; `None` where the choice does not apply.
    pub fn values(&self) -> &[Option<Value>] {
        &self.0
    }

    /// The position of the option, or the whole number, that choice `at` has.
    pub fn int(&self, at: usize) -> Option<i64> {
        match self.0.get(at) {
            Some(Some(Value::Int(i))) => Some(*i),
            _ => None,
        }
    }

    /// The number that choice `at` has.
    pub fn float(&self, at: usize) -> Option<f64> {
        match self.0.get(at) {
            Some(Some(Value::Float(x))) => Some(*x),
            _ => None,
        }
    }

    /// A short name that is the same in every run of the space: 12 hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        let digest = Sha256::digest(self.to_string());
        digest.iter().take(6).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }
}

/// The values, separated by commas, `-` where a choice does not apply.
impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, value) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            match value {
                Some(value) => value.fmt(f)?,
                None => f.write_str("-")?,
            }
        }
        Ok(())
    }
}
