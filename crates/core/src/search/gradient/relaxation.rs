//! What a searcher with a supernet asks of a space, and what is said where the space has it not.

use candle_core::Device;

use crate::config::invalid;
use crate::nn::Model;
use crate::space::{Relaxed, SearchSpace, SpecExt as _, Supernet};
use crate::train::SharedWeights;
use crate::{Result, Seed};

/// The space as one whose operations can be mixed.
pub(super) fn relaxed<'a>(name: &str, space: &'a dyn SearchSpace) -> Result<&'a dyn Relaxed> {
    space.relaxed().ok_or_else(|| {
        let spaces = crate::space::SPACES.iter().filter(|entry| {
            let made = entry.make(&serde_json::Value::Null, &());
            made.is_ok_and(|space| space.relaxed().is_some())
        });
        let spaces: Vec<&str> = spaces.map(|entry| entry.name).collect();
        let problem = format!(
            "it mixes operations on the edges of cells, and the choices of this space are others; \
             choose the space {}, or another searcher, such as regularized_evolution or gp",
            spaces.join(" or ")
        );
        invalid(name, problem)
    })
}

/// A supernet whose operations work on one of so many parts of the channels.
pub(super) fn divided(name: &str, supernet: Supernet, parts: usize) -> Result<Supernet> {
    if parts == 1 {
        return Ok(supernet);
    }
    supernet.partial(parts).ok_or_else(|| {
        let problem = "it has operations work on a part of the channels of a cell, and this space has \
                       some that change their number, or that are fixed beside others to choose; choose \
                       the space nas_bench_201 or darts, or another searcher, such as darts or proxyless";
        invalid(name, problem)
    })
}

/// Whether networks of this space can begin with weights of this supernet.
pub(super) fn check_inheritance(
    name: &str,
    space: &dyn SearchSpace,
    supernet: &Supernet,
    shared: &SharedWeights,
) -> Result<()> {
    let (relaxed, model) = (relaxed(name, space)?, shared.model());
    let (shape, classes) = (model.input_shape(), model.classes());
    let mut rng = Seed::new(0).rng();
    for _ in 0..4 {
        let architecture = space.spec().sample(&mut rng);
        let graph = space.graph(&architecture)?;
        let alone = Model::new(&graph, shape, classes, Seed::new(0), &Device::Cpu)?;
        let weights = shared.of_network(&supernet.one_hot(&relaxed.path(&architecture)))?;
        alone.inherit(&weights).map_err(|problem| {
            let problem = format!(
                "inherit_weights needs tensors of the shapes that networks have alone, and {problem}; \
                 leave it out, or choose darts instead of pc_darts, or proxyless with widths=1"
            );
            invalid(name, problem)
        })?;
    }
    Ok(())
}
