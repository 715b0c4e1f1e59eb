//! Hyperband: brackets of successive halving, from many architectures with few epochs to few with
//! all, since nobody knows how soon a training tells its worth.
//!
//! # Algorithm
//! With `s_max + 1` rungs, brackets s = s_max, …, 0 are opened in turn, and again from s_max on.
//! Bracket s begins with n = ⌈(s_max + 1) ηˢ / (s + 1)⌉ random architectures on rung s_max − s; when
//! the i-th of its rungs is complete, the best ⌊n η⁻⁽ⁱ⁺¹⁾⌋ go on to the next.
//!
//! A question is answered by the first open bracket that has something to do. Where one waits for
//! the last trials of a rung, the next one is begun: several trials may be open, nothing waits, and
//! what a bracket promotes is that of the paper for any lookahead.
//!
//! # Cost
//! Per ask and per tell O(trials), memory O(trials).
//!
//! # References
//! Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar, "Hyperband: A Novel Bandit-Based Approach to
//! Hyperparameter Optimization", JMLR 18 (2018), <https://arxiv.org/abs/1603.06560>, algorithm 1.
//!
//! # Differences from the paper
//! A new bracket may begin before one has ended. The k-th architecture that begins on a rung is of
//! the (k / n)-th bracket that begins there, whoever proposed it. Trials that failed or were pruned
//! are the worst of their rung, and never promoted.

use std::collections::HashMap;

use nascent_record::{Architecture, Proposal, Score, Signals, Trial, TrialId};

use super::super::{Ask, AskContext, SearchSetup, Searcher, SearcherEntry};
use super::rungs::{Entrant, Ladder, Rungs, draw};
use crate::Result;
use crate::config::{defaults, parse};

/// The row of the table.
pub static ENTRY: SearcherEntry = SearcherEntry {
    name: NAME,
    summary: "Brackets of successive halving, from many short trainings to few long ones.",
    reference: "Li et al. 2018, https://arxiv.org/abs/1603.06560",
    defaults: defaults::<Rungs>,
    build: |config, setup| Ok(Box::new(Hyperband::new(parse(NAME, config)?, setup)?)),
};

const NAME: &str = "hyperband";

/// How many trials each rung of the bracket has that begins on rung `start` of `count`.
fn sizes(start: usize, count: usize, factor: usize) -> Vec<usize> {
    let s = count - 1 - start;
    let first = (count * factor.saturating_pow(s as u32)).div_ceil(s + 1);
    (0..=s).map(|i| first / factor.saturating_pow(i as u32)).collect()
}

/// A bracket: the rung that it begins on, and its number among those that begin there.
type Bracket = (usize, usize);

/// The trials of a bracket, on each rung from its first: the number, and those that were told.
#[derive(Clone, Default)]
struct Members {
    entered: Vec<usize>,
    told: Vec<Vec<TrialId>>,
}

impl Members {
    fn enter(&mut self, step: usize) {
        if self.entered.len() <= step {
            self.entered.resize(step + 1, 0);
            self.told.resize(step + 1, Vec::new());
        }
        self.entered[step] += 1;
    }

    fn entered(&self, step: usize) -> usize {
        self.entered.get(step).copied().unwrap_or(0)
    }

    fn told(&self, step: usize) -> &[TrialId] {
        self.told.get(step).map_or(&[], Vec::as_slice)
    }
}

/// The brackets as far as they were told, or with what is pending.
#[derive(Clone, Default)]
struct Brackets {
    members: HashMap<Bracket, Members>,
    of: HashMap<TrialId, Bracket>,
    /// How many trials began on each rung.
    began: Vec<usize>,
}

/// What a bracket has to do.
enum Due {
    /// To begin with a new architecture.
    Begin,
    /// To promote this trial, which is on this rung.
    Promote(TrialId, usize),
}

/// The searcher, see the [module](self).
pub struct Hyperband {
    ladder: Ladder,
    sizes: Vec<Vec<usize>>,
    told: Brackets,
    scores: HashMap<TrialId, Option<Score>>,
}

impl Hyperband {
    /// A searcher with these settings.
    ///
    /// # Errors
    /// If a setting cannot be, or the evaluator cannot give two rungs.
    pub fn new(rungs: Rungs, setup: &SearchSetup) -> Result<Self> {
        Self::over(NAME, rungs, setup)
    }

    /// The brackets over these rungs, for a searcher with this name.
    pub(super) fn over(name: &str, rungs: Rungs, setup: &SearchSetup) -> Result<Self> {
        let ladder = Ladder::new(name, rungs, setup)?;
        let count = ladder.epochs.len();
        let factor = rungs.reduction_factor as usize;
        let sizes = (0..count).map(|start| sizes(start, count, factor)).collect();
        let told = Brackets { began: vec![0; count], ..Brackets::default() };
        Ok(Self { ladder, sizes, told, scores: HashMap::new() })
    }

    /// Notes where a trial belongs.
    fn enter(&self, brackets: &mut Brackets, id: TrialId, proposal: &Proposal) -> Option<()> {
        let rung = self.ladder.rung(proposal)?;
        let from = self.ladder.from(proposal).and_then(|from| brackets.of.get(&from).copied());
        let bracket = from.unwrap_or_else(|| {
            let number = brackets.began[rung] / self.sizes[rung][0];
            brackets.began[rung] += 1;
            (rung, number)
        });
        brackets.of.insert(id, bracket);
        brackets.members.entry(bracket).or_default().enter(rung - bracket.0);
        Some(())
    }

