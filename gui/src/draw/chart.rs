//! Figures on the screen: egui_plot has the axes, the grid, zoom and pan; the marks are painted here,
//! because only what the screen can show should cost anything.

use std::collections::BTreeSet;

use egui::{Color32, Pos2, Rect, Sense, Stroke, StrokeKind, Ui, Vec2, pos2, vec2};
use egui_plot::{GridInput, GridMark, Plot, PlotPoint, PlotTransform};
use nascent_figures::{Axis, Role, Scale};
use nascent_record::TrialId;

use super::parallel::{self, Brushes};
use super::prepare::{Chart, Kind, Placed};
use super::reduce;
use crate::text;
use crate::theme::{self, Palette};

/// What a figure is drawn with.
pub(crate) struct Look<'a> {
    /// What tells this drawing from others on the screen.
    pub(crate) id: egui::Id,
    /// Figures of one group zoom and pan along x together.
    pub(crate) link: Option<egui::Id>,
    /// The names of the runs, by position.
    pub(crate) names: &'a [String],
    /// The color of each run, by position, where runs are told apart by color.
    pub(crate) slots: &'a [usize],
    /// The trials that are picked, with the position of their run.
    pub(crate) picked: (usize, &'a BTreeSet<TrialId>),
    /// The names of the legend that are hidden.
    pub(crate) hidden: &'a mut BTreeSet<String>,
    /// What is brushed in parallel coordinates.
    pub(crate) brushes: &'a mut Brushes,
    /// What a trial is in a few lines, for a hover.
    pub(crate) describe: &'a dyn Fn(usize, TrialId) -> String,
}

/// What the reader did with a figure.
#[derive(Default)]
pub(crate) struct Answer {
    /// The trial that was clicked, with the position of its run.
    pub(crate) clicked: Option<(usize, TrialId)>,
    /// The trials that were brushed, if brushes changed.
    pub(crate) brushed: Option<(usize, BTreeSet<TrialId>)>,
}

/// A dot that the pointer can reach.
struct Near {
    distance: f32,
    place: Pos2,
    run: usize,
    trial: Option<TrialId>,
    text: String,
}

/// How far from a dot the pointer still means it.
const REACH: f32 = 14.0;

/// Draws a figure in all the room there is.
pub(crate) fn show(ui: &mut Ui, chart: &Chart, look: Look<'_>) -> Answer {
    heading(ui, chart);
    legend(ui, chart, look.hidden, look.slots);
    if let Some(parallel) = chart.parallel() {
        let mut look = look;
        return parallel::show(ui, parallel, &mut look);
    }
    let palette = Palette::of(ui);
    let figure = &chart.figure;
    let [[x_from, x_to], [y_from, y_to]] = chart.bounds;
    let mut plot = Plot::new(look.id)
        .include_x(x_from)
        .include_x(x_to)
        .include_y(y_from)
        .include_y(y_to)
        .set_margin_fraction(Vec2::ZERO)
        .x_axis_label(axis_label(&figure.x))
        .y_axis_label(axis_label(&figure.y))
        .x_grid_spacer(|input| marks(&figure.x, &input))
        .y_grid_spacer(|input| marks(&figure.y, &input))
        .x_axis_formatter(|mark, _| tick(&figure.x, mark))
        .y_axis_formatter(|mark, _| tick(&figure.y, mark))
        .grid_color(palette.grid)
        .grid_spacing(egui::Rangef::new(24.0, 130.0))
        .show_crosshair(false)
        .label_formatter(|_| None)
        .cursor_color(palette.rule);
    if let Some(group) = look.link {
        plot = plot.link_axis(group, [true, false]).link_cursor(group, [true, false]);
    }
    let drawn = plot.show(ui, |_| {});
    let (response, transform) = (drawn.response, drawn.transform);
    let frame = *transform.frame();
    let pointer = response.hover_pos().filter(|pos| frame.contains(*pos));
    let painter = ui.painter().with_clip_rect(frame);
    let mut painting = Painting {
        painter,
        palette,
        transform,
        frame,
        slots: look.slots,
        pointer,
        picked: look.picked,
        nearest: None,
        each: reduce::each(chart.marks.iter().filter(|mark| mark.kind == Kind::Points).count()),
        ways: chart.marks.iter().filter(|m| m.kind == Kind::Links).map(|m| m.points.len()).sum(),
    };
    for mark in &chart.marks {
        if !look.hidden.contains(&mark.name) || mark.name.is_empty() {
            painting.mark(mark);
        }
    }
    let nearest = painting.nearest.take();
    let mut answer = Answer::default();
    if let Some(near) = nearest {
        let color = palette.ink;
        painting.painter.circle_stroke(near.place, 6.0, Stroke::new(1.5, color));
        if response.clicked() {
            answer.clicked = near.trial.map(|trial| (near.run, trial));
        }
        let name = look.names.get(near.run).filter(|_| look.names.len() > 1);
        let about = near.trial.map(|trial| (look.describe)(near.run, trial));
        response.on_hover_ui_at_pointer(|ui| {
            if let Some(name) = name {
                ui.label(egui::RichText::new(name).family(theme::strong()));
            }
            ui.label(&near.text);
            if let Some(about) = about {
                ui.label(about);
                ui.weak("Click to pick it");
            }
        });
    }
    answer
}

