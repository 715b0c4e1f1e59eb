//! Words and numbers in pictures: how wide they are and how they are written.

use std::sync::LazyLock;

use ab_glyph::{Font as _, FontRef, PxScale, ScaleFont as _, point};

/// The embedded font, see `fonts/README.md`.
const REGULAR: &[u8] = include_bytes!("../fonts/Inter-Regular.otf");
/// Its bolder cut.
const BOLD: &[u8] = include_bytes!("../fonts/Inter-SemiBold.otf");

/// How heavy letters are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Weight {
    #[default]
    Regular,
    Bold,
}

static FONTS: LazyLock<[Option<FontRef<'static>>; 2]> =
    LazyLock::new(|| [REGULAR, BOLD].map(|bytes| FontRef::try_from_slice(bytes).ok()));

fn font(weight: Weight) -> Option<&'static FontRef<'static>> {
    FONTS[weight as usize].as_ref()
}

/// The width of a line of text of this size (pixels per em).
pub(crate) fn width(text: &str, size: f64, weight: Weight) -> f64 {
    let Some(font) = font(weight) else {
        return 0.6 * size * text.chars().count() as f64;
    };
    let em = f64::from(font.units_per_em().unwrap_or(1000.0));
    let units: f32 = text.chars().map(|c| font.h_advance_unscaled(font.glyph_id(c))).sum();
    f64::from(units) * size / em
}

/// Calls `draw` with each pixel of a line of text and how much of it is covered. The text starts at
/// the origin, on its baseline.
pub(crate) fn rasterize(
    text: &str,
    size: f64,
    weight: Weight,
    mut draw: impl FnMut(i32, i32, f64),
) {
    let Some(font) = font(weight) else {
        return;
    };
    let em = font.units_per_em().unwrap_or(1000.0);
    let scale = PxScale::from(size as f32 * font.height_unscaled() / em);
    let scaled = font.as_scaled(scale);
    let mut x = 0.0;
    for c in text.chars() {
        let id = font.glyph_id(c);
        if let Some(outline) = font.outline_glyph(id.with_scale_and_position(scale, point(x, 0.0)))
        {
            let corner = outline.px_bounds().min;
            outline.draw(|dx, dy, covered| {
                draw(corner.x as i32 + dx as i32, corner.y as i32 + dy as i32, f64::from(covered));
            });
        }
        x += scaled.h_advance(id);
    }
}

/// The text, cut at its end with an ellipsis where it is wider than `room`.
pub(crate) fn elide(text: &str, size: f64, weight: Weight, room: f64) -> String {
    if width(text, size, weight) <= room {
        return text.to_owned();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while !kept.is_empty() {
        kept.pop();
        let short: String = kept.iter().collect::<String>().trim_end().to_owned() + "…";
        if width(&short, size, weight) <= room {
            return short;
        }
    }
    String::new()
}

/// The same, cut in its middle: names of runs often differ only at their ends.
pub(crate) fn elide_middle(text: &str, size: f64, weight: Weight, room: f64) -> String {
    if width(text, size, weight) <= room {
        return text.to_owned();
    }
    let letters: Vec<char> = text.chars().collect();
    for kept in (2..letters.len()).rev() {
        let (head, tail) = (kept / 3, kept - kept / 3);
        let head = letters[..head].iter();
        let tail = letters[letters.len() - tail..].iter();
        let short: String = head.chain(&['…']).chain(tail).collect();
        if width(&short, size, weight) <= room {
            return short;
        }
    }
    elide(text, size, weight, room)
}

/// A name in one line if it fits, else in up to three, broken at `_` and spaces, which are left out
/// there; cut in the middle where these do not fit either.
pub(crate) fn lines(name: &str, size: f64, room: f64) -> Vec<String> {
    let fits = |text: &str| width(text, size, Weight::Regular) <= room;
    let mut lines: Vec<String> = Vec::new();
    for word in name.split_inclusive(['_', ' ']) {
        let joined = lines.last().map(|line| format!("{line}{word}"));
        match (lines.last_mut(), joined) {
            (Some(line), Some(joined)) if fits(joined.trim_end_matches(['_', ' '])) => {
                *line = joined;
            }
            _ => lines.push(word.to_owned()),
        }
    }
    let last = lines.len().saturating_sub(1);
    for line in &mut lines[..last] {
        line.truncate(line.trim_end_matches(['_', ' ']).len());
    }
    if lines.len() > 3 || !lines.iter().all(|line| fits(line)) {
        return vec![elide_middle(name, size, Weight::Regular, room)];
    }
    lines
}

/// A number as a person writes it: 0.9123, 91.2, 10k, 1.25M.
pub(crate) fn number(value: f64) -> String {
    let magnitude = value.abs();
    let (scaled, suffix) = match magnitude {
        m if m >= 1e15 || (m > 0.0 && m < 1e-3) => return scientific(value),
        m if m >= 1e12 => (value / 1e12, "T"),
        m if m >= 1e9 => (value / 1e9, "G"),
        m if m >= 1e6 => (value / 1e6, "M"),
        m if m >= 1e4 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let whole = scaled.abs().log10().floor().clamp(-3.0, 3.0) as i32;
    let significant = if suffix.is_empty() { 4 } else { 3 };
    let decimals = if scaled == 0.0 { 0 } else { (significant - 1 - whole).clamp(0, 6) };
    trim(&format!("{scaled:.*}", decimals as usize)) + suffix
}

/// A number of a sequence with steps of `step`: all with as many decimals as the step needs.
pub(crate) fn number_in_steps(value: f64, step: f64) -> String {
    let (unit, suffix) = match value.abs().max(step.abs()) {
        m if m >= 1e15 => return scientific(value),
        m if m >= 1e12 => (1e12, "T"),
        m if m >= 1e9 => (1e9, "G"),
        m if m >= 1e6 => (1e6, "M"),
        m if m >= 1e4 => (1e3, "k"),
        _ => (1.0, ""),
    };
    let step = step.abs() / unit;
    if suffix.is_empty() && step < 1e-4 {
        return scientific(value);
    }
    let mut decimals =
        if step > 0.0 { (-(step.log10() + 1e-9).floor()).clamp(0.0, 6.0) } else { 2.0 };
    let left = step * 10_f64.powf(decimals);
    if (left - left.round()).abs() > 1e-6 {
        decimals += 1.0; // a step of 2.5 or 0.25
    }
    let text = format!("{:.*}", decimals as usize, value / unit);
    if suffix.is_empty() {
        return if value == 0.0 { "0".to_owned() } else { minus(&text) };
    }
    trim(&text) + suffix
}

fn scientific(value: f64) -> String {
    let text = format!("{value:.2e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => format!("{}e{}", trim(mantissa), minus(exponent)),
        None => text,
    }
}

fn trim(text: &str) -> String {
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    minus(if text == "-0" { "0" } else { text })
}

fn minus(text: &str) -> String {
    text.replacen('-', "−", 1)
}

/// A count with its thousands set off: 100,000.
pub(crate) fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_does_not_fit_is_broken_or_cut() {
        let room = width("skip_connect", 11.0, Weight::Regular);
        let lines = |name: &str, share: f64| lines(name, 11.0, room * share);
        assert_eq!(lines("skip_connect", 1.0), ["skip_connect"]);
        assert_eq!(lines("skip_connect", 0.99), ["skip", "connect"]);
        assert_eq!(lines("max_pool_3x3", 0.9), ["max_pool", "3x3"]);
        assert_eq!(lines("max_pool_3x3", 0.5), ["max", "pool", "3x3"]);
        assert_eq!(lines("a", 0.001).len(), 1);
        assert_eq!(lines("", 1.0).concat(), "");
        let [cut] = &lines("skip_connect", 0.4)[..] else { panic!("it is two") };
        assert!(cut.contains('…'), "{cut}");
    }

    #[test]
    fn numbers_read_well() {
        let cases = [
            (0.0, "0"),
            (0.9123, "0.9123"),
            (91.234, "91.23"),
            (1500.0, "1500"),
            (10_000.0, "10k"),
            (73_306.0, "73.3k"),
            (1_250_000.0, "1.25M"),
            (-3.5, "−3.5"),
            (0.000_25, "2.5e−4"),
            (2e9, "2G"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text, "{value}");
        }
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(12), "12");
    }

    #[test]
    fn numbers_of_an_axis_agree() {
        assert_eq!(number_in_steps(91.0, 0.5), "91.0");
        assert_eq!(number_in_steps(91.5, 0.5), "91.5");
        assert_eq!(number_in_steps(20_000.0, 10_000.0), "20k");
        assert_eq!(number_in_steps(17_500.0, 2500.0), "17.5k");
        assert_eq!(number_in_steps(0.75, 0.25), "0.75");
        assert_eq!(number_in_steps(0.5, 0.25), "0.50");
        assert_eq!(number_in_steps(-2.0, 1.0), "−2");
        assert_eq!(number_in_steps(0.0, 0.1), "0");
    }

    #[test]
    fn long_text_is_cut_to_its_room() {
        let text = "a very long name of a run that nobody can read";
        let room = width("a very long", 12.0, Weight::Regular);
        let short = elide(text, 12.0, Weight::Regular, room);
        assert!(short.ends_with('…') && width(&short, 12.0, Weight::Regular) <= room);
        assert_eq!(elide("short", 12.0, Weight::Regular, 100.0), "short");
        assert_eq!(elide("short", 12.0, Weight::Regular, 1.0), "");
        let short = elide_middle("2026-random-17", 12.0, Weight::Regular, 60.0);
        assert!(short.starts_with("20") && short.ends_with("m-17"), "{short}");
    }

    #[test]
    fn the_font_has_what_we_write() {
        let font = font(Weight::Bold).unwrap();
        for c in "aZ09×±ρτα→…−–·%↑ü".chars() {
            assert_ne!(font.glyph_id(c).0, 0, "{c}");
        }
    }
}