    /// What a bracket has to do now, if anything.
    fn next(&self, brackets: &Brackets, bracket: Bracket) -> Option<Due> {
        let sizes = &self.sizes[bracket.0];
        let nobody = Members::default();
        let members = brackets.members.get(&bracket).unwrap_or(&nobody);
        if members.entered(0) < sizes[0] {
            return Some(Due::Begin);
        }
        let mut due = sizes[0];
        for step in 0..sizes.len() - 1 {
            let told = members.told(step);
            if told.len() < due {
                return None;
            }
            let mut ranked: Vec<(Score, TrialId)> =
                told.iter().filter_map(|id| Some(((*self.scores.get(id)?)?, *id))).collect();
            ranked.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
            due = sizes[step + 1].min(ranked.len());
            let entered = members.entered(step + 1);
            if entered < due {
                return Some(Due::Promote(ranked[entered].1, bracket.0 + step));
            }
        }
        None
    }

    /// The trials that were told, by rung.
    pub(super) fn ladder(&self) -> &Ladder {
        &self.ladder
    }

    fn entrant(&self, id: TrialId, rung: usize) -> Option<&Entrant> {
        self.ladder.rungs[rung].iter().find(|entrant| entrant.trial == id)
    }

    /// What comes next, where `draw` finds the architectures that brackets begin with.
    pub(super) fn advance(
        &self,
        cx: &mut AskContext<'_>,
        draw: impl FnOnce(&mut AskContext<'_>) -> Option<(Architecture, Signals)>,
    ) -> Ask {
        let mut brackets = self.told.clone();
        for trial in cx.pending {
            self.enter(&mut brackets, trial.id, &trial.proposal);
        }
        let ladder = &self.ladder;
        for number in 0.. {
            for start in 0..ladder.epochs.len() {
                match self.next(&brackets, (start, number)) {
                    None => {}
                    Some(Due::Promote(id, rung)) => {
                        if let Some(entrant) = self.entrant(id, rung) {
                            return Ask::Propose(ladder.promote(entrant, rung + 1));
                        }
                    }
                    Some(Due::Begin) => {
                        return match draw(cx) {
                            Some(new) => Ask::Propose(ladder.begin(new, start)),
                            None => ladder.last(cx.pending),
                        };
                    }
                }
            }
        }
        Ask::Done
    }
}

impl Searcher for Hyperband {
    fn ask(&mut self, cx: &mut AskContext<'_>) -> Result<Ask> {
        Ok(self.advance(cx, draw))
    }

    fn tell(&mut self, trial: &Trial) -> Result<()> {
        let mut brackets = std::mem::take(&mut self.told);
        self.enter(&mut brackets, trial.id, &trial.proposal);
        if let (Some(bracket), Some(rung)) =
            (brackets.of.get(&trial.id), self.ladder.rung(&trial.proposal))
            && let Some(members) = brackets.members.get_mut(bracket)
        {
            members.told[rung - bracket.0].push(trial.id);
        }
        self.told = brackets;
        self.ladder.tell(trial);
        self.scores.insert(trial.id, self.ladder.score(trial));
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

    /// Algorithm 1 for R = 81 and η = 3, by hand: n = ⌈5 · 3ˢ / (s + 1)⌉.
    #[test]
    fn brackets_are_those_of_the_paper() {
        let expected: [&[usize]; 5] =
            [&[81, 27, 9, 3, 1], &[34, 11, 3, 1], &[15, 5, 1], &[8, 2], &[5]];
        for (start, expected) in expected.into_iter().enumerate() {
            assert_eq!(sizes(start, 5, 3), expected);
        }
    }

    #[test]
    fn every_bracket_promotes_its_best_with_any_number_of_open_trials() {
        for lookahead in [1, 5] {
            let spec = Spec::new(vec![Choice::integer("x", 0, 99_999)]).unwrap();
            let space = Arc::new(Choices::new(spec));
            let goal = Goal::new(Objective::maximize("score"));
            let up_to = Fidelities::UpTo(9);
            let mut search =
                AskTell::with_fidelities(NAME, &json!({}), space, goal, up_to, 1).unwrap();
            // The brackets 9, 3, 1; 5, 1; 3 have 22 trials.
            let (mut open, mut ended) = (std::collections::VecDeque::new(), 0);
            while ended < 22 * 4 {
                while open.len() < lookahead {
                    open.push_back(search.ask().unwrap().unwrap());
                }
                let trial = open.pop_front().unwrap();
                let x = trial.proposal.architecture.int(0).unwrap() as f64;
                let score = Metrics::new([("score", x)]).unwrap();
                search.tell(trial.id, Outcome::Complete(score)).unwrap();
                ended += 1;
            }
            let trials = search.trials();
            let epochs = |t: &Trial| t.proposal.fidelity.unwrap().epochs;
            // The first nine of one epoch are the first bracket.
            let mut first: Vec<_> = trials.iter().filter(|t| epochs(t) == 1).take(9).collect();
            first.sort_by_key(|t| std::cmp::Reverse(t.proposal.architecture.int(0)));
            let best: Vec<_> = first[..3].iter().map(|t| Some(t.id)).collect();
            let promoted: Vec<_> =
                trials.iter().filter(|t| epochs(t) == 3).map(|t| t.proposal.resume_from).collect();
            let of_first =
                promoted.iter().filter(|from| first.iter().any(|t| Some(t.id) == **from));
            assert_eq!(of_first.copied().collect::<Vec<_>>(), best);
            if lookahead == 1 {
                let counts = [1, 3, 9].map(|e| trials.iter().filter(|t| epochs(t) == e).count());
                assert_eq!(counts, [9 * 4, (3 + 5) * 4, (1 + 1 + 3) * 4]);
            }
        }
    }
}
