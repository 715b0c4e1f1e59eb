//! Recombinators: what a child has of which parent. A choice that applies in the child and has no
//! value in the parent it should come from takes that of the other, or else a random one.

use std::collections::HashMap;

use nascent_record::{Architecture, Spec};
use rand::RngExt as _;

use super::compose;
use crate::Rng;
use crate::space::SpecExt as _;

/// Makes one architecture of two.
pub trait Recombine: Send {
    /// A child of both.
    fn recombine(
        &self,
        spec: &Spec,
        a: &Architecture,
        b: &Architecture,
        rng: &mut Rng,
    ) -> Architecture;
}

/// Every choice from one of the two, evenly.
#[derive(Clone, Copy, Debug)]
pub struct Uniform;

impl Recombine for Uniform {
    fn recombine(
        &self,
        spec: &Spec,
        a: &Architecture,
        b: &Architecture,
        rng: &mut Rng,
    ) -> Architecture {
        spec.cross(a, b, rng)
    }
}

/// The choices up to a random place from the first, those behind it from the second: choices that
/// stand together stay together.
#[derive(Clone, Copy, Debug)]
pub struct OnePoint;

impl Recombine for OnePoint {
    fn recombine(
        &self,
        spec: &Spec,
        a: &Architecture,
        b: &Architecture,
        rng: &mut Rng,
    ) -> Architecture {
        let cut = if spec.len() > 1 { rng.random_range(1..spec.len()) } else { 1 };
        compose(spec, a, rng, |at, _| {
            let (first, second) = if at < cut { (a, b) } else { (b, a) };
            first.values()[at].or(second.values()[at])
        })
    }
}

/// Every part of the network from one of the two, evenly, and at least one part from each.
///
/// The parts follow from the choices of the space:
///
/// 1. A choice and all that depends on it, directly or not, are never separated. Its name is that of
///    the choice that depends on nothing.
/// 2. What names have in common up to a dot is ignored. If a name then still has a dot, its part is
///    what stands before the first: `normal.edge_1` and `normal.edge_2` are one part,
///    `reduce.edge_1` is of another.
/// 3. If not, and it ends in a number, that is its part: `kernel_1` and `width_1` are of stage 1,
///    `edge_0_2` and `edge_1_2` are what leads to node 2.
/// 4. Everything else is a part of its own.
///
/// Where that makes one part of all, the trees of step 1 are the parts.
#[derive(Clone, Debug)]
pub struct Cells {
    /// The part of each choice.
    part: Vec<usize>,
    parts: usize,
}

impl Cells {
    /// For this space.
    pub fn new(spec: &Spec) -> Self {
        let roots = roots(spec);
        let names: Vec<&str> =
            roots.iter().map(|root| spec.choices()[*root].name.as_str()).collect();
        let shared = shared_path(&names);
        let keys: Vec<&str> = names.iter().map(|name| key(&name[shared..])).collect();
        let (part, parts) = number(&keys);
        let (part, parts) = if parts > 1 { (part, parts) } else { number(&roots) };
        Self { part, parts }
    }

    /// The part that each choice of the space belongs to, as a number from 0.
    pub fn parts(&self) -> &[usize] {
        &self.part
    }
}

impl Recombine for Cells {
    fn recombine(
        &self,
        spec: &Spec,
        a: &Architecture,
        b: &Architecture,
        rng: &mut Rng,
    ) -> Architecture {
        let mut of_a: Vec<bool> = (0..self.parts).map(|_| rng.random()).collect();
        if of_a.iter().all(|part| *part == of_a[0]) {
            let other = rng.random_range(0..self.parts);
            of_a[other] = !of_a[other];
        }
        compose(spec, a, rng, |at, _| {
            let of_a = self.part.get(at).is_none_or(|part| of_a[*part]);
            let (first, second) = if of_a { (a, b) } else { (b, a) };
            first.values()[at].or(second.values()[at])
        })
    }
}

/// For each choice the one that depends on nothing and that it depends on in the end.
fn roots(spec: &Spec) -> Vec<usize> {
    let mut roots = Vec::with_capacity(spec.len());
    for (at, choice) in spec.choices().iter().enumerate() {
        let earlier = choice.when.as_ref().and_then(|when| spec.position(when.choice()));
        // A condition refers to an earlier choice, whose root is known.
        roots.push(earlier.map_or(at, |earlier| roots[earlier]));
    }
    roots
}

/// How long the path of names, each followed by a dot, is that all names begin with.
fn shared_path(names: &[&str]) -> usize {
    let Some(first) = names.first() else { return 0 };
    let ends = first.match_indices('.').map(|(dot, _)| dot + 1);
    ends.take_while(|end| names.iter().all(|name| name.starts_with(&first[..*end])))
        .last()
        .unwrap_or(0)
}

