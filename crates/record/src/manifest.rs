//! What a run is: written once, before its first event.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Architecture, Goal, MetricSpec, Objective, Spec};

/// The schema of manifest and events that this version writes, and the newest that it reads.
pub const SCHEMA: u32 = 1;

/// A capability by name, with its configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Component {
    /// Its name in its table.
    pub name: String,
    /// Its configuration, complete: a default that changes later does not change this run.
    #[serde(default)]
    pub config: serde_json::Value,
}

impl Component {
    /// A capability without settings.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), config: serde_json::Value::Object(serde_json::Map::new()) }
    }

    /// The same with this configuration.
    #[must_use]
    pub fn with(mut self, config: serde_json::Value) -> Self {
        self.config = config;
        self
    }
}

/// Hard limits of a search. It ends at the first that is reached; none means until it is stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// The number of trials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_trials: Option<u32>,
    /// The training epochs of all trials together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_epochs: Option<u64>,
    /// The sum of the metric `cost_secs` of all trials (the simulated seconds of a table).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost_secs: Option<f64>,
    /// The seconds that this session may take. The only limit that depends on the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_wall_clock_secs: Option<f64>,
}

/// What happens with an architecture that means the same network as one that was proposed before. A
/// training that goes on with an earlier one is never a duplicate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    /// The searcher is asked again; if it finds nothing new, one is drawn at random.
    Repropose,
    /// The new trial gets the result of the earlier one at once, if it has one.
    Reuse,
    /// It is evaluated again, from another seed.
    #[default]
    Reevaluate,
}

impl Duplicates {
    /// All of them, the usual one first.
    pub const ALL: [Self; 3] = [Self::Repropose, Self::Reuse, Self::Reevaluate];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Repropose => "repropose",
            Self::Reuse => "reuse",
            Self::Reevaluate => "reevaluate",
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_one(n: &u32) -> bool {
    *n == 1
}

/// Hard limits of each trial. One that exceeds a limit has failed, and the search goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrialLimits {
    /// Seconds of wall-clock time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_trial_secs: Option<f64>,
    /// Mebibytes of memory that its training is estimated to need.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_trial_mib: Option<u64>,
}

/// A supernet that was trained by another run, of the same settings and seed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainedSupernet {
    /// The folder of that run.
    pub run: String,
    /// How many of its epochs this run begins with.
    pub epochs: u32,
}

/// The description of a run: everything that decides its results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The schema of this file and of the log.
    pub schema: u32,
    /// When the run was created, in milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// The search space.
    pub space: Component,
    /// Its choices, so that a viewer shows a space that it has never heard of.
    pub spec: Spec,
    /// The searcher.
    pub searcher: Component,
    /// The evaluator.
    pub evaluator: Component,
    /// The pruner.
    pub pruner: Component,
    /// What is evaluated on: a dataset or a table by name, with what identifies it.
    pub data: Component,
    /// The metrics that trials have, with unit and direction.
    pub metrics: Vec<MetricSpec>,
    /// What the search is for; its fields stand in the manifest itself.
    #[serde(flatten)]
    pub goal: Goal,
    /// What happens with an architecture that means the same network as an earlier one.
    #[serde(default)]
    pub duplicates: Duplicates,
    /// How many trials the run begins with that were taken over from other runs.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub imported: u32,
    /// The supernet that the searcher begins with, instead of training it anew. Its epochs and its
    /// weights are in the run itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supernet: Option<TrainedSupernet>,
    /// The architectures that are tried first, before the searcher is asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub enqueued: Vec<Architecture>,
    /// The seed that everything random derives from.
    pub seed: u64,
    /// How many trials may be open at once; part of what decides the results.
    pub lookahead: u32,
    /// The limits of the search, as first given.
    pub budget: Budget,
    /// The limits of each trial.
    #[serde(default)]
    pub limits: TrialLimits,
    /// For how many epochs the best architecture is trained again after the search; 0 for not.
    #[serde(default)]
    pub final_epochs: u32,
    /// How many of the best are trained again; at least 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub final_top: u32,
    /// Versions of the software, by package.
    #[serde(default)]
    pub versions: BTreeMap<String, String>,
    /// The commit of the working directory, if it is in a Git repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_commit: Option<String>,
    /// What it runs on: cpu, cuda or metal.
    #[serde(default)]
    pub device: String,
}

impl Manifest {
    /// The first objective.
    pub fn objective(&self) -> Option<&Objective> {
        self.goal.objectives.first()
    }

    /// The declaration of a metric.
    pub fn metric(&self, name: &str) -> Option<&MetricSpec> {
        self.metrics.iter().find(|metric| metric.name == name)
    }

    /// A short code for everything that decides the results but the seed: runs that are told apart by
    /// their seeds only have the same. When a run was made, with which version, how much memory its
    /// machine had for a trial, and which run trained its supernet, is no part of it.
    pub fn setting(&self) -> String {
        let mut same = self.clone();
        (same.schema, same.created_ms, same.seed) = (0, 0, 0);
        same.versions.clear();
        (same.git_commit, same.supernet, same.limits.max_trial_mib) = (None, None, None);
        // A manifest that was read from JSON can be written as JSON.
        let text = serde_json::to_string(&same).unwrap_or_default();
        let hash = Sha256::digest(text);
        hash.iter().take(6).fold(String::new(), |code, byte| code + &format!("{byte:02x}"))
    }
}
