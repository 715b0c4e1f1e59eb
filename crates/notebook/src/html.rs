//! Pieces of HTML that look right on light and dark notebooks.

/// Text inside of HTML.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// How everything of this crate looks: in the colors of JupyterLab, else of VS Code, else of the page.
const STYLE: &str = "<style>\
.nascent{font:13px/1.5 var(--jp-ui-font-family,system-ui,sans-serif);\
color:var(--jp-ui-font-color1,var(--vscode-editor-foreground,inherit));max-width:760px}\
.nascent table{border-collapse:collapse;margin:4px 0}\
.nascent th,.nascent td{padding:3px 10px;text-align:left!important;white-space:nowrap;\
border-bottom:1px solid var(--jp-border-color2,rgba(128,128,128,.3));background:none}\
.nascent th{font-weight:600}\
.nascent td.n,.nascent th.n{text-align:right!important;font-variant-numeric:tabular-nums}\
.nascent .m{color:var(--jp-ui-font-color2,var(--vscode-descriptionForeground,gray))}\
.nascent .bar{height:6px;border-radius:3px;overflow:hidden;margin:6px 0;\
background:var(--jp-border-color2,rgba(128,128,128,.3))}\
.nascent .bar>div{height:100%;background:var(--jp-brand-color1,#1f77b4)}\
.nascent code{font-family:var(--jp-code-font-family,monospace);font-size:12px}\
.nascent .same{opacity:.55}.nascent .changed{font-weight:600}\
.nascent .dark{display:none}\
[data-jp-theme-light=false] .nascent .light,.vscode-dark .nascent .light{display:none}\
[data-jp-theme-light=false] .nascent .dark,.vscode-dark .nascent .dark{display:block}\
.nascent svg{max-width:100%;height:auto}\
</style>";

/// A piece with its style.
pub(crate) fn styled(body: &str) -> String {
    format!("{STYLE}<div class=\"nascent\">{body}</div>")
}

/// A picture that is another one on dark pages.
pub(crate) fn both(light: &str, dark: &str) -> String {
    format!("<div class=\"light\">{light}</div><div class=\"dark\">{dark}</div>")
}

/// A table; columns of numbers stand to the right.
pub(crate) fn table(header: &[String], rows: &[Vec<String>]) -> String {
    let is_number = |text: &str| text.parse::<f64>().is_ok() || ["", "–"].contains(&text);
    let numeric: Vec<bool> = (0..header.len())
        .map(|at| rows.iter().all(|row| row.get(at).is_none_or(|text| is_number(text))))
        .collect();
    let cell = |tag: &str, at: usize, text: &str| {
        let class = if numeric.get(at) == Some(&true) { " class=\"n\"" } else { "" };
        format!("<{tag}{class}>{}</{tag}>", escape(text))
    };
    let line = |tag: &str, texts: &[String]| {
        let cells = texts.iter().enumerate().map(|(at, text)| cell(tag, at, text));
        format!("<tr>{}</tr>", cells.collect::<String>())
    };
    let body: String = rows.iter().map(|row| line("td", row)).collect();
    format!("<table><thead>{}</thead><tbody>{body}</tbody></table>", line("th", header))
}

/// The same as text.
pub(crate) fn text_table(header: &[String], rows: &[Vec<String>]) -> String {
    let all = || std::iter::once(header).chain(rows.iter().map(Vec::as_slice));
    let width = |at: usize| {
        all().filter_map(|row| row.get(at)).map(|text| text.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |row: &[String]| {
        let cells = row.iter().zip(&widths).map(|(text, width)| format!("{text:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    all().map(line).collect::<Vec<_>>().join("\n")
}

/// A number as people write it.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if value.fract() == 0.0 || size >= 1000.0 {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.2}")
    } else if size >= 1e-3 {
        format!("{value:.4}")
    } else {
        format!("{value:.2e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_no_html() {
        let html = table(&["a<b".to_owned(), "n".to_owned()], &[vec!["\"&".into(), "1.5".into()]]);
        assert!(html.contains("<th>a&lt;b</th><th class=\"n\">n</th>"), "{html}");
        assert!(html.contains("<td>&quot;&amp;</td><td class=\"n\">1.5</td>"), "{html}");
        let text = text_table(&["ab".into(), "n".into()], &[vec!["c".into(), "1".into()]]);
        assert_eq!(text, "ab  n\nc   1");
    }
}
