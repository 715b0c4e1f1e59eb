//! The marks of a figure on the screen: only what it can show is painted.

use std::collections::BTreeSet;

use egui::{Color32, Pos2, Rect, Stroke, StrokeKind, pos2, vec2};
use egui_plot::{PlotPoint, PlotTransform};
use nascent_figures::{Figure, Role};
use nascent_record::TrialId;

use super::axis;
use super::chart::with_slot;
use super::prepare::{Chart, Kind, Placed};
use super::reduce;
use crate::text;
use crate::theme::{Look, Palette};

/// A dot that the pointer can reach.
pub(super) struct Near {
    distance: f32,
    pub(super) place: Pos2,
    pub(super) run: usize,
    pub(super) trial: Option<TrialId>,
    pub(super) text: String,
}

/// How far from a dot the pointer still means it.
const REACH: f32 = 14.0;

/// How many picked dots of a mark have a ring of their own, where they are that far apart.
const MOST_RINGS: usize = 2000;

/// Marks on their way to the screen, and what of them the pointer is at.
pub(super) struct Painting<'a> {
    painter: egui::Painter,
    palette: &'static Palette,
    transform: PlotTransform,
    frame: Rect,
    figure: &'a Figure,
    slots: &'a [usize],
    pointer: Option<Pos2>,
    picked: Picked,
    nearest: Option<Near>,
    /// How many dots each mark may have.
    each: usize,
    /// How many ends the links of all marks have.
    ways: usize,
}

/// The trials of a run that are picked, for many questions.
struct Picked {
    run: usize,
    /// Whether each trial is, by number.
    flags: Vec<bool>,
}

impl Picked {
    fn new((run, trials): (usize, &BTreeSet<TrialId>)) -> Self {
        let mut flags = vec![false; trials.last().map_or(0, |last| last.index() + 1)];
        for trial in trials {
            flags[trial.index()] = true;
        }
        Self { run, flags }
    }

    fn has(&self, trial: Option<TrialId>) -> bool {
        trial.and_then(|trial| self.flags.get(trial.index())).copied().unwrap_or(false)
    }

    /// The positions of the points of a mark that are of picked trials.
    fn of(&self, mark: &Placed) -> Vec<usize> {
        if self.flags.is_empty() || mark.run != self.run {
            return Vec::new();
        }
        let trials = mark.trials.iter().enumerate();
        trials.filter(|(_, trial)| self.has(**trial)).map(|(at, _)| at).collect()
    }
}

impl<'a> Painting<'a> {
    /// Of a chart in a frame, with the colors of runs and the trials that are picked.
    pub(super) fn new(
        painter: egui::Painter,
        palette: &'static Palette,
        transform: PlotTransform,
        pointer: Option<Pos2>,
        chart: &'a Chart,
        slots: &'a [usize],
        picked: (usize, &BTreeSet<TrialId>),
    ) -> Self {
        let of_kind = |kind| chart.marks.iter().filter(move |mark| mark.kind == kind);
        Self {
            painter,
            palette,
            transform,
            frame: *transform.frame(),
            figure: &chart.figure,
            slots,
            pointer,
            picked: Picked::new(picked),
            nearest: None,
            each: reduce::each(of_kind(Kind::Points).count()),
            ways: of_kind(Kind::Links).map(|mark| mark.points.len()).sum(),
        }
    }

    /// What the pointer is at, with a ring around it.
    pub(super) fn nearest(&mut self) -> Option<Near> {
        let near = self.nearest.take()?;
        self.painter.circle_stroke(near.place, 6.0, Stroke::new(1.5, self.palette.ink));
        Some(near)
    }

    fn place(&self, [x, y]: [f64; 2]) -> Pos2 {
        self.transform.position_from_point(&PlotPoint::new(x, y))
    }

    fn range(&self) -> [f64; 2] {
        let bounds = self.transform.bounds();
        [bounds.min()[0], bounds.max()[0]]
    }

    /// Paints a mark.
    pub(super) fn mark(&mut self, mark: &Placed) {
        let look = self.palette.look(with_slot(mark.role, self.slots));
        let color = look.color;
        match mark.kind {
            Kind::Line | Kind::Step => self.line(mark, &look),
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

    fn line(&mut self, mark: &Placed, look: &Look) {
        let stroke = Stroke::new(look.line, look.color);
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
        } else if let Some([dash, gap]) = look.dash {
            self.painter.extend(egui::Shape::dashed_line(&path, stroke, dash, gap));
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
            let is_picked = mark.run == self.picked.run && self.picked.has(trial);
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
        let (x, y) = (axis::words(&self.figure.x, x), axis::words(&self.figure.y, y));
        let text = format!("{text}{x} · {y}");
        self.nearest = Some(Near { distance, place, run: mark.run, trial, text });
    }

    /// Draws the picked trials of a mark on top of it: all that the screen has room for.
    fn highlight(&self, mark: &Placed) {
        let found = self.picked.of(mark);
        if found.is_empty() {
            return;
        }
        let look = self.palette.look(Role::Selected);
        let place = |at: &usize| self.place(mark.points[*at]);
        if found.len() == mark.points.len() && mark.kind == Kind::Line && found.len() > 1 {
            let curve = self.kept(mark).iter().map(place).collect(); // a curve of its own
            self.painter.line(curve, Stroke::new(look.line, look.color));
            return;
        }
        let (min, size) = (self.frame.min, self.frame.size());
        let places: Vec<[f32; 2]> = found.iter().map(|at| (place(at) - min).into()).collect();
        for at in reduce::squares(&places, [size.x, size.y], MOST_RINGS) {
            let place = min + egui::Vec2::from(places[at]);
            self.painter.circle_stroke(place, look.dot, Stroke::new(2.0, look.color));
        }
    }
}

#[cfg(test)]
mod tests {
    use nascent_figures::{PlotOptions, find};

    use super::*;
    use crate::testing;

    #[test]
    fn every_picked_trial_is_found_however_many_there_are() {
        let view = testing::run(6000, 1, 1);
        let figure = find("best_so_far").unwrap();
        let chart = Chart::new(figure.figure(&[("run", &view)], &PlotOptions::default()).unwrap());
        let picked: BTreeSet<TrialId> = (0..6000).map(TrialId).collect();
        let mark = &chart.marks[0];
        assert_eq!(Picked::new((0, &picked)).of(mark).len(), mark.points.len());
        assert!(mark.points.len() > 3000);
        assert!(Picked::new((1, &picked)).of(mark).is_empty(), "those of another run");
        let few = BTreeSet::from([TrialId(5999), mark.trials[7].unwrap()]);
        assert_eq!(Picked::new((0, &few)).of(mark), [7]);
    }
}
