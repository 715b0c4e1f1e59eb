//! Runs as data frames.

use std::collections::BTreeSet;

use nascent_record::{Architecture, Domain, Metrics, Outcome, RunView, Trial, Value};
use polars::prelude::{Column, DataFrame, NamedFrom, Series};

use crate::error::{Error, Result};

/// One row per trial, in their order.
///
/// The columns are `trial`, `status` (running, complete, pruned or failed), `failure` (its kind), one column per choice
/// under its name (an option's name or a number; empty where the choice does not apply), `fidelity_epochs` (as proposed),
/// `epochs` (as trained), one column per metric under its name, `parents` (numbers separated by spaces), `resume_from`,
/// `attempts`, and `duration_secs` of the last attempt. A pruned trial has the metrics it was stopped with. A choice or
/// metric whose name is taken gets `choice_` or `metric_` before it.
pub fn trials(view: &RunView) -> Result<DataFrame> {
    let trials = view.trials();
    let mut frame = Builder::reserving(&[
        "trial",
        "status",
        "failure",
        "fidelity_epochs",
        "epochs",
        "parents",
        "resume_from",
        "attempts",
        "duration_secs",
    ]);
    frame.push("trial", numbers(trials, |trial| Some(trial.id.0)));
    frame.push("status", trials.iter().map(Trial::status).collect::<Vec<_>>());
    frame.push(
        "failure",
        texts(trials, |trial| match &trial.outcome {
            Some(Outcome::Failed(failure)) => Some(failure.kind.to_string()),
            _ => None,
        }),
    );
    let architectures = trials.iter().map(|trial| Some(&trial.proposal.architecture));
    frame.push_choices(view, &architectures.collect::<Vec<_>>());
    frame.push(
        "fidelity_epochs",
        numbers(trials, |trial| trial.proposal.fidelity.map(|fidelity| fidelity.epochs)),
    );
    frame.push("epochs", numbers(trials, |trial| trial.is_finished().then_some(trial.epochs)));
    let results: Vec<Option<&Metrics>> = trials
        .iter()
        .map(|trial| match &trial.outcome {
            Some(Outcome::Complete(metrics) | Outcome::Pruned(metrics)) => Some(metrics),
            Some(Outcome::Failed(_)) | None => None,
        })
        .collect();
    frame.push_metrics(view, &results);
    frame.push(
        "parents",
        texts(trials, |trial| {
            let parents: Vec<String> =
                trial.proposal.parents.iter().map(ToString::to_string).collect();
            (!parents.is_empty()).then(|| parents.join(" "))
        }),
    );
    frame.push(
        "resume_from",
        numbers(trials, |trial| trial.proposal.resume_from.map(|from| from.0)),
    );
    frame.push("attempts", numbers(trials, |trial| Some(trial.attempts)));
    let durations: Vec<Option<f64>> = trials
        .iter()
        .map(|trial| {
            let end = trial.finished_ms?;
            Some(end.saturating_sub(trial.started_ms) as f64 / 1000.0)
        })
        .collect();
    frame.push("duration_secs", durations);
    frame.build(trials.len())
}

/// One row per point of a learning curve: `trial`, `step`, and one column per metric.
pub fn curves(view: &RunView) -> Result<DataFrame> {
    let points: Vec<_> = view
        .trials()
        .iter()
        .flat_map(|trial| trial.curve.iter().map(move |report| (trial.id.0, report)))
        .collect();
    let mut frame = Builder::reserving(&["trial", "step"]);
    frame.push("trial", points.iter().map(|(trial, _)| *trial).collect::<Vec<u32>>());
    frame.push("step", points.iter().map(|(_, report)| report.step).collect::<Vec<u32>>());
    let metrics: Vec<_> = points.iter().map(|(_, report)| Some(&report.metrics)).collect();
    frame.push_metrics(view, &metrics);
    frame.build(points.len())
}

