//! Round numbers along an axis.

use crate::{Axis, Scale, text};

/// An axis over what it has to show, ready to place numbers between 0 and 1.
pub(super) struct Span {
    scale: Scale,
    low: f64,
    high: f64,
    /// Only whole numbers are on it.
    whole: bool,
}

impl Span {
    /// The axis over these values, or over its own range; `pad` is the room beyond the values as a
    /// share of the whole.
    pub(super) fn new(axis: &Axis, values: impl Iterator<Item = f64>, pad: f64) -> Self {
        let scale = axis.scale;
        let mut all_whole = axis.ticks.is_none() && scale == Scale::Linear;
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values {
            all_whole &= value.fract() == 0.0;
            if let Some(at) = scale.position(value) {
                (low, high) = (low.min(at), high.max(at));
            }
        }
        let range = axis.range.and_then(|[a, b]| Some((scale.position(a)?, scale.position(b)?)));
        match range {
            Some((a, b)) if b > a => (low, high) = (a, b),
            _ if low > high => (low, high) = (0.0, 1.0),
            _ if low == high => {
                let room = if scale == Scale::Log { 0.3 } else { (low.abs() * 0.05).max(0.5) };
                (low, high) = (low - room, high + room);
            }
            _ => {
                let room = pad * (high - low);
                (low, high) = (low - room, high + room);
            }
        }
        Self { scale, low, high, whole: axis.whole || all_whole }
    }

    /// The place of a number, 0 to 1 within the axis.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let at = self.scale.position(value)?;
        Some((at - self.low) / (self.high - self.low))
    }

    /// About `count` round numbers with their places and names.
    pub(super) fn ticks(&self, axis: &Axis, count: f64) -> Vec<(f64, String)> {
        let within = |at: f64| (-1e-6..=1.0 + 1e-6).contains(&at);
        if let Some(ticks) = &axis.ticks {
            let place = |tick: &crate::Tick| Some((self.place(tick.at)?, tick.label.clone()));
            return ticks.iter().filter_map(place).filter(|(at, _)| within(*at)).collect();
        }
        let values = match self.scale {
            Scale::Log => self.log_values(count),
            Scale::Linear => None,
        };
        let named: Vec<(f64, String)> = if let Some(values) = values {
            values.iter().map(|&value| (value, text::number(value))).collect()
        } else {
            let (low, high) = match self.scale {
                Scale::Linear => (self.low, self.high),
                Scale::Log => (10_f64.powf(self.low), 10_f64.powf(self.high)),
            };
            let step = step(high - low, count, self.whole);
            let name = |value| (value, text::number_in_steps(value, step));
            multiples(low, high, step).map(name).collect()
        };
        let place = |(value, name)| Some((self.place(value)?, name));
        named.into_iter().filter_map(place).filter(|(at, _)| within(*at)).collect()
    }

    /// Round numbers of a logarithmic axis; `None` where it is so short that those of a linear one
    /// serve better.
    fn log_values(&self, count: f64) -> Option<Vec<f64>> {
        let decades = self.high - self.low;
        if decades < 0.6 {
            return None;
        }
        let mantissas: &[f64] = match count / decades {
            density if density >= 6.0 => &[1.0, 2.0, 3.0, 5.0, 7.0],
            density if density >= 2.5 => &[1.0, 2.0, 5.0],
            density if density >= 1.8 => &[1.0, 3.0],
            _ => &[1.0],
        };
        let stride = (decades / count.max(1.0)).ceil().max(1.0) as usize;
        let exponents = (self.low.floor() as i32..=self.high.ceil() as i32).step_by(stride);
        let values = exponents.flat_map(|e| mantissas.iter().map(move |m| m * 10_f64.powi(e)));
        Some(values.collect())
    }
}

/// The distance of round numbers such that about `count` of them are in `length`.
fn step(length: f64, count: f64, whole: bool) -> f64 {
    let rough = length / count.max(1.0);
    let power = 10_f64.powf(rough.log10().floor());
    let round = [1.0, 2.0, 2.5, 5.0, 10.0];
    let least = |m: &&f64| **m * power >= rough * 0.999 && !(whole && (**m * power).fract() != 0.0);
    let step = round.iter().find(least).map_or(10.0 * power, |m| m * power);
    if whole { step.max(1.0).round() } else { step }
}

fn multiples(low: f64, high: f64, step: f64) -> impl Iterator<Item = f64> {
    let first = (low / step - 1e-9).ceil();
    let last = (high / step + 1e-9).floor();
    let count = (last - first).clamp(-1.0, 200.0) as i64;
    (0..=count).map(move |i| (first + i as f64) * step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(axis: &Axis, values: [f64; 2], count: f64) -> Vec<String> {
        let span = Span::new(axis, values.into_iter(), 0.0);
        span.ticks(axis, count).into_iter().map(|(_, name)| name).collect()
    }

    #[test]
    fn ticks_are_round() {
        let linear = Axis::new("x");
        assert_eq!(names(&linear, [0.0, 100.0], 5.0), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(names(&linear, [90.3, 91.1], 4.0), ["90.4", "90.6", "90.8", "91.0"]);
        assert_eq!(names(&linear, [0.0, 3.0], 8.0), ["0", "1", "2", "3"]);
        assert_eq!(names(&linear, [5.0, 5.0], 2.0).len(), 1);
        assert_eq!(names(&linear.whole(), [0.5, 3.5], 8.0), ["1", "2", "3"]);
        let log = Axis::new("x").scale(Scale::Log);
        assert_eq!(names(&log, [1e3, 1e6], 4.0), ["1000", "10k", "100k", "1M"]);
        assert_eq!(names(&log, [70_000.0, 1_400_000.0], 5.0), ["100k", "200k", "500k", "1M"]);
        assert!(names(&log, [100.0, 200.0], 5.0).len() >= 4);
    }
}
