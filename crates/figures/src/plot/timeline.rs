//! When each trial ran.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use nascent_record::analysis::incumbent;
use nascent_record::{Origin, Outcome, RunView, Trial};

use super::progress::time_unit;
use super::{NotYet, Plot, PlotOptions, count};
use crate::{Axis, Figure, Interval, Intervals, Mark, Role, Tick};

/// More names of lanes than this cannot be read.
const MOST_NAMES: usize = 16;

/// The distance between the lanes of two runs.
const GAP: f64 = 0.5;

/// See the module.
///
/// The log does not say which worker ran a trial, and nothing depends on it. So each trial is put
/// into the first lane that is free when it starts: there are as many lanes as trials ran at a time,
/// and a lane stands for a worker, not for the same one all along (Kleinberg and Tardos, "Algorithm Design",
/// 2005, section 4.1: no other way needs fewer lanes). A trial that was run again after
/// a crash shows its last attempt.
pub(super) struct Timeline;

impl Plot for Timeline {
    fn id(&self) -> &'static str {
        "timeline"
    }

    fn title(&self) -> &'static str {
        "Timeline"
    }

    fn summary(&self) -> &'static str {
        "When each trial ran, from its start to its end, in a lane for each that ran at the same time."
    }

    fn figure(&self, runs: &[(&str, &RunView)], options: &PlotOptions) -> Result<Figure, NotYet> {
        let mut stretches: Vec<Stretch<'_>> = Vec::new();
        let mut lanes = Vec::with_capacity(runs.len());
        for (run, (_, view)) in runs.iter().enumerate() {
            let begin = stretches.len();
            stretches.extend(of_run(run, view));
            lanes.push(assign(&mut stretches[begin..]));
        }
        if stretches.is_empty() {
            return Err(NotYet(if runs.is_empty() {
                "Choose a run to see it here.".to_owned()
            } else {
                "No trial has been started yet: every trial is a box here.".to_owned()
            }));
        }
        let total: usize = lanes.iter().sum();
        // The first lane of the first run is at the top; runs are half a lane apart.
        let mut free = total as f64 + GAP * (runs.len() - 1) as f64;
        let firsts = lanes.iter().map(|own| {
            free -= *own as f64 + GAP;
            free + *own as f64 + GAP
        });
        let firsts: Vec<f64> = firsts.collect();
        let latest = stretches.iter().map(|s| s.to).fold(0.0, f64::max);
        let (unit, unit_name) = time_unit(latest);
        let mut marks: Vec<Intervals> = Vec::new();
        for (run, (_, view)) in runs.iter().enumerate() {
            let best = incumbent(view).map(|trial| trial.id);
            let picked = options.selected.filter(|(of, _)| *of == run).map(|(_, trial)| trial);
            for stretch in stretches.iter().filter(|stretch| stretch.run == run) {
                let id = stretch.trial.id;
                let (name, role) = if picked == Some(id) {
                    (format!("trial {id}"), Role::Selected)
                } else if best == Some(id) {
                    ("best".to_owned(), Role::Best)
                } else {
                    let (name, role) = fate(stretch.trial);
                    (name.to_owned(), role)
                };
                let interval = Interval {
                    at: firsts[run] - stretch.lane as f64,
                    from: stretch.from / unit,
                    to: stretch.to / unit,
                    trial: Some(id),
                };
                match marks.iter_mut().find(|m| m.run == run && m.role == role) {
                    Some(mark) => mark.intervals.push(interval),
                    None => marks.push(Intervals { name, role, run, intervals: vec![interval] }),
                }
            }
        }
        // What matters most is on top.
        marks.sort_by_key(|mark| (mark.role == Role::Best, mark.role == Role::Selected));
        let trials = count(stretches.len(), "trial");
        let busy: f64 = stretches.iter().map(|s| s.to - s.from).sum();
        let span: f64 =
            runs.iter().zip(&lanes).map(|((_, v), own)| span_secs(v) * *own as f64).sum();
        let share = if span > 0.0 {
            format!("; {:.0} % of the time of {} busy", 100.0 * busy / span, count(total, "lane"))
        } else {
            String::new()
        };
        Ok(Figure {
            title: self.title().to_owned(),
            subtitle: format!("{trials}{share}"),
            x: Axis::new(format!("time since the start ({unit_name})")),
            y: axis(runs, &lanes, &firsts),
            marks: marks.into_iter().map(Mark::Intervals).collect(),
        })
    }
}

/// A trial that ran here, in seconds since the run began.
struct Stretch<'r> {
    run: usize,
    trial: &'r Trial,
    from: f64,
    to: f64,
    lane: usize,
}

