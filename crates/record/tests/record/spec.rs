//! Arbitrary search spaces and their architectures.

use nascent_record::{Architecture, Choice, Condition, Domain, Spec, Value};
use proptest::prelude::*;
use proptest::sample::Index;

fn domain() -> impl Strategy<Value = Domain> {
    let options = ["a", "3x3", "-", "null", "é", "conv_3x3", "1"].map(String::from);
    let bound = prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO;
    prop_oneof![
        4 => prop::sample::subsequence(options.to_vec(), 1..5)
            .prop_map(|options| Domain::Categorical { options }),
        3 => (-20..20_i64, 0..9_i64, 1..4_i64).prop_map(|(low, width, step)| Domain::Integer {
            low,
            high: low + width,
            step,
            log: low > 0,
        }),
        1 => (any::<i64>(), any::<i64>(), 1..i64::MAX)
            .prop_filter("a range that can be counted", |(a, b, _)| {
                a.max(b).checked_sub(*a.min(b)).is_some()
            })
            .prop_map(|(a, b, step)| Domain::Integer {
                low: a.min(b),
                high: a.max(b),
                step,
                log: false,
            }),
        2 => (bound, bound)
            .prop_filter("a finite width", |(a, b)| (a - b).is_finite())
            .prop_map(|(a, b)| Domain::Float {
                low: a.min(b),
                high: a.max(b),
                log: a.min(b) > 0.0,
            }),
    ]
}

/// Choices of which some depend on earlier ones, these on still earlier ones, and so on.
fn spec_of(domain: impl Strategy<Value = Domain>) -> impl Strategy<Value = Spec> {
    let condition = prop::option::of((any::<Index>(), any::<Index>(), any::<Index>()));
    prop::collection::vec((domain, condition), 1..7).prop_map(|raw| {
        let mut choices: Vec<Choice> = Vec::new();
        for (at, (domain, condition)) in raw.into_iter().enumerate() {
            let when = condition.filter(|_| at > 0).and_then(|(on, first, last)| {
                let on = &choices[on.index(at)];
                let choice = on.name.clone();
                match &on.domain {
                    Domain::Categorical { options } => {
                        let first = first.index(options.len());
                        let last = first + last.index(options.len() - first);
                        let options = options[first..=last].to_vec();
                        Some(Condition::OneOf { choice, options })
                    }
                    Domain::Integer { low, high, .. } => {
                        // From below the range, where it always holds, to above, where never.
                        let value = low.saturating_sub(1);
                        let width = high.saturating_sub(*low).clamp(0, 20) as usize;
                        let value = value.saturating_add(first.index(width + 4) as i64);
                        Some(Condition::AtLeast { choice, value })
                    }
                    Domain::Float { .. } => None,
                }
            });
            let name = format!("choice.{at}");
            choices.push(Choice { name, domain, when });
        }
        Spec::new(choices).unwrap()
    })
}

fn architecture(spec: &Spec, seeds: &[u64]) -> Architecture {
    let pick = |at: usize, choice: &Choice| match &choice.domain {
        Domain::Float { low, high, .. } => {
            let unit = seeds[at] as f64 / u64::MAX as f64;
            Value::Float((low + unit * (high - low)).clamp(*low, *high))
        }
        domain => domain.nth(seeds[at] % domain.size().unwrap()).unwrap(),
    };
    spec.build(pick).unwrap()
}

/// Counts by making every architecture.
fn count(spec: &Spec, values: &mut Vec<Option<Value>>) -> u128 {
    let at = values.len();
    let Some(choice) = spec.choices().get(at) else {
        return 1;
    };
    let options: Vec<Option<Value>> = if spec.applies(at, values) {
        let size = choice.domain.size().unwrap();
        (0..size).map(|i| choice.domain.nth(i)).collect()
    } else {
        vec![None]
    };
    let mut total = 0;
    for value in options {
        values.push(value);
        total += count(spec, values);
        values.pop();
    }
    total
}

fn small_domain() -> impl Strategy<Value = Domain> {
    prop_oneof![
        (1..4_usize).prop_map(|n| Domain::Categorical {
            options: ["a", "b", "c"][..n].iter().copied().map(String::from).collect(),
        }),
        (-3..3_i64, 0..6_i64, 1..4_i64).prop_map(|(low, width, step)| Domain::Integer {
            low,
            high: low + width,
            step,
            log: false,
        }),
    ]
}

proptest! {
    #[test]
    fn architectures_come_back_from_text_and_json(
        (spec, seeds) in (spec_of(domain()), prop::collection::vec(any::<u64>(), 8))
    ) {
        let built = architecture(&spec, &seeds);
        spec.check(&built).unwrap();
        let text = spec.text(&built);
        let parsed = spec.parse(&text).unwrap();
        prop_assert_eq!(&parsed, &built);
        prop_assert_eq!(spec.text(&parsed), text);
        let json = serde_json::to_string(&built).unwrap();
        let read: Architecture = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(&read, &built);
        prop_assert_eq!(read.fingerprint(), built.fingerprint());
        spec.check(&read).unwrap();

        let json = serde_json::to_string(&spec).unwrap();
        let read: Spec = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(&read, &spec);
        prop_assert_eq!(serde_json::to_string(&read).unwrap(), json);
    }

    #[test]
    fn values_of_a_finite_domain_are_numbered(domain in domain(), seed in any::<u64>()) {
        if let Some(size) = domain.size() {
            for index in [0, seed % size, size - 1] {
                let value = domain.nth(index).unwrap();
                prop_assert!(domain.contains(value));
                prop_assert_eq!(domain.position(value), Some(index));
                prop_assert_eq!(domain.parse(&domain.text(value)), Some(value));
            }
            prop_assert_eq!(domain.nth(size), None);
        }
    }

    #[test]
    fn the_size_is_the_number_of_architectures(spec in spec_of(small_domain())) {
        prop_assert_eq!(spec.size(), Some(count(&spec, &mut Vec::new())));
    }
}

