//! `nascent datasets`: what there is to train on, and where it is.

use std::io::{IsTerminal as _, Write};

use anyhow::{Context as _, Result};
use indicatif::{ProgressBar, ProgressStyle};
use nascent_datasets::{DATASETS, Entry, FetchProgress, default_data_dir, fetch, find};
use serde_json::{Value, json};

use crate::args::{DatasetsArgs, DatasetsCommand};
use crate::output;

/// Runs the command.
pub(crate) fn run(args: &DatasetsArgs, out: &mut dyn Write) -> Result<()> {
    match &args.command {
        Some(DatasetsCommand::Fetch { name }) => fetch_one(args, name, out),
        Some(DatasetsCommand::List) | None => list(args, out),
    }
}

fn place(args: &DatasetsArgs, entry: &Entry) -> String {
    if entry.is_embedded() {
        return "built in".to_owned();
    }
    match entry.locate(args.data_dir.as_deref()) {
        Some(path) => path.display().to_string(),
        None => format!("not here; nascent datasets fetch {}", entry.name),
    }
}

fn list(args: &DatasetsArgs, out: &mut dyn Write) -> Result<()> {
    if args.json {
        let all: Vec<Value> = DATASETS
            .iter()
            .map(|entry| {
                json!({
                    "name": entry.name,
                    "summary": entry.summary,
                    "license": entry.license,
                    "source": entry.source,
                    "shape": entry.shape,
                    "classes": entry.classes,
                    "train": entry.train_len,
                    "test": entry.test_len,
                    "download_bytes": entry.files.iter().map(|file| file.bytes).sum::<u64>(),
                    "embedded": entry.is_embedded(),
                    "found": entry.locate(args.data_dir.as_deref()),
                    "looked_for_in": entry.search_dirs(args.data_dir.as_deref()),
                })
            })
            .collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
        return Ok(());
    }
    let rows = DATASETS.iter().map(|entry| {
        let shape = entry.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("×");
        let bytes: u64 = entry.files.iter().map(|file| file.bytes).sum();
        vec![
            entry.name.to_owned(),
            shape,
            entry.classes.len().to_string(),
            entry.train_len.to_string(),
            entry.test_len.to_string(),
            if bytes == 0 { "–".to_owned() } else { format!("{:.1} MB", bytes as f64 / 1e6) },
            place(args, entry),
        ]
    });
    let header = ["name", "shape", "classes", "train", "test", "download", "where"];
    writeln!(out, "{}\n", output::table(&header, &rows.collect::<Vec<_>>()))?;
    for entry in DATASETS {
        writeln!(
            out,
            "{}: {}\n  {}\n  license: {}",
            entry.name, entry.summary, entry.source, entry.license
        )?;
        if !entry.is_embedded() {
            let dirs = entry.search_dirs(args.data_dir.as_deref());
            let dirs = dirs.iter().map(|dir| dir.display().to_string()).collect::<Vec<_>>();
            writeln!(out, "  looked for in: {}", dirs.join(", "))?;
        }
    }
    Ok(())
}

fn fetch_one(args: &DatasetsArgs, name: &str, out: &mut dyn Write) -> Result<()> {
    let entry = find(name)?;
    let into = args.data_dir.clone().or_else(default_data_dir);
    let into = into.context("there is no home folder to put data into; say --data-dir DIR")?;
    let terminal = std::io::stderr().is_terminal();
    let bar = if terminal { ProgressBar::no_length() } else { ProgressBar::hidden() };
    let template = "{msg} [{bar:24}] {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left";
    bar.set_style(ProgressStyle::with_template(template)?.progress_chars("━╸ "));
    let mut file = String::new();
    let mut show = |progress: FetchProgress<'_>| {
        if progress.file != file {
            progress.file.clone_into(&mut file);
            bar.reset();
            bar.set_message(file.clone());
            if !terminal {
                let megabytes = progress.total_bytes as f64 / 1e6;
                let _nobody_reads =
                    writeln!(std::io::stderr(), "fetching {file} ({megabytes:.1} MB)");
            }
        }
        bar.set_length(progress.total_bytes);
        bar.set_position(progress.done_bytes);
    };
    let fetched = fetch(entry, &into, &mut show);
    bar.finish_and_clear();
    let path = fetched?;
    if args.json {
        writeln!(out, "{}", json!({ "name": entry.name, "found": path }))?;
    } else {
        writeln!(out, "{}", path.display())?;
    }
    Ok(())
}
