//! What stands in for cargo in a session.
//!
//! evcxr asks cargo to compile each cell, and its rust-analyzer asks it what the project is made of.
//! Cargo looks each time at everything that the toolkit depends on, which takes as long as a small cell
//! takes to compile, although none of it changes in a session. So this program stands under the name of
//! cargo, where evcxr and rust-analyzer find it:
//!
//! - [`build`] has rustc compile a cell as cargo has had it compile the one before;
//! - [`answers`] keeps what cargo has said of a project with the toolkit alone;
//! - [`crate::analyzer`] leaves out of it what cells cannot name.
//!
//! Whatever is new goes to the real cargo. Where there are no symbolic links, everything does.

mod answers;
mod build;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use crate::analyzer;

/// Where the system looks for the libraries that a program loads.
pub(crate) const LIBRARIES: &str = if cfg!(windows) {
    "PATH"
} else if cfg!(target_os = "macos") {
    "DYLD_FALLBACK_LIBRARY_PATH"
} else {
    "LD_LIBRARY_PATH"
};
/// Where the real cargo is told to keep its packages: the variable's value, if it has one.
const HOME: &str = "NASCENT_CARGO_HOME";
/// The project of the session.
const PROJECT: &str = "NASCENT_SESSION";
/// What sessions of this toolkit know from one another.
const KNOWN: &str = "NASCENT_KNOWN";
/// The folder of the links, in a session.
const LINKS: &str = "cargo-home/bin";
/// The name under which this program notes how rustc is called.
const NOTING: &str = "noting-rustc";
/// What stands for the folder of a session in what is kept.
const HERE: &str = "@session@";

/// The variables with which evcxr and rust-analyzer find this program in place of cargo, in a session;
/// none where there are no links.
pub(crate) fn variables(session: &Path, known: &Path) -> Option<Vec<(&'static str, OsString)>> {
    let links = session.join(LINKS);
    fs::create_dir_all(&links).ok()?;
    let own = std::env::current_exe().ok()?;
    for name in ["cargo", "rustup", NOTING] {
        link(&own, &links.join(name)).ok()?;
    }
    let before = std::env::var_os("CARGO_HOME").unwrap_or_default();
    Some(vec![
        (HOME, before),
        (PROJECT, session.as_os_str().to_owned()),
        (KNOWN, known.as_os_str().to_owned()),
        ("CARGO_HOME", session.join("cargo-home").into_os_string()),
    ])
}

/// A search path on which cargo is this program.
pub(crate) fn path(session: &Path) -> Result<OsString> {
    let before = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(session.join(LINKS)).chain(std::env::split_paths(&before));
    Ok(std::env::join_paths(folders)?)
}

/// The home of the real cargo, in a session.
pub(crate) fn home() -> Option<PathBuf> {
    match std::env::var_os(HOME) {
        Some(home) if !home.is_empty() => Some(home.into()),
        _ => Some(dirs::home_dir()?.join(".cargo")),
    }
}

/// Has a process know of the real cargo alone.
pub(crate) fn forget(command: &mut Command) {
    match std::env::var_os(HOME) {
        Some(home) if !home.is_empty() => command.env("CARGO_HOME", home),
        Some(_) => command.env_remove("CARGO_HOME"),
        None => return,
    };
    command.env_remove(HOME).env_remove(PROJECT).env_remove(KNOWN);
}

#[cfg(unix)]
fn link(from: &Path, to: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(from, to)
}

