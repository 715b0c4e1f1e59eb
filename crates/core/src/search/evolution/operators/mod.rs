//! The parts of an evolutionary searcher: who has children, what they get of whom, what changes in
//! them, and who leaves.

mod mutate;
mod recombine;
mod select;
mod survive;

use nascent_record::{Architecture, Spec, Value};

pub use mutate::{EachChoice, Mutate, OneChoice, Rate};
pub use recombine::{Cells, OnePoint, Recombine, Uniform};
pub use select::{Best, Draw, LinearRanking, Proportional, Select, Then, tournament};
pub use survive::{Aging, Survive, Truncation};

use crate::Rng;
use crate::space::draw;

/// An architecture in which every choice that applies has the value that `pick` says, and a random
/// one where it says none.
fn compose(
    spec: &Spec,
    otherwise: &Architecture,
    rng: &mut Rng,
    mut pick: impl FnMut(usize, &mut Rng) -> Option<Value>,
) -> Architecture {
    let built = spec.build(|at, choice| match pick(at, rng) {
        Some(value) => value,
        None => draw(choice, rng),
    });
    // The values come from architectures of the same space, so this does not fail.
    built.unwrap_or_else(|_impossible| otherwise.clone())
}
