//! Plots: from runs to a [`Figure`].
//!
//! A plot is one file with one `impl` and one line in [`PLOTS`]. It takes any number of runs (one
//! run is a comparison of one) and either returns a figure or says in a sentence why there is
//! nothing to see yet. It neither draws nor knows a color.

mod best_so_far;
mod choice_importance;
mod learning_curves;
mod parallel_coordinates;
mod pareto_front;
mod rank_correlation;

use nascent_record::{Direction, MetricSpec, Objective, RunView, Trial, TrialId, suggestion};

use crate::{Error, Figure, Point, Result, Role, Series};

/// Why there is nothing to see yet: the sentence shown in place of the picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotYet(pub String);

/// What the best so far is plotted against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// The number of the trial.
    #[default]
    Trials,
    /// The training epochs of all trials together.
    Epochs,
    /// The metric `cost_secs` of all trials together: simulated or measured seconds.
    Cost,
    /// The time since the run began.
    WallClock,
}

/// What a person can ask of a plot. Every plot takes all of it and uses what concerns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlotOptions {
    /// The metric to plot, if not the first objective.
    pub metric: Option<String>,
    /// The metric that it is weighed against, if not the first of the usual costs that trials have.
    pub cost: Option<String>,
    /// What the best so far is plotted against.
    pub progress: Progress,
    /// Whether runs of one searcher on one space become one series: their median and the range of
    /// their middle half. Of the best so far only.
    pub pool: bool,
    /// How many of the best trials are highlighted.
    pub top: usize,
    /// How many trials are drawn as lines at most; of more, an even sample is drawn.
    pub max_lines: usize,
    /// The trial that the reader has picked, with the position of its run.
    pub selected: Option<(usize, TrialId)>,
}

impl Default for PlotOptions {
    fn default() -> Self {
        Self {
            metric: None,
            cost: None,
            progress: Progress::Trials,
            pool: false,
            top: 5,
            max_lines: 400,
            selected: None,
        }
    }
}

/// A kind of picture of runs.
///
/// `figure` is called whenever a run has grown, with runs of up to 100,000 trials. It answers
/// [`NotYet`], never an empty figure, where there is nothing to see, and the same figure for the
/// same runs and options.
pub trait Plot: Send + Sync {
    /// Its name, as typed: lower case with underscores.
    fn id(&self) -> &'static str;

    /// Its name, as shown.
    fn title(&self) -> &'static str;

    /// What it shows, in one sentence.
    fn summary(&self) -> &'static str;

    /// The figure of these runs, each with the name that the reader knows it by.
    ///
    /// # Errors
    /// If there is nothing to see yet.
    fn figure(&self, runs: &[(&str, &RunView)], options: &PlotOptions) -> Result<Figure, NotYet>;
}

/// All plots, in the order in which they are offered.
pub static PLOTS: &[&dyn Plot] = &[
    &best_so_far::BestSoFar,
    &learning_curves::LearningCurves,
    &pareto_front::ParetoFront,
    &choice_importance::ChoiceImportance,
    &parallel_coordinates::ParallelCoordinates,
    &rank_correlation::RankCorrelation,
];

/// The plot with this name.
///
/// # Errors
/// If there is none; the error names the nearest.
pub fn find(id: &str) -> Result<&'static dyn Plot> {
    let found = PLOTS.iter().find(|plot| plot.id() == id);
    found.copied().ok_or_else(|| Error::UnknownPlot {
        id: id.to_owned(),
        suggestion: suggestion(id, PLOTS.iter().map(|plot| plot.id())),
    })
}

/// The metric in question: what it is called and which end of it is good.
struct Metric {
    name: String,
    label: String,
    unit: String,
    objective: Objective,
}

impl Metric {
    /// The metric with this name, as the first run that declares it does.
    fn named(runs: &[(&str, &RunView)], name: &str, direction: Direction) -> Self {
        let declared = runs.iter().find_map(|(_, view)| view.manifest().metric(name));
        let unit = declared.map(|metric| metric.unit.clone()).unwrap_or_default();
        let direction = declared.map_or(direction, |metric| metric.direction);
        let words = name.replace('_', " ");
        let label = if unit.is_empty() {
            words
        } else {
            // `latency_ms` in ms is latency (ms).
            let words = words.strip_suffix(&format!(" {unit}")).unwrap_or(&words);
            format!("{words} ({unit})")
        };
        Self {
            name: name.to_owned(),
            label,
            unit,
            objective: Objective { metric: name.to_owned(), direction },
        }
    }

    /// The metric that the options ask for, or the first objective of the first run.
    fn main(runs: &[(&str, &RunView)], options: &PlotOptions) -> Result<Self, NotYet> {
        let Some((_, first)) = runs.first() else {
            return Err(NotYet("Choose a run to see it here.".to_owned()));
        };
        if let Some(name) = &options.metric {
            let names = || metric_names(runs);
            if !names().any(|known| known == name) {
                let tail = suggestion(name, names().collect::<Vec<_>>());
                return Err(NotYet(format!("No trial has the metric \"{name}\"; {tail}.")));
            }
            return Ok(Self::named(runs, name, Direction::Maximize));
        }
        match first.manifest().objective() {
            None => Err(NotYet("The run has no objective to plot.".to_owned())),
            Some(objective) => {
                let mut metric = Self::named(runs, &objective.metric, objective.direction);
                metric.objective = objective.clone();
                Ok(metric)
            }
        }
    }

    fn of(&self, trial: &Trial) -> Option<f64> {
        trial.metric(&self.name)
    }

