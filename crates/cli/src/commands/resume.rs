//! `nascent resume`: goes on where a run was interrupted, or with more budget.

use std::io::Write;

use anyhow::Result;
use nascent::study::Parts;
use nascent_record::{DirectoryStore, SystemClock};
use nascent_session::data;

use super::Status;
use super::search::{budget, workers};
use super::session::{Begin, Session};
use crate::args::{BudgetArgs, ResumeArgs};

/// Runs the command.
pub(crate) fn run(args: &ResumeArgs, out: &mut dyn Write) -> Result<Status> {
    let (store, view) = DirectoryStore::open(&args.run, Box::new(SystemClock))?;
    let resources = data::reopen(view.manifest(), args.data_dir.as_deref(), args.file.as_deref())?;
    let budget = budget(&args.budget, view.budget());
    // Limits that are given anew let a search go on that was over.
    let go_on = args.budget != BudgetArgs::default() || view.finish_reason().is_none();
    if !args.quiet {
        let (ended, run) = (view.finished_trials(), args.run.display());
        writeln!(std::io::stderr(), "resuming {run} after {ended} trials")?;
    }
    let session = Session {
        directory: args.run.clone(),
        workers: workers(args.workers),
        budget,
        quiet: args.quiet,
        json: args.json,
    };
    let parts = Parts::from_manifest(view.manifest(), &resources)?;
    let begin = if go_on { Begin::Interrupted } else { Begin::Over };
    session.run(store, view, parts, begin, out)
}
