//! In what the manifests of runs differ.

use egui::{Grid, RichText, Ui};
use nascent_record::{Manifest, analysis};
use serde_json::Value;

use super::results::Line;
use crate::theme::Palette;

/// A setting with what it is in each line.
#[derive(Debug, PartialEq)]
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) values: Vec<Of>,
}

/// What a setting is in the runs of a line.
#[derive(Debug, PartialEq)]
pub(super) enum Of {
    /// None of them has it.
    Absent,
    /// The same in all of them.
    One(Value),
    /// Not the same in all of them.
    Several(Vec<Value>),
}

impl Of {
    fn new(values: &[Option<Value>]) -> Self {
        let mut distinct: Vec<Value> = Vec::new();
        for value in values.iter().flatten() {
            if !distinct.contains(value) {
                distinct.push(value.clone());
            }
        }
        match distinct.len() {
            0 => Self::Absent,
            1 if values.iter().all(Option::is_some) => Self::One(distinct.swap_remove(0)),
            _ => Self::Several(distinct),
        }
    }
}

/// The settings that are not the same in all manifests of all lines, in their order there.
pub(super) fn differences(lines: &[Vec<&Manifest>]) -> Vec<Setting> {
    let all: Vec<&Manifest> = lines.iter().flatten().copied().collect();
    let found = analysis::differences(&all).into_iter().map(|difference| {
        let mut rest = &difference.values[..];
        let own = lines.iter().map(|line| {
            let (own, others) = rest.split_at(line.len());
            rest = others;
            Of::new(own)
        });
        let values = own.collect();
        Setting { name: difference.name, values }
    });
    found.collect()
}

/// A value in full.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A value in few words, beside what it is in the first line. A space has many choices: of lists it is
/// the first entry that differs.
fn short(value: &Value, first: Option<&Value>) -> String {
    let Value::Array(list) = value else { return text(value) };
    let Some(Value::Array(first)) = first.filter(|_| list.len() > 8) else { return text(value) };
    let entries = format!("{} entries", list.len());
    let differing = (0..list.len()).find(|at| first.get(*at) != list.get(*at));
    match differing {
        Some(at) => format!("{entries}; number {}: {}", at + 1, text(&list[at])),
        None => entries,
    }
}

/// What is shown of a value, and what it is in full.
fn cell(value: &Of, first: &Of) -> (String, String) {
    match value {
        Of::Absent => ("–".to_owned(), "There is no such setting".to_owned()),
        Of::One(value) => {
            let first = if let Of::One(first) = first { Some(first) } else { None };
            (short(value, first), text(value))
        }
        Of::Several(values) => {
            let all = values.iter().map(text).collect::<Vec<_>>().join(", ");
            (format!("differs inside: {all}"), all)
        }
    }
}

/// The beginning of a text.
fn cut(text: &str, most: usize) -> String {
    let long = text.chars().count() > most;
    if long { text.chars().take(most - 1).chain(['…']).collect() } else { text.to_owned() }
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
                let (short, full) = cell(value, &setting.values[0]);
                ui.label(cut(&short, 44)).on_hover_text(cut(&full, 1200));
            }
            ui.end_row();
        }
    });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing;

    #[test]
    fn only_what_differs_is_listed() {
        let a = testing::run_of("tpe", 2, 1, 0).manifest().clone();
        let mut b = testing::run_of("random", 2, 1, 0).manifest().clone();
        b.created_ms = 99;
        b.seed = 4;
        b.evaluator.config = json!({ "epochs": 3 });
        let found = differences(&[vec![&a], vec![&b]]);
        let names: Vec<&str> = found.iter().map(|setting| setting.name.as_str()).collect();
        assert_eq!(names, ["searcher.name", "seed", "evaluator.config.epochs"]);
        let values = [Of::Absent, Of::One(json!(3))];
        assert_eq!(found[2].values, values);
        let values = ["tpe", "random"].map(|name| Of::One(json!(name)));
        assert_eq!(found[0].values, values);
        assert!(differences(&[vec![&a], vec![&a]]).is_empty());
    }

    #[test]
    fn every_run_of_a_line_counts() {
        let a = testing::run_of("tpe", 2, 1, 0).manifest().clone();
        let mut b = a.clone();
        b.seed = 4;
        let found = differences(&[vec![&a, &b], vec![&a]]);
        assert_eq!(found.len(), 1);
        let values = [Of::Several(vec![json!(0), json!(4)]), Of::One(json!(0))];
        assert_eq!(found[0].values, values);
        assert_eq!(cell(&values[0], &values[0]).0, "differs inside: 0, 4");
    }

    #[test]
    fn of_long_lists_the_entry_that_differs_is_shown() {
        let list =
            |last: i32| Of::One(Value::Array((0..9).chain([last]).map(Value::from).collect()));
        assert_eq!(cell(&list(1), &list(1)).0, "10 entries");
        assert_eq!(cell(&list(2), &list(1)).0, "10 entries; number 10: 2");
        assert_eq!(cell(&list(2), &list(1)).1, "[0,1,2,3,4,5,6,7,8,2]");
    }
}
