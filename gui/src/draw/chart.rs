//! Figures on the screen: egui_plot has the axes, the grid, zoom and pan; the marks are painted by
//! ourselves, because only what the screen can show should cost anything.

use std::collections::BTreeSet;

use egui::{Rect, Sense, Stroke, Ui, Vec2, pos2, vec2};
use egui_plot::Plot;
use nascent_figures::Role;
use nascent_record::TrialId;

use super::axis;
use super::painting::Painting;
use super::parallel::{self, Brushes};
use super::prepare::{Chart, Kind, Placed};
use crate::text;
use crate::theme::{self, Palette};

/// What a figure is drawn with.
pub(crate) struct Look<'a> {
    /// What tells this drawing from others on the screen.
    pub(crate) id: egui::Id,
    /// Figures of one group zoom and pan along x together.
    pub(crate) link: Option<egui::Id>,
    /// The names of the runs, by position.
    pub(crate) names: &'a [String],
    /// The color of each run, by position, where runs are told apart by color.
    pub(crate) slots: &'a [usize],
    /// The trials that are picked, with the position of their run.
    pub(crate) picked: (usize, &'a BTreeSet<TrialId>),
    /// The names of the legend that are hidden.
    pub(crate) hidden: &'a mut BTreeSet<String>,
    /// What is brushed in parallel coordinates.
    pub(crate) brushes: &'a mut Brushes,
    /// What a trial is in a few lines, for a hover.
    pub(crate) describe: &'a dyn Fn(usize, TrialId) -> String,
}

/// What the reader did with a figure.
#[derive(Default)]
pub(crate) struct Answer {
    /// The trial that was clicked, with the position of its run.
    pub(crate) clicked: Option<(usize, TrialId)>,
    /// Whether brushes of parallel coordinates have changed, and are at rest.
    pub(crate) brushed: bool,
}

/// Draws a figure in all the room there is.
pub(crate) fn show(ui: &mut Ui, chart: &Chart, look: Look<'_>) -> Answer {
    heading(ui, chart);
    legend(ui, chart, look.hidden, look.slots);
    if let Some(parallel) = chart.parallel() {
        let mut look = look;
        return parallel::show(ui, parallel, &mut look);
    }
    let palette = Palette::of(ui);
    let figure = &chart.figure;
    let [[x_from, x_to], [y_from, y_to]] = chart.bounds;
    let mut plot = Plot::new(look.id)
        .include_x(x_from)
        .include_x(x_to)
        .include_y(y_from)
        .include_y(y_to)
        .set_margin_fraction(Vec2::ZERO)
        .x_axis_label(axis::label(&figure.x))
        .y_axis_label(axis::label(&figure.y))
        .x_grid_spacer(|input| axis::marks(&figure.x, &input))
        .y_grid_spacer(|input| axis::marks(&figure.y, &input))
        .x_axis_formatter(|mark, _| axis::tick(&figure.x, mark))
        .y_axis_formatter(|mark, _| axis::tick(&figure.y, mark))
        .grid_color(palette.grid)
        .grid_spacing(egui::Rangef::new(24.0, 130.0))
        // The line along y is that of the pointer in the linked figures too.
        .show_crosshair(look.link.is_some())
        .show_y(false)
        .label_formatter(|_| None)
        .cursor_color(palette.rule);
    if let Some(group) = look.link {
        plot = plot.link_axis(group, [true, false]).link_cursor(group, [true, false]);
    }
    let drawn = plot.show(ui, |_| {});
    let (response, transform) = (drawn.response, drawn.transform);
    let frame = *transform.frame();
    let pointer = response.hover_pos().filter(|pos| frame.contains(*pos));
    let painter = ui.painter().with_clip_rect(frame);
    let mut painting =
        Painting::new(painter, palette, transform, pointer, chart, look.slots, look.picked);
    for mark in &chart.marks {
        if !look.hidden.contains(&mark.name) || mark.name.is_empty() {
            painting.mark(mark);
        }
    }
    let mut answer = Answer::default();
    if let Some(near) = painting.nearest() {
        if response.clicked() {
            answer.clicked = near.trial.map(|trial| (near.run, trial));
        }
        let name = look.names.get(near.run).filter(|_| look.names.len() > 1);
        let about = near.trial.map(|trial| (look.describe)(near.run, trial));
        response.on_hover_ui_at_pointer(|ui| {
            if let Some(name) = name {
                ui.label(egui::RichText::new(name).family(theme::strong()));
            }
            ui.label(&near.text);
            if let Some(about) = about {
                ui.label(about);
                ui.weak("Click to pick it");
            }
        });
    }
    answer
}

