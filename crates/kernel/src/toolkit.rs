//! The toolkit, compiled once: where a session of cells begins.
//!
//! evcxr compiles cells in a folder with a cargo project, and everything that cells use is compiled
//! there too. A folder in which the toolkit was compiled is kept, for each version of the toolkit and of
//! the compiler; each session gets a copy of it, made of hard links, so that nothing is compiled again.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use evcxr::{CommandContext, Error};

use crate::{analyzer, cargo, set_variable, std_sources};

/// What stands before the first cell of every session.
pub(crate) const PRELOAD: &str = "use nascent_notebook::prelude::*;";
/// What is run before the first cell of every child.
pub(crate) const INIT: &str = "nascent_notebook::init();";
/// What lets cells use `?`. evcxr finds out by compiling the first cell with one twice, and three times
/// if the `?` is in a value to be shown, which it then shows by printing it.
const QUESTION: &str = "Ok::<(), std::fmt::Error>(())?;";
/// How many compiled cells are kept.
const CELLS: usize = 2000;
/// The folder in which evcxr works.
const FOLDER: &str = "EVCXR_TMPDIR";
/// The file that says that a kept folder is whole.
const WHOLE: &str = "nascent-is-whole";

/// The file that is locked while a session lives.
const LOCK: &str = "nascent-lock";

/// A folder that is removed at the end of the session.
pub(crate) struct Session {
    folder: tempfile::TempDir,
    /// Locked while this process lives.
    _lock: File,
}

impl Session {
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Where the sources of the toolkit are, and the folders that are kept.
pub(crate) struct Toolkit {
    sources: PathBuf,
    cache: PathBuf,
    /// Of the versions of the toolkit and the compiler.
    key: String,
}

impl Toolkit {
    /// The toolkit of this workspace: where it was when this program was compiled, or where
    /// `NASCENT_SOURCES` says.
    pub(crate) fn find() -> Result<Self> {
        let compiled = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let sources = std::env::var_os("NASCENT_SOURCES").map_or(compiled, PathBuf::from);
        let sources = sources.canonicalize().with_context(|| {
            format!(
                "the sources of Nascent are not in {}; say NASCENT_SOURCES=FOLDER",
                sources.display()
            )
        })?;
        let cache = std::env::var_os("NASCENT_CACHE").map(PathBuf::from);
        let cache = cache.or_else(|| Some(dirs::cache_dir()?.join("nascent")));
        let cache = cache.context("there is no cache folder; say NASCENT_CACHE=FOLDER")?;
        let rustc = Command::new("rustc").arg("-vV").output();
        let rustc = rustc.context("rustc cannot be run; install Rust from https://rustup.rs")?;
        let rustc = String::from_utf8_lossy(&rustc.stdout);
        let key = cargo::key(&[&rustc, env!("CARGO_PKG_VERSION"), &sources.to_string_lossy()]);
        Ok(Self { sources, cache, key })
    }

    /// The declaration of the dependency, as a cell says it.
    fn dependency(&self) -> String {
        let path = self.sources.join("crates/notebook");
        format!(":dep nascent-notebook = {{ path = {:?} }}", path.display().to_string())
    }

    /// The folder that is kept for these versions.
    pub(crate) fn kept(&self) -> PathBuf {
        self.cache.join("toolkit").join(&self.key)
    }

    /// What sessions know from one another, for these versions.
    fn known(&self) -> PathBuf {
        self.cache.join("known").join(&self.key)
    }

    /// A folder for a session, beside the kept one, because hard links stay within a file system. What
    /// sessions have left that were killed is removed.
    pub(crate) fn new_session(&self) -> Result<Session> {
        let sessions = self.cache.join("sessions");
        fs::create_dir_all(&sessions)
            .with_context(|| format!("there can be no folder {}", sessions.display()))?;
        let one_at_a_time = File::create(self.cache.join("sessions.lock"))?;
        one_at_a_time.lock()?;
        for old in fs::read_dir(&sessions)?.flatten() {
            let lock = File::open(old.path().join(LOCK));
            let is_alive = lock.is_ok_and(|lock| lock.try_lock().is_err());
            if !is_alive {
                let _try_the_next_time = fs::remove_dir_all(old.path());
            }
        }
        let folder = tempfile::Builder::new().tempdir_in(&sessions)?;
        let lock = File::create(folder.path().join(LOCK))?;
        lock.lock()?;
        Ok(Session { folder, _lock: lock })
    }

    /// Whether it is there.
    pub(crate) fn is_kept(&self) -> bool {
        self.kept().join(WHOLE).exists()
    }

