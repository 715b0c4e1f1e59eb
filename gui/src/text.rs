//! Numbers, times and names as people read them.

/// A number in about four digits: 1,234, 0.9137, 1.2e-5.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        return "0".to_owned();
    }
    if !value.is_finite() {
        return "–".to_owned();
    }
    if !(1e-4..1e7).contains(&size) {
        let text = format!("{value:.3e}");
        // 1.200e7 is 1.2e7.
        return match text.split_once('e') {
            Some((digits, power)) => format!("{}e{power}", short(digits)),
            None => text,
        };
    }
    if size >= 1000.0 || (value.fract() == 0.0 && size < 1000.0) {
        return grouped(value.round() as i64);
    }
    let decimals = (3 - size.log10().floor() as i32).clamp(1, 6) as usize;
    short(&format!("{value:.decimals$}")).to_owned()
}

/// A multiple of a step, with as many digits as tell it from the next one.
pub(crate) fn at_step(value: f64, step: f64) -> String {
    let step = step.abs();
    let value = if value.abs() < step * 1e-6 { 0.0 } else { value };
    if !(1e-7..1.0).contains(&step) || value.abs() >= 1e4 {
        return number(value);
    }
    let decimals = (-(step * 1.0001).log10().floor()).max(0.0) as usize;
    short(&format!("{value:.decimals$}")).replace('-', "−")
}

fn short(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

/// A whole number with a comma between thousands.
pub(crate) fn grouped(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0 { format!("−{text}") } else { text }
}

/// "1 trial", "12 trials".
pub(crate) fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{} {what}s", grouped(n as i64)) }
}

/// A span of time in its two largest units: 3 d 4 h, 12 min 5 s, 1.25 s.
pub(crate) fn duration(secs: f64) -> String {
    let whole = secs.max(0.0).round() as u64;
    match whole {
        0..=9 => format!("{} s", number((secs.max(0.0) * 100.0).round() / 100.0)),
        10..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        3600..86_400 => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
        _ => format!("{} d {} h", whole / 86_400, whole % 86_400 / 3600),
    }
}

/// How long ago a moment was, in its largest unit.
pub(crate) fn age(now_ms: u64, then_ms: u64) -> String {
    let secs = now_ms.saturating_sub(then_ms) / 1000;
    match secs {
        0..60 => "now".to_owned(),
        60..3600 => format!("{} min", secs / 60),
        3600..86_400 => format!("{} h", secs / 3600),
        _ => format!("{} d", secs / 86_400),
    }
}

/// The same in a sentence: "2 h ago", "now".
pub(crate) fn ago(now_ms: u64, then_ms: u64) -> String {
    let age = age(now_ms, then_ms);
    if age == "now" { age } else { format!("{age} ago") }
}

/// A name with spaces in place of underscores.
pub(crate) fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// A spread, or 0 where it is nothing but the rounding of a mean.
pub(crate) fn unless_rounding(spread: f64, mean: f64) -> f64 {
    if spread <= mean.abs() * 1e-12 { 0.0 } else { spread }
}

/// A value with its unit, if it has one.
pub(crate) fn with_unit(value: f64, unit: &str) -> String {
    if unit.is_empty() { number(value) } else { format!("{} {unit}", number(value)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_exact_enough() {
        let cases = [
            (0.0, "0"),
            (0.913_742, "0.9137"),
            (12.5, "12.5"),
            (94.0, "94"),
            (1234.0, "1,234"),
            (1_234_567.0, "1,234,567"),
            (-1234.0, "−1,234"),
            (12_000_000.0, "1.2e7"),
            (0.000_012, "1.2e-5"),
            (0.1, "0.1"),
            (f64::NAN, "–"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn times_have_two_units_at_most() {
        assert_eq!(duration(1.254), "1.25 s");
        assert_eq!(duration(59.0), "59 s");
        assert_eq!(duration(725.0), "12 min 5 s");
        assert_eq!(duration(7_260.0), "2 h 1 min");
        assert_eq!(duration(100_000.0), "1 d 3 h");
        assert_eq!(age(10_000, 9_000), "now");
        assert_eq!(age(7_200_000, 0), "2 h");
        assert_eq!((ago(10_000, 9_000), ago(7_200_000, 0)), ("now".into(), "2 h ago".into()));
        assert_eq!(count(1, "trial"), "1 trial");
        assert_eq!(count(1200, "trial"), "1,200 trials");
    }
}
