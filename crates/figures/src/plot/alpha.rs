//! What a searcher with a supernet prefers on each edge.

use nascent_record::analysis::list_names;
use nascent_record::{RunView, Spec};

use super::rows::{Group, Heat, heat};
use super::{NotYet, Plot, PlotOptions, count, even_sample, first_with, of_run};
use crate::Figure;

/// What the names of lists of α and β begin with.
const ALPHA: &str = "alpha.";
const BETA: &str = "beta.";

/// What the names of rows of β begin with.
const BETA_ROW: &str = "β ";

/// More columns than this are narrower than a screen shows well.
const MOST_COLUMNS: usize = 100;

/// See the module.
///
/// The numbers are those that the searcher learns (Liu et al., "DARTS: Differentiable Architecture
/// Search", 2019): logits for most, so what counts is how they differ on one edge.
pub(super) struct Alpha;

impl Plot for Alpha {
    fn id(&self) -> &'static str {
        "alpha"
    }

    fn title(&self) -> &'static str {
        "Strength of operations"
    }

    fn summary(&self) -> &'static str {
        "How strong each operation of each edge of a supernet is, epoch by epoch: α as learned."
    }

    fn figure(&self, runs: &[(&str, &RunView)], options: &PlotOptions) -> Result<Figure, NotYet> {
        let found = first_with(runs, options, |view| {
            let groups = groups(view);
            (!groups.is_empty()).then_some(groups)
        })?;
        let Some((run, groups)) = found else {
            let sentence = "No searcher has logged α; those that learn a supernet with it, such as \
                            darts and gdas, log it after each epoch.";
            return Err(NotYet(sentence.to_owned()));
        };
        let epochs = runs[run].1.searcher_epochs().len();
        let edges = groups.iter().filter(|group| !group.name.starts_with(BETA_ROW)).count();
        let Heat { x, y, marks, note } = heat(&groups, "α", "epoch of the supernet", run);
        Ok(Figure {
            title: self.title().to_owned(),
            subtitle: format!(
                "{}, {}{}{note}",
                count(edges, "edge"),
                count(epochs, "epoch"),
                of_run(runs, run),
            ),
            x,
            y,
            marks,
        })
    }
}

/// The edges in the order of their names, and behind them what weighs edges against each other.
fn groups(view: &RunView) -> Vec<Group> {
    let spec = &view.manifest().spec;
    let mut groups: Vec<Group> = Vec::new();
    let epochs = view.searcher_epochs();
    let shown: Vec<usize> = even_sample(epochs.len(), MOST_COLUMNS).collect();
    for prefix in [ALPHA, BETA] {
        let first = groups.len();
        for (number, &at) in shown.iter().enumerate() {
            let trained = &epochs[at];
            // Each stands for all until the next that is shown.
            let next = shown.get(number + 1).map_or(trained.epoch + 1, |next| epochs[*next].epoch);
            let stretch = [f64::from(trained.epoch) - 0.5, f64::from(next) - 0.5];
            for (list, values) in &trained.signals.vectors {
                let Some(name) = list.strip_prefix(prefix) else { continue };
                let name =
                    if prefix == BETA { format!("{BETA_ROW}{name}") } else { name.to_owned() };
                let column = (stretch, values.clone());
                match groups[first..].iter_mut().find(|group| group.name == name) {
                    Some(group) if group.rows.len() == values.len() => group.columns.push(column),
                    Some(_) => {} // of another form: a run that was resumed with other settings
                    None => {
                        let rows = if prefix == BETA {
                            (1..=values.len()).map(|edge| format!("edge {edge}")).collect()
                        } else {
                            operations(spec, &name, values.len())
                        };
                        groups.push(Group { name, rows, columns: vec![column] });
                    }
                }
            }
        }
    }
    groups
}

/// The names of the `n` operations of an edge.
fn operations(spec: &Spec, edge: &str, n: usize) -> Vec<String> {
    let numbered = || (1..=n).map(|operation| format!("operation {operation}")).collect();
    list_names(spec, edge, n).unwrap_or_else(numbered)
}
