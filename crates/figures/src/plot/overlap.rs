//! Which architectures runs have in common.

use nascent_record::RunView;
use nascent_record::analysis::overlaps;

use super::{NotYet, Plot, PlotOptions, count};
use crate::{Axis, Cell, Cells, Figure, Mark};

/// See the module, and [`overlaps`], which says what is compared.
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
        let n = runs.len();
        let shared = overlaps(&runs.iter().map(|(_, _, view)| vec![*view]).collect::<Vec<_>>());
        let mut cells = Vec::new();
        let mut most: f64 = 0.0;
        for a in 0..n {
            for b in (0..n).filter(|b| *b != a) {
                let Some(found) = shared[a][b] else { continue };
                let value = 100.0 * found.share();
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
                        found.both,
                        count(found.either, "architecture")
                    ),
                });
            }
        }
        let label = "in both runs, % of those in either".to_owned();
        let range = [0.0, if most > 0.0 { most } else { 100.0 }];
        let own = |run: usize| shared[run][run].map_or(0, |own| own.both);
        let all: usize = (0..n).map(own).sum();
        Ok(Figure {
            title: self.title().to_owned(),
            subtitle: format!("{}; {}", count(n, "run"), count(all, "architecture")),
            x: Axis::default().names(runs.iter().map(|(_, name, _)| *name)),
            y: Axis::default().names(runs.iter().rev().map(|(_, name, _)| *name)),
            marks: vec![Mark::Cells(Cells { label, run: runs[0].0, range, cells })],
        })
    }
}
