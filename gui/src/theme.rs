//! The one table from roles to looks, in light and dark.

use egui::{Color32, CornerRadius, FontFamily, FontId, Stroke, TextStyle, Visuals};
use nascent_figures::palette::{self, Colors};
use nascent_figures::{OpFamily, Role};

use crate::model::Status;

/// The colors of a theme.
pub(crate) struct Palette {
    /// Behind pictures and tables.
    pub(crate) ground: Color32,
    /// Behind lists, tabs and bars.
    pub(crate) panel: Color32,
    /// Behind every other row, and fields.
    pub(crate) stripe: Color32,
    /// Text.
    pub(crate) ink: Color32,
    /// Text that explains.
    pub(crate) faint: Color32,
    /// Lines of a grid, and between parts of the window.
    pub(crate) grid: Color32,
    /// Axes, and edges of networks.
    pub(crate) rule: Color32,
    /// What is picked, and what can be clicked.
    pub(crate) accent: Color32,
    /// Behind what is picked.
    pub(crate) picked: Color32,
    pub(crate) good: Color32,
    pub(crate) warn: Color32,
    pub(crate) bad: Color32,
    /// Those of pictures, as every renderer has them.
    pictures: &'static Colors,
}

const fn color([r, g, b]: [u8; 3]) -> Color32 {
    Color32::from_rgb(r, g, b)
}

const fn rgb(code: u32) -> Color32 {
    Color32::from_rgb((code >> 16) as u8, (code >> 8) as u8, code as u8)
}

static LIGHT: Palette = Palette {
    ground: color(palette::LIGHT.ground),
    panel: rgb(0xF6_F7_F9),
    stripe: rgb(0xF0_F2_F5),
    ink: color(palette::LIGHT.ink),
    faint: color(palette::LIGHT.faint),
    grid: rgb(0xE3_E7_EC),
    rule: color(palette::LIGHT.rule),
    accent: rgb(0x0B_62_A8),
    picked: rgb(0xD3_E7_F8),
    good: rgb(0x0A_7D_4F),
    warn: rgb(0xA8_62_00),
    bad: rgb(0xC0_2C_3A),
    pictures: &palette::LIGHT,
};

static DARK: Palette = Palette {
    ground: color(palette::DARK.ground),
    panel: rgb(0x1C_21_27),
    stripe: rgb(0x22_28_30),
    ink: color(palette::DARK.ink),
    faint: color(palette::DARK.faint),
    grid: rgb(0x2E_35_3E),
    rule: color(palette::DARK.rule),
    accent: rgb(0x6C_BF_F2),
    picked: rgb(0x1F_3E_57),
    good: rgb(0x4C_C9_8D),
    warn: rgb(0xE8_B0_4A),
    bad: rgb(0xF0_75_7F),
    pictures: &palette::DARK,
};

/// How a mark of a role looks.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    pub(crate) color: Color32,
    /// The width of lines.
    pub(crate) line: f32,
    /// The radius of points.
    pub(crate) dot: f32,
    /// Dash and gap of lines, where there are more series than colors.
    pub(crate) dash: Option<[f32; 2]>,
}

