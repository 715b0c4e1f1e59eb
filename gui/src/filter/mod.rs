//! The filter language of the trials table: `valid_accuracy > 0.9 & op_3 = conv3x3`.
//!
//! - A comparison is a name, one of `= != < <= > >= ~`, and a value; `~` means "contains".
//! - `&` is and, `|` is or, `!` is not, and parentheses group; `&` binds tighter than `|`.
//! - A word by itself is looked for in the architecture and the status.
//! - A name is `trial`, `status`, `epochs`, `seconds`, `failure`, `parent`, a choice, or a metric.
//! - A value with spaces stands in double quotes.

mod complete;
mod field;
mod parse;

pub(crate) use complete::complete;
pub(crate) use field::{Datum, Field, fields, fields_with, metric, metrics};
pub(crate) use parse::parse;

use nascent_record::{RunView, Trial};

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
    Contains,
}

impl Comparison {
    /// All of them as they are written, the longer before those that they begin with.
    pub(crate) const ALL: [(&'static str, Self); 8] = [
        ("!=", Self::NotEqual),
        ("<=", Self::AtMost),
        (">=", Self::AtLeast),
        ("==", Self::Equal),
        ("=", Self::Equal),
        ("<", Self::Less),
        (">", Self::Greater),
        ("~", Self::Contains),
    ];

    fn numbers(self, a: f64, b: f64) -> bool {
        match self {
            Self::Equal => a == b,
            Self::NotEqual => a != b,
            Self::Less => a < b,
            Self::AtMost => a <= b,
            Self::Greater => a > b,
            Self::AtLeast => a >= b,
            Self::Contains => false,
        }
    }

    fn texts(self, a: &str, b: &str) -> bool {
        let fold = str::to_lowercase;
        match self {
            Self::Equal => a.eq_ignore_ascii_case(b),
            Self::NotEqual => !a.eq_ignore_ascii_case(b),
            Self::Contains => fold(a).contains(&fold(b)),
            Self::Less | Self::AtMost | Self::Greater | Self::AtLeast => false,
        }
    }
}

/// A condition on trials.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    /// All trials.
    All,
    Compare(Field, Comparison, String),
    Word(String),
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
}

impl Filter {
    /// Whether a trial of a run satisfies it. What a trial does not have satisfies no comparison.
    pub(crate) fn holds(&self, view: &RunView, trial: &Trial) -> bool {
        match self {
            Self::All => true,
            Self::Compare(field, comparison, value) => field.holds(view, trial, *comparison, value),
            Self::Word(word) => {
                let text = view.manifest().spec.text(&trial.proposal.architecture);
                Comparison::Contains.texts(&text, word) || trial.status().eq_ignore_ascii_case(word)
            }
            Self::Not(filter) => !filter.holds(view, trial),
            Self::And(filters) => filters.iter().all(|filter| filter.holds(view, trial)),
            Self::Or(filters) => filters.iter().any(|filter| filter.holds(view, trial)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn matching(text: &str) -> Vec<u32> {
        let view = testing::run(80, 4, 3);
        let filter = parse(text, &fields(&view)).unwrap();
        view.trials().iter().filter(|t| filter.holds(&view, t)).map(|t| t.id.0).collect()
    }

    fn by_hand(keep: impl Fn(&RunView, &Trial) -> bool) -> Vec<u32> {
        let view = testing::run(80, 4, 3);
        view.trials().iter().filter(|t| keep(&view, t)).map(|t| t.id.0).collect()
    }

    #[test]
    fn comparisons_mean_what_they_say() {
        assert_eq!(matching(""), (0..80).collect::<Vec<_>>());
        assert_eq!(matching("trial<3"), [0, 1, 2]);
        assert_eq!(matching("trial >= 3 & trial != 4 & trial <= 5"), [3, 5]);
        let better = by_hand(|_, t| metric(t, "valid_accuracy").is_some_and(|v| v > 88.0));
        assert!(!better.is_empty());
        assert_eq!(matching("valid_accuracy>88"), better);
        let skips = by_hand(|_, t| t.proposal.architecture.int(1) == Some(3));
        assert!(!skips.is_empty());
        assert_eq!(matching("op=skip"), skips);
        assert_eq!(matching("OP=SKIP").len(), skips.len(), "names do not care for case");
        assert_eq!(matching("op~conv"), by_hand(|_, t| t.proposal.architecture.int(1) < Some(2)));
        assert_eq!(matching("status=running"), [79]);
        assert_eq!(matching("failure=diverged"), by_hand(|_, t| t.status() == "failed"));
    }

    #[test]
    fn and_binds_tighter_than_or() {
        let all = matching("trial=1 | trial=2 & trial=3 | !(trial<79)");
        assert_eq!(all, [1, 79]);
        assert_eq!(matching("(trial=1 | trial=2) & trial=2"), [2]);
        assert_eq!(matching("skip"), matching("op=skip"), "a word is looked for");
        assert_eq!(matching("!skip").len(), 80 - matching("skip").len());
    }

    #[test]
    fn what_is_absent_satisfies_nothing() {
        // The activation applies for depths of 2 and more only.
        let some = matching("activation=relu").len() + matching("activation=gelu").len();
        assert_eq!(some, by_hand(|_, t| t.proposal.architecture.int(0) > Some(1)).len());
        assert_eq!(matching("activation!=relu"), matching("activation=gelu"));
    }
}
