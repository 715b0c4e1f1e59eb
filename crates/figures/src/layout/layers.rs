//! The layered layout itself, on boxes without contents.
//!
//! *Main* is the direction in which edges run, *cross* is the other.

use std::cmp::Ordering;

/// Where edges lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Right,
    Down,
}

/// A box to be placed: its extent along the edges and across them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Vertex {
    main: f64,
    cross: f64,
}

impl Vertex {
    /// A box of this width and height.
    pub(super) fn of([width, height]: [f64; 2], flow: Flow) -> Self {
        match flow {
            Flow::Right => Self {
                main: width,
                cross: height,
            },
            Flow::Down => Self {
                main: height,
                cross: width,
            },
        }
    }
}

/// An edge to be placed, with the box of its label.
pub(super) struct Link {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) label: Option<Vertex>,
}

/// An edge in its place.
pub(super) struct Route {
    pub(super) path: Vec<[f64; 2]>,
    pub(super) label: Option<[f64; 2]>,
}

/// Everything in its place, in x and y.
pub(super) struct Placed {
    pub(super) size: [f64; 2],
    pub(super) boxes: Vec<[f64; 2]>,
    pub(super) edges: Vec<Route>,
}

/// The room around the drawing.
const MARGIN: f64 = 12.0;
/// The distance of neighbors in a layer.
const CROSS_GAP: f64 = 12.0;
/// The rounds of ordering and of placing; both are at rest long before for graphs of our size.
const ROUNDS: usize = 24;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Box,
    Label,
    Bend,
}

/// A place in a layer: a box, a label, or where an edge passes.
struct Slot {
    kind: Kind,
    layer: usize,
    extent: Vertex,
    /// Neighbors in the layer before and in the layer behind, with how much they pull.
    before: Vec<(usize, f64)>,
    behind: Vec<(usize, f64)>,
    at: f64,
}

/// Places boxes and edges; the edges lead from lower to higher positions.
pub(super) fn place(boxes: &[Vertex], links: &[Link], flow: Flow) -> Placed {
    let labeled = links.iter().any(|link| link.label.is_some());
    // With labels every other layer is theirs.
    let ranks = ranks(boxes.len(), links, if labeled { 2 } else { 1 });
    let mut slots: Vec<Slot> = std::iter::zip(boxes, &ranks)
        .map(|(&extent, &layer)| slot(Kind::Box, layer, extent))
        .collect();
    let chains: Vec<Vec<usize>> = links.iter().map(|link| chain(&mut slots, link)).collect();
    let mut layers: Vec<Vec<usize>> = vec![Vec::new(); ranks.iter().max().map_or(0, |r| r + 1)];
    for (at, slot) in slots.iter().enumerate() {
        layers[slot.layer].push(at);
    }
    order(&mut layers, &slots);
    settle(&layers, &mut slots);

    let low = |slot: &Slot| slot.at - slot.extent.cross / 2.0;
    let high = |slot: &Slot| slot.at + slot.extent.cross / 2.0;
    let least = slots.iter().map(low).fold(f64::INFINITY, f64::min);
    let most = slots.iter().map(high).fold(f64::NEG_INFINITY, f64::max);
    let least = if least.is_finite() { least } else { 0.0 };
    let shift = MARGIN - least;
    for slot in &mut slots {
        slot.at += shift;
    }
    let gap = match (flow, labeled) {
        (Flow::Right, true) => 14.0,
        (Flow::Right, false) => 36.0,
        (Flow::Down, _) => 26.0,
    };
    let mut spans = Vec::with_capacity(layers.len()); // where each layer begins and ends
    let mut main = MARGIN;
    for layer in &layers {
        let extent = layer
            .iter()
            .map(|&at| slots[at].extent.main)
            .fold(0.0, f64::max);
        spans.push((main, main + extent));
        main += extent + gap;
    }
    let length = main - gap + MARGIN;
    let across = most - least + 2.0 * MARGIN;
    let point = |main: f64, cross: f64| match flow {
        Flow::Right => [main, cross],
        Flow::Down => [cross, main],
    };
    let center = |slot: &Slot| {
        let (begin, end) = spans[slot.layer];
        point((begin + end) / 2.0, slot.at)
    };
    let routes = chains.iter().map(|chain| {
        let label = chain.iter().find(|&&at| slots[at].kind == Kind::Label);
        Route {
            path: path(chain, &slots, &spans, point),
            label: label.map(|&at| center(&slots[at])),
        }
    });
    let edges = routes.collect();
    let across = if across.is_finite() {
        across
    } else {
        2.0 * MARGIN
    };
    Placed {
        size: point(length.max(2.0 * MARGIN), across),
        boxes: slots[..boxes.len()].iter().map(center).collect(),
        edges,
    }
}

