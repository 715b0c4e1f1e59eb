//! Scenes onto the backends of plotters.
//!
//! Backends have whole-number coordinates, so both are given a finer grid than the picture has: the
//! SVG document by its view box, the bitmap by averaging several dots into one.

use std::fmt::Write as _;

use plotters::prelude::{BitMapBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color as _, FontFamily, FontStyle, IntoFont as _, RGBColor as Rgb, ShapeStyle, TextStyle,
};
use plotters_backend::DrawingBackend;

use super::scene::{Anchor, At, Letters, Scene, Shape};
use crate::text::{self, Weight};

/// Units of the view box to a pixel.
const FINE: f64 = 10.0;
/// Dots of the bitmap, each way, that are averaged into one.
const SAMPLES: usize = 2;
/// A bitmap of more dots than this would take gigabytes.
const MOST_DOTS: usize = 64_000_000;
/// Works where the embedded font is not installed; the others are of about its width.
const FAMILIES: &str = "Inter, Helvetica Neue, Arial, Liberation Sans, sans-serif";

/// A problem in words; the backends' errors have no common type.
type Problem = String;

fn style(color: Rgb, alpha: f64, width: u32, filled: bool) -> ShapeStyle {
    ShapeStyle { color: color.mix(alpha), filled, stroke_width: width }
}

fn scaled(points: &[At], scale: f64) -> Vec<(i32, i32)> {
    points.iter().map(|at| fine(*at, scale)).collect()
}

fn fine(at: At, scale: f64) -> (i32, i32) {
    ((at.0 * scale).round() as i32, (at.1 * scale).round() as i32)
}

/// The scene as an SVG document.
pub(super) fn svg(scene: &Scene, title: &str) -> Result<String, Problem> {
    let size = fine((scene.width, scene.height), FINE);
    let mut body = String::new();
    {
        let mut backend = SVGBackend::with_string(&mut body, (size.0 as u32, size.1 as u32));
        let problem = |error: &dyn std::fmt::Display| error.to_string();
        let ground = style(scene.ground, 1.0, 0, true);
        backend.draw_rect((0, 0), size, &ground, true).map_err(|e| problem(&e))?;
        for shape in &scene.shapes {
            match shape {
                Shape::Line(points, stroke) => {
                    let width = (stroke.width * FINE).round() as u32;
                    let style = style(stroke.color, stroke.alpha, width, false);
                    backend.draw_path(scaled(points, FINE), &style)
                }
                Shape::Area(points, color, alpha) => {
                    backend.fill_polygon(scaled(points, FINE), &style(*color, *alpha, 0, true))
                }
                Shape::Disc(center, radius, color, alpha) => {
                    let radius = (radius * FINE).round() as u32;
                    let style = style(*color, *alpha, 0, true);
                    backend.draw_circle(fine(*center, FINE), radius, &style, true)
                }
                Shape::Text(text, at, letters) => svg_text(&mut backend, text, *at, *letters),
            }
            .map_err(|e| problem(&e))?;
        }
        backend.present().map_err(|e| problem(&e))?;
    }
    // The backend's own opening tag has one scale and no title.
    let (_, shapes) = body.split_once('\n').unwrap_or_default();
    let mut document = String::with_capacity(body.len() + 300);
    let (width, height) = (scene.width.round(), scene.height.round());
    let _infallible = write!(
        document,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {} {}\" role=\"img\" stroke-linejoin=\"round\">\n<title>{}</title>\n",
        size.0,
        size.1,
        escaped(title)
    );
    document.push_str(shapes);
    Ok(document)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn svg_text(
    backend: &mut SVGBackend<'_>,
    text: &str,
    at: At,
    letters: Letters,
) -> Result<(), plotters_backend::DrawingErrorKind<std::io::Error>> {
    // The backend writes size / 1.24, and moves text with this anchor down by 0.76 of that.
    let font_style = match letters.weight {
        Weight::Regular => FontStyle::Normal,
        Weight::Bold => FontStyle::Bold,
    };
    let size = letters.size * FINE * 1.24;
    let font = (FontFamily::Name(FAMILIES), size, font_style).into_font();
    let anchor = match letters.anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    let style = TextStyle::from(font).color(&letters.color).pos(Pos::new(anchor, VPos::Top));
    // Characters that XML forbids have no place in a picture either.
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    backend.draw_text(&text, &style, fine((at.0, at.1 - 0.76 * letters.size), FINE))
}

/// The scene as a PNG file.
pub(super) fn png(scene: &Scene, scale: f64) -> Result<Vec<u8>, Problem> {
    let width = (scene.width * scale).round() as usize;
    let height = (scene.height * scale).round() as usize;
    if width * height > MOST_DOTS {
        return Err(format!("{width} × {height} dots are too many; draw it as SVG or smaller"));
    }
    let (wide, high) = (width * SAMPLES, height * SAMPLES);
    let mut dots = vec![0; wide * high * 3];
    {
        let mut backend = BitMapBackend::with_buffer(&mut dots, (wide as u32, high as u32));
        bitmap(scene, scale * SAMPLES as f64, &mut backend).map_err(|error| error.to_string())?;
    }
    let mut pixels = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            for channel in 0..3 {
                let mut sum = 0;
                for row in y * SAMPLES..(y + 1) * SAMPLES {
                    for column in x * SAMPLES..(x + 1) * SAMPLES {
                        sum += usize::from(dots[(row * wide + column) * 3 + channel]);
                    }
                }
                let count = SAMPLES * SAMPLES;
                pixels.push(((sum + count / 2) / count) as u8);
            }
        }
    }
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(|e| e.to_string())?;
    writer.write_image_data(&pixels).map_err(|e| e.to_string())?;
    writer.finish().map_err(|e| e.to_string())?;
    Ok(file)
}

