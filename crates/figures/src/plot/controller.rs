//! What a policy prefers.

use nascent_record::{Domain, RunView};

use super::choices::Common;
use super::metric::Metric;
use super::rows::{Group, across, heat, legend};
use super::{NotYet, Plot, PlotOptions, count, first_with, of_run};
use crate::Figure;

/// What the names of lists of probabilities begin with.
const LIST: &str = "probabilities.";

/// More rows than this are too low to be read; the most important choices are kept.
const MOST_ROWS: usize = 60;

/// Trials are taken together into at most so many columns.
const COLUMNS: usize = 80;

/// See the module.
pub(super) struct Controller;

impl Plot for Controller {
    fn id(&self) -> &'static str {
        "controller"
    }

    fn title(&self) -> &'static str {
        "Probabilities of options"
    }

    fn summary(&self) -> &'static str {
        "How probable a policy found each option of each choice, as it learned."
    }

    fn figure(&self, runs: &[(&str, &RunView)], options: &PlotOptions) -> Result<Figure, NotYet> {
        let metric = Metric::main(runs, options)?;
        let found = first_with(runs, options, |view| {
            let lists = lists(view);
            (!lists.is_empty()).then_some(lists)
        })?;
        let Some((run, lists)) = found else {
            let sentence = "No searcher has logged the probabilities of options; those that learn \
                            a policy, reinforce and ppo, log them with each proposal.";
            return Err(NotYet(sentence.to_owned()));
        };
        let view = runs[run].1;
        let common = Common::of(&runs[run..=run], &metric, options)?;
        let wanted =
            if options.choices.is_empty() { common.choices.len() } else { options.choices.len() };
        let all = lists.len();
        let wide = view.trials().len().div_ceil(COLUMNS).max(1);
        let mut kept: Vec<(usize, Group)> = Vec::new();
        let mut rows = 0;
        for choice in common.most_important(wanted) {
            let Some(at) = view.manifest().spec.position(&choice.name) else { continue };
            let Some((_, columns)) = lists.iter().find(|(of, _)| *of == at) else { continue };
            let n = columns.first().map_or(0, |(_, values)| values.len());
            if rows > 0 && rows + n > MOST_ROWS {
                continue;
            }
            rows += n;
            let (name, columns) = (choice.name.clone(), together(columns, wide));
            kept.push((at, Group { name, rows: names(&choice.domain, n), columns }));
        }
        if kept.is_empty() {
            let problem = "The chosen choices have no probabilities in the log.";
            return Err(NotYet(problem.to_owned()));
        }
        kept.sort_by_key(|(at, _)| *at);
        let groups: Vec<Group> = kept.into_iter().map(|(_, group)| group).collect();
        let of = if groups.len() < all {
            format!("{} of {}", groups.len(), count(all, "choice"))
        } else {
            count(all, "choice")
        };
        let (y, marks) = heat(&groups, "probability", run);
        Ok(Figure {
            title: self.title().to_owned(),
            subtitle: format!("{of}{}{}", of_run(runs, run), legend(&groups)),
            x: across("trial", &groups),
            y,
            marks,
        })
    }
}

/// Where a list was logged, and its numbers.
type Columns<'r> = Vec<(f64, &'r [f64])>;

/// The lists of each choice that has any, by its position.
fn lists(view: &RunView) -> Vec<(usize, Columns<'_>)> {
    let mut lists: Vec<(usize, Columns<'_>)> = Vec::new();
    for (at, choice) in view.manifest().spec.choices().iter().enumerate() {
        let name = format!("{LIST}{}", choice.name);
        let mut columns: Columns<'_> = Vec::new();
        for trial in view.trials() {
            let signals = trial.proposal.signals.as_ref();
            let Some(values) = signals.and_then(|signals| signals.vectors.get(&name)) else {
                continue;
            };
            if columns.first().is_none_or(|(_, first)| first.len() == values.len()) {
                columns.push((f64::from(trial.id.0), values));
            }
        }
        if !columns.is_empty() {
            lists.push((at, columns));
        }
    }
    lists
}

/// The mean of the numbers in each stretch of so many trials.
fn together(columns: &Columns<'_>, wide: usize) -> Vec<([f64; 2], Vec<f64>)> {
    let stretch = |x: f64| (x / wide as f64).floor();
    let mean = |chunk: &[(f64, &[f64])]| {
        let (x, first) = *chunk.first()?;
        let of = |row: usize| {
            chunk.iter().map(|(_, values)| values[row]).sum::<f64>() / chunk.len() as f64
        };
        let from = stretch(x) * wide as f64 - 0.5;
        Some(([from, from + wide as f64], (0..first.len()).map(of).collect()))
    };
    columns.chunk_by(|a, b| stretch(a.0) == stretch(b.0)).filter_map(mean).collect()
}

/// The names of the `n` numbers of a list: options, values, or parts of a range.
fn names(domain: &Domain, n: usize) -> Vec<String> {
    if domain.size() == Some(n as u64) {
        let values = (0..n as u64).filter_map(|at| domain.nth(at));
        return values.map(|value| domain.text(value)).collect();
    }
    (1..=n).map(|part| format!("part {part} of {n}")).collect()
}
