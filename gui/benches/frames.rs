//! How long a frame takes, how soon the first view is there, and how much memory that needs.
//!
//! `cargo bench -p nascent-gui --bench frames` writes a run of 100,000 trials, and fifty of 1,000, with
//! the writer of the record crate, opens the app over each without a window, scrolls the table, and pans
//! the upper figure while each plot in turn is in view, there or below it. It prints the time of a
//! processor that a frame takes (events, panels, tessellation: all but the work of the graphics card),
//! and fails if a limit is exceeded.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run may panic")]
#![expect(clippy::print_stdout, reason = "it reports to a person")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui::{Event, Modifiers, PointerButton, Pos2, RawInput, Rect, pos2, vec2};
use nascent_figures::PLOTS;
use nascent_gui::{App, Settings};
use nascent_record::{
    DirectoryStore, Event as Logged, Metrics, Outcome, Proposal, Run, RunStore as _,
    SessionStarted, SystemClock, TrialFinished, TrialId, TrialReported, TrialStarted, Value,
};

const SIZE: [f32; 2] = [1440.0, 900.0];
/// In the table, and in the upper figure.
const TABLE: Pos2 = pos2(560.0, 520.0);
const FIGURE: Pos2 = pos2(1150.0, 300.0);
const FRAMES: usize = 240;

const FIRST_VIEW_SECS: f64 = 2.0;
const MEDIAN_MS: f64 = 8.0;
const WORST_MS: f64 = 16.0;
const MEMORY_MIB: u64 = 800;

fn main() {
    let root = root();
    println!("writing runs");
    let long = root.path().join("long");
    write(&long.join("run"), 100_000, 0);
    let many = root.path().join("many");
    for seed in 0..50 {
        write(&many.join(format!("run-{seed:02}")), 1000, seed);
    }
    let mut missed = Vec::new();
    let all: Vec<PathBuf> = (0..50).map(|seed| many.join(format!("run-{seed:02}"))).collect();
    for (name, folder, show) in
        [("100,000 trials", &long, vec![]), ("50 runs of 1,000 trials", &many, all)]
    {
        println!("{name}");
        measure(folder, &show, &mut missed);
    }
    assert!(missed.is_empty(), "limits were exceeded: {missed:?}");
}

fn measure(folder: &Path, show: &[PathBuf], missed: &mut Vec<String>) {
    let ctx = egui::Context::default();
    let begun = Instant::now();
    let folders = [folder.to_owned()];
    let clock = Arc::new(SystemClock);
    let mut app = App::new(&ctx, &folders, Settings::default(), clock).unwrap();
    app.show_at_first(show);
    app.open_panel("trials").unwrap();
    let mut view = View { ctx, app, time: 0.0 };
    view.settle();
    let first = begun.elapsed().as_secs_f64();
    println!("  first view      {first:.2} s (limit {FIRST_VIEW_SECS} s)");
    if first > FIRST_VIEW_SECS {
        missed.push(format!("first view {first:.2} s"));
    }
    let scroll = |frame: usize| {
        let delta = vec2(0.0, if frame % 60 < 40 { -900.0 } else { 700.0 });
        let unit = egui::MouseWheelUnit::Point;
        let (phase, source) = (egui::TouchPhase::Move, egui::MouseWheelSource::Wheel);
        vec![
            Event::PointerMoved(TABLE),
            Event::MouseWheel { unit, delta, phase, source, modifiers: Modifiers::NONE },
        ]
    };
    report("scrolling the table", view.frames(scroll), missed);
    for plot in PLOTS {
        view.app.open_panel(plot.id()).unwrap();
        view.settle();
        let pan = |frame: usize| {
            let at = |frame: usize| FIGURE + vec2(((frame as f32) * 0.2).sin() * 160.0, 0.0);
            let button = |pressed| Event::PointerButton {
                pos: at(frame),
                button: PointerButton::Primary,
                pressed,
                modifiers: Modifiers::NONE,
            };
            let mut events = vec![Event::PointerMoved(at(frame))];
            events.extend((frame == 0).then(|| button(true)));
            events.extend((frame + 1 == FRAMES).then(|| button(false)));
            events
        };
        report(&format!("panning beside {}", plot.id()), view.frames(pan), missed);
    }
    if let Some(memory) = memory() {
        println!("  memory          {memory} MiB at the peak of this process (limit {MEMORY_MIB})");
        if memory > MEMORY_MIB {
            missed.push(format!("{memory} MiB"));
        }
    }
}

