//! What functions take and give: sources without how they do it.
//!
//! rust-analyzer parses all that it reads, and expands all macros in it that define something. The less
//! there is in them, the sooner it is done.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use ra_ap_syntax::ast::{self, AstNode as _};
use ra_ap_syntax::{
    Edition, NodeOrToken, SourceFile, SyntaxElement, SyntaxKind, SyntaxNode, TextRange, TextSize,
    WalkEvent,
};

/// Parts of the standard library that stable code in a notebook hardly names.
const EMPTY: &[&str] = &["stdarch", "compiler-builtins", "portable-simd", "backtrace"];
/// Attributes that change nothing of what is read, in what macros write.
const SILENT: &[&str] =
    &["deprecated", "doc", "inline", "must_use", "rustc_const_stable", "stable"];
/// The longest body, in bytes, of a constant function that is kept: the length of an array can be the
/// value of one, like `size_of`.
const SHORT: usize = 160;

/// Copies a folder of sources, with empty functions and without tests.
pub(crate) fn copy_folder(from: &Path, to: &Path, edition: Edition) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("{} is not there", from.display()))? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let is_of_tests = ["tests", "benches", "examples", "target"];
        if entry.file_type()?.is_dir() {
            if !is_of_tests.iter().any(|name| entry.file_name() == *name) {
                copy_folder(&source, &target, edition)?;
            }
            continue;
        }
        let end = source.extension().and_then(std::ffi::OsStr::to_str);
        match end {
            Some("rs") if EMPTY.iter().any(|part| target.iter().any(|name| name == *part)) => {
                fs::write(target, "")?;
            }
            Some("rs") => {
                let text = String::from_utf8_lossy(&fs::read(&source)?).into_owned();
                fs::write(target, interface(&text, edition))?;
            }
            Some("toml" | "lock") => {
                fs::copy(&source, &target)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// A source without the bodies of functions, tests, and comments that document nothing. Functions whose
/// values can be part of a type keep theirs.
fn interface(source: &str, edition: Edition) -> String {
    let file = SourceFile::parse(source, edition).tree();
    let mut gone: Vec<TextRange> = Vec::new();
    for event in file.syntax().preorder_with_tokens() {
        match event {
            WalkEvent::Enter(NodeOrToken::Node(node)) if is_of_tests(&node) => {
                gone.push(node.text_range());
            }
            WalkEvent::Enter(NodeOrToken::Node(node)) => {
                gone.extend(body(&node));
                if let Some(rules) = ast::MacroRules::cast(node).and_then(|it| it.token_tree()) {
                    shorten_rules(rules.syntax(), &mut gone);
                }
            }
            WalkEvent::Enter(NodeOrToken::Token(token)) => {
                let documents = ["///", "//!", "/**", "/*!"];
                let is_comment = token.kind() == SyntaxKind::COMMENT;
                if is_comment && !documents.iter().any(|start| token.text().starts_with(start)) {
                    gone.push(token.text_range());
                }
            }
            WalkEvent::Leave(_) => {}
        }
    }
    gone.sort_by_key(|range| range.start());
    let mut short = String::with_capacity(source.len() / 2);
    let mut at = 0;
    for range in gone {
        let (start, end) = (usize::from(range.start()), usize::from(range.end()));
        // What is within what is gone is gone.
        if start >= at {
            short.push_str(&source[at..start]);
            at = end;
        }
    }
    short.push_str(&source[at..]);
    short
}

/// What the rules of a macro write, without what it is not asked for: each call of it would be expanded
/// with that.
fn shorten_rules(rules: &SyntaxNode, gone: &mut Vec<TextRange>) {
    let mut is_written = false;
    for element in rules.children_with_tokens() {
        match element {
            NodeOrToken::Token(token) if token.kind() == SyntaxKind::R_ANGLE => is_written = true,
            NodeOrToken::Node(tree) if is_written => {
                for tree in tree.descendants() {
                    shorten_tokens(&tree, gone);
                }
                is_written = false;
            }
            _ => {}
        }
    }
}

/// The bodies of functions, and attributes that say nothing of types, among these tokens.
fn shorten_tokens(tree: &SyntaxNode, gone: &mut Vec<TextRange>) {
    let all = tree.children_with_tokens();
    let all: Vec<_> = all.filter(|it| it.kind() != SyntaxKind::WHITESPACE).collect();
    for (at, element) in all.iter().enumerate() {
        let kind = |at: usize| all.get(at).map(SyntaxElement::kind);
        if element.kind() == SyntaxKind::COMMENT {
            gone.push(element.text_range());
        } else if element.kind() == SyntaxKind::POUND {
            if let Some(NodeOrToken::Node(attribute)) = all.get(at + 1) {
                let mut words =
                    attribute.children_with_tokens().filter_map(NodeOrToken::into_token);
                let name = words.find(|word| word.kind() == SyntaxKind::IDENT);
                if name.is_some_and(|name| SILENT.contains(&name.text())) {
                    gone.push(element.text_range().cover(attribute.text_range()));
                }
            }
        } else if element.kind() == SyntaxKind::FN_KW
            && matches!(kind(at + 1), Some(SyntaxKind::IDENT | SyntaxKind::DOLLAR))
        {
            let rest = &all[at..];
            let end = rest.iter().position(|it| {
                it.kind() == SyntaxKind::SEMICOLON || it.to_string().starts_with('{')
            });
            let body = end.and_then(|end| rest[end].as_node());
            let before = all[..at].iter().rev().take_while(|it| it.as_token().is_some());
            let is_const = { before }.any(|it| it.kind() == SyntaxKind::CONST_KW);
            gone.extend(body.and_then(|body| inside(body, is_const)));
        }
    }
}

/// What is between the braces, if nothing can depend on it.
fn inside(braces: &SyntaxNode, is_const: bool) -> Option<TextRange> {
    let range = braces.text_range();
    let is_short = usize::from(range.len()) <= SHORT;
    let one = TextSize::from(1);
    (!is_const || !is_short).then(|| TextRange::new(range.start() + one, range.end() - one))
}

/// What is between the braces of a function.
fn body(node: &SyntaxNode) -> Option<TextRange> {
    let function = ast::Fn::cast(node.clone())?;
    inside(function.body()?.syntax(), function.const_token().is_some())
}

fn is_of_tests(node: &SyntaxNode) -> bool {
    ast::Item::can_cast(node.kind())
        && node
            .children()
            .filter(|child| ast::Attr::can_cast(child.kind()))
            .any(|attribute| attribute.text() == "#[cfg(test)]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_have_no_bodies_tests_or_comments() {
        let source = "\
//! Of the module.
// Not for readers.
/// Of the function.
pub fn sum(values: &[f32]) -> f32 {
    // Adds.
    fn inner() {}
    values.iter().sum()
}
pub const fn width() -> usize { 4 }
trait Named {
    fn name(&self) -> String { String::new() }
    fn id(&self) -> usize;
}
#[cfg(test)]
mod tests { fn gone() {} }
macro_rules! zero {
    (fn $name:ident { $type:ty }) => {
        /// Of the written function.
        #[doc = concat!(\"Of \", stringify!($name))]
        #[cfg(unix)]
        pub fn $name() -> $type { 0 }
    };
}
zero!(fn zero { usize });
";
        let expected = "\
//! Of the module.

/// Of the function.
pub fn sum(values: &[f32]) -> f32 {}
pub const fn width() -> usize { 4 }
trait Named {
    fn name(&self) -> String {}
    fn id(&self) -> usize;
}

macro_rules! zero {
    (fn $name:ident { $type:ty }) => {
        
        
        #[cfg(unix)]
        pub fn $name() -> $type {}
    };
}
zero!(fn zero { usize });
";
        assert_eq!(interface(source, Edition::CURRENT), expected);
    }
}
