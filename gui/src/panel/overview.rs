//! One run at a glance: how far, how good, how fast, and what it is.

use egui::{Grid, RichText, ScrollArea, Ui};
use nascent_record::{Choice, Control, Domain, Manifest, RunView, Spent};

use super::{Cx, Kind, Panel, part};
use crate::command::Command;
use crate::layout::Pane;
use crate::model::{Cost, Row, Status, Summary, reason};
use crate::text;
use crate::theme::{self, Palette};

pub(super) static KIND: Kind = Kind {
    id: "overview",
    title: "Overview",
    summary: "One run at a glance: progress, best trial, throughput, failures and settings.",
    make: |_| Box::new(Overview),
};

struct Overview;

impl Panel for Overview {
    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let Some((_, drawn)) = cx.focus() else {
            let unreadable = cx.picked.focus().and_then(|path| cx.library.entry(path));
            match unreadable.and_then(|entry| entry.row.problem.clone()) {
                Some(problem) => part::empty(ui, "This run cannot be read", &problem),
                None => part::no_run(ui),
            }
            return;
        };
        let (run, slot) = (drawn.run.clone(), drawn.slot);
        let row = run.row.clone();
        let Some(summary) = &row.summary else { return };
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            head(ui, cx, &row, slot);
            // A run that nobody writes stands still.
            let last = summary.span_ms.map_or(cx.now_ms, |(_, last)| last);
            let now = if row.status == Status::Running { cx.now_ms } else { last };
            stats(ui, cx, &row, summary, now);
            limits(ui, summary, now);
            times(ui, summary);
            failures(ui, summary);
            retrained(ui, run.view());
            settings(ui, run.view().manifest());
        });
    }
}

fn head(ui: &mut Ui, cx: &mut Cx<'_>, row: &Row, slot: usize) {
    let palette = Palette::of(ui);
    ui.horizontal(|ui| {
        part::dot(ui, slot);
        let name = RichText::new(row.label()).family(theme::strong()).size(17.0);
        ui.label(name);
        let status = RichText::new(row.status.word()).color(palette.status(row.status));
        ui.label(status).on_hover_text(row.status.meaning());
    });
    // Its end says enough; the hover has all of it.
    let mut parts = row.path.iter().rev().map(|part| part.to_string_lossy());
    let own = parts.next().unwrap_or_default();
    let short = parts.next().map_or_else(|| own.to_string(), |folder| format!("{folder}/{own}"));
    let label = egui::Label::new(RichText::new(short).weak()).wrap();
    ui.add(label).on_hover_text(row.path.display().to_string());
    if let Some(problem) = &row.problem {
        ui.colored_label(palette.bad, problem);
    }
    if row.status == Status::Running {
        control(ui, cx, row);
    }
    ui.add_space(6.0);
}

/// What can be asked of a search that runs. The app writes a file beside the log, which the study
/// watches; it never writes the log.
fn control(ui: &mut Ui, cx: &mut Cx<'_>, row: &Row) {
    let palette = Palette::of(ui);
    let mut ask = |control| cx.commands.push(Command::Ask(row.path.clone(), control));
    ui.horizontal(|ui| {
        match row.control {
            Control::Run => {
                let pause = ui.button("Pause");
                if pause.on_hover_text("Begin no new trial; those that run go on").clicked() {
                    ask(Control::Pause);
                }
            }
            Control::Pause => {
                if ui.button("Resume").on_hover_text("Go on with new trials").clicked() {
                    ask(Control::Run);
                }
            }
            // Its trials are being stopped, which cannot be taken back.
            Control::Stop => {}
        }
        if row.control != Control::Stop {
            let stop = ui.button("Stop");
            let explain = "End it as Ctrl-C does: `nascent resume` goes on with it later";
            if stop.on_hover_text(explain).clicked() {
                ask(Control::Stop);
            }
        }
        match row.control {
            Control::Run => {}
            Control::Pause => {
                ui.colored_label(palette.warn, "asked to pause");
            }
            Control::Stop => {
                ui.colored_label(palette.warn, "asked to stop");
            }
        }
    });
}