fn span_secs(view: &RunView) -> f64 {
    view.span_ms().map_or(0.0, |(first, last)| last.saturating_sub(first) as f64 / 1000.0)
}

/// The trials that were run, not taken from elsewhere, by their start.
fn of_run(run: usize, view: &RunView) -> Vec<Stretch<'_>> {
    let (begin, end) = view.span_ms().unwrap_or_default();
    let secs = |at: u64| at.saturating_sub(begin) as f64 / 1000.0;
    let here = |trial: &&Trial| {
        let origin = trial.proposal.origin.as_deref();
        !matches!(origin, Some(Origin::Imported { .. } | Origin::Reused { .. }))
    };
    let stretch =
        |trial: &'_ Trial| (secs(trial.started_ms), secs(trial.finished_ms.unwrap_or(end)));
    let mut all: Vec<Stretch<'_>> = view
        .trials()
        .iter()
        .filter(here)
        .map(|trial| {
            let (from, to) = stretch(trial);
            // Somebody may have set the clock back.
            Stretch { run, trial, from, to: to.max(from), lane: 0 }
        })
        .collect();
    all.sort_by(|a, b| a.from.total_cmp(&b.from).then(a.trial.id.cmp(&b.trial.id)));
    all
}

/// Gives each stretch the first lane that is free; returns the number of lanes.
fn assign(stretches: &mut [Stretch<'_>]) -> usize {
    let mut free: BTreeSet<usize> = BTreeSet::new();
    // Milliseconds, which have an order.
    let mut busy: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    let mut lanes = 0;
    let ms = |secs: f64| (secs * 1000.0).round() as u64;
    for stretch in stretches {
        while let Some(Reverse((end, lane))) = busy.peek().copied()
            && end <= ms(stretch.from)
        {
            busy.pop();
            free.insert(lane);
        }
        stretch.lane = free.pop_first().unwrap_or_else(|| {
            lanes += 1;
            lanes - 1
        });
        busy.push(Reverse((ms(stretch.to), stretch.lane)));
    }
    lanes
}

/// What came of a trial, in the legend.
fn fate(trial: &Trial) -> (&'static str, Role) {
    match &trial.outcome {
        Some(Outcome::Complete(_)) => ("complete", Role::Series(0)),
        Some(Outcome::Pruned(_)) => ("pruned", Role::Series(1)),
        Some(Outcome::Failed(_)) => ("failed", Role::Series(3)),
        None => ("running", Role::Muted),
    }
}

/// The lanes: numbers from 1 for one run, the names of several.
fn axis(runs: &[(&str, &RunView)], lanes: &[usize], firsts: &[f64]) -> Axis {
    let total: usize = lanes.iter().sum();
    let ticks: Vec<Tick> = if let [_] = runs {
        let every = total.div_ceil(MOST_NAMES).max(1);
        let named = (0..total).rev().filter(|lane| lane % every == 0);
        named
            .map(|lane| Tick { at: (total - lane) as f64, label: (lane + 1).to_string() })
            .collect()
    } else {
        let middle = |run: usize| firsts[run] - (lanes[run] as f64 - 1.0) / 2.0;
        let named = (0..runs.len()).rev().filter(|run| lanes[*run] > 0);
        named.map(|run| Tick { at: middle(run), label: runs[run].0.to_owned() }).collect()
    };
    let label = if runs.len() == 1 { "lane" } else { "" };
    let range = Some([0.4, firsts.first().copied().unwrap_or(1.0) + 0.6]);
    Axis { ticks: Some(ticks), ..Axis::new(label).range(range) }
}

#[cfg(test)]
mod tests {
    use nascent_record::{Choice, Proposal, Spec, TrialId};

    use super::*;

    #[test]
    fn a_trial_takes_the_first_lane_that_is_free() {
        let spec = Spec::new(vec![Choice::integer("x", 0, 9)]).unwrap();
        let trial = Trial::new(TrialId(0), Proposal::new(spec.parse("x=1").unwrap()), 0);
        let times = [(0.0, 4.0), (0.0, 1.0), (1.0, 2.0), (1.5, 5.0), (2.0, 3.0), (5.0, 6.0)];
        let mut all: Vec<Stretch<'_>> = times
            .map(|(from, to)| Stretch { run: 0, trial: &trial, from, to, lane: 9 })
            .into_iter()
            .collect();
        assert_eq!(assign(&mut all), 3);
        let lanes: Vec<usize> = all.iter().map(|stretch| stretch.lane).collect();
        assert_eq!(lanes, [0, 1, 1, 2, 1, 0]);
    }
}