/// One row per architecture that was trained again after the search: `trial`, `epochs`, and one column per metric.
pub fn retrained(view: &RunView) -> Result<DataFrame> {
    let rows = view.retrained();
    let mut frame = Builder::reserving(&["trial", "epochs"]);
    frame.push("trial", rows.iter().map(|row| row.trial.0).collect::<Vec<u32>>());
    frame.push("epochs", rows.iter().map(|row| row.epochs).collect::<Vec<u32>>());
    let metrics: Vec<_> = rows.iter().map(|row| Some(&row.metrics)).collect();
    frame.push_metrics(view, &metrics);
    frame.build(rows.len())
}

/// One row per epoch in which the searcher trained something of its own, such as a supernet: `epoch`, one column per
/// choice of the architecture that it would have proposed then, and one column per number that it logged. A choice or
/// number whose name is taken gets `choice_` or `signal_` before it.
pub fn searcher_epochs(view: &RunView) -> Result<DataFrame> {
    let epochs = view.searcher_epochs();
    let mut frame = Builder::reserving(&["epoch"]);
    frame.push("epoch", epochs.iter().map(|trained| trained.epoch).collect::<Vec<u32>>());
    let derived: Vec<_> = epochs.iter().map(|trained| trained.architecture.as_ref()).collect();
    frame.push_choices(view, &derived);
    let names: BTreeSet<&str> = epochs
        .iter()
        .flat_map(|trained| trained.signals.scalars.iter().map(|(name, _)| name))
        .collect();
    for signal in names {
        let values: Vec<Option<f64>> =
            epochs.iter().map(|trained| trained.signals.scalars.get(signal)).collect();
        let name = frame.free("signal_", signal);
        frame.push(&name, values);
    }
    frame.build(epochs.len())
}

fn numbers(trials: &[Trial], number: impl Fn(&Trial) -> Option<u32>) -> Vec<Option<u32>> {
    trials.iter().map(number).collect()
}

fn texts(trials: &[Trial], text: impl Fn(&Trial) -> Option<String>) -> Vec<Option<String>> {
    trials.iter().map(text).collect()
}

/// Columns with different names.
struct Builder {
    columns: Vec<Column>,
    taken: BTreeSet<String>,
}

impl Builder {
    fn reserving(names: &[&str]) -> Self {
        Self { columns: Vec::new(), taken: names.iter().map(|name| (*name).to_owned()).collect() }
    }

    /// A name that no other column has: `name`, with `prefix` before it while that is taken.
    fn free(&mut self, prefix: &str, name: &str) -> String {
        let mut name = name.to_owned();
        while !self.taken.insert(name.clone()) {
            name.insert_str(0, prefix);
        }
        name
    }

    fn push<T, P: ?Sized>(&mut self, name: &str, values: T)
    where
        Series: NamedFrom<T, P>,
    {
        self.columns.push(Column::new(name.into(), values));
    }

    /// One column per choice, of the architecture of each row that has one.
    fn push_choices(&mut self, view: &RunView, rows: &[Option<&Architecture>]) {
        for (at, choice) in view.manifest().spec.choices().iter().enumerate() {
            let name = self.free("choice_", &choice.name);
            let values = rows.iter().map(|row| row.and_then(|row| *row.values().get(at)?));
            match &choice.domain {
                domain @ Domain::Categorical { .. } => {
                    let options = values.map(|value| value.map(|value| domain.text(value)));
                    self.push(&name, options.collect::<Vec<Option<String>>>());
                }
                Domain::Integer { .. } => {
                    let whole = values.map(|value| match value {
                        Some(Value::Int(number)) => Some(number),
                        _ => None,
                    });
                    self.push(&name, whole.collect::<Vec<Option<i64>>>());
                }
                Domain::Float { .. } => {
                    let real = values.map(|value| match value? {
                        Value::Float(number) => Some(number),
                        Value::Int(number) => Some(number as f64),
                    });
                    self.push(&name, real.collect::<Vec<Option<f64>>>());
                }
            }
        }
    }

    /// One column per metric that a row has, declared ones first.
    fn push_metrics(&mut self, view: &RunView, rows: &[Option<&Metrics>]) {
        let declared: Vec<&str> =
            view.manifest().metrics.iter().map(|metric| metric.name.as_str()).collect();
        let found: BTreeSet<&str> = rows
            .iter()
            .flatten()
            .flat_map(|metrics| metrics.iter())
            .map(|(name, _)| name)
            .collect();
        let others = found.iter().copied().filter(|name| !declared.contains(name));
        for metric in declared.iter().copied().filter(|name| found.contains(name)).chain(others) {
            let values: Vec<Option<f64>> =
                rows.iter().map(|row| row.and_then(|metrics| metrics.get(metric))).collect();
            let name = self.free("metric_", metric);
            self.push(&name, values);
        }
    }

