//! The `nascent` command: search, resume, show, compare and export neural architecture searches.

mod args;
mod commands;
mod interrupt;
mod output;
mod progress;
mod report;
mod values;
mod warm_start;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, Command};
use crate::commands::Status;

fn main() -> ExitCode {
    nascent::train::one_thread_per_operation();
    quiet_workers();
    let cli = Cli::parse();
    let mut out = io::stdout().lock();
    let result = run(&cli.command, &mut out).and_then(|status| {
        out.flush()?;
        Ok(status)
    });
    match result {
        Ok(Status::Done) => ExitCode::SUCCESS,
        // As a shell reports a process that an interrupt ended.
        Ok(Status::Interrupted) => ExitCode::from(130),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _nobody_reads = writeln!(io::stderr(), "error: {}", explain(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command, out: &mut dyn io::Write) -> anyhow::Result<Status> {
    match command {
        Command::Search(args) => return commands::search::run(args, out),
        Command::Resume(args) => return commands::resume::run(args, out),
        Command::RankCorrelation(args) => return commands::rank_correlation::run(args, out),
        Command::Runs(args) => commands::runs::run(args, out)?,
        Command::Show(args) => commands::show::run(args, out)?,
        Command::Best(args) => commands::best::run(args, out)?,
        Command::Plot(args) => commands::plot::run(args, out)?,
        Command::Draw(args) => commands::draw::run(args, out)?,
        Command::Compare(args) => commands::compare::run(args, out)?,
        Command::Export(args) => commands::export::run(args, out)?,
        Command::Report(args) => commands::report::run(args, out)?,
        Command::List(args) => commands::list::run(args, out)?,
        Command::Datasets(args) => commands::datasets::run(args, out)?,
        Command::Bench(args) => commands::bench::run(args, out)?,
        Command::Latency(args) => commands::latency::run(args, out)?,
        Command::Gui(args) => commands::gui::run(args)?,
        Command::Kernel(args) => commands::kernel::run(args, out)?,
    }
    Ok(Status::Done)
}

/// A panic in a thread of ours is a failed trial, which the run records; it is no noise on the terminal.
fn quiet_workers() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let thread = std::thread::current();
        if !thread.name().is_some_and(|name| name.starts_with("nascent-")) {
            usual(info);
        }
    }));
}

/// An error with its causes, less those that it names itself.
fn explain(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>());
    io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
