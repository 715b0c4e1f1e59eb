//! How things look as text.

use std::path::Path;

use anyhow::{Context as _, Result};
use comfy_table::{Cell, CellAlignment, Table, presets};
use nascent_record::{
    Direction, Failure, FailureKind, Goal, Graph, Manifest, MetricSpec, Objective, Op, Origin,
    Outcome, RewardTerm, RunView, Scalarization, Trial,
};

/// A table with a header, columns of numbers to the right.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header.iter().map(Cell::new));
    let is_number = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_digit() || "-−–".contains(c)) && text.len() < 14
    };
    for at in 0..header.len() {
        let numeric = rows.iter().all(|row| row.get(at).is_none_or(|text| is_number(text)));
        if let Some(column) = table.column_mut(at) {
            let side = if numeric { CellAlignment::Right } else { CellAlignment::Left };
            column.set_cell_alignment(side);
            column.set_padding((0, 2));
        }
    }
    for row in rows {
        table.add_row(row);
    }
    let lines = table.to_string();
    lines.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// A metric's value with a sensible number of digits.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 1e15 {
        format!("{value:.3e}")
    } else if value.fract() == 0.0 && size >= 100.0 {
        grouped(value)
    } else if size >= 1000.0 {
        grouped(value.round())
    } else if size >= 10.0 {
        format!("{value:.2}")
    } else if size >= 1e-3 || value == 0.0 {
        format!("{value:.4}")
    } else {
        format!("{value:.2e}")
    }
}

/// A whole number with thousands apart.
fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 { format!("-{text}") } else { text }
}

/// A metric's value with its unit.
pub(crate) fn metric(manifest: &Manifest, name: &str, value: f64) -> String {
    match manifest.metric(name).map(|metric: &MetricSpec| metric.unit.as_str()) {
        None | Some("") => number(value),
        Some("%") => format!("{value:.2} %"),
        Some(unit) => format!("{} {unit}", number(value)),
    }
}