fn heading(ui: &mut Ui, chart: &Chart) {
    ui.label(egui::RichText::new(&chart.figure.title).family(theme::strong()).size(14.0));
    if !chart.figure.subtitle.is_empty() {
        ui.add(egui::Label::new(egui::RichText::new(&chart.figure.subtitle).weak()).wrap());
    }
}

/// The names of the marks; a click hides them.
fn legend(ui: &mut Ui, chart: &Chart, hidden: &mut BTreeSet<String>, slots: &[usize]) {
    for mark in chart.marks.iter().filter(|mark| mark.kind == Kind::Cells) {
        scale(ui, mark);
    }
    if chart.legend.is_empty() {
        return;
    }
    let palette = Palette::of(ui);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 12.0;
        for entry in &chart.legend {
            let off = hidden.contains(&entry.name);
            let color = color_of(palette, entry.role, slots);
            let text = egui::RichText::new(&entry.name).size(12.0);
            let text = if off { text.weak().strikethrough() } else { text };
            let galley = egui::WidgetText::from(text).into_galley(
                ui,
                Some(egui::TextWrapMode::Extend),
                f32::INFINITY,
                egui::TextStyle::Body,
            );
            let size = galley.size() + vec2(20.0, 2.0);
            let (rect, response) = ui.allocate_exact_size(size, Sense::click());
            response.widget_info(|| {
                let name = format!("Show {}", entry.name);
                egui::WidgetInfo::selected(egui::Role::CheckBox, true, !off, name)
            });
            let color = if off { palette.grid } else { color };
            let center = pos2(rect.left() + 7.0, rect.center().y);
            if entry.line {
                let ends = [center - vec2(7.0, 0.0), center + vec2(7.0, 0.0)];
                ui.painter().line_segment(ends, Stroke::new(2.5, color));
            } else {
                ui.painter().circle_filled(center, 4.0, color);
            }
            let at = pos2(rect.left() + 19.0, rect.top() + 1.0);
            ui.painter().galley(at, galley, palette.ink);
            if response.on_hover_text("Click to hide or show it").clicked()
                && !hidden.remove(&entry.name)
            {
                hidden.insert(entry.name.clone());
            }
        }
    });
}

/// The legend of a heat map: from the weakest color to the strongest.
fn scale(ui: &mut Ui, mark: &Placed) {
    let palette = Palette::of(ui);
    ui.horizontal(|ui| {
        ui.label(egui::RichText::new(&mark.label).size(12.0));
        ui.weak(text::number(mark.range[0]));
        let (rect, _) = ui.allocate_exact_size(vec2(120.0, 10.0), Sense::hover());
        let steps = 30;
        for step in 0..steps {
            let from = rect.left() + rect.width() * step as f32 / steps as f32;
            let width = rect.width() / steps as f32 + 0.5;
            let piece = Rect::from_min_size(pos2(from, rect.top()), vec2(width, rect.height()));
            let strength = f64::from(step) / f64::from(steps - 1);
            ui.painter().rect_filled(piece, 0.0, palette.heat(strength));
        }
        ui.weak(text::number(mark.range[1]));
    });
}

