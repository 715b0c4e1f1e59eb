//! A search space as data: choices, their domains, and when they apply.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{Architecture, Error, Result, Value};

/// What a choice may be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Domain {
    /// One of some named options without an order.
    Categorical {
        /// The names of the options.
        options: Vec<String>,
    },
    /// A whole number from `low` to `high`, both included, in steps.
    Integer {
        /// The smallest value.
        low: i64,
        /// The largest value.
        high: i64,
        /// The distance of two neighbors, at least 1.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        step: i64,
        /// Whether values are sampled evenly on a logarithmic scale.
        #[serde(default, skip_serializing_if = "is_false")]
        log: bool,
    },
    /// A real number from `low` to `high`, both included.
    Float {
        /// The smallest value.
        low: f64,
        /// The largest value.
        high: f64,
        /// Whether values are sampled evenly on a logarithmic scale.
        #[serde(default, skip_serializing_if = "is_false")]
        log: bool,
    },
}

fn one() -> i64 {
    1
}
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_one(n: &i64) -> bool {
    *n == 1
}
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(b: &bool) -> bool {
    !*b
}

impl Domain {
    /// The number of values, or `None` for a continuous domain.
    pub fn size(&self) -> Option<u64> {
        match self {
            Self::Categorical { options } => Some(options.len() as u64),
            Self::Integer {
                low, high, step, ..
            } => Some(((high - low) / step) as u64 + 1),
            Self::Float { .. } => None,
        }
    }

    /// The value number `index` of a finite domain, in order.
    pub fn nth(&self, index: u64) -> Option<Value> {
        if index >= self.size()? {
            return None;
        }
        match self {
            Self::Categorical { .. } => Some(Value::Int(index as i64)),
            Self::Integer { low, step, .. } => Some(Value::Int(low + index as i64 * step)),
            Self::Float { .. } => None,
        }
    }

    /// The position of a value of a finite domain: the inverse of [`Domain::nth`].
    pub fn position(&self, value: Value) -> Option<u64> {
        match (self, value) {
            _ if !self.contains(value) => None,
            (Self::Categorical { .. }, Value::Int(i)) => Some(i as u64),
            (Self::Integer { low, step, .. }, Value::Int(i)) => Some(((i - low) / step) as u64),
            _ => None,
        }
    }

    /// Whether the value is of this domain.
    pub fn contains(&self, value: Value) -> bool {
        match (self, value) {
            (Self::Categorical { options }, Value::Int(i)) => {
                usize::try_from(i).is_ok_and(|i| i < options.len())
            }
            (
                Self::Integer {
                    low, high, step, ..
                },
                Value::Int(i),
            ) => (*low..=*high).contains(&i) && (i - low) % step == 0,
            (Self::Float { low, high, .. }, Value::Float(x)) => (*low..=*high).contains(&x),
            _ => false,
        }
    }

    /// The value as a person reads it: the option's name, or the number.
    pub fn text(&self, value: Value) -> String {
        match (self, value) {
            (Self::Categorical { options }, Value::Int(i)) => {
                let option = usize::try_from(i).ok().and_then(|i| options.get(i));
                option.cloned().unwrap_or_else(|| format!("?{i}"))
            }
            (_, Value::Int(i)) => i.to_string(),
            (_, Value::Float(x)) => x.to_string(),
        }
    }

    /// The value that [`Domain::text`] wrote.
    pub fn parse(&self, text: &str) -> Option<Value> {
        let value = match self {
            Self::Categorical { options } => {
                Value::Int(options.iter().position(|option| option == text)? as i64)
            }
            Self::Integer { .. } => Value::Int(text.parse().ok()?),
            Self::Float { .. } => Value::Float(text.parse().ok()?),
        };
        self.contains(value).then_some(value)
    }

