//! What stands above a figure: title, subtitle, legend, and the scale of a heat map.

use super::chart::{EDGE, LABEL, TICK};
use super::scene::{At, Letters, Scene, Stroke};
use super::theme::Palette;
use crate::text::{self, Weight};
use crate::{Cells, Figure, LegendEntry, Mark};

const LEGEND: f64 = 12.0;
/// More rows than this leave no room for data.
const MOST_ROWS: usize = 3;
/// The width of the scale of a heat map.
const SCALE: f64 = 110.0;
/// In so many steps.
const STEPS: usize = 22;

/// Draws it; returns where the rest begins.
pub(super) fn draw(scene: &mut Scene, figure: &Figure, palette: &Palette) -> f64 {
    let room = scene.width - 2.0 * EDGE;
    let title = text::elide(&figure.title, 16.0, Weight::Bold, room);
    scene.text(title, (EDGE, 30.0), Letters::new(16.0, palette.ink).bold());
    let mut y = 36.0;
    if !figure.subtitle.is_empty() {
        let subtitle = text::elide(&figure.subtitle, LABEL, Weight::Regular, room);
        scene.text(subtitle, (EDGE, y + 13.0), Letters::new(LABEL, palette.faint_ink));
        y += 18.0;
    }
    let legend = figure.legend();
    let scales = figure.marks.iter().filter_map(|mark| match mark {
        Mark::Cells(cells) => Some(cells),
        _ => None,
    });
    let scale: Option<&Cells> = scales.into_iter().next();
    if legend.is_empty() && scale.is_none() {
        return y + 12.0;
    }
    let mut row = Row { x: EDGE, y, number: 1 };
    if let Some(cells) = scale {
        heat(scene, cells, &mut row, palette);
    }
    for (at, entry) in legend.iter().enumerate() {
        let most = (room / 2.0).min(240.0);
        let name = text::elide_middle(&entry.name, LEGEND, Weight::Regular, most);
        let letters = Letters::new(LEGEND, palette.ink);
        let wide = 24.0 + letters.width(&name);
        let Some((x, y)) = row.place(wide, scene.width) else {
            let more = format!("and {} more", legend.len() - at);
            let at = (row.x.min(scene.width - EDGE - letters.width(&more)), row.y + 16.0);
            scene.text(more, at, Letters::new(LEGEND, palette.faint_ink));
            break;
        };
        sign(scene, entry, (x, y + 12.0), palette);
        scene.text(name, (x + 21.0, y + 16.0), letters);
    }
    row.y + 34.0
}

/// Where the next entry of the legend goes.
struct Row {
    x: f64,
    y: f64,
    number: usize,
}

impl Row {
    /// The place of an entry of this width; `None` where there is no room for one more row.
    fn place(&mut self, wide: f64, width: f64) -> Option<At> {
        if self.x > EDGE && self.x + wide > width - EDGE {
            if self.number == MOST_ROWS {
                return None;
            }
            (self.x, self.y, self.number) = (EDGE, self.y + 18.0, self.number + 1);
        }
        let at = (self.x, self.y);
        self.x += wide + 16.0;
        Some(at)
    }
}

/// The line or the dot of an entry.
fn sign(scene: &mut Scene, entry: &LegendEntry, (x, middle): At, palette: &Palette) {
    let look = palette.look(entry.role);
    if !entry.line {
        scene.disc((x + 9.0, middle), look.dot.clamp(3.5, 4.5), look.color, 1.0);
        return;
    }
    let stroke = Stroke::new(look.color, look.line.max(1.5));
    let points = vec![(x, middle), (x + 16.0, middle)];
    match look.dash {
        Some(dash) => scene.dashes(&points, stroke, dash),
        None => scene.line(points, stroke),
    }
}

/// The scale of a heat map: from the number with the weakest color to that with the strongest.
fn heat(scene: &mut Scene, cells: &Cells, row: &mut Row, palette: &Palette) {
    let letters = Letters::new(LEGEND, palette.ink);
    let numbers = Letters::new(TICK, palette.faint_ink);
    let [weak, strong] = cells.range.map(text::number);
    let others = SCALE + numbers.width(&weak) + numbers.width(&strong) + 22.0;
    let room = (scene.width - 2.0 * EDGE - others).max(0.0);
    let label = text::elide(&cells.label, LEGEND, Weight::Regular, room);
    let wide = others + letters.width(&label);
    let Some((mut x, y)) = row.place(wide, scene.width) else {
        return;
    };
    let base = y + 16.0;
    x += 2.0;
    scene.text(label.as_str(), (x, base), letters);
    x += letters.width(&label) + if label.is_empty() { 0.0 } else { 8.0 };
    scene.text(weak.as_str(), (x, base), numbers);
    x += numbers.width(&weak) + 5.0;
    let (top, bottom, end) = (y + 7.0, y + 17.0, x + SCALE);
    for step in 0..STEPS {
        // Each reaches to the end, so that no seam shows between two of them.
        let left = x + SCALE * step as f64 / STEPS as f64;
        let strength = step as f64 / (STEPS - 1) as f64;
        let outline = vec![(left, top), (end, top), (end, bottom), (left, bottom)];
        scene.area(outline, palette.heat(strength), 1.0);
    }
    scene.text(strong, (end + 5.0, base), numbers);
}
