//! `nascent report`: the page of a run, written anew.

use std::io::Write;

use anyhow::Result;
use nascent_record::Run;

use crate::args::ReportArgs;
use crate::report;

/// Runs the command.
pub(crate) fn run(args: &ReportArgs, out: &mut dyn Write) -> Result<()> {
    report::write(&args.run, &Run::open(&args.run)?)?;
    writeln!(out, "{}", args.run.join(report::FILE).display())?;
    Ok(())
}