    /// The state of a session with a name, in the log.
    fn note(begun: Instant, what: &str) {
        crate::say(&format!("{what} after {:.1} s", begun.elapsed().as_secs_f64()));
    }

    /// Compiles the toolkit anew into the folder that is kept.
    pub(crate) fn build(&self) -> Result<PathBuf> {
        let _was_not_there = fs::remove_dir_all(self.kept());
        self.refresh()
    }

    /// Compiles what has changed in the folder that is kept; what cargo says goes to standard error.
    pub(crate) fn refresh(&self) -> Result<PathBuf> {
        let kept = self.kept();
        fs::create_dir_all(&kept)?;
        let _was_not_there = fs::remove_file(kept.join(WHOLE));
        // The versions that this toolkit was tested with, and no later ones.
        let lock = self.sources.join("Cargo.lock");
        if lock.exists() {
            fs::copy(&lock, kept.join("Cargo.lock"))?;
        }
        let (mut context, outputs) = start(&kept, None, false)?;
        let run = |context: &mut CommandContext, code: &str| match context.execute(code) {
            Ok(_) => Ok(()),
            Err(Error::CompilationErrors(errors)) => {
                let texts: Vec<String> =
                    errors.iter().map(evcxr::CompilationError::rendered).collect();
                bail!("the toolkit cannot be compiled:\n{}", texts.join("\n"))
            }
            Err(error) => {
                let said: Vec<String> = outputs.stderr.try_iter().collect();
                bail!("the toolkit cannot be compiled: {error}\n{}", said.join("\n"))
            }
        };
        run(&mut context, &format!("{}\n{PRELOAD}", self.dependency()))?;
        run(&mut context, INIT)?;
        // What rustc needs to check a cell without compiling it.
        let _checked = context.check("let checked = 1;");
        drop(context);
        let known = self.known();
        let _was_not_there = fs::remove_dir_all(&known);
        let sources = std::env::var_os(std_sources::VARIABLE).unwrap_or_default();
        analyzer::copy_interfaces(&kept, Path::new(&sources), &known)?;
        clean(&kept)?;
        fs::write(kept.join(WHOLE), "")?;
        // The first session asks cargo, and the second one keeps what comes of it.
        for _ in 0..2 {
            let status = Command::new(std::env::current_exe()?).arg("try-session").status()?;
            ensure!(status.success(), "the toolkit is compiled, but no session starts with it");
        }
        Ok(kept)
    }

    /// Starts a session and ends it, for what the next ones know from it.
    pub(crate) fn try_session(&self) -> Result<()> {
        let session = self.new_session()?;
        let (mut context, _outputs) = self.session(session.path(), None)?;
        let _checked = context.check("let checked = 1;");
        Ok(())
    }