/// The color of a role; runs that are told apart have the color that they have everywhere.
pub(super) fn color_of(palette: &Palette, role: Role, slots: &[usize]) -> Color32 {
    match role {
        Role::Series(at) if slots.len() > 1 => match slots.get(at) {
            Some(slot) => palette.run(*slot),
            None => palette.look(role).color,
        },
        role => palette.look(role).color,
    }
}

fn axis_label(axis: &Axis) -> String {
    match axis.scale {
        Scale::Linear => axis.label.clone(),
        Scale::Log => format!("{} (log)", axis.label),
    }
}

/// Where an axis has lines: at its named places, or at round numbers.
fn marks(axis: &Axis, input: &GridInput) -> Vec<GridMark> {
    let (from, to) = input.bounds;
    let span = to - from;
    if !span.is_finite() || span <= 0.0 {
        return Vec::new();
    }
    if let Some(ticks) = &axis.ticks {
        let at = |tick: &nascent_figures::Tick| axis.scale.position(tick.at);
        let within = ticks.iter().filter_map(at).filter(|at| (from..=to).contains(at));
        // Where names would lie on one another, some are left out.
        let crowd = (input.base_step_size * 0.55).ceil().max(1.0) as usize;
        let within = within.step_by(crowd);
        let step_size = input.base_step_size.max(1.0);
        return within.map(|value| GridMark { value, step_size }).collect();
    }
    if axis.whole && input.base_step_size * 3.0 < 1.0 {
        let whole = from.ceil() as i64..=to.floor() as i64;
        return whole.map(|at| GridMark { value: at as f64, step_size: 1.0 }).collect();
    }
    if axis.scale == Scale::Log && span < 20.0 {
        return decades(from, to);
    }
    let mut found = Vec::new();
    // Steps of 1, 2 and 5 times a power of ten, the first that is wide enough to write at.
    let wide = input.base_step_size * 3.0;
    let power = 10_f64.powf(wide.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|k| k * power).into_iter().find(|s| *s >= wide);
    let step = step.unwrap_or(wide);
    let first = (from / step).ceil() as i64;
    for at in first..=(to / step).floor() as i64 {
        found.push(GridMark { value: at as f64 * step, step_size: step });
        if found.len() > 200 {
            break;
        }
    }
    found
}

/// Marks of a logarithmic axis: powers of ten, and what lies between them where there is room.
fn decades(from: f64, to: f64) -> Vec<GridMark> {
    let between: &[f64] = match to - from {
        span if span > 3.0 => &[1.0],
        span if span > 1.0 => &[1.0, 3.0],
        span if span > 0.5 => &[1.0, 2.0, 3.0, 5.0, 7.0],
        _ => &[1.0, 1.2, 1.5, 1.7, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0],
    };
    let step_size = (to - from) / 4.0;
    let powers = from.floor() as i32..=to.floor() as i32;
    let all = powers.flat_map(|power| between.iter().map(move |k| f64::from(power) + k.log10()));
    let within = all.filter(|value| (from..=to).contains(value));
    within.map(|value| GridMark { value, step_size }).collect()
}

fn tick(axis: &Axis, mark: GridMark) -> String {
    if let Some(ticks) = &axis.ticks {
        let near = |tick: &&nascent_figures::Tick| {
            let at = axis.scale.position(tick.at).unwrap_or(f64::NAN);
            (at - mark.value).abs() <= 1e-9 * (1.0 + at.abs())
        };
        return ticks.iter().find(near).map(|tick| tick.label.clone()).unwrap_or_default();
    }
    match axis.scale {
        Scale::Linear => text::at_step(mark.value, mark.step_size),
        Scale::Log => text::number(10_f64.powf(mark.value)),
    }
}

