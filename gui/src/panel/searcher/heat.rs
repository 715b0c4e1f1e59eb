//! Lists of numbers as a heat map: a row for each list, a cell for each number.

use std::collections::BTreeMap;

use egui::{Align2, FontId, RichText, Sense, Ui, vec2};
use nascent_record::{Domain, Spec};

use crate::text;
use crate::theme::Palette;

/// How wide a cell is at least.
const CELL: f32 = 64.0;

/// Draws the lists; those whose name ends in that of a choice have its options over their cells.
pub(super) fn show(ui: &mut Ui, spec: &Spec, vectors: &BTreeMap<String, Vec<f64>>) {
    let palette = Palette::of(ui);
    // Lists of one kind have one head: `alpha.edge_0_1` and `alpha.edge_0_2`.
    let mut kinds: BTreeMap<&str, Vec<(&str, &Vec<f64>)>> = BTreeMap::new();
    for (name, values) in vectors {
        let (kind, rest) = name.split_once('.').unwrap_or((name, ""));
        kinds.entry(kind).or_default().push((rest, values));
    }
    for (kind, rows) in kinds {
        let title = if kind == "alpha" { "α".to_owned() } else { text::words(kind) };
        let note = if kind == "alpha" { ", as shares (softmax)" } else { "" };
        ui.label(RichText::new(format!("{title}{note}")).weak());
        let mut last_head: Option<Vec<String>> = None;
        egui::Grid::new(("heat", kind)).spacing([3.0, 3.0]).show(ui, |ui| {
            for (name, values) in rows {
                let columns = heads(spec, name, values.len());
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
                let shares = shares(kind, values);
                // Shares of one are compared with one, other numbers with the largest.
                let whole = ["alpha", "beta", "probabilities"].contains(&kind);
                let most = shares.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
                let most = if whole { 1.0 } else { most };
                for (at, (share, value)) in std::iter::zip(&shares, values).enumerate() {
                    let (rect, response) = ui.allocate_exact_size(vec2(CELL, 20.0), Sense::hover());
                    let color = palette.heat(share / most);
                    ui.painter().rect_filled(rect, 3.0, color);
                    let shown = text::number((share * 1000.0).round() / 1000.0);
                    let font = FontId::proportional(11.0);
                    let ink = Palette::on(color);
                    ui.painter().text(rect.center(), Align2::CENTER_CENTER, shown, font, ink);
                    let option = columns.as_ref().and_then(|columns| columns.get(at));
                    let option = option.map_or_else(|| format!("number {}", at + 1), Clone::clone);
                    response.on_hover_text(format!("{name}: {option}\n{}", text::number(*value)));
                }
                ui.end_row();
            }
        });
        ui.add_space(6.0);
    }
}

/// The options of the choice that a list is about, if it is about one.
fn heads(spec: &Spec, name: &str, len: usize) -> Option<Vec<String>> {
    let at = spec.position(name);
    let own = at.and_then(|at| match &spec.choices()[at].domain {
        Domain::Categorical { options } => Some(options.clone()),
        domain => {
            let values = (0..domain.size()?).map_while(|nth| domain.nth(nth));
            Some(values.take(len).map(|value| domain.text(value)).collect())
        }
    });
    // A list with a number for each choice has the names of the choices.
    let of_choices = || {
        let names = spec.choices().iter().map(|choice| choice.name.clone());
        (spec.len() == len && at.is_none()).then(|| names.collect())
    };
    own.filter(|options: &Vec<String>| options.len() == len).or_else(of_choices)
}

/// What is shown of a list: α as the shares that it gives operations, others as they are.
fn shares(kind: &str, values: &[f64]) -> Vec<f64> {
    if kind != "alpha" && kind != "beta" {
        return values.to_vec();
    }
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let strengths: Vec<f64> = values.iter().map(|value| (value - most).exp()).collect();
    let sum: f64 = strengths.iter().sum();
    strengths.into_iter().map(|strength| strength / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn alpha_becomes_shares() {
        let shares = shares("alpha", &[0.0, 2_f64.ln(), f64::NEG_INFINITY]);
        for (share, expected) in shares.iter().zip([1.0 / 3.0, 2.0 / 3.0, 0.0]) {
            assert!((share - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn lists_of_a_choice_have_its_options_as_heads() {
        let spec = testing::spec();
        let ops = ["conv3x3", "conv5x5", "max_pool", "skip"].map(str::to_owned);
        assert_eq!(heads(&spec, "op", 4), Some(ops.to_vec()));
        assert_eq!(heads(&spec, "depth", 3), Some(["1", "2", "3"].map(str::to_owned).to_vec()));
        assert_eq!(heads(&spec, "op", 3), None);
        assert_eq!(heads(&spec, "", 5).unwrap()[0], "depth");
    }
}
