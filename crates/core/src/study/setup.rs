//! From names and settings to the living parts of a study.

use std::sync::Arc;

use nascent_record::{
    Budget, Clock, Component, Manifest, MetricSpec, Objective, SCHEMA, TrialLimits, suggestion,
};

use crate::config::invalid;
use crate::evaluate::{Evaluator, Resources};
use crate::prune::Pruner;
use crate::search::{SearchSetup, Searcher};
use crate::space::SearchSpace;
use crate::{Error, Result, Seed};

/// The living parts of a study, as its manifest names them or as a program made them.
pub struct Parts {
    /// The search space.
    pub space: Arc<dyn SearchSpace>,
    /// The searcher.
    pub searcher: Box<dyn Searcher>,
    /// The evaluator.
    pub evaluator: Arc<dyn Evaluator>,
    /// The pruner.
    pub pruner: Box<dyn Pruner>,
}

impl Parts {
    /// Makes the parts that a manifest names.
    ///
    /// # Errors
    /// If a name or setting is unknown to this version, or the space has changed since.
    pub fn from_manifest(manifest: &Manifest, resources: &Resources) -> Result<Self> {
        let space = crate::space::find(&manifest.space.name)?;
        let space: Arc<dyn SearchSpace> = space.make(&manifest.space.config, &())?.into();
        if *space.spec() != manifest.spec {
            return Err(Error::Resume {
                problem: format!(
                    "the choices of {} are not those that the run was made with; \
                     use the version of nascent in its run.json",
                    manifest.space.name
                ),
            });
        }
        let evaluator = crate::evaluate::find(&manifest.evaluator.name)?;
        let evaluator = evaluator.make(&manifest.evaluator.config, resources)?.into();
        let pruner = crate::prune::find(&manifest.pruner.name)?;
        let pruner = pruner.make(&manifest.pruner.config, &())?;
        let setup = SearchSetup {
            space: Arc::clone(&space),
            objectives: manifest.objectives.clone(),
            seed: searcher_seed(manifest.seed),
        };
        let searcher = crate::search::find(&manifest.searcher.name)?;
        let searcher = searcher.make(&manifest.searcher.config, &setup)?;
        Ok(Self { space, searcher, evaluator, pruner })
    }
}

/// What a person asks for: names and settings, to be completed into a [`Manifest`].
#[derive(Clone, Debug)]
pub struct Request {
    /// The search space and its settings.
    pub space: (String, serde_json::Value),
    /// The searcher and its settings.
    pub searcher: (String, serde_json::Value),
    /// The evaluator and its settings.
    pub evaluator: (String, serde_json::Value),
    /// The pruner and its settings.
    pub pruner: (String, serde_json::Value),
    /// What it is evaluated on: a dataset or a table, with what identifies it.
    pub data: Component,
    /// The metrics to be optimized; empty for the evaluator's natural objective.
    pub objectives: Vec<String>,
    /// The seed.
    pub seed: u64,
    /// How many trials may be open at once; at least 1.
    pub lookahead: u32,
    /// The limits of the search.
    pub budget: Budget,
    /// The limits of each trial.
    pub limits: TrialLimits,
    /// For how many epochs the best architecture is trained again after the search; 0 for not.
    pub final_epochs: u32,
}

