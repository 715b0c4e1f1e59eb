//! Runs, or settings with several seeds, against one another.

mod results;
mod settings;

use std::path::PathBuf;

use egui::{RichText, ScrollArea, Ui};
use nascent_figures::PLOTS;

use super::{Cx, Drawn, Kind, Panel, part};
use crate::command::Command;
use crate::layout::Pane;
use crate::model::Lazy;
use crate::text;
use crate::theme::{self, Palette};

use results::{Comparison, Line};

pub(super) static KIND: Kind = Kind {
    id: "compare",
    title: "Compare",
    summary: "Runs or settings against one another: results, significance, overlap, settings.",
    make: |_| Box::new(Compare::default()),
};

type Key = (Vec<(PathBuf, u64)>, bool, String);

#[derive(Default)]
struct Compare {
    comparison: Lazy<Key, Comparison>,
    /// What is typed as the target; empty for the worst final result.
    target: String,
}

impl Panel for Compare {
    fn is_ready(&self) -> bool {
        !self.comparison.is_pending()
    }

    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        if cx.shown.len() < 2 {
            part::empty(
                ui,
                "Show two runs or more to compare them",
                "Check the boxes of runs in the list, or group seeds and click a group with Ctrl.",
            );
            return;
        }
        let grouped = cx.settings.grouped;
        let drawn: Vec<Drawn> = cx.shown.to_vec();
        let target = self.target.trim().parse::<f64>().ok();
        let key = (cx.key(), grouped, self.target.clone());
        self.comparison.get(cx.jobs, key, move || Comparison::of(&drawn, grouped, target));
        let Some(comparison) = self.comparison.value() else {
            part::pending(ui, self.comparison.has_failed(), "Comparing");
            return;
        };
        ScrollArea::both().auto_shrink(false).show(ui, |ui| {
            ui.horizontal(|ui| {
                ui.label(RichText::new(&comparison.title).family(theme::strong()).size(14.0));
                for plot in
                    PLOTS.iter().filter(|plot| ["best_so_far", "pareto_front"].contains(&plot.id()))
                {
                    if ui.link(plot.title()).clicked() {
                        cx.commands.push(Command::Open(Pane::figure(plot.id())));
                    }
                }
            });
            if let Some(problem) = &comparison.problem {
                ui.weak(problem);
                return;
            }
            results(ui, comparison, &mut self.target);
            pairs(ui, comparison);
            overlap(ui, comparison);
            part::section(ui, "Settings that differ");
            settings::show(ui, &comparison.settings, &comparison.lines);
        });
    }
}

fn name(ui: &mut Ui, line: &Line) {
    ui.horizontal(|ui| {
        part::dot(ui, line.slot);
        ui.label(&line.name);
    });
}

fn head(ui: &mut Ui, titles: &[(&str, &str)]) {
    for (title, explain) in titles {
        ui.label(RichText::new(*title).weak().size(11.5)).on_hover_text(*explain);
    }
    ui.end_row();
}

fn results(ui: &mut Ui, comparison: &Comparison, target: &mut String) {
    part::section(ui, "Final results");
    ui.horizontal(|ui| {
        ui.weak("Target");
        let field = egui::TextEdit::singleline(target)
            .hint_text(text::number(comparison.target))
            .desired_width(70.0);
        let response = ui.add(field);
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Target"));
        response.on_hover_text("Trials to this value; by default what all of them reach");
    });
    egui::Grid::new("results").striped(true).spacing([16.0, 4.0]).show(ui, |ui| {
        head(
            ui,
            &[
                ("", ""),
                ("runs", "How many runs it has: with seeds grouped, all of one setting"),
                ("mean", "The mean of the best values of the runs"),
                ("spread", "The standard deviation of those"),
                ("best", "The best value of any run"),
                ("trials", "Trials that have ended, all together"),
                ("to target", "Trials until the target is reached, the mean of those that do"),
                ("rank", "The mean rank over the seeds that all have; 1 is best"),
            ],
        );
        for line in &comparison.lines {
            name(ui, line);
            let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), text::number);
            ui.label(line.runs.to_string());
            ui.label(RichText::new(number(line.mean)).family(theme::strong()));
            ui.label(number(line.spread));
            ui.label(number(line.best));
            ui.label(text::grouped(line.trials as i64));
            let reached = format!("{} of {} runs reach it", line.reached.len(), line.runs);
            ui.label(number(results::mean(&line.reached))).on_hover_text(reached);
            ui.label(number(line.rank));
            ui.end_row();
        }
    });
}

