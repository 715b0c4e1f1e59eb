//! Parallel coordinates: upright axes, trials as lines across them, and brushes on the axes.

use std::collections::{BTreeMap, BTreeSet};

use egui::{Align2, CornerRadius, FontId, Pos2, Rect, Sense, Stroke, StrokeKind, Ui, pos2, vec2};
use nascent_figures::{Axis, Parallel, Role, Thread};
use nascent_record::TrialId;

use super::chart::{Answer, Look, color_of};
use crate::text;
use crate::theme::Palette;

/// The ranges that are brushed, by the position of their axis, as shares of its height from below.
pub(crate) type Brushes = BTreeMap<usize, [f32; 2]>;

/// How far from a line the pointer still means it.
const REACH: f32 = 6.0;

pub(super) fn show(ui: &mut Ui, parallel: &Parallel, look: &mut Look<'_>) -> Answer {
    let palette = Palette::of(ui);
    let size = ui.available_size().max(vec2(160.0, 120.0));
    let (room, response) = ui.allocate_exact_size(size, Sense::click());
    let frame = Rect::from_min_max(room.min + vec2(46.0, 30.0), room.max - vec2(46.0, 22.0));
    let count = parallel.axes.len().max(2);
    let x_of = |at: usize| frame.left() + frame.width() * at as f32 / (count - 1) as f32;
    let y_of = |share: f32| frame.bottom() - share * frame.height();
    let mut answer = Answer::default();
    let before = look.brushes.clone();
    let mut done = false;
    for at in 0..parallel.axes.len() {
        done |= brush(ui, look.id.with(at), x_of(at), frame, at, look.brushes);
    }
    let passes = |thread: &Thread| {
        look.brushes.iter().all(|(at, [low, high])| {
            share(parallel.axes.get(*at), thread.values.get(*at))
                .is_some_and(|share| (*low..=*high).contains(&share))
        })
    };
    let places = |thread: &Thread| -> Vec<Pos2> {
        let shares = std::iter::zip(&parallel.axes, &thread.values).enumerate();
        shares
            .filter_map(|(at, (axis, value))| {
                Some(pos2(x_of(at), y_of(share(Some(axis), Some(value))?)))
            })
            .collect()
    };
    let painter = ui.painter().with_clip_rect(room);
    let pointer = response.hover_pos();
    let mut nearest: Option<(f32, usize, TrialId, Vec<Pos2>)> = None;
    let (picked_run, picked) = look.picked;
    for bundle in &parallel.bundles {
        if look.hidden.contains(&bundle.name) {
            continue;
        }
        let style = palette.look(bundle.role);
        let color = color_of(palette, bundle.role, look.slots);
        for thread in &bundle.threads {
            let path = places(thread);
            let inside = passes(thread);
            let color = if inside { color } else { palette.rule.gamma_multiply(0.12) };
            if let Some(pointer) = pointer.filter(|_| inside) {
                let distance = distance(&path, pointer);
                if distance < REACH && nearest.as_ref().is_none_or(|near| distance < near.0) {
                    nearest = Some((distance, bundle.run, thread.trial, path.clone()));
                }
            }
            let is_picked = bundle.run == picked_run && picked.contains(&thread.trial);
            let stroke = if is_picked {
                let selected = palette.look(Role::Selected);
                Stroke::new(selected.line, selected.color)
            } else {
                Stroke::new(style.line.min(1.6), color)
            };
            painter.line(path, stroke);
        }
    }
    for (at, axis) in parallel.axes.iter().enumerate() {
        draw_axis(&painter, palette, axis, x_of(at), frame, frame.width() / (count - 1) as f32);
    }
    for (at, [low, high]) in look.brushes.iter() {
        let x = x_of(*at);
        let rect = Rect::from_x_y_ranges(x - 7.0..=x + 7.0, y_of(*high)..=y_of(*low));
        painter.rect(
            rect,
            CornerRadius::same(2),
            palette.accent.gamma_multiply(0.25),
            Stroke::new(1.0, palette.accent),
            StrokeKind::Inside,
        );
    }
    if let Some((_, run, trial, path)) = nearest {
        painter.line(path, Stroke::new(3.0, palette.ink));
        if response.clicked() {
            answer.clicked = Some((run, trial));
        }
        let about = (look.describe)(run, trial);
        response.on_hover_ui_at_pointer(|ui| {
            ui.label(about);
            ui.weak("Click to pick it; drag along an axis to keep a part of it");
        });
    }
    if done || (before != *look.brushes && look.brushes.is_empty()) {
        let mut trials: BTreeMap<usize, BTreeSet<TrialId>> = BTreeMap::new();
        if !look.brushes.is_empty() {
            for bundle in &parallel.bundles {
                let inside = bundle.threads.iter().filter(|thread| passes(thread));
                trials.entry(bundle.run).or_default().extend(inside.map(|thread| thread.trial));
            }
        }
        answer.brushed = Some(trials.pop_first().unwrap_or((0, BTreeSet::new())));
    }
    answer
}

