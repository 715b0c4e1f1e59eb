//! What may follow where somebody types a filter.

use nascent_record::{Domain, RunView};

use super::{Comparison, Field};

/// A text that may stand at the end of what was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Completion {
    /// The word, as it is shown.
    pub(crate) word: String,
    /// The whole text with it.
    pub(crate) text: String,
    /// What it is.
    pub(crate) what: &'static str,
}

/// What may stand at the end of `text`: names, then signs, then values.
pub(crate) fn complete(text: &str, fields: &[(String, Field)], view: &RunView) -> Vec<Completion> {
    let signs = |c: char| "=!<>~".contains(c);
    let breaks = |c: char| "&|()".contains(c);
    // The condition at the end: behind the last sign that ends one.
    let start = text.rfind(breaks).map_or(0, |at| at + 1);
    let last = text[start..].trim_start();
    // What is negated is completed like anything else.
    let last = last.trim_start_matches(['!', ' ']);
    let before = &text[..text.len() - last.len()];
    let completion = |word: &str, whole: String, what| Completion {
        word: word.to_owned(),
        text: format!("{before}{whole}"),
        what,
    };
    let Some(at) = last.find(signs).filter(|at| *at > 0) else {
        let typed = last.trim_end();
        let exact = fields.iter().any(|(name, _)| name.eq_ignore_ascii_case(typed));
        if exact {
            let signs = Comparison::ALL.iter().filter(|(sign, _)| *sign != "==");
            return signs
                .map(|(sign, _)| completion(sign, format!("{typed}{sign}"), "comparison"))
                .collect();
        }
        let begins = fields.iter().filter(|(name, _)| contains(name, typed));
        return begins.map(|(name, field)| completion(name, name.clone(), kind(field))).collect();
    };
    let (name, rest) = last.split_at(at);
    let value = rest.trim_start_matches(signs);
    let sign = &rest[..rest.len() - value.len()];
    let name = name.trim();
    let typed = value.trim_start();
    let known = fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    let Some((_, field)) = known else { return Vec::new() };
    let values: Vec<String> = match field {
        Field::Status => ["running", "complete", "pruned", "failed"].map(str::to_owned).into(),
        Field::Choice(at) => match view.manifest().spec.choices().get(*at).map(|c| &c.domain) {
            Some(Domain::Categorical { options }) => options.clone(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    };
    let matching = values.iter().filter(|value| contains(value, typed) && *value != typed);
    matching.map(|value| completion(value, format!("{name}{sign}{value}"), "value")).collect()
}

fn contains(name: &str, typed: &str) -> bool {
    name.to_lowercase().contains(&typed.to_lowercase())
}

fn kind(field: &Field) -> &'static str {
    match field {
        Field::Choice(_) => "choice",
        Field::Metric(_) => "metric",
        _ => "of the trial",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::{fields, parse};
    use crate::testing;

    fn words(text: &str) -> Vec<String> {
        let view = testing::run(5, 2, 1);
        complete(text, &fields(&view), &view).into_iter().map(|c| c.word).collect()
    }

    #[test]
    fn names_then_signs_then_values() {
        assert!(words("").contains(&"valid_accuracy".to_owned()));
        assert_eq!(words("valid_acc"), ["valid_accuracy"]);
        assert!(words("op").contains(&"=".to_owned()), "a whole name is followed by a sign");
        assert_eq!(words("trial<9 & op=co"), ["conv3x3", "conv5x5"]);
        assert_eq!(words("status="), ["running", "complete", "pruned", "failed"]);
        assert!(words("nobody=").is_empty());
    }

    #[test]
    fn what_is_completed_is_kept_and_can_be_read() {
        let view = testing::run(5, 2, 1);
        let known = fields(&view);
        let all = complete("!trial<9 & !op=sk", &known, &view);
        assert_eq!(all[0].text, "!trial<9 & !op=skip");
        for text in ["", "trial>1 & ", "(op=c", "op=skip|stat"] {
            for completion in complete(text, &known, &view) {
                assert!(completion.text.starts_with(text.split(['=', '|']).next().unwrap()));
                if completion.what == "value" {
                    let closed =
                        format!("{}{}", completion.text, ")".repeat(text.matches('(').count()));
                    parse(&closed, &known).unwrap();
                }
            }
        }
    }
}
