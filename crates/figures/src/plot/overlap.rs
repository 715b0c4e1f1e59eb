//! Which architectures runs have in common.

use std::collections::HashMap;

use nascent_record::{Architecture, RunView};

use super::{NotYet, Plot, PlotOptions, count};
use crate::{Axis, Cell, Cells, Figure, Mark};

/// See the module.
///
/// The share is that of Jaccard ("The Distribution of the Flora in the Alpine Zone", 1912). Architectures are compared as the log has them. Where a space knows several ways to write one
/// network, those count as different here: what they mean is known to the space only, not to the
/// log.
pub(super) struct Overlap;

impl Plot for Overlap {
    fn id(&self) -> &'static str {
        "overlap"
    }

    fn title(&self) -> &'static str {
        "Overlap of runs"
    }

    fn summary(&self) -> &'static str {
        "Which share of the architectures of two runs both have tried, for each pair of runs."
    }

    fn figure(&self, runs: &[(&str, &RunView)], _options: &PlotOptions) -> Result<Figure, NotYet> {
        let Some((_, first)) = runs.first() else {
            return Err(NotYet("Choose a run to see it here.".to_owned()));
        };
        // Runs of other spaces have nothing to compare.
        let with_trials =
            runs.iter().enumerate().filter(|(_, (_, view))| !view.trials().is_empty());
        let spec = with_trials.clone().next().map_or(first, |(_, (_, view))| view).manifest();
        let runs: Vec<(usize, &str, &RunView)> = with_trials
            .filter(|(_, (_, view))| view.manifest().spec == spec.spec)
            .map(|(run, (name, view))| (run, *name, *view))
            .collect();
        if runs.len() < 2 {
            let problem = "Choose at least two runs of one space that have trials, to see which \
                           architectures both have tried.";
            return Err(NotYet(problem.to_owned()));
        }
        let (sizes, shared) = shared(&runs);
        let n = runs.len();
        let mut cells = Vec::new();
        let mut most: f64 = 0.0;
        for a in 0..n {
            for b in (0..n).filter(|b| *b != a) {
                let both = shared[a.min(b) * n + a.max(b)];
                let either = sizes[a] + sizes[b] - both;
                let value = 100.0 * both as f64 / either as f64;
                most = most.max(value);
                cells.push(Cell {
                    x: [a as f64 - 0.5, a as f64 + 0.5],
                    y: [(n - 1 - b) as f64 - 0.5, (n - 1 - b) as f64 + 0.5],
                    value,
                    trial: None,
                    note: format!(
                        "{} and {}: {} in both of {}",
                        runs[a].1,
                        runs[b].1,
                        both,
                        count(either, "architecture")
                    ),
                });
            }
        }
        let label = "in both runs, % of those in either".to_owned();
        let range = [0.0, if most > 0.0 { most } else { 100.0 }];
        let all: usize = sizes.iter().sum();
        Ok(Figure {
            title: self.title().to_owned(),
            subtitle: format!("{}; {}", count(n, "run"), count(all, "architecture")),
            x: Axis::default().names(runs.iter().map(|(_, name, _)| *name)),
            y: Axis::default().names(runs.iter().rev().map(|(_, name, _)| *name)),
            marks: vec![Mark::Cells(Cells { label, run: runs[0].0, range, cells })],
        })
    }
}

/// The number of architectures of each run, and for each pair (a, b), a < b, of n runs at `a n + b`
/// how many both have.
fn shared(runs: &[(usize, &str, &RunView)]) -> (Vec<usize>, Vec<usize>) {
    let n = runs.len();
    let mut numbers: HashMap<&Architecture, usize> = HashMap::new();
    // The runs that have each architecture, in order.
    let mut owners: Vec<Vec<usize>> = Vec::new();
    for (at, (_, _, view)) in runs.iter().enumerate() {
        for trial in view.trials() {
            let number = *numbers.entry(&trial.proposal.architecture).or_insert(owners.len());
            if number == owners.len() {
                owners.push(Vec::new());
            }
            if owners[number].last() != Some(&at) {
                owners[number].push(at);
            }
        }
    }
    let (mut sizes, mut both) = (vec![0; n], vec![0; n * n]);
    for own in owners {
        for (i, &a) in own.iter().enumerate() {
            sizes[a] += 1;
            for &b in &own[i + 1..] {
                both[a * n + b] += 1;
            }
        }
    }
    (sizes, both)
}