#[test]
fn sizes_that_cannot_be_enumerated() {
    // Twenty operations, each with a kernel of its own where it is a convolution: (1 + 2)^20.
    let choices = (0..20).flat_map(|i| {
        let op = Choice::categorical(format!("op{i}"), ["skip", "conv"]);
        let kernel = Choice::categorical(format!("kernel{i}"), ["3", "5"]);
        let when = Condition::OneOf { choice: format!("op{i}"), options: vec!["conv".into()] };
        [op, kernel.when(when)]
    });
    let spec = Spec::new(choices.collect()).unwrap();
    assert_eq!(spec.size(), Some(3_u128.pow(20)));

    let wide = Choice::integer("n", 1, i64::MAX);
    let half = |value| Condition::AtLeast { choice: "n".into(), value };
    let flag = |name: &str, value| Choice::categorical(name, ["0", "1"]).when(half(value));
    let spec = Spec::new(vec![wide, flag("a", i64::MAX), flag("b", i64::MIN)]).unwrap();
    assert_eq!(spec.size(), Some(2 * (i64::MAX as u128 + 1)));

    // A continuous choice that never applies leaves the space finite.
    let never = Condition::AtLeast { choice: "n".into(), value: 5 };
    let choices = vec![Choice::integer("n", 1, 3), Choice::float("x", 0.0, 1.0).when(never)];
    assert_eq!(Spec::new(choices).unwrap().size(), Some(3));

    let many = (0..130).map(|i| Choice::categorical(format!("c{i}"), ["0", "1"]));
    assert_eq!(Spec::new(many.collect()).unwrap().size(), None);
}

#[test]
fn zero_has_no_sign() {
    let spec = Spec::new(vec![Choice::float("x", -1.0, 1.0)]).unwrap();
    let minus = spec.build(|_, _| Value::Float(-0.0)).unwrap();
    let plus = spec.build(|_, _| Value::Float(0.0)).unwrap();
    assert_eq!(minus, plus);
    assert_eq!(minus.to_string(), plus.to_string());
    assert_eq!(minus.fingerprint(), plus.fingerprint());
    assert_eq!(spec.text(&minus), spec.text(&plus));
    let json = |architecture| serde_json::to_string(architecture).unwrap();
    assert_eq!(json(&minus), json(&plus));
    assert!(spec.build(|_, _| Value::Float(f64::NAN)).is_err());
    assert!(spec.parse("x=NaN").is_err());
}

#[test]
fn spaces_that_a_file_may_not_have() {
    let mut seen = Vec::new();
    for (name, domain) in [
        ("no options", r#"{"categorical":{"options":[]}}"#),
        ("a separator", r#"{"categorical":{"options":["a,b"]}}"#),
        ("a space", r#"{"categorical":{"options":["a\u00a0b"]}}"#),
        ("a control", r#"{"categorical":{"options":["a\u0000"]}}"#),
        ("twice", r#"{"categorical":{"options":["a","a"]}}"#),
        ("order", r#"{"integer":{"low":2,"high":1}}"#),
        ("step", r#"{"integer":{"low":1,"high":2,"step":0}}"#),
        ("log from 0", r#"{"integer":{"low":0,"high":2,"log":true}}"#),
        ("too wide", r#"{"integer":{"low":-2,"high":9223372036854775807}}"#),
        ("infinite", r#"{"float":{"low":0,"high":1e999}}"#),
        ("not a number", r#"{"float":{"low":0,"high":null}}"#),
        ("float order", r#"{"float":{"low":1,"high":0}}"#),
        ("float width", r#"{"float":{"low":-1e308,"high":1e308}}"#),
        ("float log", r#"{"float":{"low":0,"high":1,"log":true}}"#),
        ("unknown", r#"{"boolean":{}}"#),
    ] {
        let json = format!(r#"[{{"name":"x","domain":{domain}}}]"#);
        let error = serde_json::from_str::<Spec>(&json).unwrap_err();
        seen.push(format!("{name}: {error}"));
    }
    let on_none = r#"[{"name":"a","domain":{"categorical":{"options":["b"]}}},
        {"name":"x","domain":{"integer":{"low":0,"high":1}},
         "when":{"one_of":{"choice":"a","options":[]}}}]"#;
    let error = serde_json::from_str::<Spec>(on_none).unwrap_err();
    seen.push(format!("never: {error}"));
    insta::assert_snapshot!("impossible_spaces", seen.join("\n"));
}
