//! Capabilities by name, and their settings.

use nascent_record::{Component, suggestion};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Error, Result};

/// A row of a table of capabilities: searchers, spaces, pruners, evaluators.
///
/// `T` is the trait, `S` is what making one needs beside its settings.
pub struct Entry<T: ?Sized, S: ?Sized> {
    /// Its name, in every command, file and picture.
    pub name: &'static str,
    /// The idea in one sentence.
    pub summary: &'static str,
    /// The paper, as authors, year and link; empty for what needs none.
    pub reference: &'static str,
    /// All settings with their defaults.
    pub defaults: fn() -> Value,
    /// Makes one from complete settings.
    pub build: fn(&Value, &S) -> Result<Box<T>>,
}

impl<T: ?Sized, S: ?Sized> Entry<T, S> {
    /// The defaults with these settings in place of some; the complete configuration.
    ///
    /// # Errors
    /// If a setting is unknown.
    pub fn complete(&self, settings: &Value) -> Result<Component> {
        let problem = |problem: String| Error::Config { component: self.name.to_owned(), problem };
        let mut config = (self.defaults)();
        let Value::Object(known) = &mut config else {
            return Err(problem("has no settings".to_owned()));
        };
        let given = match settings {
            Value::Null => return Ok(Component::new(self.name).with(config)),
            Value::Object(given) => given,
            other => return Err(problem(format!("settings are an object, not {other}"))),
        };
        for (name, value) in given {
            let Some(default) = known.get_mut(name) else {
                let names = known.keys().map(String::as_str);
                let hint = if known.is_empty() {
                    "it has no settings".to_owned()
                } else {
                    suggestion(name, names)
                };
                return Err(problem(format!("there is no setting \"{name}\"; {hint}")));
            };
            *default = value.clone();
        }
        Ok(Component::new(self.name).with(config))
    }

    /// Makes one from settings, defaults in place of what is not given.
    ///
    /// # Errors
    /// If a setting is unknown or cannot be.
    pub fn make(&self, settings: &Value, setup: &S) -> Result<Box<T>> {
        (self.build)(&self.complete(settings)?.config, setup)
    }
}

/// The row with this name.
///
/// # Errors
/// If there is none; the message suggests the nearest name.
pub fn find<'a, T: ?Sized, S: ?Sized>(
    kind: &'static str,
    table: &'a [&'static Entry<T, S>],
    name: &str,
) -> Result<&'a Entry<T, S>> {
    table.iter().copied().find(|entry| entry.name == name).ok_or_else(|| Error::Unknown {
        kind,
        name: name.to_owned(),
        suggestion: suggestion(name, table.iter().map(|entry| entry.name)),
    })
}

/// The defaults of a configuration, as JSON.
pub fn defaults<C: Default + Serialize>() -> Value {
    serde_json::to_value(C::default()).unwrap_or_default()
}

/// Reads a configuration.
///
/// # Errors
/// If a setting has the wrong type.
pub fn parse<C: DeserializeOwned>(component: &str, config: &Value) -> Result<C> {
    C::deserialize(config)
        .map_err(|e| Error::Config { component: component.to_owned(), problem: e.to_string() })
}

/// An error about a setting.
pub(crate) fn invalid(component: &str, problem: impl Into<String>) -> Error {
    Error::Config { component: component.to_owned(), problem: problem.into() }
}
