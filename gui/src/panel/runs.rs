//! The list of runs: search, order, group, pick.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{
    Align2, Color32, FontId, Pos2, Rect, RichText, ScrollArea, Sense, TextEdit, Ui, pos2, vec2,
};

use nascent_figures::Role;

use super::{Cx, Kind, Panel, part};
use crate::command::Command;
use crate::model::{Row, Status};
use crate::settings::Order;
use crate::text;
use crate::theme::{self, Palette};

pub(super) static KIND: Kind = Kind {
    id: "runs",
    title: "Runs",
    summary: "All runs under the open folders: search, group and pick them.",
    make: |_| Box::new(Runs::default()),
};

#[derive(Default)]
struct Runs {
    search: String,
    /// The groups that are folded.
    folded: std::collections::BTreeSet<String>,
    /// The run whose tag is being written.
    tagging: Option<PathBuf>,
}

/// A line of the list.
enum Line {
    Group { name: String, runs: Vec<Arc<Row>> },
    Run(Arc<Row>),
}

const HEIGHT: f32 = 46.0;

impl Panel for Runs {
    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        self.head(ui, cx);
        for (folder, problem) in cx.library.problems() {
            let palette = Palette::of(ui);
            ui.colored_label(palette.bad, problem).on_hover_text(folder.display().to_string());
        }
        self.tag(ui, cx);
        let lines = self.lines(cx);
        if lines.is_empty() {
            self.nothing(ui, cx);
            return;
        }
        ui.spacing_mut().item_spacing.y = 3.0;
        ScrollArea::vertical().auto_shrink(false).show_rows(
            ui,
            HEIGHT,
            lines.len(),
            |ui, visible| {
                for line in lines.get(visible).unwrap_or_default() {
                    match line {
                        Line::Group { name, runs } => self.group(ui, cx, name, runs),
                        Line::Run(row) => self.run(ui, cx, row),
                    }
                }
            },
        );
    }
}

impl Runs {
    fn head(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        ui.horizontal(|ui| {
            let field = TextEdit::singleline(&mut self.search)
                .hint_text("Search runs")
                .desired_width((ui.available_width() - 8.0).max(60.0));
            let response = ui.add(field);
            response.widget_info(|| {
                egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Search runs")
            });
            response.on_hover_text("Part of a name, space, searcher, status or tag");
        });
        ui.horizontal(|ui| {
            let order = &mut cx.settings.order;
            let current = Order::ALL.iter().find(|(known, _)| known == order);
            part::combo(ui, "Order", current.map_or("", |(_, name)| name), 118.0, |ui| {
                for (choice, name) in Order::ALL {
                    ui.selectable_value(order, choice, name);
                }
            });
            ui.checkbox(&mut cx.settings.grouped, "Group seeds").on_hover_text(
                "Runs of one space, searcher and evaluator become one group, and one line with a \
                 band in the best so far",
            );
        });
        ui.add_space(2.0);
    }

    /// The runs that answer the search, in order, in groups if that is wanted.
    fn lines(&self, cx: &Cx<'_>) -> Vec<Line> {
        let words: Vec<String> =
            self.search.to_lowercase().split_whitespace().map(str::to_owned).collect();
        let answers = |row: &Row| {
            if words.is_empty() {
                return true;
            }
            let tag = cx.settings.tags.get(&row.path).map_or("", String::as_str);
            let text = format!("{} {} {} {tag}", row.name, row.group(), row.status.word());
            let text = text.to_lowercase();
            words.iter().all(|word| text.contains(word))
        };
        let entries = cx.library.entries().iter();
        let mut rows: Vec<Arc<Row>> =
            entries.map(|entry| &entry.row).filter(|row| answers(row)).cloned().collect();
        sort(&mut rows, cx.settings.order);
        if !cx.settings.grouped {
            return rows.into_iter().map(Line::Run).collect();
        }
        let mut settings: Vec<String> = Vec::new();
        let mut groups: BTreeMap<String, Vec<Arc<Row>>> = BTreeMap::new();
        for row in rows {
            let setting = row.setting().to_owned();
            if !settings.contains(&setting) {
                settings.push(setting.clone());
            }
            groups.entry(setting).or_default().push(row);
        }
        let titles: Vec<String> = groups.values().map(|runs| runs[0].group()).collect();
        let mut lines = Vec::new();
        for setting in settings {
            let runs = groups.remove(&setting).unwrap_or_default();
            let mut name = runs.first().map(|row| row.group()).unwrap_or_default();
            if titles.iter().filter(|title| **title == name).count() > 1 {
                // What else the settings differ in, Compare says.
                name.push_str(" · setting ");
                name.push_str(setting.get(..4).unwrap_or(&setting));
            }
            let open = !self.folded.contains(&name);
            lines.push(Line::Group { name, runs: runs.clone() });
            if open {
                lines.extend(runs.into_iter().map(Line::Run));
            }
        }
        lines
    }

