//! One thread for one training.

use std::sync::mpsc::{Receiver, Sender, channel};

use nascent_record::Metrics;

use crate::evaluate::{Flow, Phase, Reporter};
use crate::{Error, Result};

/// Makes candle run each tensor operation on the thread that asks for it. Call it first in `main`.
///
/// candle would share each operation among all cores by a pool that the whole process has only one
/// of and that waits by spinning: trainings side by side then take turns, and one training of a
/// NAS-Bench-201 network on 28×28 images takes 2.6 times as long, measured on two cores. It reads
/// the number of threads once, from environment variables, so this sets them where a person has not.
///
/// It must be called before any other thread is started: that is the promise that changing the
/// environment needs.
pub fn one_thread_per_operation() {
    for variable in ["CANDLE_NUM_THREADS", "RAYON_NUM_THREADS"] {
        if std::env::var_os(variable).is_none() {
            #[expect(unsafe_code, reason = "candle has no other setting; no other thread runs yet")]
            // SAFETY: as documented, the process has one thread.
            unsafe {
                std::env::set_var(variable, "1");
            }
        }
    }
}

/// The stack of the training thread. The gradient walks the recorded operations recursively, and a
/// deep network is a long walk.
const STACK_BYTES: usize = 64 << 20;

enum Question {
    Report(u32, Metrics),
    Poll,
    Begin(Phase),
}

/// Takes questions of the training thread to the reporter, which stays on its own.
struct Remote {
    questions: Sender<Question>,
    answers: Receiver<Flow>,
}

impl Remote {
    fn ask(&self, question: Question) -> Flow {
        let sent = self.questions.send(question).is_ok();
        sent.then(|| self.answers.recv().ok()).flatten().unwrap_or(Flow::Stop)
    }
}

impl Reporter for Remote {
    fn report(&mut self, step: u32, metrics: &Metrics) -> Flow {
        self.ask(Question::Report(step, metrics.clone()))
    }
    fn poll(&mut self) -> Flow {
        self.ask(Question::Poll)
    }
    fn begin(&mut self, phase: Phase) {
        self.ask(Question::Begin(phase));
    }
}

/// Runs a training in a thread pool of its own with one thread.
///
/// candle hands parts of a matrix product to the thread pool that it finds itself in. Here they run
/// one after the other on one core, whatever the pool of the caller: k trainings on k cores are
/// faster than one training on k cores. Elementwise operations on large tensors do not use that
/// pool, but one of the process, see [`one_thread_per_operation`]; neither changes any result, for
/// the parts share no sum.
pub(crate) fn on_one_thread<T: Send>(
    reporter: &mut dyn Reporter,
    work: impl FnOnce(&mut dyn Reporter) -> Result<T> + Send,
) -> Result<T> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .stack_size(STACK_BYTES)
        .thread_name(|_| "nascent-train".to_owned())
        .build()
        .map_err(|e| Error::Thread(std::io::Error::other(e)))?;
    let (questions, asked) = channel();
    let (reply, answers) = channel();
    let mut remote = Remote { questions, answers };
    let mut result = None;
    pool.in_place_scope(|scope| {
        let result = &mut result;
        scope.spawn(move |_| *result = Some(work(&mut remote)));
        for question in asked {
            let flow = match question {
                Question::Report(step, metrics) => reporter.report(step, &metrics),
                Question::Poll => reporter.poll(),
                Question::Begin(phase) => {
                    reporter.begin(phase);
                    Flow::Continue
                }
            };
            if reply.send(flow).is_err() {
                break;
            }
        }
    });
    result.unwrap_or_else(|| {
        Err(Error::Thread(std::io::Error::other("the training thread ended without a result")))
    })
}
