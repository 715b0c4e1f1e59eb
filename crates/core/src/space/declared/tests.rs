use serde_json::{Value, json};

use super::*;
use crate::Seed;
use crate::nn::{check_forward, cost};
use crate::space::{SpecExt as _, mlp, nas_bench_201};

fn declared(json: Value) -> Declared {
    Declared::new(serde_json::from_value(json).unwrap()).unwrap()
}

/// A network without what people call its nodes.
fn unlabeled(graph: &Graph) -> Graph {
    let mut graph = graph.clone();
    for (at, node) in graph.nodes.iter_mut().enumerate() {
        node.label = at.to_string();
    }
    graph.name = String::new();
    let cells = std::mem::take(&mut graph.cells);
    graph.cells = cells.iter().map(|(name, cell)| (name.clone(), unlabeled(cell))).collect();
    graph
}

fn nas_bench_201_again() -> Declared {
    let ops = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"];
    let edge = |from: &str| json!({ "from": from, "ops": ops });
    declared(json!({
        "cells": [{
            "name": "cell",
            "input": "0",
            "nodes": [
                { "name": "1", "edges": [edge("0")] },
                { "name": "2", "edges": [edge("0"), edge("1")] },
                { "name": "3", "edges": [edge("0"), edge("1"), edge("2")] },
            ],
        }],
        "network": [
            { "stages": { "count": 3, "channels": 8, "parts": [
                { "repeat": { "times": 2, "parts": [{ "layer": { "op": "cell" } }] } },
            ] } },
            { "layer": { "op": "head" } },
        ],
    }))
}

fn nas_bench_201() -> nas_bench_201::NasBench201 {
    nas_bench_201::NasBench201::new(nas_bench_201::Config { channels: 8, cells: 2 }).unwrap()
}

#[test]
fn nas_bench_201_can_be_declared() {
    let (again, built_in) = (nas_bench_201_again(), nas_bench_201());
    assert_eq!(again.spec().size(), Some(15_625));
    assert_eq!(again.spec().choices()[2].name, "cell.1-2");
    let mut rng = Seed::new(1).rng();
    for _ in 0..50 {
        let architecture = built_in.spec().sample(&mut rng);
        let (a, b) = (again.graph(&architecture).unwrap(), built_in.graph(&architecture).unwrap());
        assert_eq!(unlabeled(&a), unlabeled(&b));
        let cost = |graph| cost(graph, &[3, 16, 16], 10).unwrap();
        assert_eq!(cost(&a), cost(&b));
    }
}

#[test]
fn the_supernet_of_nas_bench_201_can_be_declared() {
    let (again, built_in) = (nas_bench_201_again(), nas_bench_201());
    let [a, b] = [again.relaxed(), built_in.relaxed()].map(|relaxed| relaxed.unwrap());
    let (net_a, net_b) = (a.supernet(), b.supernet());
    assert_eq!(unlabeled(&net_a.graph), unlabeled(&net_b.graph));
    assert_eq!(net_a.coefficients(), 30);
    for (a, b) in std::iter::zip(&net_a.edges, &net_b.edges) {
        assert_eq!((&a.options, a.first), (&b.options, b.first));
    }
    let architecture = again.spec().sample(&mut Seed::new(2).rng());
    assert_eq!(a.path(&architecture), b.path(&architecture));
    let mut strengths = vec![vec![0.0; 5]; 6];
    for (at, strengths) in strengths.iter_mut().enumerate() {
        strengths[at % 5] = 1.0;
    }
    assert_eq!(a.strongest(&strengths).unwrap(), b.strongest(&strengths).unwrap());
    assert!(net_a.partial(4).is_some());
}

