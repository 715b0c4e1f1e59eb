//! What holds for the drawing of any graph.

use nascent_figures::{Drawing, NodeBox, RenderOptions, draw_graph, render_png, render_svg};
use nascent_record::{Edge, Graph, Op};
use proptest::prelude::*;

/// Graphs with edges that lead forward, some with operations.
fn graphs() -> impl Strategy<Value = Graph> {
    let edge = (0..12_usize, 1..12_usize, 0..5_usize);
    (2..14_usize, prop::collection::vec(edge, 0..24), any::<bool>()).prop_map(
        |(count, edges, on_edges)| {
            let mut graph = Graph::new("any");
            let ops = ["conv", "none", "skip", "max_pool", "linear"];
            for at in 1..count {
                let op = (!on_edges).then(|| Op::new(ops[at % 2]));
                graph.node(&format!("node {at}"), op, &[at - 1]);
            }
            for (from, length, op) in edges {
                let (from, to) = (from % (count - 1), from % (count - 1) + length);
                let op = on_edges.then(|| Op::new(ops[op]));
                if to < count {
                    graph.edges.push(Edge { from, to, op, coefficient: None });
                }
            }
            graph
        },
    )
}

fn apart(a: [f64; 4], b: [f64; 4]) -> bool {
    a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1]
}

fn sides(node: &NodeBox) -> [f64; 4] {
    [node.x, node.y, node.x + node.width, node.y + node.height]
}

fn all_boxes(drawing: &Drawing) -> Vec<[f64; 4]> {
    let labels = drawing.edges.iter().filter_map(|edge| edge.label.as_ref());
    let labels = labels.map(|label| {
        let ([x, y], [w, h]) = (label.center, label.size);
        [x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0]
    });
    drawing.nodes.iter().map(sides).chain(labels).collect()
}

proptest! {
    #[test]
    fn nothing_overlaps_and_everything_is_inside(graph in graphs()) {
        let drawing = draw_graph(&graph);
        let boxes = all_boxes(&drawing);
        for (at, a) in boxes.iter().enumerate() {
            prop_assert!(a[0] >= 0.0 && a[1] >= 0.0);
            prop_assert!(a[2] <= drawing.size[0] && a[3] <= drawing.size[1]);
            for b in &boxes[..at] {
                prop_assert!(apart(*a, *b), "{a:?} {b:?}");
            }
        }
        for [x, y] in drawing.edges.iter().flat_map(|edge| &edge.path) {
            prop_assert!((0.0..=drawing.size[0]).contains(x) && (0.0..=drawing.size[1]).contains(y));
        }
    }

    #[test]
    fn every_edge_leads_forward(graph in graphs()) {
        let drawing = draw_graph(&graph);
        let labeled = graph.edges.iter().any(|edge| edge.op.is_some());
        let along = usize::from(!labeled);
        for edge in &drawing.edges {
            let main: Vec<f64> = edge.path.iter().map(|at| at[along]).collect();
            prop_assert!(main.is_sorted(), "{main:?}");
            prop_assert_eq!(edge.path.len() % 3, 1);
            prop_assert!(edge.from < edge.to);
        }
    }

    #[test]
    fn every_node_is_in_one_box(graph in graphs()) {
        let drawing = draw_graph(&graph);
        let nodes: Vec<usize> = drawing.nodes.iter().flat_map(|node| node.nodes.clone()).collect();
        prop_assert!(nodes.into_iter().eq(0..graph.nodes.len()));
    }

    #[test]
    fn the_same_graph_gives_the_same_picture(graph in graphs()) {
        let (a, b) = (draw_graph(&graph), draw_graph(&graph));
        prop_assert_eq!(&a, &b);
        let options = RenderOptions::default();
        prop_assert_eq!(render_svg(&a, &options).unwrap(), render_svg(&b, &options).unwrap());
    }
}

#[test]
fn runs_of_identical_nodes_are_one_box_only_where_nothing_is_hidden() {
    let mut graph = Graph::new("chain");
    for at in 0..6 {
        graph.then(&format!("cell {at}"), Op::cell("normal"));
    }
    graph.then("head", Op::new("linear"));
    let lines = |graph: &Graph| -> Vec<String> {
        draw_graph(graph).nodes.iter().map(|node| node.lines.join(" ")).collect()
    };
    assert_eq!(lines(&graph), ["input", "normal cell ×6", "head linear"]);
    // An edge out of the middle must not be hidden.
    graph.edges.push(Edge { from: 3, to: 7, op: None, coefficient: None });
    assert_eq!(lines(&graph), ["input", "normal cell ×3", "normal cell ×3", "head linear"]);
}

#[test]
fn a_large_graph_is_laid_out_and_refused_as_a_bitmap() {
    let mut graph = Graph::new("large");
    for at in 0..400_usize {
        let op = Op::new(["conv", "relu"][at % 2]);
        graph.node("", Some(op), &[at]);
        if at > 20 {
            graph.edges.push(Edge { from: at - at % 20, to: at + 1, op: None, coefficient: None });
        }
    }
    let drawing = draw_graph(&graph);
    assert_eq!(drawing.nodes.len(), 401);
    let options = RenderOptions { scale: 8.0, ..RenderOptions::default() };
    render_svg(&drawing, &options).unwrap();
    let error = render_png(&drawing, &options).unwrap_err().to_string();
    assert!(error.ends_with("draw it as SVG or smaller"), "{error}");
}

#[test]
fn a_graph_of_one_node_and_a_wrong_graph_are_drawn() {
    assert_eq!(draw_graph(&Graph::new("alone")).nodes.len(), 1);
    let mut wrong = Graph::new("wrong");
    wrong.then("a", Op::cell("missing"));
    wrong.edge(1, 0, Op::new("conv"));
    wrong.edge(0, 9, Op::new("conv"));
    assert_eq!(draw_graph(&wrong).edges.len(), 1);
    wrong.nodes.clear();
    assert!(draw_graph(&wrong).nodes.is_empty());
    render_svg(&draw_graph(&wrong), &RenderOptions::default()).unwrap();
}
