//! What a searcher with a supernet prefers on each edge.

use nascent_record::{Domain, RunView, Spec};

use super::rows::{Group, across, heat, legend};
use super::{NotYet, Plot, PlotOptions, count, even_sample, first_with, of_run};
use crate::Figure;

/// What the names of lists of α and β begin with.
const ALPHA: &str = "alpha.";
const BETA: &str = "beta.";

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
        let (y, marks) = heat(&groups, "α", run);
        Ok(Figure {
            title: self.title().to_owned(),
            subtitle: format!(
                "{}, {}{}{}",
                count(groups.len(), "edge"),
                count(epochs, "epoch"),
                of_run(runs, run),
                legend(&groups)
            ),
            x: across("epoch of the supernet", &groups),
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
                let name = if prefix == BETA { format!("β {name}") } else { name.to_owned() };
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

/// The names of the `n` operations of an edge. The log has numbers only: where the edge is a choice
/// they are its options, and where choices share one list of options they are that, behind `none`
/// where the supernet has one operation more.
fn operations(spec: &Spec, edge: &str, n: usize) -> Vec<String> {
    let options = |at: usize| match &spec.choices()[at].domain {
        Domain::Categorical { options } => Some(options),
        _ => None,
    };
    let own = spec.position(edge).map(|at| match &spec.choices()[at].domain {
        Domain::Categorical { options } => options.clone(),
        numbers => {
            let size = numbers.size().unwrap_or(0).min(n as u64);
            let values = (0..size).filter_map(|i| numbers.nth(i));
            values.map(|value| numbers.text(value)).collect()
        }
    });
    if let Some(own) = own.filter(|own| own.len() == n) {
        return own;
    }
    let shared = |len: usize| {
        let mut lists = (0..spec.len()).filter_map(options).filter(|list| list.len() == len);
        let first = lists.next()?;
        lists.all(|list| list == first).then(|| first.clone())
    };
    if let Some(all) = shared(n) {
        return all;
    }
    match n.checked_sub(1).and_then(shared) {
        Some(others) => ["none".to_owned()].into_iter().chain(others).collect(),
        None => (1..=n).map(|operation| format!("operation {operation}")).collect(),
    }
}

#[cfg(test)]
mod tests {
    use nascent_record::Choice;

    use super::*;

    #[test]
    fn operations_have_the_names_of_the_space() {
        let spec = Spec::new(vec![
            Choice::categorical("edge_0_1", ["skip", "conv", "pool"]),
            Choice::categorical("node", ["1", "2"]),
            Choice::integer("width", 8, 16).step(8),
        ])
        .unwrap();
        assert_eq!(operations(&spec, "edge_0_1", 3), ["skip", "conv", "pool"]);
        assert_eq!(operations(&spec, "width", 2), ["8", "16"]);
        assert_eq!(operations(&spec, "cell.edge", 4), ["none", "skip", "conv", "pool"]);
        assert_eq!(operations(&spec, "cell.edge", 7)[6], "operation 7");
    }
}