    fn nothing(&self, ui: &mut Ui, cx: &mut Cx<'_>) {
        if !cx.library.is_caught_up() {
            part::waiting(ui, "Looking for runs");
        } else if cx.library.entries().is_empty() {
            part::empty(
                ui,
                "There are no runs here yet",
                "Make one with `nascent search`, open a folder that has runs, or drop one on this window.",
            );
            ui.vertical_centered(|ui| {
                if ui.button("Open a folder of runs…").clicked() {
                    cx.commands.push(Command::AskForFolder);
                }
            });
        } else {
            part::empty(ui, "No run answers this search", &format!("\"{}\"", self.search));
        }
    }

    fn group(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, name: &str, runs: &[Arc<Row>]) {
        let palette = Palette::of(ui);
        let (rect, response) = line(ui, palette, false);
        response.widget_info(|| {
            egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Group {name}"))
        });
        let fold = Rect::from_min_size(rect.min, vec2(24.0, rect.height()));
        let folded = self.folded.contains(name);
        let center = fold.center();
        let points = if folded {
            vec![center + vec2(-3.0, -4.0), center + vec2(4.0, 0.0), center + vec2(-3.0, 4.0)]
        } else {
            vec![center + vec2(-4.0, -3.0), center + vec2(4.0, -3.0), center + vec2(0.0, 4.0)]
        };
        ui.painter().add(egui::Shape::convex_polygon(points, palette.faint, egui::Stroke::NONE));
        let left = rect.left() + 26.0;
        let values: Vec<f64> =
            runs.iter().filter_map(|row| Some(row.summary.as_ref()?.best?.1)).collect();
        let right = write_right(ui, rect, 14.0, &mean_and_spread(&values), palette.ink);
        let room = right - left - 6.0;
        let (first, rest) = name.split_once(" · ").unwrap_or((name, ""));
        let (title, below) = match rest.split(" · ").next().filter(|name| !name.is_empty()) {
            Some(searcher) => (searcher, format!("{first} · {}", text::count(runs.len(), "seed"))),
            None => (first, text::count(runs.len(), "run")),
        };
        write(ui, pos2(left, rect.top() + 14.0), title, 13.5, true, palette.ink, room);
        write(ui, pos2(left, rect.top() + 32.0), &below, 11.5, false, palette.faint, room);
        let clicked = response.clicked();
        let at = response.interact_pointer_pos();
        response.on_hover_text(format!("{name}\nClick to show all of its runs"));
        if clicked {
            if at.is_some_and(|at| fold.contains(at)) {
                if !self.folded.remove(name) {
                    self.folded.insert(name.to_owned());
                }
            } else {
                let all: Vec<PathBuf> = runs.iter().map(|row| row.path.clone()).collect();
                if ui.input(|input| input.modifiers.command) {
                    let change = to_toggle(all, |run| cx.picked.slot(run).is_some());
                    cx.commands.extend(change.into_iter().map(Command::Toggle));
                } else {
                    cx.commands.push(Command::ShowOnly(all));
                }
            }
        }
    }