/// Seconds as a person says them.
pub(crate) fn duration(secs: f64) -> String {
    let whole = secs.round() as u64;
    match whole {
        0..=9 => format!("{secs:.1} s"),
        10..=119 => format!("{whole} s"),
        120..=7199 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A moment, in UTC.
pub(crate) fn moment(ms: u64) -> String {
    let time = chrono::DateTime::from_timestamp_millis(ms as i64).unwrap_or_default();
    time.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// The state of a run in one word.
pub(crate) fn state(directory: &Path, view: &RunView) -> &'static str {
    if nascent_record::Run::writer(directory).is_some() {
        "running"
    } else if view.finish_reason().is_some() {
        "finished"
    } else {
        "interrupted"
    }
}

/// What came of a trial, in a few words.
pub(crate) fn outcome(trial: &Trial) -> String {
    match &trial.outcome {
        Some(Outcome::Failed(Failure { kind, message })) => match kind {
            FailureKind::Error => format!("failed: {message}"),
            kind => format!("failed ({kind}): {message}"),
        },
        _ => trial.status().to_owned(),
    }
}

/// Where a proposal comes from, in words.
pub(crate) fn origin(origin: &Origin) -> String {
    match origin {
        Origin::Enqueued => "wanted first".to_owned(),
        Origin::Imported { run, trial } => format!("trial {trial} of {run}"),
        Origin::Reused { trial } => format!("the same network as trial {trial}, with its result"),
        Origin::Drawn => "drawn at random: the searcher had nothing new".to_owned(),
    }
}

/// The name of an architecture: the official one, if its space has one.
pub(crate) fn architecture(manifest: &Manifest, trial: &Trial) -> String {
    let architecture = &trial.proposal.architecture;
    let space = space(manifest).ok();
    let official = space.and_then(|space| space.official_name(architecture));
    official.unwrap_or_else(|| manifest.spec.text(architecture))
}

/// The search space of a run.
pub(crate) fn space(manifest: &Manifest) -> Result<Box<dyn nascent::space::SearchSpace>> {
    Ok(nascent::space::find(&manifest.space.name)?.make(&manifest.space.config, &())?)
}

/// The metrics of the leaderboard: the objectives, then what else trials have, as far as there is
/// room.
pub(crate) fn board_metrics(view: &RunView) -> Vec<String> {
    let manifest = view.manifest();
    let mut names: Vec<String> =
        manifest.goal.objectives.iter().map(|objective| objective.metric.clone()).collect();
    for constraint in &manifest.goal.constraints {
        if !names.contains(&constraint.metric) {
            names.push(constraint.metric.clone());
        }
    }
    for metric in &manifest.metrics {
        let present = view.trials().iter().any(|trial| trial.metric(&metric.name).is_some());
        if present && !names.contains(&metric.name) && names.len() < 5 {
            names.push(metric.name.clone());
        }
    }
    names
}

/// What the search is for, in words.
pub(crate) fn goal(goal: &Goal) -> String {
    let one = |objective: &Objective| match objective.direction {
        Direction::Maximize => format!("maximize {}", objective.metric),
        Direction::Minimize => format!("minimize {}", objective.metric),
    };
    let objectives: Vec<String> = goal.objectives.iter().map(one).collect();
    let mut text = objectives.join(" and ");
    match &goal.scalarization {
        None if goal.is_pareto() => text += ", their Pareto front",
        None => {}
        Some(Scalarization::WeightedSum { weights }) => {
            let weights: Vec<String> = weights.iter().map(|weight| number(*weight)).collect();
            text = format!("{text}, weighted {}", weights.join(" to "));
        }
        Some(Scalarization::Reward { terms }) => {
            let behind = goal.objectives.iter().skip(1);
            let terms = std::iter::zip(behind, terms).map(|(objective, term)| {
                let RewardTerm { target, within, beyond } = term;
                let target = number(*target);
                format!("{} about {target} (exponents {within} and {beyond})", objective.metric)
            });
            text = format!("{text}, as a reward with {}", terms.collect::<Vec<_>>().join(", "));
        }
    }
    for constraint in &goal.constraints {
        text = format!("{text}; {constraint}");
    }
    text
}

/// The best trials as a table; those on the Pareto front, if the search is for one.
pub(crate) fn leaderboard(view: &RunView, top: usize) -> String {
    if view.manifest().goal.is_pareto() {
        let front = nascent_record::analysis::pareto_trials(view);
        let shown = &front[..front.len().min(top)];
        let mut text = board(view, shown);
        if shown.len() < front.len() {
            text = format!("{text}\n{} more on the Pareto front", front.len() - shown.len());
        }
        return text;
    }
    board(view, &nascent_record::analysis::leaderboard(view, top))
}

fn board(view: &RunView, trials: &[&Trial]) -> String {
    let metrics = board_metrics(view);
    let mut header = vec!["rank", "trial"];
    header.extend(metrics.iter().map(String::as_str));
    header.push("architecture");
    let goal = &view.manifest().goal;
    let rows = std::iter::zip(1.., trials).map(|(rank, trial)| {
        let mut row = vec![rank.to_string(), trial.id.to_string()];
        let text = |name: &String| trial.metric(name).map_or_else(|| "–".to_owned(), number);
        row.extend(metrics.iter().map(text));
        let breaks = trial.metrics().is_some_and(|metrics| goal.violation(metrics) > 0.0);
        let note = if breaks { "  (breaks a constraint)" } else { "" };
        row.push(architecture(view.manifest(), trial) + note);
        row
    });
    table(&header, &rows.collect::<Vec<_>>())
}

/// What came of the final trainings: of one as a list, of several as a table.
pub(crate) fn retrained(view: &RunView) -> Option<String> {
    let (manifest, again) = (view.manifest(), view.retrained());
    if let [again] = again {
        let metrics = again.metrics.iter();
        let lines = metrics.map(|(n, v)| format!("\n  {n:16} {}", metric(manifest, n, v)));
        let is_best =
            nascent_record::analysis::incumbent(view).is_some_and(|best| best.id == again.trial);
        let trial = if is_best { String::new() } else { format!(" was trial {}", again.trial) };
        let text = format!("Trained again{trial} for {} epochs:", again.epochs);
        return Some(lines.fold(text, |text, line| text + &line));
    }
    let (header, rows) = retrained_table(view)?;
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    Some(format!("Trained again:\n{}", table(&header, &rows)))
}

/// Header and rows of the final trainings, in the order in which they were made; nothing, if there
/// was none.
pub(crate) fn retrained_table(view: &RunView) -> Option<(Vec<String>, Vec<Vec<String>>)> {
    let again = view.retrained();
    let names = again.first()?.metrics.iter().map(|(name, _)| name.to_owned());
    let names: Vec<String> = names.collect();
    let rows = again.iter().map(|again| {
        let numbers = [again.trial.to_string(), again.epochs.to_string()].into_iter();
        let text = |name: &String| again.metrics.get(name).map_or_else(|| "–".to_owned(), number);
        let trial = view.trials().get(again.trial.index());
        let architecture = trial.map(|trial| architecture(view.manifest(), trial));
        numbers.chain(names.iter().map(text)).chain(architecture).collect()
    });
    let rows = rows.collect();
    let header = ["trial", "epochs"].map(str::to_owned).into_iter();
    let header = header.chain(names.clone()).chain(["architecture".to_owned()]).collect();
    Some((header, rows))
}

/// A graph in a few lines of text: each node with what it is made of.
pub(crate) fn outline(graph: &Graph) -> String {
    if let Some(cell) = graph.cells.values().next() {
        return format!("{}\n{}", outline_nodes(cell), chain(graph));
    }
    let linear = (1..graph.nodes.len()).all(|node| graph.entering(node).count() == 1);
    if linear { chain(graph) } else { outline_nodes(graph) }
}

fn op_text(op: &Op) -> String {
    if op.name == Op::CELL {
        return op.text("cell").unwrap_or("cell").to_owned();
    }
    let settings = op.attributes.iter().map(|(name, value)| format!("{name} {value}"));
    let settings = settings.collect::<Vec<_>>().join(", ");
    if settings.is_empty() { op.name.clone() } else { format!("{} ({settings})", op.name) }
}

fn outline_nodes(graph: &Graph) -> String {
    let width = graph.nodes.iter().map(|node| node.label.chars().count()).max().unwrap_or(0);
    let mut lines = vec![format!("{}:", graph.name)];
    for (at, node) in graph.nodes.iter().enumerate().skip(graph.inputs) {
        let terms =
            graph.entering(at).filter(|edge| edge.op.as_ref().is_none_or(|op| op.name != "none"));
        let terms: Vec<String> = terms
            .map(|edge| {
                let from = &graph.nodes[edge.from].label;
                edge.op
                    .as_ref()
                    .map_or_else(|| from.clone(), |op| format!("{}({from})", op_text(op)))
            })
            .collect();
        let sum = if terms.is_empty() { "0".to_owned() } else { terms.join(" + ") };
        let op = node.op.as_ref().map_or_else(String::new, |op| format!("{} of ", op_text(op)));
        lines.push(format!("  {:width$} = {op}{sum}", node.label));
    }
    lines.join("\n")
}

/// The nodes in a row, runs of equal ones counted.
fn chain(graph: &Graph) -> String {
    let texts = graph.nodes.iter().map(|node| node.op.as_ref().map_or(node.label.clone(), op_text));
    let mut parts: Vec<(String, usize)> = Vec::new();
    for text in texts {
        match parts.last_mut() {
            Some((last, count)) if *last == text => *count += 1,
            _ => parts.push((text, 1)),
        }
    }
    let parts = parts.into_iter().map(
        |(text, count)| {
            if count > 1 { format!("{text} ×{count}") } else { text }
        },
    );
    format!("{}: {}", graph.name, parts.collect::<Vec<_>>().join(" → "))
}

/// Writes a file whole, or says why not.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
    }
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
