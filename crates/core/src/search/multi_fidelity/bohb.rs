//! BOHB: the brackets of Hyperband, that begin with architectures from a model of what was good
//! instead of random ones.
//!
//! # Algorithm
//! 1. [`hyperband`](super::hyperband) says what comes next: a promotion, or a new architecture.
//! 2. With probability `random_fraction`, a new architecture is random. It is, too, as long as no
//!    rung has `min_points` results.
//! 3. Otherwise take the highest rung that has. The best `gamma` of its trials are good; the others
//!    are bad, and so are failed and pruned trials, and new architectures that still run.
//! 4. Fit a density to each, see [`parzen`](crate::search::bayesian::parzen), draw `candidates`
//!    architectures from that of the good ones, and propose the one with the largest ratio of the
//!    densities that may be proposed.
//!
//! # Cost
//! Per ask O(trials), and O(candidates × kernels × choices) for a new architecture: for many bad
//! trials a weighted sample stands for all, as in `tpe`. Per tell O(trials), memory O(trials).
//!
//! # References
//! Falkner, Klein and Hutter, "BOHB: Robust and Efficient Hyperparameter Optimization at Scale",
//! ICML 2018, <https://arxiv.org/abs/1807.01774>, algorithm 2.
//!
//! # Differences from the paper
//! No trial is both good and bad where there are few (the paper's equation 3 has at least
//! `min_points` of each). Candidates are drawn from the density itself, which has a prior, not with
//! wider kernels. Bandwidths follow Scott's rule.

use nascent_record::{Architecture, Signals, Trial};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use super::hyperband::Hyperband;
use super::rungs::{Entrant, Ladder, Rungs, draw};
use crate::Result;
use crate::config::{defaults, invalid, parse};
use crate::search::bayesian::parzen::{Kernels, Parzen, thinned};
use crate::search::{Ask, AskContext, SearchSetup, Searcher, SearcherEntry};

/// The row of the table.
pub static ENTRY: SearcherEntry = SearcherEntry {
    name: NAME,
    summary: "Hyperband whose new architectures come from a model of the good trials.",
    reference: "Falkner et al. 2018, https://arxiv.org/abs/1807.01774",
    defaults: defaults::<Config>,
    build: |config, setup| Ok(Box::new(Bohb::new(parse(NAME, config)?, setup)?)),
};

const NAME: &str = "bohb";

/// The settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Those of all searchers over rungs.
    #[serde(flatten)]
    pub rungs: Rungs,
    /// The share of new architectures that are random, from 0 to 1: ρ, 1/3 as in the paper.
    pub random_fraction: f64,
    /// Results that a rung needs for a model, at least 2; one more than the space has choices, as in
    /// the paper, if null.
    pub min_points: Option<usize>,
    /// The share of the trials of a rung that are good, above 0 and below 1: q, 0.15 as in the paper.
    pub gamma: f64,
    /// Architectures drawn from the density of the good ones for each new one, at least 1: `N_s`, 64
    /// as in the paper.
    pub candidates: usize,
    /// Those of the densities.
    #[serde(flatten)]
    pub kernels: Kernels,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            rungs: Rungs::default(),
            random_fraction: 1.0 / 3.0,
            min_points: None,
            gamma: 0.15,
            candidates: 64,
            kernels: Kernels::default(),
        }
    }
}

impl Config {
    fn check(&self) -> Result<()> {
        let Self { random_fraction, min_points, gamma, candidates, .. } = *self;
        let problem = if !(0.0..=1.0).contains(&random_fraction) {
            format!("random_fraction is {random_fraction}, and must be from 0 to 1")
        } else if let Some(few @ 0..2) = min_points {
            format!("min_points is {few}, and must be at least 2, or null")
        } else if !(gamma > 0.0 && gamma < 1.0) {
            format!("gamma is {gamma}, and must be above 0 and below 1")
        } else if candidates == 0 {
            "candidates is 0, and must be at least 1".to_owned()
        } else {
            return self.kernels.check(NAME);
        };
        Err(invalid(NAME, problem))
    }

    /// The highest rung with enough results: its good trials, and the bad ones, best first.
    fn split<'a>(
        &self,
        ladder: &'a Ladder,
        choices: usize,
    ) -> Option<(usize, &'a [Entrant], &'a [Entrant])> {
        let least = self.min_points.unwrap_or(choices + 1);
        let results = |rung: &[Entrant]| rung.partition_point(|entrant| entrant.score.is_some());
        let rungs = ladder.rungs.iter().enumerate().rev();
        let (at, rung) = rungs.into_iter().find(|(_, rung)| results(rung) >= least)?;
        let share = (rung.len() as f64 * self.gamma).ceil() as usize;
        let (good, bad) = rung.split_at(share.min(results(rung)));
        Some((at, good, bad))
    }

    /// A new architecture from the model, if there is one, and one of its candidates is taken.
    fn model(&self, ladder: &Ladder, cx: &mut AskContext<'_>) -> Option<(Architecture, Signals)> {
        let spec = cx.space.spec();
        let (rung, good, bad) = self.split(ladder, spec.len())?;
        let liked: Vec<_> = good.iter().map(|entrant| (&entrant.architecture, 1.0)).collect();
        let mut against = thinned(bad, |entrant| &entrant.architecture);
        // One that goes on with a training is there because it is good.
        let new = cx.pending.iter().filter(|trial| trial.proposal.resume_from.is_none());
        against.extend(new.map(|trial| (&trial.proposal.architecture, 1.0)));
        let parzen = Parzen::new(spec, &liked, &against, self.kernels);
        let mut candidates: Vec<(f64, Architecture)> = (0..self.candidates)
            .map(|_| parzen.sample(&mut cx.rng))
            .map(|architecture| (parzen.score(&architecture), architecture))
            .collect();
        // Stable: of equals the first.
        candidates.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (score, architecture) = candidates.into_iter().find(|(_, a)| cx.admits(a))?;
        let signals = Signals::default()
            .with("log_density_ratio", score)
            .with("good_trials", good.len() as f64)
            .with("model_rung", rung as f64);
        Some((architecture, signals))
    }
}

