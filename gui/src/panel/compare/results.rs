//! The numbers of a comparison, computed in the background.

use std::collections::BTreeMap;

use nascent_record::analysis::{
    Overlap, PairedDifference, best_so_far, comparable, first_to_reach, holm, overlaps,
    paired_difference, setting_names,
};
use nascent_record::{Direction, Manifest, Objective};

use super::settings::{Setting, differences};
use crate::panel::Drawn;
use crate::text;

/// A run, or the runs of one setting.
pub(super) struct Line {
    pub(super) name: String,
    /// The number of its color.
    pub(super) slot: usize,
    /// How many runs it has.
    pub(super) runs: usize,
    /// The seed and the best value of each run that has one.
    pub(super) values: Vec<(u64, f64)>,
    pub(super) mean: Option<f64>,
    pub(super) spread: Option<f64>,
    pub(super) best: Option<f64>,
    pub(super) trials: usize,
    /// The trials until the target, of the runs that reach it.
    pub(super) reached: Vec<f64>,
    pub(super) rank: Option<f64>,
}

impl Line {
    /// The value of each seed; where several runs have one seed, their mean.
    fn by_seed(&self) -> BTreeMap<u64, f64> {
        let mut seeds: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        for (seed, value) in &self.values {
            seeds.entry(*seed).or_default().push(*value);
        }
        seeds.into_iter().filter_map(|(seed, values)| Some((seed, mean(&values)?))).collect()
    }
}

/// Two lines on the seeds that both have.
pub(super) struct Pair {
    pub(super) first: usize,
    pub(super) second: usize,
    /// Oriented so that above 0 the first is better.
    pub(super) difference: PairedDifference,
    /// What the p-value comes to among those of all pairs.
    pub(super) adjusted: f64,
}

/// Lines against one another.
pub(super) struct Comparison {
    pub(super) title: String,
    /// Why they cannot be compared.
    pub(super) problem: Option<String>,
    pub(super) target: f64,
    pub(super) lines: Vec<Line>,
    pub(super) pairs: Vec<Pair>,
    pub(super) overlap: Vec<Vec<Option<Overlap>>>,
    pub(super) settings: Vec<Setting>,
}

