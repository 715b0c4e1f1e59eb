//! The one table from roles to looks.

use plotters::style::RGBColor as Rgb;

use super::Theme;
use crate::palette::{self, Colors};
use crate::{OpFamily, Role};

/// The colors of a theme, as plotters has them.
pub(super) struct Palette {
    /// Behind everything.
    pub(super) ground: Rgb,
    /// Titles, labels.
    pub(super) ink: Rgb,
    /// Subtitles, ticks.
    pub(super) faint_ink: Rgb,
    /// Lines of the grid.
    pub(super) grid: Rgb,
    /// Axes and the edges of networks.
    pub(super) rule: Rgb,
    colors: &'static Colors,
}

const fn rgb([r, g, b]: [u8; 3]) -> Rgb {
    Rgb(r, g, b)
}

static LIGHT: Palette = Palette::new(&palette::LIGHT, [0xE9, 0xEC, 0xEF]);
static DARK: Palette = Palette::new(&palette::DARK, [0x2A, 0x30, 0x38]);

impl Palette {
    const fn new(colors: &'static Colors, grid: [u8; 3]) -> Self {
        Self {
            ground: rgb(colors.ground),
            ink: rgb(colors.ink),
            faint_ink: rgb(colors.faint),
            grid: rgb(grid),
            rule: rgb(colors.rule),
            colors,
        }
    }

    pub(super) fn of(theme: Theme) -> &'static Self {
        match theme {
            Theme::Light => &LIGHT,
            Theme::Dark => &DARK,
        }
    }

    pub(super) fn family(&self, family: OpFamily) -> Rgb {
        rgb(self.colors.family(family))
    }

    /// The color of a box of a heat map, from 0 for the weakest to 1 for the strongest.
    pub(super) fn heat(&self, strength: f64) -> Rgb {
        let [weak, middle, strong] = self.colors.heat.map(rgb);
        if strength < 0.5 {
            mix(middle, 2.0 * strength, weak)
        } else {
            mix(strong, 2.0 * strength - 1.0, middle)
        }
    }

    /// The color of letters that can be read on that box.
    pub(super) fn on_heat(&self, strength: f64) -> Rgb {
        if strength < 0.5 { self.ink } else { self.ground }
    }

    pub(super) fn look(&self, role: Role) -> Look {
        let (color, line, alpha, dot) = match role {
            Role::Series(at) => (rgb(self.colors.series(at)), 2.0, 1.0, 3.5),
            Role::Best => (rgb(self.colors.best), 2.5, 1.0, 4.0),
            Role::Muted => (rgb(self.colors.muted), 1.0, 0.5, 2.5),
            Role::Faint => (rgb(self.colors.muted), 1.0, 0.25, 2.5),
            Role::Selected => (self.ink, 2.5, 1.0, 5.5),
        };
        let dash = match role {
            Role::Series(at) => palette::dash(at),
            _ => None,
        };
        let dash = dash.map(|[dash, gap]| (f64::from(dash), f64::from(gap)));
        Look { color, line, alpha, dot, dash }
    }
}

/// How a mark of a role looks.
#[derive(Clone, Copy)]
pub(super) struct Look {
    pub(super) color: Rgb,
    /// The width of lines.
    pub(super) line: f64,
    pub(super) alpha: f64,
    /// The radius of points.
    pub(super) dot: f64,
    /// Dash and gap, where there are more series than colors.
    pub(super) dash: Option<(f64, f64)>,
}

/// A color in front of a ground, as one color.
pub(super) fn mix(color: Rgb, alpha: f64, ground: Rgb) -> Rgb {
    let channel =
        |a: u8, b: u8| (f64::from(a) * alpha + f64::from(b) * (1.0 - alpha)).round() as u8;
    Rgb(channel(color.0, ground.0), channel(color.1, ground.1), channel(color.2, ground.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linear(channel: u8) -> f64 {
        let c = f64::from(channel) / 255.0;
        if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
    }

    /// The contrast of the Web Content Accessibility Guidelines 2.
    fn contrast(a: Rgb, b: Rgb) -> f64 {
        let luminance = |c: Rgb| 0.2126 * linear(c.0) + 0.7152 * linear(c.1) + 0.0722 * linear(c.2);
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// What a person without green cones sees (Machado et al., "A Physiologically-based Model for
    /// Simulation of Color Vision Deficiency", 2009), and the same for red cones; linear light.
    fn seen(color: Rgb, matrix: [[f64; 3]; 3]) -> [f64; 3] {
        let light = [color.0, color.1, color.2].map(linear);
        matrix.map(|row| (0..3).map(|i| row[i] * light[i]).sum::<f64>().clamp(0.0, 1.0).cbrt())
    }
    const DEUTERANOPIA: [[f64; 3]; 3] = [
        [0.367_322, 0.860_646, -0.227_968],
        [0.280_085, 0.672_501, 0.047_413],
        [-0.011_820, 0.042_940, 0.968_881],
    ];
    const PROTANOPIA: [[f64; 3]; 3] = [
        [0.152_286, 1.052_583, -0.204_868],
        [0.114_503, 0.786_281, 0.099_216],
        [-0.003_882, -0.048_116, 1.051_998],
    ];

    const FAMILIES: [OpFamily; 9] = [
        OpFamily::Tensor,
        OpFamily::Convolution,
        OpFamily::Pooling,
        OpFamily::Skip,
        OpFamily::None,
        OpFamily::Linear,
        OpFamily::Norm,
        OpFamily::Cell,
        OpFamily::Other,
    ];

    #[test]
    fn every_color_stands_out_from_the_ground() {
        for palette in [&LIGHT, &DARK] {
            assert!(contrast(palette.ink, palette.ground) > 12.0);
            assert!(contrast(palette.faint_ink, palette.ground) > 4.5);
            let families = FAMILIES.map(|family| palette.family(family));
            let series = palette.colors.series.map(rgb).into_iter();
            let others = [palette.colors.best, palette.colors.muted].map(rgb);
            for color in series.chain(families).chain(others) {
                assert!(contrast(color, palette.ground) >= 3.0, "{color:?}");
            }
        }
    }

    #[test]
    fn heat_rises_evenly_and_can_be_written_on() {
        for palette in [&LIGHT, &DARK] {
            let steps: Vec<f64> = (0..=20).map(|i| f64::from(i) / 20.0).collect();
            let contrasts: Vec<f64> =
                steps.iter().map(|s| contrast(palette.heat(*s), palette.ground)).collect();
            assert!(contrasts.windows(2).all(|pair| pair[0] < pair[1]), "{contrasts:?}");
            assert!(contrasts[0] > 1.1 && contrasts[20] > 7.0, "{contrasts:?}");
            for step in steps {
                let (letters, ground) = (palette.on_heat(step), palette.heat(step));
                assert!(contrast(letters, ground) >= 2.5, "{step}");
            }
        }
    }

    #[test]
    fn series_differ_for_the_colorblind() {
        for palette in [&LIGHT, &DARK] {
            let colors: Vec<Rgb> = palette.colors.series[..5].iter().copied().map(rgb).collect();
            for matrix in [DEUTERANOPIA, PROTANOPIA] {
                for (at, &a) in colors.iter().enumerate() {
                    for &b in &colors[..at] {
                        let (x, y) = (seen(a, matrix), seen(b, matrix));
                        let distance: f64 = (0..3).map(|i| (x[i] - y[i]).powi(2)).sum();
                        assert!(distance.sqrt() > 0.09, "{a:?} {b:?} {}", distance.sqrt());
                    }
                }
            }
        }
    }
}