    fn build(self, rows: usize) -> Result<DataFrame> {
        DataFrame::new(rows, self.columns)
            .map_err(|source| Error::Frame { action: "build a data frame of the run", source })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use nascent_record::{
        Architecture, Choice, Condition, Event, Failure, FailureKind, Fidelity, Logged, Manifest,
        MetricSpec, Proposal, Retrained, SCHEMA, SearcherTrained, Signals, Spec, TrialFinished,
        TrialId, TrialReported, TrialStarted,
    };
    use serde_json::json;

    use super::*;

    fn spec() -> Spec {
        Spec::new(vec![
            Choice::categorical("op", ["conv", "pool"]),
            Choice::integer("depth", 1, 4).when(Condition::OneOf {
                choice: "op".to_owned(),
                options: vec!["conv".to_owned()],
            }),
            Choice::float("rate", 0.0, 1.0),
            // Names that are taken.
            Choice::integer("epochs", 1, 9),
            Choice::integer("loss", 1, 9),
        ])
        .unwrap()
    }

    /// As JSON, so that a new field with a default is no work here.
    fn manifest() -> Manifest {
        let mut manifest = json!({
            "schema": SCHEMA,
            "created_ms": 0,
            "spec": spec(),
            "metrics": [
                MetricSpec::maximize("valid_accuracy", ""),
                MetricSpec::minimize("loss", ""),
            ],
            "objectives": [{ "metric": "valid_accuracy", "direction": "maximize" }],
            "seed": 1,
            "lookahead": 1,
            "budget": {},
        });
        for part in ["space", "searcher", "evaluator", "pruner", "data"] {
            manifest[part] = json!({ "name": part });
        }
        serde_json::from_value(manifest).unwrap()
    }

    fn architecture(conv: bool, rate: f64) -> Architecture {
        spec()
            .build(|at, _| match at {
                0 => Value::Int(i64::from(!conv)),
                2 => Value::Float(rate),
                _ => Value::Int(3),
            })
            .unwrap()
    }

    fn view() -> RunView {
        let mut view = RunView::new(manifest());
        let mut line = 0;
        let mut apply = |event: Event| {
            line += 1;
            view.apply(Logged { at_ms: line * 500, event: Some(event) }, line).unwrap();
        };
        let started = |trial: u32, proposal: Proposal| {
            Event::TrialStarted(TrialStarted {
                trial: TrialId(trial),
                proposal,
                told: trial,
                state: None,
                weights: None,
            })
        };
        let reported = |trial: u32, step: u32, loss: f64| {
            let metrics = Metrics::new([("loss", loss)]).unwrap();
            Event::TrialReported(TrialReported { trial: TrialId(trial), step, metrics })
        };
        let finished = |trial: u32, epochs: u32, outcome: Outcome| {
            Event::TrialFinished(TrialFinished {
                trial: TrialId(trial),
                outcome,
                epochs,
                artifacts: BTreeMap::new(),
                spent: None,
            })
        };
        let metrics =
            |accuracy: f64| Metrics::new([("valid_accuracy", accuracy), ("params", 9.0)]).unwrap();
        apply(started(0, Proposal::new(architecture(true, 0.5))));
        apply(reported(0, 1, 2.5));
        apply(reported(0, 2, 1.5));
        apply(finished(0, 2, Outcome::Complete(metrics(0.75))));
        let mut child = Proposal::new(architecture(false, 0.25));
        child.parents = vec![TrialId(0)];
        child.fidelity = Some(Fidelity { epochs: 4 });
        child.resume_from = Some(TrialId(0));
        apply(started(1, child));
        apply(reported(1, 1, 3.5));
        apply(finished(1, 1, Outcome::Pruned(Metrics::new([("loss", 3.5)]).unwrap())));
        let child =
            Proposal::new(architecture(true, 1.0)).with_parents(vec![TrialId(0), TrialId(1)]);
        apply(started(2, child));
        let failure = Failure { kind: FailureKind::Diverged, message: "loss is NaN".to_owned() };
        apply(finished(2, 0, Outcome::Failed(failure)));
        apply(started(3, Proposal::new(architecture(false, 0.0))));
        apply(Event::Retrained(Retrained {
            trial: TrialId(0),
            metrics: Metrics::new([("test_accuracy", 0.875)]).unwrap(),
            epochs: 100,
            artifacts: BTreeMap::new(),
        }));
        view
    }

    #[test]
    fn trials_have_choices_and_metrics_by_name() {
        let text = crate::to_csv_string(&trials(&view()).unwrap()).unwrap();
        assert_eq!(
            text,
            "trial,status,failure,op,depth,rate,choice_epochs,loss,fidelity_epochs,epochs,\
             valid_accuracy,metric_loss,params,parents,resume_from,attempts,duration_secs\n\
             0,complete,,conv,3,0.5,3,3,,2,0.75,,9.0,,,1,1.5\n\
             1,pruned,,pool,,0.25,3,3,4,1,,3.5,,0,0,1,1.0\n\
             2,failed,diverged,conv,3,1.0,3,3,,0,,,,0 1,,1,0.5\n\
             3,running,,pool,,0.0,3,3,,,,,,,,1,\n"
        );
    }

    #[test]
    fn curves_have_a_row_per_report() {
        let text = crate::to_csv_string(&curves(&view()).unwrap()).unwrap();
        assert_eq!(text, "trial,step,loss\n0,1,2.5\n0,2,1.5\n1,1,3.5\n");
    }

    #[test]
    fn retrained_architectures_have_their_own_frame() {
        let text = crate::to_csv_string(&retrained(&view()).unwrap()).unwrap();
        assert_eq!(text, "trial,epochs,test_accuracy\n0,100,0.875\n");
    }

    #[test]
    fn epochs_of_a_searcher_have_the_derived_architecture_and_its_numbers() {
        let mut view = RunView::new(manifest());
        for (epoch, derived) in [(1, None), (2, Some(architecture(true, 0.5)))] {
            let mut signals = Signals::default().with("train_loss", f64::from(epoch) / 4.0);
            if epoch == 2 {
                signals = signals.with("epochs", 8.0);
            }
            let trained = SearcherTrained {
                epoch,
                epochs: 2,
                told: 0,
                architecture: derived,
                signals,
                state: None,
            };
            let event = Some(Event::SearcherTrained(trained));
            view.apply(Logged { at_ms: 0, event }, u64::from(epoch)).unwrap();
        }
        let text = crate::to_csv_string(&searcher_epochs(&view).unwrap()).unwrap();
        let expected = "epoch,op,depth,rate,epochs,loss,signal_epochs,train_loss\n1,,,,,,,0.25\n\
                        2,conv,3,0.5,3,3,8.0,0.5\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_run_without_trials_has_the_same_columns_but_for_metrics() {
        let empty = RunView::new(manifest());
        let frame = trials(&empty).unwrap();
        assert_eq!(frame.height(), 0);
        let names: Vec<String> = frame.get_column_names().iter().map(ToString::to_string).collect();
        assert!(names.starts_with(&["trial", "status", "failure", "op"].map(str::to_owned)));
        assert_eq!(crate::to_json_string(&frame).unwrap(), "[]\n");
        assert_eq!(crate::to_csv_string(&curves(&empty).unwrap()).unwrap(), "trial,step\n");
    }

    #[test]
    fn a_frame_of_a_run_survives_both_formats() {
        let frame = trials(&view()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for name in ["t.csv", "t.parquet"] {
            let path = folder.path().join(name);
            crate::write(&frame, &path).unwrap();
            let table = crate::read_table(&path).unwrap();
            assert_eq!(table.rows(), 4);
            assert_eq!(table.columns().len(), frame.width());
            let accuracy = table.column("valid_accuracy").unwrap().numbers().unwrap();
            assert_eq!(accuracy, [Some(0.75), None, None, None]);
        }
    }
}
