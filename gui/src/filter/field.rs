//! What can be named in a filter and shown in a column.

use nascent_record::{Domain, Manifest, Outcome, RunView, Trial, Value};

use super::Comparison;

/// Something of a trial that has a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Field {
    Trial,
    Status,
    Failure,
    Parent,
    /// The choice at this position.
    Choice(usize),
    /// The metric with this name.
    Metric(String),
    Epochs,
    /// How long it took.
    Seconds,
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Datum {
    Number(f64),
    Text(String),
}

impl Datum {
    /// Numbers by size, texts by letters, numbers before texts.
    pub(crate) fn order(&self, other: &Self) -> std::cmp::Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Number(_), Self::Text(_)) => std::cmp::Ordering::Less,
            (Self::Text(_), Self::Number(_)) => std::cmp::Ordering::Greater,
        }
    }
}

impl Field {
    /// What a trial has of it.
    pub(crate) fn of(&self, view: &RunView, trial: &Trial) -> Option<Datum> {
        match self {
            Self::Trial => Some(Datum::Number(f64::from(trial.id.0))),
            Self::Status => Some(Datum::Text(trial.status().to_owned())),
            Self::Failure => match &trial.outcome {
                Some(Outcome::Failed(failure)) => Some(Datum::Text(failure.kind.to_string())),
                _ => None,
            },
            Self::Parent => trial.proposal.parents.first().map(|p| Datum::Number(f64::from(p.0))),
            Self::Choice(at) => {
                let domain = &view.manifest().spec.choices().get(*at)?.domain;
                let value = (*trial.proposal.architecture.values().get(*at)?)?;
                Some(match (domain, value) {
                    (Domain::Categorical { .. }, value) => Datum::Text(domain.text(value)),
                    (_, Value::Int(i)) => Datum::Number(i as f64),
                    (_, Value::Float(x)) => Datum::Number(x),
                })
            }
            Self::Metric(name) => metric(trial, name).map(Datum::Number),
            Self::Epochs => Some(Datum::Number(f64::from(trial.epochs))),
            Self::Seconds => {
                let ended = trial.finished_ms?;
                Some(Datum::Number(ended.saturating_sub(trial.started_ms) as f64 / 1000.0))
            }
        }
    }

    pub(super) fn holds(
        &self,
        view: &RunView,
        trial: &Trial,
        comparison: Comparison,
        value: &str,
    ) -> bool {
        // Of several parents any counts.
        if *self == Self::Parent
            && let Ok(wanted) = value.parse()
        {
            let parents = &trial.proposal.parents;
            return parents.iter().any(|p| comparison.numbers(f64::from(p.0), wanted));
        }
        match (self.of(view, trial), value.parse::<f64>()) {
            (Some(Datum::Number(number)), Ok(wanted)) if comparison != Comparison::Contains => {
                comparison.numbers(number, wanted)
            }
            (Some(Datum::Number(number)), _) => comparison.texts(&number.to_string(), value),
            (Some(Datum::Text(text)), _) => comparison.texts(&text, value),
            (None, _) => false,
        }
    }
}

/// A metric of a trial that has ended with any, pruned ones too.
pub(crate) fn metric(trial: &Trial, name: &str) -> Option<f64> {
    match &trial.outcome {
        Some(Outcome::Complete(metrics) | Outcome::Pruned(metrics)) => metrics.get(name),
        _ => None,
    }
}

/// The metrics that are declared for trials, or that one of the first trials with a result has. It
/// looks at all trials where few have one.
pub(crate) fn metrics(view: &RunView) -> Vec<String> {
    let mut metrics: Vec<String> = Vec::new();
    let declared = view.manifest().metrics.iter().filter(|metric| !metric.final_only);
    let had = view.trials().iter().filter_map(Trial::metrics).take(16);
    let had = had.flat_map(|metrics| metrics.iter().map(|(name, _)| name));
    for name in declared.map(|metric| metric.name.as_str()).chain(had) {
        if !metrics.iter().any(|known| known == name) {
            metrics.push(name.to_owned());
        }
    }
    metrics
}

/// Everything of the trials of a run that has a name, in the order of columns, where its trials have
/// these metrics.
pub(crate) fn fields_with(manifest: &Manifest, metrics: &[String]) -> Vec<(String, Field)> {
    let named = |name: &str, field| (name.to_owned(), field);
    let mut fields = vec![named("trial", Field::Trial), named("status", Field::Status)];
    let choices = manifest.spec.choices().iter().enumerate();
    fields.extend(choices.map(|(at, choice)| named(&choice.name, Field::Choice(at))));
    fields.extend(metrics.iter().map(|name| named(name, Field::Metric(name.clone()))));
    fields.extend([
        named("epochs", Field::Epochs),
        named("seconds", Field::Seconds),
        named("parent", Field::Parent),
        named("failure", Field::Failure),
    ]);
    fields
}

/// The same with the metrics that the trials have.
pub(crate) fn fields(view: &RunView) -> Vec<(String, Field)> {
    fields_with(view.manifest(), &metrics(view))
}