fn report(what: &str, mut times: Vec<f64>, missed: &mut Vec<String>) {
    times.sort_by(f64::total_cmp);
    let (median, worst) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("  {what:32} median {median:5.2} ms, 99th percentile {worst:5.2} ms");
    if median > MEDIAN_MS || worst > WORST_MS {
        missed.push(format!("{what}: {median:.2} and {worst:.2} ms"));
    }
}

/// The app without a window.
struct View {
    ctx: egui::Context,
    app: App,
    time: f64,
}

impl View {
    /// A frame with these events; the milliseconds of a processor that it took.
    fn frame(&mut self, events: Vec<Event>) -> f64 {
        self.time += 1.0 / 60.0;
        let screen_rect = Some(Rect::from_min_size(Pos2::ZERO, SIZE.into()));
        let input = RawInput { screen_rect, events, time: Some(self.time), ..RawInput::default() };
        let before = processor_time();
        let mut output = self.ctx.run_ui(input, |ui| self.app.ui(ui));
        output.textures_delta.clear(); // there is no graphics card to take them
        let primitives = self.ctx.tessellate(output.shapes, output.pixels_per_point);
        let taken = processor_time().saturating_sub(before);
        assert!(!primitives.is_empty(), "nothing was drawn");
        taken.as_secs_f64() * 1000.0
    }

    fn frames(&mut self, events: impl Fn(usize) -> Vec<Event>) -> Vec<f64> {
        (0..FRAMES).map(|frame| self.frame(events(frame))).collect()
    }

    /// Draws until nothing is being read or computed any more.
    fn settle(&mut self) {
        let mut settles = (0..10_000).map(|_| {
            self.frame(Vec::new());
            std::thread::sleep(Duration::from_millis(2));
            self.app.is_settled()
        });
        assert!(settles.any(|settled| settled), "the app never settled");
        // What fades in is there then.
        self.frame(Vec::new());
        self.frame(Vec::new());
    }
}

/// The time that this thread has had a processor for: other programs do not count.
fn processor_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// The most memory that this process has had, in MiB.
fn memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib >> 10)
}

/// Where runs are written: in memory where that is a folder, for the writer waits for the disk after
/// each trial.
fn root() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let root = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    root.unwrap()
}

/// A run of so many trials with three reports each.
fn write(path: &Path, trials: u32, seed: u64) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/trained");
    let mut manifest = Run::manifest(&golden).unwrap();
    manifest.seed = seed;
    let mut store = DirectoryStore::create(path, &manifest, Box::new(SystemClock)).unwrap();
    let version = "0.1.0".to_owned();
    let session = SessionStarted { version, workers: 1, budget: manifest.budget };
    store.append(Logged::SessionStarted(session)).unwrap();
    let mut numbers = Numbers(seed);
    for id in 0..trials {
        let trial = TrialId(id);
        let build = manifest.spec.build(|_, choice| {
            let size = choice.domain.size().unwrap();
            choice.domain.nth(numbers.below(size)).unwrap_or(Value::Int(0))
        });
        let parents = (id > 50).then(|| TrialId(id - 1 - numbers.below(50) as u32));
        let proposal = Proposal::new(build.unwrap()).with_parents(parents.into_iter().collect());
        let started = TrialStarted {
            trial,
            proposal,
            told: id.saturating_sub(7),
            state: None,
            weights: None,
        };
        store.append(Logged::TrialStarted(started)).unwrap();
        let good = 0.5 + 0.4 * (1.0 - (-f64::from(id) / 20_000.0).exp()) + 0.1 * numbers.unit();
        let mut last = Metrics::default();
        for step in 1..=3 {
            let accuracy = good * (0.7 + 0.1 * f64::from(step));
            let mut metrics = Metrics::new([("valid_accuracy", accuracy)]).unwrap();
            metrics.insert("valid_loss", -accuracy.ln()).unwrap();
            let metrics_so_far = metrics.clone();
            let reported = TrialReported { trial, step, metrics: metrics_so_far };
            store.append(Logged::TrialReported(reported)).unwrap();
            last = metrics;
        }
        last.insert("params", (1e4 + 6e4 * numbers.unit()).round()).unwrap();
        last.insert("latency_ms", 1.0 + numbers.unit()).unwrap();
        let outcome = if id % 11 == 7 { Outcome::Pruned(last) } else { Outcome::Complete(last) };
        let finished =
            TrialFinished { trial, outcome, epochs: 3, artifacts: BTreeMap::new(), spent: None };
        store.append(Logged::TrialFinished(finished)).unwrap();
    }
}

/// Numbers that look random and are always the same: SplitMix64.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
