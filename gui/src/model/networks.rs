//! Architectures as networks. What an architecture means is known by the core crate, which a viewer
//! does without: the `nascent` program beside this one is asked, once for each.

use std::path::{Path, PathBuf};
use std::process::Command;

use nascent_figures::{Drawing, draw_graph};
use nascent_record::Graph;

/// A network, its cells, and how they are drawn.
pub(crate) struct Network {
    /// The cells by name, then the whole network, each as a picture.
    pub(crate) drawings: Vec<(String, Drawing)>,
}

impl Network {
    /// The network of an architecture of a run.
    ///
    /// # Errors
    /// If the program is missing or does not know the space; the sentence says what to do.
    pub(crate) fn of(run: &Path, architecture: &str) -> Result<Self, String> {
        let program = program()?;
        let asked = Command::new(&program)
            .arg("draw")
            .arg(run)
            .args(["--json", "--architecture", architecture])
            .output()
            .map_err(|error| format!("{} does not start: {error}", program.display()))?;
        if !asked.status.success() {
            let said = String::from_utf8_lossy(&asked.stderr);
            let said = said.trim().trim_start_matches("error: ").to_owned();
            return Err(format!("{} cannot draw it: {said}", program.display()));
        }
        let graph: Graph = serde_json::from_slice(&asked.stdout).map_err(|error| {
            format!("{} answers what this version does not read: {error}", program.display())
        })?;
        graph.check().map_err(|error| error.to_string())?;
        Ok(Self::new(&graph))
    }

    /// A network as pictures.
    pub(crate) fn new(graph: &Graph) -> Self {
        let cells = graph.cells.iter().map(|(name, cell)| (name.clone(), draw_graph(cell)));
        let mut drawings: Vec<(String, Drawing)> = cells.collect();
        drawings.push(("network".to_owned(), draw_graph(graph)));
        Self { drawings }
    }
}

/// The `nascent` program: that of `NASCENT`, the one beside this program, or one of the search path.
fn program() -> Result<PathBuf, String> {
    let name = format!("nascent{}", std::env::consts::EXE_SUFFIX);
    let named = std::env::var_os("NASCENT").map(PathBuf::from);
    let beside = std::env::current_exe().ok().and_then(|own| {
        // Tests and examples are built into a folder below.
        own.ancestors().skip(1).take(2).map(|folder| folder.join(&name)).find(|p| p.is_file())
    });
    let path = std::env::var_os("PATH");
    let on_path = path.iter().flat_map(std::env::split_paths).map(|folder| folder.join(&name));
    let on_path = on_path.into_iter().find(|program| program.is_file());
    named.or(beside).or(on_path).ok_or_else(|| {
        "To draw networks, this app asks the `nascent` program, which is neither beside it nor on \
         the search path; install it: cargo install --path crates/cli"
            .to_owned()
    })
}
