//! A search space as data: choices and when they apply.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{Architecture, Choice, Condition, Domain, Error, Result, Value};

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
            return Err(invalid("", "is missing: a search space has at least one choice".into()));
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
                    resolve(&choices[at], at, condition)
                        .map_err(|problem| invalid(name, problem))?
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
        match self.gates.get(at) {
            None => false,
            Some(Gate::Always) => true,
            Some(Gate::OneOf(earlier, options)) => {
                matches!(values.get(*earlier), Some(Some(Value::Int(i))) if options.contains(i))
            }
            Some(Gate::AtLeast(earlier, least)) => {
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
            Some(format!("it has {} values for {} choices", values.len(), self.len()))
        };
        match problem {
            None => Ok(()),
            Some(problem) => {
                Err(Error::InvalidArchitecture { architecture: architecture.to_string(), problem })
            }
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
        let invalid =
            |problem: String| Error::InvalidArchitecture { architecture: text.to_owned(), problem };
        let mut given = HashMap::new();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, value) = pair
                .split_once('=')
                .map(|(name, value)| (name.trim(), value.trim()))
                .ok_or_else(|| invalid(format!("\"{pair}\" has no `=`; write name=value")))?;
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
        // A choice depends on one earlier choice at most, so choices form trees: count from the
        // leaves to the roots, and multiply.
        let mut sizes: Vec<Option<u128>> = vec![None; self.len()];
        for at in (0..self.len()).rev() {
            sizes[at] = self.size_of_tree(at, &sizes);
        }
        let roots = std::iter::zip(&self.gates, sizes);
        roots
            .filter(|(gate, _)| **gate == Gate::Always)
            .try_fold(1_u128, |product, (_, size)| product.checked_mul(size?))
    }

    /// The number of ways to fill choice `at`, where it applies, and all that depend on it; `sizes`
    /// has those of the choices behind it.
    fn size_of_tree(&self, at: usize, sizes: &[Option<u128>]) -> Option<u128> {
        let domain = &self.choices[at].domain;
        let mut total = 0_u128;
        let mut add = |values: u64, each: Option<u128>| {
            if values > 0 {
                total = total.checked_add(u128::from(values).checked_mul(each?)?)?;
            }
            Some(())
        };
        match domain {
            Domain::Categorical { options } => {
                for option in 0..options.len() as i64 {
                    let mut below = std::iter::zip(&self.gates, sizes).filter(|(gate, _)| {
                        matches!(gate, Gate::OneOf(on, of) if *on == at && of.contains(&option))
                    });
                    let each = below.try_fold(1_u128, |each, (_, size)| each.checked_mul((*size)?));
                    add(1, each)?;
                }
            }
            Domain::Integer { .. } => {
                let mut below: Vec<(i64, Option<u128>)> = std::iter::zip(&self.gates, sizes)
                    .filter_map(|(gate, size)| match gate {
                        Gate::AtLeast(on, least) if *on == at => Some((*least, *size)),
                        _ => None,
                    })
                    .collect();
                below.sort_by_key(|(least, _)| *least);
                // Between two thresholds all values have the same choices below them.
                let (mut counted, mut each) = (0_u64, Some(1_u128));
                for (least, size) in below {
                    let before = domain.count_below(least);
                    add(before - counted, each)?;
                    counted = before;
                    each = each.and_then(|each| each.checked_mul(size?));
                }
                add(domain.size()? - counted, each)?;
            }
            Domain::Float { .. } => return None,
        }
        Some(total)
    }
}

impl Condition {
    /// Why it cannot be a condition on this choice, as the end of a sentence about what has it.
    pub fn problem(&self, on: &Choice) -> Option<String> {
        resolve(on, 0, self).err()
    }
}

fn resolve(earlier: &Choice, at: usize, condition: &Condition) -> Result<Gate, String> {
    match (condition, &earlier.domain) {
        (Condition::OneOf { choice, options }, _) if options.is_empty() => {
            Err(format!("depends on \"{choice}\" being one of no options, so it never applies"))
        }
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
        (Condition::OneOf { choice, .. }, _) => {
            Err(format!("depends on an option of \"{choice}\", which is not categorical"))
        }
        (Condition::AtLeast { choice, .. }, _) => {
            Err(format!("depends on a least value of \"{choice}\", which is not an integer"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditional() -> Spec {
        Spec::new(vec![
            Choice::integer("depth", 1, 3),
            Choice::categorical("w1", ["8", "16"]),
            Choice::categorical("w2", ["8", "16"])
                .when(Condition::AtLeast { choice: "depth".into(), value: 2 }),
            Choice::categorical("w3", ["8", "16"])
                .when(Condition::AtLeast { choice: "depth".into(), value: 3 }),
        ])
        .unwrap()
    }

    #[test]
    fn size_counts_conditional_choices_once_for_each_way_to_reach_them() {
        assert_eq!(conditional().size(), Some(2 + 4 + 8));
        let cells =
            (0..6).map(|i| Choice::categorical(format!("op{i}"), ["a", "b", "c", "d", "e"]));
        assert_eq!(Spec::new(cells.collect()).unwrap().size(), Some(15_625));
        assert_eq!(Spec::new(vec![Choice::float("x", 0.0, 1.0)]).unwrap().size(), None);
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
        assert_eq!(message(twice), "invalid search space: choice \"a\" appears twice");
        assert!(message(vec![Choice::integer("a", 2, 1)]).contains("empty range 2 to 1"));
        let late =
            Choice::integer("a", 0, 1).when(Condition::AtLeast { choice: "b".into(), value: 1 });
        assert!(message(vec![late, Choice::integer("b", 0, 1)]).contains("not before it"));
        let kind = Choice::integer("b", 0, 1)
            .when(Condition::OneOf { choice: "a".into(), options: vec!["x".into()] });
        assert!(message(vec![Choice::integer("a", 0, 1), kind]).contains("not categorical"));
    }
}
