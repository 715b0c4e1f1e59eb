//! Drawings of networks and cells: boxes, curves and labels that can be moved and zoomed.

use egui::{
    Align2, Color32, CornerRadius, FontId, Pos2, Rect, Sense, Stroke, StrokeKind, Ui, pos2, vec2,
};
use nascent_figures::{Drawing, OpFamily};

use super::difference::{State, States};
use crate::theme::{self, Palette};

/// The color that a part of a network has beside another one, if it is not the same.
pub(crate) fn tint(palette: &Palette, state: State) -> Option<Color32> {
    match state {
        State::Same => None,
        State::Changed => Some(palette.warn),
        State::Only => Some(palette.good),
    }
}

/// Draws a network in a frame of this size, with what tells it from another one, if there is one.
pub(crate) fn show(
    ui: &mut Ui,
    id: egui::Id,
    size: egui::Vec2,
    drawing: &Drawing,
    states: Option<&States>,
) {
    let palette = Palette::of(ui);
    let (frame, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
    response.widget_info(|| {
        let name = format!("Drawing of {}", drawing.title);
        egui::WidgetInfo::labeled(egui::Role::Image, true, name)
    });
    let [width, height] = drawing.size.map(|side| (side as f32).max(1.0));
    let fit = ((frame.width() - 24.0) / width).min((frame.height() - 24.0) / height).min(1.4);
    let (mut shift, mut zoom): (egui::Vec2, f32) =
        ui.data_mut(|data| data.get_temp(id)).unwrap_or((egui::Vec2::ZERO, 1.0));
    shift += response.drag_delta();
    if let Some(pointer) = response.hover_pos() {
        let (scroll, pinch) = ui.input(|input| (input.smooth_scroll_delta().y, input.zoom_delta()));
        let factor = pinch * (scroll / 300.0).exp();
        let wanted = (zoom * factor).clamp(0.2, 8.0);
        // What is under the pointer stays there.
        let from_center = pointer - frame.center() - shift;
        shift -= from_center * (wanted / zoom - 1.0);
        zoom = wanted;
    }
    if response.double_clicked() {
        (shift, zoom) = (egui::Vec2::ZERO, 1.0);
    }
    ui.data_mut(|data| data.insert_temp(id, (shift, zoom)));
    let scale = fit.max(0.05) * zoom;
    let origin = frame.center() + shift - vec2(width, height) * scale / 2.0;
    let place = |[x, y]: [f64; 2]| origin + vec2(x as f32, y as f32) * scale;
    let painter = ui.painter().with_clip_rect(frame);
    painter.rect(
        frame,
        CornerRadius::same(6),
        palette.ground,
        Stroke::new(1.0, palette.grid),
        StrokeKind::Inside,
    );
    let tint_of = |state: Option<&State>| state.and_then(|state| tint(palette, *state));
    let mut hover: Option<String> = None;
    let pointer = response.hover_pos();
    for (at, edge) in drawing.edges.iter().enumerate() {
        let differs = tint_of(states.and_then(|states| states.edges.get(at)));
        let faded = edge.family == OpFamily::None;
        let color = palette.family(edge.family);
        let color = if faded { color.gamma_multiply(0.45) } else { color };
        // What has no label says by its own color that it is not the same.
        let color = differs.filter(|_| edge.label.is_none()).unwrap_or(color);
        let path: Vec<Pos2> = edge.path.iter().map(|point| place(*point)).collect();
        let stroke = Stroke::new((1.6 * scale).clamp(1.0, 3.0), color);
        if faded {
            painter.extend(egui::Shape::dashed_line(&curve(&path), stroke, 4.0, 4.0));
        } else {
            painter.line(curve(&path), stroke);
        }
        arrow(&painter, &path, color, scale);
        let Some(label) = &edge.label else { continue };
        let rect = Rect::from_center_size(place(label.center), box_size(label.size, scale));
        painter.rect_filled(rect, CornerRadius::same(3), palette.ground);
        if let Some(tint) = differs {
            let line = Stroke::new(1.5, tint);
            let fill = tint.gamma_multiply(0.2);
            painter.rect(rect, CornerRadius::same(3), fill, line, StrokeKind::Outside);
        }
        let font = FontId::proportional(11.0 * scale);
        painter.text(rect.center(), Align2::CENTER_CENTER, &label.text, font, color);
        if pointer.is_some_and(|pointer| rect.contains(pointer)) {
            hover = Some(with_note(&label.text, &edge.note));
        }
    }
    for (at, node) in drawing.nodes.iter().enumerate() {
        let differs = tint_of(states.and_then(|states| states.nodes.get(at)));
        let color = palette.family(node.family);
        let min = place([node.x, node.y]);
        let rect = Rect::from_min_size(min, box_size([node.width, node.height], scale));
        let fill = differs.unwrap_or(color).gamma_multiply(0.16);
        let line = Stroke::new(if differs.is_some() { 2.5 } else { 1.5 }, differs.unwrap_or(color));
        let corner = CornerRadius::same((6.0 * scale).clamp(1.0, 12.0) as u8);
        painter.rect_filled(rect, corner, palette.ground);
        painter.rect(rect, corner, fill, line, StrokeKind::Inside);
        let lines = node.lines.len().max(1) as f32;
        for (at, text) in node.lines.iter().enumerate() {
            let family = if at == 0 { theme::strong() } else { egui::FontFamily::Proportional };
            let y = rect.center().y + (at as f32 - (lines - 1.0) / 2.0) * 16.0 * scale;
            let ink = if at == 0 { palette.ink } else { palette.faint };
            let font = FontId::new(12.0 * scale, family);
            painter.text(pos2(rect.center().x, y), Align2::CENTER_CENTER, text, font, ink);
        }
        if pointer.is_some_and(|pointer| rect.contains(pointer)) {
            let times = node.nodes.len();
            let times =
                if times > 1 { format!("\n{times} of them in a row") } else { String::new() };
            hover = Some(with_note(&format!("{}{times}", node.lines.join("\n")), &node.note));
        }
    }
    if let Some(text) = hover {
        response.on_hover_ui_at_pointer(|ui| {
            ui.label(text);
            ui.weak("Drag to move, scroll to zoom, double-click to see all");
        });
    }
}

fn with_note(text: &str, note: &str) -> String {
    if note.is_empty() { text.to_owned() } else { format!("{text}\n{note}") }
}

fn box_size([width, height]: [f64; 2], scale: f32) -> egui::Vec2 {
    vec2(width as f32, height as f32) * scale
}

/// The points of cubic Bézier curves, end to end.
fn curve(path: &[Pos2]) -> Vec<Pos2> {
    let mut points: Vec<Pos2> = path.first().copied().into_iter().collect();
    for controls in path.get(1..).unwrap_or_default().chunks_exact(3) {
        let Some(&from) = points.last() else { break };
        let [a, b, to] = [controls[0], controls[1], controls[2]];
        for step in 1..=12 {
            let t = step as f32 / 12.0;
            let (p, q, r) = (from.lerp(a, t), a.lerp(b, t), b.lerp(to, t));
            points.push(p.lerp(q, t).lerp(q.lerp(r, t), t));
        }
    }
    points
}

fn arrow(painter: &egui::Painter, path: &[Pos2], color: egui::Color32, scale: f32) {
    let [.., before, tip] = path else { return };
    let along = (*tip - *before).normalized();
    let side = along.rot90() * 3.5 * scale;
    let back = *tip - along * 7.0 * scale;
    let corners = vec![*tip, back + side, back - side];
    painter.add(egui::Shape::convex_polygon(corners, color, Stroke::NONE));
}

#[cfg(test)]
mod tests {
    use egui_kittest::Harness;
    use nascent_figures::draw_graph;

    use super::*;
    use crate::draw::differences;
    use crate::{picture, testing};

    #[test]
    fn what_tells_two_cells_apart_is_seen() {
        let cell = testing::cell();
        let mut other = cell.clone();
        let (first, second) = (other.edges[0].op.clone(), other.edges[3].op.clone());
        (other.edges[0].op, other.edges[3].op) = (second, first);
        other.edges.pop();
        let (left, right) = (draw_graph(&cell), draw_graph(&other));
        let states = differences(&left, &right);
        let Some(renderer) = picture::renderer() else { return };
        let builder = Harness::builder().with_size([900.0, 320.0]).renderer(renderer);
        let mut harness = builder.build_ui(move |ui| {
            theme::install(ui.ctx());
            ui.horizontal(|ui| {
                for (at, (drawing, states)) in [&left, &right].into_iter().zip(&states).enumerate()
                {
                    let id = egui::Id::unique(("cell", at));
                    show(ui, id, vec2(430.0, 300.0), drawing, Some(states));
                }
            });
        });
        harness.run();
        picture::compare(&mut harness, "network_difference");
    }
}
