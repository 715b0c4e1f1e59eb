//! What the reader has picked: runs to show, one of them to look into, and trials of that.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use nascent_record::TrialId;

/// What the reader has picked. All panels show it, and each can change it.
#[derive(Default)]
pub(crate) struct Picked {
    /// The runs that figures show, each with the number of its color.
    shown: Vec<(PathBuf, usize)>,
    /// The run that tables and the overview show.
    focus: Option<PathBuf>,
    /// The trials of that run that are picked.
    pub(crate) trials: BTreeSet<TrialId>,
    /// The trial that was picked last.
    pub(crate) last: Option<TrialId>,
}

impl Picked {
    /// The runs that figures show, each with the number of its color.
    pub(crate) fn shown(&self) -> &[(PathBuf, usize)] {
        &self.shown
    }

    /// The run that tables and the overview show.
    pub(crate) fn focus(&self) -> Option<&Path> {
        self.focus.as_deref()
    }

    /// The number of a run's color, if it is shown.
    pub(crate) fn slot(&self, run: &Path) -> Option<usize> {
        self.shown.iter().find(|(shown, _)| shown == run).map(|(_, slot)| *slot)
    }

    /// Shows these runs and no others, and looks into the first.
    pub(crate) fn show_only(&mut self, runs: &[PathBuf]) {
        self.shown.clear();
        for run in runs {
            self.add(run);
        }
        self.look_into(runs.first().map(PathBuf::as_path));
    }

    /// Shows a run too, or no longer.
    pub(crate) fn toggle(&mut self, run: &Path) {
        if self.slot(run).is_none() {
            self.add(run);
            if self.focus.is_none() {
                self.look_into(Some(run));
            }
        } else {
            self.shown.retain(|(shown, _)| shown != run);
            if self.focus() == Some(run) {
                let next = self.shown.first().map(|(run, _)| run.clone());
                self.look_into(next.as_deref());
            }
        }
    }

    fn add(&mut self, run: &Path) {
        if self.slot(run).is_none() {
            // The lowest color that is free, so that the others keep theirs.
            let taken: BTreeSet<usize> = self.shown.iter().map(|(_, slot)| *slot).collect();
            let free = (0..=taken.len()).find(|slot| !taken.contains(slot)).unwrap_or(0);
            self.shown.push((run.to_owned(), free));
        }
    }

    /// Looks into a run; trials of another are no longer picked.
    pub(crate) fn look_into(&mut self, run: Option<&Path>) {
        if self.focus.as_deref() != run {
            self.focus = run.map(Path::to_owned);
            self.clear_trials();
        }
        if let Some(run) = run {
            self.add(run);
        }
    }

    /// Picks one trial and no other, of this run.
    pub(crate) fn pick(&mut self, run: &Path, trial: TrialId) {
        self.look_into(Some(run));
        self.trials = BTreeSet::from([trial]);
        self.last = Some(trial);
    }

    /// Picks a trial of the run in focus too, or no longer.
    pub(crate) fn toggle_trial(&mut self, trial: TrialId) {
        if self.trials.remove(&trial) {
            self.last = self.trials.last().copied();
        } else {
            self.trials.insert(trial);
            self.last = Some(trial);
        }
    }

    /// Picks no trial.
    pub(crate) fn clear_trials(&mut self) {
        self.trials.clear();
        self.last = None;
    }

    /// Forgets a run that is gone.
    pub(crate) fn keep(&mut self, exists: impl Fn(&Path) -> bool) {
        self.shown.retain(|(run, _)| exists(run));
        if self.focus().is_some_and(|run| !exists(run)) {
            let next = self.shown.first().map(|(run, _)| run.clone());
            self.look_into(next.as_deref());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_stay_while_runs_come_and_go() {
        let [a, b, c] = ["a", "b", "c"].map(PathBuf::from);
        let mut picked = Picked::default();
        picked.show_only(&[a.clone(), b.clone()]);
        assert_eq!((picked.slot(&a), picked.slot(&b)), (Some(0), Some(1)));
        picked.toggle(&a);
        assert_eq!(picked.focus(), Some(b.as_path()));
        picked.toggle(&c);
        assert_eq!((picked.slot(&b), picked.slot(&c)), (Some(1), Some(0)));
    }

    #[test]
    fn trials_belong_to_the_run_in_focus() {
        let [a, b] = ["a", "b"].map(PathBuf::from);
        let mut picked = Picked::default();
        picked.pick(&a, TrialId(3));
        picked.toggle_trial(TrialId(5));
        assert_eq!(picked.trials.len(), 2);
        picked.look_into(Some(&a));
        assert_eq!(picked.trials.len(), 2);
        picked.toggle_trial(TrialId(5));
        assert_eq!(picked.last, Some(TrialId(3)));
        picked.look_into(Some(&b));
        assert!(picked.trials.is_empty() && picked.last.is_none());
        picked.keep(|run| run == a.as_path());
        assert_eq!(picked.focus(), Some(a.as_path()));
    }
}
