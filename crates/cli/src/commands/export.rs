//! `nascent export`: trials as data.

use std::io::Write;

use anyhow::{Result, bail};
use nascent_record::Run;

use crate::args::ExportArgs;

/// Runs the command.
pub(crate) fn run(args: &ExportArgs, out: &mut dyn Write) -> Result<()> {
    let view = Run::open(&args.run)?;
    let frame = if args.curves {
        nascent_frames::curves(&view)?
    } else if args.searcher_epochs {
        if view.searcher_epochs().is_empty() {
            let searcher = &view.manifest().searcher.name;
            bail!(
                "{} has no epochs of a searcher: {searcher} has trained nothing of its own",
                args.run.display()
            );
        }
        nascent_frames::searcher_epochs(&view)?
    } else {
        nascent_frames::trials(&view)?
    };
    match &args.output {
        Some(path) => {
            nascent_frames::write(&frame, path)?;
            writeln!(std::io::stderr(), "{} rows written to {}", frame.height(), path.display())?;
        }
        None => write!(out, "{}", nascent_frames::to_csv_string(&frame)?)?,
    }
    Ok(())
}
