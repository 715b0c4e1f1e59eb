//! Settings as people write them.

use std::path::Path;

use nascent::space::declared::Declaration;
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

/// The space whose settings may be in a file.
const DECLARED: &str = "declared";
/// The setting that names it.
const FILE: &str = "file";

/// The settings of a search space as it takes them: of `declared` with `file=FILE` what is declared in
/// that file.
///
/// # Errors
/// If the file cannot be read, declares no space, or something else is said beside it.
pub fn space_settings(space: &str, settings: Value) -> Result<Value> {
    let Some(file) = settings.get(FILE).filter(|_| space == DECLARED) else { return Ok(settings) };
    if settings.as_object().is_some_and(|all| all.len() > 1) {
        return Err(Error::MoreThanFile);
    }
    let path = Path::new(file.as_str().unwrap_or_default());
    let text = std::fs::read_to_string(path)
        .map_err(|source| Error::Io { path: path.to_owned(), source })?;
    let declaration: Declaration = serde_json::from_str(&text)
        .map_err(|source| Error::NoDeclaration { path: path.to_owned(), source })?;
    Ok(declaration.settings())
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

    #[test]
    fn a_declared_space_may_be_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("space.json");
        let file = |more: &str| {
            let text = format!("declared file={}{more}", path.display());
            let (name, settings) = named(&text).unwrap();
            space_settings(&name, settings)
        };
        assert!(file("").unwrap_err().to_string().contains("space.json"));
        std::fs::write(&path, r#"{ "network": [{ "layer": { "op": "head" } }] }"#).unwrap();
        let settings = file("").unwrap();
        assert_eq!(settings["network"][0]["layer"]["op"], "head");
        assert_eq!(settings["choices"], serde_json::json!([]), "not those of the default");
        assert!(file(" cells=[]").unwrap_err().to_string().contains("leave out"));
        std::fs::write(&path, "{\n  \"networks\": []\n}").unwrap();
        let message = file("").unwrap_err().to_string();
        assert!(message.contains("unknown field `networks`"), "{message}");
        assert!(message.contains("line 2"), "{message}");
        // Only there is it a file.
        let other = serde_json::json!({ "file": "x" });
        assert_eq!(space_settings("mlp", other.clone()).unwrap(), other);
    }
}
