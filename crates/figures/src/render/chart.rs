//! Figures as scenes: title, legend, axes and marks.

use std::collections::BTreeSet;

use super::scene::{Anchor, At, Letters, Scene, Stroke};
use super::theme::{Look, Palette};
use super::ticks::Span;
use super::{RenderOptions, boxes, header, parallel};
use crate::text::{self, Weight};
use crate::{Bars, Figure, Mark, Role, Series};

pub(super) const EDGE: f64 = 18.0;
pub(super) const TICK: f64 = 11.0;
pub(super) const LABEL: f64 = 12.0;
/// The least distance of two names on the x axis.
const APART: f64 = 4.0;
/// The distance of two lines of a name on an axis.
const LINE: f64 = 12.0;

/// The room that is left for data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

/// The figure as a scene.
pub(super) fn scene(figure: &Figure, options: &RenderOptions) -> Scene {
    let palette = Palette::of(options.theme);
    let (width, height) = (f64::from(options.width), f64::from(options.height));
    let mut scene = Scene::new(width, height, palette.ground);
    let top = header::draw(&mut scene, figure, palette);
    let frame = Frame { left: EDGE, top, right: width - EDGE, bottom: height - EDGE };
    let is_parallel = |mark: &Mark| matches!(mark, Mark::Parallel(_));
    if let Some(Mark::Parallel(parallel)) = figure.marks.iter().find(|mark| is_parallel(mark)) {
        parallel::draw(&mut scene, parallel, frame, palette);
    } else {
        Chart::new(figure, frame).draw(&mut scene, palette);
    }
    scene
}

/// How many lines the names on the x axis have below the first.
fn below_the_first(ticks: &[(f64, Vec<String>)]) -> f64 {
    let most = ticks.iter().map(|(_, lines)| lines.len()).max();
    most.unwrap_or(1).saturating_sub(1) as f64
}

/// How wide a name on the x axis may be: names of options are broken or cut where they would touch,
/// and numbers are left out instead.
fn room_of_a_name(ticks: &[(f64, String)], figure: &Figure, frame: Frame) -> f64 {
    let places = || ticks.iter().map(|(at, _)| frame.left + at * (frame.right - frame.left));
    let gaps = std::iter::zip(places(), places().skip(1)).map(|(a, b)| b - a);
    match gaps.fold(f64::INFINITY, f64::min) {
        gap if figure.x.ticks.is_some() && gap > 30.0 => gap - APART,
        _ => f64::INFINITY,
    }
}

/// A figure with two axes.
pub(super) struct Chart<'a> {
    figure: &'a Figure,
    pub(super) frame: Frame,
    x: Span,
    y: Span,
    /// Names in one line or several.
    x_ticks: Vec<(f64, Vec<String>)>,
    y_ticks: Vec<(f64, String)>,
}

impl<'a> Chart<'a> {
    fn new(figure: &'a Figure, mut frame: Frame) -> Self {
        let places = || figure.marks.iter().flat_map(places);
        let bars = figure.marks.iter().any(|mark| matches!(mark, Mark::Bars(_)));
        // The names of both axes are beside the data: above the upright one, below the level one.
        frame.top += if figure.y.label.is_empty() { 0.0 } else { 16.0 };
        frame.bottom -= 36.0;
        let y = Span::new(&figure.y, places().map(|(_, y)| y), 0.06);
        let y_ticks = y.ticks(&figure.y, ((frame.bottom - frame.top) / 46.0).max(3.0));
        let letters = Letters::new(TICK, plotters::style::BLACK);
        let room = (frame.right - frame.left) * 0.35;
        let cut = |(at, name): (f64, String)| {
            (at, text::elide_middle(&name, TICK, Weight::Regular, room))
        };
        let y_ticks: Vec<(f64, String)> = y_ticks.into_iter().map(cut).collect();
        let widest = y_ticks.iter().map(|(_, name)| letters.width(name)).fold(0.0, f64::max);
        frame.left += widest + 10.0;
        let x = Span::new(&figure.x, places().map(|(x, _)| x), if bars { 0.0 } else { 0.02 });
        let x_ticks = x.ticks(&figure.x, ((frame.right - frame.left) / 80.0).max(3.0));
        if bars {
            frame.right -= 130.0_f64.min((frame.right - frame.left) * 0.25); // for notes
        }
        let room = room_of_a_name(&x_ticks, figure, frame);
        let lines = |(at, name): (f64, String)| (at, text::lines(&name, TICK, room));
        let x_ticks: Vec<(f64, Vec<String>)> = x_ticks.into_iter().map(lines).collect();
        frame.bottom -= LINE * below_the_first(&x_ticks);
        Self { figure, frame, x, y, x_ticks, y_ticks }
    }

