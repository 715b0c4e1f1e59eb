//! Trials as text: for a file or for the clipboard.

use std::collections::BTreeSet;

use nascent_record::{RunView, TrialId};
use serde_json::{Map, Value, json};

use super::column::Column;
use crate::filter::Datum;

/// A form that trials can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Csv,
    Json,
    /// One line for each: the text that `nascent search --enqueue` reads.
    Architectures,
}

impl Form {
    pub(super) const ALL: [Self; 3] = [Self::Csv, Self::Json, Self::Architectures];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Csv => "CSV",
            Self::Json => "JSON",
            Self::Architectures => "architectures",
        }
    }

    pub(super) fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Architectures => "txt",
        }
    }
}

/// The picked trials in the order of the list, or all of the list if none is picked.
pub(super) fn chosen(listed: &[u32], picked: &BTreeSet<TrialId>) -> Vec<u32> {
    let is_picked = |trial: &&u32| picked.is_empty() || picked.contains(&TrialId(**trial));
    listed.iter().filter(is_picked).copied().collect()
}

/// These trials as text, with these columns.
pub(super) fn write(view: &RunView, columns: &[Column], trials: &[u32], form: Form) -> String {
    let trials = trials.iter().filter_map(|trial| view.trials().get(*trial as usize));
    match form {
        Form::Csv => {
            let names: Vec<String> = columns.iter().map(|column| quote(&column.name)).collect();
            let mut text = names.join(",") + "\n";
            for trial in trials {
                let cells = columns.iter().map(|column| match column.field.of(view, trial) {
                    Some(Datum::Number(number)) => number.to_string(),
                    Some(Datum::Text(text)) => quote(&text),
                    None => String::new(),
                });
                text += &(cells.collect::<Vec<_>>().join(",") + "\n");
            }
            text
        }
        Form::Json => {
            let all = trials.map(|trial| {
                let cells = columns.iter().filter_map(|column| {
                    let value = match column.field.of(view, trial)? {
                        Datum::Number(number) => json!(number),
                        Datum::Text(text) => json!(text),
                    };
                    Some((column.name.clone(), value))
                });
                Value::Object(cells.collect::<Map<_, _>>())
            });
            let all = Value::Array(all.collect());
            serde_json::to_string_pretty(&all).unwrap_or_default() + "\n"
        }
        Form::Architectures => {
            let lines = trials.map(|t| view.manifest().spec.text(&t.proposal.architecture) + "\n");
            lines.collect()
        }
    }
}

fn quote(text: &str) -> String {
    let plain = !text.contains([',', '"', '\n', '\r']);
    if plain { text.to_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::super::column::columns;
    use super::*;
    use crate::testing;

    #[test]
    fn what_is_written_can_be_read_back() {
        let view = testing::run(12, 3, 1);
        let columns = columns(view.manifest(), &crate::filter::metrics(&view));
        let trials: Vec<u32> = vec![3, 0, 7];
        let csv = write(&view, &columns, &trials, Form::Csv);
        let lines: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
        assert_eq!(lines.len(), 4);
        assert!(lines.iter().all(|line| line.len() == columns.len()));
        assert_eq!((lines[1][0], lines[2][0], lines[3][0]), ("3", "0", "7"));
        let json: Value =
            serde_json::from_str(&write(&view, &columns, &trials, Form::Json)).unwrap();
        assert_eq!(json[0]["trial"], json!(3.0));
        let op = view.manifest().spec.position("op").unwrap();
        let domain = &view.manifest().spec.choices()[op].domain;
        let value = view.trials()[3].proposal.architecture.values()[op].unwrap();
        assert_eq!(json[0]["op"], json!(domain.text(value)));
        for (line, trial) in
            write(&view, &columns, &trials, Form::Architectures).lines().zip([3, 0, 7])
        {
            let read = view.manifest().spec.parse(line).unwrap();
            assert_eq!(read, view.trials()[trial].proposal.architecture);
        }
    }

    #[test]
    fn the_picked_are_written_or_all() {
        let picked = BTreeSet::from([TrialId(2), TrialId(5)]);
        assert_eq!(chosen(&[5, 4, 2, 1], &picked), [5, 2]);
        assert_eq!(chosen(&[5, 4], &BTreeSet::new()), [5, 4]);
        assert_eq!(quote("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
