//! `nascent plot`: pictures of runs.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use nascent_figures::{Picture, PlotOptions, Progress, RenderOptions, Summary, Theme};
use nascent_record::{Run, RunView};

use crate::args::{Against, CellOf, LookArgs, PlotArgs};
use crate::output;

/// Runs the command.
pub(crate) fn run(args: &PlotArgs, out: &mut dyn Write) -> Result<()> {
    let plot = nascent_figures::find(&args.plot)?;
    let views = open(&args.runs)?;
    let options = PlotOptions {
        metric: args.metric.clone(),
        cost: args.cost.clone(),
        top: args.top,
        progress: match args.against {
            Against::Trials => Progress::Trials,
            Against::Epochs => Progress::Epochs,
            Against::Cost => Progress::Cost,
            Against::WallClock => Progress::WallClock,
        },
        choices: args.choices.clone(),
        summary: match args.cell {
            CellOf::Mean => Summary::Mean,
            CellOf::Best => Summary::Best,
        },
        target: args.target,
        signal: args.signal.clone(),
        ..PlotOptions::default()
    };
    let figure = plot.figure(&borrowed(&views), &options).context("nothing to plot")?;
    save(&args.picture.output, &args.picture.look, (&figure).into(), out)
}

/// Opens runs, each under the name of its folder.
pub(crate) fn open(runs: &[PathBuf]) -> Result<Vec<(String, RunView)>> {
    let opened = runs.iter().map(|path| {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok((name, Run::open(path)?))
    });
    opened.collect()
}

/// Runs as plots take them.
pub(crate) fn borrowed(views: &[(String, RunView)]) -> Vec<(&str, &RunView)> {
    views.iter().map(|(name, view)| (name.as_str(), view)).collect()
}

/// Draws a picture into the file that was asked for.
pub(crate) fn save(
    path: &Path,
    args: &LookArgs,
    picture: Picture<'_>,
    out: &mut dyn Write,
) -> Result<()> {
    let usual = RenderOptions::default();
    let options = RenderOptions {
        theme: if args.dark { Theme::Dark } else { Theme::Light },
        width: args.width.unwrap_or(usual.width),
        height: args.height.unwrap_or(usual.height),
        ..usual
    };
    render(path, picture, &options)?;
    writeln!(out, "{}", path.display())?;
    Ok(())
}

/// Draws a picture into a file, in the format of its name.
pub(crate) fn render(path: &Path, picture: Picture<'_>, options: &RenderOptions) -> Result<()> {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    match extension.as_str() {
        "svg" => {
            output::write_file(path, nascent_figures::render_svg(picture, options)?.as_bytes())
        }
        "png" => output::write_file(path, &nascent_figures::render_png(picture, options)?),
        _ => bail!("{} ends neither in .svg nor in .png", path.display()),
    }
}
