//! In what the manifests of runs differ.

use egui::{Grid, RichText, Ui};
use nascent_record::Manifest;
use serde_json::Value;

use super::results::Line;
use crate::theme::Palette;

/// A setting with its value in each run.
#[derive(Debug, PartialEq)]
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) values: Vec<Option<String>>,
}

/// Parts of manifests that say when rather than what.
const LEFT_OUT: [&str; 2] = ["created_ms", "schema"];

/// The settings that are not the same in all manifests, in their order there.
pub(super) fn differences(manifests: &[&Manifest]) -> Vec<Setting> {
    let flat: Vec<Vec<(String, String)>> = manifests
        .iter()
        .map(|manifest| {
            let mut found = Vec::new();
            if let Ok(value) = serde_json::to_value(manifest) {
                flatten("", &value, &mut found);
            }
            found
        })
        .collect();
    let mut names: Vec<&String> = Vec::new();
    for (name, _) in flat.iter().flatten() {
        if !names.contains(&name) && !LEFT_OUT.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let values = |name: &String| -> Vec<Option<String>> {
        let of = |settings: &Vec<(String, String)>| {
            settings.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        };
        flat.iter().map(of).collect()
    };
    let all = names.into_iter().map(|name| Setting { name: name.clone(), values: values(name) });
    all.filter(|setting| setting.values.windows(2).any(|pair| pair[0] != pair[1])).collect()
}

fn flatten(path: &str, value: &Value, found: &mut Vec<(String, String)>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                flatten(&below(key), value, found);
            }
        }
        // A space has many choices, which are one difference.
        Value::Array(list) if list.len() > 8 => {
            found.push((path.to_owned(), format!("{} entries", list.len())));
        }
        Value::String(text) => found.push((path.to_owned(), text.clone())),
        other => found.push((path.to_owned(), other.to_string())),
    }
}

pub(super) fn show(ui: &mut Ui, settings: &[Setting], lines: &[Line]) {
    if settings.is_empty() {
        ui.weak("All settings are the same.");
        return;
    }
    let palette = Palette::of(ui);
    Grid::new("settings").striped(true).spacing([16.0, 4.0]).show(ui, |ui| {
        ui.label("");
        for line in lines {
            ui.label(RichText::new(&line.name).color(palette.run(line.slot)).size(11.5));
        }
        ui.end_row();
        for setting in settings {
            ui.label(RichText::new(&setting.name).weak());
            for value in &setting.values {
                let text = value.as_deref().unwrap_or("–");
                let short: String = text.chars().take(40).collect();
                ui.label(short).on_hover_text(text);
            }
            ui.end_row();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn only_what_differs_is_listed() {
        let a = testing::run_of("tpe", 2, 1, 0).manifest().clone();
        let mut b = testing::run_of("random", 2, 1, 0).manifest().clone();
        b.created_ms = 99;
        b.seed = 4;
        b.evaluator.config = serde_json::json!({ "epochs": 3 });
        let found = differences(&[&a, &b]);
        let names: Vec<&str> = found.iter().map(|setting| setting.name.as_str()).collect();
        assert_eq!(names.len(), 3, "{names:?}");
        for name in ["evaluator.config.epochs", "searcher.name", "seed"] {
            assert!(names.contains(&name), "{names:?}");
        }
        let searcher = found.iter().find(|setting| setting.name == "searcher.name").unwrap();
        assert_eq!(searcher.values, [Some("tpe".to_owned()), Some("random".to_owned())]);
        assert!(differences(&[&a, &a]).is_empty());
    }
}