#[test]
fn perceptrons_can_be_declared() {
    let on = json!({ "one_of": { "choice": "dropout", "options": ["on"] } });
    let normalized = |kind: &str| {
        let when = json!({ "one_of": { "choice": "normalization", "options": [kind] } });
        json!({ "layer": { "op": kind, "when": when } })
    };
    let options = |options: &[&str]| json!({ "categorical": { "options": options } });
    let again = declared(json!({
        "choices": [
            { "name": "depth", "domain": { "integer": { "low": 1, "high": 4 } } },
            { "name": "width", "per": "depth",
              "domain": { "integer": { "low": 16, "high": 256, "log": true } } },
            { "name": "activation", "domain": options(&["relu", "gelu", "silu", "tanh"]) },
            { "name": "normalization", "domain": options(&["none", "batch_norm", "layer_norm"]) },
            { "name": "dropout", "domain": options(&["off", "on"]) },
            { "name": "dropout_rate", "domain": { "float": { "low": 0.05, "high": 0.5 } },
              "when": on },
        ],
        "network": [
            { "layer": { "op": "flatten" } },
            { "repeat": { "times": { "choice": "depth" }, "parts": [
                { "layer": { "op": "linear", "with": { "width": { "choice": "width" } } } },
                normalized("batch_norm"),
                normalized("layer_norm"),
                { "layer": { "op": "activation", "with": { "kind": { "choice": "activation" } } } },
                { "layer": { "op": "dropout", "with": { "rate": { "choice": "dropout_rate" } } } },
            ] } },
            { "layer": { "op": "classifier" } },
        ],
    }));
    let built_in = mlp::Mlp::new(mlp::Config::default()).unwrap();
    assert_eq!(again.spec(), built_in.spec());
    let mut rng = Seed::new(1).rng();
    for _ in 0..50 {
        let architecture = built_in.spec().sample(&mut rng);
        let (a, b) = (again.graph(&architecture).unwrap(), built_in.graph(&architecture).unwrap());
        assert_eq!(unlabeled(&a), unlabeled(&b), "{}", built_in.spec().text(&architecture));
        assert_eq!(cost(&a, &[20], 3).unwrap(), cost(&b, &[20], 3).unwrap());
    }
    assert!(again.relaxed().is_none(), "its choices are no operations on edges");
}

/// Blocks that differ in every way that can be said, each repetition with its own.
fn mobile() -> Value {
    let block = |kind: &str, more: Value| {
        let mut with = json!({
            "channels": { "choice": "channels", "times": 2 },
            "kernel": { "choice": "kernel" },
        });
        with.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let when = json!({ "one_of": { "choice": "block", "options": [kind] } });
        json!({ "layer": { "op": kind, "with": with, "when": when } })
    };
    let mbconv = json!({ "one_of": { "choice": "block", "options": ["mbconv"] } });
    json!({
        "choices": [
            { "name": "channels", "domain": { "categorical": { "options": ["4", "8"] } } },
            { "name": "blocks", "domain": { "integer": { "low": 2, "high": 3 } } },
            { "name": "block", "per": "blocks",
              "domain": { "categorical": { "options": ["conv", "mbconv"] } } },
            { "name": "expansion", "per": "blocks", "when": mbconv,
              "domain": { "integer": { "low": 2, "high": 4, "step": 2 } } },
            { "name": "kernel", "domain": { "categorical": { "options": ["3", "5"] } } },
        ],
        "network": [
            { "layer": { "op": "stem", "with": { "channels": { "choice": "channels" } } } },
            { "repeat": { "times": { "choice": "blocks" }, "parts": [
                block("conv", json!({})),
                block("mbconv", json!({ "expansion": { "choice": "expansion" } })),
            ] } },
            { "layer": { "op": "head" } },
        ],
    })
}