fn stats(ui: &mut Ui, cx: &mut Cx<'_>, row: &Row, summary: &Summary, now_ms: u64) {
    let palette = Palette::of(ui);
    ui.horizontal_wrapped(|ui| {
        let best = summary
            .best
            .map_or_else(|| "–".to_owned(), |(_, value)| text::with_unit(value, &summary.unit));
        let wanted = if summary.maximize { "more is better" } else { "less is better" };
        let explain = format!(
            "The incumbent: the best complete trial that keeps the constraints, by {}; {wanted}",
            text::words(&summary.metric)
        );
        part::stat(ui, &text::words(&summary.metric), &best, Some(palette.accent), &explain);
        let trials = text::grouped(summary.finished as i64);
        part::stat(ui, "trials", &trials, None, "Trials that have ended, in whatever way");
        let running = summary.started - summary.finished;
        if row.status == Status::Running {
            let running = running.to_string();
            part::stat(ui, "running", &running, None, "Trials that are evaluated at this moment");
        }
        if let Some(rate) = summary.per_minute {
            let rate = format!("{}/min", text::number(rate));
            part::stat(
                ui,
                "throughput",
                &rate,
                None,
                "Trials that end in a minute, over the last 50 of this session",
            );
        }
        if row.status == Status::Running
            && let Some(left) = summary.seconds_left(now_ms)
        {
            let explain = "Until the first limit is reached, if trials go on as the last ones did";
            part::stat(ui, "time left", &text::duration(left), None, explain);
        }
        for Cost { metric, unit, sum } in &summary.costs {
            let value =
                if unit == "s" { text::duration(*sum) } else { text::with_unit(*sum, unit) };
            let explain = format!("The metric {metric} of all trials that were evaluated here");
            part::stat(ui, &text::words(metric), &value, None, &explain);
        }
        let epochs = text::grouped(summary.epochs as i64);
        part::stat(ui, "epochs", &epochs, None, "Training epochs of all trials together");
    });
    if let Some((trial, _)) = summary.best {
        ui.horizontal(|ui| {
            let text = format!("Best is trial {trial}");
            if ui.link(text).on_hover_text("Pick it everywhere").clicked() {
                cx.picked.pick(&row.path, trial);
                cx.commands.push(Command::Open(Pane::new("architecture")));
            }
            if let Some(ended) = summary.reason {
                ui.weak(format!("Ended: {}", reason(ended)));
            }
        });
    }
}

fn limits(ui: &mut Ui, summary: &Summary, now_ms: u64) {
    let palette = Palette::of(ui);
    let progress = summary.progress(now_ms);
    if progress.is_empty() {
        return;
    }
    part::section(ui, "Budget");
    for (name, spent, of) in progress {
        let text = format!("{} of {} {name}", text::number(spent), text::number(of));
        part::progress(ui, spent / of.max(f64::MIN_POSITIVE), &text, palette.accent);
    }
}

/// The width of a column of times, in points.
const TIME_WIDTH: f32 = 160.0;

fn times(ui: &mut Ui, summary: &Summary) {
    let Some((first, last)) = summary.span_ms else { return };
    let wall = last.saturating_sub(first) as f64 / 1000.0;
    let busy = summary.busy_ms as f64 / 1000.0;
    let palette = Palette::of(ui);
    part::section(ui, "Time");
    // Columns as wide as any time: a grid that fits itself to its texts paints again for each new one.
    let grid = Grid::new("times").num_columns(2).min_col_width(TIME_WIDTH);
    grid.spacing([16.0, 3.0]).show(ui, |ui| {
        part::pair(ui, "from first to last event", &text::duration(wall));
        part::pair(ui, "in trials, all together", &text::duration(busy));
        if wall > 0.0 {
            let at_a_time = format!("{} on average", text::number(busy / wall));
            part::pair(ui, "trials at a time", &at_a_time);
        }
        if summary.evaluated > 0 {
            let mean = text::duration(busy / summary.evaluated as f64);
            part::pair(ui, "a trial takes", &mean);
        }
        part::pair(ui, "sessions", &summary.sessions.to_string());
    });
    let Spent { ask_ms, train_ms, evaluate_ms } = summary.spent;
    let parts = [
        ("to ask", ask_ms, palette.accent),
        ("to train", train_ms, palette.good),
        ("to evaluate", evaluate_ms, palette.warn),
    ];
    let total: f64 = parts.iter().map(|(_, ms, _)| *ms as f64).sum();
    for (name, ms, color) in parts.into_iter().filter(|_| total > 0.0) {
        let text = format!("{} {name}", text::duration(ms as f64 / 1000.0));
        part::progress(ui, ms as f64 / total, &text, color);
    }
}

fn failures(ui: &mut Ui, summary: &Summary) {
    let palette = Palette::of(ui);
    part::section(ui, "Outcomes");
    let parts = [
        ("complete", summary.complete, palette.good),
        ("pruned", summary.pruned, palette.warn),
        ("failed", summary.failed, palette.bad),
    ];
    let total = summary.finished.max(1) as f64;
    for (name, count, color) in parts {
        if count > 0 {
            let text = format!("{} {name}", text::grouped(count as i64));
            part::progress(ui, count as f64 / total, &text, color);
        }
    }
    for (kind, count) in &summary.failures {
        ui.weak(format!("   {kind}: {}", text::grouped(*count as i64)));
    }
    if summary.finished == 0 {
        ui.weak("No trial has ended yet.");
    }
}