    pub(super) fn across(&self, place: f64) -> f64 {
        self.frame.left + place * (self.frame.right - self.frame.left)
    }

    pub(super) fn up(&self, place: f64) -> f64 {
        self.frame.bottom - place * (self.frame.bottom - self.frame.top)
    }

    pub(super) fn at(&self, x: f64, y: f64) -> Option<At> {
        Some((self.across(self.x.place(x)?), self.up(self.y.place(y)?)))
    }

    pub(super) fn within(&self, (x, y): At) -> bool {
        (self.frame.left - 1.0..=self.frame.right + 1.0).contains(&x)
            && (self.frame.top - 1.0..=self.frame.bottom + 1.0).contains(&y)
    }

    fn draw(&self, scene: &mut Scene, palette: &Palette) {
        self.axes(scene, palette);
        let bars: Vec<&Bars> = self
            .figure
            .marks
            .iter()
            .filter_map(|mark| match mark {
                Mark::Bars(bars) => Some(bars),
                _ => None,
            })
            .collect();
        if !bars.is_empty() {
            self.bars(scene, &bars, palette);
        }
        for mark in &self.figure.marks {
            match mark {
                Mark::Line(series) => {
                    let points = series.points.iter().filter_map(|p| self.at(p.x, p.y)).collect();
                    self.curve(scene, points, palette.look(series.role));
                }
                Mark::Step(series) => {
                    let corners = series.points.windows(2).flat_map(|pair| {
                        [self.at(pair[0].x, pair[0].y), self.at(pair[1].x, pair[0].y)]
                    });
                    let last = series.points.last().and_then(|p| self.at(p.x, p.y));
                    let points = corners.flatten().chain(last).collect();
                    self.curve(scene, points, palette.look(series.role));
                }
                Mark::Points(series) => self.points(scene, series, palette),
                Mark::Band(band) | Mark::Area(band) => {
                    let upper = band.points.iter().map(|[x, _, upper]| (*x, *upper));
                    let lower = band.points.iter().rev().map(|[x, lower, _]| (*x, *lower));
                    let outline = upper.chain(lower).filter_map(|(x, y)| self.at(x, y));
                    let (top, bottom) = (self.frame.top, self.frame.bottom);
                    let outline = outline.map(|(x, y)| (x, y.clamp(top, bottom)));
                    let alpha = if matches!(mark, Mark::Area(_)) { 0.85 } else { 0.18 };
                    scene.area(outline.collect(), palette.look(band.role).color, alpha);
                }
                Mark::Links(links) => boxes::links(scene, self, links, palette),
                Mark::Intervals(intervals) => boxes::intervals(scene, self, intervals, palette),
                Mark::Cells(cells) => boxes::cells(scene, self, cells, palette),
                Mark::Bars(_) | Mark::Parallel(_) => {}
            }
        }
    }

    fn axes(&self, scene: &mut Scene, palette: &Palette) {
        let Frame { left, top, right, bottom } = self.frame;
        let grid = Stroke::new(palette.grid, 1.0);
        let letters = Letters::new(TICK, palette.faint_ink);
        let bars = self.figure.marks.iter().any(|mark| matches!(mark, Mark::Bars(_)));
        let mut lowest = f64::INFINITY;
        for (at, name) in &self.y_ticks {
            let y = self.up(*at);
            if lowest - y < TICK - 1.0 {
                continue; // no room for this name above the last one
            }
            lowest = y;
            if !bars {
                scene.line(vec![(left, y), (right, y)], grid);
            }
            let color = if bars { palette.ink } else { palette.faint_ink };
            let letters = Letters::new(TICK, color).anchor(Anchor::End);
            scene.text(name.as_str(), (left - 8.0, y + TICK * 0.36), letters);
        }
        let mut taken = f64::NEG_INFINITY;
        let apart = if self.figure.x.ticks.is_some() { APART - 0.5 } else { 8.0 };
        for (at, lines) in &self.x_ticks {
            let x = self.across(*at);
            if bars {
                scene.line(vec![(x, top), (x, bottom)], grid);
            }
            let half = lines.iter().map(|line| letters.width(line)).fold(0.0, f64::max) / 2.0;
            if x - half < taken + apart || x + half > scene.width {
                continue;
            }
            taken = x + half;
            scene.line(vec![(x, bottom), (x, bottom + 4.0)], Stroke::new(palette.rule, 1.0));
            for (number, line) in lines.iter().enumerate() {
                let y = bottom + 17.0 + LINE * number as f64;
                scene.text(line.as_str(), (x, y), letters.anchor(Anchor::Middle));
            }
        }
        let base = if bars {
            vec![(left, top), (left, bottom)]
        } else {
            vec![(left, bottom), (right, bottom)]
        };
        scene.line(base, Stroke::new(palette.rule, 1.0));
        let named = Letters::new(LABEL, palette.ink);
        let room = scene.width - 2.0 * EDGE;
        if !self.figure.y.label.is_empty() {
            let label =
                text::elide(&format!("↑ {}", self.figure.y.label), LABEL, Weight::Regular, room);
            scene.text(label, (EDGE, top - 12.0), named);
        }
        if !self.figure.x.label.is_empty() {
            let label =
                text::elide(&format!("{} →", self.figure.x.label), LABEL, Weight::Regular, room);
            let below = 36.0 + LINE * below_the_first(&self.x_ticks);
            scene.text(label, (right, bottom + below), named.anchor(Anchor::End));
        }
    }

