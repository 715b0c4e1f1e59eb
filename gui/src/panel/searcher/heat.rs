//! Lists of numbers as a heat map: a row for each list, a cell for each number.

use std::collections::BTreeMap;

use egui::{Align2, FontId, RichText, Sense, Ui, vec2};
use nascent_record::Manifest;
use nascent_record::analysis::list_names;

use crate::text;
use crate::theme::Palette;

/// How wide a cell is at least.
const CELL: f32 = 64.0;

/// What is shown of a list of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// Logits: `softmax(α)`, which is how `darts` and its kin weigh or draw operations.
    Softmax,
    /// Logits that do not compete: `σ(α)`, as in `fair_darts`.
    Sigmoid,
    /// The logarithms of concentrations, more or less: `elu(α) + 1` as a share of their sum, the mean of
    /// the Dirichlet distribution of `drnas`.
    Dirichlet,
    /// Shares as they are.
    Shares,
    /// Numbers as they are.
    Plain,
}

impl Meaning {
    /// What the lists of this kind are to this searcher.
    fn of(searcher: &str, kind: &str) -> Self {
        match (searcher, kind) {
            (_, "probabilities") => Self::Shares,
            ("drnas", "alpha") => Self::Dirichlet,
            ("fair_darts", "alpha") => Self::Sigmoid,
            ("darts" | "gdas" | "pc_darts" | "proxyless", "alpha" | "beta") => Self::Softmax,
            _ => Self::Plain,
        }
    }

    /// How it is made of what was logged; empty where it is that.
    fn note(self) -> &'static str {
        match self {
            Self::Softmax => ", as shares (softmax)",
            Self::Sigmoid => ", as strengths by themselves (sigmoid)",
            Self::Dirichlet => ", as shares of all operations (mean of the Dirichlet distribution)",
            Self::Shares | Self::Plain => "",
        }
    }

    fn apply(self, values: &[f64]) -> Vec<f64> {
        let sum_to_one = |strengths: Vec<f64>| -> Vec<f64> {
            let sum: f64 = strengths.iter().sum();
            strengths.into_iter().map(|strength| strength / sum).collect()
        };
        let elu = |value: f64| if value > 0.0 { value + 1.0 } else { value.exp().max(1e-6) };
        match self {
            Self::Softmax => {
                let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                sum_to_one(values.iter().map(|value| (value - most).exp()).collect())
            }
            Self::Dirichlet => sum_to_one(values.iter().map(|value| elu(*value)).collect()),
            Self::Sigmoid => values.iter().map(|value| 1.0 / (1.0 + (-value).exp())).collect(),
            Self::Shares | Self::Plain => values.to_vec(),
        }
    }

    /// The values with the weakest and the strongest color.
    fn range(self, values: &[f64]) -> [f64; 2] {
        if self != Self::Plain {
            return [0.0, 1.0];
        }
        let most = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        [values.iter().copied().fold(0.0, f64::min), most]
    }
}

/// Draws the lists that a searcher logged; those whose name ends in that of a choice have its options
/// over their cells.
pub(super) fn show(ui: &mut Ui, manifest: &Manifest, vectors: &BTreeMap<String, Vec<f64>>) {
    let palette = Palette::of(ui);
    // Lists of one kind have one head: `alpha.edge_0_1` and `alpha.edge_0_2`.
    let mut kinds: BTreeMap<&str, Vec<(&str, &Vec<f64>)>> = BTreeMap::new();
    for (name, values) in vectors {
        let (kind, rest) = name.split_once('.').unwrap_or((name, ""));
        kinds.entry(kind).or_default().push((rest, values));
    }
    for (kind, rows) in kinds {
        let title = match kind {
            "alpha" => "α".to_owned(),
            "beta" => "β".to_owned(),
            other => text::words(other),
        };
        let meaning = Meaning::of(&manifest.searcher.name, kind);
        ui.label(RichText::new(format!("{title}{}", meaning.note())).weak());
        let mut last_head: Option<Vec<String>> = None;
        egui::Grid::new(("heat", kind)).spacing([3.0, 3.0]).show(ui, |ui| {
            for (name, values) in rows {
                let columns = list_names(&manifest.spec, name, values.len());
                if columns.is_some() && columns != last_head {
                    ui.label("");
                    for column in columns.iter().flatten() {
                        let short = RichText::new(text::words(column)).size(10.5).weak();
                        ui.add_sized([CELL, 14.0], egui::Label::new(short).truncate());
                    }
                    ui.end_row();
                    last_head.clone_from(&columns);
                }
                ui.label(RichText::new(text::words(name)).size(12.0));
                let shown = meaning.apply(values);
                let [weak, strong] = meaning.range(&shown);
                for (at, (value, logged)) in std::iter::zip(&shown, values).enumerate() {
                    let (rect, response) = ui.allocate_exact_size(vec2(CELL, 20.0), Sense::hover());
                    let color = palette.heat((value - weak) / (strong - weak));
                    ui.painter().rect_filled(rect, 3.0, color);
                    let shown = text::number((value * 1000.0).round() / 1000.0);
                    let font = FontId::proportional(11.0);
                    let ink = Palette::on(color);
                    ui.painter().text(rect.center(), Align2::CENTER_CENTER, shown, font, ink);
                    let option = columns.as_ref().and_then(|columns| columns.get(at));
                    let option = option.map_or_else(|| format!("number {}", at + 1), Clone::clone);
                    let logged = text::number(*logged);
                    response.on_hover_text(format!("{name}: {option}\nlogged as {logged}"));
                }
                ui.end_row();
            }
        });
        ui.add_space(6.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the searchers themselves make of α.
    #[test]
    fn alpha_is_what_its_searcher_makes_of_it() {
        let near = |searcher: &str, values: &[f64], expected: &[f64]| {
            let found = Meaning::of(searcher, "alpha").apply(values);
            for (found, expected) in std::iter::zip(&found, expected) {
                assert!((found - expected).abs() < 1e-12, "{searcher}: {found} {expected}");
            }
        };
        let logits = [0.0, 2_f64.ln(), f64::NEG_INFINITY];
        near("darts", &logits, &[1.0 / 3.0, 2.0 / 3.0, 0.0]);
        // Concentrations of 3, 1 and e^-1.
        let sum = 4.0 + (-1_f64).exp();
        near("drnas", &[2.0, 0.0, -1.0], &[3.0 / sum, 1.0 / sum, (-1_f64).exp() / sum]);
        near("fair_darts", &[0.0, 3_f64.ln()], &[0.5, 0.75]);
        near("somebody's own", &[7.0, -1.0], &[7.0, -1.0]);
        assert_eq!(Meaning::of("pc_darts", "beta"), Meaning::Softmax);
        assert_eq!(Meaning::Plain.range(&[7.0, -1.0]), [-1.0, 7.0]);
    }
}
