//! What a policy prefers.

use nascent_record::{Domain, RunView};

use super::choices::Common;
use super::metric::Metric;
use super::rows::{Columns, Group, Heat, heat, logged, together};
use super::{Ask, NotYet, Plot, PlotOptions, count, first_with, of_run};
use crate::Figure;

/// What the names of lists of probabilities begin with.
const LIST: &str = "probabilities.";

/// More rows than this are too low to be read; the most important choices are kept.
const MOST_ROWS: usize = 60;

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

    fn asks(&self) -> &'static [Ask] {
        &[Ask::Choices]
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
            let (name, columns) = (choice.name.clone(), together(view, columns));
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
        let Heat { x, y, marks, note } = heat(&groups, "probability", "trial", run);
        Ok(Figure {
            title: self.title().to_owned(),
            subtitle: format!("{of}{}{note}", of_run(runs, run)),
            x,
            y,
            marks,
        })
    }
}

/// The lists of each choice that has any, by its position.
fn lists(view: &RunView) -> Vec<(usize, Columns<'_>)> {
    let choices = view.manifest().spec.choices().iter().enumerate();
    let lists = choices.map(|(at, choice)| (at, logged(view, &format!("{LIST}{}", choice.name))));
    lists.filter(|(_, columns)| !columns.is_empty()).collect()
}

/// The names of the `n` numbers of a list: options, values, or parts of a range.
fn names(domain: &Domain, n: usize) -> Vec<String> {
    if domain.size() == Some(n as u64) {
        let values = (0..n as u64).filter_map(|at| domain.nth(at));
        return values.map(|value| domain.text(value)).collect();
    }
    (1..=n).map(|part| format!("part {part} of {n}")).collect()
}
