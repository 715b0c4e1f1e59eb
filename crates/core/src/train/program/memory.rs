//! Which images may share memory.

use nascent_ops::layout::Planes;

use super::step::{Image, Part, Step, When};

/// How long an image is needed: from a moment to a moment, both included.
#[derive(Clone, Copy, Debug)]
struct Life {
    from: usize,
    to: usize,
}

/// For each image the piece of memory that it is in, and the shapes of those pieces.
///
/// Images of one size share one if the first is done with before the other begins. An image may take
/// one with a wider margin than it needs, which is then its own; nobody writes a margin, so it stays
/// zeros. The input is there from the start, and `zeros` are all the time. A part is where its whole
/// is.
pub(super) fn share(
    planes: &mut [Planes],
    parts: &[Part],
    steps: &[Step],
    input: Option<Image>,
    zeros: &[Image],
) -> (Vec<usize>, Vec<Planes>) {
    let lives = lives(parts, steps, input, zeros);
    let mut order: Vec<usize> = (0..lives.len()).collect();
    order.sort_by_key(|at| lives[*at].map_or(0, |life| life.from));
    let mut slots = vec![0; lives.len()];
    let mut memory: Vec<(Planes, usize)> = Vec::new();
    for at in order {
        let Some(life) = lives[at] else { continue };
        let wanted = planes[at];
        let fits = |(_, (of, to)): &(usize, &(Planes, usize))| {
            let is_wide = of.margin >= wanted.margin;
            *to < life.from && is_wide && Planes { margin: of.margin, ..wanted } == *of
        };
        let free = memory.iter().enumerate().filter(fits).min_by_key(|(_, (of, _))| of.margin);
        let slot = free.map_or(memory.len(), |(slot, _)| slot);
        if slot == memory.len() {
            memory.push((wanted, 0));
        }
        memory[slot].1 = life.to;
        slots[at] = slot;
    }
    let slots: Vec<usize> = parts.iter().map(|part| slots[part.of.0]).collect();
    for (planes, slot) in std::iter::zip(planes, &slots) {
        planes.margin = memory[*slot].0.margin;
    }
    (slots, memory.into_iter().map(|(planes, _)| planes).collect())
}

/// How long each image is needed.
fn lives(
    parts: &[Part],
    steps: &[Step],
    input: Option<Image>,
    zeros: &[Image],
) -> Vec<Option<Life>> {
    let mut lives: Vec<Option<Life>> = vec![None; parts.len()];
    let mut touch = |image: Image, at: usize| {
        let life = lives[parts[image.0].of.0].get_or_insert(Life { from: at, to: at });
        life.from = life.from.min(at);
        life.to = life.to.max(at);
    };
    let end = 2 * steps.len() + 1;
    if let Some(input) = input {
        touch(input, 0);
    }
    for zeros in zeros {
        touch(*zeros, 0);
        touch(*zeros, end);
    }
    for (number, step) in steps.iter().enumerate() {
        let (forward, backward) = (number + 1, end - number - 1);
        step.images(|image, when| {
            if when != When::Backward {
                touch(image, forward);
            }
            if when != When::Forward {
                touch(image, backward);
            }
        });
    }
    lives
}
