//! The reference tables of the documentation: from the JSON of `nascent list` to Markdown, between
//! two markers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

/// The files with tables, from the root of the workspace.
pub const FILES: &[&str] = &["README.md", "docs/reference.md"];

const BEGIN: &str = "<!-- table: ";
const END: &str = "<!-- end of table -->";

/// What `nascent list KIND --json` says of one capability.
#[derive(Deserialize)]
struct Row {
    name: String,
    summary: String,
    /// `null` for what has none.
    settings: Option<BTreeMap<String, Value>>,
    reference: String,
}

/// What the `nascent` binary says there is of a kind, as JSON. It is run, not linked: it is large.
///
/// # Errors
/// If it does not start, or knows no such kind.
pub fn list(binary: &Path, kind: &str) -> Result<String> {
    let output = Command::new(binary).args(["list", kind, "--json"]).output();
    let output = output.with_context(|| format!("{} does not start", binary.display()))?;
    let message = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "\"nascent list {kind} --json\" failed: {message}");
    Ok(String::from_utf8(output.stdout)?)
}

/// The text with its tables as they should be. A table stands between `<!-- table: KIND -->` and
/// `<!-- end of table -->`; with `<!-- table: KIND, short -->` it has names and summaries only.
/// `list` answers for a kind, see [`list`].
///
/// # Errors
/// If a marker has no end, or `list` fails or answers with something else.
pub fn update(text: &str, list: &dyn Fn(&str) -> Result<String>) -> Result<String> {
    let mut updated = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(BEGIN) {
        let (before, from_marker) = rest.split_at(at);
        let line_end = from_marker.find('\n').unwrap_or(from_marker.len());
        let (marker, body) = from_marker.split_at(line_end);
        let asked = marker
            .strip_prefix(BEGIN)
            .and_then(|marker| marker.strip_suffix(" -->"))
            .with_context(|| format!("\"{marker}\" is not a marker of the form {BEGIN}KIND -->"))?;
        let (kind, short) = match asked.split_once(", ") {
            None => (asked, false),
            Some((kind, "short")) => (kind, true),
            Some((_, other)) => bail!("a table is short or not, and never \"{other}\""),
        };
        let end = body.find(END);
        let end = end.with_context(|| format!("\"{marker}\" is not followed by {END}"))?;
        let json = list(kind).with_context(|| format!("cannot list {kind}"))?;
        let rows: Vec<Row> = serde_json::from_str(&json)
            .with_context(|| format!("cannot read the list of {kind}"))?;
        write!(updated, "{before}{marker}\n\n{}\n{END}", table(&rows, short))?;
        rest = &body[end + END.len()..];
    }
    updated.push_str(rest);
    Ok(updated)
}

/// The rows as Markdown; a column that would be empty is left out.
fn table(rows: &[Row], short: bool) -> String {
    let settings: Vec<String> = rows.iter().map(|row| settings(row.settings.as_ref())).collect();
    let references: Vec<String> = rows.iter().map(|row| link(&row.reference)).collect();
    let mut columns = vec![
        ("Name", rows.iter().map(|row| format!("`{}`", row.name)).collect()),
        ("What it is", rows.iter().map(|row| row.summary.clone()).collect()),
    ];
    if !short {
        columns.push(("Settings and defaults", settings));
        columns.push(("Reference", references));
    }
    columns.retain(|(_, cells): &(_, Vec<String>)| cells.iter().any(|cell| !cell.is_empty()));
    let mut lines = String::new();
    let mut line = |cells: Vec<&str>| {
        for cell in cells {
            lines += "| ";
            lines += &cell.replace('|', "\\|");
            lines.push(' ');
        }
        lines += "|\n";
    };
    line(columns.iter().map(|(title, _)| *title).collect());
    line(columns.iter().map(|_| "---").collect());
    for at in 0..rows.len() {
        line(columns.iter().map(|(_, cells)| cells[at].as_str()).collect());
    }
    lines
}

/// ``"`unique=false`, `size=100`"``.
fn settings(settings: Option<&BTreeMap<String, Value>>) -> String {
    let pair = |(name, value): (&String, &Value)| match value {
        Value::String(text) => format!("`{name}={text}`"),
        Value::Number(number) => format!("`{name}={}`", plain(number)),
        value => format!("`{name}={value}`"),
    };
    let pairs = settings.into_iter().flatten().map(pair);
    pairs.collect::<Vec<_>>().join(", ")
}

/// 0.1 and 100, not 1e-1 and 100.0.
fn plain(number: &serde_json::Number) -> String {
    match number.as_f64() {
        Some(value) if number.is_f64() => value.to_string(),
        _ => number.to_string(),
    }
}

/// `Authors 2019, https://…` with the words as a link.
fn link(reference: &str) -> String {
    match reference.rsplit_once(' ') {
        Some((words, url)) if url.starts_with("https://") => {
            let words = words.trim_end_matches([',', '.']);
            format!("[{words}]({url})")
        }
        _ => reference.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"[
        {"name": "a", "summary": "Takes x|y.", "settings": {"n": 3, "rate": 0.5, "how": "best"},
         "reference": "Real et al. 2019, https://arxiv.org/abs/1802.01548"},
        {"name": "b", "summary": "Waits.", "settings": null, "reference": ""}
    ]"#;

    fn updated(text: &str) -> Result<String> {
        update(text, &|kind| {
            assert_eq!(kind, "searchers");
            Ok(LIST.to_owned())
        })
    }

    #[test]
    fn a_table_is_written_between_its_markers() {
        let text = "before\n<!-- table: searchers -->\nold\n<!-- end of table -->\nbehind\n";
        let expected = "\
before
<!-- table: searchers -->

| Name | What it is | Settings and defaults | Reference |
| --- | --- | --- | --- |
| `a` | Takes x\\|y. | `how=best`, `n=3`, `rate=0.5` | [Real et al. 2019](https://arxiv.org/abs/1802.01548) |
| `b` | Waits. |  |  |

<!-- end of table -->
behind
";
        assert_eq!(updated(text).unwrap(), expected);
        assert_eq!(updated(expected).unwrap(), expected, "not idempotent");
    }

    #[test]
    fn a_short_table_has_names_and_summaries() {
        let text = "<!-- table: searchers, short -->\n<!-- end of table -->";
        let table = "\n\n| Name | What it is |\n| --- | --- |\n| `a` | Takes x\\|y. |\n| `b` | Waits. |\n\n";
        assert_eq!(
            updated(text).unwrap(),
            format!("<!-- table: searchers, short -->{table}<!-- end of table -->")
        );
    }

    #[test]
    fn a_marker_without_an_end_is_an_error() {
        let error = updated("<!-- table: searchers -->\n").unwrap_err().to_string();
        assert!(error.contains("is not followed by"), "{error}");
        assert!(updated("<!-- table: searchers, long -->\n<!-- end of table -->").is_err());
    }
}
