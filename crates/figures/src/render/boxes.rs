//! Heat maps, boxes in lanes, and ways that are not joined.

use std::collections::{BTreeMap, BTreeSet};

use super::chart::{Chart, TICK};
use super::scene::{Anchor, At, Letters, Scene, Stroke};
use super::theme::Palette;
use crate::text;
use crate::{Cell, Cells, Intervals, Link, Links};

/// The colors of a heat map are rounded to so many, and boxes of one color side by side become one.
const SHADES: f64 = 60.0;

/// A box on the screen, with its shade.
struct Tile {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    strength: f64,
}

/// Draws a heat map, with its numbers where there is room for them.
pub(super) fn cells(scene: &mut Scene, chart: &Chart<'_>, mark: &Cells, palette: &Palette) {
    let tile = |cell: &Cell| {
        let strength = (mark.strength(cell.value) * SHADES).round() / SHADES;
        let (left, bottom) = chart.at(cell.x[0], cell.y[0])?;
        let (right, top) = chart.at(cell.x[1], cell.y[1])?;
        Some(Tile { left, right, top, bottom, strength })
    };
    let tiles: Vec<Tile> = mark.cells.iter().filter_map(tile).collect();
    let least = |side: fn(&Tile) -> f64| tiles.iter().map(side).fold(f64::INFINITY, f64::min);
    // Large boxes stand apart; small ones touch, and overlap a little so that no seam shows.
    let apart = |side: f64| if side > 12.0 { 0.75 } else { -0.15 };
    let (across, up) = (apart(least(|t| t.right - t.left)), apart(least(|t| t.bottom - t.top)));
    let joined = |a: &Tile, b: &Tile| {
        across < 0.0
            && a.strength == b.strength
            && (a.top, a.bottom) == (b.top, b.bottom)
            && (a.right - b.left).abs() < 0.01
    };
    for row in tiles.chunk_by(joined) {
        let (Some(first), Some(last)) = (row.first(), row.last()) else { continue };
        let (left, right) = (first.left + across, last.right - across);
        let (top, bottom) = (first.top + up, first.bottom - up);
        let outline = vec![(left, top), (right, top), (right, bottom), (left, bottom)];
        scene.area(outline, palette.heat(first.strength), 1.0);
    }
    let letters = Letters::new(TICK, palette.ink).anchor(Anchor::Middle);
    let points = chart.points_on_top();
    let numbers = mark.cells.iter().filter(|cell| tile(cell).is_some());
    for (tile, cell) in std::iter::zip(&tiles, numbers) {
        let number = text::number(cell.value);
        let hidden = points.iter().any(|(x, y)| {
            (tile.left..tile.right).contains(x) && (tile.top..tile.bottom).contains(y)
        });
        let fits = !hidden
            && tile.right - tile.left > letters.width(&number) + 8.0
            && tile.bottom - tile.top > TICK + 6.0;
        if fits {
            let middle = f64::midpoint(tile.left, tile.right);
            let base = f64::midpoint(tile.top, tile.bottom) + TICK * 0.36;
            let letters = Letters { color: palette.on_heat(tile.strength), ..letters };
            scene.text(number, (middle, base), letters);
        }
    }
}

/// Draws boxes in lanes. What is narrower than half a pixel and hidden behind the box before it is
/// left out, so that a hundred thousand trials take no more than the screen can show.
pub(super) fn intervals(scene: &mut Scene, chart: &Chart<'_>, mark: &Intervals, palette: &Palette) {
    let look = palette.look(mark.role);
    let mut ends: BTreeMap<i64, f64> = BTreeMap::new();
    for interval in &mark.intervals {
        let corners =
            (chart.at(interval.from, interval.at + 0.4), chart.at(interval.to, interval.at - 0.4));
        let (Some((left, top)), Some((right, bottom))) = corners else { continue };
        let right = right.max(left + 0.5);
        if right < chart.frame.left || left > chart.frame.right {
            continue;
        }
        let end = ends.entry((top * 8.0) as i64).or_insert(f64::NEG_INFINITY);
        if right - left < 1.0 && right < *end + 0.5 {
            continue;
        }
        *end = end.max(right);
        let middle = f64::midpoint(top, bottom);
        let half = ((bottom - top) / 2.0).clamp(0.5, 22.0);
        // A little room tells one trial from the next.
        let right = if right - left > 3.0 { right - 0.75 } else { right };
        let (left, right) = (left.max(chart.frame.left), right.min(chart.frame.right));
        let (top, bottom) = (middle - half, middle + half);
        let outline = vec![(left, top), (right, top), (right, bottom), (left, bottom)];
        scene.area(outline, look.color, 0.9);
    }
}

/// Draws ways; of those that lie on one another one is enough.
pub(super) fn links(scene: &mut Scene, chart: &Chart<'_>, mark: &Links, palette: &Palette) {
    let look = palette.look(mark.role);
    let width = if mark.links.len() > 500 { look.line.min(0.7) } else { look.line };
    let stroke = Stroke { color: look.color, alpha: look.alpha, width };
    // The more there are, the less the eye can tell apart.
    let grid = match mark.links.len() {
        0..=1000 => None,
        1001..=10_000 => Some(2.0),
        _ => Some(6.0),
    };
    let mut taken: BTreeSet<[i64; 4]> = BTreeSet::new();
    for Link { from, to } in &mark.links {
        let (Some(a), Some(b)) = (chart.at(from.x, from.y), chart.at(to.x, to.y)) else { continue };
        if let Some(grid) = grid {
            let round = |(x, y): At| [(x / grid) as i64, (y / grid) as i64];
            let ([ax, ay], [bx, by]) = (round(a), round(b));
            if !taken.insert([ax, ay, bx, by]) {
                continue;
            }
        }
        for piece in chart.inside(&[a, b]) {
            match look.dash {
                Some(dash) => scene.dashes(&piece, stroke, dash),
                None => scene.line(piece, stroke),
            }
        }
    }
}
