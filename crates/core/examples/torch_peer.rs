//! Our side of `cargo xtask bench-torch`: measures what it is asked to on standard input, and
//! answers on standard output. `xtask/python/torch_peer.py` is the other side.
//!
//! ```text
//! cases                 cases NAME NAME …
//! prepare CASE MODE     ready NUMBERS SECONDS      how many parameters; how long the first pass took
//!                       missing REASON             there is no such case or mode, or it cannot run
//! run [PASSES]          time MILLISECONDS          for each pass; enough passes if none are said
//! memory                memory MEBIBYTES           the peak since before `prepare`
//!                       missing REASON
//! quit
//! ```
//!
//! The number of threads is that of `RAYON_NUM_THREADS`; `CANDLE_NUM_THREADS` is best left at 1, as
//! `nascent::train::one_thread_per_operation` says.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "it measures times, and its only user is told of a failure by its end"
)]

#[path = "../../ops/benches/cases/mod.rs"]
mod operations;
#[path = "../benches/cases/mod.rs"]
mod steps;

use std::fs;
use std::io::{self, BufRead as _, Write as _};
use std::time::{Duration, Instant};

/// A measurement takes at least so long.
const ENOUGH: Duration = Duration::from_millis(50);

type Iteration = Box<dyn FnMut() -> nascent::Result<()>>;

/// The endings of the names of operations, and whether that includes the gradients.
const PASSES: [(&str, bool); 2] = [("/forward", false), ("/forward_backward", true)];

fn cases() -> Vec<String> {
    let operations = operations::CASES
        .iter()
        .flat_map(|case| PASSES.iter().map(move |(pass, _)| format!("{}{pass}", case.name)));
    operations.chain(steps::CASES.iter().map(|case| case.name.to_owned())).collect()
}

/// The number of parameters, and a pass, of the case with this name, if there is one.
fn find(name: &str) -> Option<nascent::Result<(usize, Iteration)>> {
    for (pass, backward) in PASSES {
        let stem = name.strip_suffix(pass);
        if let Some(case) = operations::CASES.iter().find(|case| Some(case.name) == stem) {
            return Some(case.prepare(backward).map_err(Into::into).map(
                |(count, mut iteration)| {
                    let iteration: Iteration = Box::new(move || Ok(iteration()?));
                    (count, iteration)
                },
            ));
        }
    }
    steps::CASES.iter().find(|case| case.name == name).map(steps::Case::prepare)
}

struct Prepared {
    iteration: Iteration,
    passes: u32,
    resident_kib: Option<u64>,
}

fn main() {
    // On a thread of a pool, as trainings are; the gradient of a deep network is a deep recursion.
    let pool = rayon::ThreadPoolBuilder::new().stack_size(64 << 20).build().unwrap();
    pool.install(serve);
}

fn serve() {
    let mut prepared: Option<Prepared> = None;
    for line in io::stdin().lock().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match (&*words, &mut prepared) {
            (["cases"], _) => format!("cases {}", cases().join(" ")),
            (["prepare", _, mode], _) if *mode != "ours" => "missing there is no such mode".into(),
            (["prepare", case, _], _) => {
                prepared = None;
                match prepare(case) {
                    Ok((ready, answer)) => {
                        prepared = Some(ready);
                        answer
                    }
                    Err(reason) => format!("missing {}", reason.lines().next().unwrap_or_default()),
                }
            }
            (["run"], Some(prepared)) => time(prepared, prepared.passes),
            (["run", passes], Some(prepared)) => time(prepared, passes.parse().unwrap()),
            (["memory"], Some(prepared)) => memory(prepared.resident_kib),
            (["quit"], _) => return,
            _ => format!("error there is nothing to do for {line:?}"),
        };
        let mut out = io::stdout();
        writeln!(out, "{answer}").unwrap();
        out.flush().unwrap();
    }
}

fn prepare(name: &str) -> Result<(Prepared, String), String> {
    // The peak counts from here, where the system can do that.
    let _peak_of_all_times = fs::write("/proc/self/clear_refs", "5");
    let resident_kib = status_kib("VmRSS");
    let (parameters, mut iteration) =
        find(name).ok_or("there is no such case")?.map_err(|error| error.to_string())?;
    let mut time = |passes: u32| {
        let begun = Instant::now();
        for _ in 0..passes {
            iteration().map_err(|error| error.to_string())?;
        }
        Ok::<Duration, String>(begun.elapsed())
    };
    let first = time(1)?;
    let mut passes = 1;
    while time(passes)? < ENOUGH {
        passes *= 2;
    }
    let answer = format!("ready {parameters} {}", first.as_secs_f64());
    Ok((Prepared { iteration, passes, resident_kib }, answer))
}

fn time(prepared: &mut Prepared, passes: u32) -> String {
    // The other processes have used the caches meanwhile, which a short pass would notice.
    if passes > 1 {
        (prepared.iteration)().unwrap();
    }
    let begun = Instant::now();
    for _ in 0..passes {
        (prepared.iteration)().unwrap();
    }
    format!("time {}", begun.elapsed().as_secs_f64() * 1e3 / f64::from(passes))
}

fn memory(before: Option<u64>) -> String {
    match before.zip(status_kib("VmHWM")) {
        Some((before, peak)) => format!("memory {}", peak.saturating_sub(before) as f64 / 1024.0),
        None => "missing this system has no /proc/self/status".to_owned(),
    }
}

/// A number of `/proc/self/status`.
fn status_kib(name: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
