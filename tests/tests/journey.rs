//! A person's way through the real binary: search, look, plot, export, get the network out.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use nascent_tests::{json, nascent, run};
use serde_json::Value;
use tempfile::tempdir;

/// Every plot, of `runs/a` and `runs/b` or of runs whose searchers log more.
fn draws_every_plot(here: &Path) {
    // One whose proposals come with what shared weights say of them.
    let shared = [
        "search",
        "--quiet",
        "--run=other/c",
        "--max-train=300",
        "--space-set=channels=4",
        "--searcher=gdas",
        "--searcher-set=supernet_epochs=1",
        "--searcher-set=proposals=sampled",
        "--trials=3",
        "--epochs=1",
        "--final-epochs=1",
    ];
    run(here, &shared);
    // And some whose searchers log what they think; sizes are counted, so they cost nothing.
    let thinking: [(&str, &[&str]); 3] = [
        ("ppo", &[]),
        ("gp", &["--searcher-set=initial_samples=4"]),
        (
            "regularized_evolution",
            &["--searcher-set=population_size=2", "--searcher-set=sample_size=1"],
        ),
    ];
    for (searcher, settings) in thinking {
        let (name, searcher) =
            (format!("--run=other/{searcher}"), format!("--searcher={searcher}"));
        let mut search = vec!["search", "--quiet", "--evaluator=size", "--lookahead=1"];
        search.extend(["--trials=8", "--final-epochs=0", &name, &searcher]);
        search.extend(settings);
        run(here, &search);
    }
    for plot in json(here, &["list", "plots", "--json"]).as_array().unwrap() {
        let name = plot["name"].as_str().unwrap();
        let of: &[&str] = match name {
            "rank_correlation" | "supernet" | "alpha" | "signal" => &["other/c"],
            "controller" => &["other/ppo"],
            "surrogate" | "relevance" => &["other/gp"],
            "lineage" => &["other/regularized_evolution"],
            "overlap" => &["runs/a", "runs/b"],
            _ => &["runs/a"],
        };
        for file in ["p.svg", "p.png"] {
            run(here, &[&["plot", name, "-o", file, "--dark"], of].concat());
        }
        let svg = fs::read_to_string(here.join("p.svg")).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("</svg>"), "{name}");
        assert_eq!(fs::read(here.join("p.png")).unwrap()[1..4], *b"PNG", "{name}");
    }
}

