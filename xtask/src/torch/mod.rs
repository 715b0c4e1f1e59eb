//! `cargo xtask bench-torch`: our operations and trainings beside those of PyTorch, in one run.

pub(crate) mod install;
mod measure;
mod peer;
mod table;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use anyhow::{Context as _, Result, bail, ensure};
use xtask::binary::{example, workspace};

use self::install::{TORCH, install};
use self::measure::{MEMORY_ROUNDS, measure};
use self::peer::{Answer, Peer, Side};
use self::table::{Group, tables};
use crate::python::script;
use crate::say;

/// What can be said to `cargo xtask bench-torch`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench-torch --cases conv_3x3 --threads 1     some operations
  cargo xtask bench-torch --cases nas_bench_201,mlp        the training steps
  cargo xtask bench-torch --write                          everything, into docs/performance.md
Needs Python 3 with venv, and gcc. PyTorch is installed from PyPI into target/torch, which may be
deleted. All sides take turns, round by round; let nothing else run meanwhile.")]
pub(crate) struct Args {
    /// Only the cases whose name has one of these in it
    #[arg(long, value_name = "PARTS", value_delimiter = ',')]
    cases: Vec<String>,
    /// Numbers of threads
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    threads: Vec<usize>,
    /// Rounds of each case, at least 7
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(7..))]
    rounds: u32,
    /// Write the tables to docs/performance.md
    #[arg(long)]
    write: bool,
}

/// The file with the tables.
const FILE: &str = "docs/performance.md";

/// The sides: ours, and the modes of PyTorch, the plain one first.
const MODES: [&str; 4] = ["ours", "eager", "channels_last", "compile"];

/// What is measured of trainings besides the time of a step: its name, how, and the step.
const DERIVED: [(&str, Group, &str); 4] = [
    ("two_trials/nas_bench_201_n1", Group::TwoTrials, "nas_bench_201/n1"),
    ("memory/nas_bench_201_n5", Group::Memory, "nas_bench_201/n5"),
    ("memory/supernet_nas_bench_201", Group::Memory, "supernet/nas_bench_201"),
    ("memory/supernet_darts", Group::Memory, "supernet/darts"),
];

/// A row of the tables that is to be measured.
#[derive(Clone, Debug, PartialEq)]
struct Job {
    group: Group,
    /// Its name in the tables.
    name: String,
    /// The case of the peers.
    case: String,
    threads: usize,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    ensure!(!args.threads.contains(&0), "--threads: a number of threads is at least 1");
    let program = example("nascent", "torch_peer")?;
    let log = workspace().join("target/torch_peer.log");
    let (variables, for_times) = (Vec::new(), Vec::new());
    let ours = Side { mode: MODES[0], program, script: None, variables, for_times, log };
    let Answer::Cases(cases) = Peer::start(&ours, 1)?.ask("cases")? else {
        bail!("our own peer does not say its cases");
    };
    let jobs = jobs(&cases, &args.cases, &args.threads)?;
    let sides = sides(ours)?;
    let rows = measure(&sides, jobs, args.rounds)?;
    let tables = tables(&rows, &MODES);
    say(&tables);
    if args.write {
        let text = page(&tables, args, &processor());
        fs::write(workspace().join(FILE), text).with_context(|| format!("cannot write {FILE}"))?;
        say(&format!("{FILE} is written"));
    }
    Ok(())
}

/// What is to be measured, in the order of the tables.
fn jobs(cases: &[String], filters: &[String], threads: &[usize]) -> Result<Vec<Job>> {
    let mut jobs: Vec<Job> = Vec::new();
    let mut add = |group, name: &str, case: &str, threads| {
        let (name, case) = (name.to_owned(), case.to_owned());
        jobs.push(Job { group, name, case, threads });
    };
    for case in cases {
        let (group, name) = if let Some(name) = case.strip_suffix("/forward") {
            (Group::Forward, name)
        } else if let Some(name) = case.strip_suffix("/forward_backward") {
            (Group::ForwardBackward, name)
        } else {
            (Group::Steps, &**case)
        };
        for threads in threads {
            add(group, name, case, *threads);
        }
    }
    for (name, group, case) in DERIVED {
        add(group, name, case, 1);
    }
    // Operations are known by the name of their case, all else by its own.
    let full = |job: &Job| match job.group {
        Group::Forward | Group::ForwardBackward => job.case.clone(),
        _ => job.name.clone(),
    };
    for filter in filters {
        if !jobs.iter().any(|job| full(job).contains(filter)) {
            let mut names: Vec<String> = jobs.iter().map(full).collect();
            names.dedup();
            bail!(
                "--cases: no case has \"{filter}\" in its name; there are\n  {}",
                names.join("\n  ")
            );
        }
    }
    if !filters.is_empty() {
        jobs.retain(|job| filters.iter().any(|filter| full(job).contains(filter)));
    }
    jobs.sort_by_key(|job| job.group as usize);
    Ok(jobs)
}

