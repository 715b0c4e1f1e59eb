//! A picture as a list of shapes with positions and colors: what both backends draw.

use plotters::style::RGBColor as Rgb;

use crate::text::{self, Weight};

pub(super) type At = (f64, f64);

/// Where a line of text is relative to its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stroke {
    pub(super) color: Rgb,
    pub(super) alpha: f64,
    pub(super) width: f64,
}

impl Stroke {
    pub(super) fn new(color: Rgb, width: f64) -> Self {
        let alpha = 1.0;
        Self { color, alpha, width }
    }
}

/// How text is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Letters {
    pub(super) size: f64,
    pub(super) weight: Weight,
    pub(super) color: Rgb,
    pub(super) anchor: Anchor,
}

impl Letters {
    pub(super) fn new(size: f64, color: Rgb) -> Self {
        Self { size, weight: Weight::Regular, color, anchor: Anchor::Start }
    }
    pub(super) fn bold(mut self) -> Self {
        self.weight = Weight::Bold;
        self
    }
    pub(super) fn anchor(mut self, anchor: Anchor) -> Self {
        self.anchor = anchor;
        self
    }
    pub(super) fn width(&self, text: &str) -> f64 {
        text::width(text, self.size, self.weight)
    }
}

/// Something to draw.
#[derive(Debug)]
pub(super) enum Shape {
    Line(Vec<At>, Stroke),
    Area(Vec<At>, Rgb, f64),
    Disc(At, f64, Rgb, f64),
    /// On its baseline.
    Text(String, At, Letters),
}

/// A picture.
pub(super) struct Scene {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) ground: Rgb,
    pub(super) shapes: Vec<Shape>,
}

impl Scene {
    pub(super) fn new(width: f64, height: f64, ground: Rgb) -> Self {
        Self { width, height, ground, shapes: Vec::new() }
    }

    pub(super) fn line(&mut self, points: Vec<At>, stroke: Stroke) {
        if points.len() > 1 {
            self.shapes.push(Shape::Line(points, stroke));
        }
    }

    /// A line of dashes and gaps of these lengths.
    pub(super) fn dashes(&mut self, points: &[At], stroke: Stroke, (dash, gap): (f64, f64)) {
        let (mut drawn, mut left) = (true, dash);
        let mut current: Vec<At> = points.first().copied().into_iter().collect();
        for pair in points.windows(2) {
            let [from, to] = [pair[0], pair[1]];
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            let mut walked = 0.0;
            while length - walked > left {
                walked += left;
                let part = walked / length;
                let at = (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part);
                if drawn {
                    current.push(at);
                    self.line(std::mem::take(&mut current), stroke);
                } else {
                    current = vec![at];
                }
                drawn = !drawn;
                left = if drawn { dash } else { gap };
            }
            left -= length - walked;
            if drawn {
                current.push(to);
            }
        }
        if drawn {
            self.line(current, stroke);
        }
    }

    pub(super) fn area(&mut self, points: Vec<At>, color: Rgb, alpha: f64) {
        if points.len() > 2 {
            self.shapes.push(Shape::Area(points, color, alpha));
        }
    }

    pub(super) fn disc(&mut self, center: At, radius: f64, color: Rgb, alpha: f64) {
        self.shapes.push(Shape::Disc(center, radius, color, alpha));
    }

    pub(super) fn text(&mut self, text: impl Into<String>, at: At, letters: Letters) {
        let text = text.into();
        if !text.is_empty() {
            self.shapes.push(Shape::Text(text, at, letters));
        }
    }
}

/// The outline of a box with round corners, closed.
pub(super) fn rounded((x, y): At, (width, height): At, radius: f64) -> Vec<At> {
    let r = radius.min(width / 2.0).min(height / 2.0);
    let corners = [
        (x + width - r, y + r, -90.0_f64),
        (x + width - r, y + height - r, 0.0),
        (x + r, y + height - r, 90.0),
        (x + r, y + r, 180.0),
    ];
    let steps = 6;
    let mut outline = Vec::with_capacity(4 * (steps + 1) + 1);
    for (cx, cy, from) in corners {
        for step in 0..=steps {
            let angle = (from + 90.0 * step as f64 / steps as f64).to_radians();
            outline.push((cx + r * angle.cos(), cy + r * angle.sin()));
        }
    }
    outline.extend(outline.first().copied());
    outline
}
