//! Runs on disk: torn and damaged logs, one writer, followers, blobs, refusals of the system.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use nascent_record::{
    BlobId, Budget, DirectoryStore, Event, FinishReason, Outcome, Run, RunFinished, RunReader,
    RunStore as _, discover, discover_nested,
};

use crate::common::{
    clock, finished, golden, log, metrics, plain, read_log, reported, small, started,
};

fn over() -> Event {
    let reason = FinishReason::Exhausted;
    Event::RunFinished(RunFinished { reason })
}

/// The message of an error, with the temporary directory replaced.
fn message<T>(dir: &Path, result: nascent_record::Result<T>) -> String {
    let Err(error) = result else {
        return "no error".to_owned();
    };
    error.to_string().replace(&*dir.to_string_lossy(), "DIR")
}

#[test]
fn a_torn_last_line_is_ignored_by_readers_and_cut_by_the_writer() {
    let dir = tempfile::tempdir().unwrap();
    drop(small(dir.path()));
    let whole = read_log(dir.path());
    let last = whole.trim_end().rfind('\n').unwrap() + 1;
    let before = {
        fs::write(log(dir.path()), &whole[..last]).unwrap();
        Run::open(dir.path()).unwrap()
    };
    for end in last..whole.len() {
        fs::write(log(dir.path()), &whole[..end]).unwrap();
        assert_eq!(Run::open(dir.path()).unwrap(), before, "cut at {end}");
        assert_eq!(read_log(dir.path()).len(), end, "a reader never writes");
        let (mut store, view) = DirectoryStore::open(dir.path(), clock()).unwrap();
        assert_eq!(view, before);
        assert_eq!(read_log(dir.path()), whole[..last]);
        if end % 16 == 0 {
            store.append(over()).unwrap();
            drop(store);
            let log = read_log(dir.path());
            assert!(log.starts_with(&whole[..last]) && log.ends_with("}}\n"));
            assert_eq!(
                Run::open(dir.path()).unwrap().finish_reason(),
                Some(FinishReason::Exhausted)
            );
        }
    }
    // Nonsense with an end of line, or zeros after a power cut.
    for rest in ["{\"at_ms\":3,\"tri\n", "\0\0\0\0\0\0", "\0\0\0\n", "\n"] {
        fs::write(log(dir.path()), format!("{}{rest}", &whole[..last])).unwrap();
        assert_eq!(Run::open(dir.path()).unwrap(), before);
        drop(DirectoryStore::open(dir.path(), clock()).unwrap());
        assert_eq!(read_log(dir.path()), whole[..last]);
    }
}

#[test]
fn a_run_without_a_log_is_one_before_its_first_event() {
    let dir = tempfile::tempdir().unwrap();
    drop(DirectoryStore::create(dir.path(), &plain(), clock()).unwrap());
    fs::remove_file(log(dir.path())).unwrap();
    assert!(Run::open(dir.path()).unwrap().trials().is_empty());
    DirectoryStore::open(dir.path(), clock()).unwrap();
}