#[cfg(not(unix))]
fn link(_: &Path, _: &Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// Answers under another name, if this program was started under one.
pub(crate) fn answer() -> Option<ExitCode> {
    let mut arguments = std::env::args_os();
    let name = PathBuf::from(arguments.next()?);
    let answer = match name.file_stem()?.to_str()? {
        "cargo" => cargo,
        "rustup" => rustup,
        NOTING => build::note,
        _ => return None,
    };
    let arguments: Vec<OsString> = arguments.collect();
    Some(answer(&arguments).unwrap_or_else(|error| {
        crate::say(&format!("error: {error:#}"));
        ExitCode::FAILURE
    }))
}

fn cargo(arguments: &[OsString]) -> Result<ExitCode> {
    let place = Place::find()?;
    if ["build", "check"].iter().any(|command| arguments.iter().any(|given| given == command)) {
        build::build(&place, arguments)
    } else {
        answers::answer(&place, arguments)
    }
}

/// evcxr asks rustup where cargo is, before it looks along the search path.
fn rustup(arguments: &[OsString]) -> Result<ExitCode> {
    let place = Place::find()?;
    if arguments == ["which", "cargo"] {
        crate::print(&format!("{}\n", place.links().join("cargo").display()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let real = std::env::split_paths(&path).filter(|folder| *folder != place.links());
    let Some(real) = real.map(|folder| folder.join("rustup")).find(|file| file.exists()) else {
        return Ok(ExitCode::FAILURE);
    };
    Ok(code(place.real(&real).args(arguments).status()?))
}

/// Where a session is.
struct Place {
    project: PathBuf,
    known: PathBuf,
}

impl Place {
    fn find() -> Result<Self> {
        let of = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let (project, known) = of(PROJECT).zip(of(KNOWN)).context("this is no session")?;
        Ok(Self { project, known })
    }

    fn links(&self) -> PathBuf {
        self.project.join(LINKS)
    }

    /// The real cargo.
    fn cargo(&self) -> Command {
        let own = home().map(|home| home.join("bin/cargo")).filter(|cargo| cargo.exists());
        self.real(&own.unwrap_or_else(|| PathBuf::from("cargo")))
    }

    /// A program that knows of the real cargo alone.
    fn real(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        forget(&mut command);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path).filter(|folder| *folder != self.links());
        if let Ok(path) = std::env::join_paths(folders) {
            command.env("PATH", path);
        }
        command
    }

    fn manifest(&self) -> String {
        fs::read_to_string(self.project.join("Cargo.toml")).unwrap_or_default()
    }

    /// What the project depends on, a line each.
    fn dependencies(&self) -> Vec<String> {
        let manifest = self.manifest();
        let all = manifest.lines().skip_while(|line| line.trim() != "[dependencies]").skip(1);
        all.map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    /// Whether it depends on nothing but the toolkit, which stays as it is while a session lives.
    fn has_toolkit_alone(&self) -> bool {
        self.dependencies().iter().all(|line| is_toolkit(line))
    }

    /// What is kept of any session, for any other: without the folder of this one.
    fn general(&self, text: &str) -> String {
        text.replace(&*self.project.to_string_lossy(), HERE)
    }

    /// The opposite of [`Self::general`].
    fn special(&self, text: &str) -> String {
        text.replace(HERE, &self.project.to_string_lossy())
    }
}

/// Whether this line of a manifest is the toolkit.
fn is_toolkit(line: &str) -> bool {
    line.split(['=', ' ', '.']).next() == Some(analyzer::TOOLKIT)
}

/// A name for what depends on these texts.
pub(crate) fn key(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    let hex: Vec<String> = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    hex.concat().split_off(32)
}

/// Writes a file that others may read at the same time.
fn write(file: &Path, content: &[u8]) -> Result<()> {
    let folder = file.parent().context("a file is in a folder")?;
    fs::create_dir_all(folder)?;
    let new = tempfile::NamedTempFile::new_in(folder)?;
    fs::write(new.path(), content)?;
    new.persist(file)?;
    Ok(())
}

/// Where there are more compiled cells than this, removes the oldest.
pub(crate) fn prune(known: &Path, most: usize) {
    let entries = fs::read_dir(known.join(build::CELLS)).into_iter().flatten().flatten();
    let mut files: Vec<(std::time::SystemTime, PathBuf)> = entries
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    if files.len() > most {
        files.sort();
        for (_, file) in files.iter().take(files.len() - most / 2) {
            let _by_another = fs::remove_file(file);
        }
    }
}

fn text(argument: &OsStr) -> String {
    argument.to_string_lossy().into_owned()
}

fn code(status: ExitStatus) -> ExitCode {
    status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}
