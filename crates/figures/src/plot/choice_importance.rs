//! Which choices decide how good an architecture is.

use nascent_record::RunView;
use nascent_record::analysis::{self, choice_importance};

use super::metric::Metric;
use super::{NotYet, Plot, PlotOptions, count, role_of};
use crate::{Axis, Bar, Bars, Figure, Mark, Role};

/// More bars than this cannot be read.
const MOST: usize = 20;

/// See the module.
pub(super) struct ChoiceImportance;

impl Plot for ChoiceImportance {
    fn id(&self) -> &'static str {
        "choice_importance"
    }

    fn title(&self) -> &'static str {
        "Importance of choices"
    }

    fn summary(&self) -> &'static str {
        "How much of the difference between trials each choice explains by itself."
    }

    fn figure(&self, runs: &[(&str, &RunView)], options: &PlotOptions) -> Result<Figure, NotYet> {
        let metric = Metric::main(runs, options)?;
        let mut problem = None;
        let mut by_run = Vec::new();
        for (run, (name, view)) in runs.iter().enumerate() {
            match choice_importance(view, &metric.objective) {
                Ok(importances) => by_run.push((run, *name, importances)),
                Err(error) => problem = Some(error),
            }
        }
        if by_run.is_empty() {
            let problem = match problem {
                Some(nascent_record::Error::Analysis { problem, .. }) => problem,
                Some(other) => other.to_string(),
                None => "there is no run".to_owned(),
            };
            return Err(NotYet(format!("Nothing to compare yet: {problem}.")));
        }
        // The most important first, by the mean over the runs.
        let mut choices: Vec<(&str, f64)> = Vec::new();
        for importance in by_run.iter().flat_map(|(_, _, importances)| importances) {
            match choices.iter_mut().find(|(name, _)| *name == importance.choice) {
                Some(known) => known.1 += importance.importance,
                None => choices.push((&importance.choice, importance.importance)),
            }
        }
        choices.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        let all = choices.len();
        choices.truncate(MOST);
        choices.reverse(); // the y axis points up
        let place = |choice: &str| choices.iter().position(|(name, _)| *name == choice);
        let marks = by_run.iter().map(|(run, name, importances)| {
            let bar = |importance: &analysis::ChoiceImportance| {
                Some(Bar {
                    at: place(&importance.choice)? as f64,
                    value: importance.importance,
                    note: note(importance, &metric),
                })
            };
            Mark::Bars(Bars {
                name: if runs.len() == 1 { String::new() } else { (*name).to_owned() },
                role: match role_of(*run, runs) {
                    Role::Best => Role::Series(0),
                    role => role,
                },
                run: *run,
                bars: importances.iter().filter_map(bar).collect(),
            })
        });
        let marks = marks.collect();
        let shown = if all > MOST {
            format!("the {MOST} most important of {}", count(all, "choice"))
        } else {
            "main effects, corrected for chance".to_owned()
        };
        let most = by_run.iter().flat_map(|(_, _, importances)| importances);
        let most = most.map(|choice| choice.importance).fold(0.05, f64::max);
        Ok(Figure {
            title: self.title().to_owned(),
            subtitle: shown,
            x: Axis::new(format!("share of the variance of {}", metric.name.replace('_', " ")))
                .range(Some([0.0, most])),
            y: Axis::default().names(choices.iter().map(|(name, _)| *name)),
            marks,
        })
    }
}

/// The value with the best mean.
fn note(importance: &analysis::ChoiceImportance, metric: &Metric) -> String {
    let mut best: Option<&(String, f64, usize)> = None;
    for group in &importance.means {
        if best.is_none_or(|known| metric.better(group.1, known.1)) {
            best = Some(group);
        }
    }
    match best {
        // What explains nothing has no best value.
        Some((value, ..)) if importance.importance >= 0.01 => format!("best: {}", short(value)),
        _ => String::new(),
    }
}

/// "up to 0.0811265" without the decimals that nobody reads.
fn short(value: &str) -> String {
    let number = value.strip_prefix("up to ").and_then(|number| number.parse().ok());
    number
        .map_or_else(|| value.to_owned(), |number| format!("up to {}", crate::text::number(number)))
}
