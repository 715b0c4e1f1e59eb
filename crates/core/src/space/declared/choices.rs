//! From declared choices to those of the spec.

use std::collections::HashMap;

use nascent_record::{Choice, Condition, Domain, suggestion};

use super::declaration::FreeChoice;
use super::{Place, problem};
use crate::Result;

/// The most repetitions that a choice can be made for.
const MOST_REPETITIONS: i64 = 100;

/// The free choices, one for each repetition where that is said, and where they are.
pub(super) fn free_choices(
    declared: &[FreeChoice],
) -> Result<(Vec<Choice>, HashMap<String, Place>)> {
    let mut choices = Vec::new();
    let mut places: HashMap<String, Place> = HashMap::new();
    for (at, choice) in declared.iter().enumerate() {
        let place = format!("choice \"{}\"", choice.name);
        let (domain, when) = (choice.domain.clone(), choice.when.clone());
        let first = choices.len();
        let made = if let Some(per) = &choice.per {
            let (low, high) = repetitions(&place, per, &declared[..at])?;
            for number in 1..=high {
                let mut when = when.clone();
                if let Some(condition) = &mut when {
                    let on = declared.iter().find(|other| other.name == condition.choice());
                    let is_parallel = on.is_some_and(|on| on.per.as_ref() == Some(per));
                    if is_parallel {
                        rename(condition, number);
                    } else if number > low {
                        let text = format!(
                            "it depends on \"{0}\", and from the repetition {number} on also on \
                             \"{per}\"; a choice depends on one other: declare \"{0}\" for each \
                             \"{per}\" too",
                            condition.choice()
                        );
                        return Err(problem(&place, text));
                    }
                } else if number > low {
                    when = Some(Condition::AtLeast { choice: per.clone(), value: number });
                }
                let name = numbered(&choice.name, number);
                choices.push(Choice { name, domain: domain.clone(), when });
            }
            Place::Each { per: per.clone(), first, count: high }
        } else {
            let on = when.as_ref().map(Condition::choice);
            if let Some(on) = declared.iter().find(|other| Some(other.name.as_str()) == on)
                && let Some(per) = &on.per
            {
                let text = format!(
                    "it depends on \"{0}\", of which there is one for each \"{per}\"; declare this \
                     one for each \"{per}\" too",
                    on.name
                );
                return Err(problem(&place, text));
            }
            choices.push(Choice { name: choice.name.clone(), domain, when });
            Place::One(first)
        };
        if places.insert(choice.name.clone(), made).is_some() {
            return Err(problem(&place, "it is declared twice; give one another name"));
        }
    }
    Ok((choices, places))
}

/// The name of a choice for one repetition.
fn numbered(name: &str, number: i64) -> String {
    format!("{name}_{number}")
}

/// Has a condition mean the choice of this repetition.
pub(super) fn rename(condition: &mut Condition, number: i64) {
    let (Condition::OneOf { choice, .. } | Condition::AtLeast { choice, .. }) = condition;
    *choice = numbered(choice, number);
}

/// The least and the most repetitions that a choice says; where it may not apply, the least is 0.
fn repetitions(place: &str, per: &str, earlier: &[FreeChoice]) -> Result<(i64, i64)> {
    let Some(found) = earlier.iter().find(|choice| choice.name == per) else {
        let names = earlier.iter().map(|choice| choice.name.as_str());
        let text = format!(
            "there is no choice \"{per}\" before it that could be repeated by; {}",
            suggestion(per, names)
        );
        return Err(problem(place, text));
    };
    match found.domain {
        Domain::Integer { low, high, .. }
            if found.per.is_none() && low >= 0 && (1..=MOST_REPETITIONS).contains(&high) =>
        {
            Ok((if found.when.is_some() { 0 } else { low }, high))
        }
        _ => {
            let text = format!(
                "there can be one for each \"{per}\" only if that is a whole number from at least 0 to \
                 at most {MOST_REPETITIONS}, and itself declared once"
            );
            Err(problem(place, text))
        }
    }
}
