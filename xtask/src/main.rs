//! `cargo xtask …`: what developers and CI run.

mod cuda;
mod docs;
mod golden;
mod latency;
mod nextest;
mod notebooks;
mod optuna;
mod python;
mod sanitize;
mod statistics;
mod supernets;
mod test;
mod torch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What developers and CI run
#[derive(Parser)]
#[command(bin_name = "cargo xtask", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check everything: format, lints, documentation, tests; cheapest first
    Test(test::Args),
    /// Test the kernels with AddressSanitizer, which sees reads and writes outside of memory
    Sanitize(sanitize::Args),
    /// Test the kernel in a real Jupyter, and run the notebooks in it
    TestNotebooks(notebooks::Args),
    /// Compile the training on NVIDIA GPUs, without one and without CUDA
    CheckCuda(cuda::Args),
    /// Write the reference tables of the documentation anew, from the tables of the code
    Docs(docs::Args),
    /// Write the numbers anew that a test has from PyTorch: a step of DARTS of either order
    Golden,
    /// Measure our searchers beside Optuna's samplers
    BenchOptuna(optuna::Args),
    /// Measure our operations and trainings beside PyTorch's
    BenchTorch(torch::Args),
    /// Measure how long a person waits for our kernel, beside the stock one of evcxr
    BenchKernel(latency::Args),
    /// Measure which architectures the searchers with a supernet end with
    BenchSupernets(supernets::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Test(args) => test::run(&args),
        Command::Sanitize(args) => sanitize::run(&args),
        Command::TestNotebooks(args) => notebooks::run(&args),
        Command::CheckCuda(args) => cuda::run(&args),
        Command::Docs(args) => docs::run(&args),
        Command::Golden => golden::run(),
        Command::BenchOptuna(args) => optuna::run(&args),
        Command::BenchTorch(args) => torch::run(&args),
        Command::BenchKernel(args) => latency::run(&args),
        Command::BenchSupernets(args) => supernets::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// A line for the person at the terminal, in order with what the steps themselves print there.
fn say(line: &str) {
    use std::io::Write as _;
    let _nobody_reads = writeln!(std::io::stderr(), "{line}");
}
