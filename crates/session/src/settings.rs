//! Settings as people write them.

use serde_json::{Map, Value};

use crate::{Error, Result};

/// `key=value` settings as a JSON object. A value is JSON if it can be read as JSON, else text.
///
/// # Errors
/// If one has no `=`.
pub fn settings<T: AsRef<str>>(pairs: &[T]) -> Result<Value> {
    let mut map = Map::new();
    for pair in pairs {
        let (key, value) = split_pair(pair.as_ref())?;
        let parsed = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        map.insert(key.to_owned(), parsed);
    }
    Ok(Value::Object(map))
}

/// The two sides of `key=value`.
///
/// # Errors
/// If there is no `=`.
pub fn split_pair(pair: &str) -> Result<(&str, &str)> {
    pair.split_once('=').ok_or_else(|| Error::NoSetting { text: pair.to_owned() })
}

/// A name with settings behind it, such as `nas_bench_201 channels=8 cells=1`.
///
/// # Errors
/// If a setting has no `=`.
pub fn named(text: &str) -> Result<(String, Value)> {
    let mut words = text.split_whitespace();
    let name = words.next().unwrap_or_default().to_owned();
    Ok((name, settings(&words.collect::<Vec<_>>())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_settings_behind_it() {
        let (name, settings) = named(" darts channels=4  drop_path=0.1 mode=fast").unwrap();
        assert_eq!(name, "darts");
        let expected = serde_json::json!({ "channels": 4, "drop_path": 0.1, "mode": "fast" });
        assert_eq!(settings, expected);
        let error = named("darts channels").unwrap_err().to_string();
        assert!(error.contains("\"channels\" is not of the form key=value"), "{error}");
    }
}
