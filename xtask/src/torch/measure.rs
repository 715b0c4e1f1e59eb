//! The measurements: all sides take turns.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};

use super::peer::{Answer, Peer, Side};
use super::table::{Cell, Group, Row};
use super::{Job, MODES};
use crate::say;

/// Steps of each of two trials in a round.
const TRIAL_STEPS: u32 = 4;

/// What a side is left before the next one runs: the threads of a pool wait for more work by
/// spinning for a while.
const SETTLE: Duration = Duration::from_millis(5);

/// Rounds of a measurement of memory, which varies little.
pub(super) const MEMORY_ROUNDS: u32 = 3;

/// Measures all jobs.
pub(super) fn measure(sides: &[Side], jobs: Vec<Job>, rounds: u32) -> Result<Vec<Row>> {
    let bar = ProgressBar::new(jobs.len() as u64);
    let style = ProgressStyle::with_template("{spinner} [{bar:24}] {pos}/{len}  {msg}")?;
    bar.set_style(style.progress_chars("━╸ "));
    // One number of threads after the other, because it is fixed when a process starts.
    let mut order: Vec<(usize, Job)> = jobs.into_iter().enumerate().collect();
    order.sort_by_key(|(_, job)| job.threads);
    let mut rows = Vec::new();
    let mut peers: (usize, Vec<Peer>) = (0, Vec::new());
    for (at, job) in order {
        let message = format!("{}, threads: {}", job.case, job.threads);
        if bar.is_hidden() {
            say(&message);
        }
        bar.set_message(message);
        let cells = match job.group {
            Group::TwoTrials => two_trials(&job, sides, rounds),
            Group::Memory => memory(&job, sides),
            _ => {
                // What a process keeps of the cases before may leave no room for a supernet.
                if peers.0 != job.threads || job.case.starts_with("supernet") {
                    peers.1.clear();
                    let start = |side| Peer::start(side, job.threads);
                    peers = (job.threads, sides.iter().map(start).collect::<Result<_>>()?);
                }
                times(&job, &mut peers.1, rounds)
            }
        };
        let Job { group, name, threads, .. } = job;
        let cells = cells.with_context(|| format!("cannot measure {name}"))?;
        rows.push((at, Row { group, name, threads, cells }));
        bar.inc(1);
    }
    bar.finish_and_clear();
    rows.sort_by_key(|(at, _)| *at);
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// Has a process of each side get ready; fails if the sides have not the same number of parameters,
/// for then they compute different things.
fn prepare(job: &Job, peers: &mut [&mut Peer]) -> Result<Vec<Cell>> {
    let mut of_others = None;
    let mut cells = Vec::new();
    for (peer, mode) in std::iter::zip(peers, MODES) {
        cells.push(match peer.ask(&format!("prepare {} {mode}", job.case))? {
            Answer::Ready { parameters, seconds } => {
                let (other, known) = *of_others.get_or_insert((mode, parameters));
                ensure!(
                    parameters == known,
                    "{} has {known} parameters in {other} and {parameters} in {mode}; make the \
                     networks of crates/core/benches/cases and xtask/python/torch_peer.py equal",
                    job.case
                );
                Cell::Samples { samples: Vec::new(), first_seconds: seconds }
            }
            Answer::Missing(reason) => Cell::Missing(reason),
            answer => bail!("{mode} answers {answer:?} instead of getting ready"),
        });
    }
    Ok(cells)
}

/// The time of a pass, side by side.
fn times(job: &Job, peers: &mut [Peer], rounds: u32) -> Result<Vec<Cell>> {
    let mut cells = prepare(job, &mut peers.iter_mut().collect::<Vec<_>>())?;
    for _ in 0..rounds {
        for (peer, cell) in std::iter::zip(&mut *peers, &mut cells) {
            if let Cell::Samples { samples, .. } = cell {
                thread::sleep(SETTLE);
                peer.say("run")?;
                samples.push(time(peer, "run")?);
            }
        }
    }
    Ok(cells)
}

fn time(peer: &mut Peer, question: &str) -> Result<f64> {
    match peer.answer(question)? {
        Answer::Time(time) => Ok(time),
        answer => bail!("the answer to \"{question}\" is {answer:?}"),
    }
}

/// The time of a step while another process does the same: until both have done theirs.
fn two_trials(job: &Job, sides: &[Side], rounds: u32) -> Result<Vec<Cell>> {
    let start = || sides.iter().map(|side| Peer::start(side, 1)).collect::<Result<Vec<Peer>>>();
    let mut trials = [start()?, start()?];
    let mut cells = Vec::new();
    for peers in &mut trials {
        cells = prepare(job, &mut peers.iter_mut().collect::<Vec<_>>())?;
    }
    let question = format!("run {TRIAL_STEPS}");
    for _ in 0..rounds {
        for (at, cell) in cells.iter_mut().enumerate() {
            if let Cell::Samples { samples, .. } = cell {
                thread::sleep(SETTLE);
                for peers in &mut trials {
                    peers[at].say(&question)?;
                }
                let mut longest = 0.0_f64;
                for peers in &mut trials {
                    longest = longest.max(time(&mut peers[at], &question)?);
                }
                samples.push(longest);
            }
        }
    }
    Ok(cells)
}

/// The peak memory of processes that have done nothing before.
fn memory(job: &Job, sides: &[Side]) -> Result<Vec<Cell>> {
    let empty = |side: &Side| match side.mode {
        "compile" => Cell::Missing("the peak would be that of the compiler".to_owned()),
        _ => Cell::Samples { samples: Vec::new(), first_seconds: 0.0 },
    };
    let mut cells: Vec<Cell> = sides.iter().map(empty).collect();
    for _ in 0..MEMORY_ROUNDS {
        for (side, cell) in std::iter::zip(sides, &mut cells) {
            let Cell::Samples { samples, .. } = cell else { continue };
            let mut peer = Peer::start_for_memory(side, job.threads)?;
            let ready = peer.ask(&format!("prepare {} {}", job.case, side.mode))?;
            let missing = matches!(ready, Answer::Missing(_));
            match if missing { ready } else { peer.ask("memory")? } {
                Answer::Memory(memory) => samples.push(memory),
                Answer::Missing(reason) => *cell = Cell::Missing(reason),
                answer => bail!("{} answers {answer:?} instead of its memory", side.mode),
            }
        }
    }
    Ok(cells)
}
