//! Parts that several panels are made of.

use std::collections::BTreeSet;

use egui::{Align, Color32, Layout, RichText, Sense, Ui, vec2};
use nascent_figures::Role;
use nascent_record::TrialId;

use super::Drawn;
use crate::draw::{Brushes, Chart, Look, show_chart};
use crate::terms;
use crate::theme::{self, Palette};

/// What stands in place of a panel that has nothing to show: what is missing, and what to do.
pub(crate) fn empty(ui: &mut Ui, title: &str, advice: &str) {
    let room = ui.available_height();
    ui.vertical_centered(|ui| {
        ui.add_space((room * 0.32).min(220.0));
        ui.label(RichText::new(title).family(theme::strong()).size(15.0));
        ui.add_space(2.0);
        ui.set_max_width(380.0);
        ui.add(egui::Label::new(RichText::new(advice).weak()).wrap());
    });
}

/// What stands in place of a panel whose contents are being computed.
pub(crate) fn waiting(ui: &mut Ui, what: &str) {
    let room = ui.available_height();
    ui.vertical_centered(|ui| {
        ui.add_space((room * 0.35).min(220.0));
        ui.spinner();
        ui.weak(what);
    });
}

/// What stands in place of a panel whose contents are not there: they are being computed, or that
/// failed.
pub(crate) fn pending(ui: &mut Ui, failed: bool, what: &str) {
    if failed {
        empty(ui, "This could not be computed", "That is a mistake of this program.");
    } else {
        waiting(ui, what);
    }
}

/// What stands in place of a panel while no run is looked into.
pub(crate) fn no_run(ui: &mut Ui) {
    empty(ui, "No run is picked", "Click a run in the list of runs to look into it.");
}

/// A figure of one run in all the room there is; returns the trial that was clicked.
pub(crate) fn chart(
    ui: &mut Ui,
    chart: &Chart,
    drawn: &Drawn,
    picked: &BTreeSet<TrialId>,
    hidden: &mut BTreeSet<String>,
) -> Option<TrialId> {
    let view = drawn.run.view();
    let about = |_: usize, trial: TrialId| super::figure::about(view, trial);
    let look = Look {
        id: ui.scope_id().with("chart"),
        link: None,
        names: std::slice::from_ref(&drawn.label),
        slots: &[],
        picked: (0, picked),
        hidden,
        brushes: &mut Brushes::new(),
        describe: &about,
    };
    show_chart(ui, chart, look).clicked.map(|(_, trial)| trial)
}

/// A small title over a part of a panel.
pub(crate) fn section(ui: &mut Ui, title: &str) {
    ui.add_space(8.0);
    ui.label(RichText::new(title).family(theme::strong()).size(13.5));
}

/// A number with what it is, and an explanation on hover.
pub(crate) fn stat(ui: &mut Ui, label: &str, value: &str, color: Option<Color32>, explain: &str) {
    let palette = Palette::of(ui);
    let galley = |text: &str, font: egui::FontId, color| {
        ui.painter().layout_no_wrap(text.to_owned(), font, color)
    };
    let label_text = galley(label, egui::FontId::proportional(11.5), palette.faint);
    let color = color.unwrap_or(palette.ink);
    let value_text = galley(value, egui::FontId::new(17.0, theme::strong()), color);
    let width = label_text.size().x.max(value_text.size().x).max(84.0) + 24.0;
    let (rect, response) = ui.allocate_exact_size(vec2(width, 52.0), Sense::hover());
    response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::Label, true, format!("{label} {value}"))
    });
    let stroke = egui::Stroke::new(1.0, palette.grid);
    ui.painter().rect(rect, 8.0, palette.panel, stroke, egui::StrokeKind::Inside);
    ui.painter().galley(rect.min + vec2(12.0, 7.0), label_text, palette.faint);
    ui.painter().galley(rect.min + vec2(12.0, 24.0), value_text, color);
    response.on_hover_text(explain);
}

/// A line of a table with two columns.
pub(crate) fn pair(ui: &mut Ui, name: &str, value: &str) {
    let label = ui.label(RichText::new(name).weak());
    if let Some(meaning) = terms::meaning(name) {
        label.on_hover_text(meaning);
    }
    ui.add(egui::Label::new(value).wrap());
    ui.end_row();
}

/// A bar that is filled to a share, with a text beside it.
pub(crate) fn progress(ui: &mut Ui, share: f64, text: &str, color: Color32) {
    let palette = Palette::of(ui);
    ui.horizontal(|ui| {
        let width = (ui.available_width() - 150.0).clamp(60.0, 320.0);
        let (rect, response) = ui.allocate_exact_size(vec2(width, 8.0), Sense::hover());
        response
            .widget_info(|| egui::WidgetInfo::labeled(egui::Role::ProgressIndicator, true, text));
        ui.painter().rect_filled(rect, 4.0, palette.grid);
        let mut filled = rect;
        filled.set_width(rect.width() * share.clamp(0.0, 1.0) as f32);
        ui.painter().rect_filled(filled, 4.0, color);
        ui.label(RichText::new(text).size(12.0));
    });
}

/// A row of small buttons at the right end of a line.
pub(crate) fn right(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    ui.with_layout(Layout::right_to_left(Align::Center), add);
}

/// A dot in the color of run number `slot`; after the last color they begin again as rings.
pub(crate) fn dot(ui: &mut Ui, slot: usize) {
    let (rect, _) = ui.allocate_exact_size(vec2(10.0, 12.0), Sense::hover());
    let look = Palette::of(ui).look(Role::Series(slot));
    if look.dash.is_some() {
        ui.painter().circle_stroke(rect.center(), 3.5, egui::Stroke::new(2.0, look.color));
    } else {
        ui.painter().circle_filled(rect.center(), 4.5, look.color);
    }
}

/// A choice of one of several, with a name for those who do not see it.
pub(crate) fn combo(
    ui: &mut Ui,
    name: &str,
    shown: &str,
    width: f32,
    add: impl FnOnce(&mut Ui),
) -> egui::Response {
    let combo = egui::ComboBox::from_id_salt(name).selected_text(shown).width(width);
    let response = combo.show_ui(ui, add).response;
    response.widget_info(|| {
        let mut info = egui::WidgetInfo::labeled(egui::Role::ComboBox, true, name);
        info.current_text_value = Some(shown.to_owned());
        info
    });
    response
}
