//! Runs: searches of this notebook, and saved ones.

use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nascent::nn::Model;
use nascent::space::SearchSpace;
use nascent::study::{Parts, Study};
use nascent_record::{DirectoryStore, Graph, RunView, SystemClock, Trial, TrialId, analysis};
use nascent_session::{cores, data};

use crate::html::{escape, number, styled, table, text_table};
use crate::live::{Live, State};
use crate::{Bundle, Error, Result, card, interrupt, svg};

/// A run: a search of this notebook, in the background, or one that was saved. Its clones are the same
/// run.
#[derive(Clone)]
pub struct Run {
    directory: PathBuf,
    live: Arc<Mutex<Option<Arc<Live>>>>,
}

impl Run {
    /// A run that was saved.
    ///
    /// # Errors
    /// If there is none in this folder.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self> {
        let directory = directory.as_ref().to_owned();
        nascent_record::Run::manifest(&directory)?;
        Ok(Self { directory, live: Arc::default() })
    }

    /// The runs in a folder and the folders in it, the newest last.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn all(folder: impl AsRef<Path>) -> Result<Vec<Self>> {
        let found = nascent_record::discover(folder.as_ref())?;
        Ok(found.into_iter().map(|directory| Self { directory, live: Arc::default() }).collect())
    }

    /// A run that was just created, with a search in it.
    pub(crate) fn begin(directory: PathBuf, study: Study, workers: u32) -> Result<Self> {
        let live = Live::start(study, &directory, workers)?;
        Ok(Self { directory, live: Arc::new(Mutex::new(Some(live))) })
    }

    /// Its folder.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The name of its folder.
    pub(crate) fn name(&self) -> String {
        self.directory.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Its state, read from its log: all that every other reader sees too.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn view(&self) -> Result<RunView> {
        Ok(nascent_record::Run::open(&self.directory)?)
    }

    fn live(&self) -> Result<Arc<Live>> {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner).clone();
        live.ok_or_else(|| Error::NotLive { run: self.directory.clone() })
    }

    /// Whether its search runs in this notebook.
    pub fn is_running(&self) -> bool {
        self.live().is_ok_and(|live| live.state() == State::Running)
    }

    /// Waits for the end of the search. An interrupt ends the waiting, not the search.
    ///
    /// # Errors
    /// [`Error::Interrupted`]; what ended the search, if that was an error.
    pub fn wait(&self) -> Result<()> {
        let live = self.live()?;
        let mut ended = usize::MAX;
        loop {
            interrupt::check()?;
            match live.wait(Duration::from_millis(100)) {
                State::Running => {}
                State::Finished | State::Stopped => return Ok(()),
                State::Failed(problem) => {
                    return Err(Error::Failed { run: self.directory.clone(), problem });
                }
                State::Panicked(problem) => {
                    return Err(Error::Panicked { run: self.directory.clone(), problem });
                }
            }
            // In a kernel that is not ours, lines are all that a cell can show before its end.
            if !crate::channel::is_connected()
                && let Ok(view) = self.view()
                && view.finished_trials() != ended
            {
                ended = view.finished_trials();
                let _nobody_reads = writeln!(std::io::stdout(), "{}", line(&view));
            }
        }
    }

    /// Stops the search at the next step of each trial, and waits for that. [`Self::resume`] goes on.
    ///
    /// # Errors
    /// If it is no search of this notebook.
    pub fn stop(&self) -> Result<()> {
        let live = self.live()?;
        live.stop();
        while live.wait(Duration::from_millis(100)) == State::Running {
            interrupt::check()?;
        }
        Ok(())
    }

    /// The same as [`Self::stop`]: a search that is stopped can always go on.
    ///
    /// # Errors
    /// If it is no search of this notebook.
    pub fn pause(&self) -> Result<()> {
        self.stop()
    }

    /// Goes on with a search that was stopped or interrupted, in the background; also with that of a
    /// saved run. Nothing happens if it runs already.
    ///
    /// # Errors
    /// If another process works on it, or the data are not there any more.
    pub fn resume(&self) -> Result<()> {
        if self.is_running() {
            return Ok(());
        }
        let (store, view) = DirectoryStore::open(&self.directory, Box::new(SystemClock))?;
        let resources = data::reopen(view.manifest(), None, None)?;
        let parts = Parts::from_manifest(view.manifest(), &resources)?;
        let study = Study::open(parts, Box::new(store), view, Arc::new(SystemClock))?;
        let live = Live::start(study, &self.directory, cores() as u32)?;
        *self.live.lock().unwrap_or_else(PoisonError::into_inner) = Some(live);
        Ok(())
    }

    /// The best trial.
    ///
    /// # Errors
    /// If none has a result yet.
    pub fn best(&self) -> Result<TrialView> {
        let view = self.view()?;
        let best = analysis::incumbent(&view).map(|trial| trial.id);
        let best = best.ok_or_else(|| Error::NoResult { run: self.directory.clone() })?;
        Ok(TrialView { run: self.clone(), view: Arc::new(view), id: best })
    }

    /// A trial by its number.
    ///
    /// # Errors
    /// If there is none with this number.
    pub fn trial(&self, number: u32) -> Result<TrialView> {
        let view = self.view()?;
        let (id, count) = (TrialId(number), view.trials().len());
        if id.index() >= count {
            return Err(Error::NoTrial { run: self.directory.clone(), trial: number, count });
        }
        Ok(TrialView { run: self.clone(), view: Arc::new(view), id })
    }

    /// The search space.
    ///
    /// # Errors
    /// If this version does not know it.
    pub fn space(&self) -> Result<Box<dyn SearchSpace>> {
        space(&self.view()?)
    }

    /// The network of the final training with its weights, if there was one: of
    /// `search! { …, final_epochs: 20 }`. Where several were trained, that of the best.
    ///
    /// # Errors
    /// If there was none, or the weights cannot be read.
    pub fn trained(&self) -> Result<Model> {
        let view = self.view()?;
        let weights = |trial: Option<TrialId>| {
            let of = view.retrained().iter().rev();
            let mut of = of.filter(|again| trial.is_none_or(|trial| again.trial == trial));
            of.find_map(|again| again.artifacts.get("weights"))
        };
        let mut best = analysis::finalists(&view, usize::MAX).into_iter();
        let again = best.find_map(|trial| weights(Some(trial.id))).or_else(|| weights(None));
        let blob = again.ok_or_else(|| Error::NoResult { run: self.directory.clone() })?;
        let bytes = nascent_record::Run::blob(&self.directory, blob)?;
        Ok(Model::from_safetensors(&bytes, &candle_core::Device::Cpu)?)
    }

    pub(crate) fn bundle(&self) -> Bundle {
        let view = match self.view() {
            Ok(view) => view,
            Err(error) => return svg::problem(&error.to_string()),
        };
        let state = self.live().map_or_else(
            |_saved| match view.finish_reason() {
                Some(_) => State::Finished,
                None => State::Stopped,
            },
            |live| live.state(),
        );
        card::card(&self.directory, &view, &state)
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.bundle().text)
    }
}

