//! `nascent export`: trials as data.

use std::io::Write;

use anyhow::Result;
use nascent_record::Run;

use crate::args::ExportArgs;

/// Runs the command.
pub(crate) fn run(args: &ExportArgs, out: &mut dyn Write) -> Result<()> {
    let view = Run::open(&args.run)?;
    let frame =
        if args.curves { nascent_frames::curves(&view)? } else { nascent_frames::trials(&view)? };
    match &args.output {
        Some(path) => {
            nascent_frames::write(&frame, path)?;
            writeln!(std::io::stderr(), "{} rows written to {}", frame.height(), path.display())?;
        }
        None => write!(out, "{}", nascent_frames::to_csv_string(&frame)?)?,
    }
    Ok(())
}
