//! The table of all trials: filter, sort, choose columns, pick, copy, export.

mod column;
mod export;
mod rows;

use std::collections::BTreeSet;

use egui::{Align, Layout, RichText, Sense, TextEdit, Ui};
use egui_table::{CellInfo, HeaderCellInfo, HeaderRow, Table, TableDelegate, TableState};
use nascent_record::TrialId;

use super::{Cx, Kind, Panel, part};
use crate::command::Command;
use crate::filter::{Field, complete, fields_with, parse};
use crate::model::{Lazy, Shown};
use crate::picked::Picked;
use crate::text;
use crate::theme::{self, Palette};

use column::{Column, columns};
use export::Form;
use rows::{Rows, Sort, find};

pub(super) static KIND: Kind = Kind {
    id: "trials",
    title: "Trials",
    summary: "All trials of one run as a table: filter, sort, pick, copy and export.",
    make: |_| Box::new(Trials::default()),
};

type Key = ((std::path::PathBuf, u64), String, Vec<Sort>);

#[derive(Default)]
struct Trials {
    typed: String,
    /// The last text that is a filter.
    filter: String,
    sort: Vec<Sort>,
    rows: Lazy<Key, Rows>,
    /// The columns of a state of a run.
    columns: Option<((std::path::PathBuf, u64), Vec<Column>)>,
    /// The trial at the end of the range that a click with shift picks.
    anchor: Option<TrialId>,
    /// The trial that was picked when the table was last drawn.
    seen: Option<TrialId>,
    /// The completion that the keyboard is at.
    at: usize,
}

const ROW: f32 = 22.0;

impl Panel for Trials {
    fn is_ready(&self) -> bool {
        !self.rows.is_pending()
    }

    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let Some((_, drawn)) = cx.focus() else {
            part::no_run(ui);
            return;
        };
        let (run, label) = (drawn.run.clone(), drawn.label.clone());
        let key = run.key();
        if self.columns.as_ref().is_none_or(|(known, _)| *known != key) {
            if self.columns.as_ref().is_none_or(|((path, _), _)| *path != key.0) {
                self.sort.clear();
                self.anchor = None;
            }
            self.columns = Some((key.clone(), columns(run.view().manifest(), run.metrics())));
        }
        self.field(ui, &run);
        let (job_run, filter, sort) = (run.clone(), self.filter.clone(), self.sort.clone());
        let wanted = (key, filter.clone(), sort.clone());
        self.rows.get(cx.jobs, wanted, move || find(job_run.view(), &filter, &sort));
        // The numbers of another run's trials are no trials of this one.
        let shown = self.rows.shown().filter(|(((path, _), _, _), _)| *path == run.row.path);
        let Some((_, rows)) = shown else {
            part::pending(ui, self.rows.has_failed(), "Reading trials");
            return;
        };
        self.actions(ui, cx, &run, &label, rows);
        if run.view().trials().is_empty() {
            part::empty(ui, "No trial yet", "The first one appears here when it is proposed.");
            return;
        }
        if rows.trials.is_empty() {
            part::empty(ui, "No trial satisfies this filter", &self.filter);
            return;
        }
        let Some((_, all)) = &self.columns else { return };
        let hidden = &cx.settings.hidden_columns;
        let columns: Vec<&Column> = all.iter().filter(|c| !hidden.contains(&c.name)).collect();
        let mut table = table(ui, &columns, rows.trials.len());
        // A trial that was picked elsewhere comes into view.
        if cx.picked.last != self.seen {
            self.seen = cx.picked.last;
            let row = self.seen.and_then(|trial| rows.trials.iter().position(|t| *t == trial.0));
            if let Some(row) = row {
                table = table.scroll_to_row(row as u64, None);
            }
        }
        let mut delegate = Delegate {
            run: &run,
            columns: &columns,
            rows: &rows.trials,
            picked: &cx.picked.trials,
            sort: &self.sort,
            palette: Palette::of(ui),
            clicked: None,
            sorted: None,
        };
        table.show(ui, &mut delegate);
        let (clicked, sorted) = (delegate.clicked, delegate.sorted);
        if let Some((row, how)) = clicked {
            pick(cx.picked, &rows.trials, row, how, &mut self.anchor);
            self.seen = cx.picked.last;
        }
        if let Some((field, add)) = sorted {
            Sort::toggle(&mut self.sort, field, add);
        }
    }
}

/// How a row was clicked.
#[derive(Clone, Copy)]
enum Click {
    Only,
    Also,
    UpTo,
}

