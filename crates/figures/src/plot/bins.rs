//! The values of a choice in groups.

use nascent_record::{Choice, Domain, Value};

use super::choices::{INACTIVE, axis, inactive};
use crate::{Axis, Scale};

/// The values of a choice in groups: one for each value where there are few, else ranges of equal
/// length on the scale of the choice; and one where it does not apply.
pub(super) struct Bins {
    /// Their names.
    pub(super) names: Vec<String>,
    /// Where each begins and ends on the axis of the choice.
    pub(super) bounds: Vec<[f64; 2]>,
    scale: Scale,
    /// Each bin is one value.
    pub(super) single: bool,
    /// The last bin is where the choice does not apply.
    optional: bool,
}

impl Bins {
    /// At most `most` of a numeric choice, and as many as there are options of another.
    pub(super) fn of(choice: &Choice, most: usize) -> Self {
        let most = most.max(1);
        let mut single = true;
        let (scale, edges, mut names) = match &choice.domain {
            Domain::Categorical { options } => {
                let edges = (0..=options.len()).map(|at| at as f64 - 0.5).collect();
                (Scale::Linear, edges, options.clone())
            }
            Domain::Integer { low, high, step, log } => {
                let scale = if *log { Scale::Log } else { Scale::Linear };
                let size = choice.domain.size().unwrap_or(u64::MAX);
                if size <= most as u64 {
                    let values: Vec<i64> = (0..size)
                        .map(|at| low.saturating_add(step.saturating_mul(at as i64)))
                        .collect();
                    let names = values.iter().map(|value| crate::text::number(*value as f64));
                    let places: Vec<f64> = values.iter().map(|value| *value as f64).collect();
                    (scale, between(&places, scale), names.collect())
                } else {
                    single = false;
                    ranges(*low as f64, *high as f64, scale, most)
                }
            }
            Domain::Float { low, high, log } => {
                single = false;
                ranges(*low, *high, if *log { Scale::Log } else { Scale::Linear }, most)
            }
        };
        let mut bounds: Vec<[f64; 2]> = edges.windows(2).map(|pair| [pair[0], pair[1]]).collect();
        let optional = choice.when.is_some();
        if optional {
            names.push(INACTIVE.to_owned());
            bounds.push(around(inactive(choice), &edges, scale, choice));
        }
        Self { names, bounds, scale, single, optional }
    }

    /// The number of bins.
    pub(super) fn len(&self) -> usize {
        self.bounds.len()
    }

    /// The bin of a value.
    pub(super) fn index(&self, value: Option<Value>) -> usize {
        let active = self.len() - usize::from(self.optional);
        match value.map(as_number) {
            None => self.len() - 1,
            Some(x) => self.bounds[..active].partition_point(|[_, end]| *end <= x).min(active - 1),
        }
    }

    /// The place of a value on the axis of the choice. What is one value for many trials is a stretch
    /// of the axis, of which `part` says where, 0 to 1.
    pub(super) fn place(&self, value: Option<Value>, part: f64) -> f64 {
        match value {
            Some(value) if !self.single => as_number(value),
            value => self.within(self.index(value), part),
        }
    }

    /// The place in a bin that is this part of it, 0 to 1, away from its beginning.
    pub(super) fn within(&self, bin: usize, part: f64) -> f64 {
        let [from, to] = self.bounds[bin];
        match self.scale {
            Scale::Linear => from + part * (to - from),
            Scale::Log => from * (to / from).powf(part),
        }
    }

    /// The axis of the choice, over all bins.
    pub(super) fn axis(&self, choice: &Choice) -> Axis {
        let ends = || self.bounds.iter().copied();
        let low = ends().map(|[from, _]| from).fold(f64::INFINITY, f64::min);
        let high = ends().map(|[_, to]| to).fold(f64::NEG_INFINITY, f64::max);
        axis(choice).range(Some([low, high]))
    }
}

fn as_number(value: Value) -> f64 {
    match value {
        Value::Int(i) => i as f64,
        Value::Float(x) => x,
    }
}

fn unscaled(position: f64, scale: Scale) -> f64 {
    match scale {
        Scale::Linear => position,
        Scale::Log => 10_f64.powf(position),
    }
}

/// Halfway between neighbors, and as far beyond the first and the last.
fn between(values: &[f64], scale: Scale) -> Vec<f64> {
    let at: Vec<f64> = values.iter().filter_map(|value| scale.position(*value)).collect();
    let (Some(&first), Some(&last)) = (at.first(), at.last()) else { return Vec::new() };
    let inner: Vec<f64> = at.windows(2).map(|pair| f64::midpoint(pair[0], pair[1])).collect();
    let before = inner.first().map_or(first - 0.5, |edge| 2.0 * first - edge);
    let behind = inner.last().map_or(last + 0.5, |edge| 2.0 * last - edge);
    let edges = [before].into_iter().chain(inner).chain([behind]);
    edges.map(|position| unscaled(position, scale)).collect()
}

