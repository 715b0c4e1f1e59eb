//! Which steps of a supernet belong to which coefficient.

use std::collections::HashMap;

use nascent_ops::kernel::Write;

use super::step::{Image, Step};

/// Whose an image is: all that reads it is multiplied with this coefficient, or not all is with one.
type Owner = Option<usize>;

/// Which coefficient each step belongs to, and the gradients that have to be zeros where it is left
/// out.
pub(super) type Owners = Vec<(Owner, Vec<Image>)>;

/// For each step the coefficient that multiplies all that comes of it, if there is one, and the
/// gradients that have to be zeros for others where the step is left out. Says of each term of a
/// join whether its image has other readers.
pub(super) fn find(steps: &mut [Step]) -> Owners {
    let mut of_images: HashMap<Image, Owner> = HashMap::new();
    let mut of_steps = Vec::new();
    for step in steps.iter().rev() {
        let mut owners = step.outputs().filter_map(|image| of_images.get(&image).copied());
        let first = owners.next().flatten();
        let owner = first.filter(|_| owners.all(|other| other == first));
        step.inputs(|image, coefficient| {
            let owner = coefficient.or(owner);
            let known = of_images.entry(image).or_insert(owner);
            *known = known.filter(|_| *known == owner);
        });
        of_steps.push(owner);
    }
    of_steps.reverse();
    for step in &mut *steps {
        if let Step::Join(join) = step {
            for term in &mut join.terms {
                term.is_shared = of_images.get(&term.x).copied().flatten() != term.coefficient;
            }
        }
    }
    let with_zeros = std::iter::zip(&*steps, of_steps).map(|(step, owner)| {
        let mut zeros = Vec::new();
        if owner.is_some() {
            step.gradients(|x, (dx, write)| {
                if write == Write::Set && of_images.get(&x).copied().flatten() != owner {
                    zeros.push(dx);
                }
            });
        }
        (owner, zeros)
    });
    with_zeros.collect()
}

/// The normalizations of what is multiplied with a coefficient: a scale of their own would take the
/// meaning from it.
pub(super) fn frozen(steps: &[Step], owners: &Owners) -> Vec<usize> {
    let terms = std::iter::zip(steps, owners).flat_map(|(step, (owner, _))| match step {
        Step::Join(join) => join.terms.iter().map(|term| (term, *owner)).collect(),
        _ => Vec::new(),
    });
    let mixed = terms.filter(|(term, owner)| term.coefficient.or(*owner).is_some());
    mixed.filter_map(|(term, _)| term.norm).collect()
}
