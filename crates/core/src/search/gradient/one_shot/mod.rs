//! What the searchers of this folder share: epochs in which weights and α learn, what is logged of
//! each, and the proposals at the end.

mod compare;
mod epoch;
mod snapshot;
mod supernet;
mod telemetry;

use std::collections::HashSet;
use std::sync::Arc;

use nascent_record::{Architecture, Origin, Proposal, Signals, Trial};
use rayon::ThreadPool;

use super::alpha::{Adam, Alpha};
use super::costs;
use super::curvature::Watch;
use super::method::{Method, Scored};
use super::ranking;
use super::relaxation::{check_inheritance, relaxed};
use super::settings::{AllSettings, AlphaSettings, CurvatureSettings, Proposals, Settings};
use crate::config::invalid;
use crate::search::{Ask, AskContext, SearchSetup, Searcher, Training, draw};
use crate::space::{SearchSpace, Supernet};
use crate::train::{Data, SharedWeights};
use crate::{Error, Result, Seed};

use supernet::{divided_weights, whole_model};

/// A searcher that trains a supernet, then proposes.
pub(super) struct OneShot<M> {
    name: &'static str,
    settings: Settings,
    /// None, if no α learns.
    of_alpha: Option<AlphaSettings>,
    /// None, if the loss is no smooth function of α.
    of_curvature: Option<CurvatureSettings>,
    method: M,
    space: Arc<dyn SearchSpace>,
    /// The supernet in which operations see all channels.
    whole: Supernet,
    /// The one that is trained.
    supernet: Supernet,
    /// In how many parts its channels are divided.
    parts: usize,
    data: Data,
    seed: Seed,
    shared: SharedWeights,
    alpha: Alpha,
    adam: Adam,
    /// What the operations of each coefficient cost, as shares of the most expensive network.
    costs: Vec<f64>,
    /// The epochs that were trained to their end, and behind the last the generations.
    epochs: u32,
    /// The last epoch, where that came early.
    ended: Option<u32>,
    watch: Watch,
    /// What was compared, the best first; of equals the earlier.
    scored: Vec<Scored>,
    /// All cores: nothing else is to be done before the proposals.
    pool: Arc<ThreadPool>,
    /// Whether the last question was answered by training.
    has_trained: bool,
    /// What was proposed and told.
    told: HashSet<Architecture>,
}

/// How many architectures are drawn for one proposal where nothing that is known is left.
const DRAWS: usize = 1_000;

impl<M: Method> OneShot<M> {
    /// A searcher with these settings.
    ///
    /// # Errors
    /// If a setting is out of its range, the space cannot be mixed, or there are no data.
    pub(super) fn new(
        name: &'static str,
        settings: impl Into<AllSettings>,
        method: M,
        setup: &SearchSetup,
    ) -> Result<Self> {
        let settings = settings.into();
        settings.check(name)?;
        let AllSettings { weights: settings, alpha: of_alpha, curvature: of_curvature } = settings;
        let space = Arc::clone(&setup.space);
        let whole = relaxed(name, &*space)?.supernet();
        let resources = setup.resources.as_ref();
        let dataset = resources.and_then(|resources| resources.dataset.clone());
        let (Some(dataset), Some(resources)) = (dataset, resources) else {
            let problem = "it trains a network of its own, and needs data; name a dataset (--data)";
            return Err(invalid(name, problem));
        };
        let seed = setup.seed;
        let data = Data::new(dataset, &settings.train_config(), resources.seed)?;
        let epochs = settings.supernet_epochs;
        let weights = |parts| divided_weights(name, &whole, parts, &settings, &data, seed);
        let parts = method.parts(0, epochs);
        let (supernet, shared) = weights(parts)?;
        if settings.inherit_weights {
            let (supernet, shared) = weights(method.parts(epochs, epochs))?;
            check_inheritance(name, &*space, &supernet, &shared)?;
        }
        let costs = match &of_alpha {
            // What operations cost that see all channels.
            Some(of_alpha) => {
                let model = whole_model(&whole, shared.model())?;
                costs::shares(name, of_alpha, &*space, &whole, &model)?
            }
            None => Vec::new(),
        };
        let passes = if method.weighs_edges() { &supernet.passes[..] } else { &[] };
        let alpha = Alpha::drawn(&supernet.edges, passes, &mut seed.derive("alpha", 0).rng());
        let alpha = method.first_alpha(alpha);
        let adam = Adam::new(alpha.values.len());
        Ok(Self {
            name,
            settings,
            of_alpha,
            of_curvature,
            method,
            space,
            whole,
            supernet,
            parts,
            data,
            seed,
            shared,
            alpha,
            adam,
            costs,
            epochs: 0,
            ended: None,
            watch: Watch::default(),
            scored: Vec::new(),
            pool: Arc::new(pool()?),
            has_trained: false,
            told: HashSet::new(),
        })
    }