    /// Where single points are, which hide what is written below them.
    pub(super) fn points_on_top(&self) -> Vec<At> {
        let series = self.figure.marks.iter().filter_map(|mark| match mark {
            Mark::Points(series) => Some(&series.points),
            _ => None,
        });
        series.flatten().filter_map(|point| self.at(point.x, point.y)).collect()
    }

    /// The parts of a curve within the frame.
    pub(super) fn inside(&self, points: &[At]) -> Vec<Vec<At>> {
        clipped(points, self.frame)
    }

    fn curve(&self, scene: &mut Scene, points: Vec<At>, look: Look) {
        let stroke = Stroke { color: look.color, alpha: look.alpha, width: look.line };
        if let [only] = points[..] {
            // A curve of one point so far.
            if self.within(only) {
                scene.disc(only, look.line.max(1.5), look.color, look.alpha);
            }
            return;
        }
        for piece in self.inside(&thinned(points)) {
            match look.dash {
                Some(dash) => scene.dashes(&piece, stroke, dash),
                None => scene.line(piece, stroke),
            }
        }
    }

    fn points(&self, scene: &mut Scene, series: &Series, palette: &Palette) {
        let look = palette.look(series.role);
        let many = series.points.len() > 1000;
        let muted = matches!(series.role, Role::Muted | Role::Faint);
        let radius = if many && muted { 1.5 } else { look.dot };
        // Of points in one place one is enough.
        let mut taken: BTreeSet<(i64, i64)> = BTreeSet::new();
        for point in &series.points {
            let Some(at) = self.at(point.x, point.y).filter(|at| self.within(*at)) else {
                continue;
            };
            if many && !taken.insert(((at.0 * 1.5) as i64, (at.1 * 1.5) as i64)) {
                continue;
            }
            if !muted {
                scene.disc(at, radius + 1.3, palette.ground, 1.0);
            }
            scene.disc(at, radius, look.color, if muted { 0.6 } else { 1.0 });
        }
    }

    fn bars(&self, scene: &mut Scene, groups: &[&Bars], palette: &Palette) {
        let rows = self.y_ticks.len().max(1) as f64;
        let row = (self.frame.bottom - self.frame.top) / rows;
        let thick = (row * 0.72).min(26.0 * groups.len() as f64) / groups.len() as f64;
        for (at, group) in groups.iter().enumerate() {
            let look = palette.look(group.role);
            for bar in &group.bars {
                let Some((x, y)) = self.at(bar.value, bar.at) else {
                    continue;
                };
                let y = y + (at as f64 - groups.len() as f64 / 2.0) * thick;
                let wide = (x - self.frame.left).max(1.0);
                let bar_thick = (thick - if groups.len() > 1 { 1.0 } else { 0.0 }).max(1.0);
                let (left, right, end) = (self.frame.left, self.frame.left + wide, y + bar_thick);
                let outline = vec![(left, y), (right, y), (right, end), (left, end)];
                scene.area(outline, look.color, 0.9);
                if thick < 9.0 {
                    continue;
                }
                let value = format!("{:.2}", bar.value);
                let text =
                    if bar.note.is_empty() { value } else { format!("{value}  {}", bar.note) };
                let room = scene.width - 6.0 - (x + 8.0);
                let text = text::elide(&text, TICK, Weight::Regular, room);
                let base = y + thick / 2.0 + TICK * 0.36;
                scene.text(text, (x + 7.0, base), Letters::new(TICK, palette.faint_ink));
            }
        }
    }
}