#[test]
fn each_repetition_has_choices_of_its_own() {
    let space = declared(mobile());
    // Kernels and channels, times the ways to fill two blocks or three.
    assert_eq!(space.spec().size(), Some(2 * 2 * (3 * 3 + 3 * 3 * 3)));
    let name = "channels=8,blocks=2,block_1=mbconv,block_2=conv,expansion_1=4,kernel=5";
    let graph = space.graph(&space.parse(name).unwrap()).unwrap();
    let ops: Vec<Value> = graph.nodes[1..].iter().map(|node| json!(node.op)).collect();
    assert_eq!(
        ops,
        [
            json!({ "name": "stem", "attributes": { "channels": 8 } }),
            json!({ "name": "mbconv", "attributes": { "channels": 16, "expansion": 4, "kernel": 5 } }),
            json!({ "name": "conv", "attributes": { "channels": 16, "kernel": 5 } }),
            json!({ "name": "head" }),
        ]
    );
    check_forward(&graph, &[1, 8, 8], 10).unwrap();
}

#[test]
fn cells_join_edges_and_may_depend_on_choices() {
    let space = declared(json!({
        "choices": [
            { "name": "kind", "domain": { "categorical": { "options": ["plain", "wide"] } } },
            { "name": "kernel", "domain": { "categorical": { "options": ["3", "5"] } } },
        ],
        "cells": [
            { "name": "wide", "input": "x",
              "when": { "one_of": { "choice": "kind", "options": ["wide"] } },
              "nodes": [
                { "name": "a", "edges": [{ "from": "x", "ops": [
                    { "op": "conv", "with": { "kernel": { "choice": "kernel" } } },
                    { "op": "mbconv", "with": { "kernel": 3, "expansion": 2 } },
                ] }] },
                { "name": "y", "join": "concat", "edges": [{ "from": "x" }, { "from": "a" }] },
            ] },
        ],
        "network": [
            { "layer": { "op": "stem", "with": { "channels": 4 } } },
            { "layer": { "op": "wide" } },
            { "layer": { "op": "head" } },
        ],
    }));
    let plain = space.graph(&space.parse("kind=plain,kernel=5").unwrap()).unwrap();
    assert_eq!(plain.nodes.len(), 3, "input, stem and head");
    assert!(plain.cells.is_empty());
    let text = "kind=wide,kernel=5,wide.x-a=conv(kernel:kernel)";
    let wide = space.graph(&space.parse(text).unwrap()).unwrap();
    let cell = &wide.cells["wide"];
    assert_eq!(cell.nodes[2].combine, Combine::Concat);
    assert_eq!(cell.edges[0].op.as_ref().unwrap().int("kernel"), Some(5));
    assert_eq!(cell.edges[1].op, None);
    // The convolution keeps its channels, and both are side by side: a head of 8.
    let params = |graph: &Graph| cost(graph, &[1, 8, 8], 10).unwrap().params;
    let conv = 4 * 4 * 25 + 2 * 4;
    assert_eq!(params(&wide) - params(&plain), conv + 2 * 4 + 4 * 10);
    check_forward(&wide, &[1, 8, 8], 10).unwrap();
}

#[test]
fn a_single_cell_has_a_usual_network() {
    let cell = json!({ "name": "c", "input": "x", "nodes": [
        { "name": "y", "edges": [{ "from": "x", "ops": ["nor_conv_1x1", "nor_conv_3x3"] }] },
    ] });
    let space = declared(json!({ "cells": [cell] }));
    let graph = space.graph(&space.spec().sample(&mut Seed::new(1).rng())).unwrap();
    let labels: Vec<&str> = graph.nodes.iter().map(|node| node.label.as_str()).collect();
    let expected = [
        "input",
        "stem",
        "c 1",
        "residual reduction 1",
        "c 2",
        "residual reduction 2",
        "c 3",
        "head",
    ];
    assert_eq!(labels, expected);
}

#[test]
fn how_often_is_also_one_of_some_numbers() {
    let space = declared(json!({
        "choices": [{ "name": "often", "domain": { "categorical": { "options": ["0", "3"] } } }],
        "network": [
            { "layer": { "op": "stem", "with": { "channels": 4 } } },
            { "repeat": { "times": { "choice": "often", "times": 2 }, "parts": [
                { "layer": { "op": "nor_conv_1x1" } },
            ] } },
            { "layer": { "op": "head" } },
        ],
    }));
    let nodes = |name: &str| space.graph(&space.parse(name).unwrap()).unwrap().nodes.len();
    assert_eq!([nodes("often=0"), nodes("often=3")], [3, 3 + 2 * 3]);
}