type Drawn<B> = Result<(), plotters_backend::DrawingErrorKind<<B as DrawingBackend>::ErrorType>>;

fn bitmap<B: DrawingBackend>(scene: &Scene, scale: f64, backend: &mut B) -> Drawn<B> {
    let (width, height) = backend.get_size();
    let ground = style(scene.ground, 1.0, 0, true);
    backend.draw_rect((0, 0), (width as i32, height as i32), &ground, true)?;
    let mut brush = Brush::new(width as usize, height as usize);
    for shape in &scene.shapes {
        match shape {
            Shape::Line(points, stroke) => {
                brush.stroke(points, stroke.width, scale);
                brush.lift(backend, stroke.color, stroke.alpha)?;
            }
            Shape::Disc(center, radius, color, alpha) => {
                brush.stroke(&[*center, *center], 2.0 * radius, scale);
                brush.lift(backend, *color, *alpha)?;
            }
            Shape::Area(points, color, alpha) => {
                backend.fill_polygon(scaled(points, scale), &style(*color, *alpha, 0, true))?;
            }
            Shape::Text(text, at, letters) => bitmap_text(backend, text, *at, *letters, scale)?,
        }
    }
    backend.present()
}

/// Draws lines as a round brush does. The backend's own wide lines have spikes at sharp bends, and
/// where a line crosses itself its color would count twice.
struct Brush {
    width: usize,
    height: usize,
    /// How much of each dot is covered.
    covered: Vec<f32>,
    touched: Vec<usize>,
}

impl Brush {
    fn new(width: usize, height: usize) -> Self {
        Self { width, height, covered: vec![0.0; width * height], touched: Vec::new() }
    }

    /// Covers what is nearer than half the width to the line.
    fn stroke(&mut self, points: &[At], width: f64, scale: f64) {
        let half = (width * scale / 2.0).max(0.5);
        for pair in points.windows(2) {
            let [a, b] = [pair[0], pair[1]].map(|(x, y)| (x * scale, y * scale));
            let (dx, dy) = (b.0 - a.0, b.1 - a.1);
            let square = dx * dx + dy * dy;
            let reach = half + 1.0;
            let (top, bottom) = (a.1.min(b.1) - reach, a.1.max(b.1) + reach);
            for y in dots(top, bottom, self.height) {
                // Where the line is within reach of this row.
                let row = y as f64 + 0.5;
                let (mut left, mut right) = (a.0.min(b.0) - reach, a.0.max(b.0) + reach);
                if dy.abs() > 1e-9 {
                    let on = |y: f64| a.0 + dx * ((y - a.1) / dy).clamp(0.0, 1.0);
                    // Of a slanted line the near part is longer than the reach.
                    let (one, other) = (on(row - 1.5 * reach), on(row + 1.5 * reach));
                    left = left.max(one.min(other) - 1.5 * reach);
                    right = right.min(one.max(other) + 1.5 * reach);
                }
                for x in dots(left, right, self.width) {
                    let (px, py) = (x as f64 + 0.5 - a.0, row - a.1);
                    let along = if square > 0.0 { (px * dx + py * dy) / square } else { 0.0 };
                    let along = along.clamp(0.0, 1.0);
                    let distance = (px - along * dx).hypot(py - along * dy);
                    let covered = (half + 0.5 - distance).clamp(0.0, 1.0) as f32;
                    let dot = &mut self.covered[y * self.width + x];
                    if covered > *dot {
                        if *dot == 0.0 {
                            self.touched.push(y * self.width + x);
                        }
                        *dot = covered;
                    }
                }
            }
        }
    }

    /// Puts the color where the brush has been, and cleans it.
    fn lift<B: DrawingBackend>(&mut self, backend: &mut B, color: Rgb, alpha: f64) -> Drawn<B> {
        for at in self.touched.drain(..) {
            let covered = f64::from(std::mem::take(&mut self.covered[at]));
            let (x, y) = ((at % self.width) as i32, (at / self.width) as i32);
            backend.draw_pixel((x, y), color.mix(covered * alpha).to_backend_color())?;
        }
        Ok(())
    }
}

/// The dots of a side that these positions touch.
fn dots(from: f64, to: f64, side: usize) -> std::ops::Range<usize> {
    let end = (to.ceil().max(0.0) as usize).min(side);
    (from.floor().max(0.0) as usize).min(end)..end
}

fn bitmap_text<B: DrawingBackend>(
    backend: &mut B,
    text: &str,
    at: At,
    letters: Letters,
    scale: f64,
) -> Drawn<B> {
    let width = letters.width(text);
    let start = match letters.anchor {
        Anchor::Start => at.0,
        Anchor::Middle => at.0 - width / 2.0,
        Anchor::End => at.0 - width,
    };
    let (x, y) = fine((start, at.1), scale);
    let (right, bottom) = backend.get_size();
    let mut drawn = Ok(());
    text::rasterize(text, letters.size * scale, letters.weight, |dx, dy, covered| {
        let (x, y) = (x + dx, y + dy);
        let inside = (0..right as i32).contains(&x) && (0..bottom as i32).contains(&y);
        if inside && drawn.is_ok() {
            drawn = backend.draw_pixel((x, y), letters.color.mix(covered).to_backend_color());
        }
    });
    drawn
}
