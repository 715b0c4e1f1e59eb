//! Drawings of networks as scenes.

use super::RenderOptions;
use super::scene::{Anchor, At, Letters, Scene, Stroke, rounded};
use super::theme::{Palette, mix};
use crate::layout::{LINE, SMALL, TEXT};
use crate::text::{self, Weight};
use crate::{Drawing, EdgePath, NodeBox, OpFamily};

const HEADER: f64 = 40.0;

/// The drawing as a scene of its own size, made smaller if it is wider than the options allow.
pub(super) fn scene(drawing: &Drawing, options: &RenderOptions) -> Scene {
    let palette = Palette::of(options.theme);
    let [width, height] = drawing.size;
    let zoom = (f64::from(options.width) / width).min(1.0);
    let title = Letters::new(15.0, palette.ink).bold();
    let wide =
        (width * zoom).max((title.width(&drawing.title) + 24.0).min(f64::from(options.width)));
    let mut scene = Scene::new(wide.ceil(), (height * zoom + HEADER).ceil(), palette.ground);
    let name = text::elide(&drawing.title, 15.0, Weight::Bold, wide - 24.0);
    scene.text(name, (12.0, 26.0), title);
    let shift = (wide - width * zoom) / 2.0;
    let place = Place { zoom, left: shift, top: HEADER };
    for edge in &drawing.edges {
        draw_edge(&mut scene, edge, place, palette);
    }
    for edge in &drawing.edges {
        draw_label(&mut scene, edge, place, palette);
    }
    for node in &drawing.nodes {
        draw_node(&mut scene, node, place, palette);
    }
    scene
}

/// From the drawing to the scene.
#[derive(Clone, Copy)]
struct Place {
    zoom: f64,
    left: f64,
    top: f64,
}

impl Place {
    fn at(self, [x, y]: [f64; 2]) -> At {
        (self.left + x * self.zoom, self.top + y * self.zoom)
    }
}

fn draw_edge(scene: &mut Scene, edge: &EdgePath, place: Place, palette: &Palette) {
    let mut points = flattened(edge, place);
    let [.., before, tip] = points[..] else {
        return;
    };
    let faded = edge.family == OpFamily::None;
    let color = match edge.family {
        OpFamily::Tensor => palette.rule,
        family => palette.family(family),
    };
    let stroke = Stroke {
        color,
        alpha: if faded { 0.7 } else { 1.0 },
        width: if faded { 1.2 } else { 1.8 } * place.zoom,
    };
    let length = (tip.0 - before.0).hypot(tip.1 - before.1).max(1e-9);
    let (dx, dy) = ((tip.0 - before.0) / length, (tip.1 - before.1) / length);
    let (long, half) = (8.0 * place.zoom, 4.0 * place.zoom);
    let base = (tip.0 - dx * long, tip.1 - dy * long);
    // The line ends inside of the arrow's head.
    while points.len() > 2
        && points.last().is_some_and(|p| (p.0 - tip.0).hypot(p.1 - tip.1) < long * 0.8)
    {
        points.pop();
    }
    points.push((tip.0 - dx * long * 0.7, tip.1 - dy * long * 0.7));
    if faded {
        scene.dashes(&points, stroke, (4.0 * place.zoom, 4.0 * place.zoom));
    } else {
        scene.line(points, stroke);
    }
    let head = vec![
        tip,
        (base.0 - dy * half, base.1 + dx * half),
        (base.0 + dy * half, base.1 - dx * half),
    ];
    scene.area(head, mix(color, stroke.alpha, palette.ground), 1.0);
}

fn draw_label(scene: &mut Scene, edge: &EdgePath, place: Place, palette: &Palette) {
    let Some(label) = &edge.label else {
        return;
    };
    let (width, height) = (label.size[0] * place.zoom, label.size[1] * place.zoom);
    let (x, y) = place.at(label.center);
    let outline = rounded((x - width / 2.0, y - height / 2.0), (width, height), height / 2.0);
    let faded = edge.family == OpFamily::None;
    let color = palette.family(edge.family);
    let fill = mix(color, if faded { 0.0 } else { 0.12 }, palette.ground);
    scene.area(outline.clone(), fill, 1.0);
    let stroke = Stroke { color, alpha: if faded { 0.5 } else { 0.9 }, width: place.zoom };
    scene.line(outline, stroke);
    let ink = if faded { palette.faint_ink } else { palette.ink };
    let letters = Letters::new(SMALL * place.zoom, ink).anchor(Anchor::Middle);
    scene.text(label.text.as_str(), (x, y + SMALL * 0.36 * place.zoom), letters);
}

fn draw_node(scene: &mut Scene, node: &NodeBox, place: Place, palette: &Palette) {
    let color = palette.family(node.family);
    let corner = place.at([node.x, node.y]);
    let size = (node.width * place.zoom, node.height * place.zoom);
    let plain = node.family == OpFamily::Tensor;
    let radius = if plain { size.1 / 2.0 } else { 6.0 * place.zoom };
    let fill = mix(color, if plain { 0.08 } else { 0.14 }, palette.ground);
    if node.nodes.len() > 1 {
        // A run of nodes is a stack.
        let behind = (corner.0 + 4.0 * place.zoom, corner.1 + 4.0 * place.zoom);
        let outline = rounded(behind, size, radius);
        scene.area(outline.clone(), fill, 1.0);
        scene.line(outline, Stroke::new(color, 1.2 * place.zoom));
    }
    let outline = rounded(corner, size, radius);
    scene.area(outline.clone(), fill, 1.0);
    scene.line(outline, Stroke::new(color, 1.5 * place.zoom));
    let middle = corner.0 + size.0 / 2.0;
    let block = LINE * node.lines.len() as f64 * place.zoom;
    let top = corner.1 + (size.1 - block) / 2.0;
    for (at, line) in node.lines.iter().enumerate() {
        let base = top + (LINE * (at as f64 + 0.5) + TEXT * 0.36) * place.zoom;
        let letters = match at {
            0 => Letters::new(TEXT * place.zoom, palette.ink).bold(),
            _ => Letters::new(TEXT * place.zoom, palette.faint_ink),
        };
        scene.text(line.as_str(), (middle, base), letters.anchor(Anchor::Middle));
    }
}

/// The curve as a line of short pieces; straight parts stay whole.
fn flattened(edge: &EdgePath, place: Place) -> Vec<At> {
    let path: Vec<At> = edge.path.iter().map(|at| place.at(*at)).collect();
    let mut points: Vec<At> = path.first().copied().into_iter().collect();
    for curve in path.get(1..).unwrap_or_default().chunks_exact(3) {
        let Some(&from) = points.last() else {
            continue;
        };
        let [a, b, to] = [curve[0], curve[1], curve[2]];
        let bend =
            |p: At| ((to.0 - from.0) * (p.1 - from.1) - (to.1 - from.1) * (p.0 - from.0)).abs();
        let pieces = if bend(a) + bend(b) < 1e-6 { 1 } else { 16 };
        for piece in 1..=pieces {
            let t = f64::from(piece) / f64::from(pieces);
            let s = 1.0 - t;
            let mix = |p: [f64; 4]| {
                s * s * s * p[0]
                    + 3.0 * s * s * t * p[1]
                    + 3.0 * s * t * t * p[2]
                    + t * t * t * p[3]
            };
            points.push((mix([from.0, a.0, b.0, to.0]), mix([from.1, a.1, b.1, to.1])));
        }
    }
    points
}
