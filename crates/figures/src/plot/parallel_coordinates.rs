//! Every trial as a line across its choices and what came of it.

use nascent_record::analysis::choice_importance;
use nascent_record::{Choice, Domain, RunView, Trial, TrialId, Value};

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
        let mut sorted = values.clone();
        sorted.sort_by(|a, b| {
            metric
                .objective
                .direction
                .oriented(*a)
                .total_cmp(&metric.objective.direction.oriented(*b))
        });
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let margin = if high > low { 0.03 * (high - low) } else { 0.5 };
        let (range, outside) = focus(&metric, &values, &[]);
        let range = range.unwrap_or([low - margin, high + margin]);

        let mut axes: Vec<Axis> = choices.iter().map(|choice| axis(choice)).collect();
        axes.push(Axis::new(metric.label.clone()).range(Some(range)));
        let thread = |view: &RunView, trial: &Trial, value: f64| {
            // Trials of one option are spread by how good they are, so that they can be told apart.
            let rank = sorted.partition_point(|other| metric.better(value, *other));
            let rank = (rank as f64 + 0.5) / sorted.len() as f64;
            let mut values: Vec<f64> = choices
                .iter()
                .map(|choice| {
                    let at = view.manifest().spec.position(&choice.name);
                    let of = at.and_then(|at| trial.proposal.architecture.values().get(at));
                    place(choice, of.copied().flatten(), rank)
                })
                .collect();
            values.push(value);
            Thread {
                trial: trial.id,
                values,
            }
        };
        let mut bundles = Vec::new();
        let mut shown = 0;
        let mut best: Option<(usize, &Trial, f64)> = None;
        for (run, ((name, view), trials)) in std::iter::zip(runs, &trials).enumerate() {
            let mut ranked: Vec<usize> = (0..trials.len()).collect();
            ranked.sort_by(|&a, &b| {
                let score = |at: usize| metric.objective.direction.oriented(trials[at].1);
                score(b).total_cmp(&score(a)).then(a.cmp(&b))
            });
            if let Some(&first) = ranked.first() {
                let (trial, value) = trials[first];
                if best.is_none_or(|(_, _, known)| metric.better(value, known)) {
                    best = Some((run, trial, value));
                }
            }
            let budget = (options.max_lines / runs.len()).max(1);
            let top = trials.len().div_ceil(10).min(budget / 2).max(1);
            let rest = even_sample(ranked.len() - top.min(ranked.len()), budget - top);
            let rest: Vec<usize> = rest.map(|at| ranked[top + at]).collect();
            let mut bundle = |name: &str, role, members: &[usize]| {
                shown += members.len();
                let threads = members.iter().rev().map(|&at| {
                    let (trial, value) = trials[at];
                    thread(view, trial, value)
                });
                bundles.push(Bundle {
                    name: name.to_owned(),
                    role,
                    run,
                    threads: threads.collect(),
                });
            };
            let best_few = &ranked[..top.min(ranked.len())];
            if runs.len() == 1 {
                bundle("other trials", Role::Muted, &rest);
                if best_few.len() > 1 {
                    bundle("best tenth", Role::Series(0), best_few);
                }
            } else {
                bundle(name, Role::Series(run), &[best_few, &rest].concat());
            }
        }
        let mut single = |name: String, role, run: usize, trial: TrialId| {
            if let Some((trial, value)) = trials[run].iter().find(|(t, _)| t.id == trial) {
                let threads = vec![thread(runs[run].1, trial, *value)];
                bundles.push(Bundle {
                    name,
                    role,
                    run,
                    threads,
                });
            }
        };
        if let Some((run, trial, value)) = best {
            let name = format!("best: trial {}, {}", trial.id, metric.text(value));
            single(name, Role::Best, run, trial.id);
        }
        if let Some((run, trial)) = options.selected.filter(|(run, _)| *run < runs.len()) {
            single(format!("trial {trial}"), Role::Selected, run, trial);
        }
        let mut subtitle = if shown < total {
            format!("{shown} of {}", count(total, "complete trial"))
        } else {
            count(total, "complete trial")
        };
        if choices.len() < all {
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
                    importances
                        .iter()
                        .position(|i| i.choice == choice.name)
                        .unwrap_or(usize::MAX)
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
    if log {
        low / (high / low).powf(0.2).max(1.1)
    } else {
        low - 0.2 * (high - low).max(1e-9)
    }
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
    let tick = |at: f64, label: &str| Tick {
        at,
        label: label.to_owned(),
    };
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
        Domain::Integer {
            low,
            high,
            step,
            log,
        } => {
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
            let middle = if *log {
                (low * high).sqrt()
            } else {
                low + (high - low) / 2.0
            };
            ticks.extend([*low, middle, *high].map(number));
            numeric(*low, *high, *log)
        }
    };
    let numeric = !matches!(choice.domain, Domain::Categorical { .. });
    let low = if optional && numeric {
        inactive(choice)
    } else {
        low
    };
    ticks.dedup_by(|a, b| a.at == b.at);
    Axis {
        label: choice.name.clone(),
        scale,
        ticks: Some(ticks),
        range: Some(if high > low {
            [low, high]
        } else {
            [low - 0.5, high + 0.5]
        }),
    }
}

fn numeric(low: f64, high: f64, log: bool) -> (Scale, f64, f64) {
    let scale = if log { Scale::Log } else { Scale::Linear };
    (scale, low, high)
}