#[test]
fn from_a_search_to_the_trained_network() {
    let folder = tempdir().unwrap();
    let here = folder.path();
    let search = [
        "search",
        "--quiet",
        "--run=runs/a",
        "--max-train=600",
        "--space-set=channels=4",
        "--trials=6",
        "--epochs=2",
        "--final-epochs=3",
    ];
    let text = run(here, &search);
    for expected in ["Best: trial", "cell:", "test_accuracy", "report.html", "nascent show runs/a"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }

    let summary = json(here, &["show", "runs/a", "--json"]);
    assert_eq!(summary["trials"]["complete"], 6);
    assert_eq!(summary["state"], "finished");
    let best = summary["best"]["trial"].as_u64().unwrap();
    let accuracy = summary["retrained"][0]["metrics"]["test_accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.6, "chance is 0.1; the best has {accuracy}");

    let board = json(here, &["best", "runs/a", "--json", "--weights=best.safetensors"]);
    assert_eq!(board[0]["trial"].as_u64(), Some(best));
    let weights = fs::read(here.join("best.safetensors")).unwrap();
    // A safetensors file starts with the length of its JSON header.
    let length = u64::from_le_bytes(weights[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&weights[8..8 + length]).unwrap();
    assert!(header.as_object().unwrap().len() > 10);

    // A second run to compare with, without training again.
    let table = "arch,acc\n|none~0|+|none~0|none~1|+|none~0|none~1|none~2|,10\n";
    fs::write(here.join("t.csv"), table).unwrap();
    let grid = [
        "search",
        "--quiet",
        "--run=runs/b",
        "--table=t.csv",
        "--valid=acc",
        "--searcher=grid",
        "--trials=3",
    ];
    run(here, &grid);
    let runs = json(here, &["runs", "--json"]);
    assert_eq!(runs.as_array().unwrap().len(), 2);
    assert_eq!(runs[1]["trials"]["failed"], 2, "the table has one row");
    let compared = json(here, &["compare", "runs/a", "runs/b", "--json", "-o", "compare.svg"]);
    assert_eq!(compared[1]["best"]["metrics"]["valid_accuracy"], 10.0);

    draws_every_plot(here);
    run(here, &["draw", "runs/a", "-o", "cell.svg"]);
    run(here, &["draw", "runs/a", "--network", "-t", "0", "-o", "net.png"]);
    let network = json(here, &["draw", "runs/a", "--json"]);
    assert!(network["nodes"].as_array().unwrap().len() > 2 && network["cells"].is_object());

    let csv = run(here, &["export", "runs/a"]);
    assert_eq!(csv.lines().count(), 7);
    run(here, &["export", "runs/a", "-o", "trials.parquet"]);
    run(here, &["export", "runs/a", "--curves", "-o", "curves.json"]);
    let curves: Value =
        serde_json::from_slice(&fs::read(here.join("curves.json")).unwrap()).unwrap();
    assert_eq!(curves.as_array().unwrap().len(), 12);

    let report = fs::read_to_string(here.join("runs/a/report.html")).unwrap();
    assert!(report.matches("<svg").count() >= 10, "each plot for light and for dark screens");
    assert!(!report.contains("src="), "the page needs no other file");

    // More budget goes on with the same run.
    run(here, &["resume", "runs/a", "--quiet", "--trials=8"]);
    assert_eq!(json(here, &["show", "runs/a", "--json"])["trials"]["complete"], 8);
}

#[test]
fn tabular_data_is_learned_from_csv_and_from_parquet() {
    let folder = tempdir().unwrap();
    let here = folder.path();
    // Two classes that a line divides, and a row number to be ignored.
    let mut csv = "row,x,y,color,kind\n".to_owned();
    for row in 0..240 {
        let (x, y) = (f64::from(row * 37 % 101), f64::from(row * 53 % 97));
        let color = ["red", "blue"][row as usize % 2];
        writeln!(csv, "{row},{x},{y},{color},{}", if x > y { "low" } else { "high" }).unwrap();
    }
    fs::write(here.join("t.csv"), csv).unwrap();
    let search = |run: &str, file: &str| {
        let (run_flag, data) = (format!("--run={run}"), format!("--data={file}"));
        let what = ["search", "--quiet", "--json", "--label=kind", "--ignore=row", "--space=mlp"];
        let limits = ["--trials=4", "--epochs=8", "--final-epochs=8"];
        json(here, &[&what[..], &limits, &[&run_flag, &data]].concat())
    };
    let summary = search("a", "t.csv");
    let accuracy = summary["retrained"][0]["metrics"]["test_accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.8, "a line divides the classes; the best has {accuracy}");

    // The file has moved: the run goes on where the file is now, and refuses another one.
    fs::rename(here.join("t.csv"), here.join("moved.csv")).unwrap();
    run(here, &["resume", "a", "--quiet", "--file=moved.csv", "--trials=5"]);
    let text = fs::read_to_string(here.join("moved.csv")).unwrap();
    fs::write(here.join("other.csv"), text.replace("0,0,0,", "0,9,0,")).unwrap();
    let mut command = Command::new(nascent());
    let other = ["resume", "a", "--file=other.csv", "--trials=6"];
    let refused = command.args(other).current_dir(here).output().unwrap();
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("its fingerprint differs"));

    // A table of trials, written as Parquet, is data as well.
    run(here, &["export", "a", "-o", "trials.parquet"]);
    let table = ["search", "--quiet", "--json", "--run=b", "--table=trials.parquet", "--space=mlp"];
    let columns = ["--key=dropout", "--valid=valid_accuracy", "--trials=1"];
    let refused = Command::new(nascent()).args(table).args(columns).current_dir(here).output();
    let message = String::from_utf8(refused.unwrap().stderr).unwrap();
    assert!(message.contains("are both of"), "it was read, and its keys are not unique: {message}");
}

#[test]
fn lists_and_help_teach() {
    let folder = tempdir().unwrap();
    for kind in ["spaces", "searchers", "pruners", "evaluators", "datasets", "plots"] {
        let rows = json(folder.path(), &["list", kind, "--json"]);
        assert!(!rows.as_array().unwrap().is_empty(), "{kind}");
        for row in rows.as_array().unwrap() {
            assert!(row["summary"].as_str().unwrap().len() > 10, "{row}");
        }
        assert!(!run(folder.path(), &["list", kind]).is_empty());
    }
    let datasets = json(folder.path(), &["datasets", "--json"]);
    assert_eq!(datasets[0]["embedded"], true);
    for command in [
        "search", "resume", "runs", "show", "best", "plot", "draw", "compare", "export", "report",
        "list", "datasets", "bench", "gui",
    ] {
        assert!(run(folder.path(), &[command, "--help"]).contains("Usage"), "{command}");
    }
}

#[test]
fn searchers_are_measured_over_a_table() {
    let folder = tempdir().unwrap();
    // A table over the cells of one operation: what is not in it fails, and is told as such.
    let mut table = "arch,acc,test,secs\n".to_owned();
    for (at, op) in
        ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"].iter().enumerate()
    {
        let cell = format!("|{op}~0|+|{op}~0|{op}~1|+|{op}~0|{op}~1|{op}~2|");
        writeln!(table, "{cell},{at}0,{at}1,5").unwrap();
    }
    fs::write(folder.path().join("t.csv"), table).unwrap();
    let arguments = [
        "bench",
        "searchers",
        "--table=t.csv",
        "--valid=acc",
        "--test=test",
        "--cost=secs",
        "--searchers=random,grid",
        "--seeds=3",
        "--at-trials=15625",
        "--json",
    ];
    let rows = json(folder.path(), &arguments);
    // The grid finds the best of the five.
    let grid = &rows[1];
    assert_eq!(grid["searcher"]["name"], "grid");
    assert_eq!(grid["best"][0]["valid_accuracy"]["mean"], 40.0);
    assert_eq!(grid["best"][0]["test_accuracy"]["interval_95"][0], 41.0);
    assert_eq!(grid["best"][0]["valid_accuracy"]["regret"], 0.0);
    assert_eq!(grid["best"][0]["valid_accuracy"]["at_optimum"], 3);
    assert!(grid["best"][0]["median_ask_tell_micros"].as_f64().unwrap() > 0.0);
}

/// The published means of the benchmark's own searchers, where its table is at hand.
#[test]
fn simulated_searches_reproduce_the_published_means() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let table = root.join("../shared/data/nas_bench_201.csv.gz");
    if !table.exists() {
        eprintln!("skipped: the table of NAS-Bench-201 is not at hand");
        return;
    }
    let table = format!("--table={}", table.display());
    let rows = json(
        root,
        &[
            "bench",
            "searchers",
            &table,
            "--valid=c10_val12",
            "--test=c10_test200",
            "--table-epochs=12",
            "--cost=c10_train_time200",
            "--cost-scale=0.061765", // (12 + 0.353) / 200
            "--searchers=random,regularized_evolution[population_size=10;sample_size=3]",
            "--seeds=500",
            "--at-secs=12000",
            "--json",
        ],
    );
    // Dong and Yang 2020, table 5: CIFAR-10 test accuracy.
    for (row, published) in std::iter::zip(rows.as_array().unwrap(), [93.70, 93.92]) {
        let mean = row["best"][0]["test_accuracy"]["mean"].as_f64().unwrap();
        assert!((mean - published).abs() < 0.15, "{mean} instead of {published}: {row}");
    }
}
