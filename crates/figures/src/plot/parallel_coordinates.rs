//! Every trial as a line across its choices and what came of it.

use nascent_record::analysis::choice_importance;
use nascent_record::{Choice, Domain, RunView, Trial, Value};

use super::{Metric, NotYet, Plot, PlotOptions, count, even_sample, focus};
use crate::{Axis, Bundle, Figure, Mark, Parallel, Role, Scale, Thread, Tick};

/// More axes than this cannot be read; the most important choices are kept.
const MOST: usize = 11;

/// The name of the place where a choice does not apply.
const INACTIVE: &str = "inactive";

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

    fn figure(&self, runs: &[(&str, &RunView)], options: &PlotOptions) -> Result<Figure, NotYet> {
        let metric = Metric::main(runs, options)?;
        let trials: Vec<Vec<(&Trial, f64)>> =
            runs.iter().map(|(_, view)| metric.trials(view)).collect();
        let total = trials.iter().map(Vec::len).sum::<usize>();
        if total == 0 {
            let problem = "No trial is complete yet: every complete trial is a line here.";
            return Err(NotYet(problem.to_owned()));
        }
        let (choices, all) = choices(runs, &metric)?;
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

/// The choices that all runs have, at most [`MOST`], in the order of the space; and how many all are.
fn choices<'r>(
    runs: &[(&str, &'r RunView)],
    metric: &Metric,
) -> Result<(Vec<&'r Choice>, usize), NotYet> {
    let [(_, first), others @ ..] = runs else {
        return Ok((Vec::new(), 0));
    };
    let spec = &first.manifest().spec;
    let mut choices: Vec<&Choice> = spec
        .choices()
        .iter()
        .filter(|choice| {
            others.iter().all(|(_, view)| {
                let spec = &view.manifest().spec;
                let at = spec.position(&choice.name);
                at.is_some_and(|at| spec.choices()[at].domain == choice.domain)
            })
        })
        .collect();
    if choices.is_empty() {
        return Err(NotYet("These runs have no choice in common.".to_owned()));
    }
    let all = choices.len();
    if all > MOST {
        match choice_importance(first, &metric.objective) {
            Ok(importances) => {
                let rank = |choice: &Choice| {
                    importances.iter().position(|i| i.choice == choice.name).unwrap_or(usize::MAX)
                };
                let mut ranks: Vec<usize> = choices.iter().map(|choice| rank(choice)).collect();
                ranks.sort_unstable();
                let worst = ranks[MOST - 1];
                choices.retain(|choice| rank(choice) <= worst);
                choices.truncate(MOST);
            }
            Err(_too_few_trials) => choices.truncate(MOST),
        }
    }
    Ok((choices, all))
}

/// Where a choice that does not apply is placed: below everything.
fn inactive(choice: &Choice) -> f64 {
    match choice.domain {
        Domain::Categorical { .. } => -1.0,
        Domain::Integer { low, high, log, .. } => below(low as f64, high as f64, log),
        Domain::Float { low, high, log } => below(low, high, log),
    }
}

fn below(low: f64, high: f64, log: bool) -> f64 {
    if log { low / (high / low).powf(0.2).max(1.1) } else { low - 0.2 * (high - low).max(1e-9) }
}

fn place(choice: &Choice, value: Option<Value>, rank: f64) -> f64 {
    let spread = match choice.domain {
        Domain::Categorical { .. } => 0.5 * (rank - 0.5),
        _ => 0.0,
    };
    match value {
        None => inactive(choice) + spread,
        Some(Value::Int(i)) => i as f64 + spread,
        Some(Value::Float(x)) => x,
    }
}

fn axis(choice: &Choice) -> Axis {
    let optional = choice.when.is_some();
    let tick = |at: f64, label: &str| Tick { at, label: label.to_owned() };
    let mut ticks = Vec::new();
    if optional {
        ticks.push(tick(inactive(choice), INACTIVE));
    }
    let number = |value: f64| tick(value, &crate::text::number(value));
    let (scale, low, high) = match &choice.domain {
        Domain::Categorical { options } => {
            let names = options.iter().enumerate();
            ticks.extend(names.map(|(at, name)| tick(at as f64, name)));
            let least = if optional { -1.5 } else { -0.5 };
            (Scale::Linear, least, options.len() as f64 - 0.5)
        }
        Domain::Integer { low, high, step, log } => {
            let n = (high - low) / step;
            let stride = (n / 8 + 1) * step;
            let mut value = *low;
            while value <= *high {
                ticks.push(number(value as f64));
                let Some(next) = value.checked_add(stride) else {
                    break;
                };
                value = next;
            }
            numeric(*low as f64, *high as f64, *log)
        }
        Domain::Float { low, high, log } => {
            if *log {
                let decades = low.log10().ceil() as i32..=high.log10().floor() as i32;
                let powers = decades.map(|e| 10_f64.powi(e));
                let inner = powers.filter(|p| p / low > 1.5 && high / p > 1.5);
                ticks.extend([*low].into_iter().chain(inner).chain([*high]).map(number));
            } else {
                ticks.extend([*low, low + (high - low) / 2.0, *high].map(number));
            }
            numeric(*low, *high, *log)
        }
    };
    let numeric = !matches!(choice.domain, Domain::Categorical { .. });
    let low = if optional && numeric { inactive(choice) } else { low };
    ticks.dedup_by(|a, b| a.at == b.at);
    Axis {
        label: choice.name.clone(),
        scale,
        ticks: Some(ticks),
        range: Some(if high > low { [low, high] } else { [low - 0.5, high + 0.5] }),
    }
}

fn numeric(low: f64, high: f64, log: bool) -> (Scale, f64, f64) {
    let scale = if log { Scale::Log } else { Scale::Linear };
    (scale, low, high)
}