#[test]
fn what_is_fixed_beside_what_is_mixed_is_in_the_supernet_and_cannot_be_divided() {
    let space = declared(json!({ "cells": [{ "name": "c", "input": "x", "nodes": [
        { "name": "y", "edges": [
            { "from": "x" },
            { "from": "x", "ops": ["none", "nor_conv_3x3"] },
        ] },
    ] }] }));
    let supernet = space.relaxed().unwrap().supernet();
    let coefficients: Vec<_> =
        supernet.graph.cells["c"].edges.iter().map(|edge| edge.coefficient).collect();
    assert_eq!(coefficients, [None, Some(0), Some(1)]);
    assert!(supernet.partial(2).is_none());
}

#[test]
fn a_declaration_is_its_settings() {
    for json in [mobile(), example().settings()] {
        let space = declared(json);
        let settings = space.declaration().settings();
        let again = ENTRY.make(&settings, &()).unwrap();
        assert_eq!(again.spec(), space.spec());
        let architecture = space.spec().sample(&mut Seed::new(3).rng());
        assert_eq!(again.graph(&architecture).unwrap(), space.graph(&architecture).unwrap());
    }
}

/// The mobile space with one thing changed, and what is said of that.
fn complaint(pointer: &str, value: Value) -> String {
    let mut json = mobile();
    *json.pointer_mut(pointer).unwrap() = value;
    let made = serde_json::from_value(json).map_err(|error| error.to_string());
    let made =
        made.and_then(|made| Declared::new(made).map(drop).map_err(|error| error.to_string()));
    made.err().unwrap_or_else(|| "no complaint".to_owned())
}

/// What is said of each of these changes.
fn assert_complaints<const N: usize>(expected: [(&str, (&str, Value)); N]) {
    for (text, (pointer, value)) in expected {
        let message = complaint(pointer, value);
        assert!(message.contains(text), "{message}\n  instead of\n{text}");
    }
}

#[test]
fn mistakes_are_errors_that_name_the_place_and_the_way_out() {
    let head = "/network/2/layer";
    assert_complaints([
        (
            "declared: network, layer \"haed\": there is no such operation or cell; did you mean \
             \"head\"?",
            (head, json!({ "op": "haed" })),
        ),
        (
            "declared: network, layer \"head\": \"head\" has no setting \"width\"; it has none",
            (head, json!({ "op": "head", "with": { "width": 3 } })),
        ),
        (
            "declared: network, layer \"linear\": \"linear\" has no setting \"widht\"; did you mean \
             \"width\"?",
            (head, json!({ "op": "linear", "with": { "widht": 3 } })),
        ),
        (
            "declared: network, layer \"stem\": there is no choice \"chanels\"; did you mean \
             \"channels\"?",
            ("/network/0/layer/with/channels/choice", json!("chanels")),
        ),
        (
            "declared: network, layer \"stem\": there is one \"block\" for each \"blocks\": name it \
             inside of what repeats \"blocks\" times",
            ("/network/0/layer/with/channels/choice", json!("block")),
        ),
        (
            "declared: network, repeat: a whole number of at least 1 stands here",
            ("/network/1/repeat/times", json!("often")),
        ),
        (
            "declared: network: it can have 20002 layers; repeat less, 1000 are the most",
            (
                "/network/1/repeat",
                json!({ "times": 1000, "parts": [
                { "repeat": { "times": 20, "parts": [{ "layer": { "op": "identity" } }] } },
            ] }),
            ),
        ),
        (
            "declared: choice \"block\": there is no choice \"blcks\" before it that could be repeated \
             by; did you mean \"blocks\"?",
            ("/choices/2/per", json!("blcks")),
        ),
        (
            "declared: choice \"block\": there can be one for each \"channels\" only if that is a whole \
             number",
            ("/choices/2/per", json!("channels")),
        ),
        (
            "declared: choice \"expansion\": it depends on \"block\", of which there is one for each \
             \"blocks\"; declare this one for each \"blocks\" too",
            ("/choices/3/per", Value::Null),
        ),
        (
            "declared: choice \"expansion\": it depends on \"channels\", and from the repetition 3 on \
             also on \"blocks\"",
            ("/choices/3/when/one_of/choice", json!("channels")),
        ),
        ("declared: choice \"kernel\": it is declared twice", ("/choices/0/name", json!("kernel"))),
        (
            "invalid search space: choice \"expansion_1\" depends on \"block_1\" being \"mbcon\", not an \
             option; did you mean \"mbconv\"?",
            ("/choices/3/when/one_of/options/0", json!("mbcon")),
        ),
        (
            "declared: network, layer \"conv\": it depends on \"block\" being \"convolution\", not an \
             option",
            ("/network/1/repeat/parts/0/layer/when/one_of/options/0", json!("convolution")),
        ),
        (
            "declared: choice \"expansion\": nothing names it; use it in a layer, a repeat or a condition, \
             or leave it out",
            (
                "/network/1/repeat/parts",
                json!([{ "layer": { "op": "conv", "with": {
                "channels": { "choice": "channels" } } } }]),
            ),
        ),
        (
            "unknown variant `lyer`, expected one of `layer`, `repeat`, `stages`",
            ("/network/2", json!({ "lyer": { "op": "head" } })),
        ),
        (
            "a setting is a number, a text, or {\"choice\": NAME}",
            ("/network/0/layer/with/channels", json!({ "chosen": "channels" })),
        ),
        (
            "network, layer \"conv\": \"channels\" is multiplied, and can be \"few\", which is no number",
            ("/choices/0/domain/categorical/options/0", json!("few")),
        ),
        ("network: it has no layer; declare one that ends in a head", ("/network", json!([]))),
    ]);
}