    fn run(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, row: &Arc<Row>) {
        let palette = Palette::of(ui);
        let slot = cx.picked.slot(&row.path);
        let focus = cx.picked.focus() == Some(row.path.as_path());
        let (rect, response) = line(ui, palette, focus);
        response.widget_info(|| {
            egui::WidgetInfo::selected(egui::Role::Button, true, focus, format!("Run {}", row.name))
        });
        let left = rect.left() + 30.0;
        Self::mark(ui, cx, row, rect, slot);
        let right = row.summary.as_ref().map_or(rect.right() - 8.0, |summary| {
            let best = summary.best.map_or_else(|| "–".to_owned(), |(_, v)| text::number(v));
            let age = summary.span_ms.map(|(_, last)| text::age(cx.now_ms, last));
            let top = write_right(ui, rect, 14.0, &best, palette.ink);
            let below = write_right(ui, rect, 32.0, &age.unwrap_or_default(), palette.faint);
            top.min(below)
        });
        let room = right - left - 6.0;
        write(ui, pos2(left, rect.top() + 14.0), &row.label(), 13.0, true, palette.ink, room);
        let status = palette.status(row.status);
        ui.painter().circle_filled(pos2(left + 3.5, rect.top() + 32.0), 3.5, status);
        let below = match (&row.problem, &row.summary) {
            (Some(problem), _) => without_folder(problem, &row.path),
            (None, Some(summary)) => {
                let tag =
                    cx.settings.tags.get(&row.path).map_or_else(String::new, |t| format!("{t} · "));
                let trials = text::count(summary.finished, "trial");
                format!("{tag}{} · {trials} · {}", row.status.word(), summary.space)
            }
            (None, None) => row.status.word().to_owned(),
        };
        let ink = if row.problem.is_some() { palette.bad } else { palette.faint };
        write(ui, pos2(left + 12.0, rect.top() + 32.0), &below, 11.5, false, ink, room - 12.0);
        if response.clicked() {
            if ui.input(|input| input.modifiers.command) {
                cx.commands.push(Command::Toggle(row.path.clone()));
            } else if slot.is_some() && cx.shown.len() > 1 && !focus {
                cx.picked.look_into(Some(&row.path));
            } else {
                cx.commands.push(Command::ShowOnly(vec![row.path.clone()]));
            }
        }
        response.context_menu(|ui| self.menu(ui, cx, row));
        response.on_hover_ui(|ui| about(ui, cx, row));
    }

    /// The box at the left of a run: in its color if it is shown.
    fn mark(ui: &Ui, cx: &mut Cx<'_>, row: &Row, rect: Rect, slot: Option<usize>) {
        let palette = Palette::of(ui);
        let area =
            Rect::from_center_size(pos2(rect.left() + 15.0, rect.center().y), vec2(22.0, 26.0));
        let response = ui.interact(area, ui.scope_id().with(("mark", &row.path)), Sense::click());
        response.widget_info(|| {
            let name = format!("Show {}", row.name);
            egui::WidgetInfo::selected(egui::Role::CheckBox, true, slot.is_some(), name)
        });
        let square = Rect::from_center_size(area.center(), vec2(13.0, 13.0));
        if let Some(slot) = slot {
            let look = palette.look(Role::Series(cx.color(&row.path).unwrap_or(slot)));
            let color = look.color;
            // After the last color they begin again, as rings: their lines are dashed.
            if look.dash.is_some() {
                let ring = egui::Stroke::new(2.5, color);
                ui.painter().rect_stroke(square, 4.0, ring, egui::StrokeKind::Inside);
            } else {
                ui.painter().rect_filled(square, 4.0, color);
            }
            let at = |x: f32, y: f32| square.min + vec2(x, y);
            let check = vec![at(3.0, 6.8), at(5.6, 9.4), at(10.2, 4.0)];
            let ink = if look.dash.is_some() { palette.ink } else { Palette::on(color) };
            ui.painter().line(check, egui::Stroke::new(1.8, ink));
        } else {
            let color = if response.hovered() { palette.ink } else { palette.rule };
            let stroke = egui::Stroke::new(1.2, color);
            ui.painter().rect_stroke(square, 4.0, stroke, egui::StrokeKind::Inside);
        }
        if response.on_hover_text("Show it in figures beside the others").clicked() {
            cx.commands.push(Command::Toggle(row.path.clone()));
        }
    }

