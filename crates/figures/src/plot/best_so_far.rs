//! How good the best trial was at each point of the search.

use nascent_record::analysis::setting_names;
use nascent_record::{Manifest, RunView, Trial, TrialId};

use super::metric::{Metric, focus, quantile};
use super::progress::{Progress, walk, x_unit};
use super::{Ask, NotYet, Plot, PlotOptions, count, picked, role_of, settings};
use crate::{Axis, Band, Figure, Mark, Point, Role, Series};

/// See the module.
///
/// Only trials that compare can be the best: those that keep the constraints, at the highest fidelity
/// that the run has. The others are points like all.
pub(super) struct BestSoFar;

impl Plot for BestSoFar {
    fn id(&self) -> &'static str {
        "best_so_far"
    }

    fn title(&self) -> &'static str {
        "Best so far"
    }

    fn summary(&self) -> &'static str {
        "How good the best trial was at each point of the search."
    }

    fn asks(&self) -> &'static [Ask] {
        &[Ask::Progress, Ask::Pool]
    }

    fn figure(&self, runs: &[(&str, &RunView)], options: &PlotOptions) -> Result<Figure, NotYet> {
        let metric = Metric::main(runs, options)?;
        let walks: Vec<Vec<(f64, &Trial)>> =
            runs.iter().map(|(_, view)| walk(view, options.progress)).collect();
        let latest = walks.iter().flatten().map(|(x, _)| *x);
        let (unit, label) = x_unit(options.progress, latest.fold(0.0, f64::max));
        let mut climbs = Vec::new();
        for (run, (walk, (_, view))) in std::iter::zip(&walks, runs).enumerate() {
            let compared = metric.comparable(view).into_iter().map(|(trial, _)| trial.id);
            climbs.extend(Climb::of(run, walk, unit, &metric, &compared.collect::<Vec<_>>()));
        }
        let mut best: Option<Point> = None;
        for top in climbs.iter().filter_map(|climb| climb.improvements.last()) {
            if best.is_none_or(|known| metric.better(top.y, known.y)) {
                best = Some(*top);
            }
        }
        let Some(best) = best else {
            let problem = match options.progress {
                Progress::Cost if runs.iter().any(|(_, view)| view.finished_trials() > 0) => {
                    "No complete trial has the metric cost_secs, which this picture counts by."
                }
                _ if runs.iter().any(|(_, view)| !metric.trials(view).is_empty()) => {
                    "No complete trial keeps the constraints yet: the best so far begins with the \
                     first that does."
                }
                _ => "No trial is complete yet: the best so far begins with the first.",
            };
            return Err(NotYet(problem.to_owned()));
        };
        let marks: Vec<Mark> = if options.pool {
            pooled(runs, &climbs, &settings(runs, options))
        } else {
            let each = climbs.iter().flat_map(|climb| climb.marks(runs, options));
            each.collect()
        };
        let shown: Vec<f64> = marks.iter().flat_map(heights).collect();
        let keep: Vec<f64> = if options.pool {
            marks.iter().filter_map(|mark| heights(mark).last().copied()).collect()
        } else {
            climbs.iter().map(|climb| climb.last().y).collect()
        };
        let (range, outside) = focus(&metric, &shown, &keep);
        let value = metric.text(best.y);
        let mut subtitle = match best.trial {
            Some(trial) if runs.len() == 1 => {
                format!("{}; best {value} at trial {trial}", count(walks[0].len(), "trial"))
            }
            _ => format!("{}; best {value}; {}", count(runs.len(), "run"), metric.wanted()),
        };
        if outside > 0 && runs.len() == 1 {
            let outside = count(outside, "trial");
            subtitle = format!("{subtitle}; {outside} worse than the axis shows");
        }
        Ok(Figure {
            title: self.title().to_owned(),
            subtitle,
            x: options.progress.axis(label),
            y: Axis::new(metric.label).range(range),
            marks,
        })
    }
}

/// The values of the trials that a mark shows.
fn heights(mark: &Mark) -> Vec<f64> {
    match mark {
        Mark::Points(series) | Mark::Line(series) => series.points.iter().map(|p| p.y).collect(),
        Mark::Band(band) => band.points.iter().flat_map(|p| [p[1], p[2]]).collect(),
        _ => Vec::new(),
    }
}

/// How a run came to its best trial; it has one.
struct Climb {
    run: usize,
    /// All complete trials.
    points: Vec<Point>,
    /// Those of the trials that compare that were better than all of these before.
    improvements: Vec<Point>,
    /// How far the search has come.
    end: f64,
}

