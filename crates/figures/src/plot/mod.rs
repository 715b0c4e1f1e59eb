//! Plots: from runs to a [`Figure`].
//!
//! A plot is one file with one `impl` and one line in [`PLOTS`]. It takes any number of runs (one
//! run is a comparison of one) and either returns a figure or says in a sentence why there is
//! nothing to see yet. It neither draws nor knows a color.

mod alpha;
mod best_so_far;
mod bins;
mod choice_drift;
mod choice_importance;
mod choices;
mod contour;
mod controller;
mod early_ranking;
mod hypervolume;
mod learning_curves;
mod lineage;
mod metric;
mod overlap;
mod parallel_coordinates;
mod pareto_front;
mod progress;
mod rank_correlation;
mod relevance;
mod rows;
mod signal;
mod slice;
mod supernet;
mod surrogate;
mod target_time;
mod timeline;

use nascent_record::{RunView, TrialId, suggestion};

pub use self::pareto_front::COSTS;
pub use self::progress::Progress;

use crate::{Error, Figure, Point, Result, Role, Series};

/// Why there is nothing to see yet: the sentence shown in place of the picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotYet(pub String);

/// One number for several trials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Summary {
    /// Their mean.
    #[default]
    Mean,
    /// The best of them.
    Best,
}

/// What can be asked of a plot beside its metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// What the progress of a search is plotted against.
    Progress,
    /// The metric that the first is weighed against.
    Cost,
    /// The choices to look at.
    Choices,
    /// The number that the searcher logged.
    Signal,
    /// Whether the seeds of one setting become one series.
    Pool,
}

/// What a person can ask of a plot. Every plot takes all of it and uses what concerns it.
#[derive(Clone, Debug, PartialEq)]
pub struct PlotOptions {
    /// The metric to plot, if not the first objective.
    pub metric: Option<String>,
    /// The metric that it is weighed against, if not the first of the usual costs that trials have.
    pub cost: Option<String>,
    /// What the progress of a search is plotted against: the best so far, the hypervolume, the way to
    /// a target.
    pub progress: Progress,
    /// The choices to look at; where too few are named, the most important ones are added.
    pub choices: Vec<String>,
    /// What a cell of a contour says of its trials.
    pub summary: Summary,
    /// The value of the metric to reach; if absent, the best that every run has reached.
    pub target: Option<f64>,
    /// The number that the searcher logged, to be plotted as a signal; if absent, the first of those
    /// that tell the most.
    pub signal: Option<String>,
    /// Whether the seeds of one setting become one series: their median and the range of their middle
    /// half. Of plots that ask for it only, see [`Ask::Pool`].
    pub pool: bool,
    /// The number of the setting of each run, by position, which its series has where seeds are pooled;
    /// if absent, settings are numbered in the order of their first run.
    pub settings: Vec<usize>,
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
            choices: Vec::new(),
            summary: Summary::Mean,
            target: None,
            signal: None,
            pool: false,
            settings: Vec::new(),
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

    /// Which of its options it uses, beside the metric.
    fn asks(&self) -> &'static [Ask] {
        &[]
    }

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
    &hypervolume::Hypervolume,
    &choice_importance::ChoiceImportance,
    &slice::Slice,
    &contour::Contour,
    &parallel_coordinates::ParallelCoordinates,
    &choice_drift::ChoiceDrift,
    &timeline::Timeline,
    &lineage::Lineage,
    &signal::Signal,
    &surrogate::Surrogate,
    &relevance::Relevance,
    &controller::Controller,
    &supernet::Supernet,
    &alpha::Alpha,
    &rank_correlation::RankCorrelation,
    &early_ranking::EarlyRanking,
    &target_time::TargetTime,
    &overlap::Overlap,
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

/// The role of a run: the only one is what the search is after, several are told apart.
fn role_of(run: usize, runs: &[(&str, &RunView)]) -> Role {
    if runs.len() == 1 { Role::Best } else { Role::Series(run) }
}

/// The number of the setting of each run.
fn settings(runs: &[(&str, &RunView)], options: &PlotOptions) -> Vec<usize> {
    if options.settings.len() == runs.len() {
        return options.settings.clone();
    }
    let mut known: Vec<String> = Vec::new();
    let number = |(_, view): &(&str, &RunView)| {
        let setting = view.manifest().setting();
        known.iter().position(|other| *other == setting).unwrap_or_else(|| {
            known.push(setting);
            known.len() - 1
        })
    };
    runs.iter().map(number).collect()
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

/// What the first run that has it has, with the position of that run; of several, the run of the
/// picked trial comes first.
fn first_with<'r, T>(
    runs: &[(&str, &'r RunView)],
    options: &PlotOptions,
    find: impl Fn(&'r RunView) -> Option<T>,
) -> Result<Option<(usize, T)>, NotYet> {
    if runs.is_empty() {
        return Err(NotYet("Choose a run to see it here.".to_owned()));
    }
    let picked = options.selected.map(|(run, _)| run).filter(|run| *run < runs.len());
    let mut order = picked.into_iter().chain(0..runs.len());
    Ok(order.find_map(|run| Some((run, find(runs[run].1)?))))
}

/// Which of several runs a figure of one shows.
fn of_run(runs: &[(&str, &RunView)], run: usize) -> String {
    if runs.len() > 1 { format!("; of {}", runs[run].0) } else { String::new() }
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
}