    fn problem(&self) -> Option<String> {
        match self {
            Self::Categorical { options } => {
                if options.is_empty() {
                    return Some("has no options".to_owned());
                }
                for (i, option) in options.iter().enumerate() {
                    if option.is_empty() || option.contains([',', '=', ' ', '\n', '\t']) {
                        return Some(format!(
                            "has the option \"{option}\"; an option needs at least one \
                             character and no comma, equals sign or space"
                        ));
                    }
                    if options[..i].contains(option) {
                        return Some(format!("has the option \"{option}\" twice"));
                    }
                }
                None
            }
            Self::Integer {
                low,
                high,
                step,
                log,
            } => {
                if low > high {
                    Some(format!("has the empty range {low} to {high}"))
                } else if *step < 1 {
                    Some(format!("has the step {step}; a step is at least 1"))
                } else if high.checked_sub(*low).is_none() {
                    Some(format!("has a range too wide to count, {low} to {high}"))
                } else if *log && *low < 1 {
                    Some(format!(
                        "is logarithmic and starts at {low}; it must start at 1 or more"
                    ))
                } else {
                    None
                }
            }
            Self::Float { low, high, log } => {
                if !low.is_finite() || !high.is_finite() || low > high {
                    Some(format!(
                        "has the range {low} to {high}; both ends must be finite, in order"
                    ))
                } else if *log && *low <= 0.0 {
                    Some(format!(
                        "is logarithmic and starts at {low}; it must start above 0"
                    ))
                } else {
                    None
                }
            }
        }
    }
}

/// When a choice applies. It always also needs the choice that it refers to to apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Applies where an earlier categorical choice is one of these options.
    OneOf {
        /// The earlier choice.
        choice: String,
        /// Its options for which the condition holds.
        options: Vec<String>,
    },
    /// Applies where an earlier integer choice has at least this value.
    AtLeast {
        /// The earlier choice.
        choice: String,
        /// The smallest value for which the condition holds.
        value: i64,
    },
}

impl Condition {
    /// The choice that it refers to.
    pub fn choice(&self) -> &str {
        match self {
            Self::OneOf { choice, .. } | Self::AtLeast { choice, .. } => choice,
        }
    }
}

/// One decision of a search space.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Its name, unique in the space: letters, digits, `_`, `.` and `-`.
    pub name: String,
    /// What it may be.
    pub domain: Domain,
    /// When it applies; always, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
}

impl Choice {
    /// A choice among named options.
    pub fn categorical<S: Into<String>>(
        name: impl Into<String>,
        options: impl IntoIterator<Item = S>,
    ) -> Self {
        let options = options.into_iter().map(Into::into).collect();
        Self {
            name: name.into(),
            domain: Domain::Categorical { options },
            when: None,
        }
    }

    /// A whole number from `low` to `high`, both included.
    pub fn integer(name: impl Into<String>, low: i64, high: i64) -> Self {
        let domain = Domain::Integer {
            low,
            high,
            step: 1,
            log: false,
        };
        Self {
            name: name.into(),
            domain,
            when: None,
        }
    }

    /// A real number from `low` to `high`, both included.
    pub fn float(name: impl Into<String>, low: f64, high: f64) -> Self {
        Self {
            name: name.into(),
            domain: Domain::Float {
                low,
                high,
                log: false,
            },
            when: None,
        }
    }

    /// The same choice, sampled evenly on a logarithmic scale; no effect on a categorical one.
    #[must_use]
    pub fn log(mut self) -> Self {
        if let Domain::Integer { log, .. } | Domain::Float { log, .. } = &mut self.domain {
            *log = true;
        }
        self
    }

    /// The same choice in steps of `size`; no effect on one that is not an integer.
    #[must_use]
    pub fn step(mut self, size: i64) -> Self {
        if let Domain::Integer { step, .. } = &mut self.domain {
            *step = size;
        }
        self
    }

    /// The same choice, which applies only where the condition holds.
    #[must_use]
    pub fn when(mut self, condition: Condition) -> Self {
        self.when = Some(condition);
        self
    }
}

/// A condition, resolved to positions.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Gate {
    Always,
    OneOf(usize, Vec<i64>),
    AtLeast(usize, i64),
}

/// The choices of a search space: all that a searcher sees of it.
///
/// Made by [`Spec::new`], which checks it, so every `Spec` is valid. A choice may depend on earlier
/// ones only.
///
/// ```
/// use nascent_record::{Choice, Condition, Spec};
///
/// let spec = Spec::new(vec![
///     Choice::integer("depth", 1, 3),
///     Choice::categorical("activation", ["relu", "gelu"]),
///     Choice::float("dropout", 0.0, 0.5)
///         .when(Condition::AtLeast { choice: "depth".into(), value: 2 }),
/// ])?;
/// let architecture = spec.parse("depth=2,activation=gelu,dropout=0.25")?;
/// assert_eq!(spec.text(&architecture), "depth=2,activation=gelu,dropout=0.25");
/// assert!(spec.parse("depth=1,activation=gelu,dropout=0.25").is_err()); // dropout does not apply
/// # Ok::<(), nascent_record::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Choice>", into = "Vec<Choice>")]
pub struct Spec {
    choices: Vec<Choice>,
    gates: Vec<Gate>,
}