/// What a name has in common with others of its part, see [`Cells`].
fn key(name: &str) -> &str {
    if let Some((cell, _)) = name.split_once('.') {
        return cell;
    }
    let number = name.len() - name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    if number > 0 { &name[name.len() - number..] } else { name }
}

/// The distinct keys as numbers in the order in which they appear, and how many there are.
fn number<K: Eq + std::hash::Hash>(keys: &[K]) -> (Vec<usize>, usize) {
    let mut numbers = HashMap::new();
    let numbered = keys.iter().map(|key| {
        let next = numbers.len();
        *numbers.entry(key).or_insert(next)
    });
    (numbered.collect(), numbers.len())
}

#[cfg(test)]
mod tests {
    use nascent_record::{Choice, Condition};
    use proptest::prelude::*;
    use serde_json::Value::Null;

    use super::*;
    use crate::Seed;

    fn parts(names: &[&str]) -> Vec<usize> {
        let choices = names.iter().map(|name| Choice::integer(*name, 0, 9));
        Cells::new(&Spec::new(choices.collect()).unwrap()).parts().to_vec()
    }

    #[test]
    fn parts_follow_the_names() {
        assert_eq!(parts(&["normal.e_1", "normal.e_2", "reduce.e_1", "stem"]), [0, 0, 1, 2]);
        assert_eq!(parts(&["net.a.x", "net.a.y", "net.b.x"]), [0, 0, 1]);
        assert_eq!(parts(&["cell.edge_1", "cell.edge_2", "cell.skip_1"]), [0, 1, 0]);
        assert_eq!(parts(&["width", "depth", "op3", "kernel3"]), [0, 1, 2, 2]);
        assert_eq!(parts(&["a_1", "b_1", "c_1"]), [0, 1, 2], "one part of all is none");
        assert_eq!(parts(&["alone"]), [0]);
    }

    #[test]
    fn parts_of_the_spaces() {
        let parts = |name| {
            let space = crate::space::find(name).unwrap().make(&Null, &()).unwrap();
            Cells::new(space.spec()).parts().to_vec()
        };
        assert_eq!(parts("nas_bench_201"), [0, 1, 1, 2, 2, 2], "a part for each node");
        let stages = [[0; 6], [1; 6], [2; 6]].concat();
        assert_eq!(parts("macro_cnn"), stages, "a part for each stage");
    }

    fn conditional() -> Spec {
        let on = || Condition::OneOf { choice: "a".into(), options: vec!["on".into()] };
        let deep = Condition::AtLeast { choice: "b".into(), value: 3 };
        Spec::new(vec![
            Choice::categorical("a", ["off", "on"]),
            Choice::integer("b", 1, 5).when(on()),
            Choice::integer("d", 1, 5),
            Choice::float("c", 0.0, 1.0).when(deep),
        ])
        .unwrap()
    }

    #[test]
    fn what_depends_on_a_choice_goes_with_it() {
        let (spec, mut rng) = (conditional(), Seed::new(1).rng());
        let cells = Cells::new(&spec);
        assert_eq!(cells.parts(), [0, 0, 1, 0]);
        let a = spec.parse("a=on,b=4,d=1,c=0.25").unwrap();
        let b = spec.parse("a=off,d=5").unwrap();
        for _ in 0..50 {
            let child = spec.text(&cells.recombine(&spec, &a, &b, &mut rng));
            assert!(["a=on,b=4,d=5,c=0.25", "a=off,d=1"].contains(&child.as_str()), "{child}");
        }
    }

    proptest! {
        #[test]
        fn children_have_what_a_parent_has(seed: u64) {
            let choices = (0..7).map(|i| Choice::integer(format!("c_{}_{i}", i % 3), 0, 99));
            let (spec, mut rng) = (Spec::new(choices.collect()).unwrap(), Seed::new(seed).rng());
            let (a, b) = (spec.sample(&mut rng), spec.sample(&mut rng));
            for recombine in [&Uniform as &dyn Recombine, &OnePoint, &Cells::new(&spec)] {
                let child = recombine.recombine(&spec, &a, &b, &mut rng);
                for at in 0..7 {
                    let value = child.values()[at];
                    prop_assert!(value == a.values()[at] || value == b.values()[at]);
                }
            }
            let child = OnePoint.recombine(&spec, &a, &b, &mut rng);
            prop_assert_eq!(child.values()[0], a.values()[0]);
            prop_assert_eq!(child.values()[6], b.values()[6]);
        }

        #[test]
        fn children_are_of_a_conditional_space(seed: u64) {
            let (spec, mut rng) = (conditional(), Seed::new(seed).rng());
            let (a, b) = (spec.sample(&mut rng), spec.sample(&mut rng));
            for recombine in [&Uniform as &dyn Recombine, &OnePoint, &Cells::new(&spec)] {
                spec.check(&recombine.recombine(&spec, &a, &b, &mut rng)).unwrap();
            }
        }
    }
}
