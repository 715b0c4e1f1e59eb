//! What has become of a run.

use nascent_record::{FinishReason, Outcome, RunView};

/// What has become of a run, as far as its folder tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    /// A process writes it.
    Running,
    /// It ended by itself.
    Finished,
    /// Nobody writes it, and it has not ended: it can be resumed.
    Interrupted,
    /// Nobody writes it, and all trials that ended have failed.
    Failed,
    /// It cannot be read.
    Unreadable,
}

impl Status {
    /// The status of a run that can be read; `live` is whether somebody holds the writer's lock.
    pub(crate) fn of(view: &RunView, live: bool) -> Self {
        let mut ended = view.trials().iter().filter_map(|trial| trial.outcome.as_ref()).peekable();
        let failed = ended.peek().is_some() && ended.all(|o| matches!(o, Outcome::Failed(_)));
        match (live, view.finish_reason()) {
            (true, _) => Self::Running,
            (false, _) if failed => Self::Failed,
            (false, Some(_)) => Self::Finished,
            (false, None) => Self::Interrupted,
        }
    }

    /// One word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
            Self::Unreadable => "unreadable",
        }
    }

    /// What the word means, and what one can do.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Running => "A process is writing this run; the app follows it.",
            Self::Finished => {
                "The search ended by itself: its budget is spent, or there is nothing new to propose."
            }
            Self::Interrupted => {
                "Nobody is writing this run, and it has not ended. `nascent resume` goes on with it."
            }
            Self::Failed => "All trials that ended have failed; the trials table has the reasons.",
            Self::Unreadable => "This run cannot be read to its end.",
        }
    }
}

/// Why a search is over, in words.
pub(crate) fn reason(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::MaxTrials => "the budget of trials is spent",
        FinishReason::MaxEpochs => "the budget of epochs is spent",
        FinishReason::MaxCost => "the budget of cost is spent",
        FinishReason::MaxWallClock => "the budget of time is spent",
        FinishReason::Exhausted => "there is nothing more to propose",
        FinishReason::Other => "for a reason that this version does not know",
    }
}