impl TryFrom<Vec<Choice>> for Spec {
    type Error = Error;
    fn try_from(choices: Vec<Choice>) -> Result<Self> {
        Self::new(choices)
    }
}

impl From<Spec> for Vec<Choice> {
    fn from(spec: Spec) -> Self {
        spec.choices
    }
}

impl Spec {
    /// A space of these choices.
    ///
    /// # Errors
    /// If there are none, a name is taken or not a name, a domain is empty, or a condition refers
    /// to something other than an earlier choice of the right kind.
    pub fn new(choices: Vec<Choice>) -> Result<Self> {
        let invalid = |choice: &str, problem: String| Error::InvalidSpec {
            choice: choice.to_owned(),
            problem,
        };
        if choices.is_empty() {
            return Err(invalid(
                "",
                "is missing: a search space has at least one choice".into(),
            ));
        }
        let mut positions = HashMap::new();
        let mut gates = Vec::with_capacity(choices.len());
        for (position, choice) in choices.iter().enumerate() {
            let name = choice.name.as_str();
            let legal = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
            if name.is_empty() || !name.chars().all(legal) {
                let problem = "needs a name of letters, digits, `_`, `.` and `-`".to_owned();
                return Err(invalid(name, problem));
            }
            if let Some(problem) = choice.domain.problem() {
                return Err(invalid(name, problem));
            }
            let gate = match &choice.when {
                None => Gate::Always,
                Some(condition) => {
                    let earlier = condition.choice();
                    let Some(&at) = positions.get(earlier) else {
                        let problem = format!("depends on \"{earlier}\", which is not before it");
                        return Err(invalid(name, problem));
                    };
                    gate(&choices[at], at, condition).map_err(|problem| invalid(name, problem))?
                }
            };
            gates.push(gate);
            if positions.insert(name, position).is_some() {
                return Err(invalid(name, "appears twice".to_owned()));
            }
        }
        Ok(Self { choices, gates })
    }

    /// The choices, in order.
    pub fn choices(&self) -> &[Choice] {
        &self.choices
    }

    /// The number of choices.
    pub fn len(&self) -> usize {
        self.choices.len()
    }

    /// Never: a space has at least one choice.
    pub fn is_empty(&self) -> bool {
        self.choices.is_empty()
    }