impl Comparison {
    /// Compares runs, or the settings that they have, by the first objective of the first.
    pub(super) fn of(drawn: &[Drawn], grouped: bool, target: Option<f64>) -> Self {
        let objective = drawn.first().and_then(|first| first.run.view().manifest().objective());
        let Some(objective) = objective.cloned() else {
            return Self::impossible("The first of these runs has no objective.".to_owned());
        };
        let groups = groups(drawn, grouped);
        let manifests: Vec<Vec<&Manifest>> = groups
            .iter()
            .map(|runs| runs.iter().map(|run| run.run.view().manifest()).collect())
            .collect();
        let names = if grouped {
            let first: Vec<&Manifest> =
                manifests.iter().filter_map(|g| g.first().copied()).collect();
            setting_names(&first)
        } else {
            drawn.iter().map(|run| run.label.clone()).collect()
        };
        let mut lines: Vec<Line> = std::iter::zip(names, &groups)
            .map(|(name, runs)| line(name, runs, &objective))
            .collect();
        if grouped {
            // Figures number settings in this order too.
            for (at, line) in lines.iter_mut().enumerate() {
                line.slot = at;
            }
        }
        let oriented = |value: f64| objective.direction.oriented(value);
        // By default what the worst of all runs has reached in the end.
        let finals = lines.iter().flat_map(|line| line.values.iter().map(|(_, value)| *value));
        let worst = finals.min_by(|a, b| oriented(*a).total_cmp(&oriented(*b)));
        let target = target.or(worst).unwrap_or(0.0);
        for (line, runs) in std::iter::zip(&mut lines, &groups) {
            let reached = runs.iter().filter_map(|run| {
                let trial = first_to_reach(comparable(run.run.view()), &objective, target)?;
                Some(f64::from(trial.id.0) + 1.0)
            });
            line.reached = reached.collect();
        }
        ranks(&mut lines, objective.direction);
        let views: Vec<Vec<_>> =
            groups.iter().map(|runs| runs.iter().map(|run| run.run.view()).collect()).collect();
        Self {
            title: format!(
                "{} by {}",
                text::count(lines.len(), "line"),
                text::words(&objective.metric)
            ),
            problem: None,
            target,
            pairs: pairs(&lines, objective.direction),
            overlap: overlaps(&views),
            settings: differences(&manifests),
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

/// The runs of each line: all of one setting, or each by itself.
fn groups(drawn: &[Drawn], grouped: bool) -> Vec<Vec<&Drawn>> {
    if !grouped {
        return drawn.iter().map(|run| vec![run]).collect();
    }
    let mut groups: Vec<(&str, Vec<&Drawn>)> = Vec::new();
    for run in drawn {
        let setting = run.run.row.setting();
        match groups.iter_mut().find(|(known, _)| *known == setting) {
            Some((_, runs)) => runs.push(run),
            None => groups.push((setting, vec![run])),
        }
    }
    groups.into_iter().map(|(_, runs)| runs).collect()
}

fn line(name: String, runs: &[&Drawn], objective: &Objective) -> Line {
    let value = |run: &&Drawn| {
        let view = run.run.view();
        Some((view.manifest().seed, best_so_far(view, objective).last()?.value))
    };
    let values: Vec<(u64, f64)> = runs.iter().filter_map(value).collect();
    let all: Vec<f64> = values.iter().map(|(_, value)| *value).collect();
    let oriented = |value: &f64| objective.direction.oriented(*value);
    Line {
        name,
        slot: runs.first().map_or(0, |run| run.slot),
        runs: runs.len(),
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
    let seeds: Vec<BTreeMap<u64, f64>> = lines.iter().map(Line::by_seed).collect();
    let shared: Vec<Vec<f64>> = if lines.iter().all(|line| line.runs == 1) {
        let single: Option<Vec<f64>> = lines.iter().map(|line| line.mean).collect();
        single.into_iter().collect()
    } else {
        let Some(first) = seeds.first() else { return };
        let of_seed = |seed| seeds.iter().map(|values| values.get(seed).copied()).collect();
        first.keys().filter_map(of_seed).collect()
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
    let seeds: Vec<BTreeMap<u64, f64>> = lines.iter().map(Line::by_seed).collect();
    let mut pairs = Vec::new();
    for first in 0..lines.len() {
        for second in first + 1..lines.len() {
            let shared = seeds[first].iter().filter_map(|(seed, a)| {
                let b = seeds[second].get(seed)?;
                Some((direction.oriented(*a), direction.oriented(*b)))
            });
            let (a, b): (Vec<f64>, Vec<f64>) = shared.unzip();
            if let Ok(difference) = paired_difference(&a, &b) {
                pairs.push(Pair { first, second, difference, adjusted: 1.0 });
            }
        }
    }
    let found: Vec<f64> = pairs.iter().map(|pair| pair.difference.p_value).collect();
    for (pair, adjusted) in std::iter::zip(&mut pairs, holm(&found)) {
        pair.adjusted = adjusted;
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line_of(values: &[(u64, f64)]) -> Line {
        let all: Vec<f64> = values.iter().map(|(_, value)| *value).collect();
        Line {
            name: String::new(),
            slot: 0,
            runs: values.len(),
            values: values.to_vec(),
            mean: mean(&all),
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
        let mut single = [line_of(&[(3, 0.9)]), line_of(&[(4, 0.7)])];
        ranks(&mut single, Direction::Maximize);
        assert_eq!(single.each_ref().map(|line| line.rank), [Some(1.0), Some(2.0)]);
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
        assert_eq!(found[0].adjusted, 0.5, "two seeds say nothing");
    }

    #[test]
    fn runs_of_one_seed_all_count() {
        let line = line_of(&[(0, 0.5), (0, 0.7), (1, 0.9)]);
        assert_eq!(line.values.len(), 3);
        let seeds = line.by_seed();
        assert_eq!(seeds.len(), 2);
        assert!((seeds[&0] - 0.6).abs() < 1e-12);
    }
}
