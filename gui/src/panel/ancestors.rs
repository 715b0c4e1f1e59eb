//! Where a trial comes from: its ancestors, what each mutation changed, and what it gained.

use std::collections::BTreeSet;
use std::path::PathBuf;

use egui::{RichText, ScrollArea, Ui};
use nascent_figures::{Axis, Figure, Mark, Point, Role, Series};
use nascent_record::analysis::main_parent;
use nascent_record::{Objective, RunView, Trial, TrialId};

use super::{Cx, Kind, Panel, part};
use crate::draw::Chart;
use crate::filter::metric;
use crate::model::Lazy;
use crate::text;
use crate::theme::{self, Palette};

pub(super) static KIND: Kind = Kind {
    id: "ancestors",
    title: "Ancestors",
    summary: "The ancestors of a trial, what each mutation changed, and what it gained.",
    make: |_| Box::new(Lineage::default()),
};

#[derive(Default)]
struct Lineage {
    family: Lazy<((PathBuf, u64), TrialId), Option<Family>>,
    hidden: BTreeSet<String>,
}

/// A trial with its ancestors.
struct Family {
    chart: Chart,
    /// From the trial back to its oldest ancestor.
    steps: Vec<Step>,
}

/// A trial of the line, and what made it of its parent.
#[derive(Debug, PartialEq)]
struct Step {
    trial: TrialId,
    value: Option<f64>,
    /// How much better than its parent; above 0 is better.
    gain: Option<f64>,
    /// What was changed: choice, before, after.
    changes: Vec<(String, String, String)>,
    /// The other parent, where there were two.
    second: Option<TrialId>,
    children: usize,
}

impl Panel for Lineage {
    fn is_ready(&self) -> bool {
        !self.family.is_pending()
    }

    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let Some((_, drawn)) = cx.focus() else {
            part::no_run(ui);
            return;
        };
        let drawn = drawn.clone();
        let run = drawn.run.clone();
        let best = run.row.summary.as_ref().and_then(|summary| summary.best);
        let Some(trial) = cx.picked.last.or(best.map(|(trial, _)| trial)) else {
            part::empty(ui, "No trial is picked", "Click a trial to see where it comes from.");
            return;
        };
        let job = run.clone();
        self.family.get(cx.jobs, (run.key(), trial), move || family(job.view(), trial));
        // That of another run would be told by its numbers as if it were of this one.
        let shown = self.family.shown().filter(|(((path, _), _), _)| *path == run.row.path);
        let family = match shown.map(|(_, family)| family) {
            None => {
                part::pending(ui, self.family.has_failed(), "Following parents");
                return;
            }
            Some(None) => {
                let searcher = &run.view().manifest().searcher.name;
                let sentence = format!(
                    "No trial of this run was made from another. {searcher} draws each by itself; \
                     evolution and local search change earlier trials."
                );
                part::empty(ui, "No parents in this run", &sentence);
                return;
            }
            Some(Some(family)) => family,
        };
        let room = ui.available_size();
        let mut clicked = None;
        ui.allocate_ui(egui::vec2(room.x, (room.y * 0.55).max(190.0).min(room.y)), |ui| {
            clicked = part::chart(ui, &family.chart, &drawn, &cx.picked.trials, &mut self.hidden);
        });
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            for step in &family.steps {
                if line(ui, step) {
                    clicked = Some(step.trial);
                }
            }
        });
        if let Some(trial) = clicked {
            cx.picked.pick(&run.row.path, trial);
        }
    }
}

/// Draws a step; returns whether it was clicked.
fn line(ui: &mut Ui, step: &Step) -> bool {
    let palette = Palette::of(ui);
    let shown = ui.horizontal_wrapped(|ui| {
        let name = RichText::new(format!("Trial {}", step.trial)).family(theme::strong());
        let clicked = ui.link(name).on_hover_text("Pick this ancestor").clicked();
        ui.label(step.value.map_or_else(|| "no result".to_owned(), text::number));
        if let Some(gain) = step.gain {
            let color = if gain > 0.0 { palette.good } else { palette.faint };
            let sign = if gain > 0.0 { "+" } else { "" };
            let text = RichText::new(format!("{sign}{}", text::number(gain))).color(color);
            ui.label(text).on_hover_text("How much better than its parent");
        }
        for (choice, before, after) in &step.changes {
            ui.weak(format!("{}: {before} → {after}", text::words(choice)));
        }
        if let Some(second) = step.second {
            ui.weak(format!("crossed with trial {second}"));
        }
        if step.children > 1 {
            ui.weak(format!("{} children", step.children));
        }
        clicked
    });
    shown.inner
}

