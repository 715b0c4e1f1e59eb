//! Parallel coordinates: upright axes side by side.

use super::chart::{Frame, TICK};
use super::scene::{Anchor, At, Letters, Scene, Stroke};
use super::theme::Palette;
use super::ticks::Span;
use crate::text::{self, Weight};
use crate::{Axis, Parallel, Role};

/// Draws all axes and all trials into the frame.
pub(super) fn draw(scene: &mut Scene, parallel: &Parallel, frame: Frame, palette: &Palette) {
    let count = parallel.axes.len();
    let spans: Vec<Span> =
        parallel.axes.iter().map(|axis| Span::new(axis, std::iter::empty(), 0.0)).collect();
    let (top, bottom) = (frame.top + 14.0, frame.bottom - 8.0);
    let ticks: Vec<Vec<(f64, String)>> = std::iter::zip(&spans, &parallel.axes)
        .map(|(span, axis)| span.ticks(axis, (bottom - top) / 50.0))
        .collect();
    // The names of the first axis are left of it, those of all others right of theirs.
    let letters = Letters::new(TICK, palette.ink);
    let widest = |at: Option<&Vec<(f64, String)>>| {
        let names = at.into_iter().flatten().map(|(_, name)| letters.width(name));
        names.fold(0.0, f64::max).min((frame.right - frame.left) * 0.2)
    };
    let left = frame.left + widest(ticks.first()) + 8.0;
    let right = frame.right - widest(if count > 1 { ticks.last() } else { None }) - 8.0;
    let gap = if count > 1 { (right - left) / (count - 1) as f64 } else { 0.0 };
    let across = |at: usize| left + gap * at as f64;
    let up = |place: f64| bottom - place * (bottom - top);

    let threads = |scene: &mut Scene, on_top: bool| {
        for bundle in &parallel.bundles {
            if matches!(bundle.role, Role::Best | Role::Selected) != on_top {
                continue;
            }
            let many = bundle.threads.len() > 60;
            let (width, alpha) = match bundle.role {
                Role::Muted | Role::Faint => (1.0, if many { 0.3 } else { 0.45 }),
                Role::Series(_) if many => (1.0, 0.5),
                Role::Series(_) => (1.5, 0.75),
                Role::Best | Role::Selected => (3.0, 1.0),
            };
            let color = palette.look(bundle.role).color;
            for thread in &bundle.threads {
                let places = std::iter::zip(&thread.values, &spans).enumerate();
                let points: Vec<At> = places
                    .filter_map(|(at, (value, span))| {
                        Some((across(at), up(span.place(*value)?.clamp(0.0, 1.0))))
                    })
                    .collect();
                scene.line(points, Stroke { color, alpha, width });
            }
        }
    };
    threads(scene, false);
    let rule = Stroke::new(palette.rule, 1.5);
    let mut names: Vec<(String, At, Letters)> = Vec::new();
    for (at, (axis, ticks)) in std::iter::zip(&parallel.axes, &ticks).enumerate() {
        let x = across(at);
        scene.line(vec![(x, top), (x, bottom)], rule);
        let room = match at {
            0 => left - 8.0,
            _ if at + 1 == count => scene.width - x - 10.0,
            _ => gap - 12.0,
        };
        let (start, anchor) =
            if at == 0 { (x - 6.0, Anchor::End) } else { (x + 6.0, Anchor::Start) };
        for (place, name) in ticks {
            let y = up(*place);
            let name = text::elide(name, TICK, Weight::Regular, room);
            if at > 0 && at + 1 < count {
                // Lines pass here: the name needs a ground of its own.
                let (low, high) = (y - 8.0, y + 8.0);
                let (begin, end) = (start - 2.0, start + letters.width(&name) + 3.0);
                let ground = vec![(begin, low), (end, low), (end, high), (begin, high)];
                scene.area(ground, palette.ground, 0.75);
            }
            scene.line(vec![(x - 3.0, y), (x + 3.0, y)], rule);
            names.push((name, (start, y + TICK * 0.36), letters.anchor(anchor)));
        }
        label(scene, axis, at, count, x, (gap, top), palette);
    }
    threads(scene, true);
    for (name, at, letters) in names {
        scene.text(name, at, letters);
    }
}

/// The name of an axis above it, within the room that it has.
fn label(
    scene: &mut Scene,
    axis: &Axis,
    at: usize,
    count: usize,
    x: f64,
    (gap, top): (f64, f64),
    palette: &Palette,
) {
    let letters = Letters::new(TICK, palette.ink).bold();
    let edge = 6.0;
    let half = (x - edge).min(scene.width - edge - x);
    let room = if count == 1 { scene.width / 2.0 } else { (gap - 8.0).max(24.0) };
    let name = text::elide(&axis.label, TICK, Weight::Bold, room);
    let wide = letters.width(&name);
    // At the edges of the picture names are moved inward.
    let center = if wide / 2.0 <= half {
        x
    } else if at == 0 {
        edge + wide / 2.0
    } else {
        scene.width - edge - wide / 2.0
    };
    scene.text(name, (center, top - 10.0), letters.anchor(Anchor::Middle));
}
