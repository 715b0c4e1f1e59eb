//! What a searcher with a supernet asks of a space, and what is said where the space has it not.

use candle_core::Device;

use crate::config::invalid;
use crate::nn::Model;
use crate::search::{self, SEARCHERS, SearcherEntry};
use crate::space::{Relaxed, SearchSpace, SpecExt as _, Supernet, obstacles, relaxed_spaces};
use crate::train::SharedWeights;
use crate::{Result, Seed};

/// The space as one whose operations can be mixed.
pub(super) fn relaxed<'a>(name: &str, space: &'a dyn SearchSpace) -> Result<&'a dyn Relaxed> {
    space.relaxed().ok_or_else(|| {
        let with_any = SEARCHERS.iter().filter(|entry| !entry.trains_supernet());
        let with_any: Vec<&str> = with_any.map(|entry| entry.name).collect();
        let problem = format!(
            "it mixes operations on the edges of cells, and in this space {}; search it with another \
             searcher ({}), or choose a space whose choices are all operations on edges ({}, or one \
             that you declare)",
            obstacles(space.spec()),
            with_any.join(", "),
            spaces(name).join(", ")
        );
        invalid(name, problem)
    })
}

/// The spaces that this searcher takes.
fn spaces(name: &str) -> Vec<&'static str> {
    let entry = search::find(name).ok();
    match entry.and_then(SearcherEntry::parts) {
        Some(parts) => relaxed_spaces(|supernet| supernet.partial(parts).is_some()),
        None => relaxed_spaces(|_| true),
    }
}

/// A supernet whose operations work on one of so many parts of the channels.
pub(super) fn divided(name: &str, supernet: Supernet, parts: usize) -> Result<Supernet> {
    if parts == 1 {
        return Ok(supernet);
    }
    supernet.partial(parts).ok_or_else(|| {
        let with_whole = SEARCHERS.iter().filter(|entry| entry.trains_supernet());
        let with_whole = with_whole.filter(|entry| entry.parts().is_none() && entry.name != name);
        let with_whole: Vec<&str> = with_whole.map(|entry| entry.name).collect();
        let problem = format!(
            "it has operations work on a part of the channels of a cell, and this space has some \
             that change their number, or that are fixed beside others to choose; choose the space \
             {}, or another searcher ({})",
            relaxed_spaces(|supernet| supernet.partial(parts).is_some()).join(" or "),
            with_whole.join(", ")
        );
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
                 leave it out, or choose darts instead of pc_darts, or parts=1 for drnas"
            );
            invalid(name, problem)
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use nascent_record::{Goal, Objective};
    use serde_json::{Value, json};

    use super::*;
    use crate::search::{SearchSetup, find};
    use crate::train::TrainConfig;

    /// What a searcher says of a space.
    fn refusal(searcher: &str, space: &str, settings: &Value) -> String {
        let space = crate::space::find(space).unwrap().make(settings, &()).unwrap();
        let goal = Goal::new(Objective::maximize("valid_accuracy"));
        let setup = SearchSetup::new(space.into(), goal, Seed::new(1));
        match find(searcher).unwrap().make(&Value::Null, &setup) {
            Ok(_) => panic!("it is taken"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_refusal_says_what_is_in_the_way_and_who_can_search() {
        let declared = json!({
            "choices": [{ "name": "width", "domain": { "integer": { "low": 4, "high": 12 } } }],
            "cells": [{ "name": "cell", "input": "x", "nodes": [{ "name": "y", "edges": [
                { "from": "x", "ops": ["skip_connect", "nor_conv_3x3"] },
            ] }] }],
            "network": [
                { "layer": { "op": "stem", "with": { "channels": { "choice": "width" } } } },
                { "layer": { "op": "cell" } },
                { "layer": { "op": "head" } },
            ],
        });
        let concat = json!({ "choices": [], "network": [], "cells": [{ "name": "cell", "input": "x", "nodes": [
            { "name": "y", "join": "concat", "edges": [
                { "from": "x", "ops": ["skip_connect", "nor_conv_3x3"] },
            ] },
        ] }] });
        let depth = ["\"depth\" (and 4 more", "\"width_2\" (and 3 more like it) is there only"];
        let kernel = ["\"repeats_1\" (and 2 more", "is one of 3, 5, which are not operations"];
        let width = ["\"width\" is an integer from 4 to 12, not one of several operations"];
        for (space, settings, reasons) in [
            ("mlp", Value::Null, &depth[..]),
            ("macro_cnn", Value::Null, &kernel),
            ("declared", declared, &width),
            ("declared", concat, &["in this space operations are not added up on the edges"]),
        ] {
            for searcher in SEARCHERS.iter().filter(|entry| entry.trains_supernet()) {
                let message = refusal(searcher.name, space, &settings);
                for reason in reasons {
                    assert!(message.contains(reason), "{message}");
                }
                let (_, others) = message.split_once("another searcher (").unwrap();
                let (others, spaces) = others.split_once("), or choose a space").unwrap();
                let others: Vec<&str> = others.split(", ").collect();
                assert!(["random", "gp", "bohb"].iter().all(|name| others.contains(name)));
                for other in others {
                    assert!(!find(other).unwrap().trains_supernet(), "{other} needs one too");
                }
                assert!(spaces.contains("nas_bench_201, darts"), "{spaces}");
                assert_eq!(spaces.contains("proxyless"), searcher.name != "pc_darts", "{spaces}");
            }
        }
    }

    #[test]
    fn networks_of_every_width_begin_with_shared_weights() {
        let settings = json!({ "stages": 2, "blocks": 2, "channels": 8, "widths": 4 });
        let space = crate::space::find("proxyless").unwrap().make(&settings, &()).unwrap();
        let supernet = space.relaxed().unwrap().supernet();
        let config = TrainConfig { batch_size: 16, ..TrainConfig::default() };
        let shared = SharedWeights::new(&supernet, &[1, 8, 8], 10, &config, Seed::new(1)).unwrap();
        check_inheritance("proxyless", &*space, &supernet, &shared).unwrap();
    }
}
