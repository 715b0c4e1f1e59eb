//! From text to a filter.

use nascent_record::suggestion;

use super::{Comparison, Field, Filter};

/// Why a text is no filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub(crate) struct Problem {
    /// Where in the text, in bytes.
    pub(crate) at: usize,
    /// What is wrong and what would be right.
    pub(crate) problem: String,
}

/// Reads a filter over these fields.
///
/// # Errors
/// If it is no filter, or names something that trials do not have.
pub(crate) fn parse(text: &str, fields: &[(String, Field)]) -> Result<Filter, Problem> {
    let tokens = tokens(text)?;
    if tokens.is_empty() {
        return Ok(Filter::All);
    }
    let mut parser = Parser { tokens: &tokens, at: 0, end: text.len(), fields, depth: 0 };
    let filter = parser.any()?;
    match parser.tokens.get(parser.at) {
        None => Ok(filter),
        Some((at, Token::Close)) => {
            Err(Problem { at: *at, problem: "there is no ( for this )".to_owned() })
        }
        Some((at, _)) => Err(Problem {
            at: *at,
            problem: "write & (and) or | (or) between conditions".to_owned(),
        }),
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Word(String),
    Compare(Comparison),
    And,
    Or,
    Not,
    Open,
    Close,
}

fn ends_word(c: char) -> bool {
    c.is_whitespace() || "=!<>~&|()\"".contains(c)
}

/// The words and signs of a text, each with its place.
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token)>, Problem> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let at = text.len() - rest.len();
        let Some(first) = rest.chars().next() else { return Ok(found) };
        let sign = Comparison::ALL.iter().find(|(sign, _)| rest.starts_with(sign));
        let (token, len) = match first {
            _ if let Some((sign, comparison)) = sign => (Token::Compare(*comparison), sign.len()),
            '&' => (Token::And, if rest.starts_with("&&") { 2 } else { 1 }),
            '|' => (Token::Or, if rest.starts_with("||") { 2 } else { 1 }),
            '!' => (Token::Not, 1),
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '"' => match rest[1..].find('"') {
                Some(end) => (Token::Word(rest[1..=end].to_owned()), end + 2),
                None => {
                    return Err(Problem { at, problem: "a \" closes this text".to_owned() });
                }
            },
            _ => {
                let len = rest.find(ends_word).unwrap_or(rest.len());
                (Token::Word(rest[..len].to_owned()), len)
            }
        };
        found.push((at, token));
        rest = &rest[len..];
    }
}

struct Parser<'a> {
    tokens: &'a [(usize, Token)],
    at: usize,
    end: usize,
    fields: &'a [(String, Field)],
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn place(&self) -> usize {
        self.tokens.get(self.at).map_or(self.end, |(at, _)| *at)
    }

    fn problem<T>(&self, problem: impl Into<String>) -> Result<T, Problem> {
        Err(Problem { at: self.place(), problem: problem.into() })
    }

    fn eat(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    fn any(&mut self) -> Result<Filter, Problem> {
        let mut parts = vec![self.all()?];
        while self.eat(&Token::Or) {
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::Or(parts) })
    }

    fn all(&mut self) -> Result<Filter, Problem> {
        let mut parts = vec![self.one()?];
        while self.eat(&Token::And) {
            parts.push(self.one()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::And(parts) })
    }

    fn one(&mut self) -> Result<Filter, Problem> {
        // Nobody nests so deep by hand, and a stack has an end.
        if self.depth > 64 {
            return self.problem("this is nested too deep");
        }
        self.depth += 1;
        let filter = self.condition();
        self.depth -= 1;
        filter
    }

    fn condition(&mut self) -> Result<Filter, Problem> {
        if self.eat(&Token::Not) {
            return Ok(Filter::Not(Box::new(self.one()?)));
        }
        if self.eat(&Token::Open) {
            let inner = self.any()?;
            return if self.eat(&Token::Close) {
                Ok(inner)
            } else {
                self.problem("a ) is missing here")
            };
        }
        let Some(Token::Word(name)) = self.peek().cloned() else {
            return self.problem("a condition is missing here, such as status=complete");
        };
        let start = self.place();
        self.at += 1;
        let Some(Token::Compare(comparison)) = self.peek().cloned() else {
            return Ok(Filter::Word(name));
        };
        let known = self.fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name));
        let Some((_, field)) = known else {
            let names = self.fields.iter().map(|(name, _)| name.as_str());
            let problem = format!("no trial has \"{name}\"; {}", suggestion(&name, names));
            return Err(Problem { at: start, problem });
        };
        let field = field.clone();
        self.at += 1;
        let Some(Token::Word(value)) = self.peek().cloned() else {
            return self.problem(format!("a value for {name} is missing here"));
        };
        self.at += 1;
        Ok(Filter::Compare(field, comparison, value))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::filter::fields;
    use crate::testing;

    fn problem(text: &str) -> Problem {
        parse(text, &fields(&testing::run(3, 1, 0))).unwrap_err()
    }

    #[test]
    fn what_is_wrong_is_said_where_it_is() {
        let unknown = problem("trial<3 & valid_acuracy>1");
        assert_eq!(unknown.at, 10);
        assert!(unknown.problem.contains("did you mean \"valid_accuracy\"?"), "{unknown}");
        assert_eq!(problem("trial<").problem, "a value for trial is missing here");
        assert_eq!(problem("(trial<3").problem, "a ) is missing here");
        assert_eq!(problem("trial<3)").problem, "there is no ( for this )");
        assert!(problem("trial<3 trial>1").problem.contains("& (and)"));
        assert!(problem("&").problem.contains("status=complete"));
        assert!(problem("op=\"con").problem.contains("closes"));
        assert!(problem(&"(".repeat(5000)).problem.contains("too deep"));
        assert!(problem(&"!".repeat(5000)).problem.contains("too deep"));
    }

    proptest! {
        #[test]
        fn any_text_is_a_filter_or_a_problem_within_it(text in "[a-z0-9&|!()<>=~\" é→]{0,40}") {
            if let Err(problem) = parse(&text, &fields(&testing::run(3, 1, 0))) {
                prop_assert!(problem.at <= text.len());
                prop_assert!(text.is_char_boundary(problem.at));
            }
        }
    }
}
