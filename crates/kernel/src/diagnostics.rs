//! Errors of the compiler, with the lines of the cell.

use std::fmt::Write as _;

use evcxr::CompilationError;

/// An error as rustc would write it if the cell were a file.
pub(crate) fn rendered(error: &CompilationError, cell: &str) -> String {
    let code = error.code().map(|code| format!("[{code}]")).unwrap_or_default();
    let mut text = format!("{}{code}: {}", error.level(), error.message());
    let lines: Vec<&str> = cell.lines().collect();
    let mut is_first = true;
    let spanned = error.spanned_messages().iter();
    for (message, span) in spanned.filter_map(|message| Some((message, message.span.as_ref()?))) {
        let (line, column) = (span.start_line, span.start_column);
        let Some(source) = lines.get(line.wrapping_sub(1)) else { continue };
        let end = if span.end_line == line { span.end_column } else { source.chars().count() + 1 };
        let number = line.to_string();
        let gap = " ".repeat(number.len());
        if is_first {
            let _always = write!(text, "\n{gap}--> line {line}, column {column}");
        }
        let before = " ".repeat(column.saturating_sub(1));
        let sign = if message.is_primary { "^" } else { "-" };
        let marks = sign.repeat(end.saturating_sub(column).max(1));
        let label = &message.label;
        let _always =
            write!(text, "\n{gap} |\n{number} | {source}\n{gap} | {before}{marks} {label}");
        is_first = false;
    }
    if is_first {
        // Nothing of it is in the cell.
        return error.rendered();
    }
    for help in error.help() {
        let _always = write!(text, "\n  = help: {help}");
    }
    if let Some(hint) = error.evcxr_extra_hint() {
        let _always = write!(text, "\n  = note: {hint}");
    }
    text
}
