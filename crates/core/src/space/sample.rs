//! What searchers do with a spec: sample, mutate, cross, and look at neighbors.

use std::collections::HashSet;

use nascent_record::{Architecture, Choice, Domain, Spec, Value};
use rand::RngExt as _;

use crate::Rng;

/// Random architectures of a [`Spec`], and small changes of one.
pub trait SpecExt {
    /// Every choice that applies, drawn independently and evenly from its domain.
    fn sample(&self, rng: &mut Rng) -> Architecture;

    /// One choice that applies is given another value; what then applies newly is drawn. Returns
    /// the architecture itself if nothing can change.
    fn mutate(&self, architecture: &Architecture, rng: &mut Rng) -> Architecture;

    /// Every choice from one of two parents, evenly; what neither has is drawn.
    fn cross(&self, a: &Architecture, b: &Architecture, rng: &mut Rng) -> Architecture;

    /// All architectures that differ in one choice, in a fixed order; a float choice has two
    /// neighbors, a tenth of its range below and above. What then applies newly takes its first
    /// value.
    fn neighbors(&self, architecture: &Architecture) -> Vec<Architecture>;

    /// The architecture number `index` of a grid in which every float choice has `steps` values;
    /// `None` behind the last. Architectures of a conditional space appear once.
    fn grid(&self, steps: u32) -> GridIter<'_>;
}

/// A value of the choice's domain, drawn evenly.
pub(crate) fn draw(choice: &Choice, rng: &mut Rng) -> Value {
    match &choice.domain {
        Domain::Categorical { options } => Value::Int(rng.random_range(0..options.len()) as i64),
        Domain::Integer { low, high, step, log: false } => {
            Value::Int(low + rng.random_range(0..=(high - low) / step) * step)
        }
        Domain::Integer { low, high, step, log: true } => {
            // Evenly on the logarithm, each whole number owning the stretch around it.
            let (from, to) = ((*low as f64 - 0.5).ln(), (*high as f64 + 0.5).ln());
            let x = (from + rng.random::<f64>() * (to - from)).exp();
            let steps = ((x - *low as f64) / *step as f64).round() as i64;
            Value::Int(low + steps.clamp(0, (high - low) / step) * step)
        }
        Domain::Float { low, high, log: false } => {
            Value::Float((low + rng.random::<f64>() * (high - low)).clamp(*low, *high))
        }
        Domain::Float { low, high, log: true } => {
            let x = low.ln() + rng.random::<f64>() * (high.ln() - low.ln());
            Value::Float(x.exp().clamp(*low, *high))
        }
    }
}

/// A value of the choice's domain other than `value`, drawn evenly.
pub(crate) fn draw_other(choice: &Choice, value: Value, rng: &mut Rng) -> Value {
    let Some((size, position)) = choice.domain.size().zip(choice.domain.position(value)) else {
        return draw(choice, rng);
    };
    if size < 2 {
        return value;
    }
    let other = (position + rng.random_range(1..size)) % size;
    choice.domain.nth(other).unwrap_or(value)
}

/// The value of a choice that applies newly and has no other reason: its first.
fn first(choice: &Choice) -> Value {
    match &choice.domain {
        Domain::Categorical { .. } => Value::Int(0),
        Domain::Integer { low, .. } => Value::Int(*low),
        Domain::Float { low, .. } => Value::Float(*low),
    }
}

/// Builds with values that are known to be of their domains.
fn build(
    spec: &Spec,
    otherwise: &Architecture,
    pick: impl FnMut(usize, &Choice) -> Value,
) -> Architecture {
    spec.build(pick).unwrap_or_else(|_impossible| otherwise.clone())
}

fn with_change(
    spec: &Spec,
    base: &Architecture,
    changed: usize,
    value: Value,
    mut fill: impl FnMut(&Choice) -> Value,
) -> Architecture {
    build(spec, base, |at, choice| match base.values()[at] {
        _ if at == changed => value,
        Some(kept) => kept,
        None => fill(choice),
    })
}

impl SpecExt for Spec {
    fn sample(&self, rng: &mut Rng) -> Architecture {
        match self.build(|_, choice| draw(choice, rng)) {
            Ok(architecture) => architecture,
            // `draw` stays within the domain, so this is not reached; the first value always is.
            Err(_impossible) => self.sample(rng),
        }
    }

    fn mutate(&self, architecture: &Architecture, rng: &mut Rng) -> Architecture {
        let changeable: Vec<(usize, Value)> = std::iter::zip(0.., architecture.values())
            .filter_map(|(at, value)| Some((at, (*value)?)))
            .filter(|(at, _)| self.choices()[*at].domain.size() != Some(1))
            .collect();
        if changeable.is_empty() {
            return architecture.clone();
        }
        let (at, old) = changeable[rng.random_range(0..changeable.len())];
        let new = draw_other(&self.choices()[at], old, rng);
        with_change(self, architecture, at, new, |choice| draw(choice, rng))
    }

    fn cross(&self, a: &Architecture, b: &Architecture, rng: &mut Rng) -> Architecture {
        build(self, a, |at, choice| {
            let (first, second) = if rng.random::<bool>() { (a, b) } else { (b, a) };
            first.values()[at].or(second.values()[at]).unwrap_or_else(|| draw(choice, rng))
        })
    }