    /// The position of the choice with this name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.choices.iter().position(|choice| choice.name == name)
    }

    /// Whether choice `at` applies, given the values of the choices before it.
    pub fn applies(&self, at: usize, values: &[Option<Value>]) -> bool {
        match &self.gates[at] {
            Gate::Always => true,
            Gate::OneOf(earlier, options) => {
                matches!(values.get(*earlier), Some(Some(Value::Int(i))) if options.contains(i))
            }
            Gate::AtLeast(earlier, least) => {
                matches!(values.get(*earlier), Some(Some(Value::Int(i))) if i >= least)
            }
        }
    }

    /// Builds an architecture by asking for the value of each choice that applies, in order. This
    /// and [`Spec::parse`] are the only ways to make one.
    ///
    /// # Errors
    /// If a value is outside the domain of its choice.
    pub fn build(&self, mut pick: impl FnMut(usize, &Choice) -> Value) -> Result<Architecture> {
        let mut values = Vec::with_capacity(self.len());
        for (at, choice) in self.choices.iter().enumerate() {
            let value = self.applies(at, &values).then(|| pick(at, choice));
            if let Some(value) = value
                && !choice.domain.contains(value)
            {
                return Err(Error::InvalidArchitecture {
                    architecture: format!("{}={value}", choice.name),
                    problem: format!("{value} is outside of {}", choice.name),
                });
            }
            values.push(value);
        }
        Ok(Architecture::from_values(values))
    }

    /// Checks an architecture that came from a file.
    ///
    /// # Errors
    /// If it is not of this space.
    pub fn check(&self, architecture: &Architecture) -> Result<()> {
        let values = architecture.values();
        let problem = if values.len() == self.len() {
            (0..self.len()).find_map(|at| {
                let (choice, value) = (&self.choices[at], values[at]);
                match (self.applies(at, values), value) {
                    (true, Some(value)) if choice.domain.contains(value) => None,
                    (true, Some(value)) => Some(format!("{value} is outside of {}", choice.name)),
                    (true, None) => Some(format!("{} has no value", choice.name)),
                    (false, Some(_)) => {
                        Some(format!("{} has a value and does not apply", choice.name))
                    }
                    (false, None) => None,
                }
            })
        } else {
            Some(format!(
                "it has {} values for {} choices",
                values.len(),
                self.len()
            ))
        };
        match problem {
            None => Ok(()),
            Some(problem) => Err(Error::InvalidArchitecture {
                architecture: architecture.to_string(),
                problem,
            }),
        }
    }

    /// The stable text form, `name=value` for each choice that applies, separated by commas.
    pub fn text(&self, architecture: &Architecture) -> String {
        let pairs = std::iter::zip(&self.choices, architecture.values());
        let active = pairs.filter_map(|(choice, value)| {
            value.map(|value| format!("{}={}", choice.name, choice.domain.text(value)))
        });
        active.collect::<Vec<_>>().join(",")
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// If a choice is unknown, missing, given twice, out of its domain or does not apply.
    pub fn parse(&self, text: &str) -> Result<Architecture> {
        let invalid = |problem: String| Error::InvalidArchitecture {
            architecture: text.to_owned(),
            problem,
        };
        let mut given = HashMap::new();
        for pair in text
            .split(',')
            .map(str::trim)
            .filter(|pair| !pair.is_empty())
        {
            let (name, value) = pair
                .split_once('=')
                .ok_or_else(|| invalid(format!("\"{pair}\" has no `=`")))?;
            if self.position(name).is_none() {
                let known = self.choices.iter().map(|choice| choice.name.as_str());
                let hint = crate::suggestion(name, known);
                return Err(invalid(format!("there is no choice \"{name}\"; {hint}")));
            }
            if given.insert(name, value).is_some() {
                return Err(invalid(format!("{name} is given twice")));
            }
        }
        let mut values = Vec::with_capacity(self.len());
        for (at, choice) in self.choices.iter().enumerate() {
            let name = choice.name.as_str();
            values.push(match (self.applies(at, &values), given.get(name)) {
                (true, Some(text)) => Some(choice.domain.parse(text).ok_or_else(|| {
                    let known = match &choice.domain {
                        Domain::Categorical { options } => {
                            crate::suggestion(text, options.iter().map(String::as_str))
                        }
                        Domain::Integer { low, high, .. } => format!("{low} to {high}"),
                        Domain::Float { low, high, .. } => format!("{low} to {high}"),
                    };
                    invalid(format!("{name} cannot be \"{text}\"; {known}"))
                })?),
                (true, None) => return Err(invalid(format!("{name} has no value"))),
                (false, Some(_)) => {
                    return Err(invalid(format!("{name} does not apply here")));
                }
                (false, None) => None,
            });
        }
        Ok(Architecture::from_values(values))
    }

    /// The number of architectures, or `None` if there is a continuous choice or too many to count.
    pub fn size(&self) -> Option<u128> {
        // Choices that others depend on are enumerated; the others are multiplied.
        let mut controls = vec![false; self.len()];
        for gate in &self.gates {
            if let Gate::OneOf(at, _) | Gate::AtLeast(at, _) = gate {
                controls[*at] = true;
            }
        }
        self.count_from(
            &controls,
            &mut Vec::with_capacity(self.len()),
            &mut 1_000_000,
        )
    }

    fn count_from(
        &self,
        controls: &[bool],
        values: &mut Vec<Option<Value>>,
        steps: &mut u32,
    ) -> Option<u128> {
        *steps = steps.checked_sub(1)?;
        let at = values.len();
        let Some(choice) = self.choices.get(at) else {
            return Some(1);
        };
        let applies = self.applies(at, values);
        if !applies || !controls[at] {
            values.push(None);
            let rest = self.count_from(controls, values, steps);
            values.pop();
            let here = if applies {
                u128::from(choice.domain.size()?)
            } else {
                1
            };
            return rest?.checked_mul(here);
        }
        let mut total = 0_u128;
        for index in 0..choice.domain.size()? {
            values.push(choice.domain.nth(index));
            let rest = self.count_from(controls, values, steps);
            values.pop();
            total = total.checked_add(rest?)?;
        }
        Some(total)
    }
}

