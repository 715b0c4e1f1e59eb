//! The entry of the desktop app; all else is in the library.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    match nascent_gui::run(nascent_gui::Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use std::io::Write as _;
            let _nobody_reads = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
