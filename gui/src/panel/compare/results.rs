//! The numbers of a comparison, computed in the background.

use std::collections::BTreeMap;

use nascent_record::analysis::{PairedDifference, first_to_reach, overlap, paired_bootstrap};
use nascent_record::{Direction, Objective, RunView};

use super::settings::{Setting, differences};
use crate::panel::Drawn;
use crate::text;

/// A run, or the runs of one setting.
pub(super) struct Line {
    pub(super) name: String,
    /// The number of its color.
    pub(super) slot: usize,
    /// The best value of each run, by its seed; of runs of one seed the last counts.
    pub(super) values: BTreeMap<u64, f64>,
    pub(super) mean: Option<f64>,
    pub(super) spread: Option<f64>,
    pub(super) best: Option<f64>,
    pub(super) trials: usize,
    /// The trials until the target, of the runs that reach it.
    pub(super) reached: Vec<f64>,
    pub(super) rank: Option<f64>,
}

/// Two lines on the seeds that both have.
pub(super) struct Pair {
    pub(super) first: usize,
    pub(super) second: usize,
    /// Oriented so that above 0 the first is better.
    pub(super) difference: PairedDifference,
}

/// Lines against one another.
pub(super) struct Comparison {
    pub(super) title: String,
    /// Why they cannot be compared.
    pub(super) problem: Option<String>,
    pub(super) target: f64,
    pub(super) lines: Vec<Line>,
    pub(super) pairs: Vec<Pair>,
    pub(super) overlap: Vec<Vec<Option<f64>>>,
    pub(super) settings: Vec<Setting>,
}

impl Comparison {
    /// Compares runs, or the settings that they have, by the first objective of the first.
    pub(super) fn of(drawn: &[Drawn], grouped: bool, target: Option<f64>) -> Self {
        let objective = drawn.first().and_then(|first| first.run.view().manifest().objective());
        let Some(objective) = objective.cloned() else {
            return Self::impossible("The first of these runs has no objective.".to_owned());
        };
        let mut groups: Vec<(String, Vec<&Drawn>)> = Vec::new();
        for run in drawn {
            let name = if grouped { run.run.row.group() } else { run.label.clone() };
            match groups.iter_mut().find(|(known, _)| *known == name) {
                Some((_, runs)) => runs.push(run),
                None => groups.push((name, vec![run])),
            }
        }
        if grouped {
            shorten(&mut groups);
        }
        let mut lines: Vec<Line> =
            groups.iter().map(|(name, runs)| line(name, runs, &objective)).collect();
        if grouped {
            // Figures number settings in this order too.
            for (at, line) in lines.iter_mut().enumerate() {
                line.slot = at;
            }
        }
        let oriented = |value: f64| objective.direction.oriented(value);
        // By default what the worst of all runs has reached in the end.
        let finals = lines.iter().flat_map(|line| line.values.values().copied());
        let worst = finals.min_by(|a, b| oriented(*a).total_cmp(&oriented(*b)));
        let target = target.or(worst).unwrap_or(0.0);
        for (line, (_, runs)) in std::iter::zip(&mut lines, &groups) {
            let reached = runs.iter().filter_map(|run| {
                let trial = first_to_reach(run.run.view(), &objective, target)?;
                Some(f64::from(trial.0) + 1.0)
            });
            line.reached = reached.collect();
        }
        ranks(&mut lines, objective.direction);
        let first_runs: Vec<&RunView> =
            groups.iter().filter_map(|(_, runs)| Some(runs.first()?.run.view())).collect();
        let row = |a: &&RunView| first_runs.iter().map(|b| overlap(a, b)).collect();
        let names: Vec<_> = first_runs.iter().map(|view| view.manifest()).collect();
        Self {
            title: format!(
                "{} by {}",
                text::count(lines.len(), "line"),
                text::words(&objective.metric)
            ),
            problem: None,
            target,
            pairs: pairs(&lines, objective.direction),
            overlap: first_runs.iter().map(row).collect(),
            settings: differences(&names),
            lines,
        }
    }

    fn impossible(problem: String) -> Self {
        Self {
            title: String::new(),
            problem: Some(problem),
            target: 0.0,
            lines: Vec::new(),
            pairs: Vec::new(),
            overlap: Vec::new(),
            settings: Vec::new(),
        }
    }
}

/// Leaves out of the names of settings what all of them share.
fn shorten(groups: &mut [(String, Vec<&Drawn>)]) {
    let parts: Vec<Vec<String>> =
        groups.iter().map(|(name, _)| name.split(" · ").map(str::to_owned).collect()).collect();
    let same = |at: usize| parts.windows(2).all(|pair| pair[0].get(at) == pair[1].get(at));
    for ((name, _), own) in std::iter::zip(groups, &parts) {
        let telling = own.iter().enumerate().filter(|(at, _)| !same(*at));
        let telling: Vec<&str> = telling.map(|(_, part)| part.as_str()).collect();
        if !telling.is_empty() {
            *name = telling.join(" · ");
        }
    }
}

