//! Why the networks of a space cannot be one supernet.

use nascent_record::{Choice, Condition, Domain, Spec};

use super::SPACES;
use super::relaxed::Supernet;

/// The names of the spaces that make a supernet that is right, as they are by default.
pub fn relaxed_spaces(is_right: impl Fn(&Supernet) -> bool) -> Vec<&'static str> {
    let spaces = SPACES.iter().filter(|entry| {
        let made = entry.make(&serde_json::Value::Null, &());
        let is_relaxed = |space: Box<dyn super::SearchSpace>| {
            space.relaxed().is_some_and(|relaxed| is_right(&relaxed.supernet()))
        };
        made.is_ok_and(is_relaxed)
    });
    spaces.map(|entry| entry.name).collect()
}

/// What keeps the networks of these choices from being one, with an example of each kind; of a space
/// that has no [`SearchSpace::relaxed`](super::SearchSpace::relaxed).
pub fn obstacles(spec: &Spec) -> String {
    let kinds: [fn(&Choice) -> Option<String>; 4] = [integer, condition, float, no_operation];
    let mut found = Vec::new();
    for kind in kinds {
        let mut of_kind = spec.choices().iter().filter_map(|choice| Some((choice, kind(choice)?)));
        let Some((choice, text)) = of_kind.next() else { continue };
        let more = match of_kind.count() {
            0 => String::new(),
            more => format!(" (and {more} more like it)"),
        };
        found.push(format!("\"{}\"{more} {text}", choice.name));
    }
    if found.is_empty() {
        return "operations are not added up on the edges of cells".to_owned();
    }
    found.join("; ")
}

fn integer(choice: &Choice) -> Option<String> {
    let Domain::Integer { low, high, .. } = &choice.domain else { return None };
    Some(format!("is an integer from {low} to {high}, not one of several operations"))
}

fn float(choice: &Choice) -> Option<String> {
    let Domain::Float { low, high, .. } = &choice.domain else { return None };
    Some(format!("is a real number from {low} to {high}, not one of several operations"))
}

fn condition(choice: &Choice) -> Option<String> {
    Some(match choice.when.as_ref()? {
        Condition::AtLeast { choice, value } => format!(
            "is there only where \"{choice}\" is at least {value}, so that networks differ in depth"
        ),
        Condition::OneOf { choice, options } => {
            format!("is there only where \"{choice}\" is {}", options.join(" or "))
        }
    })
}

/// A choice of options that are not all operations, or that have no edge of a cell.
fn no_operation(choice: &Choice) -> Option<String> {
    let Domain::Categorical { options } = &choice.domain else { return None };
    let is_operation = |option: &String| {
        let name = option.split(':').next().unwrap_or_default();
        crate::nn::find(name).is_ok()
    };
    let options = (!options.iter().all(is_operation)).then(|| options.join(", "))?;
    Some(format!("is one of {options}, which are not operations on an edge"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::find;

    fn of(name: &str) -> String {
        let space = find(name).unwrap().make(&serde_json::Value::Null, &()).unwrap();
        assert!(space.relaxed().is_none(), "{name} has a supernet");
        obstacles(space.spec())
    }

    #[test]
    fn choices_that_are_not_operations_are_named_with_their_kind() {
        let text = of("mlp");
        assert_eq!(
            text,
            "\"depth\" (and 4 more like it) is an integer from 1 to 4, not one of several \
             operations; \"width_2\" (and 3 more like it) is there only where \"depth\" is at least \
             2, so that networks differ in depth; \"dropout_rate\" is a real number from 0.05 to \
             0.5, not one of several operations; \"activation\" (and 1 more like it) is one of \
             relu, gelu, silu, tanh, which are not operations on an edge"
        );
        let text = of("macro_cnn");
        assert!(text.contains("\"repeats_1\" (and 2 more like it) is an integer"), "{text}");
        assert!(text.contains("\"expansion_1\" (and 2 more"), "{text}");
        assert!(text.contains("is there only where \"block_1\" is mbconv"), "{text}");
        assert!(!text.contains("real number"), "{text}");
        let text = of("declared");
        assert!(text.contains("(and 1 more like it) is an integer"), "{text}");
        assert!(!text.contains("skip_connect"), "operations are not in the way: {text}");
    }

    #[test]
    fn spaces_that_can_be_mixed_are_found() {
        assert_eq!(relaxed_spaces(|_| true), ["nas_bench_201", "darts", "proxyless"]);
        let divisible = relaxed_spaces(|supernet| supernet.partial(4).is_some());
        assert_eq!(divisible, ["nas_bench_201", "darts"]);
    }
}
