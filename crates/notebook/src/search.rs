//! What is searched, and how: what `search!` is made of.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nascent::study::{DEFAULT_LOOKAHEAD, Request, Study};
use nascent_record::{
    Budget, Constraint, DirectoryStore, Duplicates, RunView, SystemClock, TrialLimits,
};
use nascent_session::{
    DataRequest, cores, data, free_name, git_commit, memory_share_mib, named, space_settings,
};
use serde_json::Value;

use crate::{Bundle, Result, Run, Space};

/// Something that is chosen by name, with settings: `"nas_bench_201 channels=8 cells=1"`, or a name and
/// settings as JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    name: String,
    settings: Value,
    /// What was said, where it cannot be read.
    unreadable: Option<String>,
}

impl From<&str> for Named {
    fn from(text: &str) -> Self {
        match named(text) {
            Ok((name, settings)) => Self { name, settings, unreadable: None },
            Err(_) => Self {
                name: String::new(),
                settings: Value::Null,
                unreadable: Some(text.to_owned()),
            },
        }
    }
}

impl From<String> for Named {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&&str> for Named {
    fn from(text: &&str) -> Self {
        Self::from(*text)
    }
}

impl From<&String> for Named {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&Space> for Named {
    fn from(space: &Space) -> Self {
        let (name, settings) = space.pair();
        Self { name, settings, unreadable: None }
    }
}

impl From<&(&str, Value)> for Named {
    fn from(pair: &(&str, Value)) -> Self {
        Self::from(pair.clone())
    }
}

impl From<(&str, Value)> for Named {
    fn from((name, settings): (&str, Value)) -> Self {
        Self { name: name.to_owned(), settings, unreadable: None }
    }
}

impl Named {
    fn pair(&self) -> Result<(String, Value)> {
        match &self.unreadable {
            Some(text) => Ok(named(text)?),
            None => Ok((self.name.clone(), self.settings.clone())),
        }
    }
}

/// A search that has not begun. Each method says one thing about it; what is not said is as by default.
#[derive(Clone, Debug)]
pub struct Search {
    space: Named,
    searcher: Named,
    evaluator: Option<Named>,
    pruner: Named,
    data: DataRequest,
    objectives: Vec<String>,
    constraints: Vec<Constraint>,
    trials: Option<u32>,
    max_secs: Option<f64>,
    epochs: Option<u32>,
    final_epochs: u32,
    final_top: u32,
    seed: u64,
    workers: Option<u32>,
    runs: PathBuf,
    enqueued: Vec<String>,
}

impl Default for Search {
    fn default() -> Self {
        Self {
            space: "nas_bench_201".into(),
            searcher: "regularized_evolution".into(),
            evaluator: None,
            pruner: "never".into(),
            data: DataRequest::default(),
            objectives: Vec::new(),
            constraints: Vec::new(),
            trials: None,
            max_secs: None,
            epochs: None,
            final_epochs: 0,
            final_top: 1,
            seed: 0,
            workers: None,
            runs: "runs".into(),
            enqueued: Vec::new(),
        }
    }
}

impl Search {
    /// Regularized evolution over NAS-Bench-201 on handwritten digits, 50 trials.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The search space: `"nas_bench_201 channels=8 cells=1"`, or a [`Space`].
    #[must_use]
    pub fn space(self, space: impl Into<Named>) -> Self {
        Self { space: space.into(), ..self }
    }

    /// The searcher: `"regularized_evolution population_size=20"`.
    #[must_use]
    pub fn searcher(self, searcher: impl Into<Named>) -> Self {
        Self { searcher: searcher.into(), ..self }
    }

    /// The evaluator; `train`, or `table` where there is one.
    #[must_use]
    pub fn evaluator(self, evaluator: impl Into<Named>) -> Self {
        Self { evaluator: Some(evaluator.into()), ..self }
    }

    /// What ends trials early: `"median"`.
    #[must_use]
    pub fn pruner(self, pruner: impl Into<Named>) -> Self {
        Self { pruner: pruner.into(), ..self }
    }

    /// A dataset by name, or a CSV or Parquet file.
    #[must_use]
    pub fn data(mut self, data: impl AsRef<Path>) -> Self {
        self.data.data = Some(data.as_ref().to_string_lossy().into_owned());
        self
    }

    /// The column of a file that holds the class.
    #[must_use]
    pub fn label(mut self, column: &str) -> Self {
        self.data.label = Some(column.to_owned());
        self
    }

    /// A column of a file that is not to be learned from.
    #[must_use]
    pub fn ignore(mut self, column: &str) -> Self {
        self.data.ignore.push(column.to_owned());
        self
    }

    /// How many training examples are used.
    #[must_use]
    pub fn max_train(mut self, examples: usize) -> Self {
        self.data.used.max_train = Some(examples);
        self
    }

    /// To how many channels the one of grey images is repeated.
    #[must_use]
    pub fn image_channels(mut self, channels: usize) -> Self {
        self.data.used.channels = Some(channels);
        self
    }

