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
            Flow::Right => Self { main: width, cross: height },
            Flow::Down => Self { main: height, cross: width },
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
const CROSS_GAP: f64 = 14.0;
/// The distance of an edge that passes to its neighbors.
const BEND_GAP: f64 = 11.0;
/// Boxes nearer than this to an edge that passes are passed in a straight line.
const NEAR: f64 = 60.0;
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
    /// Its center, across.
    at: f64,
    /// How far before and behind its center edges run straight.
    reach: f64,
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
    for _ in 0..4 {
        straighten(&layers, &mut slots);
    }
    for layer in &layers {
        for &at in layer {
            let near = |other: &usize| {
                let (a, b) = (&slots[at], &slots[*other]);
                (a.at - b.at).abs() - f64::midpoint(a.extent.cross, b.extent.cross) < NEAR
            };
            let near = layer.iter().copied().filter(near);
            let widest = near.map(|other| slots[other].extent.main).fold(0.0, f64::max);
            slots[at].reach = widest / 2.0;
        }
    }

    let low = |slot: &Slot| slot.at - slot.extent.cross / 2.0;
    let high = |slot: &Slot| slot.at + slot.extent.cross / 2.0;
    let least = slots.iter().map(low).fold(f64::INFINITY, f64::min);
    let most = slots.iter().map(high).fold(f64::NEG_INFINITY, f64::max);
    let least = if least.is_finite() { least } else { 0.0 };
    let shift = MARGIN - least;
    for slot in &mut slots {
        slot.at += shift;
    }
    let gap = if flow == Flow::Right && !labeled { 36.0 } else { 26.0 };
    let mut spans = Vec::with_capacity(layers.len()); // where each layer begins and ends
    let mut main = MARGIN;
    for layer in &layers {
        let extent = layer.iter().map(|&at| slots[at].extent.main).fold(0.0, f64::max);
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
        point(f64::midpoint(begin, end), slot.at)
    };
    let routes = chains.iter().map(|chain| {
        let label = chain.iter().find(|&&at| slots[at].kind == Kind::Label);
        Route {
            path: path(chain, &slots, &spans, point),
            label: label.map(|&at| center(&slots[at])),
        }
    });
    let edges = routes.collect();
    let across = if across.is_finite() { across } else { 2.0 * MARGIN };
    Placed {
        size: point(length.max(2.0 * MARGIN), across),
        boxes: slots[..boxes.len()].iter().map(center).collect(),
        edges,
    }
}

fn slot(kind: Kind, layer: usize, extent: Vertex) -> Slot {
    Slot { kind, layer, extent, before: Vec::new(), behind: Vec::new(), at: 0.0, reach: 0.0 }
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
        let kind = if label.is_some() { Kind::Label } else { Kind::Bend };
        chain.push(slots.len());
        slots.push(slot(kind, layer, label.unwrap_or_default()));
    }
    chain.push(link.to);
    for pair in chain.windows(2) {
        let boxes = pair.iter().filter(|&&at| slots[at].kind == Kind::Box).count();
        // Long edges are to be straight (Gansner et al., "A Technique for Drawing Directed
        // Graphs", 1993).
        let pull = [8.0, if chain.len() == 3 { 6.0 } else { 2.0 }, 2.0][boxes];
        slots[pair[0]].behind.push((pair[1], pull));
        slots[pair[1]].before.push((pair[0], pull));
    }
    chain
}