    /// The complete trials that have it, with their values.
    fn trials<'r>(&self, view: &'r RunView) -> Vec<(&'r Trial, f64)> {
        let of = |trial| Some((trial, self.of(trial)?));
        view.trials().iter().filter_map(of).collect()
    }

    /// The value with its unit.
    fn text(&self, value: f64) -> String {
        let number = crate::text::number(value);
        match self.unit.as_str() {
            "" => number,
            unit => format!("{number} {unit}"),
        }
    }

    /// Which end is good, in words.
    fn wanted(&self) -> &'static str {
        match self.objective.direction {
            Direction::Maximize => "more is better",
            Direction::Minimize => "less is better",
        }
    }

    /// Whether the first value is better.
    fn better(&self, a: f64, b: f64) -> bool {
        self.objective.direction.oriented(a) > self.objective.direction.oriented(b)
    }
}

/// The metrics that the runs declare or their trials have, each once.
fn metric_names<'r>(runs: &'r [(&str, &RunView)]) -> impl Iterator<Item = &'r str> + Clone {
    let mut names: Vec<&str> = Vec::new();
    for (_, view) in runs {
        let declared = view.manifest().metrics.iter();
        let declared = declared.map(|metric: &MetricSpec| metric.name.as_str());
        let first = view.trials().iter().find_map(Trial::metrics);
        let had = first.into_iter().flat_map(|m| m.iter().map(|(name, _)| name));
        for name in declared.chain(had) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names.into_iter()
}

/// The role of a run: the only one is what the search is after, several are told apart.
fn role_of(run: usize, runs: &[(&str, &RunView)]) -> Role {
    if runs.len() == 1 { Role::Best } else { Role::Series(run) }
}

/// "1 trial", "12 trials".
fn count(n: usize, what: &str) -> String {
    let n_text = crate::text::grouped(n);
    if n == 1 { format!("1 {what}") } else { format!("{n_text} {what}s") }
}

/// The even sample of `n` of `len` positions, the first and the last among them.
fn even_sample(len: usize, n: usize) -> Box<dyn Iterator<Item = usize>> {
    if len <= n {
        return Box::new(0..len);
    }
    match n {
        0 => Box::new(std::iter::empty()),
        1 => Box::new(std::iter::once(0)),
        _ => Box::new((0..n).map(move |i| i * (len - 1) / (n - 1))),
    }
}

/// The part of an axis that is worth showing: a few trials that failed to learn would otherwise
/// flatten everything else. Cuts only at the bad end, far outside of the middle half, and never
/// anything in `keep`. Returns the range and the number of values outside of it.
fn focus(metric: &Metric, values: &[f64], keep: &[f64]) -> (Option<[f64; 2]>, usize) {
    let mut sorted: Vec<f64> = values.iter().chain(keep).copied().collect();
    sorted.sort_by(f64::total_cmp);
    let (Some(&low), Some(&high)) = (sorted.first(), sorted.last()) else {
        return (None, 0);
    };
    let quarter = |q: usize| sorted[(sorted.len() - 1) * q / 4];
    let reach = 2.0 * (quarter(3) - quarter(1));
    let (mut from, mut to) = (low, high);
    match metric.objective.direction {
        Direction::Maximize => {
            let fence = keep.iter().copied().fold(quarter(1) - reach, f64::min);
            from = sorted.iter().copied().find(|v| *v >= fence).unwrap_or(low);
        }
        Direction::Minimize => {
            let fence = keep.iter().copied().fold(quarter(3) + reach, f64::max);
            let within = sorted.iter().rev().copied().find(|v| *v <= fence);
            to = within.unwrap_or(high);
        }
    }
    let outside = values.iter().filter(|v| **v < from || **v > to).count();
    if outside == 0 || to <= from {
        return (None, 0);
    }
    let margin = 0.05 * (to - from);
    (Some([from - margin, to + margin]), outside)
}

/// The mark of the trial that the reader has picked.
fn picked(options: &PlotOptions, points: &[Point], run: usize) -> Option<Series> {
    let (selected_run, trial) = options.selected?;
    let point = points.iter().find(|point| point.trial == Some(trial))?;
    (selected_run == run).then(|| Series {
        name: format!("trial {trial}"),
        role: Role::Selected,
        run,
        points: vec![*point],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_plot_is_met_with_the_nearest() {
        assert_eq!(find("best_so_far").unwrap().id(), "best_so_far");
        let message = find("pareto-frontt").map(Plot::id).unwrap_err().to_string();
        assert!(message.contains("did you mean \"pareto_front\"?"), "{message}");
    }

    #[test]
    fn names_are_unique_and_sentences_end() {
        for (at, plot) in PLOTS.iter().enumerate() {
            assert!(PLOTS[..at].iter().all(|other| other.id() != plot.id()));
            assert!(plot.summary().ends_with('.'), "{}", plot.id());
        }
    }

    #[test]
    fn an_even_sample_keeps_both_ends() {
        assert_eq!(even_sample(3, 5).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(even_sample(101, 3).collect::<Vec<_>>(), [0, 50, 100]);
        assert_eq!(even_sample(9, 1).collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn focus_cuts_the_bad_end_only() {
        let mut metric = Metric {
            name: "a".into(),
            label: "a".into(),
            unit: String::new(),
            objective: Objective { metric: "a".into(), direction: Direction::Maximize },
        };
        let values = [10.0, 90.0, 91.0, 92.0, 93.0, 94.0];
        let (range, outside) = focus(&metric, &values, &[]);
        assert_eq!(outside, 1);
        assert!(range.unwrap()[0] > 85.0);
        assert_eq!(focus(&metric, &values, &[10.0]), (None, 0));
        metric.objective.direction = Direction::Minimize;
        assert_eq!(focus(&metric, &values, &[]), (None, 0));
        assert_eq!(focus(&metric, &[], &[]), (None, 0));
    }
}
