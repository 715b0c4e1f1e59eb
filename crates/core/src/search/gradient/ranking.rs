//! Architectures of a space whose operations are preferred more or less, the strongest first.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;

use nascent_record::{Architecture, Spec, Value};

use super::alpha::Alpha;
use crate::Result;
use crate::space::{Relaxed, SearchSpace};

/// How many architectures that are new are looked at before the search for one gives up.
const MOST: usize = 20_000;

/// What some choices that depend on each other can be, the strongest first.
struct Group {
    choices: Range<usize>,
    options: Vec<(f64, Vec<Value>)>,
}

/// An architecture as the number of the option that each group has, and the logarithm of the product
/// of its probabilities.
#[derive(PartialEq)]
struct Ranked {
    strength: f64,
    /// Found so late; of equals the earlier comes first.
    number: usize,
    options: Vec<usize>,
    /// The group that has changed last: from it on others may change.
    last: usize,
}

impl Eq for Ranked {}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.strength.total_cmp(&other.strength).then(other.number.cmp(&self.number))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The strongest architecture that `is_new` and `admits` take, if there is one among the strongest
/// [`MOST`] new ones. The strength is the product of the probabilities of all operations; the first is
/// the one that the rule of the space gives.
pub(super) fn strongest(
    space: &dyn SearchSpace,
    relaxed: &dyn Relaxed,
    probabilities: &Alpha,
    is_new: impl Fn(&Architecture) -> bool,
    admits: impl Fn(&Architecture) -> bool,
) -> Result<Option<Architecture>> {
    let by_edge = probabilities.by_edge();
    let first = relaxed.strongest(&by_edge)?;
    if is_new(&first) && admits(&first) {
        return Ok(Some(first));
    }
    let groups = groups(space.spec(), relaxed, &by_edge, &first)?;
    let strength = |options: &[usize]| {
        let both = std::iter::zip(&groups, options);
        both.map(|(group, option)| group.options[*option].0).sum::<f64>()
    };
    let options = vec![0; groups.len()];
    let mut queue =
        BinaryHeap::from([Ranked { strength: strength(&options), number: 0, options, last: 0 }]);
    let (mut number, mut seen) = (0, 0);
    while let Some(Ranked { options, last, .. }) = queue.pop() {
        let architecture = build(space.spec(), &groups, &options)?;
        if architecture != first && is_new(&architecture) {
            if admits(&architecture) {
                return Ok(Some(architecture));
            }
            seen += 1;
            if seen == MOST {
                break;
            }
        }
        // Groups change in order, so that each combination is reached once.
        for at in last..groups.len() {
            if options[at] + 1 < groups[at].options.len() {
                let mut options = options.clone();
                options[at] += 1;
                number += 1;
                queue.push(Ranked { strength: strength(&options), number, options, last: at });
            }
        }
    }
    Ok(None)
}

fn build(spec: &Spec, groups: &[Group], options: &[usize]) -> Result<Architecture> {
    let values = std::iter::zip(groups, options).flat_map(|(group, option)| {
        std::iter::zip(group.choices.clone(), &group.options[*option].1)
    });
    let mut all: Vec<Option<Value>> = vec![None; spec.len()];
    for (at, value) in values {
        all[at] = Some(*value);
    }
    Ok(spec.build(|at, choice| all[at].or_else(|| choice.domain.nth(0)).unwrap_or(Value::Int(0)))?)
}