#[test]
fn what_cannot_be_opened_says_why_and_what_to_do() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path();
    let mut seen = Vec::new();
    let mut note = |name: &str, text: String| seen.push(format!("{name}\n  {text}"));

    note("empty directory", message(dir, Run::open(dir)));
    note("no directory", message(dir, Run::open(&dir.join("none"))));

    let run = dir.join("run");
    drop(small(&run));
    note("a file of a run", message(dir, Run::open(&log(&run))));
    let again = DirectoryStore::create(&run, &plain(), clock());
    note("create twice", message(dir, again));

    let whole = read_log(&run);
    let lines: Vec<&str> = whole.lines().collect();
    let damaged = |text: &str| {
        fs::write(log(&run), text).unwrap();
        let read = message(dir, Run::open(&run));
        assert_eq!(read, message(dir, DirectoryStore::open(&run, clock())));
        assert_eq!(read_log(&run), text, "nothing is cut");
        read
    };
    let text = format!("{}\n{}\n{}\n", lines[0], &lines[1][..40], lines[2]);
    note("damaged middle line", damaged(&text));
    let text = format!("\n{whole}");
    note("empty first line", damaged(&text));
    let text = format!("{}\n{{}}\n{}\n", lines[0], lines[2]);
    note("no time", damaged(&text));
    note("first line lost", damaged(&format!("{}\n", lines[1])));
    note("started twice", damaged(&format!("{}\n{whole}", lines[2])));
    note("ended twice", damaged(&format!("{whole}{}\n", lines[2])));
    let text = lines[0].replace("[7]", "[100]") + "\n";
    note("not of the space", damaged(&text));
    let text = lines[1].replace("0.5", "1e999");
    note("infinite metric", damaged(&format!("{}\n{text}\n{}\n", lines[0], lines[2])));

    let manifest = fs::read_to_string(run.join("run.json")).unwrap();
    let replaced = |from: &str, to: &str| {
        fs::write(run.join("run.json"), manifest.replace(from, to)).unwrap();
        message(dir, Run::open(&run))
    };
    note("newer", replaced("\"schema\": 1", "\"schema\": 2"));
    note("no schema", replaced("\"schema\"", "\"scheme\""));
    note("no seed", replaced("\"seed\"", "\"sead\""));
    note("impossible space", replaced("\"high\": 99", "\"high\": -1"));
    note("not JSON", replaced("{", "["));

    fs::remove_file(run.join("run.json")).unwrap();
    let again = DirectoryStore::create(&run, &plain(), clock());
    note("log without manifest", message(dir, again));
    insta::assert_snapshot!("messages", seen.join("\n"));
}

#[test]
fn what_cannot_be_written_says_so() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path();
    // Below a file nobody can write, not even the superuser.
    fs::write(dir.join("file"), "").unwrap();
    let refused = DirectoryStore::create(&dir.join("file/run"), &plain(), clock());
    let text = message(dir, refused);
    assert!(text.starts_with("cannot create DIR/file/run: "), "{text}");

    let mut manifest = plain();
    manifest.budget = Budget { max_cost_secs: Some(f64::NAN), ..Budget::default() };
    let refused = DirectoryStore::create(&dir.join("run"), &manifest, clock());
    let text = message(dir, refused);
    assert!(text.ends_with("is there a number that is not finite?"), "{text}");
    assert!(!dir.join("run").exists());

    let mut store = small(&dir.join("run"));
    fs::remove_dir(dir.join("run/artifacts")).unwrap();
    fs::write(dir.join("run/artifacts"), "in the way").unwrap();
    let text = message(dir, store.put_blob(b"weights"));
    assert!(text.starts_with("cannot write DIR/run/artifacts/"), "{text}");
}

#[test]
fn a_run_has_one_writer() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(Run::writer(dir.path()), None);
    let store = small(dir.path());
    let holder = Run::writer(dir.path()).unwrap();
    let own = format!("process {}", std::process::id());
    assert!(holder.starts_with(&own), "{holder}");
    let text = message(dir.path(), DirectoryStore::open(dir.path(), clock()));
    assert_eq!(
        text,
        format!("run DIR is in use by {holder}; wait for it or stop it, a run has one writer")
    );
    // Readers come in, and asking who writes keeps nobody out.
    Run::open(dir.path()).unwrap();
    drop(store);
    assert_eq!(Run::writer(dir.path()), None);
    // What a process that died has left does not lock.
    fs::write(dir.path().join("writer.lock"), "process 4294967295\n").unwrap();
    let (store, _) = DirectoryStore::open(dir.path(), clock()).unwrap();
    assert_eq!(Run::writer(dir.path()), Some(holder));
    drop(store);
}

