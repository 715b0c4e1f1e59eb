//! Whether a cell can be run as it is, by the parser of rust-analyzer.

use ra_ap_syntax::{Edition, NodeOrToken, SourceFile, SyntaxKind, ast::AstNode as _};

/// What is known of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Completeness {
    /// It can be run.
    Complete,
    /// More has to be written, at this depth of brackets.
    Incomplete { depth: usize },
    /// Nothing that is written behind it can mend it.
    Invalid,
}

/// Parses a cell: statements, items, or an expression; lines of commands do not count.
pub(crate) fn completeness(code: &str) -> Completeness {
    let is_command = |line: &&str| line.trim_start().starts_with(':');
    let rust: Vec<&str> = code.lines().filter(|line| !is_command(line)).collect();
    let rust = rust.join("\n");
    if rust.trim().is_empty() {
        return Completeness::Complete;
    }
    let (before, end) = ("fn cell() {\n", before_len(&rust));
    let whole = format!("{before}{rust}\n}}");
    let parse = SourceFile::parse(&whole, Edition::CURRENT);
    let mut open: Vec<SyntaxKind> = Vec::new();
    let mut unterminated = false;
    // Of the tokens, so that what stands in strings and comments does not count.
    for token in parse.tree().syntax().descendants_with_tokens().filter_map(NodeOrToken::into_token)
    {
        let start = usize::from(token.text_range().start());
        if start < before.len() || start >= end {
            continue;
        }
        match token.kind() {
            kind @ (SyntaxKind::L_PAREN | SyntaxKind::L_BRACK | SyntaxKind::L_CURLY) => {
                open.push(kind);
            }
            kind @ (SyntaxKind::R_PAREN | SyntaxKind::R_BRACK | SyntaxKind::R_CURLY) => {
                let fits = match open.pop() {
                    Some(SyntaxKind::L_PAREN) => kind == SyntaxKind::R_PAREN,
                    Some(SyntaxKind::L_BRACK) => kind == SyntaxKind::R_BRACK,
                    Some(_) => kind == SyntaxKind::R_CURLY,
                    None => false,
                };
                if !fits {
                    return Completeness::Invalid;
                }
            }
            // One that takes in the end of the cell has no end of its own.
            SyntaxKind::STRING | SyntaxKind::COMMENT | SyntaxKind::BYTE_STRING => {
                let is_line = token.text().starts_with("//");
                unterminated |= !is_line && usize::from(token.text_range().end()) > end;
            }
            _ => {}
        }
    }
    let depth = open.len();
    if depth > 0 || unterminated {
        return Completeness::Incomplete { depth };
    }
    let first = parse.errors().iter().map(|error| usize::from(error.range().start())).min();
    match first {
        None => Completeness::Complete,
        // What is missing is missing at the end.
        Some(at) if at + 1 >= last_token(&whole, end) => Completeness::Incomplete { depth },
        Some(_) => Completeness::Invalid,
    }
}

/// Where a cell ends inside of its function.
fn before_len(rust: &str) -> usize {
    "fn cell() {\n".len() + rust.len()
}

/// Where the last token of the cell ends.
fn last_token(whole: &str, end: usize) -> usize {
    whole[..end].trim_end().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_complete_incomplete_or_invalid() {
        use Completeness::{Complete, Incomplete, Invalid};
        for (code, expected) in [
            ("", Complete),
            ("let x = 1;", Complete),
            ("1 + 1", Complete),
            ("let x = 1; x", Complete),
            (":dep rand\nlet x = 1;", Complete),
            (":help", Complete),
            ("struct A { b: u8 }\nimpl A {}\nlet a = A { b: 1 };", Complete),
            ("// {", Complete),
            ("println!(\"{ (\");", Complete),
            ("let c = '{';", Complete),
            ("fn f() {", Incomplete { depth: 1 }),
            ("vec![(1,", Incomplete { depth: 2 }),
            ("let x =", Incomplete { depth: 0 }),
            ("println!(\"no end", Incomplete { depth: 1 }),
            ("/* no end", Incomplete { depth: 0 }),
            ("let x = 1 +", Incomplete { depth: 0 }),
            ("}", Invalid),
            ("let x = (1];", Invalid),
            ("let let x = 1;", Invalid),
            ("fn 3() {}", Invalid),
        ] {
            assert_eq!(completeness(code), expected, "{code:?}");
        }
    }
}
