//! How far a search had come with each of its trials.

use nascent_record::{Outcome, RunView, Trial};

use crate::Axis;

/// What the progress of a search is plotted against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// The number of the trial.
    #[default]
    Trials,
    /// The training epochs of all trials together.
    Epochs,
    /// The metric `cost_secs` of all trials together: simulated or measured seconds.
    Cost,
    /// The time since the run began.
    WallClock,
}

/// The finished trials with how far the search had come with each, in that order.
pub(super) fn walk(view: &RunView, progress: Progress) -> Vec<(f64, &Trial)> {
    let mut finished: Vec<&Trial> = view.trials().iter().filter(|t| t.is_finished()).collect();
    if progress == Progress::WallClock {
        finished.sort_by_key(|trial| (trial.finished_ms, trial.id));
    }
    let begin = view.span_ms().map_or(0, |(first, _)| first);
    let mut sum = 0.0;
    let mut counted = false;
    let mut steps = Vec::with_capacity(finished.len());
    for trial in finished {
        let x = match progress {
            Progress::Trials => f64::from(trial.id.0),
            Progress::Epochs => {
                sum += f64::from(trial.epochs);
                sum
            }
            Progress::Cost => {
                let cost = match &trial.outcome {
                    Some(Outcome::Complete(m) | Outcome::Pruned(m)) => m.get("cost_secs"),
                    _ => None,
                };
                counted |= cost.is_some();
                sum += cost.unwrap_or(0.0);
                sum
            }
            Progress::WallClock => {
                let ended = trial.finished_ms.unwrap_or(begin);
                ended.saturating_sub(begin) as f64 / 1000.0
            }
        };
        steps.push((x, trial));
    }
    if progress == Progress::Cost && !counted {
        steps.clear();
    }
    steps
}

/// A unit in which the latest of some times reads well: how many seconds it has, and its name.
pub(super) fn time_unit(latest_secs: f64) -> (f64, &'static str) {
    match latest_secs {
        t if t > 3.0 * 86_400.0 => (86_400.0, "days"),
        t if t > 3.0 * 3600.0 => (3600.0, "h"),
        t if t > 300.0 => (60.0, "min"),
        _ => (1.0, "s"),
    }
}

impl Progress {
    /// The axis of it, with this label; of whole numbers where it counts something.
    pub(super) fn axis(self, label: String) -> Axis {
        match self {
            Self::Trials | Self::Epochs => Axis::new(label).whole(),
            Self::Cost | Self::WallClock => Axis::new(label),
        }
    }
}

/// The unit of the x axis, in what [`walk`] counts, and the axis' label.
pub(super) fn x_unit(progress: Progress, latest: f64) -> (f64, String) {
    let (secs, unit) = time_unit(latest);
    match progress {
        Progress::Trials => (1.0, "trial".to_owned()),
        Progress::Epochs => (1.0, "training epochs of all trials".to_owned()),
        Progress::Cost => (secs, format!("evaluation time of all trials ({unit})")),
        Progress::WallClock => (secs, format!("time since the start ({unit})")),
    }
}