fn slot(kind: Kind, layer: usize, extent: Vertex) -> Slot {
    Slot {
        kind,
        layer,
        extent,
        before: Vec::new(),
        behind: Vec::new(),
        at: 0.0,
    }
}

/// The layer of each box: the longest path to it.
fn ranks(count: usize, links: &[Link], step: usize) -> Vec<usize> {
    let mut ranks = vec![0; count];
    let mut by_target: Vec<&Link> = links.iter().collect();
    by_target.sort_by_key(|link| link.to);
    for link in by_target {
        ranks[link.to] = ranks[link.to].max(ranks[link.from] + step);
    }
    ranks
}

/// Gives an edge a place in each layer that it passes; returns its places from end to end.
fn chain(slots: &mut Vec<Slot>, link: &Link) -> Vec<usize> {
    let (first, last) = (slots[link.from].layer, slots[link.to].layer);
    let middle = usize::midpoint(first, last);
    let mut chain = vec![link.from];
    for layer in first + 1..last {
        let label = link.label.filter(|_| layer == middle);
        let kind = if label.is_some() {
            Kind::Label
        } else {
            Kind::Bend
        };
        chain.push(slots.len());
        slots.push(slot(kind, layer, label.unwrap_or_default()));
    }
    chain.push(link.to);
    for pair in chain.windows(2) {
        let boxes = pair
            .iter()
            .filter(|&&at| slots[at].kind == Kind::Box)
            .count();
        // Long edges are to be straight (Gansner et al., "A Technique for Drawing Directed
        // Graphs", 1993).
        let pull = [8.0, 2.0, 1.0][boxes];
        slots[pair[0]].behind.push((pair[1], pull));
        slots[pair[1]].before.push((pair[0], pull));
    }
    chain
}

/// Orders each layer so that few edges cross.
fn order(layers: &mut [Vec<usize>], slots: &[Slot]) {
    let mut position = vec![0; slots.len()];
    let note = |layers: &[Vec<usize>], position: &mut [usize]| {
        for layer in layers {
            for (at, &slot) in layer.iter().enumerate() {
                position[slot] = at;
            }
        }
    };
    note(layers, &mut position);
    let mut best = (crossings(layers, slots, &position), layers.to_vec());
    for round in 0..ROUNDS {
        let forward = round % 2 == 0;
        for step in 0..layers.len() {
            let at = if forward {
                step
            } else {
                layers.len() - 1 - step
            };
            let mut layer = std::mem::take(&mut layers[at]);
            let center = |slot: usize| {
                let near = if forward {
                    &slots[slot].before
                } else {
                    &slots[slot].behind
                };
                let sum: usize = near.iter().map(|(other, _)| position[*other]).sum();
                (!near.is_empty()).then(|| sum as f64 / near.len() as f64)
            };
            // One without neighbors stays where it is.
            let keys: Vec<f64> = layer
                .iter()
                .enumerate()
                .map(|(at, &slot)| center(slot).unwrap_or(at as f64))
                .collect();
            let mut by_key: Vec<usize> = (0..layer.len()).collect();
            by_key.sort_by(|&a, &b| match keys[a].total_cmp(&keys[b]) {
                Ordering::Equal if round % 4 >= 2 => b.cmp(&a),
                other => other.then(a.cmp(&b)),
            });
            layer = by_key.into_iter().map(|at| layer[at]).collect();
            for (at, &slot) in layer.iter().enumerate() {
                position[slot] = at;
            }
            layers[at] = layer;
        }
        let count = crossings(layers, slots, &position);
        if count < best.0 {
            best = (count, layers.to_vec());
        }
    }
    layers.clone_from_slice(&best.1);
}

