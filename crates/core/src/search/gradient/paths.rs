//! Single networks of a supernet.

use std::sync::Arc;

use nascent_record::{Architecture, Spec};

use super::alpha::Alpha;
use super::method::Mixture;
use super::relaxation::relaxed;
use crate::space::{SearchSpace, SpecExt as _, Supernet, draw};
use crate::{Result, Rng};

/// The networks of a space as paths of its supernet.
pub(super) struct Paths {
    name: &'static str,
    space: Arc<dyn SearchSpace>,
    supernet: Supernet,
}

impl Paths {
    /// Those of a space.
    ///
    /// # Errors
    /// If it cannot be mixed.
    pub(super) fn new(name: &'static str, space: Arc<dyn SearchSpace>) -> Result<Self> {
        let supernet = relaxed(name, &*space)?.supernet();
        Ok(Self { name, space, supernet })
    }

    /// The choices.
    pub(super) fn spec(&self) -> &Spec {
        self.space.spec()
    }

    /// A network that is drawn evenly.
    pub(super) fn random(&self, alpha: &Alpha, rng: &mut Rng) -> Mixture {
        self.only(alpha, &self.spec().sample(rng))
    }

    /// The network of an architecture.
    pub(super) fn only(&self, alpha: &Alpha, architecture: &Architecture) -> Mixture {
        let path = relaxed(self.name, &*self.space).map(|space| space.path(architecture));
        let path = path.unwrap_or_default();
        let edges = std::iter::zip(&self.supernet.edges, path);
        let taken = edges.filter_map(|(edge, option)| Some(edge.first + option?));
        Mixture::only(alpha, taken.collect())
    }

    /// The choices of one architecture, but those of another where `other` says so; what neither has
    /// is drawn.
    pub(super) fn mixed(
        &self,
        of: &Architecture,
        with: &Architecture,
        other: impl Fn(usize) -> bool,
        rng: &mut Rng,
    ) -> Architecture {
        let built = self.spec().build(|at, choice| {
            let (first, second) = if other(at) { (with, of) } else { (of, with) };
            first.values()[at].or(second.values()[at]).unwrap_or_else(|| draw(choice, rng))
        });
        built.unwrap_or_else(|_| of.clone())
    }
}
