//! From names and settings to the living parts of a study.

use std::sync::Arc;

use nascent_record::{
    Architecture, Budget, Clock, Component, Constraint, Duplicates, Goal, Manifest, MetricSpec,
    Metrics, Objective, SCHEMA, Scalarization, TrialLimits, suggestion,
};

use crate::config::invalid;
use crate::evaluate::{Evaluator, Resources};
use crate::prune::Pruner;
use crate::search::{SearchSetup, Searcher};
use crate::space::{SearchSpace, SpecExt as _};
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
        let evaluator: Arc<dyn Evaluator> = evaluator;
        let setup = SearchSetup {
            space: Arc::clone(&space),
            goal: manifest.goal.clone(),
            fidelities: evaluator.fidelities(),
            seed: searcher_seed(manifest.seed),
            resources: Some(resources.clone()),
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
    /// The metrics to be optimized; empty for the evaluator's natural objective, which also comes
    /// first where a reward has a term for each of these.
    pub objectives: Vec<String>,
    /// What every architecture must keep.
    pub constraints: Vec<Constraint>,
    /// How several objectives become one, if they do.
    pub scalarization: Option<Scalarization>,
    /// What happens with duplicates.
    pub duplicates: Duplicates,
    /// Architectures to be tried first, in the official or text form of the space.
    pub enqueued: Vec<String>,
    /// How many trials of other runs will be taken over, see [`Study::import`](super::Study::import).
    pub imported: u32,
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
    /// How many of the best are trained again; at least 1.
    pub final_top: u32,
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
        if self.final_top == 0 {
            let problem = "a final training of 0 of the best is none; for none, leave the final \
                           epochs at 0";
            return Err(invalid("study", problem));
        }
        let entry = crate::space::find(&self.space.0)?;
        let space = entry.complete(&self.space.1)?;
        let made_space: Arc<dyn SearchSpace> = entry.make(&space.config, &())?.into();
        if made_space.spec().size() == Some(1) {
            let problem = "these settings leave one architecture, and nothing to search";
            return Err(invalid(&space.name, problem));
        }
        let entry = crate::evaluate::find(&self.evaluator.0)?;
        let evaluator = entry.complete(&self.evaluator.1)?;
        let made_evaluator: Arc<dyn Evaluator> = entry.make(&evaluator.config, resources)?.into();
        let metrics = made_evaluator.metrics();
        let goal = self.goal(&metrics)?;
        check_budget(&self.budget, &metrics)?;
        made_evaluator.check(&*made_space)?;
        check_feasible(&goal, &*made_evaluator, &*made_space)?;
        let enqueued = self.enqueued.iter().map(|text| {
            let architecture = made_space.parse(text)?;
            check_enqueued(text, &architecture, &goal, &*made_evaluator, &*made_space)?;
            Ok(architecture)
        });
        let enqueued = enqueued.collect::<Result<_>>()?;
        let entry = crate::prune::find(&self.pruner.0)?;
        let pruner = entry.complete(&self.pruner.1)?;
        let made_pruner = entry.make(&pruner.config, &())?;
        let entry = crate::search::find(&self.searcher.0)?;
        let searcher = entry.complete(&self.searcher.1)?;
        let setup = SearchSetup {
            space: Arc::clone(&made_space),
            goal: goal.clone(),
            fidelities: made_evaluator.fidelities(),
            seed: searcher_seed(self.seed),
            resources: Some(resources.clone()),
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
            goal,
            duplicates: self.duplicates,
            imported: self.imported,
            supernet: None,
            enqueued,
            seed: self.seed,
            lookahead: self.lookahead,
            budget: self.budget,
            limits: self.limits,
            final_epochs: self.final_epochs,
            final_top: self.final_top,
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

    fn goal(&self, metrics: &[MetricSpec]) -> Result<Goal> {
        let mut names = self.objectives.clone();
        if let Some(Scalarization::Reward { terms }) = &self.scalarization
            && terms.len() == names.len()
        {
            names.splice(..0, metrics.first().map(|natural| natural.name.clone()));
        }
        let objectives = objectives(&names, metrics)?;
        for constraint in &self.constraints {
            declared(metrics, &constraint.metric)?;
        }
        let known = objectives.len();
        match &self.scalarization {
            Some(_) if known < 2 => {
                let problem = "there is one objective, and nothing to weigh it against; name \
                               another";
                Err(invalid("study", problem))
            }
            Some(Scalarization::WeightedSum { weights }) if weights.len() != known => {
                let problem = format!("{} weights for {known} objectives", weights.len());
                Err(invalid("study", problem))
            }
            Some(Scalarization::WeightedSum { weights })
                if weights.iter().any(|w| !(w.is_finite() && *w >= 0.0))
                    || weights.iter().all(|w| *w == 0.0) =>
            {
                Err(invalid("study", "weights are finite, not negative, and not all 0"))
            }
            Some(Scalarization::Reward { terms }) if terms.len() + 1 != known => {
                let (terms, due) = (terms.len(), known - 1);
                let problem = format!("{terms} targets for {due} objectives behind the first");
                Err(invalid("study", problem))
            }
            Some(Scalarization::Reward { terms })
                if terms.iter().any(|t| !(t.target.is_finite() && t.target > 0.0)) =>
            {
                Err(invalid("study", "a target of the reward must be above 0 and finite"))
            }
            scalarization => Ok(Goal {
                objectives,
                constraints: self.constraints.clone(),
                scalarization: scalarization.clone(),
            }),
        }
    }
}

/// Whether an architecture keeps the constraints, as far as is known without evaluating it. One of
/// which nothing is known is left to the evaluation.
pub(super) fn keeps(
    goal: &Goal,
    evaluator: &dyn Evaluator,
    space: &dyn SearchSpace,
    architecture: &Architecture,
) -> bool {
    goal.constraints.is_empty()
        || evaluator
            .cheap_metrics(space, architecture)
            .map_or(true, |metrics| goal.violation(&metrics) <= 0.0)
}

/// Looks for an architecture that keeps the constraints: at random, then downhill from the nearest.
fn check_feasible(goal: &Goal, evaluator: &dyn Evaluator, space: &dyn SearchSpace) -> Result<()> {
    if goal.constraints.is_empty() {
        return Ok(());
    }
    let measured = |architecture: Architecture| {
        let metrics = evaluator.cheap_metrics(space, &architecture).ok()?;
        Some((goal.violation(&metrics), architecture, metrics))
    };
    let nearer =
        |a: &(f64, Architecture, Metrics), b: &(f64, Architecture, Metrics)| a.0.total_cmp(&b.0);
    let mut rng = Seed::new(0).rng();
    let drawn = (0..500).map(|_| space.spec().sample(&mut rng)).filter_map(measured);
    let Some(mut nearest) = drawn.min_by(nearer) else { return Ok(()) };
    while nearest.0 > 0.0 {
        let neighbors = space.spec().neighbors(&nearest.1).into_iter().filter_map(measured);
        match neighbors.min_by(nearer) {
            Some(next) if next.0 < nearest.0 => nearest = next,
            _ => break,
        }
    }
    let (violation, architecture, metrics) = nearest;
    if violation <= 0.0 {
        return Ok(());
    }
    let texts: Vec<String> = goal.constraints.iter().map(ToString::to_string).collect();
    let broken = goal.constraints.iter().filter_map(|c| Some((c, metrics.get(&c.metric)?)));
    let broken = broken.map(|(c, value)| format!("{} is {value}", c.metric));
    let problem = format!(
        "no architecture was found that keeps {}; of the nearest, {}, {}",
        texts.join(" and "),
        space.spec().text(&architecture),
        broken.collect::<Vec<_>>().join(" and "),
    );
    Err(invalid("constraints", problem))
}

fn check_enqueued(
    text: &str,
    architecture: &Architecture,
    goal: &Goal,
    evaluator: &dyn Evaluator,
    space: &dyn SearchSpace,
) -> Result<()> {
    if goal.constraints.is_empty() {
        return Ok(());
    }
    let metrics = evaluator.cheap_metrics(space, architecture)?;
    let broken = goal.constraints.iter().find_map(|constraint| {
        let value = metrics.get(&constraint.metric)?;
        (constraint.violation(value) > 0.0).then_some((constraint, value))
    });
    match broken {
        None => Ok(()),
        Some((constraint, value)) => {
            let metric = &constraint.metric;
            let problem = format!("of \"{text}\" {metric} is {value}, and must be {constraint}");
            Err(invalid("enqueued architectures", problem))
        }
    }
}

/// The declaration of a metric that a search can ask for.
fn declared<'a>(metrics: &'a [MetricSpec], name: &str) -> Result<&'a MetricSpec> {
    let searchable = metrics.iter().filter(|metric| !metric.final_only);
    let known = searchable.clone().map(|metric| metric.name.as_str());
    searchable.clone().find(|metric| metric.name == *name).ok_or_else(|| Error::Unknown {
        kind: "metric to search for",
        name: name.to_owned(),
        suggestion: suggestion(name, known),
    })
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
        let declared = declared(metrics, name)?;
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
