//! Trials of earlier runs, to begin a new one with.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use nascent_record::{Manifest, Origin, Proposal, Run, RunView, Trial};

/// What is taken over.
#[derive(Default)]
pub(crate) struct Imported {
    /// The trials with a result, of one run after another.
    pub(crate) trials: Vec<Trial>,
    /// The runs that they are of.
    runs: Vec<(PathBuf, RunView)>,
}

/// The complete trials of these runs.
pub(crate) fn read(runs: &[PathBuf]) -> Result<Imported> {
    let mut imported = Imported::default();
    for path in runs {
        let view = Run::open(path)?;
        let before = imported.trials.len();
        let complete = view.trials().iter().filter(|trial| trial.metrics().is_some());
        imported.trials.extend(complete.map(|trial| own(path, trial)));
        if imported.trials.len() == before {
            bail!("{} has no complete trial to begin with", path.display());
        }
        imported.runs.push((path.clone(), view));
    }
    Ok(imported)
}

/// The trial without what refers to other trials of its run.
fn own(run: &Path, trial: &Trial) -> Trial {
    let origin = Origin::Imported { run: run.display().to_string(), trial: trial.id };
    let mut proposal = Proposal::new(trial.proposal.architecture.clone()).with_origin(origin);
    proposal.fidelity = trial.proposal.fidelity;
    Trial { proposal, ..trial.clone() }
}

impl Imported {
    /// Checks that the new run can begin with them.
    pub(crate) fn check(&self, manifest: &Manifest, quiet: bool) -> Result<()> {
        for (path, view) in &self.runs {
            let (path, other) = (path.display(), view.manifest());
            if other.spec != manifest.spec {
                let (theirs, ours) = (&other.space.name, &manifest.space.name);
                bail!(
                    "--warm-start {path}: its search space ({theirs}) has other choices than this \
                     one ({ours}); begin with a run of the same space and settings"
                );
            }
            for objective in &manifest.goal.objectives {
                let lacks = |trial: &Trial| trial.metric(&objective.metric).is_none();
                let complete = view.trials().iter().filter(|trial| trial.metrics().is_some());
                let lacking = complete.clone().find(|trial| lacks(trial));
                if let Some(trial) = lacking {
                    let metric = &objective.metric;
                    bail!("--warm-start {path}: trial {} has no {metric}", trial.id);
                }
            }
            if other.data != manifest.data && !quiet {
                let (theirs, ours) = (&other.data.name, &manifest.data.name);
                let mut err = std::io::stderr().lock();
                writeln!(
                    err,
                    "warning: {path} was evaluated on other data ({theirs}, now {ours}); its \
                     results count as if they were of this"
                )
                .context("cannot write to the standard error")?;
            }
        }
        Ok(())
    }
}
