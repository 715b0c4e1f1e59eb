//! Differential evolution: a member moves by the difference of two others, so that steps are as wide
//! as the population still is. Made for real numbers; choices are looked at through their encoding.
//!
//! # Algorithm
//! 1. The first `population_size` trials are random architectures; trial t fills place t.
//! 2. Trial t is for place t modulo `population_size`, whose member is the target x. With different
//!    members a, b, c, drawn evenly, the mutant is v = a + F (b − c) (`rand1`), or
//!    v = x + F (best − x) + F (a − b) (`current_to_best`). A number outside of 0 to 1 is drawn anew.
//! 3. Binomial crossover: every number of the child is that of v with probability CR, and one in
//!    any case, and else that of x.
//! 4. The child is proposed as the architecture that its numbers stand for (see [`from_unit`]). If
//!    it was tried before, other members are drawn, and in the end single choices changed.
//! 5. When the trial ends, it takes its place if it is no worse than the member there.
//!
//! Each member is a number from 0 to 1 for each choice. They are made of its architecture when it is
//! told: evenly within the stretch of numbers that stand for the value (a real number is its own),
//! with a seed that derives from the trial. So nothing but the logged trials is needed to have the
//! same population again, a member from elsewhere has numbers too, and a difference that is smaller
//! than the distance of two options still moves some members to the next. A choice that does not
//! apply has no effect, whatever its number; it is drawn evenly, so that it may become anything.
//!
//! # Cost
//! Per ask O(choices + population_size), per tell O(choices), memory O(population_size × choices).
//!
//! # References
//! Storn and Price, "Differential Evolution – A Simple and Efficient Heuristic for Global
//! Optimization over Continuous Spaces", Journal of Global Optimization 1997,
//! <https://doi.org/10.1023/A:1008202821328>. For architectures: Awad, Mallik and Hutter,
//! "Differential Evolution for Neural Architecture Search", 2020, <https://arxiv.org/abs/2012.06400>,
//! and "DEHB", IJCAI 2021, <https://arxiv.org/abs/2105.09821>.
//!
//! # Differences from the paper
//! The numbers of a member are drawn anew within its architecture, see above. There are no
//! generations: a child takes its place at once. Trials that failed or were pruned take no place;
//! a place that is empty for that reason is filled at random.

use nascent_record::{Architecture, Goal, Proposal, Score, Signals, Spec, Trial, TrialId};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use super::{changed_until_new, check_least, check_share};
use crate::config::{defaults, invalid, parse};
use crate::encode::unit::{from_unit, unit_range};
use crate::search::{Ask, AskContext, SearchSetup, Searcher, SearcherEntry};
use crate::space::SpecExt as _;
use crate::{Result, Rng, Seed};

/// The row of the table.
pub static ENTRY: SearcherEntry = SearcherEntry {
    name: NAME,
    summary: "Moves a member by the difference of two others, on choices encoded as numbers.",
    reference: "Awad et al. 2020, https://arxiv.org/abs/2012.06400",
    defaults: defaults::<Config>,
    build: |config, setup| Ok(Box::new(DifferentialEvolution::new(parse(NAME, config)?, setup)?)),
};

const NAME: &str = "differential_evolution";

/// How a mutant is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// From a random member.
    Rand1,
    /// From the target, toward the best.
    CurrentToBest,
}

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Members of the population, at least 4; few, because each place sees one child in so many
    /// trials.
    pub population_size: usize,
    /// How a mutant is made: `rand1` or `current_to_best`.
    pub strategy: Strategy,
    /// F: the weight of a difference, above 0, at most 2; 0.5 in DEHB.
    pub mutation_factor: f64,
    /// CR: the share of choices that come from the mutant, 0 to 1; 0.5 in DEHB.
    pub crossover_rate: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            population_size: 10,
            strategy: Strategy::Rand1,
            mutation_factor: 0.5,
            crossover_rate: 0.5,
        }
    }
}

struct Member {
    trial: TrialId,
    vector: Vec<f64>,
    score: Score,
}

/// The searcher, see the [module](self).
pub struct DifferentialEvolution {
    config: Config,
    goal: Goal,
    seed: Seed,
    spec: Spec,
    places: Vec<Option<Member>>,
}

/// How often members are drawn for one question.
const TRIES: u32 = 4;
/// How often a child that was tried before is then changed further.
const PERSISTENCE: u32 = 16;

impl DifferentialEvolution {
    /// A searcher with these settings.
    ///
    /// # Errors
    /// If a setting is out of its range.
    pub fn new(config: Config, setup: &SearchSetup) -> Result<Self> {
        check_least(NAME, "population_size", config.population_size, 4)?;
        check_share(NAME, "crossover_rate", config.crossover_rate)?;
        let factor = config.mutation_factor;
        if !(factor > 0.0 && factor <= 2.0) {
            let problem = format!("mutation_factor is {factor}, and must be above 0, at most 2");
            return Err(invalid(NAME, problem));
        }
        Ok(Self {
            config,
            goal: setup.goal.clone(),
            seed: setup.seed,
            spec: setup.space.spec().clone(),
            places: (0..config.population_size).map(|_| None).collect(),
        })
    }

