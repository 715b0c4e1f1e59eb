//! `report.html`: everything about a run on one page that needs no other file.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use nascent_figures::{PLOTS, Picture, PlotOptions, RenderOptions, Theme};
use nascent_record::{RunView, Trial, analysis};

use crate::output;

/// The name of the page in the folder of its run.
pub(crate) const FILE: &str = "report.html";

const STYLE: &str = "\
:root { color-scheme: light dark; --ink: #1c2330; --paper: #ffffff; --soft: #5d6675; --line: #dde1e8; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ebf0; --paper: #15181e; --soft: #9aa3b2; --line: #2d333d; }
  .light { display: none; }
}
@media not (prefers-color-scheme: dark) { .dark { display: none; } }
body { margin: 2rem auto; max-width: 66rem; padding: 0 1.2rem; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.1rem; margin-top: 2.2rem; }
p.soft { color: var(--soft); margin: .2rem 0; } summary.soft { color: var(--soft); margin-top: 1rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--soft); }
td.name, code { font-family: ui-monospace, monospace; font-size: .85em; word-break: break-all; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(28rem, 1fr)); gap: 1.2rem; }
svg { max-width: 100%; height: auto; } .wide { grid-column: 1 / -1; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1.2rem; }
dt { color: var(--soft); } dd { margin: 0; word-break: break-word; }
";

/// Writes the page, and the drawing of the best architecture beside it.
pub(crate) fn write(directory: &Path, view: &RunView) -> Result<()> {
    if let Some(best) = analysis::incumbent(view) {
        let drawing = drawing(view, best)?;
        let options = RenderOptions::default();
        let svg = nascent_figures::render_svg(&drawing, &options)?;
        output::write_file(&directory.join("best.svg"), svg.as_bytes())?;
        let png = nascent_figures::render_png(&drawing, &options)?;
        output::write_file(&directory.join("best.png"), &png)?;
    }
    output::write_file(&directory.join(FILE), html(directory, view)?.as_bytes())
}

/// The best cell of a cell space, the whole network of others.
fn drawing(view: &RunView, trial: &Trial) -> Result<nascent_figures::Drawing> {
    let graph = output::space(view.manifest())?.graph(&trial.proposal.architecture)?;
    let cell = graph.cells.values().next();
    Ok(nascent_figures::draw_graph(cell.unwrap_or(&graph)))
}

/// The picture for light and for dark screens; the page shows one of them.
fn both(picture: Picture<'_>) -> Result<String> {
    let mut html = String::new();
    for (class, theme) in [("light", Theme::Light), ("dark", Theme::Dark)] {
        let options = RenderOptions { theme, ..RenderOptions::default() };
        let svg = nascent_figures::render_svg(picture, &options)?;
        write!(html, "<div class=\"{class}\">{svg}</div>")?;
    }
    Ok(html)
}

