//! What the searchers of this folder share: epochs in which weights and α learn, what is logged of
//! each, and the proposals at the end.

use std::collections::HashSet;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use nascent_record::{Architecture, Proposal, Signals, Trial};
use rand::RngExt as _;
use rand::seq::SliceRandom as _;
use rayon::ThreadPool;
use safetensors::tensor::SafeTensors;
use serde::{Deserialize, Serialize};

use super::alpha::{Adam, Alpha};
use super::costs;
use super::curvature::{Watch, largest_eigenvalue};
use super::method::{Method, Mixture, Pair, Scored, first_order};
use super::ranking;
use super::relaxation::{check_inheritance, divided, relaxed};
use super::settings::{Proposals, Settings};
use crate::config::invalid;
use crate::nn::weights;
use crate::search::{Ask, AskContext, SearchSetup, Searcher, Training};
use crate::space::{SearchSpace, SpecExt as _, Supernet};
use crate::train::{
    Augment, Batch, BatchScore, Batches, Data, Order, Part, SharedWeights, batches,
};
use crate::{Error, Result, Rng, Seed};

/// A searcher that trains a supernet, then proposes.
pub(super) struct OneShot<M> {
    name: &'static str,
    settings: Settings,
    method: M,
    space: Arc<dyn SearchSpace>,
    supernet: Supernet,
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

/// What a snapshot is of, beside the weights.
#[derive(Serialize, Deserialize)]
struct Description {
    searcher: String,
    epochs: u32,
    alpha: Vec<f64>,
    adam: Adam,
    scored: Vec<Scored>,
    #[serde(default)]
    ended: Option<u32>,
    #[serde(default)]
    watch: Watch,
}

/// How many architectures are drawn for one question before there is nothing new.
const DRAWS: u32 = 10_000;

/// The names of the tensors of a snapshot.
const WEIGHTS: &str = "weights";
const MOMENTS: &str = "moments";
/// How those of the method begin.
const METHOD: &str = "method.";

impl<M: Method> OneShot<M> {
    /// A searcher with these settings.
    ///
    /// # Errors
    /// If a setting is out of its range, the space cannot be mixed, or there are no data.
    pub(super) fn new(
        name: &'static str,
        settings: Settings,
        method: M,
        setup: &SearchSetup,
    ) -> Result<Self> {
        settings.check(name)?;
        if settings.stop_on_collapse && !method.is_smooth() {
            let problem = "stop_on_collapse needs a loss that is a smooth function of α, and this \
                           searcher draws what it mixes; darts, pc_darts and fair_darts do not";
            return Err(invalid(name, problem));
        }
        let space = Arc::clone(&setup.space);
        let supernet = divided(name, relaxed(name, &*space)?.supernet(), method.parts())?;
        let resources = setup.resources.as_ref();
        let dataset = resources.and_then(|resources| resources.dataset.clone());
        let (Some(dataset), Some(resources)) = (dataset, resources) else {
            let problem = "it trains a network of its own, and needs data; name a dataset (--data)";
            return Err(invalid(name, problem));
        };
        let config = settings.train_config();
        let classes = dataset.classes().len();
        let shape = dataset.shape().to_vec();
        let data = Data::new(dataset, &config, resources.seed)?;
        let seed = setup.seed;
        let weights_seed = seed.derive("supernet", 0);
        let mut shared = SharedWeights::new(&supernet, &shape, classes, &config, weights_seed)?;
        shared.set_input_statistics(data.mean(), data.deviation())?;
        if settings.inherit_weights {
            check_inheritance(name, &*space, &supernet, &shared)?;
        }
        let costs = costs::shares(name, &settings, &*space, &supernet, shared.model())?;
        shared.set_prices(costs.iter().map(|cost| settings.cost_weight * cost).collect())?;
        let alpha = &mut seed.derive("alpha", 0).rng();
        let alpha = Alpha::drawn(&supernet.edges, &supernet.passes, alpha);
        let adam = Adam::new(alpha.values.len());
        Ok(Self {
            name,
            settings,
            method,
            space,
            supernet,
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

    /// The examples of the weights and of α, a half each, in an order of this epoch; all are for the
    /// weights where α does not learn.
    pub(super) fn halves(&self, epoch: u32) -> [Vec<usize>; 2] {
        let mut examples = self.data.examples(Part::Train).to_vec();
        examples.shuffle(&mut self.seed.derive("halves", 0).rng());
        let half = if self.method.learns_alpha() { examples.len() / 2 } else { examples.len() };
        let second = examples.split_off(half);
        let mut halves = [examples, second];
        for (number, half) in halves.iter_mut().enumerate() {
            let seed = self.seed.derive("shuffle", u64::from(epoch)).derive("half", number as u64);
            half.shuffle(&mut seed.rng());
            // A last batch that is not whole is left out.
            let whole = half.len() / self.settings.batch_size * self.settings.batch_size;
            half.truncate(if whole > 0 { whole } else { half.len() });
        }
        halves
    }

    /// The learning rate of the weights at a part of the epochs.
    fn rate(&self, progress: f64) -> f64 {
        let Settings { learning_rate: first, learning_rate_end: last, .. } = self.settings;
        last + (first - last) * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
    }

    /// Trains one more epoch; nothing, if it is to stop.
    fn train(&mut self, stops: &(dyn Fn() -> bool + Sync)) -> Result<Option<Signals>> {
        let epoch = self.epochs + 1;
        let seed = self.seed.derive("epoch", u64::from(epoch));
        let halves = self.halves(epoch);
        let data = self.data.clone();
        let shape = crate::nn::Shape::new(self.shared.model().input_shape())?;
        let augment = Augment::new(&self.settings.train_config(), shape, data.mean());
        let size = self.settings.batch_size;
        let order = |examples, seed| Order {
            part: Part::Train,
            examples,
            size,
            augment: augment.as_ref().map(|augment| (augment, seed, epoch)),
        };
        let [first, second] = &halves;
        let (for_weights, for_alpha) = (order(first, seed), order(second, seed));
        let learns = self.method.learns_alpha();
        let examples = if learns { first.len().min(second.len()) } else { first.len() };
        let steps = examples.div_ceil(size);
        let before = (self.shared.weights().to_vec(), self.shared.moments().to_vec());
        let (alpha, adam) = (self.alpha.clone(), self.adam.clone());
        let score = batches(&data, for_weights, |of_weights| {
            batches(&data, for_alpha, |of_alpha| {
                self.steps(of_weights, of_alpha, (steps, seed), stops)
            })
        })?;
        let Some((loss, accuracy)) = score else {
            // As if the epoch had not begun.
            self.shared.weights_mut().copy_from_slice(&before.0);
            self.shared.moments_mut().copy_from_slice(&before.1);
            (self.alpha, self.adam) = (alpha, adam);
            return Ok(None);
        };
        if !loss.is_finite() {
            return Err(Error::Diverged { epoch, what: "the loss of the supernet", value: loss });
        }
        self.epochs = epoch;
        self.method.end_epoch(&self.alpha, epoch, self.settings.supernet_epochs);
        let mut signals = self.signals(loss, accuracy)?;
        for (name, value) in self.learn()? {
            signals = signals.with(name, value);
        }
        Ok(Some(signals))
    }

    /// Has the method learn from what networks do with the shared weights.
    fn learn(&mut self) -> Result<Vec<(&'static str, f64)>> {
        let Self { name, method, shared, data, space, supernet, settings, seed, epochs, .. } = self;
        let space = relaxed(name, &**space)?;
        let examples = data.examples(Part::Valid).to_vec();
        let (size, seed) = (settings.batch_size.min(examples.len()), *seed);
        let mut batch = Batch::default();
        let mut score = |architecture: &Architecture, rng: &mut Rng| {
            let first = rng.random_range(0..=examples.len() - size);
            data.batch(Part::Valid, &examples[first..first + size], None, &mut batch);
            shared.set_coefficients(&supernet.one_hot(&space.path(architecture)))?;
            Ok(shared.forward(&batch, seed).right as f64 / size as f64)
        };
        method.learn(&mut score, &mut seed.derive("learn", u64::from(*epochs)).rng())
    }

    /// The batches of an epoch: their mean loss and accuracy for the weights.
    fn steps(
        &mut self,
        of_weights: &mut Batches,
        of_alpha: &mut Batches,
        (steps, seed): (usize, Seed),
        stops: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<(f64, f64)>> {
        let (mut loss, mut right, mut seen) = (0.0, 0, 0);
        let epochs = f64::from(self.settings.supernet_epochs);
        for step in 0..steps {
            if stops() {
                return Ok(None);
            }
            let Some(weights) = of_weights.take() else { break };
            let progress = (f64::from(self.epochs) + step as f64 / steps as f64) / epochs;
            let rate = self.rate(progress);
            let seed = seed.derive("step", step as u64);
            let mut rng = seed.derive("mixture", 0).rng();
            let shared = &mut self.shared;
            if self.method.learns_alpha() {
                let Some(alpha) = of_alpha.take() else { break };
                let pair = Pair { weights, alpha };
                if self.method.learns_at(progress) {
                    let mixture = self.method.mix(&self.alpha, progress, &mut rng);
                    let gradient =
                        self.method.alpha_gradient(shared, &mixture, &pair, rate, seed)?;
                    let Settings { alpha_learning_rate, alpha_weight_decay, .. } = self.settings;
                    let alpha = &mut self.alpha.values;
                    self.adam.step(alpha, &gradient, alpha_learning_rate, alpha_weight_decay);
                }
            }
            let mixture = self.method.mix(&self.alpha, progress, &mut rng);
            let BatchScore { loss: of_batch, right: of_right } =
                train_weights(shared, &mixture, weights, rate, seed)?;
            let count = weights.labels.len();
            loss += of_batch * count as f64;
            right += of_right;
            seen += count;
        }
        let seen = seen.max(1) as f64;
        Ok(Some((loss / seen, right as f64 / seen)))
    }

    /// Loss and accuracy on the validation examples, with what `mix` gives for each batch.
    fn evaluate(&mut self, mut mix: impl FnMut(&Self) -> Vec<f32>) -> Result<(f64, f64)> {
        let data = self.data.clone();
        let examples = data.examples(Part::Valid);
        let order =
            Order { part: Part::Valid, examples, size: self.settings.batch_size, augment: None };
        let (mut loss, mut right) = (0.0, 0);
        batches(&data, order, |batches| {
            while let Some(batch) = batches.take() {
                let coefficients = mix(self);
                self.shared.set_coefficients(&coefficients)?;
                let score = self.shared.forward(batch, self.seed);
                loss += score.loss * batch.labels.len() as f64;
                right += score.right;
            }
            Ok::<(), Error>(())
        })?;
        let count = examples.len() as f64;
        Ok((loss / count, right as f64 / count))
    }

    /// Loss and accuracy on the validation examples of the network of an architecture.
    fn evaluate_one(&mut self, architecture: &Architecture) -> Result<(f64, f64)> {
        let path = relaxed(self.name, &*self.space)?.path(architecture);
        let one_hot = self.supernet.one_hot(&path);
        self.evaluate(|_| one_hot.clone())
    }

    /// What an epoch came to.
    fn signals(&mut self, train_loss: f64, train_accuracy: f64) -> Result<Signals> {
        let progress = f64::from(self.epochs) / f64::from(self.settings.supernet_epochs);
        let mut rng = self.seed.derive("evaluation", u64::from(self.epochs)).rng();
        let (valid_loss, valid_accuracy) = self.evaluate(|this| {
            let mixture = this.method.mix(&this.alpha, progress, &mut rng);
            mixture.coefficients()
        })?;
        let mut signals = Signals::default()
            .with("train_loss", train_loss)
            .with("train_accuracy", train_accuracy)
            .with("valid_loss", valid_loss)
            .with("valid_accuracy", valid_accuracy);
        for (name, value) in self.method.signals(progress) {
            signals = signals.with(name, value);
        }
        if !self.method.learns_alpha() {
            return Ok(signals);
        }
        if self.is_watched() {
            let eigenvalue = self.curvature()?;
            signals = signals.with("alpha_eigenvalue", eigenvalue);
            if self.settings.stop_on_collapse
                && let Some(alpha) = self.watch.is_over(eigenvalue, &self.alpha.values)
            {
                self.alpha.values = alpha;
                self.ended = Some(self.epochs);
                let of = self.epochs.saturating_sub(Watch::BACK as u32);
                signals = signals.with("stopped_with_alpha_of_epoch", f64::from(of));
            }
        }
        let derived = self.derived()?;
        let (derived_loss, derived_accuracy) = self.evaluate_one(&derived)?;
        let path = relaxed(self.name, &*self.space)?.path(&derived);
        let skips = std::iter::zip(&self.supernet.edges, &path).filter(|(edge, option)| {
            option.and_then(|at| edge.options.get(at)).is_some_and(|op| op == "skip_connect")
        });
        let taken = path.iter().flatten().count().max(1);
        signals = signals
            .with("derived_valid_loss", derived_loss)
            .with("derived_valid_accuracy", derived_accuracy)
            .with("discretization_gap", valid_accuracy - derived_accuracy)
            .with("expected_cost", self.expected_cost())
            .with("entropy", self.method.strengths(&self.alpha).entropy())
            .with("skip_share", skips.count() as f64 / taken as f64);
        for (edge, values) in std::iter::zip(&self.supernet.edges, self.alpha.by_edge()) {
            signals = signals.with_list(format!("alpha.{}", edge.name), values);
        }
        for (number, values) in self.alpha.by_node().enumerate() {
            signals = signals.with_list(format!("beta.{}", number + 1), values);
        }
        Ok(signals)
    }

    /// What a network costs on average whose operations are as likely as they are strong, as a share of
    /// the most expensive one.
    fn expected_cost(&self) -> f64 {
        let strengths = self.method.strengths(&self.alpha);
        let of_edge = |edge: &std::ops::Range<usize>| {
            let (parts, costs) = (&strengths.values[edge.clone()], &self.costs[edge.clone()]);
            let sum: f64 = parts.iter().sum();
            std::iter::zip(parts, costs).map(|(part, cost)| part * cost).sum::<f64>() / sum
        };
        strengths.edges().iter().map(of_edge).sum()
    }

    /// Whether the curvature of the loss is estimated after this epoch.
    fn is_watched(&self) -> bool {
        let Settings { eigenvalue_every: every, stop_on_collapse, .. } = self.settings;
        let is_due = every > 0 && self.epochs.is_multiple_of(every);
        self.method.is_smooth() && (is_due || stop_on_collapse)
    }

    /// The largest eigenvalue of the Hessian of the loss over α, of one batch of the examples that α
    /// learns from, each time the same.
    fn curvature(&mut self) -> Result<f64> {
        let [_, mut examples] = self.halves(0);
        examples.truncate(self.settings.batch_size);
        let mut batch = Batch::default();
        self.data.batch(Part::Train, &examples, None, &mut batch);
        let progress = f64::from(self.epochs) / f64::from(self.settings.supernet_epochs);
        let seed = self.seed.derive("curvature", u64::from(self.epochs));
        let (alpha, size) = (self.alpha.clone(), self.alpha.values.len());
        largest_eigenvalue(size, &mut seed.rng(), |moved| {
            let values = std::iter::zip(&alpha.values, moved).map(|(at, by)| at + by).collect();
            let mixture = self.method.mix(&alpha.with(values), progress, &mut seed.rng());
            let pair = Pair { weights: &batch, alpha: &batch };
            first_order(&self.method, &mut self.shared, &mixture, &pair, seed)
        })
    }

    /// Compares more architectures by the shared weights; nothing, if it is to stop.
    fn compare(&mut self, stops: &(dyn Fn() -> bool + Sync)) -> Result<Option<Signals>> {
        let number = self.epochs + 1;
        let mut rng = self.seed.derive("candidates", u64::from(number)).rng();
        let mut scored = self.scored.clone();
        for architecture in self.method.candidates(&self.scored, &mut rng) {
            if stops() {
                return Ok(None);
            }
            if scored.iter().all(|known| known.architecture != architecture) {
                let (_, accuracy) = self.evaluate_one(&architecture)?;
                scored.push(Scored { architecture, accuracy });
            }
        }
        // Stable: of equals the earlier stays before.
        scored.sort_by(|a, b| b.accuracy.total_cmp(&a.accuracy));
        (self.scored, self.epochs) = (scored, number);
        let mean = self.scored.iter().map(|scored| scored.accuracy).sum::<f64>();
        let mean = mean / self.scored.len().max(1) as f64;
        let best = self.scored.first().map_or(0.0, |best| best.accuracy);
        let signals = Signals::default()
            .with("compared", self.scored.len() as f64)
            .with("derived_valid_accuracy", best)
            .with("mean_valid_accuracy", mean);
        Ok(Some(signals))
    }

    /// The architecture that is preferred now.
    fn derived(&self) -> Result<Architecture> {
        let strengths = self.method.strengths(&self.alpha).by_edge();
        relaxed(self.name, &*self.space)?.strongest(&strengths)
    }
}

/// Threads for all cores. The results are the same on any number of them.
fn pool() -> Result<ThreadPool> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    let pool = pool.thread_name(|number| format!("nascent-supernet-{number}")).build();
    pool.map_err(|e| Error::Thread(std::io::Error::other(e)))
}

/// One step of the weights.
fn train_weights(
    shared: &mut SharedWeights,
    mixture: &Mixture,
    batch: &Batch,
    rate: f64,
    seed: Seed,
) -> Result<BatchScore> {
    shared.set_coefficients(&mixture.coefficients())?;
    let score = shared.forward(batch, seed);
    shared.backward();
    shared.step(rate);
    Ok(score)
}

impl<M: Method> Searcher for OneShot<M> {
    fn ask(&mut self, cx: &mut AskContext<'_>) -> Result<Ask> {
        self.has_trained = false;
        let trained = self.ended.unwrap_or(self.settings.supernet_epochs);
        if self.epochs < trained + self.method.generations() {
            let trains = self.epochs < trained;
            let (pool, stops) = (Arc::clone(&self.pool), cx.stops);
            let work = || if trains { self.train(stops) } else { self.compare(stops) };
            let signals = pool.install(work)?;
            let Some(signals) = signals else { return Ok(Ask::Wait) };
            self.has_trained = true;
            let architecture = match self.scored.first() {
                Some(best) => Some(best.architecture.clone()),
                None if self.method.learns_alpha() => Some(self.derived()?),
                None => None,
            };
            let trained = self.ended.unwrap_or(self.settings.supernet_epochs);
            return Ok(Ask::Trained(Training {
                epoch: self.epochs,
                epochs: trained + self.method.generations(),
                architecture,
                signals,
            }));
        }
        let pending = cx.pending.iter().map(|trial| &trial.proposal.architecture);
        let open: HashSet<&Architecture> = pending.chain(&self.told).collect();
        let admits = cx.admission;
        let is_new =
            |architecture: &Architecture| !open.contains(architecture) && admits(architecture);
        let next = if self.settings.proposals == Proposals::Sampled {
            let mut drawn = (0..DRAWS).map(|_| cx.space.spec().sample(&mut cx.rng));
            drawn.find(|architecture| is_new(architecture))
        } else if self.method.generations() > 0 {
            let mut best = self.scored.iter().map(|scored| &scored.architecture);
            best.find(|architecture| is_new(architecture)).cloned()
        } else {
            let (space, strengths) = (&*self.space, self.method.strengths(&self.alpha));
            ranking::strongest(space, relaxed(self.name, space)?, &strengths, is_new)?
        };
        let Some(architecture) = next else { return Ok(Ask::Done) };
        let pool = Arc::clone(&self.pool);
        let (_, accuracy) = pool.install(|| self.evaluate_one(&architecture))?;
        let signals = Signals::default().with("shared_valid_accuracy", accuracy);
        Ok(Ask::Propose(Proposal::new(architecture).with_signals(signals)))
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
        if !self.has_trained {
            return Ok(None);
        }
        let description = Description {
            searcher: self.name.to_owned(),
            epochs: self.epochs,
            alpha: self.alpha.values.clone(),
            adam: self.adam.clone(),
            scored: self.scored.clone(),
            ended: self.ended,
            watch: self.watch.clone(),
        };
        let tensor = |values: &[f32]| Tensor::from_slice(values, values.len(), &Device::Cpu);
        let mut tensors = vec![
            (WEIGHTS.to_owned(), tensor(self.shared.weights())?),
            (MOMENTS.to_owned(), tensor(self.shared.moments())?),
        ];
        let of_method = self.method.state()?.into_iter();
        tensors.extend(of_method.map(|(name, tensor)| (format!("{METHOD}{name}"), tensor)));
        let named = tensors.iter().map(|(name, tensor)| (name.clone(), tensor));
        Ok(Some(weights::write(named, &description)?))
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<()> {
        let damaged = |problem: String| Error::Resume { problem };
        let saved = SafeTensors::deserialize(snapshot).map_err(|e| damaged(e.to_string()))?;
        let Description { searcher, epochs, alpha, adam, scored, ended, watch } =
            weights::describe(snapshot)?;
        if searcher != self.name || alpha.len() != self.alpha.values.len() {
            return Err(damaged(format!("the snapshot is of another searcher, {searcher}")));
        }
        let read = |name: &str, values: &[f32]| -> Result<Vec<f32>> {
            let like = Tensor::from_slice(values, values.len(), &Device::Cpu)?;
            Ok(weights::read(&saved, name, &like)?.to_vec1()?)
        };
        let (values, moments) =
            (read(WEIGHTS, self.shared.weights())?, read(MOMENTS, self.shared.moments())?);
        self.shared.weights_mut().copy_from_slice(&values);
        self.shared.moments_mut().copy_from_slice(&moments);
        (self.alpha.values, self.adam, self.epochs, self.scored) = (alpha, adam, epochs, scored);
        (self.ended, self.watch) = (ended, watch);
        self.method.restore(&|name, like| {
            let name = format!("{METHOD}{name}");
            let is_there = saved.tensor(&name).is_ok();
            is_there.then(|| weights::read(&saved, &name, like)).transpose()
        })?;
        Ok(())
    }
}