    /// A table in which evaluations are looked up; nothing is trained then.
    #[must_use]
    pub fn table(mut self, file: impl AsRef<Path>) -> Self {
        self.data.table = Some(file.as_ref().to_owned());
        self
    }

    /// A metric to be optimized; the first is the one that is searched for.
    #[must_use]
    pub fn objective(mut self, metric: &str) -> Self {
        self.objectives.push(metric.to_owned());
        self
    }

    /// Metrics to be optimized together.
    #[must_use]
    pub fn objectives<T: AsRef<str>>(mut self, metrics: impl IntoIterator<Item = T>) -> Self {
        self.objectives.extend(metrics.into_iter().map(|metric| metric.as_ref().to_owned()));
        self
    }

    /// What every architecture must keep, such as `"params <= 50000".parse()?`.
    #[must_use]
    pub fn constraint(mut self, constraint: Constraint) -> Self {
        self.constraints.push(constraint);
        self
    }

    /// How many trials there are; 50, if there is no other limit.
    #[must_use]
    pub fn trials(self, trials: u32) -> Self {
        Self { trials: Some(trials), ..self }
    }

    /// How many seconds there are.
    #[must_use]
    pub fn max_secs(self, secs: f64) -> Self {
        Self { max_secs: Some(secs), ..self }
    }

    /// The epochs of a trial.
    #[must_use]
    pub fn epochs(self, epochs: u32) -> Self {
        Self { epochs: Some(epochs), ..self }
    }

    /// For how many epochs the best is trained in the end; 0 for not.
    #[must_use]
    pub fn final_epochs(self, epochs: u32) -> Self {
        Self { final_epochs: epochs, ..self }
    }

    /// How many of the best are trained in the end, best first; 1.
    #[must_use]
    pub fn final_top(self, best: u32) -> Self {
        Self { final_top: best, ..self }
    }

    /// The seed, which everything random derives from.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// How many trials are trained at a time; as many as there are cores. No influence on the results.
    #[must_use]
    pub fn workers(self, workers: u32) -> Self {
        Self { workers: Some(workers), ..self }
    }

    /// The folder in which the run gets one of its own; `runs`.
    #[must_use]
    pub fn runs(self, folder: impl AsRef<Path>) -> Self {
        Self { runs: folder.as_ref().to_owned(), ..self }
    }

    /// An architecture to be tried first.
    #[must_use]
    pub fn enqueue(mut self, architecture: &str) -> Self {
        self.enqueued.push(architecture.to_owned());
        self
    }

    /// Starts it in the background and returns at once.
    ///
    /// # Errors
    /// If a name or setting is wrong; the error says what there is instead.
    pub fn start(&self) -> Result<Run> {
        nascent::train::one_thread_per_operation();
        let (component, resources) = data::open(&self.data, self.seed, "cpu")?;
        let table = self.data.table.is_some();
        let usual = Named::from(if table { "table" } else { "train" });
        let mut evaluator = self.evaluator.as_ref().unwrap_or(&usual).pair()?;
        if let (Some(epochs), Value::Object(settings)) = (self.epochs, &mut evaluator.1) {
            settings.insert("epochs".to_owned(), epochs.into());
        }
        let mut budget = Budget {
            max_trials: self.trials,
            max_wall_clock_secs: self.max_secs,
            ..Budget::default()
        };
        if budget == Budget::default() {
            budget.max_trials = Some(50);
        }
        let (space, settings) = self.space.pair()?;
        let space_settings = space_settings(&space, settings)?;
        let max_trial_mib = if table { None } else { memory_share_mib(DEFAULT_LOOKAHEAD) };
        let request = Request {
            space: (space, space_settings),
            searcher: self.searcher.pair()?,
            evaluator,
            pruner: self.pruner.pair()?,
            data: component,
            objectives: self.objectives.clone(),
            constraints: self.constraints.clone(),
            scalarization: None,
            duplicates: Duplicates::default(),
            enqueued: self.enqueued.clone(),
            imported: 0,
            seed: self.seed,
            lookahead: DEFAULT_LOOKAHEAD,
            budget,
            limits: TrialLimits { max_trial_secs: None, max_trial_mib },
            final_epochs: self.final_epochs,
            final_top: self.final_top,
        };
        let (mut manifest, parts) = request.prepare(&resources, &SystemClock)?;
        manifest.git_commit = git_commit();
        let directory = free_name(&self.runs, &manifest);
        let store = DirectoryStore::create(&directory, &manifest, Box::new(SystemClock))?;
        let view = RunView::new(manifest);
        let study = Study::open(parts, Box::new(store), view, Arc::new(SystemClock))?;
        Run::begin(directory, study, self.workers.unwrap_or(cores() as u32))
    }

    pub(crate) fn bundle(&self) -> Bundle {
        Bundle::text(self.to_string())
    }
}

impl fmt::Display for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let data = self.data.data.as_deref().unwrap_or("digits");
        write!(
            f,
            "a search by {} over {} on {data}; .start()? begins it",
            self.searcher.name, self.space.name
        )
    }
}
