//! The choices that plots look at, and their places on an axis.

use nascent_record::analysis::choice_importance;
use nascent_record::{Choice, Domain, RunView, Trial, Value, suggestion};

use super::metric::Metric;
use super::{NotYet, PlotOptions};
use crate::{Axis, Scale, Tick};

/// The name of the place where a choice does not apply.
pub(super) const INACTIVE: &str = "inactive";

/// The choices that all runs have.
pub(super) struct Common<'r> {
    /// In the order of the space.
    pub(super) choices: Vec<&'r Choice>,
    /// Their positions, the wanted ones first, then the most important; with the importance, where
    /// it is known.
    ranks: Vec<(usize, Option<f64>)>,
}

impl<'r> Common<'r> {
    /// Those of these runs.
    pub(super) fn of(
        runs: &[(&str, &'r RunView)],
        metric: &Metric,
        options: &PlotOptions,
    ) -> Result<Self, NotYet> {
        let [(_, first), others @ ..] = runs else {
            return Err(NotYet("Choose a run to see it here.".to_owned()));
        };
        let shared = |choice: &&Choice| {
            others.iter().all(|(_, view)| {
                let spec = &view.manifest().spec;
                let at = spec.position(&choice.name);
                at.is_some_and(|at| spec.choices()[at].domain == choice.domain)
            })
        };
        let choices: Vec<&Choice> = first.manifest().spec.choices().iter().filter(shared).collect();
        if choices.is_empty() {
            return Err(NotYet("These runs have no choice in common.".to_owned()));
        }
        let position = |name: &str| choices.iter().position(|choice| choice.name == name);
        let mut wanted = Vec::with_capacity(options.choices.len());
        for name in &options.choices {
            let Some(at) = position(name) else {
                let known = choices.iter().map(|choice| choice.name.as_str());
                let tail = suggestion(name, known.collect::<Vec<_>>());
                return Err(NotYet(format!("There is no choice \"{name}\" here; {tail}.")));
            };
            if !wanted.contains(&at) {
                wanted.push(at);
            }
        }
        // Too few trials of the first run may be enough of another.
        let known = runs.iter().find_map(|(_, v)| choice_importance(v, &metric.objective).ok());
        let known: Vec<(usize, f64)> = known
            .iter()
            .flatten()
            .filter_map(|choice| Some((position(&choice.choice)?, choice.importance)))
            .collect();
        let important = known.iter().map(|(at, _)| *at);
        let mut ranks: Vec<(usize, Option<f64>)> = Vec::with_capacity(choices.len());
        for at in wanted.iter().copied().chain(important).chain(0..choices.len()) {
            if ranks.iter().all(|(ranked, _)| *ranked != at) {
                let importance = known.iter().find(|(of, _)| *of == at);
                ranks.push((at, importance.map(|(_, importance)| *importance)));
            }
        }
        Ok(Self { choices, ranks })
    }

    /// The wanted choices, then the most important ones, at most `n`.
    pub(super) fn most_important(&self, n: usize) -> Vec<&'r Choice> {
        self.ranks.iter().take(n).map(|(at, _)| self.choices[*at]).collect()
    }

    /// Where it is in the order of the space.
    pub(super) fn position(&self, choice: &Choice) -> Option<usize> {
        self.choices.iter().position(|known| known.name == choice.name)
    }

    /// How much of the variance it explains by itself, in words; empty where nobody knows.
    pub(super) fn explains(&self, choice: &Choice) -> String {
        let rank = self.ranks.iter().find(|(at, _)| self.choices[*at].name == choice.name);
        match rank.and_then(|(_, importance)| *importance) {
            Some(importance) => {
                format!("{} explains {:.0} % of the variance", choice.name, 100.0 * importance)
            }
            None => String::new(),
        }
    }
}

/// What the trials of a run have chosen; `None` where the choice does not apply.
pub(super) fn chosen(view: &RunView, choice: &Choice) -> impl Fn(&Trial) -> Option<Value> {
    let at = view.manifest().spec.position(&choice.name);
    move |trial| trial.proposal.architecture.values().get(at?).copied().flatten()
}

/// Where a choice that does not apply is placed: below everything.
pub(super) fn inactive(choice: &Choice) -> f64 {
    match choice.domain {
        Domain::Categorical { .. } => -1.0,
        Domain::Integer { low, high, log, .. } => below(low as f64, high as f64, log),
        Domain::Float { low, high, log } => below(low, high, log),
    }
}

fn below(low: f64, high: f64, log: bool) -> f64 {
    if log { low / (high / low).powf(0.2).max(1.1) } else { low - 0.2 * (high - low).max(1e-9) }
}

pub(super) fn place(choice: &Choice, value: Option<Value>, rank: f64) -> f64 {
    let spread = match choice.domain {
        Domain::Categorical { .. } => 0.5 * (rank - 0.5),
        _ => 0.0,
    };
    match value {
        None => inactive(choice) + spread,
        Some(Value::Int(i)) => i as f64 + spread,
        Some(Value::Float(x)) => x,
    }
}

pub(super) fn axis(choice: &Choice) -> Axis {
    let optional = choice.when.is_some();
    let tick = |at: f64, label: &str| Tick { at, label: label.to_owned() };
    let mut ticks = Vec::new();
    if optional {
        ticks.push(tick(inactive(choice), INACTIVE));
    }
    let number = |value: f64| tick(value, &crate::text::number(value));
    let (scale, low, high) = match &choice.domain {
        Domain::Categorical { options } => {
            let names = options.iter().enumerate();
            ticks.extend(names.map(|(at, name)| tick(at as f64, name)));
            let least = if optional { -1.5 } else { -0.5 };
            (Scale::Linear, least, options.len() as f64 - 0.5)
        }
        Domain::Integer { low, high, step, log } => {
            let n = (high - low) / step;
            let stride = (n / 8 + 1) * step;
            let mut value = *low;
            while value <= *high {
                ticks.push(number(value as f64));
                let Some(next) = value.checked_add(stride) else {
                    break;
                };
                value = next;
            }
            numeric(*low as f64, *high as f64, *log)
        }
        Domain::Float { low, high, log } => {
            if *log {
                let decades = low.log10().ceil() as i32..=high.log10().floor() as i32;
                let powers = decades.map(|e| 10_f64.powi(e));
                let inner = powers.filter(|p| p / low > 1.5 && high / p > 1.5);
                ticks.extend([*low].into_iter().chain(inner).chain([*high]).map(number));
            } else {
                ticks.extend([*low, low + (high - low) / 2.0, *high].map(number));
            }
            numeric(*low, *high, *log)
        }
    };
    let numeric = !matches!(choice.domain, Domain::Categorical { .. });
    let low = if optional && numeric { inactive(choice) } else { low };
    ticks.dedup_by(|a, b| a.at == b.at);
    Axis {
        label: choice.name.clone(),
        scale,
        ticks: Some(ticks),
        range: Some(if high > low { [low, high] } else { [low - 0.5, high + 0.5] }),
        ..Axis::default()
    }
}

fn numeric(low: f64, high: f64, log: bool) -> (Scale, f64, f64) {
    let scale = if log { Scale::Log } else { Scale::Linear };
    (scale, low, high)
}
