//! The best trial so far, and how it came to be.

use std::collections::HashSet;

use crate::{Objective, RunView, Score, Trial, TrialId};

/// The best complete trial that keeps the constraints; of two with one score, the earlier.
pub fn incumbent(view: &RunView) -> Option<&Trial> {
    let goal = &view.manifest().goal;
    let mut best: Option<(Score, &Trial)> = None;
    for trial in view.trials() {
        if let Some(score) = goal.best_score(trial)
            && score.is_feasible()
            && best.is_none_or(|(known, _)| score > known)
        {
            best = Some((score, trial));
        }
    }
    best.map(|(_, trial)| trial)
}

/// The best complete trials, best first, those that break a constraint last; of two with one score,
/// the earlier.
///
/// An architecture that was tried several times appears once, with its best trial.
pub fn leaderboard(view: &RunView, top: usize) -> Vec<&Trial> {
    let goal = &view.manifest().goal;
    let mut scored: Vec<(Score, &Trial)> =
        view.trials().iter().filter_map(|t| Some((goal.best_score(t)?, t))).collect();
    scored.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.id.cmp(&b.1.id)));
    let mut seen = HashSet::new();
    scored
        .into_iter()
        .map(|(_, trial)| trial)
        .filter(|trial| seen.insert(&trial.proposal.architecture))
        .take(top)
        .collect()
}

/// A point of the best-so-far curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BestSoFar {
    /// The trial at which it is read.
    pub trial: TrialId,
    /// The trial that is the best up to there.
    pub incumbent: TrialId,
    /// Its value of the objective's metric.
    pub value: f64,
}

/// The incumbent after each complete trial that keeps the constraints, in the order of the trials.
pub fn best_so_far(view: &RunView, objective: &Objective) -> Vec<BestSoFar> {
    let mut best: Option<(f64, TrialId, f64)> = None;
    let mut curve = Vec::new();
    for trial in view.trials() {
        let feasible = |metrics| view.manifest().goal.violation(metrics) <= 0.0;
        let Some(value) = trial.metric(&objective.metric) else {
            continue;
        };
        if !trial.metrics().is_some_and(feasible) {
            continue;
        }
        let score = objective.direction.oriented(value);
        if best.is_none_or(|(known, _, _)| score > known) {
            best = Some((score, trial.id, value));
        }
        if let Some((_, incumbent, value)) = best {
            curve.push(BestSoFar { trial: trial.id, incumbent, value });
        }
    }
    curve
}

/// How far the best so far is from a known optimum, after each complete trial; never negative for
/// a true optimum.
pub fn regret(view: &RunView, objective: &Objective, optimum: f64) -> Vec<(TrialId, f64)> {
    let best = best_so_far(view, objective);
    let gap = |value| objective.direction.oriented(optimum) - objective.direction.oriented(value);
    best.into_iter().map(|point| (point.trial, gap(point.value))).collect()
}
