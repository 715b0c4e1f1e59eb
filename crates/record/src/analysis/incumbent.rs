//! The best trial so far, and how it came to be.
//!
//! Where trials were evaluated more or less thoroughly, scores of different fidelities do not
//! compare: a training of one epoch may look better by luck, or by a learning rate that still falls.
//! The best is then the best of those at the highest fidelity that any trial with a result has. A
//! trial that names no fidelity has the evaluator's own, which is the highest.

use std::collections::HashSet;

use super::pareto_trials;
use crate::{Goal, Objective, Origin, RunView, Score, Trial, TrialId};

/// How thoroughly a trial was evaluated.
fn epochs(trial: &Trial) -> u32 {
    trial.proposal.fidelity.map_or(u32::MAX, |fidelity| fidelity.epochs)
}

/// Those of the trials that were evaluated most thoroughly, in their order: all, if there is one
/// fidelity.
pub fn most_thorough<'a>(
    trials: impl Iterator<Item = &'a Trial> + Clone,
) -> impl Iterator<Item = &'a Trial> + Clone {
    let most = trials.clone().map(epochs).max();
    trials.filter(move |trial| Some(epochs(trial)) == most)
}

/// The complete trials whose results compare, by number: those that keep the constraints, and of these
/// the ones at the highest fidelity. Every "best" of a run is one of them.
pub fn comparable(view: &RunView) -> impl Iterator<Item = &Trial> + Clone {
    let goal = &view.manifest().goal;
    let kept = |trial: &&Trial| trial.metrics().is_some_and(|m| goal.violation(m) <= 0.0);
    most_thorough(view.trials().iter().filter(kept))
}

/// The best complete trial that keeps the constraints, of those at the highest fidelity; of two
/// with one score, the earlier.
pub fn incumbent(view: &RunView) -> Option<&Trial> {
    best_trial(view.trials(), &view.manifest().goal)
}

/// The same of any trials.
pub fn best_trial<'a>(trials: &'a [Trial], goal: &Goal) -> Option<&'a Trial> {
    let mut best: Option<((u32, Score), &Trial)> = None;
    for trial in trials {
        if let Some(score) = goal.best_score(trial)
            && score.is_feasible()
            && best.is_none_or(|(known, _)| (epochs(trial), score) > known)
        {
            best = Some(((epochs(trial), score), trial));
        }
    }
    best.map(|(_, trial)| trial)
}

/// The best complete trials, best first: those at the highest fidelity before the others, and those
/// that break a constraint last; of two with one score, the earlier.
///
/// An architecture that was tried several times appears once, with its first trial in this order.
pub fn leaderboard(view: &RunView, top: usize) -> Vec<&Trial> {
    let goal = &view.manifest().goal;
    let mut scored: Vec<(Score, &Trial)> =
        view.trials().iter().filter_map(|t| Some((goal.best_score(t)?, t))).collect();
    let key = |(score, trial): &(Score, &Trial)| (score.is_feasible(), epochs(trial), *score);
    scored.sort_by(|a, b| key(b).cmp(&key(a)).then(a.1.id.cmp(&b.1.id)));
    let mut seen = HashSet::new();
    scored
        .into_iter()
        .map(|(_, trial)| trial)
        .filter(|trial| seen.insert(&trial.proposal.architecture))
        .take(top)
        .collect()
}

/// The trials that a final training is for, best first: the incumbent, then those behind it on the
/// [`leaderboard`], or on the Pareto front where the search is for one. All of them are
/// [`comparable`], and each is another architecture; one that has the result of an earlier trial is
/// the same network, and left out.
pub fn finalists(view: &RunView, top: usize) -> Vec<&Trial> {
    let Some(first) = incumbent(view) else { return Vec::new() };
    let board = if view.manifest().goal.is_pareto() {
        pareto_trials(view)
    } else {
        leaderboard(view, usize::MAX)
    };
    let compare: HashSet<TrialId> = comparable(view).map(|trial| trial.id).collect();
    let reused =
        |trial: &Trial| matches!(trial.proposal.origin.as_deref(), Some(Origin::Reused { .. }));
    let behind = board.into_iter().filter(|trial| {
        trial.proposal.architecture != first.proposal.architecture
            && compare.contains(&trial.id)
            && !reused(trial)
    });
    std::iter::once(first).chain(behind).take(top).collect()
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
///
/// With several fidelities the curve begins with the first trial at the highest that the run has by
/// now, so that all its points compare.
pub fn best_so_far(view: &RunView, objective: &Objective) -> Vec<BestSoFar> {
    let goal = &view.manifest().goal;
    let kept = view.trials().iter().filter_map(|trial| {
        let metrics = trial.metrics().filter(|metrics| goal.violation(metrics) <= 0.0)?;
        Some((trial, metrics.get(&objective.metric)?))
    });
    let most = kept.clone().map(|(trial, _)| epochs(trial)).max();
    let mut best: Option<(f64, TrialId, f64)> = None;
    let mut curve = Vec::new();
    for (trial, value) in kept {
        let score = objective.direction.oriented(value);
        if Some(epochs(trial)) == most && best.is_none_or(|(known, _, _)| score > known) {
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