fn pairs(ui: &mut Ui, comparison: &Comparison) {
    part::section(ui, "Pair by pair");
    if comparison.pairs.is_empty() {
        ui.weak(
            "A test needs two seeds or more that both settings have: make runs with other seeds, \
             show them too, and group seeds.",
        );
        return;
    }
    let palette = Palette::of(ui);
    egui::Grid::new("pairs").striped(true).spacing([16.0, 4.0]).show(ui, |ui| {
        head(
            ui,
            &[
                ("", ""),
                ("against", ""),
                (
                    "difference",
                    "The mean difference over shared seeds; above 0 the first is better",
                ),
                ("95 % interval", "Where that is in 95 of 100 cases, by a paired bootstrap"),
                (
                    "p",
                    "How likely a difference so large is where there is none: a permutation test over \
                     the signs of the differences, corrected by Holm's method for the number of pairs \
                     in this table",
                ),
                ("win · tie · loss", "Seeds for which the first is better, equal, worse"),
            ],
        );
        for pair in &comparison.pairs {
            let (Some(a), Some(b)) =
                (comparison.lines.get(pair.first), comparison.lines.get(pair.second))
            else {
                continue;
            };
            name(ui, a);
            name(ui, b);
            let found = &pair.difference;
            ui.label(text::number(found.mean));
            ui.label(format!("{} to {}", text::number(found.low), text::number(found.high)));
            let sure = pair.adjusted < 0.05;
            let color = if sure { palette.good } else { palette.faint };
            let alone = format!("{} for this pair alone", text::number(found.p_value));
            ui.label(RichText::new(text::number(pair.adjusted)).color(color)).on_hover_text(alone);
            let [win, tie, loss] = found.greater_equal_less;
            ui.label(format!("{win} · {tie} · {loss}"));
            ui.end_row();
        }
    });
    let few = comparison
        .pairs
        .iter()
        .map(|pair| pair.difference.greater_equal_less.iter().sum::<usize>());
    if few.max().is_some_and(|seeds| seeds < 10) {
        ui.weak(
            "With fewer than ten seeds the intervals are too narrow; with fewer than six no p-value is \
             below 0.05.",
        );
    }
}

fn overlap(ui: &mut Ui, comparison: &Comparison) {
    part::section(ui, "Architectures that both have tried");
    let palette = Palette::of(ui);
    let explain = "Architectures that both have proposed, as a share of those that either has";
    egui::Grid::new("overlap").spacing([4.0, 4.0]).show(ui, |ui| {
        ui.label("");
        for line in &comparison.lines {
            part::dot(ui, line.slot);
        }
        ui.end_row();
        for (line, shares) in std::iter::zip(&comparison.lines, &comparison.overlap) {
            name(ui, line);
            for share in shares {
                let (text, color, about) = match share {
                    Some(found) => {
                        let share = found.share();
                        let about = format!("{explain}: {} of {}", found.both, found.either);
                        (format!("{:.0} %", share * 100.0), palette.heat(share), about)
                    }
                    None => (
                        "–".to_owned(),
                        palette.panel,
                        "Of other spaces, or without trials".to_owned(),
                    ),
                };
                let (rect, response) =
                    ui.allocate_exact_size(egui::vec2(46.0, 20.0), egui::Sense::hover());
                ui.painter().rect_filled(rect, 3.0, color);
                let font = egui::FontId::proportional(11.5);
                let ink = Palette::on(color);
                ui.painter().text(rect.center(), egui::Align2::CENTER_CENTER, text, font, ink);
                response.on_hover_text(about);
            }
            ui.end_row();
        }
    });
}
