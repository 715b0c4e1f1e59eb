//! The processes that measure. What is said to them stands in `crates/core/examples/torch_peer.rs`.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// How to start the processes of one column of the table.
pub(super) struct Side {
    /// The name of the column, which is its mode in `prepare`.
    pub(super) mode: &'static str,
    /// The program.
    pub(super) program: PathBuf,
    /// The script of the program, if it runs one. It is told the number of threads.
    pub(super) script: Option<PathBuf>,
    /// Variables of the environment.
    pub(super) variables: Vec<(&'static str, PathBuf)>,
    /// Further ones where times are measured.
    pub(super) for_times: Vec<(&'static str, PathBuf)>,
    /// Where its standard error goes.
    pub(super) log: PathBuf,
}

/// What a process answers.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    /// The names of all cases.
    Cases(Vec<String>),
    /// It can run the case.
    Ready {
        /// How many parameters the case has.
        parameters: u64,
        /// How many seconds the first pass took.
        seconds: f64,
    },
    /// It cannot, for this reason.
    Missing(String),
    /// Milliseconds of one pass.
    Time(f64),
    /// The peak in MiB.
    Memory(f64),
}

impl Answer {
    /// Reads a line.
    fn parse(line: &str) -> Result<Self> {
        let line = line.trim();
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let number = |text: &str| {
            text.parse::<f64>().ok().filter(|x| x.is_finite() && *x >= 0.0).with_context(|| {
                format!("the answer {line:?} should have a number instead of {text:?}")
            })
        };
        Ok(match word {
            "cases" => Self::Cases(rest.split_whitespace().map(str::to_owned).collect()),
            "ready" => {
                let (parameters, seconds) = rest.split_once(' ').unwrap_or((rest, ""));
                Self::Ready { parameters: number(parameters)? as u64, seconds: number(seconds)? }
            }
            "missing" => Self::Missing(rest.to_owned()),
            "time" => Self::Time(number(rest)?),
            "memory" => Self::Memory(number(rest)?),
            _ => bail!("the answer {line:?} is none that is known"),
        })
    }
}

/// A process that measures.
pub(super) struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    mode: &'static str,
    log: PathBuf,
}

impl Peer {
    /// Starts one whose times are measured, with so many threads.
    pub(super) fn start(side: &Side, threads: usize) -> Result<Self> {
        Self::start_with(side, threads, &side.for_times)
    }

    /// Starts one whose memory is measured, with so many threads.
    pub(super) fn start_for_memory(side: &Side, threads: usize) -> Result<Self> {
        Self::start_with(side, threads, &[])
    }

    fn start_with(side: &Side, threads: usize, more: &[(&'static str, PathBuf)]) -> Result<Self> {
        let threads = threads.to_string();
        let mut command = Command::new(&side.program);
        if let Some(script) = &side.script {
            command.arg(script).arg(&threads);
        }
        for variable in ["RAYON_NUM_THREADS", "OMP_NUM_THREADS"] {
            command.env(variable, &threads);
        }
        // Its own pool waits by spinning and takes the cores from ours.
        command.env("CANDLE_NUM_THREADS", "1");
        command.envs(side.variables.iter().chain(more).map(|(name, value)| (name, value)));
        let log = File::create(&side.log)
            .with_context(|| format!("cannot write {}", side.log.display()))?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().with_context(|| format!("cannot run {command:?}"))?;
        let input = child.stdin.take().context("the process has no input")?;
        let output = child.stdout.take().context("the process has no output")?;
        let (mode, log) = (side.mode, side.log.clone());
        Ok(Self { child, input, output: BufReader::new(output), mode, log })
    }

    /// Says a line.
    pub(super) fn say(&mut self, line: &str) -> Result<()> {
        let said = writeln!(self.input, "{line}").and_then(|()| self.input.flush());
        said.with_context(|| self.ended(line))
    }

    /// The answer to the line.
    pub(super) fn answer(&mut self, line: &str) -> Result<Answer> {
        let mut answer = String::new();
        let length = self.output.read_line(&mut answer).with_context(|| self.ended(line))?;
        if length == 0 {
            bail!(self.ended(line));
        }
        Answer::parse(&answer).with_context(|| format!("{} was asked to \"{line}\"", self.mode))
    }

    /// Says a line and waits for the answer.
    pub(super) fn ask(&mut self, line: &str) -> Result<Answer> {
        self.say(line)?;
        self.answer(line)
    }

    fn ended(&self, line: &str) -> String {
        let (mode, log) = (self.mode, self.log.display());
        format!("the process of {mode} ended at \"{line}\"; {log} may say why")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ended_already = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        let parse = |line| Answer::parse(line).unwrap();
        assert_eq!(parse("cases a/b c\n"), Answer::Cases(vec!["a/b".to_owned(), "c".to_owned()]));
        assert_eq!(parse("ready 176122 0.5"), Answer::Ready { parameters: 176_122, seconds: 0.5 });
        assert_eq!(parse("missing no such mode"), Answer::Missing("no such mode".to_owned()));
        assert_eq!(parse("time 1.5e-3"), Answer::Time(0.0015));
        assert_eq!(parse("memory 12"), Answer::Memory(12.0));
    }

    #[test]
    fn what_is_no_answer_is_shown() {
        let problem = |line| Answer::parse(line).unwrap_err().to_string();
        assert!(problem("time NaN").contains("\"NaN\""));
        assert!(problem("ready 12").contains("a number"));
        assert!(problem("Traceback").contains("Traceback"));
    }
}
