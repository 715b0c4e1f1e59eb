//! Mutators: what changes in a child.

use nascent_record::{Architecture, Spec, TrialId};
use rand::RngExt as _;

use super::compose;
use crate::Rng;
use crate::search::evolution::{Individual, Population};
use crate::space::{SpecExt as _, draw_other};

/// Changes an architecture.
pub trait Mutate: Send {
    /// A changed copy, which will be this trial.
    fn mutate(
        &self,
        spec: &Spec,
        architecture: &Architecture,
        trial: TrialId,
        rng: &mut Rng,
    ) -> Architecture;

    /// Hears how an individual turned out, before it joins the population.
    fn learn(&mut self, individual: &Individual, population: &Population) {
        let _ = (individual, population);
    }
}

/// One choice that applies takes another value; what then applies newly is drawn.
#[derive(Clone, Copy, Debug)]
pub struct OneChoice;

impl Mutate for OneChoice {
    fn mutate(
        &self,
        spec: &Spec,
        architecture: &Architecture,
        _: TrialId,
        rng: &mut Rng,
    ) -> Architecture {
        spec.mutate(architecture, rng)
    }
}

/// Every choice that applies takes another value with a probability. Nothing may change.
#[derive(Clone, Copy, Debug)]
pub struct EachChoice {
    rate: Rate,
}

impl EachChoice {
    /// With this probability.
    pub fn new(rate: Rate) -> Self {
        Self { rate }
    }
}

impl Mutate for EachChoice {
    fn mutate(
        &self,
        spec: &Spec,
        architecture: &Architecture,
        trial: TrialId,
        rng: &mut Rng,
    ) -> Architecture {
        let rate = self.rate.at(trial);
        compose(spec, architecture, rng, |at, rng| {
            let value = architecture.values()[at]?;
            let changes = rng.random::<f64>() < rate;
            Some(if changes { draw_other(&spec.choices()[at], value, rng) } else { value })
        })
    }

    fn learn(&mut self, individual: &Individual, population: &Population) {
        self.rate.learn(individual, population);
    }
}

/// A probability that may change in the course of a search. It depends on the number of the trial
/// and on what was told only, so that a search that is resumed has it again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// Always the same.
    Constant(f64),
    /// From one value to another, evenly over the trials of a search, and then the same.
    Linear {
        /// At trial 0.
        from: f64,
        /// At trial `over` and behind it.
        to: f64,
        /// The number of trials.
        over: u32,
    },
    /// The one-fifth success rule: larger after a child that is better than its parents, smaller
    /// after one that is not, such that it stays where one of five is better (Rechenberg,
    /// "Evolutionsstrategie", 1973; the factors are those of Kern et al., "Learning Probability
    /// Distributions in Continuous Evolutionary Algorithms", 2004).
    OneFifth {
        /// Now.
        rate: f64,
        /// Never less than this.
        low: f64,
        /// Never more than this.
        high: f64,
    },
}

impl Rate {
    /// The probability for a trial.
    pub fn at(&self, trial: TrialId) -> f64 {
        match *self {
            Self::Constant(rate) | Self::OneFifth { rate, .. } => rate,
            Self::Linear { from, to, over } => {
                let share = f64::from(trial.0.min(over)) / f64::from(over.max(1));
                from + share * (to - from)
            }
        }
    }

    fn learn(&mut self, individual: &Individual, population: &Population) {
        let Self::OneFifth { rate, low, high } = self else { return };
        let parents = individual.parents.iter().filter_map(|parent| population.find(*parent));
        // A child whose parents are dead, or that has none, says nothing.
        let Some(best) = parents.map(|parent| parent.score).max() else { return };
        let factor = if individual.score > best { 1.5 } else { 1.5_f64.powf(-0.25) };
        *rate = (*rate * factor).min(*high).max(*low);
    }
}

#[cfg(test)]
mod tests {
    use nascent_record::Choice;

    use super::*;
    use crate::Seed;
    use crate::search::evolution::population::tests::population;

    #[test]
    fn each_choice_changes_as_often_as_the_rate_says() {
        let choices = (0..20).map(|i| Choice::categorical(format!("op{i}"), ["a", "b", "c"]));
        let (spec, mut rng) = (Spec::new(choices.collect()).unwrap(), Seed::new(5).rng());
        let parent = spec.sample(&mut rng);
        let mutate = EachChoice::new(Rate::Constant(0.15));
        let mut changes = 0;
        for _ in 0..1_000 {
            let child = mutate.mutate(&spec, &parent, TrialId(0), &mut rng);
            let pairs = std::iter::zip(child.values(), parent.values());
            changes += pairs.filter(|(a, b)| a != b).count();
        }
        assert!((2_800..3_200).contains(&changes), "{changes} of 20,000 changed");
        let always = EachChoice::new(Rate::Constant(1.0));
        let child = always.mutate(&spec, &parent, TrialId(0), &mut rng);
        assert!(std::iter::zip(child.values(), parent.values()).all(|(a, b)| a != b));
    }

    #[test]
    fn rates_follow_their_rule() {
        let linear = Rate::Linear { from: 0.5, to: 0.1, over: 100 };
        let at = |trial| linear.at(TrialId(trial));
        assert!((at(0) - 0.5).abs() < 1e-12);
        assert!((at(25) - 0.4).abs() < 1e-12);
        assert!((at(100) - 0.1).abs() < 1e-12 && (at(9_999) - 0.1).abs() < 1e-12);

        let parents = population(&[(&[1.0], 0.0), (&[2.0], 0.0)]);
        let told = |value: f64, parents: &[u32]| Individual {
            score: nascent_record::Score { value, violation: 0.0 },
            parents: parents.iter().copied().map(TrialId).collect(),
            ..population(&[(&[0.0], 0.0)])[0].clone()
        };
        let mut rate = Rate::OneFifth { rate: 0.2, low: 0.01, high: 0.5 };
        // One of five is better than the better parent: the rate is what it was.
        for value in [1.5, 2.5, 2.0, 0.0, 1.0] {
            rate.learn(&told(value, &[0, 1]), &parents);
        }
        rate.learn(&told(9.0, &[]), &parents);
        rate.learn(&told(9.0, &[7]), &parents);
        assert!((rate.at(TrialId(0)) - 0.2).abs() < 1e-12, "{rate:?}");
        for _ in 0..100 {
            rate.learn(&told(9.0, &[0]), &parents);
        }
        assert_eq!(rate.at(TrialId(0)), 0.5);
    }
}
