//! One run at a glance: how far, how good, how fast, and what it is.

use egui::{Grid, RichText, ScrollArea, Ui};
use nascent_record::{Control, Manifest};

use super::{Cx, Kind, Panel, part};
use crate::command::Command;
use crate::layout::Pane;
use crate::model::{Row, Status, Summary, reason};
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
            stats(ui, cx, &row, summary);
            limits(ui, summary);
            times(ui, summary);
            failures(ui, summary);
            settings(ui, run.view().manifest());
        });
    }
}

fn head(ui: &mut Ui, cx: &mut Cx<'_>, row: &Row, slot: usize) {
    let palette = Palette::of(ui);
    ui.horizontal(|ui| {
        part::dot(ui, palette.run(slot));
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
        if row.control == Control::Run {
            let pause = ui.button("Pause");
            if pause.on_hover_text("Begin no new trial; those that run go on").clicked() {
                ask(Control::Pause);
            }
        } else if ui.button("Resume").on_hover_text("Go on with new trials").clicked() {
            ask(Control::Run);
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

fn stats(ui: &mut Ui, cx: &mut Cx<'_>, row: &Row, summary: &Summary) {
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
                "Trials that end in a minute, over the last 50",
            );
        }
        if row.status == Status::Running
            && let Some(left) = summary.seconds_left()
        {
            let explain = "Until the first limit is reached, if trials go on as the last ones did";
            part::stat(ui, "time left", &text::duration(left), None, explain);
        }
        if let Some(cost) = summary.cost_secs {
            let explain = "The metric cost_secs of all trials: simulated or measured seconds";
            part::stat(ui, "cost", &text::duration(cost), None, explain);
        }
        if let Some(energy) = summary.energy_joules {
            let explain = "The metric energy_joules of all trials";
            part::stat(ui, "energy", &format!("{} J", text::number(energy)), None, explain);
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
            if summary.retrained > 0 {
                let times = text::count(summary.retrained, "architecture");
                ui.weak(format!("{times} trained again"))
                    .on_hover_text("After the search: trained longer, and tested on unseen data");
            }
            if let Some(ended) = summary.reason {
                ui.weak(format!("Ended: {}", reason(ended)));
            }
        });
    }
}

fn limits(ui: &mut Ui, summary: &Summary) {
    let palette = Palette::of(ui);
    let progress = summary.progress();
    if progress.is_empty() {
        return;
    }
    part::section(ui, "Budget");
    for (name, spent, of) in progress {
        let text = format!("{} of {} {name}", text::number(spent), text::number(of));
        part::progress(ui, spent / of.max(f64::MIN_POSITIVE), &text, palette.accent);
    }
}

fn times(ui: &mut Ui, summary: &Summary) {
    let Some((first, last)) = summary.span_ms else { return };
    let wall = last.saturating_sub(first) as f64 / 1000.0;
    let busy = summary.busy_ms as f64 / 1000.0;
    part::section(ui, "Time");
    Grid::new("times").num_columns(2).spacing([16.0, 3.0]).show(ui, |ui| {
        part::pair(ui, "from first to last event", &text::duration(wall));
        part::pair(ui, "in trials, all together", &text::duration(busy));
        if wall > 0.0 {
            let at_a_time = format!("{} on average", text::number(busy / wall));
            part::pair(ui, "trials at a time", &at_a_time);
        }
        if summary.finished > 0 {
            let mean = text::duration(busy / summary.finished as f64);
            part::pair(ui, "a trial takes", &mean);
        }
        part::pair(ui, "sessions", &summary.sessions.to_string());
    });
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
                nascent_record::Direction::Maximize => "most",
                nascent_record::Direction::Minimize => "least",
            };
            format!("{end} {}", text::words(&objective.metric))
        });
        part::pair(ui, "objectives", &objectives.collect::<Vec<_>>().join(", "));
        let constraints = manifest.goal.constraints.iter().map(ToString::to_string);
        let constraints = constraints.collect::<Vec<_>>().join(", ");
        if !constraints.is_empty() {
            part::pair(ui, "constraints", &constraints);
        }
        let size = manifest.spec.size().map_or_else(
            || "more than can be counted".to_owned(),
            |size| text::number(size as f64),
        );
        let choices = text::count(manifest.spec.len(), "choice");
        part::pair(ui, "architectures", &format!("{size}, {choices}"));
        part::pair(ui, "seed", &manifest.seed.to_string());
        part::pair(ui, "lookahead", &manifest.lookahead.to_string());
        part::pair(ui, "device", &manifest.device);
        if let Some(commit) = &manifest.git_commit {
            part::pair(ui, "commit", commit);
        }
        for (package, version) in &manifest.versions {
            part::pair(ui, package, version);
        }
    });
}