struct Painting<'a> {
    painter: egui::Painter,
    palette: &'static Palette,
    transform: PlotTransform,
    frame: Rect,
    slots: &'a [usize],
    pointer: Option<Pos2>,
    picked: (usize, &'a BTreeSet<TrialId>),
    nearest: Option<Near>,
    /// How many dots each mark may have.
    each: usize,
    /// How many ends the links of all marks have.
    ways: usize,
}

impl Painting<'_> {
    fn place(&self, [x, y]: [f64; 2]) -> Pos2 {
        self.transform.position_from_point(&PlotPoint::new(x, y))
    }

    fn range(&self) -> [f64; 2] {
        let bounds = self.transform.bounds();
        [bounds.min()[0], bounds.max()[0]]
    }

    fn mark(&mut self, mark: &Placed) {
        let look = self.palette.look(mark.role);
        let color = color_of(self.palette, mark.role, self.slots);
        match mark.kind {
            Kind::Line | Kind::Step => self.line(mark, Stroke::new(look.line, color)),
            Kind::Points => self.dots(mark, color, look.dot),
            Kind::Band => self.band(mark, color.gamma_multiply(0.18)),
            Kind::Area => self.band(mark, color.gamma_multiply(0.85)),
            Kind::Links => self.links(mark, Stroke::new(look.line, color)),
            Kind::Intervals => self.intervals(mark, color),
            Kind::Cells => self.cells(mark),
            Kind::Bars => self.bars(mark, color),
        }
    }

    /// The points of a line that the screen can show.
    fn kept(&self, mark: &Placed) -> Vec<usize> {
        if !mark.rising {
            return (0..mark.points.len()).collect();
        }
        let range = reduce::visible(&mark.points, self.range());
        let column = |x: f64| self.transform.position_from_point_x(x) as i64;
        reduce::columns(&mark.points, range, column, self.frame.width() as usize)
    }

    fn line(&mut self, mark: &Placed, stroke: Stroke) {
        let kept = self.kept(mark);
        let mut path: Vec<Pos2> = Vec::with_capacity(kept.len() * 2);
        for &at in &kept {
            let place = self.place(mark.points[at]);
            if let (Kind::Step, Some(last)) = (mark.kind, path.last()) {
                path.push(pos2(place.x, last.y));
            }
            path.push(place);
            self.reach(mark, at, place);
        }
        if let [only] = path[..] {
            self.painter.circle_filled(only, stroke.width + 1.0, stroke.color);
        } else {
            self.painter.line(path, stroke);
        }
        self.highlight(mark);
    }

    fn dots(&mut self, mark: &Placed, color: Color32, radius: f32) {
        let frame = self.frame;
        let places: Vec<[f32; 2]> = mark
            .points
            .iter()
            .map(|point| {
                let place = self.place(*point) - frame.min;
                [place.x, place.y]
            })
            .collect();
        let kept = reduce::squares(&places, [frame.width(), frame.height()], self.each);
        // Where dots are crowded, smaller ones tell more.
        let radius = if kept.len() > 2000 { radius.min(1.8) } else { radius };
        for &at in &kept {
            let place = frame.min + egui::Vec2::from(places[at]);
            self.painter.circle_filled(place, radius, color);
            self.reach(mark, at, place);
        }
        self.highlight(mark);
    }

    fn band(&self, mark: &Placed, color: Color32) {
        let range = reduce::visible(&mark.points, self.range());
        let column = |x: f64| self.transform.position_from_point_x(x) as i64;
        let width = self.frame.width() as usize;
        let kept = reduce::columns(&mark.points, range, column, width);
        let mut mesh = egui::Mesh::default();
        for (number, &at) in kept.iter().enumerate() {
            let [x, high] = mark.points[at];
            let low = mark.lower.get(at).copied().unwrap_or(high);
            mesh.colored_vertex(self.place([x, high]), color);
            mesh.colored_vertex(self.place([x, low]), color);
            if number > 0 {
                let base = 2 * number as u32;
                mesh.add_triangle(base - 2, base - 1, base);
                mesh.add_triangle(base - 1, base, base + 1);
            }
        }
        self.painter.add(egui::Shape::mesh(mesh));
    }

    fn bars(&mut self, mark: &Placed, color: Color32) {
        for (at, [value, y]) in mark.points.iter().copied().enumerate() {
            let half = mark.thickness / 2.0;
            let ends = [self.place([0.0, y - half]), self.place([value, y + half])];
            let rect = Rect::from_two_pos(ends[0], ends[1]);
            self.painter.rect_filled(rect, 2.0, color);
            if let Some(pointer) = self.pointer.filter(|pointer| rect.contains(*pointer)) {
                let text = mark.notes.get(at).cloned().unwrap_or_default();
                self.painter.rect_stroke(
                    rect,
                    2.0,
                    Stroke::new(1.5, self.palette.ink),
                    StrokeKind::Outside,
                );
                let (run, trial, distance) = (mark.run, None, 0.0);
                self.nearest = Some(Near { distance, place: pointer, run, trial, text });
            }
        }
    }

    fn links(&self, mark: &Placed, stroke: Stroke) {
        let many = self.ways > 2000;
        let stroke = if many { Stroke::new(stroke.width.min(0.7), stroke.color) } else { stroke };
        // Of ways that lie on one another one is enough, and the more there are, the less the eye
        // tells apart.
        let grid = if self.ways > 20_000 { 6.0 } else { 2.0 };
        let mut taken = std::collections::HashSet::new();
        for ends in mark.points.chunks_exact(2) {
            let (from, to) = (self.place(ends[0]), self.place(ends[1]));
            let round = |pos: Pos2| [(pos.x / grid) as i32, (pos.y / grid) as i32];
            let seen = self.frame.intersects(Rect::from_two_pos(from, to).expand(1.0));
            if seen && (!many || taken.insert([round(from), round(to)])) {
                self.painter.line_segment([from, to], stroke);
            }
        }
    }

    /// A box of a mark on the screen.
    fn boxed(&self, mark: &Placed, at: usize) -> Option<Rect> {
        let corner = mark.corners.get(at)?;
        let rect = Rect::from_two_pos(self.place(mark.points[at]), self.place(*corner));
        self.frame.intersects(rect).then_some(rect)
    }

    fn intervals(&mut self, mark: &Placed, color: Color32) {
        // What is narrower than a pixel, and behind the box before it, cannot be seen.
        let mut ends: std::collections::HashMap<i32, f32> = std::collections::HashMap::new();
        for at in 0..mark.points.len() {
            let Some(mut rect) = self.boxed(mark, at) else { continue };
            let end = ends.entry((rect.top() * 8.0) as i32).or_insert(f32::NEG_INFINITY);
            if rect.width() < 1.0 && rect.right() < *end + 0.5 {
                continue;
            }
            *end = end.max(rect.right());
            let height = rect.height().clamp(1.0, 44.0);
            rect = Rect::from_center_size(rect.center(), vec2(rect.width().max(0.7), height));
            if rect.width() > 3.0 {
                rect.max.x -= 0.75; // a little room tells one trial from the next
            }
            let trial = mark.trials.get(at).copied().flatten();
            let (run, picked) = self.picked;
            let is_picked = mark.run == run && trial.is_some_and(|t| picked.contains(&t));
            let fill = if is_picked { self.palette.look(Role::Selected).color } else { color };
            self.painter.rect_filled(rect, 1.0, fill);
            self.touch(mark, at, rect, mark.name.clone());
        }
    }

    fn cells(&mut self, mark: &Placed) {
        for at in 0..mark.points.len() {
            let Some(rect) = self.boxed(mark, at) else { continue };
            let strength = mark.strengths.get(at).copied().unwrap_or(0.0);
            let value = mark.values.get(at).copied().unwrap_or(0.0);
            let color = self.palette.heat(strength);
            // Large boxes stand apart, small ones touch.
            let apart = if rect.width().min(rect.height()) > 14.0 { 0.75 } else { -0.15 };
            self.painter.rect_filled(rect.shrink(apart), 0.0, color);
            if rect.width() > 44.0 && rect.height() > 18.0 {
                let font = egui::FontId::proportional(11.0);
                let (center, ink) = (rect.center(), Palette::on(color));
                let number = text::number(value);
                self.painter.text(center, egui::Align2::CENTER_CENTER, number, font, ink);
            }
            let note = mark.notes.get(at).cloned().unwrap_or_default();
            self.touch(mark, at, rect, format!("{note}\n{} {}", mark.label, text::number(value)));
        }
    }

    /// Remembers a box if the pointer is in it.
    fn touch(&mut self, mark: &Placed, at: usize, rect: Rect, text: String) {
        if let Some(pointer) = self.pointer.filter(|pointer| rect.contains(*pointer)) {
            let trial = mark.trials.get(at).copied().flatten();
            let run = mark.run;
            self.nearest = Some(Near { distance: 0.0, place: pointer, run, trial, text });
        }
    }

    /// Remembers a point if the pointer is nearest to it.
    fn reach(&mut self, mark: &Placed, at: usize, place: Pos2) {
        let Some(pointer) = self.pointer else { return };
        let distance = pointer.distance(place);
        if distance > REACH || self.nearest.as_ref().is_some_and(|near| near.distance < distance) {
            return;
        }
        let trial = mark.trials.get(at).copied().flatten();
        let text = if mark.name.is_empty() { String::new() } else { format!("{}\n", mark.name) };
        let [x, y] = mark.points[at];
        let text = format!("{text}{} · {}", text::number(x), text::number(y));
        self.nearest = Some(Near { distance, place, run: mark.run, trial, text });
    }

    /// Draws the picked trials of a mark on top of it.
    fn highlight(&self, mark: &Placed) {
        let (run, picked) = self.picked;
        if picked.is_empty() || mark.run != run {
            return;
        }
        let look = self.palette.look(Role::Selected);
        let of_picked = |trial: &Option<TrialId>| trial.is_some_and(|t| picked.contains(&t));
        let found = mark.trials.iter().enumerate().filter(|(_, trial)| of_picked(trial));
        let places: Vec<Pos2> =
            found.take(2000).map(|(at, _)| self.place(mark.points[at])).collect();
        if places.len() == mark.points.len() && mark.kind == Kind::Line && places.len() > 1 {
            self.painter.line(places, Stroke::new(look.line, look.color)); // a curve of its own
            return;
        }
        for place in places {
            self.painter.circle_stroke(place, look.dot, Stroke::new(2.0, look.color));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(axis: &Axis, from: f64, to: f64) -> Vec<String> {
        let input = GridInput { bounds: (from, to), base_step_size: (to - from) / 20.0 };
        marks(axis, &input).into_iter().map(|mark| tick(axis, mark)).collect()
    }

    #[test]
    fn axes_have_round_numbers() {
        let plain = Axis::new("x");
        assert_eq!(values(&plain, -0.3, 0.9), ["−0.2", "0", "0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(values(&plain, 1.6087, 1.6095), ["1.6088", "1.609", "1.6092", "1.6094"]);
        let log = Axis::new("x").scale(Scale::Log);
        assert_eq!(
            values(&log, 4.2, 6.1),
            ["30,000", "1e5", "3e5", "1e6"].map(|t| {
                let value: f64 = t.replace(',', "").parse().unwrap();
                text::number(value)
            })
        );
        assert_eq!(values(&log, 0.0, 4.0).len(), 5);
        assert!(values(&plain, f64::NAN, 1.0).is_empty());
        let named = Axis::new("op").names(["a", "b", "c"]);
        assert_eq!(values(&named, 0.5, 2.5), ["b", "c"]);
    }
}
