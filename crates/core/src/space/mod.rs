//! Search spaces: what can be chosen, and what a choice means as a network.

mod choices;
pub mod darts;
pub mod declared;
pub mod macro_cnn;
pub mod mlp;
pub mod nas_bench_201;
mod obstacles;
mod partial;
pub mod proxyless;
mod relaxed;
mod sample;
mod widths;

use nascent_record::{Architecture, Domain, Graph, Spec};

pub use choices::Choices;
pub use obstacles::{obstacles, relaxed_spaces};
pub use relaxed::{MixedEdge, Relaxed, Supernet};
pub use sample::{GridIter, SpecExt};
pub(crate) use sample::{draw, draw_other};
pub(crate) use widths::costs_of_widths;

use crate::Result;
use crate::config::{Entry, find as find_entry};

/// What can be chosen, and what it means.
///
/// A searcher sees the [`Spec`] only, so every searcher works on every space.
pub trait SearchSpace: Send + Sync {
    /// The choices.
    fn spec(&self) -> &Spec;

    /// What an architecture of [`SearchSpace::spec`] means as a network. It is independent of the
    /// data: the shape of the input and the number of classes are known when it is built.
    ///
    /// # Errors
    /// [`Error::Infeasible`](crate::Error::Infeasible) if it means none.
    fn graph(&self, architecture: &Architecture) -> Result<Graph>;

    /// The representative of all architectures that mean the same network; idempotent.
    fn canonical(&self, architecture: &Architecture) -> Architecture {
        architecture.clone()
    }

    /// The name of an architecture that its literature uses, if it has one of its own.
    fn official_name(&self, architecture: &Architecture) -> Option<String> {
        let _ = architecture;
        None
    }

    /// The same space for searches that train all its networks in one, if its choices are operations
    /// on edges.
    fn relaxed(&self) -> Option<&dyn Relaxed> {
        None
    }

    /// The architecture with this name, in the official or in the text form of the spec.
    ///
    /// # Errors
    /// If it is neither.
    fn parse(&self, text: &str) -> Result<Architecture> {
        Ok(self.spec().parse(text)?)
    }
}

/// A row of [`SPACES`].
pub type SpaceEntry = Entry<dyn SearchSpace, ()>;

/// All search spaces.
pub static SPACES: &[&SpaceEntry] = &[
    &nas_bench_201::ENTRY,
    &mlp::ENTRY,
    &macro_cnn::ENTRY,
    &darts::ENTRY,
    &proxyless::ENTRY,
    &declared::ENTRY,
];

/// The search space with this name.
///
/// # Errors
/// If there is none.
pub fn find(name: &str) -> Result<&'static SpaceEntry> {
    find_entry("search space", SPACES, name)
}

/// The option that an architecture has for a categorical choice.
fn option<'a>(spec: &'a Spec, architecture: &Architecture, name: &str) -> Option<&'a str> {
    let at = spec.position(name)?;
    match &spec.choices()[at].domain {
        Domain::Categorical { options } => {
            options.get(usize::try_from(architecture.int(at)?).ok()?).map(String::as_str)
        }
        _ => None,
    }
}
