//! Runs that are damaged, gone or from tomorrow: the row says so, and nothing panics.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use crate::common::{Opening, golden, labels, open, sees, settle, wait_for};

/// A copy of a golden run as a folder of its own.
fn copy(name: &str, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in ["run.json", "events.jsonl"] {
        fs::copy(golden(name).join(file), to.join(file)).unwrap();
    }
}

fn opened(folder: &Path) -> crate::common::Opened {
    open(Opening { folders: vec![folder.to_owned()], ..Opening::default() })
}

#[test]
fn each_problem_is_said_and_the_others_are_shown() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    copy("random-0", &at("whole"));
    copy("random-0", &at("damaged"));
    let log = fs::read_to_string(golden("random-0").join("events.jsonl")).unwrap();
    let mut lines: Vec<&str> = log.lines().collect();
    lines[20] = "{\"at_ms\":1,\"trial_st";
    fs::write(at("damaged").join("events.jsonl"), lines.join("\n") + "\n").unwrap();
    copy("random-0", &at("torn"));
    fs::write(at("torn").join("events.jsonl"), &log[..log.len() / 2]).unwrap();
    copy("random-0", &at("newer"));
    let manifest = fs::read_to_string(golden("random-0").join("run.json")).unwrap();
    let newer = manifest.replacen("\"schema\": 1", "\"schema\": 999", 1);
    assert_ne!(newer, manifest);
    fs::write(at("newer").join("run.json"), newer).unwrap();
    copy("random-0", &at("no_trial"));
    fs::write(at("no_trial").join("events.jsonl"), "").unwrap();
    copy("random-0", &at("no_manifest"));
    fs::write(at("no_manifest").join("run.json"), "{").unwrap();

    let mut harness = opened(dir.path());
    for name in ["whole", "damaged", "torn", "newer", "no_trial", "no_manifest"] {
        use egui_kittest::kittest::Queryable as _;
        harness.get_by_label(&format!("Run {name}")).click();
        settle(&mut harness);
        let problem = match name {
            "damaged" => "line 21",
            "newer" => "update nascent",
            "no_manifest" => "is not a run manifest",
            _ => "",
        };
        assert!(sees(&harness, problem), "{name}: {:?}", labels(&harness));
        if problem.is_empty() {
            assert!(!sees(&harness, "unreadable"), "{name}");
        }
    }
}

#[test]
fn a_run_that_is_deleted_while_it_is_looked_at_stays_to_be_seen() {
    use egui_kittest::kittest::Queryable as _;
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    copy("random-0", &run);
    // Also found: a run in a folder in the folder.
    copy("trained", &dir.path().join("of/today/other"));
    let mut harness = opened(dir.path());
    harness.get_by_label("Run run").click();
    settle(&mut harness);
    assert!(sees(&harness, "trials 40"));
    fs::remove_dir_all(&run).unwrap();
    wait_for(&mut harness, "is gone");
    assert!(sees(&harness, "trials 40"), "what was read is still shown");
    harness.get_by_label("Run other").click();
    wait_for(&mut harness, "trials 24");
    assert!(!sees(&harness, "Run run"), "nobody looks at it any more");
}

#[test]
#[cfg(unix)]
fn a_file_that_may_not_be_read_is_said() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    copy("random-0", &run);
    let manifest = run.join("run.json");
    fs::set_permissions(&manifest, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&manifest).is_ok() {
        println!("skipped: this user may read everything");
        return;
    }
    let harness = opened(dir.path());
    assert!(sees(&harness, "unreadable") || sees(&harness, "cannot be read"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Bytes of a log replaced, cut out or doubled: some of it may be shown, all of it is drawn.
    #[test]
    fn a_mutated_log_never_panics(
        name in prop::sample::select(vec!["evolution-0", "trained", "darts"]),
        edits in prop::collection::vec((0.0..1.0_f64, 0..4_u8, any::<u8>()), 1..12),
        panel in prop::sample::select(vec!["trials", "ancestors", "searcher", "overview"]),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let run = dir.path().join("run");
        copy(name, &run);
        let path = run.join("events.jsonl");
        let mut bytes = fs::read(&path).unwrap();
        for (place, kind, byte) in edits {
            let at = (place * bytes.len() as f64) as usize;
            match kind {
                0 => bytes[at] = byte,
                1 => { bytes.drain(at..(at + 1 + usize::from(byte)).min(bytes.len())); }
                2 => {
                    let end = (at + usize::from(byte)).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    bytes.splice(at..at, piece);
                }
                // Digits are where a wrong number hides.
                _ => if bytes[at].is_ascii_digit() { bytes[at] = b'0' + byte % 10 },
            }
            if bytes.is_empty() { break; }
        }
        fs::write(&path, bytes).unwrap();
        let harness = open(Opening {
            folders: vec![dir.path().to_owned()],
            panels: vec![panel],
            ..Opening::default()
        });
        prop_assert!(sees(&harness, "Run run"));
    }
}