    /// A session in a copy of the kept folder, or without the toolkit if it was not compiled. The child
    /// process has this in its environment.
    pub(crate) fn session(
        &self,
        folder: &Path,
        variable: Option<&str>,
    ) -> Result<(CommandContext, evcxr::EvalContextOutputs)> {
        let (kept, known, begun) = (self.kept(), self.known(), now());
        let seeded = self.is_kept();
        let asked = std::env::var_os(std_sources::VARIABLE);
        std_sources::keep_from_fetching()?;
        let mut sources = std::env::var_os(std_sources::VARIABLE).unwrap_or_default();
        let mut stands_in = false;
        if seeded {
            copy(&kept, folder)?;
            cargo::prune(&known, CELLS);
            let variables = cargo::variables(folder, &known);
            stands_in = variables.is_some();
            for (name, value) in variables.into_iter().flatten() {
                set_variable(name, &value);
            }
            if let Some(copy) = analyzer::std_interfaces(&known).filter(|_| asked.is_none()) {
                sources = copy.into_os_string();
            }
            // It would read the standard library now, and again with the toolkit.
            set_variable(std_sources::VARIABLE, std_sources::next_to_nothing(folder)?.as_os_str());
            Self::note(begun, "the folder of the session is there");
        }
        let (mut context, outputs) = start(folder, variable, stands_in)?;
        set_variable(std_sources::VARIABLE, &sources);
        Self::note(begun, "evcxr has started");
        if seeded {
            // Without the toolkit, evcxr has had no use for the versions in it.
            fs::copy(kept.join("Cargo.lock"), folder.join("Cargo.lock"))?;
            // evcxr calls the real cargo itself where a person asks for another toolchain.
            let home = cargo::home().filter(|_| stands_in);
            let home = home.map(|home| format!(":build_env CARGO_HOME={}\n", home.display()));
            let (home, dependency) = (home.unwrap_or_default(), self.dependency());
            let preload = format!(":offline 1\n{home}{dependency}\n{PRELOAD}\n{INIT}\n{QUESTION}");
            let loaded = context.execute(&preload).and_then(|_| context.execute(":offline 0"));
            if let Err(error) = loaded {
                bail!(
                    "the toolkit cannot be loaded; `nascent kernel install` compiles it anew: {error}"
                );
            }
        }
        Self::note(begun, "the session is ready");
        Ok((context, outputs))
    }
}

#[expect(clippy::disallowed_methods, reason = "for the log of the kernel")]
fn now() -> Instant {
    Instant::now()
}

/// Starts evcxr in a folder, with this program in the place of cargo or without.
fn start(
    folder: &Path,
    variable: Option<&str>,
    stands_in: bool,
) -> Result<(CommandContext, evcxr::EvalContextOutputs)> {
    std_sources::keep_from_fetching()?;
    let mut child = Command::new(std::env::current_exe()?);
    if let Some(variable) = variable {
        child.env(nascent_wire::VARIABLE, variable);
    }
    cargo::forget(&mut child);
    child.env(cargo::LIBRARIES, library_path()?);
    set_variable(FOLDER, folder.as_os_str());
    // evcxr looks for cargo once, when it starts.
    let path = std::env::var_os("PATH").unwrap_or_default();
    child.env("PATH", &path);
    if stands_in {
        set_variable("PATH", &cargo::path(folder)?);
    }
    let made = evcxr::EvalContext::with_subprocess_command(child);
    set_variable("PATH", &path);
    let (context, outputs) =
        made.map_err(|error| anyhow::anyhow!("evcxr does not start: {error}"))?;
    Ok((CommandContext::with_eval_context(context), outputs))
}

/// Where the child finds the standard library that cells are linked with. What they say themselves is
/// relative to the folder in which they were compiled, and evcxr loads them out of another.
fn library_path() -> Result<OsString> {
    let output = Command::new("rustc").args(["--print", "target-libdir"]).output();
    let output = output.context("rustc cannot be run; install Rust from https://rustup.rs")?;
    ensure!(output.status.success(), "rustc does not say where its libraries are");
    let own = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let before = std::env::var_os(cargo::LIBRARIES).unwrap_or_default();
    let before = std::env::split_paths(&before).filter(|folder| !folder.as_os_str().is_empty());
    Ok(std::env::join_paths(std::iter::once(own).chain(before))?)
}

/// Removes what belongs to one session.
fn clean(folder: &Path) -> Result<()> {
    for entry in walk(folder)? {
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if (name.contains("ctx") || name.starts_with("libcode_")) && entry.is_file() {
            fs::remove_file(&entry)?;
        }
    }
    Ok(())
}

/// All files and folders in a folder.
fn walk(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
            }
            all.push(entry.path());
        }
    }
    Ok(all)
}

/// Copies a folder: compiled things as hard links, and what cargo writes anew as files.
fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in walk(from)? {
        let target = to.join(entry.strip_prefix(from)?);
        if entry.is_dir() {
            fs::create_dir_all(&target)?;
            continue;
        }
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        let linked = fs::hard_link(&entry, &target).is_ok();
        if !linked {
            fs::copy(&entry, &target)?;
        }
    }
    // These are changed in place.
    for name in ["Cargo.lock", "Cargo.toml"] {
        let (source, target) = (from.join(name), to.join(name));
        if source.exists() {
            fs::remove_file(&target)?;
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_told_where_the_standard_library_is() {
        let path = library_path().unwrap();
        let first = std::env::split_paths(&path).next().unwrap();
        let names = fs::read_dir(first).unwrap().flatten().map(|entry| entry.file_name());
        let mut names = names.map(|name| name.to_string_lossy().into_owned());
        assert!(names.any(|name| name.trim_start_matches("lib").starts_with("std-")));
    }

    #[test]
    fn folders_of_killed_sessions_are_removed() {
        let cache = tempfile::tempdir().unwrap();
        let toolkit =
            Toolkit { sources: PathBuf::new(), cache: cache.path().to_owned(), key: String::new() };
        let alive = toolkit.new_session().unwrap();
        let killed = toolkit.new_session().unwrap();
        let Session { folder, _lock: lock } = killed;
        let left = folder.keep();
        drop(lock);
        let next = toolkit.new_session().unwrap();
        assert!(alive.path().exists() && next.path().exists());
        assert!(!left.exists());
    }
}