fn pick(picked: &mut Picked, rows: &[u32], row: u64, how: Click, anchor: &mut Option<TrialId>) {
    let row = row as usize;
    let Some(&trial) = rows.get(row) else { return };
    let trial = TrialId(trial);
    // Where that is now: the rows may be in another order since, or without it.
    let from = anchor.and_then(|anchor| rows.iter().position(|trial| *trial == anchor.0));
    match (how, from) {
        (Click::UpTo, Some(from)) => {
            let range = from.min(row)..=from.max(row);
            picked.trials = rows[range].iter().map(|trial| TrialId(*trial)).collect();
            picked.last = Some(trial);
        }
        (Click::Also, _) => {
            picked.toggle_trial(trial);
            *anchor = Some(trial);
        }
        _ => {
            picked.trials = BTreeSet::from([trial]);
            picked.last = Some(trial);
            *anchor = Some(trial);
        }
    }
}

fn column_id(column: &Column) -> egui::Id {
    egui::Id::unique(("trials", &column.name))
}

fn table(ui: &Ui, columns: &[&Column], rows: usize) -> Table {
    let sized = columns.iter().map(|column| {
        let id = column_id(column);
        egui_table::Column::new(column.width()).range(40.0..=400.0).resizable(true).id(id)
    });
    // Columns that belong together stand under one title.
    let mut groups: Vec<std::ops::Range<usize>> = Vec::new();
    for (at, column) in columns.iter().enumerate() {
        match groups.last_mut() {
            Some(group) if columns[group.start].group == column.group && at > 1 => {
                group.end = at + 1;
            }
            _ => groups.push(at..at + 1),
        }
    }
    let upper = HeaderRow { height: 20.0, groups };
    let id = TableState::id(ui, egui::IdSalt::new("trials"));
    if TableState::load(ui, id).is_none() {
        // Else the table would make all columns as narrow as they may be.
        let widths = columns.iter().map(|column| (column_id(column), column.width()));
        let col_widths = widths.collect();
        TableState { col_widths, parent_width: None }.store(ui, id);
    }
    Table::new()
        .id_salt("trials")
        .num_rows(rows as u64)
        .columns(sized.collect::<Vec<_>>())
        .num_sticky_cols(1)
        .headers([upper, HeaderRow::new(24.0)])
}

impl Trials {
    /// The field of the filter, with what may follow.
    fn field(&mut self, ui: &mut Ui, run: &Shown) {
        let palette = Palette::of(ui);
        let view = run.view();
        let known = fields_with(view.manifest(), run.metrics());
        let id = ui.scope_id().with("filter");
        let focused = ui.memory(|memory| memory.has_focus(id));
        let completions = if focused { complete(&self.typed, &known, view) } else { Vec::new() };
        // Before the field sees them.
        let (tab, up, down) = ui.input_mut(|input| {
            let none = egui::Modifiers::NONE;
            let open = !completions.is_empty();
            (
                open && input.consume_key(none, egui::Key::Tab),
                open && input.consume_key(none, egui::Key::ArrowUp),
                open && input.consume_key(none, egui::Key::ArrowDown),
            )
        });
        self.at = (self.at + usize::from(down)).saturating_sub(usize::from(up));
        self.at = self.at.min(completions.len().saturating_sub(1));
        let example = known.iter().find_map(|(name, field)| match field {
            Field::Metric(_) => Some(format!("Filter, such as {name} > 0.9 & status = complete")),
            _ => None,
        });
        let field = TextEdit::singleline(&mut self.typed)
            .id(id)
            .hint_text(example.unwrap_or_default())
            .desired_width(f32::INFINITY);
        let response = ui.add(field);
        response.widget_info(|| {
            egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Filter trials")
        });
        let mut chosen = completions.get(self.at).filter(|_| tab).cloned();
        if response.has_focus() && !completions.is_empty() {
            let popup = egui::Popup::from_response(&response)
                .open(true)
                .align(egui::RectAlign::BOTTOM_START)
                .close_behavior(egui::PopupCloseBehavior::IgnoreClicks);
            popup.show(|ui| {
                ui.set_max_width(300.0);
                egui::ScrollArea::vertical().max_height(220.0).show(ui, |ui| {
                    for (at, completion) in completions.iter().enumerate() {
                        let button = egui::Button::selectable(at == self.at, &completion.word)
                            .shortcut_text(completion.what);
                        if ui.add(button).clicked() {
                            chosen = Some(completion.clone());
                        }
                    }
                });
                ui.weak("Tab takes the marked one");
            });
        }
        if let Some(completion) = chosen {
            self.typed = completion.text;
            self.at = 0;
            let mut state = TextEdit::load_state(ui.ctx(), id).unwrap_or_default();
            let end = egui::text::CCursor::new(self.typed.chars().count());
            state.cursor.set_char_range(Some(egui::text::CCursorRange::one(end)));
            state.store(ui.ctx(), id);
            ui.memory_mut(|memory| memory.request_focus(id));
        }
        match parse(&self.typed, &known) {
            Ok(_) => self.filter.clone_from(&self.typed),
            // While somebody types, the filter is not whole; the last one holds.
            Err(problem) => {
                let place = self.typed[..problem.at.min(self.typed.len())].chars().count() + 1;
                let text = format!("{problem} (at character {place})");
                ui.colored_label(palette.warn, text);
            }
        }
    }