/// The searcher, see the [module](self).
pub struct Bohb {
    config: Config,
    hyperband: Hyperband,
}

impl Bohb {
    /// A searcher with these settings.
    ///
    /// # Errors
    /// If a setting cannot be, or the evaluator cannot give two rungs.
    pub fn new(config: Config, setup: &SearchSetup) -> Result<Self> {
        config.check()?;
        Ok(Self { config, hyperband: Hyperband::over(NAME, config.rungs, setup)? })
    }
}

impl Searcher for Bohb {
    fn ask(&mut self, cx: &mut AskContext<'_>) -> Result<Ask> {
        let Self { config, hyperband } = self;
        Ok(hyperband.advance(cx, |cx| {
            let random = cx.rng.random::<f64>() < config.random_fraction;
            let from_model = if random { None } else { config.model(hyperband.ladder(), cx) };
            from_model.or_else(|| draw(cx))
        }))
    }

    fn tell(&mut self, trial: &Trial) -> Result<()> {
        self.hyperband.tell(trial)
    }

    fn resumes_trials(&self) -> bool {
        self.hyperband.resumes_trials()
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{Hash as _, Hasher as _};
    use std::sync::Arc;

    use nascent_record::{Choice, Goal, Metrics, Objective, Outcome, Spec};
    use serde_json::{Value, json};

    use super::*;
    use crate::Seed;
    use crate::evaluate::Fidelities;
    use crate::search::AskTell;
    use crate::space::Choices;

    fn space() -> Arc<Choices> {
        let ops = (0..8).map(|at| Choice::categorical(format!("op{at}"), ["a", "b", "c", "d"]));
        Arc::new(Choices::new(Spec::new(ops.collect()).unwrap()))
    }

    fn goal() -> Goal {
        Goal::new(Objective::maximize("score"))
    }

    /// How many operations are right.
    fn right(architecture: &Architecture) -> f64 {
        (0..8).filter(|at| architecture.int(*at) == Some(1)).count() as f64
    }

    /// A search over 150 trials. A short training shows the number of right operations with an
    /// error of up to 1, a full one without.
    fn search(name: &str, settings: &Value, seed: u64) -> AskTell {
        let up_to = Fidelities::UpTo(9);
        let mut search =
            AskTell::with_fidelities(name, settings, space(), goal(), up_to, seed).unwrap();
        for _ in 0..150 {
            let trial = search.ask().unwrap().unwrap();
            let mut hasher = std::hash::DefaultHasher::new();
            trial.proposal.architecture.hash(&mut hasher);
            let noise = (hasher.finish() % 1000) as f64 / 1000.0;
            let epochs = f64::from(trial.proposal.fidelity.unwrap().epochs);
            let score = right(&trial.proposal.architecture) + noise * (9.0 - epochs) / 8.0;
            let metrics = Metrics::new([("score", score)]).unwrap();
            search.tell(trial.id, Outcome::Complete(metrics)).unwrap();
        }
        search
    }

    #[test]
    fn it_finds_better_architectures_than_hyperband() {
        let best = |name| -> f64 {
            let searches = (0..6).map(|seed| search(name, &json!({}), seed));
            searches.map(|s| s.best().unwrap().metric("score").unwrap()).sum::<f64>() / 6.0
        };
        let (hyperband, bohb) = (best("hyperband"), best(NAME));
        assert!(bohb > hyperband + 1.0, "{bohb} is hardly better than {hyperband}");
    }

    #[test]
    fn a_third_is_random_and_the_model_is_of_the_highest_rung_that_has_enough() {
        let search = search(NAME, &json!({ "min_points": 4 }), 1);
        let trials = search.trials();
        let signal = |trial: &Trial, name: &str| {
            trial.proposal.signals.as_ref().and_then(|signals| signals.scalars.get(name))
        };
        let begun: Vec<&Trial> =
            trials.iter().filter(|t| t.proposal.resume_from.is_none()).collect();
        for trial in &begun {
            let Some(rung) = signal(trial, "model_rung") else { continue };
            let before = &trials[..trial.id.index()];
            let at = |epochs| {
                let on = |t: &&Trial| t.proposal.fidelity.unwrap().epochs == epochs;
                before.iter().filter(on).count()
            };
            let highest = [1, 3, 9].iter().rposition(|epochs| at(*epochs) >= 4).unwrap();
            assert_eq!(rung, highest as f64);
        }
        let modeled = begun.iter().filter(|t| signal(t, "model_rung").is_some()).count();
        let share = modeled as f64 / begun.len() as f64;
        assert!((share - 2.0 / 3.0).abs() < 0.15, "{share}");
    }

    #[test]
    fn settings_that_cannot_be_are_named() {
        let setup = SearchSetup::new(space(), goal(), Seed::new(1));
        let setup = setup.with_fidelities(Fidelities::UpTo(9));
        let wrong = [
            ("random_fraction", json!(1.5)),
            ("min_points", json!(1)),
            ("gamma", json!(0.0)),
            ("candidates", json!(0)),
            ("prior_weight", json!(0.0)),
            ("reduction_factor", json!(1)),
        ];
        for (name, value) in wrong {
            let message = ENTRY.make(&json!({ name: value }), &setup).err().unwrap().to_string();
            assert!(message.starts_with("bohb: ") && message.contains(name), "{message}");
        }
    }
}