/// `count` ranges of equal length on the scale: the edges, and names.
fn ranges(low: f64, high: f64, scale: Scale, count: usize) -> (Scale, Vec<f64>, Vec<String>) {
    let (Some(from), Some(to)) = (scale.position(low), scale.position(high)) else {
        return (Scale::Linear, vec![low - 0.5, high + 0.5], vec![crate::text::number(low)]);
    };
    if to <= from {
        return (Scale::Linear, vec![low - 0.5, high + 0.5], vec![crate::text::number(low)]);
    }
    let edge = |at: usize| match at {
        0 => low,
        at if at == count => high,
        at => unscaled(from + (to - from) * at as f64 / count as f64, scale),
    };
    let edges: Vec<f64> = (0..=count).map(edge).collect();
    let name = |pair: &[f64]| {
        format!("{} to {}", crate::text::number(pair[0]), crate::text::number(pair[1]))
    };
    let names = edges.windows(2).map(name).collect();
    (scale, edges, names)
}

/// The bounds of the bin where a choice does not apply: as wide as another, and narrow enough to
/// stand apart.
fn around(center: f64, edges: &[f64], scale: Scale, choice: &Choice) -> [f64; 2] {
    let at: Vec<f64> = edges.iter().filter_map(|edge| scale.position(*edge)).collect();
    let (Some(center), [first, second, .., last] | [first, second @ last]) =
        (scale.position(center), at.as_slice())
    else {
        return [center - 0.5, center + 0.5];
    };
    let half = match choice.domain {
        Domain::Categorical { .. } => 0.5,
        _ => ((second - first) / 2.0).min(0.1 * (last - first)).min((first - center).abs() * 0.8),
    };
    [unscaled(center - half, scale), unscaled(center + half, scale)]
}

#[cfg(test)]
mod tests {
    use nascent_record::Condition;

    use super::*;

    fn near(a: &[[f64; 2]], b: &[[f64; 2]]) {
        assert_eq!(a.len(), b.len(), "{a:?}");
        for (x, y) in a.iter().flatten().zip(b.iter().flatten()) {
            assert!((x - y).abs() < 1e-9, "{a:?} {b:?}");
        }
    }

    #[test]
    fn few_values_are_bins_by_themselves() {
        let bins = Bins::of(&Choice::integer("width", 8, 24).step(8), 5);
        assert_eq!(bins.names, ["8", "16", "24"]);
        near(&bins.bounds, &[[4.0, 12.0], [12.0, 20.0], [20.0, 28.0]]);
        assert_eq!([8, 16, 24].map(|v| bins.index(Some(Value::Int(v)))), [0, 1, 2]);
        let bins = Bins::of(&Choice::integer("width", 1, 4).step(3).log(), 5);
        near(&bins.bounds, &[[0.5, 2.0], [2.0, 8.0]]);
        assert!((bins.within(0, 0.5) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn many_values_fall_into_ranges_of_the_scale() {
        let bins = Bins::of(&Choice::float("rate", 1e-4, 1e-1).log(), 3);
        near(&bins.bounds, &[[1e-4, 1e-3], [1e-3, 1e-2], [1e-2, 1e-1]]);
        let index = [1e-4, 5e-3, 1e-1].map(|v| bins.index(Some(Value::Float(v))));
        assert_eq!(index, [0, 1, 2]);
        assert_eq!(bins.names[1], "0.001 to 0.01");
        let bins = Bins::of(&Choice::integer("width", 0, 100), 4);
        assert_eq!(bins.len(), 4);
        assert_eq!([24, 25, 100].map(|v| bins.index(Some(Value::Int(v)))), [0, 1, 3]);
        let bins = Bins::of(&Choice::float("one", 2.0, 2.0), 4);
        near(&bins.bounds, &[[1.5, 2.5]]);
    }

    #[test]
    fn where_a_choice_does_not_apply_is_a_bin() {
        let when = Condition::AtLeast { choice: "depth".into(), value: 2 };
        let bins = Bins::of(&Choice::categorical("op", ["a", "b"]).when(when), 5);
        assert_eq!(bins.names, ["a", "b", INACTIVE]);
        near(&bins.bounds, &[[-0.5, 0.5], [0.5, 1.5], [-1.5, -0.5]]);
        assert_eq!(bins.index(None), 2);
        assert_eq!(bins.index(Some(Value::Int(1))), 1);
        assert!((bins.place(Some(Value::Int(1)), 0.25) - 0.75).abs() < 1e-12);
        assert!((bins.place(None, 0.25) + 1.25).abs() < 1e-12);
        let ranges = Bins::of(&Choice::float("x", 0.0, 1.0), 4);
        assert_eq!(ranges.place(Some(Value::Float(0.3)), 0.9), 0.3);
    }
}