/// All sides; PyTorch is installed if it is not there.
fn sides(ours: Side) -> Result<Vec<Side>> {
    let torch = install()?;
    let mut sides = vec![ours];
    for mode in &MODES[1..] {
        let variables = vec![
            ("LD_LIBRARY_PATH", torch.stubs.clone()),
            // There is no GPU behind the stubs.
            ("CUDA_VISIBLE_DEVICES", PathBuf::new()),
            // A new architecture has never been compiled before.
            ("TORCHINDUCTOR_CACHE_DIR", torch.folder.join("inductor")),
            ("TORCHINDUCTOR_FORCE_DISABLE_CACHES", "1".into()),
        ];
        // Large tensors are else given back to the system when they are freed, and to get them again
        // may take PyTorch ten times as long as an operation on them.
        let for_times = vec![
            ("MALLOC_MMAP_THRESHOLD_", "4000000000".into()),
            ("MALLOC_TRIM_THRESHOLD_", "4000000000".into()),
        ];
        let (program, script) = (torch.python.clone(), Some(script("torch_peer.py")));
        let log = torch.folder.join(format!("{mode}.log"));
        sides.push(Side { mode, program, script, variables, for_times, log });
    }
    Ok(sides)
}

/// The file with the tables.
fn page(tables: &str, args: &Args, processor: &str) -> String {
    let threads: Vec<String> = args.threads.iter().map(ToString::to_string).collect();
    let only = if args.cases.is_empty() {
        "all".to_owned()
    } else {
        format!("those with {} in their name", args.cases.join(" or "))
    };
    format!(
        "# Performance

<!-- Written by `cargo xtask bench-torch --write`. Do not edit. -->

Operations and trainings beside those of PyTorch, on the CPU. `cargo xtask bench-torch --write`
measures them and writes this file.

- Processor: {processor}
- PyTorch: `{TORCH}`
- Ours: a release build for any processor of this kind, without `target-cpu=native`
- Threads: {threads}
- Rounds: {rounds}
- Cases: {only}

Each side is a process of its own, and they take turns. In a round, each repeats a pass for at least
50 ms, after one that is not counted if a pass is shorter. The tables give the median of a pass on our
side and of PyTorch's plain mode (eager), and the ratio of the medians, ours to PyTorch's: below 1
ours is faster. In brackets is the interval in which it lies with a probability of 95 % (bootstrap
over the rounds).

Batches are 64 examples, but for `mlp/256`. A pass forward and backward is an operation and the
gradients of all its inputs, where that of its output is given: `nascent_ops::op::vjp`, and
`torch.autograd.grad`. (`Tensor::backward` of candle adds ones, zeros and a sum of its own to each
operation; trainings do not use it for networks that the program can run.) A pass of a training step puts a batch together, computes
the loss and its gradients, and updates the weights (SGD with Nesterov momentum and weight decay).

PyTorch has one pool of threads; on our side only that of the operations has more than one, for the
pool that candle has beside it waits by spinning. PyTorch's processes are told to keep freed memory (`MALLOC_TRIM_THRESHOLD_` and
`MALLOC_MMAP_THRESHOLD_` of glibc), without which single operations take it up to ten times as long;
ours are told nothing, and neither side is where memory is measured.

channels_last is PyTorch's other memory format, and compile is `torch.compile`, which takes its time
anew for each architecture. For two trials at once, the time is that of a step, until both have done
theirs. Memory is the peak of a fresh process above what it had before the network was made, after
two steps, in {MEMORY_ROUNDS} rounds.
{tables}",
        threads = threads.join(" and "),
        rounds = args.rounds,
    )
}

/// The kind of processor, and how many of its threads there are.
fn processor() -> String {
    let linux = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let value = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let widest = match value("flags")? {
            flags if flags.contains("avx512f") => ", AVX-512",
            flags if flags.contains("avx2") => ", AVX2",
            _ => "",
        };
        Some(value("model name")? + widest)
    });
    let mac = || {
        let mut sysctl = Command::new("sysctl");
        let output = sysctl.args(["-n", "machdep.cpu.brand_string"]).output().ok()?;
        Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
    };
    let name = linux.or_else(mac).filter(|name| !name.is_empty());
    let name =
        name.unwrap_or_else(|| format!("a processor of the kind {}", std::env::consts::ARCH));
    let threads = thread::available_parallelism().map_or(1, usize::from);
    format!("{name}, {threads} hardware threads")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cases() -> Vec<String> {
        let names = ["conv/a/forward", "conv/a/forward_backward", "relu/b/forward", "net/n1"];
        names.map(str::to_owned).to_vec()
    }

    fn names(filters: &[&str], threads: &[usize]) -> Vec<(Group, String, usize)> {
        let filters: Vec<String> = filters.iter().map(|&filter| filter.to_owned()).collect();
        let jobs = jobs(&cases(), &filters, threads).unwrap();
        jobs.into_iter().map(|job| (job.group, job.name, job.threads)).collect()
    }

    #[test]
    fn jobs_are_grouped_and_filtered() {
        let conv = "conv/a".to_owned();
        let expected = [
            (Group::Forward, conv.clone(), 1),
            (Group::Forward, conv.clone(), 2),
            (Group::ForwardBackward, conv.clone(), 1),
            (Group::ForwardBackward, conv.clone(), 2),
        ];
        assert_eq!(names(&["conv"], &[1, 2]), expected);
        assert_eq!(names(&["conv/a/forward_b"], &[1]), [(Group::ForwardBackward, conv, 1)]);
        assert_eq!(names(&["two_trials"], &[2])[0].2, 1);
        assert_eq!(names(&[], &[1]).len(), 4 + DERIVED.len());
    }

    #[test]
    fn a_filter_without_a_case_lists_the_cases() {
        let error = jobs(&cases(), &["conf".to_owned()], &[1, 2]).unwrap_err().to_string();
        assert!(error.contains("\"conf\""), "{error}");
        assert!(error.contains("\n  relu/b/forward\n  net/n1\n"), "{error}");
        assert_eq!(error.matches("net/n1").count(), 1, "{error}");
    }
}