impl Climb {
    /// Where the trials `compared` compare, in the order of their numbers.
    fn of(
        run: usize,
        walk: &[(f64, &Trial)],
        unit: f64,
        metric: &Metric,
        compared: &[TrialId],
    ) -> Option<Self> {
        let place =
            |(x, trial): &(f64, &Trial)| metric.of(trial).map(|y| Point::of(trial.id, x / unit, y));
        let points: Vec<Point> = walk.iter().filter_map(place).collect();
        let mut improvements: Vec<Point> = Vec::new();
        let compares =
            |point: &&Point| point.trial.is_some_and(|id| compared.binary_search(&id).is_ok());
        for point in points.iter().filter(compares) {
            if improvements.last().is_none_or(|known| metric.better(point.y, known.y)) {
                improvements.push(*point);
            }
        }
        let end = walk.last()?.0 / unit;
        (!improvements.is_empty()).then_some(Self { run, points, improvements, end })
    }

    fn last(&self) -> Point {
        self.improvements[self.improvements.len() - 1]
    }

    /// The value at `x`.
    fn at(&self, x: f64) -> f64 {
        let until = self.improvements.partition_point(|point| point.x <= x);
        self.improvements[until.saturating_sub(1)].y
    }

    fn marks(&self, runs: &[(&str, &RunView)], options: &PlotOptions) -> Vec<Mark> {
        let run = self.run;
        let single = runs.len() == 1;
        let series = |name: &str, role, points| Series { name: name.to_owned(), role, run, points };
        let mut marks = Vec::new();
        if single {
            marks.push(Mark::Points(series("trial", Role::Muted, self.points.clone())));
        }
        let name = if single { "best so far" } else { runs[run].0 };
        let role = role_of(run, runs);
        let mut steps = self.improvements.clone();
        let last = self.last();
        if self.end > last.x {
            steps.push(Point { x: self.end, ..last });
        }
        marks.push(Mark::Step(series(name, role, steps)));
        marks.push(Mark::Points(series(name, role, self.improvements.clone())));
        marks.extend(picked(options, &self.points, run).map(Mark::Points));
        marks
    }
}

/// One series for the seeds of each setting, as far as all of them have come. `settings` has the number
/// of that of each run.
fn pooled(runs: &[(&str, &RunView)], climbs: &[Climb], settings: &[usize]) -> Vec<Mark> {
    let mut teams: Vec<(usize, Vec<&Climb>)> = Vec::new();
    for climb in climbs {
        let setting = settings[climb.run];
        match teams.iter_mut().find(|(known, _)| *known == setting) {
            Some((_, members)) => members.push(climb),
            None => teams.push((setting, vec![climb])),
        }
    }
    let of_team = |(_, members): &(usize, Vec<&Climb>)| runs[members[0].run].1.manifest();
    let manifests: Vec<&Manifest> = teams.iter().map(of_team).collect();
    let names = setting_names(&manifests);
    let (mut bands, mut lines) = (Vec::new(), Vec::new());
    for ((setting, members), name) in std::iter::zip(&teams, names) {
        let begin = members.iter().map(|climb| climb.improvements[0].x).fold(0.0, f64::max);
        let end = members.iter().map(|climb| climb.end).fold(f64::INFINITY, f64::min);
        let mut xs: Vec<f64> = members
            .iter()
            .flat_map(|climb| climb.improvements.iter().map(|point| point.x))
            .filter(|x| *x > begin && *x < end)
            .chain([begin, end.max(begin)])
            .collect();
        xs.sort_by(f64::total_cmp);
        xs.dedup();
        let (mut band, mut line) = (Vec::new(), Vec::new());
        let mut before: Option<[f64; 2]> = None;
        for x in xs {
            let mut values: Vec<f64> = members.iter().map(|climb| climb.at(x)).collect();
            values.sort_by(f64::total_cmp);
            let (low, high) = (quantile(&values, 0.25), quantile(&values, 0.75));
            // Steps, as the line has them.
            band.extend(before.map(|[low, high]| [x, low, high]));
            band.push([x, low, high]);
            before = Some([low, high]);
            line.push(Point { x, y: quantile(&values, 0.5), trial: None });
        }
        let name = format!("{name}: median of {}", count(members.len(), "run"));
        let (role, run) = (Role::Series(*setting), members[0].run);
        bands.push(Mark::Band(Band { name: String::new(), role, run, points: band }));
        lines.push(Mark::Step(Series { name, role, run, points: line }));
    }
    bands.append(&mut lines);
    bands
}
