//! How a run looks: progress, the best so far, and the plot of it.

use std::fmt::Write as _;
use std::path::Path;

use nascent_figures::{PlotOptions, find};
use nascent_record::{Clock as _, Outcome, RunView, SystemClock, analysis};

use crate::html::{escape, number, styled};
use crate::live::State;
use crate::{Bundle, svg};

/// A run and how it stands.
pub(crate) fn card(directory: &Path, view: &RunView, state: &State) -> Bundle {
    let manifest = view.manifest();
    let (ended, budget) = (view.finished_trials(), view.budget());
    let title = format!(
        "{} over {} on {}, seed {}",
        manifest.searcher.name, manifest.space.name, manifest.data.name, manifest.seed
    );
    let state_text = match state {
        State::Running => "running".to_owned(),
        State::Stopped => "stopped".to_owned(),
        State::Finished => "finished".to_owned(),
        State::Failed(problem) => format!("failed: {problem}"),
        State::Panicked(problem) => format!("panicked: {problem}"),
    };
    let trials = budget.max_trials.map_or_else(
        || format!("{ended} trials"),
        |most| format!("{ended} of {} trials", most + manifest.imported),
    );
    let mut facts = vec![state_text, trials];
    let epochs = view.searcher_epochs();
    if let Some(last) = epochs.last().filter(|last| last.epoch < last.epochs || ended == 0) {
        facts.push(format!("epoch {} of {} of the supernet", last.epoch, last.epochs));
    }
    let failed = view.trials().iter().filter(|t| matches!(t.outcome, Some(Outcome::Failed(_))));
    match failed.count() {
        0 => {}
        count => facts.push(format!("{count} failed")),
    }
    if let Some((from, to)) = view.span_ms() {
        let until = if *state == State::Running { SystemClock.now_ms() } else { to };
        let secs = until.saturating_sub(from) / 1000;
        facts.push(format!("{}:{:02}", secs / 60, secs % 60));
    }
    let best = analysis::incumbent(view);
    let best_text = best.map(|trial| {
        let metrics = trial.metrics().into_iter().flat_map(nascent_record::Metrics::iter);
        let mut metrics: Vec<(&str, f64)> = metrics.collect();
        // Stable: what is searched for comes first, and the others stay in their order.
        let objectives = &manifest.goal.objectives;
        metrics.sort_by_key(|(name, _)| objectives.iter().all(|o| o.metric != *name));
        let metrics = metrics.iter().map(|(name, value)| format!("{name} {}", number(*value)));
        let metrics: Vec<String> = metrics.collect();
        format!("best: trial {}, {}", trial.id, metrics.join(", "))
    });
    let facts = facts.join(" · ");
    let mut html = format!("<div><b>{}</b></div>", escape(&title));
    let part = budget.max_trials.map(|most| {
        (ended as f64 / f64::from((most + manifest.imported).max(1)) * 100.0).min(100.0)
    });
    if let Some(part) = part {
        let _always =
            write!(html, "<div class=\"bar\"><div style=\"width:{part:.1}%\"></div></div>");
    }
    let _always = write!(html, "<div class=\"m\">{}</div>", escape(&facts));
    if let Some(best) = &best_text {
        let _always = write!(html, "<div>{}</div>", escape(best));
    }
    let _always = write!(
        html,
        "<div class=\"m\"><code>{}</code></div>",
        escape(&directory.display().to_string())
    );
    let figure = find("best_so_far").ok().and_then(|plot| {
        plot.figure(&[(&manifest.searcher.name, view)], &PlotOptions::default()).ok()
    });
    let picture = figure.and_then(|figure| svg::bundle((&figure).into()).html);
    let text = [Some(title), Some(facts), best_text, Some(directory.display().to_string())];
    let text: Vec<String> = text.into_iter().flatten().collect();
    Bundle::new(styled(&html) + &picture.unwrap_or_default(), text.join("\n"))
}