    /// The weights and α.
    #[cfg(test)]
    pub(super) fn learned(&mut self) -> (&mut SharedWeights, &mut Alpha) {
        (&mut self.shared, &mut self.alpha)
    }

    /// The next architecture to propose, and where it is from, if it is not what the search has led to.
    fn next(&self, cx: &mut AskContext<'_>) -> Result<Option<(Architecture, Option<Origin>)>> {
        let pending = cx.pending.iter().map(|trial| &trial.proposal.architecture);
        let open: HashSet<&Architecture> = pending.chain(&self.told).collect();
        let is_new = |architecture: &Architecture| !open.contains(architecture);
        let fits =
            |architecture: &Architecture| is_new(architecture) && (cx.admission)(architecture);
        let spec = cx.space.spec();
        if self.settings.proposals == Proposals::Sampled {
            let sampled = draw(spec, DRAWS, &mut cx.rng, &fits);
            return Ok(sampled.map(|architecture| (architecture, None)));
        }
        let found = if self.method.generations() > 0 {
            let mut best = self.scored.iter().map(|scored| &scored.architecture);
            let known = best.find(|architecture| fits(architecture)).cloned();
            known.or_else(|| {
                let number = self.scored.len();
                let one = || self.method.candidate(&self.scored, number, &mut cx.rng);
                std::iter::repeat_with(one).take(compare::TRIES).flatten().find(&fits)
            })
        } else {
            let (space, strengths) = (&*self.space, self.method.strengths(&self.alpha));
            ranking::strongest(space, relaxed(self.name, space)?, &strengths, is_new, cx.admission)?
        };
        let origin = found.is_none().then_some(Origin::Drawn);
        let found = found.or_else(|| draw(spec, DRAWS, &mut cx.rng, &fits));
        Ok(found.map(|architecture| (architecture, origin)))
    }
}

/// Threads for all cores. The results are the same on any number of them.
fn pool() -> Result<ThreadPool> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    let pool = pool.thread_name(|number| format!("nascent-supernet-{number}")).build();
    pool.map_err(|e| Error::Thread(std::io::Error::other(e)))
}

impl<M: Method> Searcher for OneShot<M> {
    fn ask(&mut self, cx: &mut AskContext<'_>) -> Result<Ask> {
        self.has_trained = false;
        let trained = self.ended.unwrap_or(self.settings.supernet_epochs);
        if self.epochs < trained + self.method.generations() {
            let trains = self.epochs < trained;
            let (pool, stops) = (Arc::clone(&self.pool), cx.stops);
            let candidates = if trains { Vec::new() } else { self.candidates(cx.admission) };
            let work = || if trains { self.train(stops) } else { self.compare(candidates, stops) };
            let signals = pool.install(work)?;
            let Some(signals) = signals else { return Ok(Ask::Wait) };
            self.has_trained = true;
            let architecture = match self.scored.first() {
                Some(best) => Some(best.architecture.clone()),
                None => self.preferred()?,
            };
            let trained = self.ended.unwrap_or(self.settings.supernet_epochs);
            return Ok(Ask::Trained(Training {
                epoch: self.epochs,
                epochs: trained + self.method.generations(),
                architecture,
                signals,
            }));
        }
        let Some((architecture, origin)) = self.next(cx)? else { return Ok(Ask::Done) };
        let pool = Arc::clone(&self.pool);
        let (_, accuracy) = pool.install(|| self.evaluate_one(&architecture))?;
        let signals = Signals::default().with("shared_valid_accuracy", accuracy);
        let proposal = Proposal::new(architecture).with_signals(signals);
        Ok(Ask::Propose(match origin {
            Some(origin) => proposal.with_origin(origin),
            None => proposal,
        }))
    }

    fn tell(&mut self, trial: &Trial) -> Result<()> {
        self.told.insert(trial.proposal.architecture.clone());
        Ok(())
    }

    fn first_weights(&self, architecture: &Architecture) -> Result<Option<Vec<u8>>> {
        if !self.settings.inherit_weights {
            return Ok(None);
        }
        let path = relaxed(self.name, &*self.space)?.path(architecture);
        self.shared.of_network(&self.supernet.one_hot(&path)).map(Some)
    }

    fn snapshot(&self) -> Result<Option<Vec<u8>>> {
        self.has_trained.then(|| self.written()).transpose()
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<()> {
        self.read(snapshot)
    }
}
