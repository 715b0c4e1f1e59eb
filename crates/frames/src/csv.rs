//! What polars lets pass in CSV and a search must not: short lines (it fills them with empty cells), names that occur
//! twice (it renames them), quotes that are never closed.

use std::collections::BTreeSet;
use std::path::Path;

use crate::error::{Error, Result};

/// Checks that every record has as many cells as the header, and that names are different.
///
/// `text` is what is in the file `path`, unpacked.
pub(crate) fn check(text: &str, path: &Path) -> Result<()> {
    let fail = |problem: String| Err(Error::Csv { path: path.to_owned(), problem });
    if text.trim().is_empty() {
        return fail("it is empty".to_owned());
    }
    let mut header: Option<Vec<String>> = None;
    let mut rows = 0_usize;
    for record in Records::new(text) {
        if let Some(line) = record.open_quote {
            return fail(format!("the quote that opens in line {line} is never closed"));
        }
        let Some(header) = &header else {
            let mut seen = BTreeSet::new();
            let names: Vec<String> = record.cells().map(str::to_owned).collect();
            if let Some(twice) = names.iter().find(|name| !seen.insert(name.as_str())) {
                return fail(format!("two columns are named {twice:?}"));
            }
            header = Some(names);
            continue;
        };
        let (found, expected) = (record.cells().count(), header.len());
        if found != expected {
            return Err(Error::Cells { path: path.to_owned(), line: record.line, found, expected });
        }
        rows += 1;
    }
    if rows == 0 {
        return fail("it has a header and no rows".to_owned());
    }
    Ok(())
}

/// One record: a line, or several where a quoted text has line ends.
struct Record<'a> {
    text: &'a str,
    /// Where it begins, counted from 1.
    line: usize,
    /// Where a quote opens that is not closed before the end of the file.
    open_quote: Option<usize>,
}

impl<'a> Record<'a> {
    /// The cells, without the quotes around them.
    fn cells(&self) -> impl Iterator<Item = &'a str> {
        let mut quoted = false;
        self.text
            .split(move |c| {
                quoted ^= c == '"';
                c == ',' && !quoted
            })
            .map(|cell| {
                cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"')).unwrap_or(cell)
            })
    }
}

struct Records<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Records<'a> {
    fn new(text: &'a str) -> Self {
        // Empty lines at the end are no records.
        let text = text.trim_start_matches('\u{feff}').trim_end_matches(['\n', '\r']);
        Self { rest: text, line: 1 }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let (begin, mut quoted, mut open_at) = (self.line, false, self.line);
        let mut end = self.rest.len();
        for (at, byte) in self.rest.bytes().enumerate() {
            match byte {
                b'"' => {
                    quoted = !quoted;
                    open_at = self.line;
                }
                b'\n' => {
                    self.line += 1;
                    if !quoted {
                        end = at;
                        break;
                    }
                }
                _ => {}
            }
        }
        let (text, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.strip_prefix('\n').unwrap_or(rest);
        Some(Record {
            text: text.strip_suffix('\r').unwrap_or(text),
            line: begin,
            open_quote: quoted.then_some(open_at),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        check(text, Path::new("t.csv")).unwrap_err().to_string()
    }

    #[test]
    fn well_formed_text_passes() {
        for text in [
            "a,b\n1,2\n",
            "a,b\r\n1,2\r\n3,\r\n\r\n",
            "\u{feff}a,b\n1,2",
            "a,b\n\"x, \"\"y\"\"\",2\n\"two\nlines\",3\n",
            "a\n1\n\n2\n",
        ] {
            check(text, Path::new("t.csv")).unwrap();
        }
    }

    #[test]
    fn what_polars_would_repair_is_refused() {
        assert_eq!(
            problem("a,b,c\n1,2,3\n\"4\n5\",\"6,7\",8\n9,1"),
            "t.csv, line 5: 2 cells where the header has 3: is the file truncated, \
             or a text with a comma not quoted?"
        );
        assert!(problem("a,b\n1,2,3\n").contains("line 2: 3 cells"));
        assert!(problem("a,b\n1,2\n\n3,4\n").contains("line 3: 1 cells"));
        assert!(problem("a,b\n1,2\n3,\"4\n5,6\n").contains("opens in line 3 is never closed"));
        assert!(problem("a,\"a\"\n1,2\n").contains("two columns are named \"a\""));
        assert!(problem("a,b\n").contains("a header and no rows"));
        assert!(problem("\n\n").contains("empty"));
    }
}
