//! The one table from roles to looks, in light and dark.

use egui::{Color32, CornerRadius, FontFamily, FontId, Stroke, TextStyle, Visuals};
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
    muted: Color32,
    best: Color32,
    series: [Color32; 8],
    families: [Color32; 9],
    /// Of a heat map: the weakest, the middle, the strongest.
    heat: [Color32; 3],
}

const fn rgb(code: u32) -> Color32 {
    Color32::from_rgb((code >> 16) as u8, (code >> 8) as u8, code as u8)
}

// The colors of series and operations are those of the pictures that the figures crate draws.
static LIGHT: Palette = Palette {
    ground: rgb(0xFF_FF_FF),
    panel: rgb(0xF6_F7_F9),
    stripe: rgb(0xF0_F2_F5),
    ink: rgb(0x1B_1F_24),
    faint: rgb(0x5B_64_70),
    grid: rgb(0xE3_E7_EC),
    rule: rgb(0x8A_93_9E),
    accent: rgb(0x0B_62_A8),
    picked: rgb(0xD3_E7_F8),
    good: rgb(0x0A_7D_4F),
    warn: rgb(0xA8_62_00),
    bad: rgb(0xC0_2C_3A),
    muted: rgb(0x8A_93_9E),
    best: rgb(0xD5_4E_00),
    series: [
        rgb(0x00_72_B2),
        rgb(0xC7_7C_02),
        rgb(0x00_8F_6B),
        rgb(0xB2_3A_87),
        rgb(0x2F_3E_6E),
        rgb(0x7A_6A_55),
        rgb(0x5A_55_C8),
        rgb(0x8C_2F_1B),
    ],
    families: [
        rgb(0x5B_64_70), // tensor
        rgb(0x00_72_B2), // convolution
        rgb(0x00_8F_6B), // pooling
        rgb(0xC7_7C_02), // skip
        rgb(0x8A_93_9E), // none
        rgb(0xB2_3A_87), // linear
        rgb(0x7A_6A_55), // norm
        rgb(0x5A_55_C8), // cell
        rgb(0x2F_3E_6E), // other
    ],
    heat: [rgb(0xE4_EE_F5), rgb(0x4F_A3_CF), rgb(0x0A_37_61)],
};

static DARK: Palette = Palette {
    ground: rgb(0x16_1A_1F),
    panel: rgb(0x1C_21_27),
    stripe: rgb(0x22_28_30),
    ink: rgb(0xE8_EB_EF),
    faint: rgb(0xA3_AC_B8),
    grid: rgb(0x2E_35_3E),
    rule: rgb(0x6E_78_84),
    accent: rgb(0x6C_BF_F2),
    picked: rgb(0x1F_3E_57),
    good: rgb(0x4C_C9_8D),
    warn: rgb(0xE8_B0_4A),
    bad: rgb(0xF0_75_7F),
    muted: rgb(0x7D_87_93),
    best: rgb(0xFF_8A_3D),
    series: [
        rgb(0x56_B4_E9),
        rgb(0xE8_C5_47),
        rgb(0x2F_BF_95),
        rgb(0xE5_8B_C4),
        rgb(0x72_79_F5),
        rgb(0xBC_A9_8E),
        rgb(0x9D_98_F5),
        rgb(0xE0_7A_5F),
    ],
    families: [
        rgb(0xA3_AC_B8),
        rgb(0x56_B4_E9),
        rgb(0x2F_BF_95),
        rgb(0xE8_C5_47),
        rgb(0x7D_87_93),
        rgb(0xE5_8B_C4),
        rgb(0xBC_A9_8E),
        rgb(0x9D_98_F5),
        rgb(0xD0_D6_E6),
    ],
    heat: [rgb(0x22_32_40), rgb(0x2C_82_B3), rgb(0xC4_E9_FF)],
};

/// How a mark of a role looks.
#[derive(Clone, Copy)]
pub(crate) struct Look {
    pub(crate) color: Color32,
    /// The width of lines.
    pub(crate) line: f32,
    /// The radius of points.
    pub(crate) dot: f32,
}

impl Palette {
    /// The palette of the theme that is on.
    pub(crate) fn of(ui: &egui::Ui) -> &'static Self {
        if ui.visuals().dark_mode { &DARK } else { &LIGHT }
    }

    /// The color of run number `slot` wherever it appears.
    pub(crate) fn run(&self, slot: usize) -> Color32 {
        self.series[slot % self.series.len()]
    }

    pub(crate) fn family(&self, family: OpFamily) -> Color32 {
        self.families[family as usize]
    }

    pub(crate) fn look(&self, role: Role) -> Look {
        let (color, line, dot) = match role {
            Role::Series(at) => (self.run(at), 2.0, 3.0),
            Role::Best => (self.best, 2.5, 3.5),
            Role::Muted => (self.muted.gamma_multiply(0.55), 1.0, 2.5),
            Role::Selected => (self.ink, 2.5, 5.0),
        };
        Look { color, line, dot }
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
        let [weak, middle, strong] = self.heat;
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
            for mark in palette.series.iter().chain(&palette.families).chain([&palette.best]) {
                assert!(contrast(*mark, palette.ground) >= 3.0, "{mark:?}");
            }
        }
    }
}