#[test]
fn mistakes_in_cells_are_too() {
    assert_complaints([
        (
            "declared: cell \"head\": this is the name of an operation; choose another",
            ("", json!({ "cells": [{ "name": "head", "input": "x", "nodes": [] }] })),
        ),
        (
            "declared: cell \"c\": it has no node behind its input; the last node is its output",
            ("", json!({ "cells": [{ "name": "c", "input": "x", "nodes": [] }] })),
        ),
        (
            "declared: cell \"c\", edge z-y: there is no node \"z\" before it; known: x",
            ("", cell_of(&json!([{ "name": "y", "edges": [{ "from": "z" }] }]))),
        ),
        (
            "declared: cell \"c\": it has two nodes \"x\"; give one another name",
            ("", cell_of(&json!([{ "name": "x", "edges": [{ "from": "x" }] }]))),
        ),
        (
            "declared: cell \"c\": nothing leads to the node \"y\"; give it an edge",
            ("", cell_of(&json!([{ "name": "y", "edges": [] }]))),
        ),
        (
            "declared: cell \"c\", edge x-y: there is no operation \"nor_conv\"; did you mean",
            (
                "",
                cell_of(&json!([{ "name": "y", "edges": [{ "from": "x", "ops": ["nor_conv"] }] }])),
            ),
        ),
        (
            "an operation is its name, or {\"op\": NAME, \"with\": {SETTING: VALUE}}",
            ("", cell_of(&json!([{ "name": "y", "edges": [{ "from": "x", "ops": [3] }] }]))),
        ),
        (
            "declared: cell \"c\": two edges from \"x\" to \"y\" have a choice; put a node between",
            (
                "",
                cell_of(&json!([{ "name": "y", "edges": [
                { "from": "x", "ops": ["none", "nor_conv_1x1"] },
                { "from": "x", "ops": ["none", "nor_conv_3x3"] },
            ] }])),
            ),
        ),
    ]);
}

fn cell_of(nodes: &Value) -> Value {
    json!({ "cells": [{ "name": "c", "input": "x", "nodes": nodes }] })
}