    fn place(&self, trial: TrialId) -> usize {
        trial.index() % self.places.len()
    }

    /// The numbers that an architecture has as this trial.
    fn vector(&self, architecture: &Architecture, trial: TrialId) -> Vec<f64> {
        let mut rng = self.seed.derive("vector", u64::from(trial.0)).rng();
        let pairs = std::iter::zip(self.spec.choices(), architecture.values());
        pairs
            .map(|(choice, value)| {
                let (low, high) = value.map_or((0.0, 1.0), |value| unit_range(choice, value));
                low + rng.random::<f64>() * (high - low)
            })
            .collect()
    }

    /// The child's numbers, and the members that it was made from; `None` with too few members.
    fn child(
        &self,
        place: usize,
        target: &Member,
        rng: &mut Rng,
    ) -> Option<(Vec<f64>, Vec<TrialId>)> {
        let members = std::iter::zip(0.., &self.places);
        let mut others: Vec<&Member> = members
            .filter(|(at, _)| *at != place)
            .filter_map(|(_, member)| member.as_ref())
            .collect();
        if others.len() < 3 {
            return None;
        }
        for at in 0..3 {
            let other = rng.random_range(at..others.len());
            others.swap(at, other);
        }
        let [a, b, c] = [others[0], others[1], others[2]];
        let best =
            others.iter().fold(target, |best, m| if m.score > best.score { m } else { best });
        let factor = self.config.mutation_factor;
        let mutant = |at: usize| match self.config.strategy {
            Strategy::Rand1 => a.vector[at] + factor * (b.vector[at] - c.vector[at]),
            Strategy::CurrentToBest => {
                let x = target.vector[at];
                x + factor * (best.vector[at] - x) + factor * (a.vector[at] - b.vector[at])
            }
        };
        let in_any_case = rng.random_range(0..target.vector.len());
        let mut child = target.vector.clone();
        for (at, number) in child.iter_mut().enumerate() {
            if rng.random::<f64>() < self.config.crossover_rate || at == in_any_case {
                let mutated = mutant(at);
                let inside = (0.0..=1.0).contains(&mutated);
                *number = if inside { mutated } else { rng.random() };
            }
        }
        let mut parents = match self.config.strategy {
            Strategy::Rand1 => vec![target.trial, a.trial, b.trial, c.trial],
            Strategy::CurrentToBest => vec![target.trial, best.trial, a.trial, b.trial],
        };
        let mut before = Vec::new();
        parents.retain(|parent| {
            let new = !before.contains(parent);
            before.push(*parent);
            new
        });
        Some((child, parents))
    }

    fn signals(&self, target: &Member) -> Signals {
        let members = || self.places.iter().flatten();
        let size = members().count() as f64;
        let scores = || members().map(|member| member.score.value);
        Signals::default()
            .with("target_score", target.score.value)
            .with("best_score", scores().fold(f64::NEG_INFINITY, f64::max))
            .with("mean_score", scores().sum::<f64>() / size)
            .with("population_size", size)
    }
}

impl Searcher for DifferentialEvolution {
    fn ask(&mut self, cx: &mut AskContext<'_>) -> Result<Ask> {
        let place = self.place(cx.trial);
        let starting = cx.trial.index() < self.places.len();
        let mut proposal = None;
        if let Some(target) = self.places[place].as_ref().filter(|_| !starting) {
            for _ in 0..TRIES {
                let Some((child, parents)) = self.child(place, target, &mut cx.rng) else { break };
                let built = self.spec.build(|at, choice| from_unit(choice, child[at]))?;
                let taken = cx.admits(&built);
                proposal = Some((built, parents, target));
                if taken {
                    break;
                }
            }
        }
        let Some((child, parents, target)) = proposal else {
            return Ok(Ask::Propose(Proposal::new(self.spec.sample(&mut cx.rng))));
        };
        let child = changed_until_new(child, PERSISTENCE, cx);
        let proposal = Proposal::new(child).with_parents(parents);
        Ok(Ask::Propose(proposal.with_signals(self.signals(target))))
    }

    fn tell(&mut self, trial: &Trial) -> Result<()> {
        let Some(score) = self.goal.trial_score(trial) else { return Ok(()) };
        let place = self.place(trial.id);
        if self.places[place].as_ref().is_none_or(|member| score >= member.score) {
            let vector = self.vector(&trial.proposal.architecture, trial.id);
            self.places[place] = Some(Member { trial: trial.id, vector, score });
        }
        Ok(())
    }
}
