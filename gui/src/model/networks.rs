//! Architectures as networks. What an architecture means is known by the core crate, which a viewer
//! does without: the `nascent` program beside this one is asked for each that is shown.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use nascent_figures::{Drawing, draw_measured};
use nascent_record::MeasuredGraph;

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
        let name = program.display();
        let mut question = Command::new(&program);
        question.arg("draw").arg(run).args(["--json", "--architecture", architecture]);
        let answer = ask(question, PATIENCE).map_err(|problem| format!("{name} {problem}"))?;
        let network: MeasuredGraph = serde_json::from_slice(&answer)
            .map_err(|error| format!("{name} answers what this version does not read: {error}"))?;
        network.graph.check().map_err(|error| error.to_string())?;
        Ok(Self::new(&network))
    }

    /// A network as pictures.
    pub(crate) fn new(MeasuredGraph { graph, measures }: &MeasuredGraph) -> Self {
        let cells = graph.cells.iter().map(|(name, cell)| {
            let measures = measures.as_ref().and_then(|all| all.cells.get(name));
            (name.clone(), draw_measured(cell, measures))
        });
        let mut drawings: Vec<(String, Drawing)> = cells.collect();
        drawings.push(("network".to_owned(), draw_measured(graph, measures.as_ref())));
        Self { drawings }
    }
}

/// How long a program may take for an answer. It takes a fraction of a second.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a program writes, or why it does not; it is ended when it takes too long.
fn ask(mut question: Command, patience: Duration) -> Result<Vec<u8>, String> {
    let piped = question.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().map_err(|error| format!("does not start: {error}"))?;
    let answer = listen(&mut child, patience);
    // One that has said all is over, or nearly; one that has not is ended.
    if answer.is_err() {
        let _gone = child.kill();
    }
    let ended = child.wait().map_err(|error| format!("does not end: {error}"))?;
    let (said, complaint) = answer?;
    if ended.success() {
        return Ok(said);
    }
    let complaint = String::from_utf8_lossy(&complaint);
    Err(format!("cannot draw it: {}", complaint.trim().trim_start_matches("error: ")))
}

/// What a program writes to its two outputs until it closes them.
fn listen(child: &mut Child, patience: Duration) -> Result<(Vec<u8>, Vec<u8>), String> {
    let refused = |error: std::io::Error| format!("cannot be listened to: {error}");
    let said = child.stdout.take().map(read).transpose().map_err(refused)?;
    let complaint = child.stderr.take().map(read).transpose().map_err(refused)?;
    let wait = |output: Option<Receiver<Vec<u8>>>| match output {
        Some(output) => output
            .recv_timeout(patience)
            .map_err(|_late| format!("does not answer within {} s", patience.as_secs_f32())),
        None => Ok(Vec::new()),
    };
    Ok((wait(said)?, wait(complaint)?))
}

/// Reads to the end on a thread of its own, so that whoever waits can give up.
fn read(mut output: impl Read + Send + 'static) -> std::io::Result<Receiver<Vec<u8>>> {
    let (sender, receiver) = sync_channel(1);
    let work = move || {
        let mut bytes = Vec::new();
        let _as_far_as_it_goes = output.read_to_end(&mut bytes);
        let _nobody_waits = sender.send(bytes);
    };
    std::thread::Builder::new().name("nascent-gui-listen".to_owned()).spawn(work)?;
    Ok(receiver)
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

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        shell
    }

    #[test]
    fn a_program_is_listened_to_but_not_for_ever() {
        let long = Duration::from_mins(1);
        // More than a pipe holds.
        let all = ask(shell("head -c 300000 /dev/zero; echo no >&2"), long).unwrap();
        assert_eq!(all.len(), 300_000);
        let problem = ask(shell("echo 'error: no such run' >&2; exit 1"), long).unwrap_err();
        assert_eq!(problem, "cannot draw it: no such run");
        let problem = ask(shell("exec sleep 600"), Duration::from_millis(50)).unwrap_err();
        assert_eq!(problem, "does not answer within 0.05 s");
    }
}