/// The trial with its ancestors; `None` if no trial of the run has parents.
fn family(view: &RunView, trial: TrialId) -> Option<Family> {
    let objective = view.manifest().objective()?.clone();
    if view.trials().iter().all(|trial| trial.proposal.parents.is_empty()) {
        return None;
    }
    let steps = steps(view, &objective, trial);
    let name = &objective.metric;
    let place =
        |trial: &Trial| Some(Point::of(trial.id, f64::from(trial.id.0), metric(trial, name)?));
    let all: Vec<Point> = view.trials().iter().filter_map(place).collect();
    let on_line = steps.iter().rev().filter_map(|step| view.trials().get(step.trial.index()));
    let line: Vec<Point> = on_line.filter_map(place).collect();
    let child = |other: &&Trial| other.proposal.parents.contains(&trial);
    let children: Vec<Point> = view.trials().iter().filter(child).filter_map(place).collect();
    let series = |name: &str, role, points| Series { name: name.to_owned(), role, run: 0, points };
    let marks = vec![
        Mark::Points(series("other trials", Role::Muted, all)),
        Mark::Points(series("children", Role::Series(2), children)),
        Mark::Line(series("ancestors", Role::Best, line.clone())),
        Mark::Points(series("ancestors", Role::Best, line)),
    ];
    let generations = text::count(steps.len().saturating_sub(1), "ancestor");
    let figure = Figure {
        title: format!("The line of trial {trial}"),
        subtitle: format!("{generations} by the better parent"),
        x: Axis::new("trial").whole(),
        y: Axis::new(text::words(name)),
        marks,
    };
    Some(Family { chart: Chart::new(figure), steps })
}

fn steps(view: &RunView, objective: &Objective, trial: TrialId) -> Vec<Step> {
    let trials = view.trials();
    let value = |trial: &Trial| metric(trial, &objective.metric);
    let mut steps: Vec<Step> = Vec::new();
    let mut next = trials.get(trial.index());
    while let Some(trial) = next {
        let parents = &trial.proposal.parents;
        let parent = main_parent(view, trial, objective);
        let gain = parent.and_then(|parent| {
            let score = |trial| Some(objective.direction.oriented(value(trial)?));
            Some(score(trial)? - score(parent)?)
        });
        let changes = parent.map_or_else(Vec::new, |parent| changes(view, parent, trial));
        let children = trials.iter().filter(|other| other.proposal.parents.contains(&trial.id));
        steps.push(Step {
            trial: trial.id,
            value: value(trial),
            gain,
            changes,
            second: parents.iter().copied().find(|other| parent.is_some_and(|p| p.id != *other)),
            children: children.count(),
        });
        if steps.len() >= 500 {
            break;
        }
        next = parent;
    }
    steps
}

/// In which choices a child is not its parent.
fn changes(view: &RunView, parent: &Trial, child: &Trial) -> Vec<(String, String, String)> {
    let choices = view.manifest().spec.choices().iter();
    let before = parent.proposal.architecture.values();
    let after = child.proposal.architecture.values();
    let pairs = choices.zip(std::iter::zip(before, after));
    let changed = pairs.filter(|(_, (before, after))| before != after);
    changed
        .map(|(choice, (before, after))| {
            let text = |value: &Option<_>| {
                value.map_or_else(|| "–".to_owned(), |value| choice.domain.text(value))
            };
            (choice.name.clone(), text(before), text(after))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use nascent_record::{Event, Logged, Metrics, Outcome, Proposal, TrialFinished, TrialStarted};

    use super::*;
    use crate::testing;

    /// Trials with their parent, depth and accuracy.
    fn evolved(trials: &[(Option<u32>, u32, f64)]) -> RunView {
        let mut view = testing::empty();
        let spec = view.manifest().spec.clone();
        let mut line = 0;
        for (id, (parent, width, accuracy)) in (0..).zip(trials) {
            let text = format!("depth=1,op=skip,width={width},learning_rate=0.01");
            let proposal = Proposal::new(spec.parse(&text).unwrap())
                .with_parents(parent.iter().map(|parent| TrialId(*parent)).collect());
            let started =
                TrialStarted { trial: TrialId(id), proposal, told: 0, state: None, weights: None };
            let metrics = Metrics::new([("valid_accuracy", *accuracy)]).unwrap();
            let finished = TrialFinished {
                trial: TrialId(id),
                outcome: Outcome::Complete(metrics),
                epochs: 1,
                artifacts: std::collections::BTreeMap::new(),
                spent: None,
            };
            for event in [Event::TrialStarted(started), Event::TrialFinished(finished)] {
                line += 1;
                view.apply(Logged { at_ms: line, event: Some(event) }, line).unwrap();
            }
        }
        view
    }

    #[test]
    fn a_line_goes_back_to_the_first() {
        let view = evolved(&[
            (None, 8, 0.5),
            (Some(0), 16, 0.75),
            (Some(0), 24, 0.25),
            (Some(1), 32, 1.0),
        ]);
        let objective = view.manifest().objective().unwrap().clone();
        let steps = steps(&view, &objective, TrialId(3));
        let line: Vec<(u32, Option<f64>)> = steps.iter().map(|s| (s.trial.0, s.gain)).collect();
        assert_eq!(line, [(3, Some(0.25)), (1, Some(0.25)), (0, None)]);
        let change = ("width".to_owned(), "16".to_owned(), "32".to_owned());
        assert_eq!(steps[0].changes, [change]);
        assert_eq!(steps[2].children, 2);
        assert!(family(&view, TrialId(3)).is_some());
        assert!(family(&evolved(&[(None, 8, 0.5), (None, 16, 0.75)]), TrialId(0)).is_none());
    }

    #[test]
    fn a_circle_of_parents_ends() {
        let view = evolved(&[(Some(1), 8, 0.5), (Some(0), 16, 0.75)]);
        let objective = view.manifest().objective().unwrap().clone();
        assert_eq!(steps(&view, &objective, TrialId(1)).len(), 2);
    }
}