/// Orders each layer so that few edges cross: barycenters first, then swaps of neighbors, from the
/// order as it is and from its reverse in every other layer; the best that was seen is kept.
fn order(layers: &mut [Vec<usize>], slots: &[Slot]) {
    let mut best: Option<(usize, Vec<Vec<usize>>)> = None;
    for start in 0..4 {
        let mut trial = layers.to_vec();
        for (at, layer) in trial.iter_mut().enumerate() {
            if (start >> (at % 2)) & 1 == 1 {
                layer.reverse();
            }
        }
        let mut position = vec![0; slots.len()];
        for layer in &trial {
            note(layer, &mut position);
        }
        for round in 0..ROUNDS {
            let forward = round % 2 == 0;
            for step in 0..trial.len() {
                let at = if forward { step } else { trial.len() - 1 - step };
                by_barycenter(&mut trial[at], slots, &mut position, round);
            }
            for layer in &mut trial {
                swap_neighbors(layer, slots, &mut position);
            }
            let count = crossings(&trial, slots, &position);
            if best.as_ref().is_none_or(|(known, _)| count < *known) {
                best = Some((count, trial.clone()));
            }
        }
    }
    if let Some((_, best)) = best {
        layers.clone_from_slice(&best);
    }
}

fn note(layer: &[usize], position: &mut [usize]) {
    for (at, &slot) in layer.iter().enumerate() {
        position[slot] = at;
    }
}

fn by_barycenter(layer: &mut [usize], slots: &[Slot], position: &mut [usize], round: usize) {
    // Forward and backward in turn, and equals in either order.
    let (forward, last_first) = (round.is_multiple_of(2), round % 4 >= 2);
    let mut keyed: Vec<(f64, usize, usize)> = Vec::with_capacity(layer.len());
    for (at, &slot) in layer.iter().enumerate() {
        let near = if forward { &slots[slot].before } else { &slots[slot].behind };
        let sum: usize = near.iter().map(|(other, _)| position[*other]).sum();
        // One without neighbors stays where it is.
        let key = if near.is_empty() { at as f64 } else { sum as f64 / near.len() as f64 };
        keyed.push((key, at, slot));
    }
    keyed.sort_by(|a, b| match a.0.total_cmp(&b.0) {
        Ordering::Equal if last_first => b.1.cmp(&a.1),
        other => other.then(a.1.cmp(&b.1)),
    });
    for (at, (_, _, slot)) in keyed.into_iter().enumerate() {
        layer[at] = slot;
    }
    note(layer, position);
}

/// Swaps neighbors in a layer as long as that removes crossings.
fn swap_neighbors(layer: &mut [usize], slots: &[Slot], position: &mut [usize]) {
    for _ in 0..layer.len() {
        let mut better = false;
        for at in 1..layer.len() {
            let (a, b) = (&slots[layer[at - 1]], &slots[layer[at]]);
            let pairs = |upper: &[(usize, f64)], lower: &[(usize, f64)]| {
                let ends = upper.iter().flat_map(|a| lower.iter().map(move |b| (a.0, b.0)));
                ends.filter(|&(a, b)| position[a] > position[b]).count()
            };
            let now = pairs(&a.before, &b.before) + pairs(&a.behind, &b.behind);
            let then = pairs(&b.before, &a.before) + pairs(&b.behind, &a.behind);
            if then < now {
                layer.swap(at - 1, at);
                better = true;
            }
        }
        note(layer, position);
        if !better {
            break;
        }
    }
}

/// The number of pairs of edges that cross between neighboring layers.
fn crossings(layers: &[Vec<usize>], slots: &[Slot], position: &[usize]) -> usize {
    let mut count = 0;
    for layer in layers {
        let ends: Vec<Vec<usize>> = layer
            .iter()
            .map(|&slot| slots[slot].behind.iter().map(|(to, _)| position[*to]).collect())
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
            let layer = &layers[if forward { step } else { layers.len() - 1 - step }];
            let wanted: Vec<(f64, f64)> = layer
                .iter()
                .map(|&at| {
                    let slot = &slots[at];
                    let near = slot.before.iter().chain(&slot.behind);
                    let (sum, weight) = near.fold((0.0, 0.0), |(sum, weight), (other, pull)| {
                        (sum + pull * slots[*other].at, weight + pull)
                    });
                    if weight > 0.0 { (sum / weight, weight) } else { (slot.at, 0.1) }
                })
                .collect();
            fit(layer, slots, &wanted);
        }
    }
}

