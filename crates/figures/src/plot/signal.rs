//! One number that a searcher logged, as it went on.

use nascent_record::{RunView, suggestion};

use super::{Ask, NotYet, Plot, PlotOptions, count, picked, role_of};
use crate::{Axis, Figure, Mark, Point, Role, Series};

/// The numbers that tell the most, in the order in which they are looked for.
const USUAL: &[&str] = &[
    "entropy",
    "acquisition",
    "log_expected_improvement",
    "log_density_ratio",
    "mean_score",
    "current_score",
    "alpha_eigenvalue",
    "valid_accuracy",
];

/// See the module.
pub(super) struct Signal;

impl Plot for Signal {
    fn id(&self) -> &'static str {
        "signal"
    }

    fn title(&self) -> &'static str {
        "Signal of the searcher"
    }

    fn summary(&self) -> &'static str {
        "One number that the searcher logged, by trials or by the epochs of its supernet: entropy, \
         acquisition, age of parents, eigenvalue and so on."
    }

    fn asks(&self) -> &'static [Ask] {
        &[Ask::Signal]
    }

    fn figure(&self, runs: &[(&str, &RunView)], options: &PlotOptions) -> Result<Figure, NotYet> {
        if runs.is_empty() {
            return Err(NotYet("Choose a run to see it here.".to_owned()));
        }
        let known = names(runs);
        let Some(first) = known.first() else {
            let sentence = "No searcher has logged a number; most do, with each proposal or after \
                            each epoch of their supernet.";
            return Err(NotYet(sentence.to_owned()));
        };
        let name = match &options.signal {
            Some(wanted) if known.contains(&wanted.as_str()) => wanted.as_str(),
            Some(wanted) => {
                let tail = suggestion(wanted, known.iter().copied());
                return Err(NotYet(format!("No searcher has logged \"{wanted}\"; {tail}.")));
            }
            None => USUAL.iter().find(|usual| known.contains(*usual)).unwrap_or(first),
        };
        let mut marks = Vec::new();
        let (mut by_epochs, mut by_trials) = (false, false);
        let mut all = 0;
        for (run, (run_name, view)) in runs.iter().enumerate() {
            let epochs = epochs(view, name);
            let of_epochs = !epochs.is_empty();
            let points = if of_epochs { epochs } else { proposals(view, name) };
            if points.is_empty() {
                continue;
            }
            all += points.len();
            by_epochs |= of_epochs;
            by_trials |= !of_epochs;
            let single = runs.len() == 1;
            let name = if single { String::new() } else { (*run_name).to_owned() };
            let selected = picked(options, &points, run).map(Mark::Points);
            let role = role_of(run, runs);
            let series = |role, points| Series { name: name.clone(), role, run, points };
            if of_epochs {
                marks.push(Mark::Line(series(role, points)));
            } else {
                // Numbers of proposals jump: a mean over neighbors shows where they go.
                let mean = Mark::Line(series(role, smooth(&points)));
                if single {
                    marks.push(Mark::Points(series(Role::Muted, points)));
                }
                marks.push(mean);
            }
            marks.extend(selected);
        }
        let x = match (by_epochs, by_trials) {
            (true, false) => "epoch of the supernet",
            (false, _) => "trial",
            (true, true) => "epoch of the supernet, or trial",
        };
        let words = name.replace('_', " ");
        let n = if by_trials { count(all, "proposal") } else { count(all, "epoch") };
        let others = match known.len() - 1 {
            0 => String::new(),
            others => format!("; {} more in the log", count(others, "signal")),
        };
        let mean = if by_trials { "; the line is a moving mean" } else { "" };
        Ok(Figure {
            title: format!("{}: {words}", self.title()),
            subtitle: format!("{n}{mean}{others}"),
            x: Axis::new(x).whole(),
            y: Axis::new(words),
            marks,
        })
    }
}

/// All numbers that the runs have, those of supernets first.
fn names<'r>(runs: &[(&str, &'r RunView)]) -> Vec<&'r str> {
    let mut names: Vec<&str> = Vec::new();
    for (_, view) in runs {
        let epochs = view.searcher_epochs().iter().map(|trained| &trained.signals);
        let proposals = view.trials().iter().filter_map(|trial| trial.proposal.signals.as_deref());
        for signals in epochs.chain(proposals) {
            for (name, _) in signals.scalars.iter() {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
    }
    names
}

fn epochs(view: &RunView, name: &str) -> Vec<Point> {
    let of = view.searcher_epochs().iter().filter_map(|trained| {
        let y = trained.signals.scalars.get(name)?;
        Some(Point { x: f64::from(trained.epoch), y, trial: None })
    });
    of.collect()
}

fn proposals(view: &RunView, name: &str) -> Vec<Point> {
    let of = view.trials().iter().filter_map(|trial| {
        let y = trial.proposal.signals.as_ref()?.scalars.get(name)?;
        Some(Point::of(trial.id, f64::from(trial.id.0), y))
    });
    of.collect()
}

/// The mean over a twentieth of the points around each, and over five at least; over fewer at the ends.
fn smooth(points: &[Point]) -> Vec<Point> {
    let half = (points.len() / 40).max(2);
    let mut sums = Vec::with_capacity(points.len() + 1);
    let mut sum = 0.0;
    sums.push(sum);
    for point in points {
        sum += point.y;
        sums.push(sum);
    }
    let mean = |(at, point): (usize, &Point)| {
        let (from, to) = (at.saturating_sub(half), (at + half + 1).min(points.len()));
        Point { y: (sums[to] - sums[from]) / (to - from) as f64, ..*point }
    };
    points.iter().enumerate().map(mean).collect()
}

#[cfg(test)]
mod tests {
    use nascent_record::TrialId;

    use super::*;

    #[test]
    fn a_moving_mean_looks_at_both_sides() {
        let values = [1.0, 5.0, 3.0, 7.0, 9.0, 2.0];
        let points: Vec<Point> =
            (0..).zip(values).map(|(at, y)| Point::of(TrialId(at), f64::from(at), y)).collect();
        let means: Vec<f64> = smooth(&points).iter().map(|point| point.y).collect();
        assert_eq!(means, [3.0, 4.0, 5.0, 5.2, 5.25, 6.0]);
    }
}
