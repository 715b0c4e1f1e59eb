//! Plots of runs, and drawings of architectures.

use nascent_figures::{PlotOptions, find};
use nascent_record::RunView;

use crate::html::{escape, styled};
use crate::run::{Run, TrialView};
use crate::svg::{bundle, drawings, problem};
use crate::{Bundle, Result};

/// A picture of runs or architectures, or why there is none.
#[derive(Clone, Debug)]
pub struct Picture(Bundle);

impl Picture {
    pub(crate) fn bundle(&self) -> Bundle {
        self.0.clone()
    }

    fn of(made: Result<Bundle>) -> Self {
        Self(made.unwrap_or_else(|error| problem(&error.to_string())))
    }
}

impl From<Bundle> for Picture {
    fn from(bundle: Bundle) -> Self {
        Self(bundle)
    }
}

/// The plots by name: `plot!(best_so_far, run)`.
pub mod plots {
    macro_rules! names {
        ($($name:ident: $summary:literal;)*) => {
            $(#[doc = $summary]
            #[expect(non_upper_case_globals, reason = "it is typed as it is called")]
            pub const $name: &str = stringify!($name);)*

            #[cfg(test)]
            pub(super) const ALL: &[&str] = &[$($name),*];
        };
    }
    names! {
        best_so_far: "The best result so far, by trials.";
        learning_curves: "The learning curve of each trial.";
        pareto_front: "Two metrics against each other.";
        hypervolume: "How the Pareto front grew, by trials.";
        choice_importance: "How much each choice matters.";
        slice: "The metric against the most important choice.";
        contour: "The metric against the two most important choices.";
        parallel_coordinates: "Each trial as a line through its choices.";
        choice_drift: "How often each option was proposed, by trials.";
        timeline: "When each trial ran.";
        lineage: "The family tree of an evolution.";
        signal: "A number that the searcher logged, such as its entropy.";
        surrogate: "What a model predicted against what was seen.";
        relevance: "What the model of a searcher looks at.";
        controller: "How probable a policy found each option.";
        supernet: "How accurate a supernet was, by its epochs.";
        alpha: "How strong each operation of a supernet is, by its epochs.";
        rank_correlation: "Accuracy by shared weights against accuracy by themselves.";
        early_ranking: "How well each epoch of a training ranks trials, beside the last one.";
        target_time: "How long each run took to a target.";
        overlap: "Which architectures runs have in common.";
    }
}

/// A plot of runs.
pub fn plot(name: &str, runs: &[&Run]) -> Picture {
    Picture::of(try_plot(name, runs))
}

fn try_plot(name: &str, runs: &[&Run]) -> Result<Bundle> {
    let views = runs.iter().map(|run| run.view()).collect::<Result<Vec<_>>>()?;
    let names: Vec<String> = runs.iter().map(|run| run.name()).collect();
    let named: Vec<(&str, &RunView)> = names.iter().map(String::as_str).zip(&views).collect();
    match find(name)?.figure(&named, &PlotOptions::default()) {
        Ok(figure) => Ok(bundle((&figure).into())),
        Err(not_yet) => Ok(Bundle::new(
            styled(&format!("<span class=\"m\">{}</span>", escape(&not_yet.0))),
            not_yet.0,
        )),
    }
}

/// The architecture of a trial.
pub fn architecture(trial: &TrialView) -> Picture {
    Picture::of(trial.graph().map(|graph| {
        let name = trial.architecture();
        let title = format!("<div><code>{}</code></div>", escape(&name));
        Bundle::new(styled(&title) + &drawings(&graph), name)
    }))
}

/// The choices of two trials beside each other.
pub fn difference(a: &TrialView, b: &TrialView) -> Picture {
    let (a_choices, b_choices) = (a.choices(), b.choices());
    let mut names: Vec<&String> = a_choices.iter().map(|(name, _)| name).collect();
    names.extend(
        b_choices
            .iter()
            .map(|(name, _)| name)
            .filter(|name| a_choices.iter().all(|(other, _)| other != *name)),
    );
    let of = |choices: &[(String, String)], name: &str| {
        let found = choices.iter().find(|(known, _)| known == name);
        found.map_or_else(|| "–".to_owned(), |(_, value)| value.clone())
    };
    let cells = |tag: &str, texts: [&str; 3]| {
        texts.map(|text| format!("<{tag}>{}</{tag}>", escape(text))).concat()
    };
    let (mut rows, mut lines) = (Vec::new(), vec![format!("{} | {}", a.title(), b.title())]);
    for name in names {
        let (left, right) = (of(&a_choices, name), of(&b_choices, name));
        let (class, mark) = if left == right { ("same", ' ') } else { ("changed", '*') };
        rows.push(format!("<tr class=\"{class}\">{}</tr>", cells("td", [name, &left, &right])));
        lines.push(format!("{mark} {name}: {left} | {right}"));
    }
    let header = cells("th", ["", &a.title(), &b.title()]);
    let rows = rows.concat();
    let html = format!("<table><thead><tr>{header}</tr></thead><tbody>{rows}</tbody></table>");
    Picture(Bundle::new(styled(&html), lines.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plot_has_a_name_to_type() {
        let known: Vec<&str> = nascent_figures::PLOTS.iter().map(|plot| plot.id()).collect();
        assert_eq!(plots::ALL, known);
    }
}
