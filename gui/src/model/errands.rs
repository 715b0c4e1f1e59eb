//! Small tasks that touch a disk or take long, and end with a command: what is to be said, or done next.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::Jobs;
use crate::command::Command;

/// A thread that does such tasks, one after another.
pub(crate) struct Errands {
    jobs: Jobs,
    answers: Sender<Command>,
    answered: Receiver<Command>,
    open: Cell<usize>,
}

impl Errands {
    /// Starts the thread.
    pub(crate) fn new(ctx: &egui::Context) -> std::io::Result<Self> {
        let (answers, answered) = channel();
        let jobs = Jobs::new(ctx, "nascent-gui-errands")?;
        Ok(Self { jobs, answers, answered, open: Cell::new(0) })
    }

    /// Does something in the background; its answer is carried out when it is there.
    pub(crate) fn start(&self, errand: impl FnOnce() -> Command + Send + 'static) {
        let answers = self.answers.clone();
        let run = move || {
            let done = catch_unwind(AssertUnwindSafe(errand));
            let _nobody_waits = answers.send(done.unwrap_or_else(|_panic| Command::Say {
                text: "That failed by a mistake of this program".to_owned(),
                bad: true,
            }));
        };
        self.open.set(self.open.get() + 1);
        if !self.jobs.start(true, run) {
            let text = "Too much is being done already; try again in a moment".to_owned();
            let _own_receiver_is_there = self.answers.send(Command::Say { text, bad: true });
        }
    }

    /// What is to be done of tasks that have ended.
    pub(crate) fn receive(&self) -> Vec<Command> {
        let commands: Vec<Command> = self.answered.try_iter().collect();
        self.open.set(self.open.get().saturating_sub(commands.len()));
        commands
    }

    /// Whether nothing is being done.
    pub(crate) fn is_idle(&self) -> bool {
        self.open.get() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_errand_has_an_answer_even_if_it_panics() {
        let errands = Errands::new(&egui::Context::default()).unwrap();
        errands.start(|| Command::Rescan);
        errands.start(|| panic!("an errand may"));
        let mut answers = Vec::new();
        while !errands.is_idle() {
            answers.extend(errands.receive());
            std::thread::yield_now();
        }
        assert_eq!(answers[0], Command::Rescan);
        assert!(matches!(&answers[1], Command::Say { bad: true, .. }));
    }
}
