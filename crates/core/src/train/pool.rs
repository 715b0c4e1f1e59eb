//! One thread for one training.

use std::sync::mpsc::{Receiver, Sender, channel};

use nascent_record::Metrics;

use crate::evaluate::{Flow, Reporter};
use crate::{Error, Result};

/// The stack of the training thread. The gradient walks the recorded operations recursively, and a
/// deep network is a long walk.
const STACK_BYTES: usize = 64 << 20;

enum Question {
    Report(u32, Metrics),
    Poll,
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
}

/// Runs a training in a thread pool of its own with one thread.
///
/// candle hands parts of a matrix product to the thread pool that it finds itself in. Here they run
/// one after the other on one core, whatever the pool of the caller: k trainings on k cores are
/// faster than one training on k cores.
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
