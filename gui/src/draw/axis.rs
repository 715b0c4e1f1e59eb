//! Where the axes of figures have lines, and what stands at them.

use egui_plot::{GridInput, GridMark};
use nascent_figures::{Axis, Scale};

use crate::text;

/// What stands at an axis.
pub(super) fn label(axis: &Axis) -> String {
    match axis.scale {
        Scale::Linear => axis.label.clone(),
        Scale::Log => format!("{} (log)", axis.label),
    }
}

/// Where an axis has lines: at its named places, or at round numbers.
pub(super) fn marks(axis: &Axis, input: &GridInput) -> Vec<GridMark> {
    let (from, to) = input.bounds;
    let span = to - from;
    if !span.is_finite() || span <= 0.0 {
        return Vec::new();
    }
    if let Some(ticks) = &axis.ticks {
        let at = |tick: &nascent_figures::Tick| axis.scale.position(tick.at);
        let within = ticks.iter().filter_map(at).filter(|at| (from..=to).contains(at));
        return apart(within, input.base_step_size);
    }
    if axis.whole && input.base_step_size * 3.0 < 1.0 {
        let whole = from.ceil() as i64..=to.floor() as i64;
        return whole.map(|at| GridMark { value: at as f64, step_size: 1.0 }).collect();
    }
    if axis.scale == Scale::Log && span < 20.0 {
        return decades(from, to);
    }
    let mut found = Vec::new();
    // Steps of 1, 2 and 5 times a power of ten, the first that is wide enough to write at.
    let wide = input.base_step_size * 3.0;
    let power = 10_f64.powf(wide.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|k| k * power).into_iter().find(|s| *s >= wide);
    let step = step.unwrap_or(wide);
    let first = (from / step).ceil() as i64;
    for at in first..=(to / step).floor() as i64 {
        found.push(GridMark { value: at as f64 * step, step_size: step });
        if found.len() > 200 {
            break;
        }
    }
    found
}

/// Lines at named places; where names would lie on one another, some are left out. `step` is the least
/// distance at which lines can be told apart.
fn apart(places: impl Iterator<Item = f64>, step: f64) -> Vec<GridMark> {
    let mut kept: Vec<f64> = Vec::new();
    for place in places {
        if kept.last().is_none_or(|last| place - last >= 0.55 * step) {
            kept.push(place);
        }
    }
    let closest = kept.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
    // Names that are far enough from one another are written in full.
    let step_size = if closest.is_finite() { closest.max(step) } else { step };
    kept.into_iter().map(|value| GridMark { value, step_size }).collect()
}

/// Marks of a logarithmic axis: powers of ten, and what lies between them where there is room.
fn decades(from: f64, to: f64) -> Vec<GridMark> {
    let between: &[f64] = match to - from {
        span if span > 3.0 => &[1.0],
        span if span > 1.0 => &[1.0, 3.0],
        span if span > 0.5 => &[1.0, 2.0, 3.0, 5.0, 7.0],
        _ => &[1.0, 1.2, 1.5, 1.7, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0],
    };
    let step_size = (to - from) / 4.0;
    let powers = from.floor() as i32..=to.floor() as i32;
    let all = powers.flat_map(|power| between.iter().map(move |k| f64::from(power) + k.log10()));
    let within = all.filter(|value| (from..=to).contains(value));
    within.map(|value| GridMark { value, step_size }).collect()
}

/// What stands at a line of an axis.
pub(super) fn tick(axis: &Axis, mark: GridMark) -> String {
    if let Some(ticks) = &axis.ticks {
        let near = |tick: &&nascent_figures::Tick| {
            let at = axis.scale.position(tick.at).unwrap_or(f64::NAN);
            (at - mark.value).abs() <= 1e-9 * (1.0 + at.abs())
        };
        return ticks.iter().find(near).map(|tick| tick.label.clone()).unwrap_or_default();
    }
    match axis.scale {
        Scale::Linear => text::at_step(mark.value, mark.step_size),
        Scale::Log => text::number(value(axis, mark.value)),
    }
}

/// The number at a place on the scale of an axis.
pub(super) fn value(axis: &Axis, place: f64) -> f64 {
    match axis.scale {
        Scale::Linear => place,
        Scale::Log => 10_f64.powf(place),
    }
}

/// The name at a place of an axis of names, which are 1 apart; empty on an axis of numbers.
pub(super) fn name(axis: &Axis, place: f64) -> &str {
    let ticks = axis.ticks.as_deref().unwrap_or_default();
    if axis.scale != Scale::Linear || ticks.windows(2).any(|pair| pair[1].at - pair[0].at != 1.0) {
        return "";
    }
    let near = ticks.iter().find(|tick| (tick.at - place).abs() < 0.5);
    near.map_or("", |tick| &tick.label)
}

/// What a place on an axis is, for people: its name, or its number.
pub(super) fn words(axis: &Axis, place: f64) -> String {
    match name(axis, place) {
        "" => text::number(value(axis, place)),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(axis: &Axis, from: f64, to: f64) -> Vec<String> {
        let input = GridInput { bounds: (from, to), base_step_size: (to - from) / 20.0 };
        marks(axis, &input).into_iter().map(|mark| tick(axis, mark)).collect()
    }

    #[test]
    fn axes_have_round_numbers() {
        let plain = Axis::new("x");
        assert_eq!(values(&plain, -0.3, 0.9), ["−0.2", "0", "0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(values(&plain, 1.6087, 1.6095), ["1.6088", "1.609", "1.6092", "1.6094"]);
        let log = Axis::new("x").scale(Scale::Log);
        assert_eq!(
            values(&log, 4.2, 6.1),
            ["30,000", "1e5", "3e5", "1e6"].map(|t| {
                let value: f64 = t.replace(',', "").parse().unwrap();
                text::number(value)
            })
        );
        assert_eq!(values(&log, 0.0, 4.0).len(), 5);
        assert!(values(&plain, f64::NAN, 1.0).is_empty());
        let named = Axis::new("op").names(["a", "b", "c"]);
        assert_eq!(values(&named, 0.5, 2.5), ["b", "c"]);
    }

    #[test]
    fn a_place_is_told_by_its_name_or_its_number() {
        assert_eq!(words(&Axis::new("op").names(["conv", "pool"]), 1.2), "pool");
        assert_eq!(words(&Axis::new("x").scale(Scale::Log), 3.0), "1,000");
        assert_eq!(words(&Axis::new("x"), 0.25), "0.25");
    }

    #[test]
    fn names_are_left_out_where_they_would_lie_on_one_another_only() {
        let ticks = |all: &[f64]| {
            let tick = |at: &f64| nascent_figures::Tick { at: *at, label: at.to_string() };
            Axis { ticks: Some(all.iter().map(tick).collect()), ..Axis::new("width") }
        };
        // A step is a twentieth of what is shown, here 26.
        let widths: Vec<f64> = (0..9).map(|at| 8.0 + 63.0 * f64::from(at)).collect();
        assert_eq!(values(&ticks(&widths), 0.0, 520.0).len(), 9);
        let dense: Vec<f64> = (0..65).map(|at| 8.0 * f64::from(at)).collect();
        assert_eq!(values(&ticks(&dense), 0.0, 520.0).len(), 33, "every other one");
        let doubling: Vec<f64> = (3..10).map(|power| f64::from(1 << power)).collect();
        let log = ticks(&doubling).scale(Scale::Log);
        assert_eq!(values(&log, 0.8, 2.8).len(), 7);
    }
}