impl Request {
    /// The manifest and the living parts: every name checked, every setting complete.
    ///
    /// # Errors
    /// If a name, a setting, an objective or a limit cannot be, the lookahead is 0, or the space
    /// means nothing that the evaluator can evaluate.
    pub fn prepare(&self, resources: &Resources, clock: &dyn Clock) -> Result<(Manifest, Parts)> {
        if self.lookahead == 0 {
            return Err(invalid("study", "the lookahead is 0, and must be at least 1"));
        }
        let entry = crate::space::find(&self.space.0)?;
        let space = entry.complete(&self.space.1)?;
        let made_space: Arc<dyn SearchSpace> = entry.make(&space.config, &())?.into();
        let entry = crate::evaluate::find(&self.evaluator.0)?;
        let evaluator = entry.complete(&self.evaluator.1)?;
        let made_evaluator: Arc<dyn Evaluator> = entry.make(&evaluator.config, resources)?.into();
        let metrics = made_evaluator.metrics();
        let objectives = objectives(&self.objectives, &metrics)?;
        check_budget(&self.budget, &metrics)?;
        made_evaluator.check(&*made_space)?;
        let entry = crate::prune::find(&self.pruner.0)?;
        let pruner = entry.complete(&self.pruner.1)?;
        let made_pruner = entry.make(&pruner.config, &())?;
        let entry = crate::search::find(&self.searcher.0)?;
        let searcher = entry.complete(&self.searcher.1)?;
        let setup = SearchSetup {
            space: Arc::clone(&made_space),
            objectives: objectives.clone(),
            seed: searcher_seed(self.seed),
        };
        let made_searcher = entry.make(&searcher.config, &setup)?;
        let manifest = Manifest {
            schema: SCHEMA,
            created_ms: clock.now_ms(),
            space,
            spec: made_space.spec().clone(),
            searcher,
            evaluator,
            pruner,
            data: self.data.clone(),
            metrics,
            objectives,
            seed: self.seed,
            lookahead: self.lookahead,
            budget: self.budget,
            limits: self.limits,
            final_epochs: self.final_epochs,
            versions: [("nascent".to_owned(), env!("CARGO_PKG_VERSION").to_owned())].into(),
            git_commit: None,
            device: resources.device.clone(),
        };
        let parts = Parts {
            space: made_space,
            searcher: made_searcher,
            evaluator: made_evaluator,
            pruner: made_pruner,
        };
        Ok((manifest, parts))
    }
}

fn searcher_seed(seed: u64) -> Seed {
    Seed::new(seed).derive("searcher", 0)
}

/// The objectives with these names; the evaluator's natural one, if there are none.
fn objectives(names: &[String], metrics: &[MetricSpec]) -> Result<Vec<Objective>> {
    let objective = |metric: &MetricSpec| Objective {
        metric: metric.name.clone(),
        direction: metric.direction,
    };
    let mut objectives: Vec<Objective> = Vec::new();
    for name in names {
        let searchable = metrics.iter().filter(|metric| !metric.final_only);
        let known = searchable.clone().map(|metric| metric.name.as_str());
        let declared = searchable.clone().find(|metric| metric.name == *name);
        let declared = declared.ok_or_else(|| Error::Unknown {
            kind: "metric to search for",
            name: name.clone(),
            suggestion: suggestion(name, known),
        })?;
        if objectives.iter().any(|objective| objective.metric == *name) {
            return Err(invalid("study", format!("the objective {name} is given twice")));
        }
        objectives.push(objective(declared));
    }
    if objectives.is_empty() {
        objectives.extend(metrics.first().map(objective));
    }
    Ok(objectives)
}

/// Checks limits that a person has given.
///
/// # Errors
/// If one is 0, negative or not finite, or is about a metric that no trial has.
pub(super) fn check_budget(budget: &Budget, metrics: &[MetricSpec]) -> Result<()> {
    let secs = [
        ("max_cost_secs", budget.max_cost_secs),
        ("max_wall_clock_secs", budget.max_wall_clock_secs),
    ];
    for (name, limit) in secs {
        if let Some(limit) = limit
            && !(limit.is_finite() && limit > 0.0)
        {
            let problem = format!("the limit {name} is {limit}, and must be above 0 and finite");
            return Err(invalid("study", problem));
        }
    }
    if budget.max_trials == Some(0) || budget.max_epochs == Some(0) {
        return Err(invalid("study", "a limit of 0 trials or epochs leaves nothing to do"));
    }
    if budget.max_cost_secs.is_some() && !metrics.iter().any(|m| m.name == "cost_secs") {
        let problem = "max_cost_secs limits the metric cost_secs, which this evaluator has not; \
                       give the column with --cost, or limit the trials or the time";
        return Err(invalid("study", problem));
    }
    Ok(())
}
