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

use super::scene::{Anchor, At, Letters, Scene, Shape, Stroke};
use super::theme::mix;
use crate::text::{self, Weight};

/// Units of the view box to a pixel.
const FINE: f64 = 10.0;
/// Dots of the bitmap, each way, that are averaged into one.
const SAMPLES: usize = 2;
/// Works where the embedded font is not installed; the others are of about its width.
const FAMILIES: &str = "Inter, Helvetica Neue, Arial, Liberation Sans, sans-serif";

/// A problem in words; the backends' errors have no common type.
type Problem = String;

fn style(color: Rgb, alpha: f64, width: u32, filled: bool) -> ShapeStyle {
    ShapeStyle {
        color: color.mix(alpha),
        filled,
        stroke_width: width,
    }
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
        backend
            .draw_rect((0, 0), size, &ground, true)
            .map_err(|e| problem(&e))?;
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
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
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
    let font = (
        FontFamily::Name(FAMILIES),
        letters.size * FINE * 1.24,
        font_style,
    )
        .into_font();
    let anchor = match letters.anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    let style = TextStyle::from(font)
        .color(&letters.color)
        .pos(Pos::new(anchor, VPos::Top));
    // Characters that XML forbids have no place in a picture either.
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    backend.draw_text(
        &text,
        &style,
        fine((at.0, at.1 - 0.76 * letters.size), FINE),
    )
}

/// The scene as a PNG file.
pub(super) fn png(scene: &Scene, scale: f64) -> Result<Vec<u8>, Problem> {
    let width = (scene.width * scale).round() as usize;
    let height = (scene.height * scale).round() as usize;
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
    writer
        .write_image_data(&pixels)
        .map_err(|e| e.to_string())?;
    writer.finish().map_err(|e| e.to_string())?;
    Ok(file)
}

type Drawn<B> = Result<(), plotters_backend::DrawingErrorKind<<B as DrawingBackend>::ErrorType>>;

fn bitmap<B: DrawingBackend>(scene: &Scene, scale: f64, backend: &mut B) -> Drawn<B> {
    let size = backend.get_size();
    let ground = style(scene.ground, 1.0, 0, true);
    backend.draw_rect((0, 0), (size.0 as i32, size.1 as i32), &ground, true)?;
    for shape in &scene.shapes {
        match shape {
            Shape::Line(points, stroke) => {
                bitmap_line(backend, points, *stroke, scale, scene.ground)?
            }
            Shape::Area(points, color, alpha) => {
                backend.fill_polygon(scaled(points, scale), &style(*color, *alpha, 0, true))?;
            }
            Shape::Disc(center, radius, color, alpha) => {
                let radius = (radius * scale).round() as u32;
                let style = style(*color, *alpha, 0, true);
                backend.draw_circle(fine(*center, scale), radius, &style, true)?;
            }
            Shape::Text(text, at, letters) => bitmap_text(backend, text, *at, *letters, scale)?,
        }
    }
    backend.present()
}

/// A line as one area for each piece and a disc for each bend. The backend's own wide lines have
/// spikes at sharp bends. Pieces overlap, so the color is mixed with the ground beforehand.
fn bitmap_line<B: DrawingBackend>(
    backend: &mut B,
    points: &[At],
    stroke: Stroke,
    scale: f64,
    ground: Rgb,
) -> Drawn<B> {
    let color = style(mix(stroke.color, stroke.alpha, ground), 1.0, 0, true);
    let half = (stroke.width * scale / 2.0).max(0.5);
    for pair in points.windows(2) {
        let [(x0, y0), (x1, y1)] = [pair[0], pair[1]].map(|(x, y)| (x * scale, y * scale));
        let (dx, dy) = (x1 - x0, y1 - y0);
        let length = dx.hypot(dy);
        if length == 0.0 {
            continue;
        }
        if dx == 0.0 || dy == 0.0 {
            // The far sides of a rectangle belong to it.
            let (along_x, along_y) = if dx == 0.0 { (half, 0.0) } else { (0.0, half) };
            let low = fine((x0.min(x1) - along_x, y0.min(y1) - along_y), 1.0);
            let high = fine(
                (x0.max(x1) + along_x - 1.0, y0.max(y1) + along_y - 1.0),
                1.0,
            );
            let high = (high.0.max(low.0), high.1.max(low.1));
            backend.draw_rect(low, high, &color, true)?;
            continue;
        }
        let (nx, ny) = (-dy / length * half, dx / length * half);
        let corners = [
            (x0 + nx, y0 + ny),
            (x1 + nx, y1 + ny),
            (x1 - nx, y1 - ny),
            (x0 - nx, y0 - ny),
        ];
        backend.fill_polygon(scaled(&corners, 1.0), &color)?;
    }
    if half > 1.0 {
        for &bend in points.get(1..points.len() - 1).unwrap_or_default() {
            backend.draw_circle(fine(bend, scale), half.floor() as u32, &color, true)?;
        }
    }
    Ok(())
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
    text::rasterize(
        text,
        letters.size * scale,
        letters.weight,
        |dx, dy, covered| {
            let (x, y) = (x + dx, y + dy);
            let inside = (0..right as i32).contains(&x) && (0..bottom as i32).contains(&y);
            if inside && drawn.is_ok() {
                drawn = backend.draw_pixel((x, y), letters.color.mix(covered).to_backend_color());
            }
        },
    );
    drawn
}