/// The least distance of the centers of neighbors in a layer.
fn distance(a: &Slot, b: &Slot) -> f64 {
    let bends = a.kind == Kind::Bend || b.kind == Kind::Bend;
    let gap = if bends { BEND_GAP } else { CROSS_GAP };
    f64::midpoint(a.extent.cross, b.extent.cross) + gap
}

/// Puts what leads straight on (a chain of boxes, the places of a long edge) onto one line, where
/// there is room for it.
fn straighten(layers: &[Vec<usize>], slots: &mut [Slot]) {
    let mut limits: Vec<(Option<usize>, Option<usize>)> = vec![(None, None); slots.len()];
    for layer in layers {
        for pair in layer.windows(2) {
            limits[pair[0]].1 = Some(pair[1]);
            limits[pair[1]].0 = Some(pair[0]);
        }
    }
    let next = |slots: &[Slot], at: usize| match slots[at].behind[..] {
        [(next, _)] if slots[next].before.len() == 1 => Some(next),
        _ => None,
    };
    let mut followed = vec![false; slots.len()];
    for at in 0..slots.len() {
        if let Some(next) = next(slots, at) {
            followed[next] = true;
        }
    }
    for start in (0..slots.len()).filter(|&at| !followed[at]) {
        let line: Vec<usize> = std::iter::successors(Some(start), |&at| next(slots, at)).collect();
        let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
        for &at in &line {
            let (before, behind) = limits[at];
            if let Some(other) = before {
                low = low.max(slots[other].at + distance(&slots[other], &slots[at]));
            }
            if let Some(other) = behind {
                high = high.min(slots[other].at - distance(&slots[at], &slots[other]));
            }
        }
        let mean = line.iter().map(|&at| slots[at].at).sum::<f64>() / line.len() as f64;
        if low <= high {
            for &at in &line {
                slots[at].at = mean.clamp(low, high);
            }
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
            offset += distance(&slots[layer[at - 1]], &slots[slot]);
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
    let places = pools.iter().flat_map(|&(mean, _, members)| std::iter::repeat_n(mean, members));
    for ((&slot, offset), place) in std::iter::zip(layer, offsets).zip(places) {
        slots[slot].at = place + offset;
    }
}

/// The curve through the places of an edge. It runs straight past the boxes beside it, so that it
/// does not touch them, and bends between layers.
fn path(
    chain: &[usize],
    slots: &[Slot],
    spans: &[(f64, f64)],
    point: impl Fn(f64, f64) -> [f64; 2],
) -> Vec<[f64; 2]> {
    let mut path: Vec<(f64, f64)> = Vec::new();
    let last = chain.len() - 1;
    for (step, &at) in chain.iter().enumerate() {
        let slot = &slots[at];
        let (begin, end) = spans[slot.layer];
        let (middle, half) = (f64::midpoint(begin, end), slot.extent.main / 2.0);
        let enter = if step == last { middle - half } else { middle - slot.reach };
        let leave = if step == 0 { middle + half } else { middle + slot.reach };
        let stops = match step {
            0 => [leave, middle + slot.reach],
            _ if step == last => [middle - slot.reach, enter],
            _ => [enter, leave],
        };
        match path.last() {
            None => path.push((stops[0], slot.at)),
            Some(&(main, cross)) => {
                let half_way = (stops[0] - main) / 2.0;
                let to = (stops[0], slot.at);
                path.extend([(main + half_way, cross), (to.0 - half_way, to.1), to]);
            }
        }
        if stops[1] > stops[0] {
            path.extend(straight((stops[0], slot.at), stops[1]));
        }
    }
    path.into_iter().map(|(main, cross)| point(main, cross)).collect()
}

/// A straight line as a curve.
fn straight((main, cross): (f64, f64), end: f64) -> [(f64, f64); 3] {
    let third = (end - main) / 3.0;
    [(main + third, cross), (end - third, cross), (end, cross)]
}