#[test]
fn a_reader_follows_a_growing_log() {
    let dir = tempfile::tempdir().unwrap();
    let manifest = plain();
    let mut store = DirectoryStore::create(dir.path(), &manifest, clock()).unwrap();
    let mut reader = RunReader::open(dir.path()).unwrap();
    assert_eq!(reader.position(), nascent_record::Position::default());
    let x = |text| manifest.spec.parse(text).unwrap();
    store.append(started(0, x("x=1"))).unwrap();
    store.append(started(1, x("x=2"))).unwrap();
    assert_eq!(reader.refresh().unwrap(), 2);
    assert_eq!(reader.refresh().unwrap(), 0);
    let half = reported(0, 1, metrics(&[("valid_accuracy", 0.5)]));
    store.append(half).unwrap();
    let failed =
        nascent_record::Failure { kind: nascent_record::FailureKind::Error, message: "no".into() };
    store.append(finished(1, Outcome::Failed(failed))).unwrap();
    assert_eq!(reader.refresh().unwrap(), 2);
    assert_eq!(reader.position().lines, 4);
    let bytes = read_log(dir.path()).len() as u64;
    assert_eq!(reader.position().bytes, bytes);
    assert_eq!(*reader.view(), Run::open(dir.path()).unwrap());
    assert_eq!(reader.view().finished_trials(), 1);

    // A line that comes in two parts.
    drop(store);
    let mut file = OpenOptions::new().append(true).open(log(dir.path())).unwrap();
    file.write_all(b"{\"at_ms\":9999,\"run_fin").unwrap();
    assert_eq!(reader.refresh().unwrap(), 0);
    file.write_all(b"ished\":{\"reason\":\"max_trials\"}}\n").unwrap();
    assert_eq!(reader.refresh().unwrap(), 1);
    let reason = reader.view().finish_reason();
    assert_eq!(reason, Some(FinishReason::MaxTrials));
}

#[test]
fn a_reader_stays_before_damage_and_goes_on_once_it_is_mended() {
    let dir = tempfile::tempdir().unwrap();
    drop(small(dir.path()));
    let whole = read_log(dir.path());
    let mut reader = RunReader::open(dir.path()).unwrap();
    let next = "{\"at_ms\":5000,\"run_finished\":{\"reason\":\"exhausted\"}}\n";
    fs::write(log(dir.path()), format!("{whole}{next}nonsense\n{next}")).unwrap();
    for _ in 0..2 {
        let text = message(dir.path(), reader.refresh());
        assert!(text.starts_with("line 5 of DIR/events.jsonl is damaged"), "{text}");
        assert_eq!(reader.position().lines, 4);
        assert!(reader.view().finish_reason().is_some());
    }
    // Mended: what was read is not read twice.
    fs::write(log(dir.path()), format!("{whole}{next}{next}")).unwrap();
    assert_eq!(reader.refresh().unwrap(), 1);
    // Cut behind what was read: read anew.
    fs::write(log(dir.path()), &whole).unwrap();
    assert_eq!(reader.refresh().unwrap(), 3);
    assert_eq!(reader.view().finish_reason(), None);
    assert_eq!(*reader.view(), Run::open(dir.path()).unwrap());
}

#[test]
fn blobs_are_what_was_written_or_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = small(dir.path());
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let id = store.put_blob(&bytes).unwrap();
    assert_eq!(store.put_blob(&bytes).unwrap(), id);
    assert_eq!(store.blob(&id).unwrap(), bytes);
    assert_eq!(Run::blob(dir.path(), &id).unwrap(), bytes);
    let names = fs::read_dir(dir.path().join("artifacts")).unwrap();
    assert_eq!(names.count(), 1, "no temporary file stays");

    let path = dir.path().join("artifacts").join(id.as_str());
    fs::write(&path, b"other").unwrap();
    let text = message(dir.path(), store.blob(&id));
    assert_eq!(
        text,
        format!(
            "artifact DIR/artifacts/{id} has changed since it was written; \
             copy the run again, with all its files"
        )
    );
    assert_eq!(store.put_blob(&bytes).unwrap(), id);
    assert_eq!(store.blob(&id).unwrap(), bytes, "it is mended");
    fs::remove_file(&path).unwrap();
    let text = message(dir.path(), store.blob(&id));
    assert!(text.starts_with(&format!("artifact {id} is missing from DIR/artifacts;")));

    // A name that a log made up does not lead out of the directory.
    let outside: BlobId = serde_json::from_str("\"../run.json\"").unwrap();
    let text = message(dir.path(), store.blob(&outside));
    assert!(text.starts_with("artifact ../run.json is missing"), "{text}");
}

