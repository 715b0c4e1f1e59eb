//! The values of a choice as numbers from 0 to 1, and back.

use nascent_record::{Choice, Domain, Value};

/// The value as a number from 0 to 1: on the scale of the choice (its logarithm, where it is
/// logarithmic), the options of a categorical choice evenly in their order. 0 for the only value.
pub fn to_unit(choice: &Choice, value: Value) -> f64 {
    let number = match value {
        Value::Int(i) => i as f64,
        Value::Float(x) => x,
    };
    let (low, high) = scale(&choice.domain);
    let x = if is_log(&choice.domain) { number.ln() } else { number };
    if high > low { ((x - low) / (high - low)).clamp(0.0, 1.0) } else { 0.0 }
}

/// The value that is nearest to a number from 0 to 1 on the scale of [`to_unit`]; numbers outside
/// are brought inside. Each option of a categorical choice has an equal share of 0 to 1.
pub fn from_unit(choice: &Choice, unit: f64) -> Value {
    let unit = if unit.is_nan() { 0.0 } else { unit.clamp(0.0, 1.0) };
    let (low, high) = scale(&choice.domain);
    let x = low + unit * (high - low);
    match &choice.domain {
        Domain::Categorical { options } => {
            let share = (unit * options.len() as f64) as i64;
            Value::Int(share.min(options.len() as i64 - 1))
        }
        Domain::Integer { low, high, step, log } => {
            let x = if *log { x.exp() } else { x };
            let steps = ((x - *low as f64) / *step as f64).round() as i64;
            Value::Int(low + steps.clamp(0, (high - low) / step) * step)
        }
        Domain::Float { low, high, log } => {
            let x = if *log { x.exp() } else { x };
            Value::Float(x.clamp(*low, *high))
        }
    }
}

/// The ends of the stretch of numbers that [`from_unit`] makes this value of; both are the number
/// itself for a real number.
pub fn unit_range(choice: &Choice, value: Value) -> (f64, f64) {
    match (&choice.domain, value) {
        (Domain::Categorical { options }, Value::Int(option)) => {
            let share = 1.0 / options.len() as f64;
            (option as f64 * share, (option + 1) as f64 * share)
        }
        (Domain::Integer { step, log, .. }, Value::Int(number)) => {
            let (low, high) = scale(&choice.domain);
            let end = |x: f64| {
                let x = if *log { x.ln() } else { x };
                if high > low { ((x - low) / (high - low)).clamp(0.0, 1.0) } else { 0.0 }
            };
            let half = *step as f64 / 2.0;
            (end(number as f64 - half), end(number as f64 + half))
        }
        (_, value) => {
            let unit = to_unit(choice, value);
            (unit, unit)
        }
    }
}

fn is_log(domain: &Domain) -> bool {
    matches!(domain, Domain::Integer { log: true, .. } | Domain::Float { log: true, .. })
}

/// The ends of the scale.
fn scale(domain: &Domain) -> (f64, f64) {
    let (low, high) = match domain {
        Domain::Categorical { options } => (0.0, options.len() as f64 - 1.0),
        Domain::Integer { low, high, .. } => (*low as f64, *high as f64),
        Domain::Float { low, high, .. } => (*low, *high),
    };
    if is_log(domain) { (low.ln(), high.ln()) } else { (low, high) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back() {
        let choices = [
            Choice::categorical("op", ["a", "b", "c", "d", "e"]),
            Choice::integer("width", 8, 512).log(),
            Choice::integer("depth", 3, 15).step(4),
            Choice::float("rate", 1e-4, 1e-1).log(),
            Choice::integer("only", 7, 7),
        ];
        for choice in &choices {
            let values: Vec<Value> = match choice.domain.size() {
                Some(size) => (0..size).filter_map(|i| choice.domain.nth(i)).collect(),
                None => [1e-4, 3.3e-3, 0.1].map(Value::Float).into(),
            };
            for value in values {
                let back = from_unit(choice, to_unit(choice, value));
                let same = match (value, back) {
                    (Value::Float(a), Value::Float(b)) => (a - b).abs() < 1e-12,
                    (a, b) => a == b,
                };
                assert!(same, "{}: {value} came back as {back}", choice.name);
            }
        }
        // All numbers of a value's stretch but its ends stand for it, and the stretches are all.
        for choice in choices.iter().filter(|choice| choice.domain.size() > Some(1)) {
            let mut end = 0.0;
            for value in (0..choice.domain.size().unwrap()).filter_map(|i| choice.domain.nth(i)) {
                let (low, high) = unit_range(choice, value);
                assert!((low - end).abs() < 1e-12, "{} {value}", choice.name);
                for share in [0.01, 0.5, 0.99] {
                    assert_eq!(from_unit(choice, low + share * (high - low)), value);
                }
                end = high;
            }
            assert_eq!(end, 1.0);
        }
        // The middle of a logarithmic scale is the geometric mean.
        assert_eq!(from_unit(&choices[1], 0.5), Value::Int(64));
        assert_eq!(from_unit(&choices[0], f64::NAN), Value::Int(0));
    }
}
