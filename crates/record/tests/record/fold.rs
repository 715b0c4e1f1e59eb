//! The fold and the hash of the history, over arbitrary logs.

use std::fs;

use nascent_record::{
    Budget, Event, Failure, FailureKind, FinishReason, Logged, Manifest, Metrics, Outcome,
    Retrained, Run, RunFinished, RunReader, RunStore as _, RunView, SessionStarted, TrialId, Value,
};
use proptest::prelude::*;

use crate::common::{
    clock, complete, finished, fold, log, metrics, plain, reported, small, started,
};

/// Any finite number, the extreme ones among them.
fn number() -> impl Strategy<Value = f64> {
    use prop::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
    prop_oneof![
        4 => NORMAL | SUBNORMAL | ZERO | POSITIVE | NEGATIVE,
        1 => prop::sample::select(vec![f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, -0.0]),
    ]
}

fn some_metrics() -> impl Strategy<Value = Metrics> {
    let names = ["valid_accuracy", "params", "latency_ms", "a \"name\"\n", "ü"];
    prop::collection::vec((prop::sample::select(names.to_vec()), number()), 0..4)
        .prop_map(|values| Metrics::new(values).unwrap())
}

#[derive(Clone, Debug)]
enum Step {
    Session,
    Start(i64),
    Report(prop::sample::Index, Metrics),
    Finish(prop::sample::Index, Outcome),
    Retrain(prop::sample::Index, Metrics),
    Over,
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<prop::sample::Index>;
    let outcome = prop_oneof![
        4 => some_metrics().prop_map(Outcome::Complete),
        1 => some_metrics().prop_map(Outcome::Pruned),
        1 => any::<String>().prop_map(|message| {
            let kind = FailureKind::Diverged;
            Outcome::Failed(Failure { kind, message })
        }),
    ];
    prop_oneof![
        1 => Just(Step::Session),
        4 => (0..100_i64).prop_map(Step::Start),
        4 => (index(), some_metrics()).prop_map(|(at, metrics)| Step::Report(at, metrics)),
        3 => (index(), outcome).prop_map(|(at, outcome)| Step::Finish(at, outcome)),
        1 => (index(), some_metrics()).prop_map(|(at, metrics)| Step::Retrain(at, metrics)),
        1 => Just(Step::Over),
    ]
}

/// A log that makes sense: a session interrupts the open trials, which are then run again.
fn events(manifest: &Manifest, steps: Vec<Step>) -> Vec<Event> {
    let x = |x| manifest.spec.build(|_, _| Value::Int(x)).unwrap();
    let (mut log, mut trials, mut open) = (vec![session()], Vec::new(), Vec::<u32>::new());
    for step in steps {
        match step {
            Step::Session => {
                log.push(session());
                log.extend(open.iter().map(|&id| started(id, x(trials[id as usize]))));
            }
            Step::Start(value) => {
                let id = trials.len() as u32;
                log.push(started(id, x(value)));
                trials.push(value);
                open.push(id);
            }
            Step::Report(at, metrics) if !open.is_empty() => {
                log.push(reported(*at.get(&open), log.len() as u32, metrics));
            }
            Step::Finish(at, outcome) if !open.is_empty() => {
                log.push(finished(open.swap_remove(at.index(open.len())), outcome));
            }
            Step::Retrain(at, metrics) if !trials.is_empty() => {
                log.push(Event::Retrained(Retrained {
                    trial: TrialId(at.index(trials.len()) as u32),
                    metrics,
                    epochs: 9,
                    artifacts: std::collections::BTreeMap::new(),
                }));
            }
            Step::Over => {
                log.push(Event::RunFinished(RunFinished { reason: FinishReason::MaxTrials }));
            }
            Step::Report(..) | Step::Finish(..) | Step::Retrain(..) => {}
        }
    }
    log
}

fn session() -> Event {
    Event::SessionStarted(SessionStarted {
        version: "1".into(),
        workers: 1,
        budget: Budget::default(),
    })
}