#[test]
fn runs_are_discovered_by_their_manifest() {
    let dir = tempfile::tempdir().unwrap();
    assert!(discover(&dir.path().join("none")).unwrap().is_empty());
    for name in ["b", "a"] {
        drop(small(&dir.path().join(name)));
    }
    fs::create_dir(dir.path().join("c")).unwrap();
    fs::write(dir.path().join("run.txt"), "").unwrap();
    let runs = discover(dir.path()).unwrap();
    assert_eq!(runs, [dir.path().join("a"), dir.path().join("b")]);
    assert_eq!(discover(&golden()).unwrap(), [golden()]);
}

#[test]
fn runs_in_directories_in_directories_are_found_to_a_depth() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for name in ["b", "today/a", "today/gpu/c", ".hidden/d", "b/inside"] {
        drop(small(&at(name)));
    }
    let to = |depth| discover_nested(dir.path(), depth).unwrap();
    assert_eq!(to(1), [at("b")]);
    assert_eq!(to(2), [at("b"), at("today/a")]);
    assert_eq!(to(4), [at("b"), at("today/a"), at("today/gpu/c")]);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(dir.path(), at("today/circle")).unwrap();
        assert_eq!(to(9).len(), 3, "a link is not followed");
    }
}

#[test]
fn what_was_added_is_read_beside_the_state_and_taken_in_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = small(dir.path());
    let mut reader = RunReader::open(dir.path()).unwrap();
    let before = reader.view().clone();
    store.append(over()).unwrap();
    let added = reader.read_added().unwrap().unwrap();
    let twice = reader.read_added().unwrap().unwrap();
    assert_eq!(*reader.view(), before);
    assert_eq!(reader.take_in(added).unwrap(), 1);
    assert_eq!(*reader.view(), Run::open(dir.path()).unwrap());
    assert_eq!(reader.take_in(twice).unwrap(), 0, "it has been taken in");
    // What stands before damage is taken in, and the damage named as a refresh names it.
    drop(store);
    let whole = read_log(dir.path());
    let next = "{\"at_ms\":5000,\"run_finished\":{\"reason\":\"exhausted\"}}\n";
    let unfit = "{\"at_ms\":5000,\"trial_reported\":{\"trial\":9,\"step\":1,\"metrics\":{}}}\n";
    for damage in ["nonsense\n", unfit] {
        fs::write(log(dir.path()), format!("{whole}{next}{damage}{next}")).unwrap();
        let (mut one, mut other) =
            (RunReader::at_start(dir.path()).unwrap(), RunReader::at_start(dir.path()).unwrap());
        let added = one.read_added().unwrap().unwrap();
        let said = message(dir.path(), one.take_in(added));
        assert_eq!(said, message(dir.path(), other.refresh()));
        assert!(said.contains("is damaged"), "{said}");
        assert_eq!((one.position(), one.view()), (other.position(), other.view()));
    }
    // Cut behind what was read.
    fs::write(log(dir.path()), "").unwrap();
    assert!(reader.read_added().unwrap().is_none());
}

#[test]
fn a_note_of_another_computer_is_believed_while_the_log_grows() {
    let dir = tempfile::tempdir().unwrap();
    let store = small(dir.path());
    let grown = fs::metadata(log(dir.path())).unwrap().modified().unwrap();
    let grown = grown.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
    let (soon, late) = (grown + 60_000, grown + 7_200_000);
    // A process of this computer is known to be there, however long it trains.
    let lives = |now| Run::live_writer(dir.path(), now).is_some();
    assert!(lives(soon) && (lives(late) || !cfg!(target_os = "linux")));
    drop(store);
    assert!(!lives(soon));
    fs::write(dir.path().join("writer.lock"), "process 1 on another-computer\n").unwrap();
    assert!(lives(soon) && !lives(late));
    assert!(Run::writer(dir.path()).is_some(), "whoever wants to write is still warned");
}
