//! `nascent gui`: the desktop app, a program of its own, so that this one needs no window.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::args::GuiArgs;

/// Runs the command, until the window is closed.
pub(crate) fn run(args: &GuiArgs) -> Result<()> {
    let program = program()?;
    let status = Command::new(&program).args(&args.runs).args(&args.more).status();
    let status = status.with_context(|| format!("{} does not start", program.display()))?;
    ensure!(status.success(), "the app ended with an error, which it says above");
    Ok(())
}

/// The program beside this one, or one of the search path.
fn program() -> Result<PathBuf> {
    let name = format!("nascent-gui{}", std::env::consts::EXE_SUFFIX);
    let own = std::env::current_exe().context("this program does not know where it is")?;
    let path = std::env::var_os("PATH");
    let folders = path.iter().flat_map(std::env::split_paths);
    let mut places =
        own.parent().map(PathBuf::from).into_iter().chain(folders).map(|folder| folder.join(&name));
    places.find(|program| program.is_file()).with_context(|| {
        format!(
            "the app {name} is neither beside {} nor on the search path; install it: \
             cargo install --path gui",
            own.display()
        )
    })
}