/// Where a value is on its axis, as a share of its height.
fn share(axis: Option<&Axis>, value: Option<&f64>) -> Option<f32> {
    let (axis, value) = (axis?, *value?);
    let [from, to] = axis.range?;
    let place = |value| axis.scale.position(value);
    let (from, to, value) = (place(from)?, place(to)?, place(value)?);
    Some(if to > from { ((value - from) / (to - from)) as f32 } else { 0.5 })
}

/// Lets the reader drag a range along an axis; a click takes it away. Says when a drag has ended.
fn brush(ui: &Ui, id: egui::Id, x: f32, frame: Rect, at: usize, brushes: &mut Brushes) -> bool {
    let rect = Rect::from_x_y_ranges(x - 9.0..=x + 9.0, frame.y_range());
    let response = ui.interact(rect, id, Sense::click_and_drag());
    response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::Slider, true, format!("Brush axis {}", at + 1))
    });
    let share = |pos: Pos2| ((frame.bottom() - pos.y) / frame.height()).clamp(0.0, 1.0);
    if response.clicked() {
        brushes.remove(&at);
    }
    if response.dragged()
        && let (Some(start), Some(now)) =
            (ui.input(|input| input.pointer.press_origin()), response.interact_pointer_pos())
    {
        let (a, b) = (share(start), share(now));
        brushes.insert(at, [a.min(b), a.max(b)]);
    }
    response.on_hover_cursor(egui::CursorIcon::ResizeVertical).drag_stopped()
}

fn draw_axis(
    painter: &egui::Painter,
    palette: &Palette,
    axis: &Axis,
    x: f32,
    frame: Rect,
    room: f32,
) {
    let ends = [pos2(x, frame.top()), pos2(x, frame.bottom())];
    painter.line_segment(ends, Stroke::new(1.0, palette.rule));
    let font = FontId::proportional(11.0);
    let fit = |text: &str| {
        let most = ((room / 6.2) as usize).max(3);
        let long = text.chars().count() > most;
        if long { text.chars().take(most - 1).chain(['…']).collect() } else { text.to_owned() }
    };
    let top = pos2(x, frame.top() - 8.0);
    painter.text(top, Align2::CENTER_BOTTOM, fit(&axis.label), font.clone(), palette.ink);
    let write = |value: f64, label: &str| {
        let Some(share) = share(Some(axis), Some(&value)) else { return };
        let at = pos2(x + 4.0, frame.bottom() - share * frame.height());
        let galley = painter.layout_no_wrap(fit(label), font.clone(), palette.ink);
        let rect = Align2::LEFT_CENTER.anchor_size(at, galley.size());
        painter.rect_filled(rect.expand(1.0), 2.0, palette.ground.gamma_multiply(0.8));
        painter.galley(rect.min, galley, palette.ink);
    };
    match (&axis.ticks, axis.range) {
        (Some(ticks), _) => ticks.iter().for_each(|tick| write(tick.at, &tick.label)),
        (None, Some([from, to])) => {
            write(from, &text::number(from));
            write(to, &text::number(to));
        }
        (None, None) => {}
    }
}

/// The distance of a point from a path.
fn distance(path: &[Pos2], from: Pos2) -> f32 {
    let segments = path.windows(2).map(|ends| {
        let along = ends[1] - ends[0];
        let share = ((from - ends[0]).dot(along) / along.length_sq().max(1e-9)).clamp(0.0, 1.0);
        from.distance(ends[0] + along * share)
    });
    segments.fold(f32::INFINITY, f32::min)
}

#[cfg(test)]
mod tests {
    use nascent_figures::Scale;

    use super::*;

    #[test]
    fn a_place_on_an_axis_is_a_share_of_it() {
        let axis = Axis::new("rate").scale(Scale::Log).range(Some([1e-4, 1e-2]));
        assert_eq!(share(Some(&axis), Some(&1e-3)), Some(0.5));
        assert_eq!(share(Some(&axis), Some(&0.0)), None);
        let flat = Axis::new("flat").range(Some([3.0, 3.0]));
        assert_eq!(share(Some(&flat), Some(&3.0)), Some(0.5));
        assert_eq!(share(Some(&Axis::new("open")), Some(&3.0)), None);
    }

    #[test]
    fn the_distance_from_a_path_is_that_of_its_nearest_segment() {
        let path = [pos2(0.0, 0.0), pos2(10.0, 0.0), pos2(10.0, 10.0)];
        assert_eq!(distance(&path, pos2(5.0, 3.0)), 3.0);
        assert_eq!(distance(&path, pos2(14.0, 13.0)), 5.0);
    }
}
