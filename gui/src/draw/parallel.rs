//! Parallel coordinates: upright axes, trials as lines across them, and brushes on the axes.

use std::collections::BTreeMap;

use egui::{Align2, CornerRadius, FontId, Pos2, Rect, Sense, Stroke, StrokeKind, Ui, pos2, vec2};
use nascent_figures::{Axis, Parallel, Role, Thread};
use nascent_record::TrialId;

use super::chart::{Answer, Look, with_slot};
use crate::text;
use crate::theme::Palette;

/// The ranges that are brushed, by the name of their axis, from and to, as places on its scale.
pub(crate) type Brushes = BTreeMap<String, [f64; 2]>;

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
    // An axis that is gone takes its brush along.
    let before = look.brushes.len();
    look.brushes.retain(|name, _| parallel.axes.iter().any(|axis| axis.label == *name));
    answer.brushed = look.brushes.len() < before;
    for (at, axis) in parallel.axes.iter().enumerate() {
        let id = look.id.with(&axis.label);
        answer.brushed |= brush(ui, id, x_of(at), frame, axis, look.brushes);
    }
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
        let style = palette.look(with_slot(bundle.role, look.slots));
        for thread in &bundle.threads {
            let path = places(thread);
            let inside = passes(look.brushes, &parallel.axes, thread);
            let color = if inside { style.color } else { palette.rule.gamma_multiply(0.12) };
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
    for (at, axis) in parallel.axes.iter().enumerate() {
        let Some(shares) = look.brushes.get(&axis.label).and_then(|range| shares(axis, *range))
        else {
            continue;
        };
        let (x, [low, high]) = (x_of(at), shares);
        let rect = Rect::from_x_y_ranges(x - 7.0..=x + 7.0, y_of(high)..=y_of(low));
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
    answer
}

/// Whether a trial is within all brushes.
pub(crate) fn passes(brushes: &Brushes, axes: &[Axis], thread: &Thread) -> bool {
    let within = |(axis, value): (&Axis, &f64)| {
        let Some([low, high]) = brushes.get(&axis.label) else { return true };
        axis.scale.position(*value).is_some_and(|place| (*low..=*high).contains(&place))
    };
    std::iter::zip(axes, &thread.values).all(within)
}

/// Where an axis begins and ends on its scale.
fn ends(axis: &Axis) -> Option<[f64; 2]> {
    let [from, to] = axis.range?;
    Some([axis.scale.position(from)?, axis.scale.position(to)?])
}

/// What a brush covers of its axis, as shares of its height; within the axis.
fn shares(axis: &Axis, range: [f64; 2]) -> Option<[f32; 2]> {
    let [from, to] = ends(axis)?;
    let share = |place: f64| ((place - from) / (to - from)).clamp(0.0, 1.0) as f32;
    (to > from).then(|| range.map(share))
}

/// Where a value is on its axis, as a share of its height.
fn share(axis: Option<&Axis>, value: Option<&f64>) -> Option<f32> {
    let axis = axis?;
    let ([from, to], value) = (ends(axis)?, axis.scale.position(*value?)?);
    Some(if to > from { ((value - from) / (to - from)) as f32 } else { 0.5 })
}

/// Lets the reader drag a range along an axis; a click takes it away. Says when either is done.
fn brush(ui: &Ui, id: egui::Id, x: f32, frame: Rect, axis: &Axis, brushes: &mut Brushes) -> bool {
    let rect = Rect::from_x_y_ranges(x - 9.0..=x + 9.0, frame.y_range());
    let response = ui.interact(rect, id, Sense::click_and_drag());
    response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::Slider, true, format!("Brush {}", axis.label))
    });
    let taken_away = response.clicked() && brushes.remove(&axis.label).is_some();
    if response.dragged()
        && let Some([from, to]) = ends(axis)
        && let (Some(start), Some(now)) =
            (ui.input(|input| input.pointer.press_origin()), response.interact_pointer_pos())
    {
        let share = |pos: Pos2| ((frame.bottom() - pos.y) / frame.height()).clamp(0.0, 1.0);
        let place = |pos| from + f64::from(share(pos)) * (to - from);
        let (a, b) = (place(start), place(now));
        brushes.insert(axis.label.clone(), [a.min(b), a.max(b)]);
    }
    response.on_hover_cursor(egui::CursorIcon::ResizeVertical).drag_stopped() || taken_away
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
    use std::collections::BTreeSet;

    use egui_kittest::kittest::Queryable as _;
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
    fn brushes_keep_what_is_within_all_of_them_whatever_the_order_of_axes() {
        let depth = Axis::new("depth").range(Some([0.5, 3.5]));
        let rate = Axis::new("rate").scale(Scale::Log).range(Some([1e-4, 1e-2]));
        let thread = |values: [f64; 2]| Thread { trial: TrialId(0), values: values.into() };
        let brushes = Brushes::from([("rate".to_owned(), [-3.5, -2.5])]);
        let axes = [depth.clone(), rate.clone()];
        assert!(passes(&brushes, &axes, &thread([9.0, 1e-3])));
        assert!(!passes(&brushes, &axes, &thread([9.0, 9e-3])));
        assert!(passes(&brushes, &[rate.clone(), depth], &thread([1e-3, 9.0])));
        let both = Brushes::from([("rate".into(), [-3.5, -2.5]), ("depth".into(), [1.5, 2.5])]);
        assert!(passes(&both, &axes, &thread([2.0, 1e-3])));
        assert!(!passes(&both, &axes, &thread([3.0, 1e-3])));
        assert_eq!(shares(&rate, [-3.0, -2.0]), Some([0.5, 1.0]));
        // An axis that shows less than it did shows a part of its brush.
        assert_eq!(shares(&rate, [-9.0, -2.5]), Some([0.0, 0.75]));
    }

    /// What a click on an axis does where two are brushed.
    #[test]
    fn one_of_two_brushes_is_taken_away_and_a_drag_makes_another() {
        let axes = ["depth", "width"].map(|name| Axis::new(name).range(Some([0.0, 1.0])));
        let parallel = Parallel { axes: axes.into(), bundles: Vec::new() };
        let both = [("depth".to_owned(), [0.0, 0.5]), ("gone".to_owned(), [0.0, 1.0])];
        let state = (Brushes::from(both), 0_usize);
        let mut harness =
            egui_kittest::Harness::builder().with_size([400.0, 300.0]).build_ui_state(
                move |ui, (brushes, times): &mut (Brushes, usize)| {
                    let (hidden, none) = (&mut BTreeSet::new(), BTreeSet::new());
                    let mut look = Look {
                        id: egui::Id::unique("test"),
                        link: None,
                        names: &[],
                        slots: &[],
                        picked: (0, &none),
                        hidden,
                        brushes,
                        describe: &|_, _| String::new(),
                    };
                    *times += usize::from(show(ui, &parallel, &mut look).brushed);
                },
                state,
            );
        harness.run();
        assert!(!harness.state().0.contains_key("gone"), "its axis is not there any more");
        let before = harness.state().1;
        let axis = harness.get_by_label("Brush width").rect();
        harness.drag_at(axis.center());
        harness.run();
        harness.hover_at(axis.center_top());
        harness.run();
        harness.drop_at(axis.center_top());
        harness.run();
        let [low, high] = harness.state().0["width"];
        assert!((low - 0.5).abs() < 0.05 && high > 0.95, "{low} to {high}");
        assert!(harness.state().1 > before, "a drag changes what is picked");
        let before = harness.state().1;
        harness.get_by_label("Brush depth").click();
        harness.run();
        assert_eq!(harness.state().0.len(), 1);
        assert!(harness.state().1 > before, "so does a brush that is taken away");
    }

    #[test]
    fn the_distance_from_a_path_is_that_of_its_nearest_segment() {
        let path = [pos2(0.0, 0.0), pos2(10.0, 0.0), pos2(10.0, 10.0)];
        assert_eq!(distance(&path, pos2(5.0, 3.0)), 3.0);
        assert_eq!(distance(&path, pos2(14.0, 13.0)), 5.0);
    }
}