    fn actions(&self, ui: &mut Ui, cx: &mut Cx<'_>, run: &Shown, label: &str, rows: &Rows) {
        let all = run.view().trials().len();
        ui.horizontal(|ui| {
            let found = rows.trials.len();
            let text = if found == all {
                text::count(all, "trial")
            } else {
                format!("{} of {}", text::grouped(found as i64), text::count(all, "trial"))
            };
            ui.label(RichText::new(text).weak());
            if !cx.picked.trials.is_empty() {
                let picked = format!("{} picked", text::grouped(cx.picked.trials.len() as i64));
                let link = ui.link(picked);
                if link.on_hover_text("Click to clear the selection").clicked() {
                    cx.commands.push(Command::ClearTrials);
                }
            }
            part::right(ui, |ui| {
                ui.menu_button("Columns", |ui| self.choose_columns(ui, cx));
                ui.menu_button("Export", |ui| self.choose_export(ui, cx, run, label, rows));
                if ui.button("Pick listed").on_hover_text("Pick all trials of this list").clicked()
                {
                    cx.picked.trials = rows.trials.iter().map(|trial| TrialId(*trial)).collect();
                    cx.picked.last = rows.trials.first().map(|trial| TrialId(*trial));
                }
            });
        });
    }

    fn choose_export(&self, ui: &mut Ui, cx: &Cx<'_>, run: &Shown, label: &str, rows: &Rows) {
        // Many trials take longer than a frame to write.
        let export = |form: Form, answer: Box<dyn FnOnce(String) -> Command + Send>| {
            let trials = export::chosen(&rows.trials, &cx.picked.trials);
            let columns = self.columns.as_ref().map_or(&[][..], |(_, columns)| columns).to_vec();
            let run = run.clone();
            cx.errands.start(move || answer(export::write(run.view(), &columns, &trials, form)));
        };
        ui.weak("The picked trials, or all that are listed");
        for form in Form::ALL {
            if ui.button(format!("Save as {}…", form.name())).clicked() {
                let stem = label.replace(" · ", "-").replace(' ', "");
                let name = format!("{stem}.{}", form.ending());
                export(form, Box::new(|text| Command::Save { name, bytes: text.into_bytes() }));
                ui.close();
            }
        }
        ui.separator();
        for form in Form::ALL {
            if ui.button(format!("Copy as {}", form.name())).clicked() {
                let what = form.name().to_owned();
                export(form, Box::new(|text| Command::Copy { what, text }));
                ui.close();
            }
        }
    }

    fn choose_columns(&self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let Some((_, columns)) = &self.columns else { return };
        if ui.button("All columns").clicked() {
            cx.settings.hidden_columns.clear();
        }
        egui::ScrollArea::vertical().max_height(320.0).show(ui, |ui| {
            for column in columns.iter().skip(1) {
                let hidden = &mut cx.settings.hidden_columns;
                let mut on = !hidden.contains(&column.name);
                if ui.checkbox(&mut on, &column.name).changed() && !hidden.remove(&column.name) {
                    hidden.insert(column.name.clone());
                }
            }
        });
    }
}

struct Delegate<'a> {
    run: &'a Shown,
    columns: &'a [&'a Column],
    rows: &'a [u32],
    picked: &'a BTreeSet<TrialId>,
    sort: &'a [Sort],
    palette: &'static Palette,
    clicked: Option<(u64, Click)>,
    sorted: Option<(Field, bool)>,
}

