//! Notices at the lower edge of the window that go away by themselves.

use egui::{Align2, Area, Frame, Order, Ui, vec2};

use crate::theme::Palette;

/// Milliseconds for which a notice is shown.
const SHOWN_MS: u64 = 7000;
/// How many are shown at once.
const MOST: usize = 4;

/// Notices that are shown now.
#[derive(Default)]
pub(super) struct Toasts {
    shown: Vec<Toast>,
}

struct Toast {
    text: String,
    bad: bool,
    until_ms: u64,
}

impl Toasts {
    /// Shows a notice from now on.
    pub(super) fn say(&mut self, now_ms: u64, text: String, bad: bool) {
        self.shown.push(Toast { text, bad, until_ms: now_ms + SHOWN_MS });
        let excess = self.shown.len().saturating_sub(MOST);
        self.shown.drain(..excess);
    }

    pub(super) fn ui(&mut self, ui: &Ui, now_ms: u64) {
        self.shown.retain(|toast| toast.until_ms > now_ms);
        let Some(next) = self.shown.iter().map(|toast| toast.until_ms - now_ms).min() else {
            return;
        };
        ui.ctx().request_repaint_after(std::time::Duration::from_millis(next));
        let palette = Palette::of(ui);
        let area = Area::new(egui::Id::unique("notices")).order(Order::Tooltip).interactable(true);
        let mut closed = None;
        area.anchor(Align2::RIGHT_BOTTOM, vec2(-16.0, -16.0)).show(ui.ctx(), |ui| {
            for (at, toast) in self.shown.iter().enumerate() {
                let color = if toast.bad { palette.bad } else { palette.accent };
                Frame::popup(ui.style()).show(ui, |ui| {
                    ui.set_max_width(380.0);
                    ui.horizontal(|ui| {
                        let (dot, _) = ui.allocate_exact_size(vec2(8.0, 8.0), egui::Sense::hover());
                        ui.painter().circle_filled(dot.center(), 4.0, color);
                        ui.add(egui::Label::new(&toast.text).wrap());
                        if ui.small_button("Dismiss").clicked() {
                            closed = Some(at);
                        }
                    });
                });
            }
        });
        if let Some(at) = closed {
            self.shown.remove(at);
        }
    }
}