/// What each group of choices can be, and how strong that makes an architecture that is this one
/// elsewhere.
fn groups(
    spec: &Spec,
    relaxed: &dyn Relaxed,
    by_edge: &[Vec<f64>],
    elsewhere: &Architecture,
) -> Result<Vec<Group>> {
    let strength = |architecture: &Architecture| {
        let options = std::iter::zip(by_edge, relaxed.path(architecture));
        // What underflows is still stronger than nothing.
        options.filter_map(|(edge, option)| Some(edge[option?].max(1e-300).ln())).sum::<f64>()
    };
    let of_choices = |choices: Range<usize>| -> Result<Group> {
        let domains = || choices.clone().map(|at| &spec.choices()[at].domain);
        let count: u64 = domains().map(|domain| domain.size().unwrap_or(1)).product();
        let mut options = Vec::new();
        for number in 0..count {
            let mut rest = number;
            let values = domains().map(|domain| {
                let size = domain.size().unwrap_or(1);
                let value = domain.nth(rest % size);
                rest /= size;
                value.unwrap_or(Value::Int(0))
            });
            let values: Vec<Value> = values.collect();
            let architecture = spec.build(|at, choice| {
                let of_group = at.checked_sub(choices.start).and_then(|at| values.get(at)).copied();
                let value = of_group.or(elsewhere.values()[at]).or_else(|| choice.domain.nth(0));
                value.unwrap_or(Value::Int(0))
            })?;
            options.push((strength(&architecture), values));
        }
        // Stable: of equals the first stays before.
        options.sort_by(|a, b| b.0.total_cmp(&a.0));
        // Of which the sum is that of the differences to the strongest.
        let most = options.first().map_or(0.0, |(strength, _)| *strength);
        for (strength, _) in &mut options {
            *strength -= most;
        }
        Ok(Group { choices, options })
    };
    relaxed.groups(spec.len()).into_iter().map(of_choices).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;
    use crate::space::{SpecExt as _, darts, nas_bench_201};

    fn drawn(relaxed: &dyn Relaxed) -> Alpha {
        let edges = relaxed.supernet().edges;
        let drawn = Alpha::drawn(&edges, &[], &mut Seed::new(1).rng());
        drawn.with(drawn.values.iter().map(|value| value * 400.0).collect()).softmax(1.0)
    }

    fn strength(relaxed: &dyn Relaxed, probabilities: &Alpha, architecture: &Architecture) -> f64 {
        let edges = std::iter::zip(probabilities.by_edge(), relaxed.path(architecture));
        edges.filter_map(|(edge, option)| Some(edge[option?].ln())).sum()
    }

    /// The first so many, each time without those before.
    fn first(space: &dyn SearchSpace, probabilities: &Alpha, count: usize) -> Vec<Architecture> {
        let mut found: Vec<Architecture> = Vec::new();
        for _ in 0..count {
            let relaxed = space.relaxed().unwrap();
            let is_new = |architecture: &Architecture| !found.contains(architecture);
            let next = strongest(space, relaxed, probabilities, is_new, |_| true).unwrap().unwrap();
            found.push(next);
        }
        found
    }

    #[test]
    fn they_come_in_the_order_of_all() {
        let space = nas_bench_201::NasBench201::new(nas_bench_201::Config::default()).unwrap();
        let probabilities = drawn(&space);
        let all = space.spec().grid(1);
        let mut all: Vec<f64> =
            all.map(|architecture| strength(&space, &probabilities, &architecture)).collect();
        all.sort_by(|a, b| b.total_cmp(a));
        for (found, expected) in std::iter::zip(first(&space, &probabilities, 40), all) {
            let found = strength(&space, &probabilities, &found);
            assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
        }
    }

    /// A node of this space has a pair of inputs and an operation for each, so that the next strongest
    /// may differ in all three.
    #[test]
    fn where_choices_depend_on_each_other_none_is_left_out() {
        let space = darts::Darts::new(darts::Config::default()).unwrap();
        let probabilities = drawn(&space);
        let found = first(&space, &probabilities, 60);
        let strengths: Vec<f64> =
            found.iter().map(|found| strength(&space, &probabilities, found)).collect();
        assert!(strengths.is_sorted_by(|a, b| a >= b), "{strengths:?}");
        // None that is drawn, or next to one of them, is stronger than the last and not among them.
        let mut rng = Seed::new(2).rng();
        let drawn = (0..2_000).map(|_| space.spec().sample(&mut rng)).collect::<Vec<_>>();
        let beside = found.iter().flat_map(|found| space.spec().neighbors(found));
        for other in drawn.into_iter().chain(beside) {
            let is_weaker = strength(&space, &probabilities, &other) <= strengths[59] + 1e-9;
            assert!(is_weaker || found.contains(&other), "{}", space.spec().text(&other));
        }
    }

    #[test]
    fn what_is_not_admitted_is_passed_over() {
        let space = darts::Darts::new(darts::Config::default()).unwrap();
        let probabilities = drawn(&space);
        let admitted = &first(&space, &probabilities, 30)[29];
        let found = strongest(
            &space,
            &space,
            &probabilities,
            |_| true,
            |architecture| architecture == admitted,
        );
        assert_eq!(found.unwrap().as_ref(), Some(admitted));
        let none = strongest(&space, &space, &probabilities, |_| true, |_| false);
        assert_eq!(none.unwrap(), None);
    }
}
