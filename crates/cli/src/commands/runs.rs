//! `nascent runs`: what was searched so far.

use std::io::Write;

use anyhow::Result;
use nascent_record::{Run, analysis, discover};
use serde_json::{Value, json};

use super::search::summary;
use crate::args::RunsArgs;
use crate::output;

/// Runs the command.
pub(crate) fn run(args: &RunsArgs, out: &mut dyn Write) -> Result<()> {
    let runs = discover(&args.folder)?;
    // One damaged run does not hide the others.
    let opened = runs.iter().map(|path| (path, Run::open(path)));
    if args.json {
        let all = opened.map(|(path, view)| match view {
            Ok(view) => summary(path, &view),
            Err(error) => json!({ "run": path, "error": error.to_string() }),
        });
        let all = all.collect::<Vec<Value>>();
        writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
        return Ok(());
    }
    let (mut rows, mut damaged) = (Vec::new(), Vec::new());
    for (path, view) in opened {
        let view = match view {
            Ok(view) => view,
            Err(error) => {
                damaged.push(format!("{}: {error}", path.display()));
                continue;
            }
        };
        let manifest = view.manifest();
        let best = analysis::incumbent(&view).and_then(|trial| {
            let objective = manifest.objective()?;
            let value = trial.metric(&objective.metric)?;
            Some(output::metric(manifest, &objective.metric, value))
        });
        rows.push(vec![
            path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
            output::state(path, &view).to_owned(),
            manifest.data.name.clone(),
            view.finished_trials().to_string(),
            best.unwrap_or_else(|| "–".to_owned()),
            output::moment(manifest.created_ms),
        ]);
    }
    if rows.is_empty() && damaged.is_empty() {
        let folder = args.folder.display();
        writeln!(out, "no runs in {folder}; start one with: nascent search")?;
    } else {
        let header = ["run", "state", "data", "trials", "best", "created (UTC)"];
        writeln!(out, "{}", output::table(&header, &rows))?;
    }
    for line in damaged {
        writeln!(out, "cannot be read: {line}")?;
    }
    Ok(())
}