/// The progress of a search in one line.
fn line(view: &RunView) -> String {
    let best = analysis::incumbent(view).and_then(|trial| trial.metrics()?.iter().next());
    let best = best.map(|(name, value)| format!(", best {name} {}", number(value)));
    format!("{} trials{}", view.finished_trials(), best.unwrap_or_default())
}

fn space(view: &RunView) -> Result<Box<dyn SearchSpace>> {
    let space = &view.manifest().space;
    Ok(nascent::space::find(&space.name)?.make(&space.config, &())?)
}

/// A trial of a run.
#[derive(Clone)]
pub struct TrialView {
    run: Run,
    view: Arc<RunView>,
    id: TrialId,
}

impl TrialView {
    /// What the log has of it.
    pub fn trial(&self) -> &Trial {
        &self.view.trials()[self.id.index()]
    }

    /// The name of its architecture: the customary one, where the space has such names.
    pub fn architecture(&self) -> String {
        let architecture = &self.trial().proposal.architecture;
        let official = space(&self.view).ok().and_then(|space| space.official_name(architecture));
        official.unwrap_or_else(|| self.view.manifest().spec.text(architecture))
    }

    /// The network.
    ///
    /// # Errors
    /// If this version does not know the space.
    pub fn graph(&self) -> Result<Graph> {
        Ok(space(&self.view)?.graph(&self.trial().proposal.architecture)?)
    }

    /// A metric by its name.
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.trial().metrics()?.get(name)
    }

    pub(crate) fn title(&self) -> String {
        format!("trial {} of {}", self.id, self.run.name())
    }

    /// The choices with what was chosen.
    pub(crate) fn choices(&self) -> Vec<(String, String)> {
        let spec = &self.view.manifest().spec;
        let text = spec.text(&self.trial().proposal.architecture);
        let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    pub(crate) fn bundle(&self) -> Bundle {
        let trial = self.trial();
        let metrics = trial.metrics().into_iter().flat_map(nascent_record::Metrics::iter);
        let rows: Vec<Vec<String>> =
            metrics.map(|(name, value)| vec![name.to_owned(), number(value)]).collect();
        let header = ["metric".to_owned(), "value".to_owned()];
        let (title, name) = (self.title(), self.architecture());
        let status = trial.status();
        let html = format!(
            "<div><b>{}</b> <span class=\"m\">{}</span></div><div><code>{}</code></div>{}",
            escape(&title),
            escape(status),
            escape(&name),
            table(&header, &rows)
        );
        let drawing = self.graph().map(|graph| svg::drawings(&graph)).unwrap_or_default();
        let text = format!("{title} ({status})\n{name}\n{}", text_table(&header, &rows));
        Bundle::new(styled(&html) + &drawing, text)
    }
}

impl fmt::Debug for TrialView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.bundle().text)
    }
}
