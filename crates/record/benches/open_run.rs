//! How long it takes to open a long run and to ask it something, and how much memory it needs.
//!
//! `cargo bench -p nascent-record --bench open_run` writes a run of 100,000 trials with 6 choices,
//! 4 metrics and 3 reports each, opens it once in this fresh process, prints the peak of its memory
//! (on Linux), and measures. The limits that we keep: 1.5 s and 400 MiB, of which the second is
//! asserted, since it is the same on every machine.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run may panic")]
#![expect(clippy::print_stdout, reason = "it reports to a person")]

use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nascent_record::{Objective, Run, RunView, analysis};
use serde_json::json;

const TRIALS: u32 = 100_000;
const STEPS: u32 = 3;
const CHOICES: u64 = 6;

fn main() {
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path());
    let bytes = fs::metadata(dir.path().join("events.jsonl")).unwrap().len();
    let view = Run::open(dir.path()).unwrap();
    let after = memory(); // the run was streamed to the disk, so this is of opening it
    assert_eq!(view.finished_trials(), TRIALS as usize);
    if let Some((now, peak)) = after {
        println!(
            "{TRIALS} trials, {} MiB of log: opened with {now} MiB of memory, {peak} at the peak",
            bytes >> 20
        );
        assert!(peak < 400, "the limit is 400 MiB");
    }
    drop(view);
    let _first = RUN.set(dir.path().to_owned());
    divan::main();
}

/// A small generator of numbers that are the same each time: SplitMix64.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn write_run(directory: &Path) {
    let options = ["none", "skip_connect", "conv_1x1", "conv_3x3", "avg_pool_3x3"];
    let choices = (0..CHOICES).map(
        |i| json!({"name": format!("op{i}"), "domain": {"categorical": {"options": options}}}),
    );
    let manifest = json!({
        "schema": 1,
        "created_ms": 0,
        "space": {"name": "nas_bench_201"},
        "spec": choices.collect::<Vec<_>>(),
        "searcher": {"name": "random"},
        "evaluator": {"name": "train"},
        "pruner": {"name": "none"},
        "data": {"name": "synthetic"},
        "metrics": [{"name": "valid_accuracy", "direction": "maximize"}],
        "objectives": [{"metric": "valid_accuracy", "direction": "maximize"}],
        "seed": 0,
        "lookahead": 4,
        "budget": {},
    });
    fs::write(directory.join("run.json"), manifest.to_string()).unwrap();
    let log = fs::File::create(directory.join("events.jsonl")).unwrap();
    let mut log = BufWriter::new(log);
    let mut numbers = Numbers(1);
    let mut metrics = |step: u32| -> BTreeMap<&str, f64> {
        [
            ("train_loss", numbers.unit() / f64::from(step)),
            ("valid_loss", numbers.unit() / f64::from(step)),
            ("valid_accuracy", numbers.unit()),
            ("duration_secs", 10.0 * numbers.unit()),
        ]
        .into()
    };
    let mut picks = Numbers(2);
    for trial in 0..TRIALS {
        let at = 1_750_000_000_000_u64 + u64::from(trial) * 1000;
        let values: Vec<u64> = (0..CHOICES).map(|_| picks.next() % 5).collect();
        let (parent, told) = (trial / 2, trial.saturating_sub(3));
        writeln!(
            log,
            r#"{{"at_ms":{at},"trial_started":{{"trial":{trial},"proposal":{{"architecture":{values:?},"parents":[{parent}]}},"told":{told}}}}}"#
        )
        .unwrap();
        for step in 1..=STEPS {
            let metrics = json!(metrics(step));
            writeln!(
                log,
                r#"{{"at_ms":{at},"trial_reported":{{"trial":{trial},"step":{step},"metrics":{metrics}}}}}"#
            )
            .unwrap();
        }
        let metrics = json!(metrics(STEPS));
        writeln!(
            log,
            r#"{{"at_ms":{at},"trial_finished":{{"trial":{trial},"outcome":{{"complete":{metrics}}},"epochs":{STEPS}}}}}"#
        )
        .unwrap();
    }
    log.flush().unwrap();
}

/// The memory of this process in MiB: now, and at most so far.
fn memory() -> Option<(u64, u64)> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let field = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kib >> 10)
    };
    Some((field("VmRSS:")?, field("VmHWM:")?))
}

static RUN: OnceLock<PathBuf> = OnceLock::new();
static VIEW: OnceLock<RunView> = OnceLock::new();

fn run() -> &'static Path {
    RUN.get().unwrap()
}

fn view() -> &'static RunView {
    VIEW.get_or_init(|| Run::open(run()).unwrap())
}

fn objective() -> &'static Objective {
    view().manifest().objective().unwrap()
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn open() -> RunView {
    Run::open(black_box(run())).unwrap()
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn history_hash(bencher: divan::Bencher<'_, '_>) {
    let view = view();
    bencher.bench_local(|| view.history_hash());
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn incumbent(bencher: divan::Bencher<'_, '_>) {
    let view = view();
    bencher.bench_local(|| analysis::incumbent(view).map(|trial| trial.id));
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn leaderboard_of_all(bencher: divan::Bencher<'_, '_>) {
    let view = view();
    bencher.bench_local(|| analysis::leaderboard(view, usize::MAX).len());
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn choice_importance(bencher: divan::Bencher<'_, '_>) {
    let (view, objective) = (view(), objective());
    bencher.bench_local(|| analysis::choice_importance(view, objective).unwrap().len());
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn best_so_far(bencher: divan::Bencher<'_, '_>) {
    let (view, objective) = (view(), objective());
    bencher.bench_local(|| analysis::best_so_far(view, objective).len());
}
