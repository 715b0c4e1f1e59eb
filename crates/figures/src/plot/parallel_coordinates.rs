//! Every trial as a line across its choices and what came of it.

use nascent_record::{Choice, RunView, Trial};

use super::choices::{Common, axis, place};
use super::metric::{Metric, focus};
use super::{Ask, NotYet, Plot, PlotOptions, count, even_sample};
use crate::{Axis, Bundle, Figure, Mark, Parallel, Role, Thread};

/// More axes than this cannot be read; the most important choices are kept.
const MOST: usize = 11;

/// See the module.
pub(super) struct ParallelCoordinates;

impl Plot for ParallelCoordinates {
    fn id(&self) -> &'static str {
        "parallel_coordinates"
    }

    fn title(&self) -> &'static str {
        "Parallel coordinates"
    }

    fn summary(&self) -> &'static str {
        "Every trial as a line across its choices and what came of it."
    }

    fn asks(&self) -> &'static [Ask] {
        &[Ask::Choices]
    }

    fn figure(&self, runs: &[(&str, &RunView)], options: &PlotOptions) -> Result<Figure, NotYet> {
        let metric = Metric::main(runs, options)?;
        let trials: Vec<Vec<(&Trial, f64)>> =
            runs.iter().map(|(_, view)| metric.trials(view)).collect();
        let total = trials.iter().map(Vec::len).sum::<usize>();
        if total == 0 {
            let problem = "No trial is complete yet: every complete trial is a line here.";
            return Err(NotYet(problem.to_owned()));
        }
        let common = Common::of(runs, &metric, options)?;
        let all = common.choices.len();
        let mut choices = common.most_important(MOST);
        choices.sort_by_key(|choice| common.position(choice));
        let values: Vec<f64> = trials.iter().flatten().map(|(_, value)| *value).collect();
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let margin = if high > low { 0.03 * (high - low) } else { 0.5 };
        let (range, outside) = focus(&metric, &values, &[]);
        let range = range.unwrap_or([low - margin, high + margin]);
        let mut axes: Vec<Axis> = choices.iter().map(|choice| axis(choice)).collect();
        axes.push(Axis::new(metric.label.clone()).range(Some(range)));

        let weaver = Weaver::new(runs, &metric, choices, values);
        let mut bundles: Vec<Bundle> = Vec::new();
        for (run, (name, _)) in runs.iter().enumerate() {
            let budget = (options.max_lines / runs.len()).max(2);
            bundles.extend(weaver.bundles(run, name, &trials[run], budget));
        }
        let shown: usize = bundles.iter().map(|bundle| bundle.threads.len()).sum();
        bundles.extend(weaver.best(&trials));
        if let Some((run, trial)) = options.selected.filter(|(run, _)| *run < runs.len()) {
            let found = trials[run].iter().find(|(known, _)| known.id == trial);
            let name = format!("trial {trial}");
            bundles.extend(found.map(|found| weaver.single(name, Role::Selected, run, *found)));
        }
        let mut subtitle = if shown < total {
            format!("{shown} of {}", count(total, "complete trial"))
        } else {
            count(total, "complete trial")
        };
        if weaver.choices.len() < all {
            subtitle = format!("{subtitle}; the {MOST} most important of {all} choices");
        }
        if outside > 0 {
            let outside = count(outside, "trial");
            subtitle = format!("{subtitle}; {outside} worse than the axis shows");
        }
        Ok(Figure {
            title: self.title().to_owned(),
            subtitle,
            x: Axis::default(),
            y: Axis::default(),
            marks: vec![Mark::Parallel(Parallel { axes, bundles })],
        })
    }
}

/// Makes threads of trials.
struct Weaver<'a> {
    runs: &'a [(&'a str, &'a RunView)],
    metric: &'a Metric,
    choices: Vec<&'a Choice>,
    /// All values of the metric, from the worst on.
    values: Vec<f64>,
}

impl<'a> Weaver<'a> {
    fn new(
        runs: &'a [(&'a str, &'a RunView)],
        metric: &'a Metric,
        choices: Vec<&'a Choice>,
        mut values: Vec<f64>,
    ) -> Self {
        let oriented = |value| metric.objective.direction.oriented(value);
        values.sort_by(|a, b| oriented(*a).total_cmp(&oriented(*b)));
        Self { runs, metric, choices, values }
    }

    fn thread(&self, run: usize, (trial, value): (&Trial, f64)) -> Thread {
        // Trials of one option are spread by how good they are, so that they can be told apart.
        let rank = self.values.partition_point(|other| self.metric.better(value, *other));
        let rank = (rank as f64 + 0.5) / self.values.len() as f64;
        let spec = &self.runs[run].1.manifest().spec;
        let at = |choice: &&Choice| {
            let value = spec.position(&choice.name);
            let value = value.and_then(|at| trial.proposal.architecture.values().get(at));
            place(choice, value.copied().flatten(), rank)
        };
        Thread { trial: trial.id, values: self.choices.iter().map(at).chain([value]).collect() }
    }

    /// The trials of a run, at most `budget`: the best tenth is drawn denser than the others.
    fn bundles(
        &self,
        run: usize,
        name: &str,
        trials: &[(&Trial, f64)],
        budget: usize,
    ) -> Vec<Bundle> {
        let mut ranked = trials.to_vec();
        let score = |value| self.metric.objective.direction.oriented(value);
        ranked.sort_by(|a, b| score(b.1).total_cmp(&score(a.1)).then(a.0.id.cmp(&b.0.id)));
        let (top, rest) = ranked.split_at(ranked.len().div_ceil(10));
        let bundle =
            |name: &str, role, threads| Bundle { name: name.to_owned(), role, run, threads };
        // The best are drawn last, on top.
        let sample = |of: &[(&Trial, f64)], most| -> Vec<Thread> {
            let mut threads: Vec<Thread> =
                even_sample(of.len(), most).map(|at| self.thread(run, of[at])).collect();
            threads.reverse();
            threads
        };
        let top = sample(top, budget / 2);
        let rest = sample(rest, budget - top.len());
        if self.runs.len() > 1 {
            let threads = rest.into_iter().chain(top).collect();
            return vec![bundle(name, Role::Series(run), threads)];
        }
        vec![bundle("other trials", Role::Muted, rest), bundle("best tenth", Role::Series(0), top)]
    }

    /// The best trial of all runs.
    fn best(&self, trials: &[Vec<(&Trial, f64)>]) -> Option<Bundle> {
        let mut best: Option<(usize, (&Trial, f64))> = None;
        for (run, trials) in trials.iter().enumerate() {
            for &trial in trials {
                if best.is_none_or(|(_, known)| self.metric.better(trial.1, known.1)) {
                    best = Some((run, trial));
                }
            }
        }
        let (run, (trial, value)) = best?;
        let name = format!("best: trial {}, {}", trial.id, self.metric.text(value));
        Some(self.single(name, Role::Best, run, (trial, value)))
    }

    fn single(&self, name: String, role: Role, run: usize, trial: (&Trial, f64)) -> Bundle {
        Bundle { name, role, run, threads: vec![self.thread(run, trial)] }
    }
}