    fn neighbors(&self, architecture: &Architecture) -> Vec<Architecture> {
        let mut seen = HashSet::from([architecture.clone()]);
        let mut neighbors = Vec::new();
        for (at, value) in architecture.values().iter().enumerate() {
            let Some(value) = *value else { continue };
            let choice = &self.choices()[at];
            let others: Vec<Value> = match (&choice.domain, value) {
                (Domain::Float { low, high, .. }, Value::Float(x)) => {
                    let step = (high - low) / 10.0;
                    [x - step, x + step].map(|y| Value::Float(y.clamp(*low, *high))).to_vec()
                }
                (domain, _) => {
                    (0..domain.size().unwrap_or(0)).filter_map(|i| domain.nth(i)).collect()
                }
            };
            for other in others {
                let neighbor = with_change(self, architecture, at, other, first);
                if seen.insert(neighbor.clone()) {
                    neighbors.push(neighbor);
                }
            }
        }
        neighbors
    }

    fn grid(&self, steps: u32) -> GridIter<'_> {
        GridIter { spec: self, steps: steps.max(2), next: Some(Vec::new()) }
    }
}

/// The architectures of a grid, see [`SpecExt::grid`].
pub struct GridIter<'a> {
    spec: &'a Spec,
    steps: u32,
    /// The position in the grid of each choice so far; fewer than choices means zeros behind.
    next: Option<Vec<u64>>,
}

impl GridIter<'_> {
    fn size(&self, choice: &Choice) -> u64 {
        choice.domain.size().unwrap_or(u64::from(self.steps))
    }

    fn value(&self, choice: &Choice, index: u64) -> Value {
        match &choice.domain {
            Domain::Float { low, high, log } => {
                let t = index as f64 / f64::from(self.steps - 1);
                let x = if *log {
                    (low.ln() + t * (high.ln() - low.ln())).exp()
                } else {
                    low + t * (high - low)
                };
                Value::Float(x.clamp(*low, *high))
            }
            domain => domain.nth(index).unwrap_or_else(|| first(choice)),
        }
    }
}

impl Iterator for GridIter<'_> {
    type Item = Architecture;

    fn next(&mut self) -> Option<Architecture> {
        let mut position = self.next.take()?;
        position.resize(self.spec.len(), 0);
        let built = self.spec.build(|at, choice| self.value(choice, position[at]));
        let architecture = built.ok()?;
        // Count up the last choice that applies and has a next value; what follows starts over.
        for at in (0..self.spec.len()).rev() {
            if architecture.values()[at].is_some()
                && position[at] + 1 < self.size(&self.spec.choices()[at])
            {
                position[at] += 1;
                position.truncate(at + 1);
                self.next = Some(position);
                break;
            }
        }
        Some(architecture)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use nascent_record::Condition;
    use proptest::prelude::*;

    use super::*;
    use crate::Seed;

    fn spec() -> Spec {
        let deeper = |value| Condition::AtLeast { choice: "depth".into(), value };
        Spec::new(vec![
            Choice::integer("depth", 1, 3),
            Choice::integer("w1", 8, 64).log(),
            Choice::categorical("w2", ["8", "16"]).when(deeper(2)),
            Choice::float("rate", 1e-4, 1e-1).log().when(deeper(3)),
        ])
        .unwrap()
    }

    fn differences(a: &Architecture, b: &Architecture) -> usize {
        std::iter::zip(a.values(), b.values()).filter(|(a, b)| a != b).count()
    }

    proptest! {
        #[test]
        fn samples_and_their_changes_are_of_the_space(seed: u64) {
            let (spec, mut rng) = (spec(), Seed::new(seed).rng());
            let (a, b) = (spec.sample(&mut rng), spec.sample(&mut rng));
            let child = spec.mutate(&a, &mut rng);
            prop_assert_ne!(&child, &a);
            let mut all = vec![spec.cross(&a, &b, &mut rng), child, a.clone(), b];
            all.extend(spec.neighbors(&a));
            for architecture in &all {
                spec.check(architecture).unwrap();
                prop_assert_eq!(&spec.parse(&spec.text(architecture)).unwrap(), architecture);
            }
        }

        #[test]
        fn without_conditions_a_mutation_changes_exactly_one_choice(seed: u64) {
            let ops = ["a", "b", "c", "d", "e"];
            let cell = Spec::new((0..6).map(|i| Choice::categorical(format!("op{i}"), ops)).collect());
            let (cell, mut rng) = (cell.unwrap(), Seed::new(seed).rng());
            let parent = cell.sample(&mut rng);
            prop_assert_eq!(differences(&parent, &cell.mutate(&parent, &mut rng)), 1);
            prop_assert_eq!(cell.neighbors(&parent).len(), 24);
        }
    }

    #[test]
    fn a_grid_has_every_architecture_once() {
        let deeper = Condition::AtLeast { choice: "depth".into(), value: 2 };
        let spec = Spec::new(vec![
            Choice::integer("depth", 1, 2),
            Choice::categorical("w1", ["8", "16", "32"]),
            Choice::categorical("w2", ["8", "16", "32"]).when(deeper),
        ])
        .unwrap();
        let all: Vec<_> = spec.grid(5).collect();
        assert_eq!(all.len() as u128, spec.size().unwrap());
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    }

    #[test]
    fn logarithmic_integers_are_even_on_the_logarithm() {
        let spec = Spec::new(vec![Choice::integer("width", 1, 1000).log()]).unwrap();
        let mut rng = Seed::new(1).rng();
        let below = (0..4000).filter(|_| spec.sample(&mut rng).int(0) < Some(32)).count();
        // ln(31.5 / 0.5) / ln(1000.5 / 0.5) = 0.545
        assert!((2050..2310).contains(&below), "{below} of 4000 are below 32");
    }
}
