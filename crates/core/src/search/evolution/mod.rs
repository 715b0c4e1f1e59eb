//! Evolutionary searchers, and the operators that they are made of.
//!
//! An [`Evolution`] keeps a population. For each proposal a *selector* chooses parents, a
//! *recombinator* makes a child of two of them, and a *mutator* changes it; when a trial has ended,
//! it joins, and a *survivor rule* decides who leaves. Every searcher of this room but two is such a
//! composition with settings, and one of your own takes ten lines:
//!
//! ```
//! use std::sync::Arc;
//!
//! use nascent::record::{Choice, Goal, Metrics, Objective, Outcome, Spec};
//! use nascent::search::AskTell;
//! use nascent::search::evolution::{Evolution, Order, operators::*};
//! use nascent::space::Choices;
//!
//! let choices = (0..8).map(|i| Choice::categorical(format!("op_{i}"), ["conv", "pool", "skip"]));
//! let spec = Spec::new(choices.collect())?;
//! let goal = Goal::new(Objective::maximize("score"));
//!
//! // Parents from the better half of eight, whole parts from both, fewer and fewer changes, and
//! // nobody grows older than 16 trials.
//! let four = Draw::without_replacement(8).then(Best { count: 4, order: Order::Score });
//! let searcher = Evolution::new(goal.clone(), 16)
//!     .with_selection(four.then(Draw::with_replacement(1)))
//!     .with_crossover(Cells::new(&spec), 0.5)
//!     .with_mutation(EachChoice::new(Rate::Linear { from: 0.3, to: 0.1, over: 60 }))
//!     .with_survival(Aging { size: 16 });
//!
//! let mut search = AskTell::new(Box::new(searcher), Arc::new(Choices::new(spec)), goal, 1);
//! for _ in 0..100 {
//!     let Some(trial) = search.ask()? else { break };
//!     let convs = trial.proposal.architecture.values().iter().flatten();
//!     let convs = convs.filter(|op| op.to_string() == "0").count();
//!     let metrics = Metrics::new([("score", convs as f64)])?;
//!     search.tell(trial.id, Outcome::Complete(metrics))?;
//! }
//! assert!(search.best().and_then(|best| best.metric("score")) >= Some(6.0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The idea of evolutionary algorithms as compositions of operators follows Peng et al., "PyGlove:
//! Symbolic Programming for Automated Machine Learning", NeurIPS 2020,
//! <https://arxiv.org/abs/2101.08809>.

pub mod differential_evolution;
pub mod genetic;
pub mod hill_climb;
pub mod nsga2;
pub mod operators;
mod population;
pub mod regularized_evolution;
#[cfg(test)]
mod tests;

use nascent_record::{Architecture, Goal, Proposal, Signals, Trial, TrialId};
use rand::RngExt as _;

use self::operators::{Aging, Mutate, OneChoice, Recombine, Select, Survive, tournament};
use super::{Ask, AskContext, Searcher};
use crate::Result;
use crate::config::invalid;
use crate::space::SpecExt as _;

pub use population::{Individual, Order, Population, Standing};

/// A searcher made of operators, see the [module](self).
pub struct Evolution {
    goal: Goal,
    starts: usize,
    select: Box<dyn Select>,
    crossover: Option<(Box<dyn Recombine>, f64)>,
    mutate: Box<dyn Mutate>,
    survive: Box<dyn Survive>,
    persistence: u32,
    population: Population,
}

impl Evolution {
    /// The first `size` trials are random architectures. Then, if nothing else is said: the better
    /// of two is the parent, one choice changes, and the oldest leave.
    pub fn new(goal: Goal, size: usize) -> Self {
        Self {
            goal,
            starts: size,
            select: Box::new(tournament(2, Order::Score)),
            crossover: None,
            mutate: Box::new(OneChoice),
            survive: Box::new(Aging { size: size.max(1) }),
            persistence: 0,
            population: Population::default(),
        }
    }

    /// The same, whose parents are chosen so; of several that it chooses the first is taken.
    #[must_use]
    pub fn with_selection(mut self, select: impl Select + 'static) -> Self {
        self.select = Box::new(select);
        self
    }

    /// The same, in which this share of the children, 0 to 1, is made of two parents.
    #[must_use]
    pub fn with_crossover(mut self, recombine: impl Recombine + 'static, rate: f64) -> Self {
        self.crossover = Some((Box::new(recombine), rate));
        self
    }

