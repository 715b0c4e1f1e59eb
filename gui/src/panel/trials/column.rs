//! The columns of the table.

use egui::Color32;
use nascent_record::{Domain, Manifest, RunView, Trial};

use crate::filter::{Datum, Field, fields_with};
use crate::text;
use crate::theme::Palette;

/// What a column is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    Trial,
    Architecture,
    Metrics,
    Cost,
}

impl Group {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Trial => "trial",
            Self::Architecture => "architecture",
            Self::Metrics => "metrics",
            Self::Cost => "cost",
        }
    }
}

/// A column of the table.
#[derive(Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) field: Field,
    pub(super) group: Group,
    pub(super) is_number: bool,
    /// What a hover over its title says.
    pub(super) explain: String,
}

/// The columns of a run whose trials have these metrics: what a trial is, its choices, its metrics,
/// what it cost.
pub(super) fn columns(manifest: &Manifest, metrics: &[String]) -> Vec<Column> {
    let mut columns: Vec<Column> = fields_with(manifest, metrics)
        .into_iter()
        .map(|(name, field)| {
            let choice = |at: usize| manifest.spec.choices().get(at);
            let (group, is_number, explain) = match &field {
                Field::Trial => (Group::Trial, true, "The number of the trial, from 0".to_owned()),
                Field::Status => {
                    (Group::Trial, false, "Running, complete, pruned or failed".to_owned())
                }
                Field::Parent => (Group::Trial, true, "The trial that it was made from".to_owned()),
                Field::Failure => (Group::Trial, false, "Why it has no result".to_owned()),
                Field::Choice(at) => {
                    let domain = choice(*at).map(|choice| &choice.domain);
                    let number = !matches!(domain, Some(Domain::Categorical { .. }));
                    let explain = domain.map_or_else(String::new, describe);
                    (Group::Architecture, number, format!("A choice: {explain}"))
                }
                Field::Metric(metric) => {
                    let group = if nascent_figures::COSTS.contains(&metric.as_str()) {
                        Group::Cost
                    } else {
                        Group::Metrics
                    };
                    let unit = manifest.metric(metric).map_or("", |metric| &metric.unit);
                    let unit = if unit.is_empty() { String::new() } else { format!(" in {unit}") };
                    (group, true, format!("A metric{unit}"))
                }
                Field::Epochs => (Group::Cost, true, "Epochs that it trained".to_owned()),
                Field::Seconds => (Group::Cost, true, "Seconds that it took".to_owned()),
            };
            Column { name, field, group, is_number, explain }
        })
        .collect();
    // What belongs together stands together, otherwise as the fields come.
    columns.sort_by_key(|column| match (&column.field, column.group) {
        (Field::Trial | Field::Status, _) => 0,
        (_, Group::Architecture) => 2,
        (_, Group::Metrics) => 1,
        (_, Group::Cost) => 3,
        (_, Group::Trial) => 4,
    });
    columns
}

fn describe(domain: &Domain) -> String {
    match domain {
        Domain::Categorical { options } => options.join(", "),
        Domain::Integer { low, high, .. } => format!("{low} to {high}"),
        Domain::Float { low, high, .. } => format!("{low} to {high}"),
    }
}

impl Column {
    /// A first guess of its width.
    pub(super) fn width(&self) -> f32 {
        let title = 7.2 * self.name.chars().count() as f32 + 22.0;
        match self.field {
            Field::Trial => 64.0,
            Field::Status => 82.0,
            Field::Metric(_) => title.clamp(78.0, 150.0),
            _ => title.clamp(92.0, 150.0),
        }
    }

    /// What stands in a cell, and in which color.
    pub(super) fn cell(
        &self,
        view: &RunView,
        trial: &Trial,
        palette: &Palette,
    ) -> (String, Color32) {
        let datum = self.field.of(view, trial);
        let color = match (&self.field, trial.status()) {
            (Field::Status | Field::Failure, "failed") => palette.bad,
            (Field::Status, "pruned") => palette.warn,
            (Field::Status, "running") => palette.accent,
            (Field::Trial, _) | (Field::Metric(_), "pruned") => palette.faint,
            _ => palette.ink,
        };
        match datum {
            Some(Datum::Number(number)) => (text::number(number), color),
            Some(Datum::Text(text)) => (text, color),
            None => (String::new(), color),
        }
    }
}
