//! The loop over several workers: threads evaluate, one coordinator asks, tells and logs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::time::Duration;

use nascent_record::{
    Control, Event, FinishReason, Metrics, Proposal, RunFinished, RunView, TrialId,
};

use super::{Beginning, Ended, Guard, Next, Study, evaluate_guarded, job};
use crate::evaluate::{Flow, Job};
use crate::{Error, Result};

/// How a study is run.
pub struct RunOptions<'a> {
    /// The number of worker threads, at least 1. It has no influence on the results; more than the
    /// lookahead find nothing to do, and are not started.
    pub workers: u32,
    /// Raised from outside to end the run at the next step of each trial.
    pub stop: &'a AtomicBool,
    /// Called after every event, and a few times each second.
    pub observe: &'a mut dyn FnMut(&RunView),
}

/// Why [`Study::run`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// The search is over.
    Finished(FinishReason),
    /// It was stopped from outside; the run can be resumed.
    Interrupted,
}

enum Message {
    Report { trial: TrialId, step: u32, metrics: Metrics, reply: Sender<Flow> },
    Ended { worker: usize, trial: TrialId, ended: Option<Ended> },
}

struct Task {
    trial: TrialId,
    proposal: Proposal,
    beginning: Beginning,
}

impl Study {
    /// Runs trials on worker threads until the search is over, `options.stop` is raised, or the store
    /// says that a person asks for the end. While one asks for a pause, no new trial begins.
    ///
    /// # Errors
    /// As [`Study::next_trial`]. Trials that are open then are run again when the run is resumed.
    pub fn run(&mut self, options: &mut RunOptions<'_>) -> Result<Stopped> {
        let useful = options.workers.min(self.view.manifest().lookahead);
        let workers = useful.max(1) as usize;
        let halt = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let (results, inbox) = mpsc::channel();
            let mut tasks = Vec::with_capacity(workers);
            for worker in 0..workers {
                let (sender, receiver) = mpsc::sync_channel::<Task>(1);
                let runner = Runner {
                    worker,
                    space: Arc::clone(&self.parts.space),
                    evaluator: Arc::clone(&self.parts.evaluator),
                    clock: Arc::clone(&self.clock),
                    seed: self.seed,
                    limits: self.view.manifest().limits,
                    keep_checkpoints: self.parts.searcher.resumes_trials(),
                    results: results.clone(),
                    halt: &halt,
                    stop: options.stop,
                };
                std::thread::Builder::new()
                    .name(format!("nascent-worker-{worker}"))
                    .spawn_scoped(scope, move || runner.work(&receiver))
                    .map_err(Error::Thread)?;
                tasks.push(sender);
            }
            drop(results);
            let outcome = self.coordinate(&tasks, &inbox, options, &halt);
            // Whatever happened: the workers stop at their next step, and the scope waits for them.
            halt.store(true, Ordering::Relaxed);
            outcome
        })
    }

    fn coordinate(
        &mut self,
        tasks: &[SyncSender<Task>],
        inbox: &Receiver<Message>,
        options: &mut RunOptions<'_>,
        halt: &AtomicBool,
    ) -> Result<Stopped> {
        let mut idle: Vec<usize> = (0..tasks.len()).rev().collect();
        let mut late = false;
        // What was told to halt stays so: a stop that is taken back would begin it again and again.
        let mut told_to_stop = false;
        loop {
            let asked = self.store.control();
            if asked == Control::Stop {
                told_to_stop = true;
                halt.store(true, Ordering::Relaxed);
            }
            let stopped = options.stop.load(Ordering::Relaxed) || told_to_stop;
            let stopping = late || stopped;
            let resting = stopping || asked == Control::Pause;
            while !resting && !idle.is_empty() {
                match self.next_unless(&|| options.stop.load(Ordering::Relaxed))? {
                    Next::Finished(reason) => {
                        (options.observe)(&self.view);
                        return Ok(Stopped::Finished(reason));
                    }
                    Next::Trained => (options.observe)(&self.view),
                    Next::Wait => break,
                    Next::Evaluate(trial, proposal) => {
                        if let Some(worker) = idle.pop() {
                            let beginning = self.beginning(trial, &proposal)?;
                            let task = Task { trial, proposal, beginning };
                            let sent = tasks[worker].send(task);
                            sent.map_err(|_gone| worker_gone())?;
                        }
                    }
                }
            }
            (options.observe)(&self.view);
            if stopping && idle.len() == tasks.len() {
                if !late {
                    return Ok(Stopped::Interrupted);
                }
                let reason = FinishReason::MaxWallClock;
                self.emit(Event::RunFinished(RunFinished { reason }))?;
                return Ok(Stopped::Finished(reason));
            }
            match inbox.recv_timeout(Duration::from_millis(100)) {
                Ok(Message::Report { trial, step, metrics, reply }) => {
                    let flow = self.report(trial, step, metrics)?;
                    // A worker that is gone does not wait for the answer.
                    let _gone = reply.send(flow);
                }
                Ok(Message::Ended { worker, trial, ended }) => {
                    idle.push(worker);
                    if let Some(ended) = ended {
                        self.finish(trial, ended)?;
                    } else {
                        self.interrupted.push_back(trial);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(worker_gone()),
            }
            if !late && self.out_of_time() {
                late = true;
                halt.store(true, Ordering::Relaxed);
            }
        }
    }
}

fn worker_gone() -> Error {
    Error::Thread(std::io::Error::other("a worker thread ended by itself"))
}

/// What a worker thread owns.
struct Runner<'a> {
    worker: usize,
    space: Arc<dyn crate::space::SearchSpace>,
    evaluator: Arc<dyn crate::evaluate::Evaluator>,
    clock: Arc<dyn nascent_record::Clock>,
    seed: crate::Seed,
    limits: nascent_record::TrialLimits,
    keep_checkpoints: bool,
    results: Sender<Message>,
    halt: &'a AtomicBool,
    stop: &'a AtomicBool,
}

impl Runner<'_> {
    fn work(&self, tasks: &Receiver<Task>) {
        let halted = || self.halt.load(Ordering::Relaxed) || self.stop.load(Ordering::Relaxed);
        while let Ok(Task { trial, proposal, beginning }) = tasks.recv() {
            let job = Job {
                checkpoint: beginning.checkpoint(),
                weights: beginning.weights.as_deref(),
                keep_checkpoint: self.keep_checkpoints,
                ..job(&*self.space, trial, &proposal, self.seed, self.limits)
            };
            let (reply, answer) = mpsc::channel();
            let report = |step, metrics: &Metrics| {
                let (metrics, reply) = (metrics.clone(), reply.clone());
                let sent = self.results.send(Message::Report { trial, step, metrics, reply });
                // The coordinator answers at once, or has given up and raised `halt`.
                while sent.is_ok() && !self.halt.load(Ordering::Relaxed) {
                    match answer.recv_timeout(Duration::from_millis(50)) {
                        Ok(flow) => return flow,
                        Err(RecvTimeoutError::Timeout) => {}
                        Err(RecvTimeoutError::Disconnected) => break,
                    }
                }
                Flow::Continue // `halted` stops it at the check that follows
            };
            let mut guard = Guard::new(&*self.clock, self.limits, report).interrupted_by(halted);
            let ended = evaluate_guarded(&*self.evaluator, &job, &mut guard);
            drop(guard);
            let message = Message::Ended { worker: self.worker, trial, ended };
            if self.results.send(message).is_err() {
                return;
            }
        }
    }
}