    /// The same, whose children change so. A child that is then still a copy of its parent has one
    /// choice changed.
    #[must_use]
    pub fn with_mutation(mut self, mutate: impl Mutate + 'static) -> Self {
        self.mutate = Box::new(mutate);
        self
    }

    /// The same with this survivor rule.
    #[must_use]
    pub fn with_survival(mut self, survive: impl Survive + 'static) -> Self {
        self.survive = Box::new(survive);
        self
    }

    /// The same, in which a child that would not be taken, because it was tried before, has one more
    /// choice changed, up to so many times. Without it other parents are chosen.
    #[must_use]
    pub fn with_persistence(mut self, steps: u32) -> Self {
        self.persistence = steps;
        self
    }

    /// Those who are alive.
    pub fn population(&self) -> &Population {
        &self.population
    }

    fn choose(&self, among: Vec<usize>, cx: &mut AskContext<'_>) -> Option<usize> {
        self.select.select(&self.population, among, &mut cx.rng).first().copied()
    }

    /// A child of both parents, and the positions of the parents.
    fn child(&self, first: usize, cx: &mut AskContext<'_>) -> (Architecture, Vec<usize>) {
        let spec = cx.space.spec();
        let of = |at: usize| &self.population[at].architecture;
        if let Some((recombine, rate)) = &self.crossover
            && cx.rng.random::<f64>() < *rate
        {
            let others = (0..self.population.len()).filter(|at| *at != first).collect();
            if let Some(second) = self.choose(others, cx) {
                let child = recombine.recombine(spec, of(first), of(second), &mut cx.rng);
                return (child, vec![first, second]);
            }
        }
        (of(first).clone(), vec![first])
    }

    fn signals(&self, trial: TrialId, parent: &Individual) -> Signals {
        let signals = Signals::default()
            .with("parent_age", f64::from(trial.0) - f64::from(parent.trial.0))
            .with("population_size", self.population.len() as f64);
        if self.goal.is_pareto() {
            let front = self.population.standings().iter().filter(|s| s.front == 0).count();
            return signals.with("front_size", front as f64);
        }
        let scores = || self.population.iter().map(|member| member.score.value);
        signals
            .with("best_score", scores().fold(f64::NEG_INFINITY, f64::max))
            .with("mean_score", scores().sum::<f64>() / self.population.len() as f64)
    }
}

impl Searcher for Evolution {
    fn ask(&mut self, cx: &mut AskContext<'_>) -> Result<Ask> {
        let spec = cx.space.spec();
        let starting = cx.trial.index() < self.starts;
        let all = (0..if starting { 0 } else { self.population.len() }).collect();
        let Some(first) = self.choose(all, cx) else {
            return Ok(Ask::Propose(Proposal::new(spec.sample(&mut cx.rng))));
        };
        let (child, parents) = self.child(first, cx);
        let mut child = self.mutate.mutate(spec, &child, cx.trial, &mut cx.rng);
        if parents.iter().any(|parent| self.population[*parent].architecture == child) {
            child = spec.mutate(&child, &mut cx.rng);
        }
        let child = changed_until_new(child, self.persistence, cx);
        let signals = self.signals(cx.trial, &self.population[first]);
        let parents = parents.into_iter().map(|at| self.population[at].trial).collect();
        Ok(Ask::Propose(Proposal::new(child).with_parents(parents).with_signals(signals)))
    }

    fn tell(&mut self, trial: &Trial) -> Result<()> {
        if let Some(individual) = Individual::new(&self.goal, trial) {
            self.mutate.learn(&individual, &self.population);
            self.population.push(individual);
            self.survive.survive(&mut self.population);
        }
        Ok(())
    }
}

/// One choice after the other changed, until the architecture would be taken; at most `steps`.
fn changed_until_new(
    mut architecture: Architecture,
    steps: u32,
    cx: &mut AskContext<'_>,
) -> Architecture {
    for _ in 0..steps {
        if cx.admits(&architecture) {
            break;
        }
        architecture = cx.space.spec().mutate(&architecture, &mut cx.rng);
    }
    architecture
}

/// Checks that a setting is from 0 to 1.
fn check_share(component: &str, name: &str, value: f64) -> Result<()> {
    if (0.0..=1.0).contains(&value) {
        return Ok(());
    }
    Err(invalid(component, format!("{name} is {value}, and must be from 0 to 1")))
}

/// Checks that a setting is at least so much.
fn check_least(component: &str, name: &str, value: usize, least: usize) -> Result<()> {
    if value >= least {
        return Ok(());
    }
    Err(invalid(component, format!("{name} is {value}, and must be at least {least}")))
}