/// How many networks that were trained again are shown; there is mostly one.
const RETRAINED: usize = 8;

/// The networks that were trained again after the search, the last first.
fn retrained(ui: &mut Ui, view: &RunView) {
    let again = view.retrained();
    if again.is_empty() {
        return;
    }
    part::section(ui, "Trained again");
    ui.weak("After the search: trained longer, and tested on data that the search has not seen.");
    for retrained in again.iter().rev().take(RETRAINED) {
        let epochs = text::count(retrained.epochs as usize, "epoch");
        ui.label(format!("Trial {}, {epochs}", retrained.trial));
        let id = ("retrained", retrained.trial.0, retrained.epochs);
        Grid::new(id).num_columns(2).spacing([16.0, 3.0]).show(ui, |ui| {
            for (name, value) in retrained.metrics.iter() {
                let unit = view.manifest().metric(name).map_or("", |metric| &metric.unit);
                part::pair(ui, &text::words(name), &text::with_unit(value, unit));
            }
        });
    }
}

fn settings(ui: &mut Ui, manifest: &Manifest) {
    part::section(ui, "What it is");
    Grid::new("manifest").num_columns(2).spacing([16.0, 3.0]).show(ui, |ui| {
        for (name, component) in [
            ("space", &manifest.space),
            ("searcher", &manifest.searcher),
            ("evaluator", &manifest.evaluator),
            ("pruner", &manifest.pruner),
            ("data", &manifest.data),
        ] {
            part::pair(ui, name, &component.name);
            if let Some(settings) = component.config.as_object() {
                let list = settings.iter().map(|(key, value)| format!("{key}={value}"));
                let list = list.collect::<Vec<_>>().join("  ");
                if !list.is_empty() {
                    part::pair(ui, "", &list);
                }
            }
        }
        let objectives = manifest.goal.objectives.iter().map(|objective| {
            let end = match objective.direction {
                nascent_record::Direction::Maximize => "maximize",
                nascent_record::Direction::Minimize => "minimize",
            };
            format!("{end} {}", text::words(&objective.metric))
        });
        part::pair(ui, "objectives", &objectives.collect::<Vec<_>>().join(", "));
        let constraints = manifest.goal.constraints.iter().map(ToString::to_string);
        let constraints = constraints.collect::<Vec<_>>().join(", ");
        if !constraints.is_empty() {
            part::pair(ui, "constraints", &constraints);
        }
        let continuous = |choice: &Choice| matches!(choice.domain, Domain::Float { .. });
        let size = match manifest.spec.size() {
            Some(size) => text::number(size as f64),
            None if manifest.spec.choices().iter().any(continuous) => "infinitely many".to_owned(),
            None => "more than 3.4e38".to_owned(),
        };
        let choices = text::count(manifest.spec.len(), "choice");
        part::pair(ui, "architectures", &format!("{size}, {choices}"));
        part::pair(ui, "seed", &manifest.seed.to_string());
        part::pair(ui, "lookahead", &manifest.lookahead.to_string());
        part::pair(ui, "duplicates", manifest.duplicates.name());
        for (name, value) in first_limits(manifest) {
            part::pair(ui, name, &value);
        }
        if manifest.imported > 0 {
            part::pair(ui, "imported trials", &manifest.imported.to_string());
        }
        if !manifest.enqueued.is_empty() {
            part::pair(ui, "tried first", &text::count(manifest.enqueued.len(), "architecture"));
        }
        if manifest.final_epochs > 0 {
            let epochs = match manifest.final_top {
                1 => manifest.final_epochs.to_string(),
                best => format!("{} for each of the {best} best", manifest.final_epochs),
            };
            part::pair(ui, "final epochs", &epochs);
        }
        part::pair(ui, "device", &manifest.device);
        if let Some(commit) = &manifest.git_commit {
            part::pair(ui, "commit", commit);
        }
        for (package, version) in &manifest.versions {
            part::pair(ui, package, version);
        }
    });
}

/// The limits of the search as it was first started, and of each trial.
fn first_limits(manifest: &Manifest) -> Vec<(&'static str, String)> {
    let (search, trial) = (manifest.budget, manifest.limits);
    let limits = [
        ("most trials", search.max_trials.map(|n| text::grouped(i64::from(n)))),
        ("most epochs", search.max_epochs.map(|n| text::number(n as f64))),
        ("most cost", search.max_cost_secs.map(text::duration)),
        ("most time", search.max_wall_clock_secs.map(text::duration)),
        ("most time of a trial", trial.max_trial_secs.map(text::duration)),
        ("most memory of a trial", trial.max_trial_mib.map(|n| format!("{n} MiB"))),
    ];
    limits.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}