fn heading(ui: &mut Ui, chart: &Chart) {
    ui.label(egui::RichText::new(&chart.figure.title).family(theme::strong()).size(14.0));
    if !chart.figure.subtitle.is_empty() {
        ui.add(egui::Label::new(egui::RichText::new(&chart.figure.subtitle).weak()).wrap());
    }
}

/// The names of the marks; a click hides them.
fn legend(ui: &mut Ui, chart: &Chart, hidden: &mut BTreeSet<String>, slots: &[usize]) {
    for mark in chart.marks.iter().filter(|mark| mark.kind == Kind::Cells) {
        scale(ui, mark);
    }
    if chart.legend.is_empty() {
        return;
    }
    let palette = Palette::of(ui);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 12.0;
        for entry in &chart.legend {
            let off = hidden.contains(&entry.name);
            let look = palette.look(with_slot(entry.role, slots));
            let text = egui::RichText::new(&entry.name).size(12.0);
            let text = if off { text.weak().strikethrough() } else { text };
            let galley = egui::WidgetText::from(text).into_galley(
                ui,
                Some(egui::TextWrapMode::Extend),
                f32::INFINITY,
                egui::TextStyle::Body,
            );
            let size = galley.size() + vec2(20.0, 2.0);
            let (rect, response) = ui.allocate_exact_size(size, Sense::click());
            response.widget_info(|| {
                let name = format!("Show {}", entry.name);
                egui::WidgetInfo::selected(egui::Role::CheckBox, true, !off, name)
            });
            let color = if off { palette.grid } else { look.color };
            let center = pos2(rect.left() + 7.0, rect.center().y);
            if entry.line {
                let ends = [center - vec2(7.0, 0.0), center + vec2(7.0, 0.0)];
                let stroke = Stroke::new(2.5, color);
                if let Some([dash, gap]) = look.dash {
                    let dashes = egui::Shape::dashed_line(&ends, stroke, dash / 2.0, gap / 2.0);
                    ui.painter().extend(dashes);
                } else {
                    ui.painter().line_segment(ends, stroke);
                }
            } else {
                ui.painter().circle_filled(center, 4.0, color);
            }
            let at = pos2(rect.left() + 19.0, rect.top() + 1.0);
            ui.painter().galley(at, galley, palette.ink);
            if response.on_hover_text("Click to hide or show it").clicked()
                && !hidden.remove(&entry.name)
            {
                hidden.insert(entry.name.clone());
            }
        }
    });
}

/// The legend of a heat map: from the weakest color to the strongest.
fn scale(ui: &mut Ui, mark: &Placed) {
    let palette = Palette::of(ui);
    ui.horizontal(|ui| {
        ui.label(egui::RichText::new(&mark.label).size(12.0));
        ui.weak(text::number(mark.range[0]));
        let (rect, _) = ui.allocate_exact_size(vec2(120.0, 10.0), Sense::hover());
        let steps = 30;
        for step in 0..steps {
            let from = rect.left() + rect.width() * step as f32 / steps as f32;
            let width = rect.width() / steps as f32 + 0.5;
            let piece = Rect::from_min_size(pos2(from, rect.top()), vec2(width, rect.height()));
            let strength = f64::from(step) / f64::from(steps - 1);
            ui.painter().rect_filled(piece, 0.0, palette.heat(strength));
        }
        ui.weak(text::number(mark.range[1]));
    });
}

/// A role with the number of the color that its run has everywhere, where runs are told apart.
pub(super) fn with_slot(role: Role, slots: &[usize]) -> Role {
    match role {
        Role::Series(at) if slots.len() > 1 => Role::Series(slots.get(at).copied().unwrap_or(at)),
        role => role,
    }
}