fn gate(earlier: &Choice, at: usize, condition: &Condition) -> Result<Gate, String> {
    match (condition, &earlier.domain) {
        (Condition::OneOf { choice, options }, Domain::Categorical { options: known }) => {
            let positions = options.iter().map(|option| {
                let position = known.iter().position(|k| k == option);
                position.map(|p| p as i64).ok_or_else(|| {
                    let hint = crate::suggestion(option, known.iter().map(String::as_str));
                    format!("depends on \"{choice}\" being \"{option}\", not an option; {hint}")
                })
            });
            Ok(Gate::OneOf(at, positions.collect::<Result<_, _>>()?))
        }
        (Condition::AtLeast { value, .. }, Domain::Integer { .. }) => Ok(Gate::AtLeast(at, *value)),
        (Condition::OneOf { choice, .. }, _) => Err(format!(
            "depends on an option of \"{choice}\", which is not categorical"
        )),
        (Condition::AtLeast { choice, .. }, _) => Err(format!(
            "depends on a least value of \"{choice}\", which is not an integer"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditional() -> Spec {
        Spec::new(vec![
            Choice::integer("depth", 1, 3),
            Choice::categorical("w1", ["8", "16"]),
            Choice::categorical("w2", ["8", "16"]).when(Condition::AtLeast {
                choice: "depth".into(),
                value: 2,
            }),
            Choice::categorical("w3", ["8", "16"]).when(Condition::AtLeast {
                choice: "depth".into(),
                value: 3,
            }),
        ])
        .unwrap()
    }

    #[test]
    fn size_counts_conditional_choices_once_for_each_way_to_reach_them() {
        assert_eq!(conditional().size(), Some(2 + 4 + 8));
        let cells =
            (0..6).map(|i| Choice::categorical(format!("op{i}"), ["a", "b", "c", "d", "e"]));
        assert_eq!(Spec::new(cells.collect()).unwrap().size(), Some(15_625));
        assert_eq!(
            Spec::new(vec![Choice::float("x", 0.0, 1.0)])
                .unwrap()
                .size(),
            None
        );
    }

    #[test]
    fn text_round_trips_and_refuses_what_does_not_apply() {
        let spec = conditional();
        let text = "depth=2,w1=16,w2=8";
        assert_eq!(spec.text(&spec.parse(text).unwrap()), text);
        let message = |text: &str| spec.parse(text).unwrap_err().to_string();
        assert!(message("depth=1,w1=16,w2=8").ends_with("w2 does not apply here"));
        assert!(message("depth=2,w1=16").ends_with("w2 has no value"));
        assert!(message("depth=4,w1=16").ends_with("depth cannot be \"4\"; 1 to 3"));
        assert!(message("dept=1").contains("did you mean \"depth\"?"));
    }

    #[test]
    fn impossible_spaces_are_refused_with_the_choice_and_the_reason() {
        let message = |choices| Spec::new(choices).unwrap_err().to_string();
        assert!(message(vec![]).contains("at least one choice"));
        let twice = vec![Choice::integer("a", 0, 1), Choice::integer("a", 0, 1)];
        assert_eq!(
            message(twice),
            "invalid search space: choice \"a\" appears twice"
        );
        assert!(message(vec![Choice::integer("a", 2, 1)]).contains("empty range 2 to 1"));
        let late = Choice::integer("a", 0, 1).when(Condition::AtLeast {
            choice: "b".into(),
            value: 1,
        });
        assert!(message(vec![late, Choice::integer("b", 0, 1)]).contains("not before it"));
        let kind = Choice::integer("b", 0, 1).when(Condition::OneOf {
            choice: "a".into(),
            options: vec!["x".into()],
        });
        assert!(message(vec![Choice::integer("a", 0, 1), kind]).contains("not categorical"));
    }
}
