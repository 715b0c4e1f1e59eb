//! Which choices matter.

use std::collections::BTreeMap;

use crate::{Error, Objective, Result, RunView, Value};

/// How much of the variance of a metric one choice explains by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct ChoiceImportance {
    /// The choice.
    pub choice: String,
    /// The share of the variance, 0 to 1.
    pub importance: f64,
    /// The mean of the metric for each of its values (or ranges of values), with the number of
    /// trials; "inactive" where the choice does not apply.
    pub means: Vec<(String, f64, usize)>,
}

/// The main effect of each choice on the objective's metric over all complete trials, most
/// important first: the variance between its values as a share of the whole, corrected for chance
/// (ε²; Kelley, "An Unbiased Correlation Ratio Measure", 1935). Numbers fall into quartiles.
///
/// It is what one choice does by itself; what two do only together is not in it. Trials of a search
/// are not a random sample, so it describes the region that the search looked at.
///
/// # Errors
/// If fewer than four trials are complete, or all have the same value.
pub fn choice_importance(view: &RunView, objective: &Objective) -> Result<Vec<ChoiceImportance>> {
    let trials: Vec<_> = view
        .trials()
        .iter()
        .filter_map(|trial| Some((trial, trial.metric(&objective.metric)?)))
        .collect();
    let impossible = |problem: &str| Error::Analysis {
        analysis: "the importance of choices",
        problem: problem.to_owned(),
    };
    if trials.len() < 4 {
        return Err(impossible("it needs at least four complete trials"));
    }
    let n = trials.len() as f64;
    let mean = trials.iter().map(|(_, value)| value).sum::<f64>() / n;
    let total: f64 = trials.iter().map(|(_, value)| (value - mean).powi(2)).sum();
    if total <= 0.0 {
        return Err(impossible("all trials have the same value"));
    }
    if !total.is_finite() {
        return Err(impossible("the values are too large to have a variance"));
    }
    let spec = &view.manifest().spec;
    let mut importances = Vec::with_capacity(spec.len());
    for (at, choice) in spec.choices().iter().enumerate() {
        let values: Vec<Option<Value>> =
            trials.iter().map(|(trial, _)| trial.proposal.architecture.values()[at]).collect();
        let groups = group(&values, |value| choice.domain.text(value), choice.domain.size());
        let mut by_group: BTreeMap<usize, (f64, usize)> = BTreeMap::new();
        for ((_, value), &group) in std::iter::zip(&trials, &groups.of) {
            let entry = by_group.entry(group).or_default();
            entry.0 += value;
            entry.1 += 1;
        }
        let between: f64 = by_group
            .values()
            .map(|(sum, count)| *count as f64 * (sum / *count as f64 - mean).powi(2))
            .sum();
        let k = by_group.len() as f64;
        let within = if n > k { (total - between) / (n - k) } else { 0.0 };
        let importance =
            if n > k { ((between - (k - 1.0) * within) / total).clamp(0.0, 1.0) } else { 0.0 };
        let means = by_group
            .into_iter()
            .map(|(group, (sum, count))| (groups.names[group].clone(), sum / count as f64, count));
        importances.push(ChoiceImportance {
            choice: choice.name.clone(),
            importance,
            means: means.collect(),
        });
    }
    importances.sort_by(|a, b| b.importance.total_cmp(&a.importance));
    Ok(importances)
}

struct Groups {
    names: Vec<String>,
    of: Vec<usize>,
}

/// Values of a small domain are groups by themselves; those of a large one fall into quartiles.
fn group(values: &[Option<Value>], text: impl Fn(Value) -> String, size: Option<u64>) -> Groups {
    let number = |value: Value| match value {
        Value::Int(i) => i as f64,
        Value::Float(x) => x,
    };
    let mut sorted: Vec<(f64, Value)> =
        values.iter().flatten().map(|&value| (number(value), value)).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut distinct = sorted.clone();
    distinct.dedup_by(|a, b| a.0.total_cmp(&b.0).is_eq());
    let (mut names, bounds): (Vec<String>, Vec<f64>) =
        if distinct.len() <= 8 || size.is_some_and(|size| size <= 8) {
            distinct.iter().map(|(x, value)| (text(*value), *x)).unzip()
        } else {
            let mut bounds: Vec<f64> =
                (1..=4).map(|q| sorted[(sorted.len() * q).div_ceil(4) - 1].0).collect();
            bounds.dedup_by(|a, b| a.total_cmp(b).is_eq());
            (bounds.iter().map(|bound| format!("up to {bound}")).collect(), bounds)
        };
    let inactive = names.len();
    names.push("inactive".to_owned());
    let of = values.iter().map(|value| {
        value.map_or(inactive, |value| {
            let x = number(value);
            bounds.iter().position(|bound| x <= *bound).unwrap_or(bounds.len().saturating_sub(1))
        })
    });
    Groups { of: of.collect(), names }
}
