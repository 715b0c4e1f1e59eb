//! What the model of a searcher looks at.

use nascent_record::RunView;

use super::rows::{Columns, Group, Heat, heat, logged, together};
use super::{NotYet, Plot, PlotOptions, count, first_with, of_run};
use crate::Figure;

/// A list that searchers log: its name, what its numbers are on the scale of the plot, and how to get
/// there. More is more relevant.
struct List {
    name: &'static str,
    label: &'static str,
    scaled: fn(f64) -> f64,
}

const LISTS: &[List] = &[
    // The shorter the scale, the more changes along it; scales differ by powers of ten.
    List { name: "length_scales", label: "log10(1 / length scale)", scaled: |x| -x.log10() },
    List { name: "importances", label: "share of what the splits explain", scaled: |x| x },
];

/// See the module.
///
/// A Gaussian process that learns a length scale for each choice finds out which ones matter
/// (Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, section 5.1).
pub(super) struct Relevance;

impl Plot for Relevance {
    fn id(&self) -> &'static str {
        "relevance"
    }

    fn title(&self) -> &'static str {
        "What the model looks at"
    }

    fn summary(&self) -> &'static str {
        "How much each choice matters to the model of a searcher, as it learned: length scales of a \
         Gaussian process, importances of a forest."
    }

    fn figure(&self, runs: &[(&str, &RunView)], options: &PlotOptions) -> Result<Figure, NotYet> {
        let found = first_with(runs, options, |view| {
            let lists = LISTS.iter().map(|list| (list, numbers(view, list)));
            lists.into_iter().find(|(_, columns)| !columns.is_empty())
        })?;
        let Some((run, (list, columns))) = found else {
            let sentence = "No searcher has logged what its model looks at; gp and random_forest log \
                            it with each proposal of their models.";
            return Err(NotYet(sentence.to_owned()));
        };
        let view = runs[run].1;
        let n = columns.first().map_or(0, |(_, values)| values.len());
        let choices = view.manifest().spec.choices();
        let rows: Vec<String> = choices.iter().map(|choice| choice.name.clone()).collect();
        let mut columns = together(view, &columns);
        for value in columns.iter_mut().flat_map(|(_, values)| values) {
            *value = (list.scaled)(*value);
        }
        let groups = [Group { name: String::new(), rows, columns }];
        let Heat { x, y, marks, note } = heat(&groups, list.label, "trial", run);
        Ok(Figure {
            title: self.title().to_owned(),
            subtitle: format!("{}{}{note}", count(n, "choice"), of_run(runs, run)),
            x,
            y,
            marks,
        })
    }
}

/// The lists with a number for each choice that has a place on the scale of the plot.
fn numbers<'r>(view: &'r RunView, list: &List) -> Columns<'r> {
    let mut columns = logged(view, list.name);
    let spec = &view.manifest().spec;
    columns.retain(|(_, values)| {
        values.len() == spec.len() && values.iter().all(|value| (list.scaled)(*value).is_finite())
    });
    columns
}