/// Everything that the axes have to make room for.
fn places(mark: &Mark) -> Vec<At> {
    match mark {
        Mark::Line(s) | Mark::Step(s) | Mark::Points(s) => {
            s.points.iter().map(|p| (p.x, p.y)).collect()
        }
        Mark::Band(band) | Mark::Area(band) => {
            let ends = |p: &[f64; 3]| [(p[0], p[1]), (p[0], p[2])];
            band.points.iter().flat_map(ends).collect()
        }
        Mark::Bars(bars) => {
            let ends = |bar: &crate::Bar| [(0.0, bar.at), (bar.value, bar.at)];
            bars.bars.iter().flat_map(ends).collect()
        }
        Mark::Links(links) => {
            let ends = |link: &crate::Link| [link.from, link.to].map(|p| (p.x, p.y));
            links.links.iter().flat_map(ends).collect()
        }
        Mark::Intervals(mark) => {
            let ends = |i: &crate::Interval| [(i.from, i.at - 0.5), (i.to, i.at + 0.5)];
            mark.intervals.iter().flat_map(ends).collect()
        }
        Mark::Cells(cells) => {
            let ends = |cell: &crate::Cell| [(cell.x[0], cell.y[0]), (cell.x[1], cell.y[1])];
            cells.cells.iter().flat_map(ends).collect()
        }
        Mark::Parallel(_) => Vec::new(),
    }
}

/// A long curve, reduced to what the screen can show: of each half pixel's width the first, the
/// lowest, the highest and the last point.
fn thinned(points: Vec<At>) -> Vec<At> {
    if points.len() < 4000 {
        return points;
    }
    let mut thin: Vec<At> = Vec::new();
    let column = |at: &At| (at.0 * 2.0).floor();
    for chunk in points.chunk_by(|a, b| column(a) == column(b)) {
        let mut keep = [0, 0, 0, chunk.len() - 1];
        for (at, point) in chunk.iter().enumerate() {
            if point.1 < chunk[keep[1]].1 {
                keep[1] = at;
            }
            if point.1 > chunk[keep[2]].1 {
                keep[2] = at;
            }
        }
        keep.sort_unstable();
        let mut last = None;
        for at in keep {
            if last != Some(at) {
                thin.push(chunk[at]);
            }
            last = Some(at);
        }
    }
    thin
}

/// The parts of a curve within the frame (Liang and Barsky, "A New Concept and Method for Line
/// Clipping", 1984).
fn clipped(points: &[At], frame: Frame) -> Vec<Vec<At>> {
    let mut pieces: Vec<Vec<At>> = Vec::new();
    let mut current: Vec<At> = Vec::new();
    for pair in points.windows(2) {
        let [a, b] = [pair[0], pair[1]];
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
        let sides = [
            (-dx, a.0 - frame.left),
            (dx, frame.right - a.0),
            (-dy, a.1 - frame.top),
            (dy, frame.bottom - a.1),
        ];
        let mut outside = false;
        for (toward, room) in sides {
            if toward == 0.0 {
                outside |= room < 0.0;
            } else if toward < 0.0 {
                enter = enter.max(room / toward);
            } else {
                leave = leave.min(room / toward);
            }
        }
        if outside || enter > leave {
            pieces.push(std::mem::take(&mut current));
            continue;
        }
        let on = |t: f64| (a.0 + t * dx, a.1 + t * dy);
        if enter > 0.0 || current.is_empty() {
            pieces.push(std::mem::take(&mut current));
            current.push(on(enter));
        }
        current.push(on(leave));
        if leave < 1.0 {
            pieces.push(std::mem::take(&mut current));
        }
    }
    pieces.push(current);
    pieces.retain(|piece| piece.len() > 1);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_end_at_the_frame() {
        let frame = Frame { left: 0.0, top: 0.0, right: 10.0, bottom: 10.0 };
        let pieces =
            clipped(&[(-5.0, 5.0), (5.0, 5.0), (5.0, 20.0), (8.0, 20.0), (8.0, 5.0)], frame);
        let expected =
            vec![vec![(0.0, 5.0), (5.0, 5.0), (5.0, 10.0)], vec![(8.0, 10.0), (8.0, 5.0)]];
        assert_eq!(pieces, expected);
    }

    #[test]
    fn long_curves_keep_their_extremes() {
        let points: Vec<At> = (0..100_000)
            .map(|i| (f64::from(i) / 200.0, f64::from(if i == 77_777 { 9 } else { i % 5 })))
            .collect();
        let thin = thinned(points);
        assert!(thin.len() < 5000);
        assert!(thin.iter().any(|(_, y)| *y == 9.0));
    }
}
