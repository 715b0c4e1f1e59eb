//! The population of an evolution: who is in it, and how old they are.

use egui::{RichText, Ui};
use nascent_record::{RunView, TrialId};

use crate::panel::part;
use crate::text;
use crate::theme::Palette;

/// A member of a population.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Member {
    pub(super) trial: TrialId,
    /// How many trials ago it was made.
    pub(super) age: usize,
    /// How good it is; more is better.
    pub(super) score: f64,
}

/// The members after all trials that have ended, the best first. Only where the oldest leave the log says
/// who they are: those are the last complete trials, as many as the population has. Empty for all other
/// searchers.
pub(super) fn members(view: &RunView) -> Vec<Member> {
    let manifest = view.manifest();
    let size = manifest.searcher.config.get("population_size").and_then(serde_json::Value::as_u64);
    let Some(size) = size.filter(|_| manifest.searcher.name == "regularized_evolution") else {
        return Vec::new();
    };
    let trials = view.trials();
    let alive = trials.iter().rev().filter_map(|trial| {
        let score = manifest.goal.trial_score(trial)?.value;
        Some(Member { trial: trial.id, age: trials.len() - trial.id.index(), score })
    });
    let mut members: Vec<Member> = alive.take(usize::try_from(size).unwrap_or(0)).collect();
    members.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.trial.cmp(&b.trial)));
    members
}

/// Draws the members; returns the one that was clicked.
pub(super) fn show(ui: &mut Ui, members: &[Member]) -> Option<TrialId> {
    part::section(ui, &format!("Population of {}", text::count(members.len(), "member")));
    let palette = Palette::of(ui);
    let oldest = members.iter().map(|member| member.age).max().unwrap_or(1);
    let mut clicked = None;
    egui::Grid::new("population").striped(true).spacing([16.0, 4.0]).show(ui, |ui| {
        for (title, explain) in [
            ("member", "The trial that made it"),
            ("score", "What the search looks for in it; more is better"),
            ("age", "How many trials ago it was made; the oldest leaves next"),
        ] {
            ui.label(RichText::new(title).weak().size(11.5)).on_hover_text(explain);
        }
        ui.end_row();
        for member in members {
            if ui.link(format!("Trial {}", member.trial)).on_hover_text("Pick it").clicked() {
                clicked = Some(member.trial);
            }
            ui.label(text::number(member.score));
            let share = member.age as f64 / oldest as f64;
            part::progress(ui, share, &text::count(member.age, "trial"), palette.accent);
            ui.end_row();
        }
    });
    clicked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_youngest_complete_trials_are_the_population() {
        let config = serde_json::json!({ "population_size": 5 });
        assert!(members(&testing::run(40, 2, 1)).is_empty(), "of other searchers nobody knows");
        let view = testing::run_with("regularized_evolution", &config, 40, 2, 1);
        let found = members(&view);
        assert_eq!(found.len(), 5);
        assert!(found.windows(2).all(|pair| pair[0].score >= pair[1].score));
        let complete = view.trials().iter().filter(|trial| trial.metrics().is_some());
        let mut young: Vec<TrialId> = complete.map(|trial| trial.id).collect();
        young.drain(..young.len() - 5);
        let mut known: Vec<TrialId> = found.iter().map(|member| member.trial).collect();
        known.sort_unstable();
        assert_eq!(known, young);
        let youngest = found.iter().max_by_key(|member| member.trial).unwrap();
        assert_eq!(youngest.age, 40 - youngest.trial.index());
    }
}
