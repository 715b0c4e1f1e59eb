//! `cargo xtask test`: the one command that says whether all is well.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;

use xtask::binary::{cargo, cargo_at};

use crate::{nextest, say};

/// What can be said to `cargo xtask test`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask test                            everything, as CI does
  cargo xtask test --only fmt --only clippy   before a commit
  cargo xtask test --keep-going               all that is broken, not only the first
One test alone:
  cargo nextest run -p nascent NAME
cargo-nextest is installed into target/tools if there is none. The first build takes long: polars
and candle are large, and candle is optimized even for tests. The notebooks need Python 3 with venv,
and compile the toolkit once more, as cells have it; without Python they are skipped.")]
pub(crate) struct Args {
    /// Run only this step; repeatable
    #[arg(long, value_name = "STEP")]
    only: Vec<Step>,
    /// Go on with the next step after one that failed
    #[arg(long)]
    keep_going: bool,
}

/// A step, cheapest first.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    /// The format of the code
    Fmt,
    /// Compiler warnings and lints, in all targets
    Clippy,
    /// The documentation builds without warnings
    Docs,
    /// All tests but those in the documentation
    Tests,
    /// The examples in the documentation
    Doctests,
    /// The kernel in a real Jupyter, and the notebooks in it
    Notebooks,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Clippy => "clippy",
            Self::Docs => "docs",
            Self::Tests => "tests",
            Self::Doctests => "doctests",
            Self::Notebooks => "notebooks",
        }
    }

    /// The arguments of cargo, none of which has a space.
    fn args(self) -> &'static str {
        match self {
            Self::Fmt => "fmt --all --check",
            Self::Clippy => "clippy --workspace --all-targets -- -D warnings",
            Self::Docs => "doc --workspace --no-deps",
            Self::Tests => "nextest run --workspace --profile ci",
            Self::Doctests => "test --workspace --doc",
            Self::Notebooks => "xtask test-notebooks --or-skip",
        }
    }

    /// A variable of the environment that belongs to the command.
    fn variable(self) -> Option<(&'static str, &'static str)> {
        (self == Self::Docs).then_some(("RUSTDOCFLAGS", "-D warnings"))
    }

    /// The command, as a person types it.
    fn line(self) -> String {
        let variable = self.variable();
        let variable =
            variable.map_or_else(String::new, |(name, value)| format!("{name}=\"{value}\" "));
        format!("{variable}cargo {}", self.args())
    }

    /// The component of the toolchain that it needs.
    fn component(self) -> Option<&'static str> {
        match self {
            Self::Fmt => Some("rustfmt"),
            Self::Clippy => Some("clippy"),
            _ => None,
        }
    }

    fn command(self) -> Result<Command> {
        let mut command = match self {
            Self::Tests => cargo_at(&nextest::find_or_install()?),
            _ => cargo(),
        };
        command.args(self.args().split(' '));
        command.envs(self.variable());
        Ok(command)
    }

    /// Runs it; an error says what to do.
    fn run(self) -> Result<()> {
        if let Some(component) = self.component() {
            let mut version = cargo();
            version.args([self.name(), "--version"]);
            version.stdout(Stdio::null()).stderr(Stdio::null());
            if !version.status().is_ok_and(|status| status.success()) {
                bail!("{component} is missing; add it with: rustup component add {component}");
            }
        }
        let status = self.command()?.status();
        let status = status.with_context(|| format!("\"{}\" did not start", self.line()))?;
        if !status.success() {
            let mut repeat = self.line();
            if self == Self::Fmt {
                repeat += "\nto mend it: cargo fmt --all";
            }
            bail!("{} failed\nto repeat it: {repeat}", self.name());
        }
        Ok(())
    }
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<()> {
    let all = Step::value_variants().iter().copied();
    let steps: Vec<Step> =
        all.filter(|step| args.only.is_empty() || args.only.contains(step)).collect();
    let started = now();
    let mut failed = Vec::new();
    for (at, &step) in steps.iter().enumerate() {
        let (number, of, name) = (at + 1, steps.len(), step.name());
        say(&format!("[{number}/{of}] {name}: {}", step.line()));
        let begun = now();
        match step.run() {
            Ok(()) => say(&format!("[{number}/{of}] {name}: ok, {}", time(begun.elapsed()))),
            Err(error) => {
                let error = error.context(format!("after {}", time(begun.elapsed())));
                if !args.keep_going {
                    return Err(error);
                }
                say(&format!("[{number}/{of}] {error:#}"));
                failed.push(name);
            }
        }
    }
    let total = time(started.elapsed());
    if !failed.is_empty() {
        bail!("{} of {} steps failed in {total}: {}", failed.len(), steps.len(), failed.join(", "));
    }
    let names: Vec<&str> = steps.iter().map(|step| step.name()).collect();
    say(&format!("all is well: {} ({total})", names.join(", ")));
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a person is told how long a step took")]
fn now() -> Instant {
    Instant::now()
}

/// "0.8 s", "3 min 20 s".
fn time(duration: Duration) -> String {
    let secs = duration.as_secs();
    if secs < 60 {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        format!("{} min {} s", secs / 60, secs % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        assert_eq!(time(Duration::from_millis(840)), "0.8 s");
        assert_eq!(time(Duration::from_secs(200)), "3 min 20 s");
    }

    #[test]
    fn a_line_can_be_pasted_into_a_shell() {
        assert_eq!(
            Step::Docs.line(),
            "RUSTDOCFLAGS=\"-D warnings\" cargo doc --workspace --no-deps"
        );
    }
}
