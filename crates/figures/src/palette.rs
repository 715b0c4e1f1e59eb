//! The colors of pictures, as bytes of red, green and blue: one table for every renderer.
//!
//! After Okabe and Ito, "Color Universal Design", 2008, darkened or lightened until every color has a
//! contrast of at least 3 to the ground.

use crate::{OpFamily, Theme};

/// A color: red, green and blue.
pub type Rgb = [u8; 3];

/// The colors of a theme.
#[derive(Debug)]
pub struct Colors {
    /// Behind everything.
    pub ground: Rgb,
    /// Titles, labels, what is picked.
    pub ink: Rgb,
    /// Subtitles, ticks.
    pub faint: Rgb,
    /// Axes and the edges of networks.
    pub rule: Rgb,
    /// What is there, and not in the way.
    pub muted: Rgb,
    /// What the search is after.
    pub best: Rgb,
    /// Series, one after another; see [`series`](Self::series).
    pub series: [Rgb; 8],
    families: [Rgb; 9],
    /// Of a heat map: the weakest, the middle, the strongest.
    pub heat: [Rgb; 3],
}

const fn rgb(code: u32) -> Rgb {
    [(code >> 16) as u8, (code >> 8) as u8, code as u8]
}

/// The colors on white.
pub const LIGHT: Colors = Colors {
    ground: rgb(0xFF_FF_FF),
    ink: rgb(0x1B_1F_24),
    faint: rgb(0x5B_64_70),
    rule: rgb(0x8A_93_9E),
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

/// The colors on a dark ground.
pub const DARK: Colors = Colors {
    ground: rgb(0x16_1A_1F),
    ink: rgb(0xE8_EB_EF),
    faint: rgb(0xA3_AC_B8),
    rule: rgb(0x6E_78_84),
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

impl Colors {
    /// Those of a theme.
    pub fn of(theme: Theme) -> &'static Self {
        match theme {
            Theme::Light => &LIGHT,
            Theme::Dark => &DARK,
        }
    }

    /// The color of series number `at`. After the last one they begin again, told apart by [`dash`].
    pub fn series(&self, at: usize) -> Rgb {
        self.series[at % self.series.len()]
    }

    /// The color of a kind of operation.
    pub fn family(&self, family: OpFamily) -> Rgb {
        self.families[family as usize]
    }
}

/// Dash and gap of the lines of series number `at`, in pixels; the first eight are drawn through.
pub fn dash(at: usize) -> Option<[f32; 2]> {
    match at / LIGHT.series.len() % 3 {
        0 => None,
        1 => Some([6.0, 4.0]),
        _ => Some([2.0, 3.0]),
    }
}
