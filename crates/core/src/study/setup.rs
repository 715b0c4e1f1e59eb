//! From names and settings to the living parts of a study.

use std::sync::Arc;

use nascent_record::{
    Budget, Clock, Component, Manifest, Objective, SCHEMA, TrialLimits, suggestion,
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
            seed: Seed::new(manifest.seed).derive("searcher", 0),
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
    /// The manifest: every name checked, every setting complete.
    ///
    /// # Errors
    /// If a name, a setting or an objective is unknown, or the lookahead is 0.
    pub fn manifest(&self, resources: &Resources, clock: &dyn Clock) -> Result<Manifest> {
        if self.lookahead == 0 {
            return Err(invalid("study", "the lookahead is 0, and must be at least 1"));
        }
        let space = crate::space::find(&self.space.0)?.complete(&self.space.1)?;
        let spec = crate::space::find(&space.name)?.make(&space.config, &())?.spec().clone();
        let evaluator = crate::evaluate::find(&self.evaluator.0)?.complete(&self.evaluator.1)?;
        let made = crate::evaluate::find(&evaluator.name)?.make(&evaluator.config, resources)?;
        let metrics = made.metrics();
        let mut objectives = Vec::new();
        for name in &self.objectives {
            let declared = metrics.iter().find(|metric| metric.name == *name);
            let declared = declared.ok_or_else(|| Error::Unknown {
                kind: "metric",
                name: name.clone(),
                suggestion: suggestion(name, metrics.iter().map(|metric| metric.name.as_str())),
            })?;
            objectives.push(Objective { metric: name.clone(), direction: declared.direction });
        }
        if objectives.is_empty() {
            objectives.extend(metrics.first().map(|metric| Objective {
                metric: metric.name.clone(),
                direction: metric.direction,
            }));
        }
        let manifest = Manifest {
            schema: SCHEMA,
            created_ms: clock.now_ms(),
            space,
            spec,
            searcher: crate::search::find(&self.searcher.0)?.complete(&self.searcher.1)?,
            evaluator,
            pruner: crate::prune::find(&self.pruner.0)?.complete(&self.pruner.1)?,
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
        // Settings of searcher and pruner are checked by making them.
        Parts::from_manifest(&manifest, resources)?;
        Ok(manifest)
    }
}