impl Palette {
    /// The palette of the theme that is on.
    pub(crate) fn of(ui: &egui::Ui) -> &'static Self {
        if ui.visuals().dark_mode { &DARK } else { &LIGHT }
    }

    /// The color of run number `slot` wherever it appears.
    pub(crate) fn run(&self, slot: usize) -> Color32 {
        color(self.pictures.series(slot))
    }

    pub(crate) fn family(&self, family: OpFamily) -> Color32 {
        color(self.pictures.family(family))
    }

    pub(crate) fn look(&self, role: Role) -> Look {
        let (shown, line, dot) = match role {
            Role::Series(at) => (self.run(at), 2.0, 3.0),
            Role::Best => (color(self.pictures.best), 2.5, 3.5),
            Role::Muted => (color(self.pictures.muted).gamma_multiply(0.55), 1.0, 2.5),
            Role::Faint => (color(self.pictures.muted).gamma_multiply(0.25), 1.0, 2.5),
            Role::Selected => (self.ink, 2.5, 5.0),
        };
        let dash = match role {
            Role::Series(at) => palette::dash(at),
            _ => None,
        };
        Look { color: shown, line, dot, dash }
    }

    pub(crate) fn status(&self, status: Status) -> Color32 {
        match status {
            Status::Running => self.accent,
            Status::Finished => self.good,
            Status::Interrupted => self.warn,
            Status::Failed | Status::Unreadable => self.bad,
        }
    }

    /// The color of a box of a heat map, from 0 for the weakest to 1 for the strongest.
    pub(crate) fn heat(&self, strength: f64) -> Color32 {
        let [weak, middle, strong] = self.pictures.heat.map(color);
        let strength = strength.clamp(0.0, 1.0) as f32;
        if strength < 0.5 {
            weak.lerp_to_gamma(middle, 2.0 * strength)
        } else {
            middle.lerp_to_gamma(strong, 2.0 * strength - 1.0)
        }
    }

    /// Black or white, whichever is easier to read on a color.
    pub(crate) fn on(color: Color32) -> Color32 {
        let [r, g, b, _] = color.to_array().map(f32::from);
        if 0.299 * r + 0.587 * g + 0.114 * b > 150.0 { Color32::BLACK } else { Color32::WHITE }
    }

    fn visuals(&self, base: Visuals) -> Visuals {
        let mut visuals = base;
        visuals.panel_fill = self.panel;
        visuals.window_fill = self.panel;
        visuals.extreme_bg_color = self.ground;
        visuals.faint_bg_color = self.stripe;
        visuals.text_edit_bg_color = Some(self.stripe);
        visuals.window_stroke = Stroke::new(1.0, self.grid);
        visuals.hyperlink_color = self.accent;
        visuals.selection.bg_fill = self.picked;
        visuals.selection.stroke = Stroke::new(1.0, self.accent);
        visuals.warn_fg_color = self.warn;
        visuals.error_fg_color = self.bad;
        let widgets = &mut visuals.widgets;
        widgets.noninteractive.fg_stroke = Stroke::new(1.0, self.ink);
        widgets.noninteractive.bg_stroke = Stroke::new(1.0, self.grid);
        widgets.inactive.fg_stroke = Stroke::new(1.0, self.ink);
        widgets.inactive.weak_bg_fill = self.stripe;
        widgets.inactive.bg_fill = self.grid;
        widgets.hovered.fg_stroke = Stroke::new(1.0, self.ink);
        widgets.hovered.bg_stroke = Stroke::new(1.0, self.rule);
        widgets.hovered.weak_bg_fill = self.grid;
        widgets.active.fg_stroke = Stroke::new(1.0, self.ink);
        widgets.active.weak_bg_fill = self.picked;
        widgets.open.fg_stroke = Stroke::new(1.0, self.ink);
        let all = [
            &mut widgets.noninteractive,
            &mut widgets.inactive,
            &mut widgets.hovered,
            &mut widgets.active,
            &mut widgets.open,
        ];
        for widget in all {
            widget.corner_radius = CornerRadius::same(5);
        }
        visuals
    }
}

/// The font family of titles and of what matters.
pub(crate) fn strong() -> FontFamily {
    FontFamily::Name("strong".into())
}

/// Gives a context the app's fonts, colors and measures, for both themes.
pub(crate) fn install(ctx: &egui::Context) {
    let mut fonts = egui::FontDefinitions::default();
    let faces: [(&str, &'static [u8]); 2] = [
        ("Inter", include_bytes!("../../crates/figures/fonts/Inter-Regular.otf")),
        ("Inter SemiBold", include_bytes!("../../crates/figures/fonts/Inter-SemiBold.otf")),
    ];
    for (name, bytes) in faces {
        let data = egui::FontData::from_static(bytes);
        fonts.font_data.insert(name.to_owned(), data.into());
    }
    // What Inter lacks comes from the fonts that egui brings.
    let usual = fonts.families.entry(FontFamily::Proportional).or_default();
    let rest = usual.clone();
    usual.insert(0, "Inter".to_owned());
    let mut bold = rest;
    bold.insert(0, "Inter SemiBold".to_owned());
    fonts.families.insert(strong(), bold);
    ctx.set_fonts(fonts);
    ctx.set_visuals_of(egui::Theme::Light, LIGHT.visuals(Visuals::light()));
    ctx.set_visuals_of(egui::Theme::Dark, DARK.visuals(Visuals::dark()));
    ctx.all_styles_mut(|style| {
        style.spacing.item_spacing = egui::vec2(8.0, 5.0);
        style.spacing.button_padding = egui::vec2(8.0, 3.0);
        style.spacing.menu_margin = egui::Margin::same(8);
        style.interaction.tooltip_delay = 0.35;
        style.text_styles = [
            (TextStyle::Small, FontId::proportional(11.0)),
            (TextStyle::Body, FontId::proportional(13.0)),
            (TextStyle::Button, FontId::proportional(13.0)),
            (TextStyle::Monospace, FontId::monospace(12.5)),
            (TextStyle::Heading, FontId::new(16.0, strong())),
        ]
        .into();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contrast(a: Color32, b: Color32) -> f64 {
        let linear = |c: u8| {
            let c = f64::from(c) / 255.0;
            if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        let light =
            |c: Color32| 0.2126 * linear(c.r()) + 0.7152 * linear(c.g()) + 0.0722 * linear(c.b());
        let (a, b) = (light(a), light(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_and_marks_stand_out_from_what_is_behind_them() {
        for palette in [&LIGHT, &DARK] {
            for ground in [palette.ground, palette.panel, palette.stripe] {
                assert!(contrast(palette.ink, ground) > 10.0);
                assert!(contrast(palette.faint, ground) > 4.5);
                for text in [palette.good, palette.warn, palette.bad, palette.accent] {
                    assert!(contrast(text, ground) > 3.9, "{text:?} {ground:?}");
                }
            }
            // Of the colors of pictures the figures crate says the same.
            assert_eq!(palette.ground, color(palette.pictures.ground));
        }
    }
}