/// The number of pairs of edges that cross between neighboring layers.
fn crossings(layers: &[Vec<usize>], slots: &[Slot], position: &[usize]) -> usize {
    let mut count = 0;
    for layer in layers {
        let ends: Vec<Vec<usize>> = layer
            .iter()
            .map(|&slot| {
                slots[slot]
                    .behind
                    .iter()
                    .map(|(to, _)| position[*to])
                    .collect()
            })
            .collect();
        for (at, upper) in ends.iter().enumerate() {
            for lower in &ends[at + 1..] {
                for a in upper {
                    count += lower.iter().filter(|b| *b < a).count();
                }
            }
        }
    }
    count
}

/// Gives every slot its place across: as near to its neighbors as the order and the gaps allow.
fn settle(layers: &[Vec<usize>], slots: &mut [Slot]) {
    for layer in layers {
        let wanted: Vec<(f64, f64)> = layer.iter().map(|_| (0.0, 1.0)).collect();
        fit(layer, slots, &wanted);
    }
    for round in 0..2 * ROUNDS {
        for step in 0..layers.len() {
            let forward = round % 2 == 0;
            let layer = &layers[if forward {
                step
            } else {
                layers.len() - 1 - step
            }];
            let wanted: Vec<(f64, f64)> = layer
                .iter()
                .map(|&at| {
                    let slot = &slots[at];
                    let near = slot.before.iter().chain(&slot.behind);
                    let (sum, weight) = near.fold((0.0, 0.0), |(sum, weight), (other, pull)| {
                        (sum + pull * slots[*other].at, weight + pull)
                    });
                    if weight > 0.0 {
                        (sum / weight, weight)
                    } else {
                        (slot.at, 0.1)
                    }
                })
                .collect();
            fit(layer, slots, &wanted);
        }
    }
}

/// The least-squares fit to the wanted places that keeps order and gaps: with the gaps subtracted
/// it is a monotone regression, solved exactly by pooling neighbors that are out of order.
fn fit(layer: &[usize], slots: &mut [Slot], wanted: &[(f64, f64)]) {
    let mut offset = 0.0;
    let mut offsets = Vec::with_capacity(layer.len());
    let mut pools: Vec<(f64, f64, usize)> = Vec::new(); // mean, weight, members
    for (at, &slot) in layer.iter().enumerate() {
        if at > 0 {
            let half = |slot: usize| slots[slot].extent.cross / 2.0;
            offset += half(layer[at - 1]) + CROSS_GAP + half(slot);
        }
        offsets.push(offset);
        let mut pool = (wanted[at].0 - offset, wanted[at].1, 1);
        while let Some(last) = pools.last().filter(|last| last.0 > pool.0) {
            let weight = last.1 + pool.1;
            let mean = (last.0 * last.1 + pool.0 * pool.1) / weight;
            pool = (mean, weight, last.2 + pool.2);
            pools.pop();
        }
        pools.push(pool);
    }
    let places = pools
        .iter()
        .flat_map(|&(mean, _, members)| std::iter::repeat_n(mean, members));
    for ((&slot, offset), place) in std::iter::zip(layer, offsets).zip(places) {
        slots[slot].at = place + offset;
    }
}

/// The curve through the places of an edge. It runs straight through each layer, so that it cannot
/// touch a box beside it, and bends between them.
fn path(
    chain: &[usize],
    slots: &[Slot],
    spans: &[(f64, f64)],
    point: impl Fn(f64, f64) -> [f64; 2],
) -> Vec<[f64; 2]> {
    let mut path = Vec::new();
    let (first, last) = (0, chain.len() - 1);
    for (step, &at) in chain.iter().enumerate() {
        let slot = &slots[at];
        let (begin, end) = spans[slot.layer];
        let (middle, half) = ((begin + end) / 2.0, slot.extent.main / 2.0);
        if step == first {
            path.push((middle + half, slot.at));
            if end > middle + half {
                path.extend(straight((middle + half, slot.at), end));
            }
            continue;
        }
        let Some(&(x, y)) = path.last() else {
            continue;
        };
        let half_way = (begin - x) / 2.0;
        path.extend([
            (x + half_way, y),
            (begin - half_way, slot.at),
            (begin, slot.at),
        ]);
        let leave = if step == last { middle - half } else { end };
        if leave > begin {
            path.extend(straight((begin, slot.at), leave));
        }
    }
    path.into_iter()
        .map(|(main, cross)| point(main, cross))
        .collect()
}

/// A straight line as a curve.
fn straight((main, cross): (f64, f64), end: f64) -> [(f64, f64); 3] {
    let third = (end - main) / 3.0;
    [(main + third, cross), (end - third, cross), (end, cross)]
}
