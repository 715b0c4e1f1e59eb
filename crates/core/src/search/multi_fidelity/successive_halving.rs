//! Asynchronous successive halving: every architecture is trained a little, and the best third of
//! those on a rung goes on to the next. Nothing waits for a rung to be full.
//!
//! # Algorithm
//! 1. From the rung below the highest down, look for a trial among the best ⌊n / reduction_factor⌋
//!    of the n trials of the rung that has not been promoted; the best such goes on to the next.
//! 2. If there is none, train a random architecture for the epochs of the lowest rung.
//!
//! # Cost
//! Per ask O(trials / reduction_factor) in the worst case, per tell O(trials of the rung), memory
//! O(trials).
//!
//! # References
//! Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht and Talwalkar, "A System for Massively
//! Parallel Hyperparameter Tuning", MLSys 2020, <https://arxiv.org/abs/1810.05934>, algorithm 2 with
//! early-stopping rate 0.
//!
//! # Differences from the paper
//! Rungs are counted from the highest down, as those of Hyperband. Trials that failed or were pruned
//! count as the worst of their rung. When the space has nothing new left, the best trials climb to
//! the end.

use nascent_record::Trial;

use super::super::{Ask, AskContext, SearchSetup, Searcher, SearcherEntry};
use super::rungs::{Ladder, Rungs, draw};
use crate::Result;
use crate::config::{defaults, parse};

/// The row of the table.
pub static ENTRY: SearcherEntry = SearcherEntry {
    name: NAME,
    summary: "Trains many architectures a little; the best of each rung go on (ASHA).",
    reference: "Li et al. 2020, https://arxiv.org/abs/1810.05934",
    defaults: defaults::<Rungs>,
    build: |config, setup| Ok(Box::new(SuccessiveHalving::new(parse(NAME, config)?, setup)?)),
};

const NAME: &str = "successive_halving";

/// The searcher, see the [module](self).
pub struct SuccessiveHalving {
    factor: usize,
    ladder: Ladder,
}

impl SuccessiveHalving {
    /// A searcher with these settings.
    ///
    /// # Errors
    /// If a setting cannot be, or the evaluator cannot give two rungs.
    pub fn new(rungs: Rungs, setup: &SearchSetup) -> Result<Self> {
        let ladder = Ladder::new(NAME, rungs, setup)?;
        Ok(Self { factor: rungs.reduction_factor as usize, ladder })
    }
}

impl Searcher for SuccessiveHalving {
    fn ask(&mut self, cx: &mut AskContext<'_>) -> Result<Ask> {
        let ladder = &self.ladder;
        for rung in (0..ladder.top()).rev() {
            let most = ladder.rungs[rung].len() / self.factor;
            if let Some(entrant) = ladder.promotable(rung, most, cx.pending).next() {
                return Ok(Ask::Propose(ladder.promote(entrant, rung + 1)));
            }
        }
        Ok(match draw(cx) {
            Some(new) => Ask::Propose(ladder.begin(new, 0)),
            None => ladder.last(cx.pending),
        })
    }

    fn tell(&mut self, trial: &Trial) -> Result<()> {
        self.ladder.tell(trial);
        Ok(())
    }

    fn resumes_trials(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use nascent_record::{Choice, Goal, Metrics, Objective, Outcome, Spec};
    use serde_json::json;

    use super::*;
    use crate::evaluate::Fidelities;
    use crate::search::AskTell;
    use crate::space::Choices;

    fn search(sizes: i64) -> AskTell {
        let spec = Spec::new(vec![Choice::integer("x", 0, sizes - 1)]).unwrap();
        AskTell::with_fidelities(
            NAME,
            &json!({}),
            Arc::new(Choices::new(spec)),
            Goal::new(Objective::maximize("score")),
            Fidelities::UpTo(9),
            1,
        )
        .unwrap()
    }

    fn tell(search: &mut AskTell, trial: &Trial) {
        let x = trial.proposal.architecture.int(0).unwrap() as f64;
        let score = Metrics::new([("score", x)]).unwrap();
        search.tell(trial.id, Outcome::Complete(score)).unwrap();
    }

    #[test]
    fn of_a_rung_exactly_the_best_third_is_promoted_and_nobody_twice() {
        let mut search = search(100_000);
        for _ in 0..200 {
            // Two are open at a time.
            let open = [(); 2].map(|()| search.ask().unwrap().unwrap());
            for trial in open {
                tell(&mut search, &trial);
            }
        }
        let at = |epochs| {
            let trials = search.trials().iter();
            trials.filter(move |t| t.proposal.fidelity.unwrap().epochs == epochs)
        };
        for (low, high) in [(1, 3), (3, 9)] {
            let mut promoted: Vec<_> = at(high).map(|t| t.proposal.resume_from.unwrap()).collect();
            let count = promoted.len();
            promoted.sort_unstable();
            promoted.dedup();
            assert_eq!(promoted.len(), count, "promoted twice");
            // At least the best third of now, and no more than was ever among it.
            let mut scores: Vec<_> = at(low).map(|t| (t.metric("score").unwrap(), t.id)).collect();
            scores.sort_by(|a, b| b.0.total_cmp(&a.0));
            let third = scores.len() / 3;
            let missing = scores[..third].iter().filter(|(_, id)| !promoted.contains(id)).count();
            assert!(missing <= 2, "{missing} of the best third of {low} epochs are missing");
            assert!(count < third + third / 2, "{count} of {} are promoted", scores.len());
        }
        assert_eq!(search.best().unwrap().proposal.fidelity.unwrap().epochs, 9);
    }

    #[test]
    fn when_nothing_new_is_left_the_best_climb_to_the_end() {
        let mut search = search(5);
        while let Some(trial) = search.ask().unwrap() {
            tell(&mut search, &trial);
        }
        let best = search.best().unwrap();
        assert_eq!(best.proposal.architecture.int(0), Some(4));
        // All five on three rungs.
        assert_eq!(search.trials().len(), 15);
    }
}