fn log_of_steps() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(step(), 1..40).prop_map(|steps| events(&plain(), steps))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_a_prefix_says_stays_true(events in log_of_steps(), cut in any::<prop::sample::Index>()) {
        let whole = fold(&plain(), events.clone());
        let prefix = fold(&plain(), events[..cut.index(events.len())].to_vec());
        for trial in prefix.trials() {
            let later = &whole.trials()[trial.id.index()];
            prop_assert_eq!(&later.proposal, &trial.proposal);
            if trial.is_finished() {
                prop_assert_eq!(later, trial);
            } else {
                prop_assert!(later.attempts >= trial.attempts);
            }
        }
        prop_assert!(whole.retrained().starts_with(prefix.retrained()));
        prop_assert!(whole.sessions() >= prefix.sessions());
    }

    #[test]
    fn what_is_written_is_read_wherever_a_reader_comes_in(
        events in log_of_steps(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 3),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let manifest = plain();
        let mut store =
            nascent_record::DirectoryStore::create(dir.path(), &manifest, clock()).unwrap();
        let mut view = RunView::new(manifest);
        for (event, line) in events.into_iter().zip(1..) {
            view.apply(store.append(event).unwrap(), line).unwrap();
        }
        prop_assert_eq!(&Run::open(dir.path()).unwrap(), &view);
        // The same file, growing by parts that end anywhere.
        let bytes = fs::read(log(dir.path())).unwrap();
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        ends.sort_unstable();
        ends.push(bytes.len());
        fs::write(log(dir.path()), b"").unwrap();
        let mut reader = RunReader::open(dir.path()).unwrap();
        for end in ends {
            fs::write(log(dir.path()), &bytes[..end]).unwrap();
            reader.refresh().unwrap();
        }
        prop_assert_eq!(reader.view(), &view);
        prop_assert_eq!(reader.view().history_hash(), view.history_hash());
    }

    #[test]
    fn metrics_come_back_bit_by_bit(all in prop::collection::vec(some_metrics(), 1..20)) {
        let dir = tempfile::tempdir().unwrap();
        drop(small(dir.path()));
        let (mut store, view) =
            nascent_record::DirectoryStore::open(dir.path(), clock()).unwrap();
        let x = view.manifest().spec.parse("x=1").unwrap();
        store.append(started(1, x)).unwrap();
        for (metrics, step) in all.iter().zip(1..) {
            store.append(reported(1, step, metrics.clone())).unwrap();
        }
        let view = Run::open(dir.path()).unwrap();
        for (report, wrote) in view.trials()[1].curve.iter().zip(&all) {
            let bits = |metrics: &Metrics| -> Vec<(String, u64)> {
                metrics.iter().map(|(name, x)| (name.to_owned(), x.to_bits())).collect()
            };
            prop_assert_eq!(bits(&report.metrics), bits(wrote));
        }
    }

    #[test]
    fn the_hash_is_of_what_happened_not_of_when(
        events in log_of_steps(),
        times in prop::collection::vec(0..1_000_000_u64, 1..9),
    ) {
        let view = fold(&plain(), events.clone());
        let mut other = RunView::new(plain());
        let mut at = 0;
        let mut apply = |event: Option<Event>| {
            let at_ms = times[at % times.len()];
            at += 1;
            other.apply(Logged { at_ms, event }, 0).unwrap();
        };
        for event in events {
            if let Event::TrialStarted(again) = &event {
                // A first attempt that a crash interrupted.
                apply(Some(event.clone()));
                apply(Some(reported(again.trial.0, 1, metrics(&[("valid_loss", 9.0)]))));
                apply(None);
                apply(Some(session()));
            }
            apply(Some(event));
        }
        prop_assert_eq!(other.history_hash(), view.history_hash());
        let (first, last) = other.span_ms().unwrap();
        prop_assert!(first <= last);
    }
}

#[test]
fn the_hash_tells_any_other_history_apart() {
    let manifest = plain();
    let x = |text| manifest.spec.parse(text).unwrap();
    let history = |architecture, curve: f64, outcome: Outcome| {
        let report = metrics(&[("valid_accuracy", curve), ("latency_ms", 3.0)]);
        let events = [
            started(0, x(architecture)),
            reported(0, 1, report),
            finished(0, outcome),
            started(1, x("x=5")), // open: not yet part of the history
        ];
        fold(&manifest, events).history_hash()
    };
    let done = |accuracy, latency| {
        Outcome::Complete(metrics(&[("valid_accuracy", accuracy), ("latency_ms", latency)]))
    };
    let failed = |kind, message: &str| {
        let message = message.to_owned();
        Outcome::Failed(Failure { kind, message })
    };
    let base = history("x=1", 0.5, done(0.75, 2.0));
    assert_eq!(base, history("x=1", 0.5, done(0.75, 9.0)), "measured");
    let next = f64::from_bits(0.75_f64.to_bits() + 1);
    let pruned = Outcome::Pruned(metrics(&[("valid_accuracy", 0.75), ("latency_ms", 2.0)]));
    let broken = history("x=1", 0.5, failed(FailureKind::Error, "here"));
    assert_eq!(broken, history("x=1", 0.5, failed(FailureKind::Error, "there")),);
    let mut all = vec![
        base,
        history("x=2", 0.5, done(0.75, 2.0)),
        history("x=1", 0.25, done(0.75, 2.0)),
        history("x=1", 0.5, done(next, 2.0)),
        history("x=1", 0.5, pruned),
        broken,
        history("x=1", 0.5, failed(FailureKind::Panic, "here")),
        fold(&manifest, []).history_hash(),
    ];
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 8);
}

#[test]
fn an_event_that_does_not_follow_changes_nothing() {
    let manifest = plain();
    let x = |text| manifest.spec.parse(text).unwrap();
    let result = || metrics(&[("valid_accuracy", 0.5)]);
    let view = complete(&manifest, &[(x("x=1"), result())]);
    let other = crate::common::manifest(vec![nascent_record::Choice::integer("y", 0, 200)]);
    let mut seen = Vec::new();
    for event in [
        started(0, x("x=1")),
        started(2, x("x=1")),
        started(1, other.spec.parse("y=150").unwrap()),
        reported(0, 2, result()),
        reported(1, 1, result()),
        finished(0, Outcome::Complete(result())),
        finished(7, Outcome::Complete(result())),
        Event::Retrained(Retrained {
            trial: TrialId(1),
            metrics: result(),
            epochs: 1,
            artifacts: std::collections::BTreeMap::new(),
        }),
    ] {
        let mut changed = view.clone();
        let event = Some(event);
        let at_ms = 1_000_000;
        let error = changed.apply(Logged { at_ms, event }, 3).unwrap_err();
        seen.push(error.to_string());
        assert_eq!(changed, view);
    }
    insta::assert_snapshot!("inconsistent_events", seen.join("\n"));
}
