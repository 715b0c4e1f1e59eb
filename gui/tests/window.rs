//! The real window on a display in memory (Xvfb), beside a real search.
//!
//! Where Xvfb or the `nascent` program is missing, the reason is printed and nothing is checked.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A display in memory, for as long as the value lives.
struct Display {
    server: Child,
    name: String,
}

impl Drop for Display {
    fn drop(&mut self) {
        let _gone = self.server.kill();
        let _status = self.server.wait();
    }
}

impl Display {
    /// Starts Xvfb on a number that it finds itself; `None` where there is no Xvfb.
    fn start() -> Option<Self> {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1920x1200x24", "-nolisten", "tcp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut number = String::new();
        let mut out = server.stdout.take()?;
        let mut byte = [0_u8];
        while out.read(&mut byte).ok()? == 1 && byte[0] != b'\n' {
            number.push(char::from(byte[0]));
        }
        Some(Self { server, name: format!(":{number}") })
    }

    /// Opens the app over a folder, and takes a picture.
    fn picture(&self, home: &Path, folder: &Path, picture: &Path, more: &[&str]) {
        let mut app = Command::new(env!("CARGO_BIN_EXE_nascent-gui"));
        app.env("DISPLAY", &self.name)
            .env_remove("WAYLAND_DISPLAY")
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .env("XDG_DATA_HOME", home)
            .args(["--fresh", "--screenshot"])
            .arg(picture)
            .args(more)
            .arg(folder);
        if let Some(nascent) = nascent() {
            app.env("NASCENT", nascent);
        }
        let output = app.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The `nascent` program: that of `NASCENT`, or the one that was built beside the app.
fn nascent() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_BIN_EXE_nascent-gui")).with_file_name("nascent");
    let named = std::env::var_os("NASCENT").map(PathBuf::from);
    named.or_else(|| beside.is_file().then_some(beside))
}

fn search(program: &Path, folder: &Path, more: &[&str]) -> Command {
    let mut search = Command::new(program);
    search.args(["search", "--quiet", "--final-epochs", "0", "--runs"]).arg(folder).args(more);
    search.stdout(Stdio::null()).stderr(Stdio::null());
    search
}

/// The hash of the history of the only run in a folder.
fn hash(program: &Path, folder: &Path) -> String {
    let run = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let shown = Command::new(program).arg("show").arg(run).arg("--hash").output().unwrap();
    assert!(shown.status.success());
    String::from_utf8(shown.stdout).unwrap()
}

/// Waits until a trial of a run in a folder has ended, or the search has.
fn wait_for_a_trial(folder: &Path, search: &mut Child) {
    let has_one = || {
        let runs = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut logs =
            runs.filter_map(|run| fs::read_to_string(run.path().join("events.jsonl")).ok());
        logs.any(|log| log.contains("trial_finished"))
    };
    while !has_one() && search.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// How many colors a PNG has, and its size.
fn colors(path: &Path) -> (usize, u32, u32) {
    let mut reader = png::Decoder::new(fs::File::open(path).unwrap()).read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size()];
    let info = reader.next_frame(&mut bytes).unwrap();
    let pixels: std::collections::BTreeSet<&[u8]> = bytes.chunks_exact(3).collect();
    (pixels.len(), info.width, info.height)
}

#[test]
fn a_search_is_followed_in_a_real_window_and_not_disturbed() {
    let Some(program) = nascent() else {
        println!("skipped: there is no nascent program; build it, or say NASCENT=PROGRAM");
        return;
    };
    let Some(display) = Display::start() else {
        println!("skipped: there is no Xvfb; install the package xvfb");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let (alone, watched) = (dir.path().join("alone"), dir.path().join("watched"));
    let what = ["-n", "24", "--workers", "1", "--epochs", "2", "--max-train", "400", "--seed", "5"];
    assert!(search(&program, &alone, &what).status().unwrap().success());
    let mut running = search(&program, &watched, &what).spawn().unwrap();
    wait_for_a_trial(&watched, &mut running);
    let picture = dir.path().join("window.png");
    display.picture(dir.path(), &watched, &picture, &["--size", "1200x800", "--theme", "light"]);
    assert!(running.wait().unwrap().success());
    let (colors, width, height) = colors(&picture);
    assert_eq!((width, height), (1200, 800));
    assert!(colors > 100, "the window is nearly empty: {colors} colors");
    assert_eq!(hash(&program, &watched), hash(&program, &alone), "the history is undisturbed");
}

/// Writes the pictures of README.md anew:
/// `cargo test -p nascent-gui --test window -- --ignored readme`.
#[test]
#[ignore = "writes into docs/images; needs Xvfb and the nascent program"]
fn readme_pictures() {
    let program = nascent().unwrap();
    let display = Display::start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let runs = dir.path().join("runs");
    let make = |more: &[&str]| {
        assert!(search(&program, &runs, more).status().unwrap().success());
    };
    let sizes = ["--evaluator", "size", "--space", "macro_cnn", "-n", "300"];
    for seed in ["0", "1", "2"] {
        for searcher in ["random", "tpe", "regularized_evolution"] {
            make(&[&sizes[..], &["--searcher", searcher, "--seed", seed]].concat());
        }
    }
    make(&["-n", "40", "--pruner", "median", "--workers", "1", "--seed", "0"]);
    let named = |part: &str| -> PathBuf {
        let all = fs::read_dir(&runs).unwrap().map(|entry| entry.unwrap().path());
        let mut found = all.filter(|path| path.to_string_lossy().contains(part));
        found.next().unwrap()
    };
    let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/images");
    let trained = named("nas_bench_201");
    let evolved = named("macro_cnn-regularized_evolution-1");
    let firsts = ["random-0", "tpe-0", "regularized_evolution-0"]
        .map(|run| named(&format!("macro_cnn-{run}")));
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let pictures: [(&str, Vec<String>); 3] = [
        (
            "gui_trials.png",
            ["light", "trials", "pareto_front", "architecture"]
                .map(str::to_owned)
                .into_iter()
                .chain([text(&trained)])
                .collect(),
        ),
        (
            "gui_compare.png",
            ["dark", "compare", "best_so_far", "target_time"]
                .map(str::to_owned)
                .into_iter()
                .chain(firsts.iter().map(|path| text(path)))
                .collect(),
        ),
        (
            "gui_evolution.png",
            ["light", "overview", "choice_drift", "lineage"]
                .map(str::to_owned)
                .into_iter()
                .chain([text(&evolved)])
                .collect(),
        ),
    ];
    for (name, words) in pictures {
        let mut more = vec!["--size", "1280x800", "--theme", &words[0]];
        for panel in &words[1..4] {
            more.extend(["--panel", panel.as_str()]);
        }
        for run in &words[4..] {
            more.extend(["--show", run.as_str()]);
        }
        if words.len() > 5 {
            more.push("--group");
        }
        let path = images.join(name);
        display.picture(dir.path(), &runs, &path, &more);
        assert!(fs::metadata(&path).unwrap().len() < 300_000, "{name} is too large");
    }
}