fn html(directory: &Path, view: &RunView) -> Result<String> {
    let manifest = view.manifest();
    let name = directory.file_name().unwrap_or(directory.as_os_str()).to_string_lossy();
    let mut page = String::new();
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n<h1>{title}</h1>\n",
        title = escape(&name)
    )?;
    let created = output::moment(manifest.created_ms);
    let (searcher, space, data) =
        (&manifest.searcher.name, &manifest.space.name, &manifest.data.name);
    let intro = format!(
        "{searcher} over {space} on {data}, seed {}, {} trials, {created} UTC",
        manifest.seed,
        view.finished_trials()
    );
    writeln!(page, "<p class=\"soft\">{}</p>", escape(&intro))?;
    if let Some(best) = analysis::incumbent(view) {
        writeln!(page, "<h2>Best architecture: trial {}</h2>", best.id)?;
        writeln!(page, "<p><code>{}</code></p>", escape(&output::architecture(manifest, best)))?;
        if let [again] = view.retrained() {
            let trial =
                if again.trial == best.id { "T" } else { &format!("Trial {} t", again.trial) };
            let epochs = again.epochs;
            writeln!(page, "<p class=\"soft\">{trial}rained again for {epochs} epochs:</p><dl>")?;
            for (name, value) in again.metrics.iter() {
                let value = output::metric(manifest, name, value);
                writeln!(page, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(&value))?;
            }
            writeln!(page, "</dl>")?;
        }
        page.push_str(&both((&drawing(view, best)?).into())?);
        if view.retrained().len() > 1 {
            retrained(&mut page, view)?;
        }
        leaderboard(&mut page, view)?;
    }
    writeln!(page, "<h2>The search</h2>\n<div class=\"plots\">")?;
    let mut absent = String::new();
    for plot in PLOTS {
        match plot.figure(&[(&name, view)], &PlotOptions::default()) {
            Ok(figure) => {
                let wide = if figure.is_wide() { " class=\"wide\"" } else { "" };
                writeln!(page, "<section{wide}>{}</section>", both((&figure).into())?)?;
            }
            Err(why) => {
                let (title, why) = (escape(plot.title()), escape(&why.to_string()));
                writeln!(absent, "<p class=\"soft\">{title}: {why}</p>")?;
            }
        }
    }
    writeln!(page, "</div>")?;
    if !absent.is_empty() {
        let about = "What this run has nothing to show of";
        writeln!(page, "<details><summary class=\"soft\">{about}</summary>\n{absent}</details>")?;
    }
    writeln!(page, "<h2>Settings</h2>\n<dl>")?;
    for component in
        [&manifest.space, &manifest.searcher, &manifest.evaluator, &manifest.pruner, &manifest.data]
    {
        let (name, config) = (escape(&component.name), escape(&component.config.to_string()));
        writeln!(page, "<dt>{name}</dt><dd><code>{config}</code></dd>")?;
    }
    let versions = manifest.versions.iter().map(|(name, version)| format!("{name} {version}"));
    let versions = versions.collect::<Vec<_>>().join(", ");
    writeln!(page, "<dt>seed</dt><dd>{}, lookahead {}</dd>", manifest.seed, manifest.lookahead)?;
    writeln!(
        page,
        "<dt>made with</dt><dd>{}, {}</dd>",
        escape(&versions),
        escape(&manifest.device)
    )?;
    writeln!(
        page,
        "<dt>history</dt><dd><code>{}</code></dd>\n</dl>\n</html>",
        view.history_hash()
    )?;
    Ok(page)
}

fn leaderboard(page: &mut String, view: &RunView) -> Result<()> {
    let manifest = view.manifest();
    let metrics = output::board_metrics(view);
    write!(page, "<h2>Leaderboard</h2>\n<table><tr><th>trial</th>")?;
    for metric in &metrics {
        write!(page, "<th>{}</th>", escape(metric))?;
    }
    writeln!(page, "<th>architecture</th></tr>")?;
    for trial in analysis::leaderboard(view, 10) {
        write!(page, "<tr><td>{}</td>", trial.id)?;
        for metric in &metrics {
            let text = trial.metric(metric).map_or_else(String::new, output::number);
            write!(page, "<td>{text}</td>")?;
        }
        let architecture = escape(&output::architecture(manifest, trial));
        writeln!(page, "<td class=\"name\">{architecture}</td></tr>")?;
    }
    writeln!(page, "</table>")?;
    Ok(())
}

/// The final trainings, where there were several.
fn retrained(page: &mut String, view: &RunView) -> Result<()> {
    let Some((header, rows)) = output::retrained_table(view) else { return Ok(()) };
    write!(page, "<h2>Trained again</h2>\n<table><tr>")?;
    for name in &header {
        write!(page, "<th>{}</th>", escape(name))?;
    }
    writeln!(page, "</tr>")?;
    for row in &rows {
        write!(page, "<tr>")?;
        for (at, text) in row.iter().enumerate() {
            let class = if at + 1 == header.len() { " class=\"name\"" } else { "" };
            write!(page, "<td{class}>{}</td>", escape(text))?;
        }
        writeln!(page, "</tr>")?;
    }
    writeln!(page, "</table>")?;
    Ok(())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