    fn menu(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, row: &Row) {
        if ui.button("Show only this").clicked() {
            cx.commands.push(Command::ShowOnly(vec![row.path.clone()]));
            ui.close();
        }
        if ui.button("Tag…").clicked() {
            self.tagging = Some(row.path.clone());
            ui.close();
        }
        if ui.button("Copy its path").clicked() {
            let text = row.path.display().to_string();
            cx.commands.push(Command::Copy { what: "path".to_owned(), text });
            ui.close();
        }
    }

    /// The question for a tag, wherever its run is in the list meanwhile.
    fn tag(&mut self, ui: &Ui, cx: &mut Cx<'_>) {
        let Some(path) = self.tagging.clone() else { return };
        let modal = egui::Modal::new(egui::Id::unique("tag")).show(ui.ctx(), |ui| {
            ui.set_width(320.0);
            ui.heading("Tag");
            ui.weak(path.file_name().unwrap_or_default().to_string_lossy());
            let tag = cx.settings.tags.entry(path).or_default();
            let response = ui.add(TextEdit::singleline(tag).desired_width(f32::INFINITY));
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Tag"));
            let enter = response.lost_focus();
            if !enter {
                response.request_focus();
            }
            ui.button("Done").clicked() || enter
        });
        if modal.inner || modal.should_close() {
            cx.settings.tags.retain(|_, tag| !tag.trim().is_empty());
            self.tagging = None;
        }
    }
}

/// A problem as it stands in a row, which says by itself whose it is.
fn without_folder(problem: &str, run: &Path) -> String {
    let folder = run.join("").display().to_string();
    problem.replace(&folder, "").replace(&run.display().to_string(), "the run")
}

/// Which runs of a group are to be shown, or hidden: those that are not shown are, and if all are they
/// are hidden.
fn to_toggle(runs: Vec<PathBuf>, is_shown: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let all = runs.iter().all(|run| is_shown(run));
    runs.into_iter().filter(|run| all || !is_shown(run)).collect()
}

fn sort(rows: &mut [Arc<Row>], order: Order) {
    let created = |row: &Row| row.summary.as_ref().map(|summary| summary.created_ms);
    let trials = |row: &Row| row.summary.as_ref().map(|summary| summary.finished);
    let best = |row: &Row| {
        let summary = row.summary.as_ref()?;
        let (_, value) = summary.best?;
        Some(if summary.maximize { value } else { -value })
    };
    match order {
        Order::Newest => rows.sort_by_key(|row| std::cmp::Reverse(created(row))),
        Order::Name => rows.sort_by(|a, b| a.name.cmp(&b.name)),
        Order::Trials => rows.sort_by_key(|row| std::cmp::Reverse(trials(row))),
        Order::Status => rows.sort_by_key(|row| row.status),
        Order::Best => rows.sort_by(|a, b| {
            let (a, b) =
                (best(a).unwrap_or(f64::NEG_INFINITY), best(b).unwrap_or(f64::NEG_INFINITY));
            b.total_cmp(&a)
        }),
    }
}