fn line(name: &str, runs: &[&Drawn], objective: &Objective) -> Line {
    let mut values = BTreeMap::new();
    for run in runs {
        let view = run.run.view();
        let best = nascent_record::analysis::best_so_far(view, objective);
        if let Some(last) = best.last() {
            values.insert(view.manifest().seed, last.value);
        }
    }
    let all: Vec<f64> = values.values().copied().collect();
    let oriented = |value: &f64| objective.direction.oriented(*value);
    Line {
        name: name.to_owned(),
        slot: runs.first().map_or(0, |run| run.slot),
        mean: mean(&all),
        spread: spread(&all),
        best: all.iter().copied().max_by(|a, b| oriented(a).total_cmp(&oriented(b))),
        trials: runs.iter().map(|run| run.run.view().finished_trials()).sum(),
        reached: Vec::new(),
        rank: None,
        values,
    }
}

pub(super) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The standard deviation of a sample.
fn spread(values: &[f64]) -> Option<f64> {
    let mean = mean(values).filter(|_| values.len() > 1)?;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some(text::unless_rounding((squares / (values.len() - 1) as f64).sqrt(), mean))
}

/// The mean rank of each line over the seeds that all lines have, ties sharing their mean rank; over
/// single runs, whatever their seeds.
fn ranks(lines: &mut [Line], direction: Direction) {
    let shared: Vec<Vec<f64>> = if lines.iter().all(|line| line.values.len() == 1) {
        vec![lines.iter().filter_map(|line| line.values.values().next().copied()).collect()]
    } else {
        let Some(first) = lines.first() else { return };
        let seeds = first.values.keys();
        seeds
            .filter_map(|seed| lines.iter().map(|line| line.values.get(seed).copied()).collect())
            .collect()
    };
    if shared.is_empty() {
        return;
    }
    for (at, line) in lines.iter_mut().enumerate() {
        let rank = |values: &Vec<f64>| {
            let own = direction.oriented(values[at]);
            let better = values.iter().filter(|v| direction.oriented(**v) > own).count();
            let equal = values.iter().filter(|v| direction.oriented(**v) == own).count();
            better as f64 + f64::midpoint(equal as f64, 1.0)
        };
        line.rank = mean(&shared.iter().map(rank).collect::<Vec<_>>());
    }
}

fn pairs(lines: &[Line], direction: Direction) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for first in 0..lines.len() {
        for second in first + 1..lines.len() {
            let shared = lines[first].values.iter().filter_map(|(seed, a)| {
                let b = lines[second].values.get(seed)?;
                Some((direction.oriented(*a), direction.oriented(*b)))
            });
            let (a, b): (Vec<f64>, Vec<f64>) = shared.unzip();
            if let Ok(difference) = paired_bootstrap(&a, &b) {
                pairs.push(Pair { first, second, difference });
            }
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line_of(values: &[(u64, f64)]) -> Line {
        Line {
            name: String::new(),
            slot: 0,
            values: values.iter().copied().collect(),
            mean: None,
            spread: None,
            best: None,
            trials: 0,
            reached: Vec::new(),
            rank: None,
        }
    }

    #[test]
    fn ranks_are_means_over_shared_seeds() {
        let mut lines = [
            line_of(&[(0, 0.9), (1, 0.8), (7, 0.1)]),
            line_of(&[(0, 0.7), (1, 0.8)]),
            line_of(&[(0, 0.8), (1, 0.9), (9, 1.0)]),
        ];
        ranks(&mut lines, Direction::Maximize);
        // Seed 0: 1, 3, 2; seed 1: 2.5, 2.5, 1.
        assert_eq!(lines.each_ref().map(|line| line.rank), [Some(1.75), Some(2.75), Some(1.5)]);
        ranks(&mut lines, Direction::Minimize);
        assert_eq!(lines[0].rank, Some(2.25));
    }

    #[test]
    fn pairs_share_seeds() {
        let lines = [
            line_of(&[(0, 0.2), (1, 0.3), (2, 0.5)]),
            line_of(&[(0, 0.1), (1, 0.1), (5, 0.9)]),
            line_of(&[(5, 0.9)]),
        ];
        let found = pairs(&lines, Direction::Minimize);
        assert_eq!(found.len(), 1, "the third shares one seed or none");
        assert!((found[0].difference.mean + 0.15).abs() < 1e-12, "less is better");
        assert_eq!(found[0].difference.greater_equal_less, [0, 0, 2]);
    }
}
