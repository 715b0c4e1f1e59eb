//! `cargo xtask sanitize`: the tests of the kernels, with every read and write of memory checked.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use xtask::binary::{cargo, workspace};

use crate::say;

/// What can be said to `cargo xtask sanitize`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask sanitize                 all tests of nascent-ops
  cargo xtask sanitize convolution     those with this in their name
AddressSanitizer stops a test at the first read or write outside of an allocation, and shows where
it was. It does not see one that stays within an allocation, such as in a larger buffer that is
used again; the standard library checks that an unchecked index is within its slice, as in every
test. Both need code that runs: what this processor has no instructions for is not checked.
Everything is compiled again, into target/sanitize, which may be deleted. The first time that takes
11 minutes of a processor; after a change of a kernel, 4.")]
pub(crate) struct Args {
    /// Only the tests whose name has this in it
    #[arg(value_name = "NAME")]
    filter: Option<String>,
}

/// The crate whose code is not all checked by the compiler.
const PACKAGE: &str = "nascent-ops";

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<()> {
    let host = host()?;
    ensure!(
        has_runtime(&host)?,
        "this toolchain has no AddressSanitizer for {host}; Linux and macOS on x86-64 and ARM have it"
    );
    let mut test = cargo();
    test.args(["test", "--package", PACKAGE, "--lib", "--tests", "--no-fail-fast"]);
    // With a target, build scripts and macros are compiled as always.
    test.args(["--target", &host, "--target-dir", "target/sanitize"]);
    test.args(&args.filter);
    // The pinned toolchain can do it, and hides it behind a flag of the nightly one.
    test.env("RUSTC_BOOTSTRAP", "1");
    test.env_remove("CARGO_ENCODED_RUSTFLAGS");
    test.env("RUSTFLAGS", "-Zsanitizer=address");
    // Memory that is used again would hide what is read behind the end of a smaller use.
    test.env("NASCENT_EXACT_MEMORY", "1");
    say(&format!("testing {PACKAGE} with AddressSanitizer, in target/sanitize"));
    let status = test.status().context("cargo did not start")?;
    if !status.success() {
        bail!("a test failed, or touched memory that is not its own: see above");
    }
    say("all is well: no test failed, and none touched memory that is not its own");
    Ok(())
}

/// The platform of the compiler, such as `x86_64-unknown-linux-gnu`.
fn host() -> Result<String> {
    let version = rustc(&["--version", "--verbose"])?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say what platform it is for")?.to_owned())
}

/// Whether the toolchain has what a sanitized program is linked with.
fn has_runtime(host: &str) -> Result<bool> {
    let folder = rustc(&["--print", "target-libdir", "--target", host])?;
    let folder = PathBuf::from(folder.trim());
    let files = fs::read_dir(&folder)
        .with_context(|| format!("the libraries of Rust are not in {}", folder.display()))?;
    for file in files {
        if file?.file_name().to_string_lossy().contains("_rt.asan.") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What the compiler of this workspace answers.
fn rustc(args: &[&str]) -> Result<String> {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let output = rustc.args(args).current_dir(workspace()).output();
    let output = output.context("rustc did not start")?;
    let message = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "\"rustc {}\" failed: {message}", args.join(" "));
    Ok(String::from_utf8(output.stdout)?)
}