fn mean_and_spread(values: &[f64]) -> String {
    if values.is_empty() {
        return "–".to_owned();
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    if values.len() < 2 {
        return text::number(mean);
    }
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let spread = text::unless_rounding(variance.sqrt(), mean);
    format!("{} ± {}", text::number(mean), text::number(spread))
}

/// The room of a line, which shows that it can be clicked.
fn line(ui: &mut Ui, palette: &Palette, picked: bool) -> (Rect, egui::Response) {
    let size = vec2(ui.available_width(), HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let fill = if picked {
        palette.picked
    } else if response.hovered() {
        palette.stripe
    } else {
        Color32::TRANSPARENT
    };
    ui.painter().rect_filled(rect, 6.0, fill);
    (rect, response)
}

/// Writes a line of text, cut where there is no room; `at` is its left end, at half its height.
fn write(ui: &Ui, at: Pos2, text: &str, size: f32, strong: bool, color: Color32, room: f32) {
    let family = if strong { theme::strong() } else { egui::FontFamily::Proportional };
    let mut job = egui::text::LayoutJob::simple_singleline(
        text.replace('\n', " "),
        FontId::new(size, family),
        color,
    );
    job.wrap = egui::text::TextWrapping::truncate_at_width(room.max(10.0));
    let galley = ui.painter().layout_job(job);
    let rect = Align2::LEFT_CENTER.anchor_size(at, galley.size());
    ui.painter().galley(rect.min, galley, color);
}

/// Writes a short text at the right end of a line; returns where it begins.
fn write_right(ui: &Ui, rect: Rect, y: f32, text: &str, color: Color32) -> f32 {
    let at = pos2(rect.right() - 8.0, rect.top() + y);
    let size = if y < 20.0 { 13.0 } else { 11.5 };
    ui.painter().text(at, Align2::RIGHT_CENTER, text, FontId::proportional(size), color).left()
}

/// What a hover over a run says.
fn about(ui: &mut Ui, cx: &Cx<'_>, row: &Row) {
    let palette = Palette::of(ui);
    ui.label(RichText::new(&row.name).family(theme::strong()));
    if let Some(problem) = &row.problem {
        ui.colored_label(palette.bad, problem);
    }
    let meaning = row.status.meaning();
    if row.status != Status::Unreadable {
        ui.weak(meaning);
    }
    let Some(summary) = &row.summary else { return };
    egui::Grid::new("about").num_columns(2).show(ui, |ui| {
        part::pair(ui, "space", &summary.space);
        part::pair(ui, "searcher", &summary.searcher);
        part::pair(ui, "evaluator", &summary.evaluator);
        part::pair(ui, "data", &summary.data);
        part::pair(ui, "seed", &summary.seed.to_string());
        part::pair(ui, "trials", &text::grouped(summary.finished as i64));
        if let Some((trial, value)) = summary.best {
            let value = text::with_unit(value, &summary.unit);
            let best = format!("{value} ({}, trial {trial})", text::words(&summary.metric));
            part::pair(ui, "best", &best);
        }
        if let Some((_, last)) = summary.span_ms {
            part::pair(ui, "last event", &text::ago(cx.now_ms, last));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_a_mean_and_a_spread() {
        assert_eq!(mean_and_spread(&[]), "–");
        assert_eq!(mean_and_spread(&[0.5]), "0.5");
        // The standard deviation of a sample: divided by n − 1.
        assert_eq!(mean_and_spread(&[1.0, 2.0, 3.0]), "2 ± 1");
        assert_eq!(mean_and_spread(&[0.1, 0.1, 0.1]), "0.1 ± 0");
    }

    #[test]
    fn a_row_says_what_is_wrong_not_where() {
        let run = Path::new("/runs/one");
        let short = |problem: &str| without_folder(problem, run);
        assert_eq!(
            short(&format!("{} is damaged", run.join("run.json").display())),
            "run.json is damaged"
        );
        assert_eq!(short(&format!("{} is gone", run.display())), "the run is gone");
    }

    #[test]
    fn a_group_that_is_partly_shown_is_shown_whole_then_hidden() {
        let runs = ["a", "b", "c"].map(PathBuf::from).to_vec();
        let some = to_toggle(runs.clone(), |run| run == Path::new("b"));
        assert_eq!(some, ["a", "c"].map(PathBuf::from));
        assert_eq!(to_toggle(runs.clone(), |_| true), runs);
        assert_eq!(to_toggle(runs.clone(), |_| false), runs);
    }
}
