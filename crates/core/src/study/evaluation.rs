//! One evaluation, with everything that can go wrong in it turned into a record.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use nascent_record::{Clock, Failure, FailureKind, Metrics, Outcome, Spent, TrialLimits};

use crate::evaluate::{Evaluation, Evaluator, Flow, Job, Phase, Reporter};
use crate::{Error, Result};

/// How a trial ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// What came of it.
    pub outcome: Outcome,
    /// The epochs it trained.
    pub epochs: u32,
    /// What is to be kept of it.
    pub artifacts: BTreeMap<String, Vec<u8>>,
    /// What its time went to, without that of the searcher.
    pub spent: Spent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Running,
    Pruned,
    TimedOut,
    Interrupted,
}

/// A reporter that passes reports on, watches the clock, and remembers why it said stop.
pub struct Guard<'a, F> {
    clock: &'a dyn Clock,
    limits: TrialLimits,
    started_ms: u64,
    report: F,
    interrupted: Box<dyn Fn() -> bool + 'a>,
    verdict: Verdict,
    last_step: u32,
    phase: Phase,
    since_ms: u64,
    spent: Spent,
}

impl<'a, F: FnMut(u32, &Metrics) -> Flow> Guard<'a, F> {
    /// Reports go to `report`, which decides whether the trial goes on.
    pub fn new(clock: &'a dyn Clock, limits: TrialLimits, report: F) -> Self {
        let now_ms = clock.now_ms();
        Self {
            clock,
            limits,
            started_ms: now_ms,
            report,
            interrupted: Box::new(|| false),
            verdict: Verdict::Running,
            last_step: 0,
            phase: Phase::Evaluate,
            since_ms: now_ms,
            spent: Spent::default(),
        }
    }

    /// The same, which also stops, without a record, when `interrupted` says so.
    #[must_use]
    pub fn interrupted_by(mut self, interrupted: impl Fn() -> bool + 'a) -> Self {
        self.interrupted = Box::new(interrupted);
        self
    }

    fn check(&mut self) -> Flow {
        if self.verdict == Verdict::Running {
            let spent = self.clock.now_ms().saturating_sub(self.started_ms) as f64 / 1e3;
            if (self.interrupted)() {
                self.verdict = Verdict::Interrupted;
            } else if self.limits.max_trial_secs.is_some_and(|most| spent > most) {
                self.verdict = Verdict::TimedOut;
            }
        }
        if self.verdict == Verdict::Running { Flow::Continue } else { Flow::Stop }
    }
}

impl<F: FnMut(u32, &Metrics) -> Flow> Reporter for Guard<'_, F> {
    fn report(&mut self, step: u32, metrics: &Metrics) -> Flow {
        self.last_step = step;
        if self.check() == Flow::Continue && (self.report)(step, metrics) == Flow::Stop {
            self.verdict = Verdict::Pruned;
        }
        self.check()
    }

    fn poll(&mut self) -> Flow {
        self.check()
    }

    fn begin(&mut self, phase: Phase) {
        let now_ms = self.clock.now_ms();
        let passed = now_ms.saturating_sub(self.since_ms);
        match self.phase {
            Phase::Train => self.spent.train_ms += passed,
            Phase::Evaluate => self.spent.evaluate_ms += passed,
        }
        (self.phase, self.since_ms) = (phase, now_ms);
    }
}

/// Evaluates a job; a panic is an error.
pub(super) fn caught(
    evaluator: &dyn Evaluator,
    job: &Job<'_>,
    reporter: &mut dyn Reporter,
) -> Result<Evaluation> {
    let result = catch_unwind(AssertUnwindSafe(|| evaluator.evaluate(job, reporter)));
    result
        .unwrap_or_else(|panic| Err(Error::Panicked { message: panic_message(&*panic).to_owned() }))
}

/// Evaluates a job. An error or a panic is a failed trial; `None` is one that was interrupted and
/// has to be run again.
pub fn evaluate_guarded<F: FnMut(u32, &Metrics) -> Flow>(
    evaluator: &dyn Evaluator,
    job: &Job<'_>,
    guard: &mut Guard<'_, F>,
) -> Option<Ended> {
    let result = caught(evaluator, job, guard);
    guard.begin(Phase::Evaluate);
    let spent = guard.spent;
    let failed = |kind, message, epochs| {
        let outcome = Outcome::Failed(Failure { kind, message });
        Some(Ended { outcome, epochs, artifacts: BTreeMap::new(), spent })
    };
    let before = job.checkpoint.map_or(0, |checkpoint| checkpoint.epochs);
    let epochs = guard.last_step.saturating_sub(before);
    match (guard.verdict, result) {
        (Verdict::Interrupted, _) => None,
        (Verdict::TimedOut, _) => {
            let limit = guard.limits.max_trial_secs.unwrap_or_default();
            failed(FailureKind::Timeout, format!("it took more than {limit} s"), epochs)
        }
        (_, Err(error)) => failed(error.failure_kind(), error.to_string(), epochs),
        (verdict, Ok(Evaluation { metrics, epochs, artifacts })) => {
            let outcome = match verdict {
                Verdict::Pruned => Outcome::Pruned(metrics),
                _ => Outcome::Complete(metrics),
            };
            Some(Ended { outcome, epochs, artifacts, spent })
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