impl TableDelegate for Delegate<'_> {
    fn default_row_height(&self) -> f32 {
        ROW
    }

    fn header_cell_ui(&mut self, ui: &mut Ui, cell: &HeaderCellInfo) {
        let Some(column) = self.columns.get(cell.col_range.start) else { return };
        ui.painter().rect_filled(ui.max_rect(), 0.0, self.palette.panel);
        if cell.row_nr == 0 {
            // The column of numbers stands by itself.
            let title = if cell.col_range.start == 0 { "" } else { column.group.title() };
            let text = RichText::new(title).weak().size(11.0);
            ui.horizontal_centered(|ui| {
                ui.add_space(6.0);
                ui.label(text);
            });
            return;
        }
        let place = self.sort.iter().position(|sort| sort.field == column.field);
        let arrow = place.map_or(String::new(), |at| {
            let arrow = if self.sort[at].descending { "↓" } else { "↑" };
            if self.sort.len() > 1 { format!(" {arrow}{}", at + 1) } else { format!(" {arrow}") }
        });
        let title = RichText::new(format!("{}{arrow}", text::words(&column.name))).size(12.0);
        let color = if place.is_some() { self.palette.accent } else { self.palette.ink };
        ui.horizontal_centered(|ui| {
            ui.add_space(6.0);
            let label = egui::Label::new(title.family(theme::strong()).color(color));
            let label = label.sense(Sense::click()).truncate();
            let response = ui.add(label);
            let explain =
                format!("{}\nClick to sort; with Shift to sort by it too", column.explain);
            let shift = ui.input(|input| input.modifiers.shift);
            if response.on_hover_text(explain).clicked() {
                self.sorted = Some((column.field.clone(), shift));
            }
        });
    }

    fn row_ui(&mut self, ui: &mut Ui, row: u64) {
        let trial = self.rows.get(row as usize).map(|trial| TrialId(*trial));
        let rect = ui.max_rect();
        let response = ui.interact(rect, ui.scope_id().with(("row", row)), Sense::click());
        let picked = trial.is_some_and(|trial| self.picked.contains(&trial));
        if picked {
            ui.painter().rect_filled(rect, 0.0, self.palette.picked);
        } else if response.hovered() {
            ui.painter().rect_filled(rect, 0.0, self.palette.stripe);
        } else if row % 2 == 1 {
            ui.painter().rect_filled(rect, 0.0, self.palette.panel);
        }
        if response.clicked() {
            let how = ui.input(|input| {
                if input.modifiers.shift {
                    Click::UpTo
                } else if input.modifiers.command {
                    Click::Also
                } else {
                    Click::Only
                }
            });
            self.clicked = Some((row, how));
        }
    }

    fn cell_ui(&mut self, ui: &mut Ui, cell: &CellInfo) {
        let trial = self.rows.get(cell.row_nr as usize);
        let trial = trial.and_then(|trial| self.run.view().trials().get(*trial as usize));
        let (Some(trial), Some(column)) = (trial, self.columns.get(cell.col_nr)) else { return };
        let (text, color) = column.cell(self.run.view(), trial, self.palette);
        let layout = if column.is_number {
            Layout::right_to_left(Align::Center)
        } else {
            Layout::left_to_right(Align::Center)
        };
        ui.with_layout(layout, |ui| {
            ui.add_space(8.0);
            let label = egui::Label::new(RichText::new(text).size(12.5).color(color));
            ui.add(label.truncate().selectable(false));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clicks_pick_one_more_or_a_range() {
        let rows: Vec<u32> = (0..20).rev().collect();
        let (mut picked, mut anchor) = (Picked::default(), None);
        pick(&mut picked, &rows, 2, Click::Only, &mut anchor);
        assert_eq!(picked.trials, BTreeSet::from([TrialId(17)]));
        pick(&mut picked, &rows, 5, Click::UpTo, &mut anchor);
        assert_eq!(picked.trials, (14..=17).map(TrialId).collect());
        pick(&mut picked, &rows, 0, Click::Also, &mut anchor);
        assert_eq!(picked.trials.len(), 5);
        // In another order the range goes from the same trial.
        let sorted: Vec<u32> = (0..20).collect();
        pick(&mut picked, &sorted, 18, Click::UpTo, &mut anchor);
        assert_eq!(picked.trials, BTreeSet::from([TrialId(18), TrialId(19)]));
        // And where that one is not listed, the click picks one.
        pick(&mut picked, &sorted[..10], 4, Click::UpTo, &mut anchor);
        assert_eq!(picked.trials, BTreeSet::from([TrialId(4)]));
        pick(&mut picked, &rows, 99, Click::Only, &mut anchor);
        assert_eq!(picked.trials.len(), 1, "a row that is not there picks nothing");
    }
}
