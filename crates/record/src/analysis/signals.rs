//! What the lists that searchers log are about.

use crate::{Domain, Spec};

/// The names of the `n` numbers of a list with this name, behind the kind of the list and its dot
/// (`edge_0_1` of `alpha.edge_0_1`). The log has numbers only: where the list is about a choice they are
/// of its options or values. Where it is not, they are of the choices if it has no name and there is one
/// for each; else, where all choices with so many options have the same ones, of these, behind `none`
/// where the list has one number more.
pub fn list_names(spec: &Spec, name: &str, n: usize) -> Option<Vec<String>> {
    let with_none =
        |others: Vec<String>| ["none".to_owned()].into_iter().chain(others).collect::<Vec<_>>();
    if let Some(at) = spec.position(name) {
        let own: Vec<String> = match &spec.choices()[at].domain {
            Domain::Categorical { options } if options.len() + 1 == n => with_none(options.clone()),
            Domain::Categorical { options } => options.clone(),
            numbers => {
                let size = numbers.size().unwrap_or(0).min(n as u64 + 1);
                let values = (0..size).filter_map(|at| numbers.nth(at));
                values.map(|value| numbers.text(value)).collect()
            }
        };
        return (own.len() == n).then_some(own);
    }
    if name.is_empty() {
        let names = spec.choices().iter().map(|choice| choice.name.clone());
        return (spec.len() == n).then(|| names.collect());
    }
    let shared = |n: usize| {
        let mut lists = spec.choices().iter().filter_map(|choice| match &choice.domain {
            Domain::Categorical { options } if options.len() == n => Some(options),
            _ => None,
        });
        let first = lists.next()?;
        lists.all(|list| list == first).then(|| first.clone())
    };
    shared(n).or_else(|| Some(with_none(shared(n.checked_sub(1)?)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Choice;

    #[test]
    fn numbers_have_the_names_of_the_space() {
        let spec = Spec::new(vec![
            Choice::categorical("edge_0_1", ["skip", "conv", "pool"]),
            Choice::categorical("node", ["1", "2"]),
            Choice::integer("width", 8, 16).step(8),
        ])
        .unwrap();
        let names = |name, n| list_names(&spec, name, n).unwrap_or_default();
        assert_eq!(names("edge_0_1", 3), ["skip", "conv", "pool"]);
        assert_eq!(names("width", 2), ["8", "16"]);
        assert_eq!(names("node", 3), ["none", "1", "2"]);
        assert_eq!(names("cell.edge", 4), ["none", "skip", "conv", "pool"]);
        assert_eq!(names("", 3), ["edge_0_1", "node", "width"]);
        assert!(names("cell.edge", 7).is_empty() && names("width", 3).is_empty());
    }
}
