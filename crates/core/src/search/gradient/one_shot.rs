//! What the searchers of this folder share: epochs in which weights and α learn, what is logged of
//! each, and the proposals at the end.

use std::collections::HashSet;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use nascent_record::{Architecture, Proposal, Signals, Trial};
use rand::seq::SliceRandom as _;
use rayon::ThreadPool;
use safetensors::tensor::SafeTensors;
use serde::{Deserialize, Serialize};

use super::alpha::{Adam, Alpha};
use super::ranking;
use crate::config::invalid;
use crate::nn::weights;
use crate::search::{Ask, AskContext, SearchSetup, Searcher, Training};
use crate::space::{Relaxed, SearchSpace, Supernet};
use crate::train::{
    Augment, Batch, BatchScore, Batches, Data, Order, Part, SharedWeights, TrainConfig, batches,
};
use crate::{Error, Result, Rng, Seed};

/// The settings that all searchers of this folder have.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Epochs of the supernet; 1 to 100,000.
    pub supernet_epochs: u32,
    /// Examples in a batch; 2 to 65,536.
    pub batch_size: usize,
    /// The learning rate of the weights at the start, above 0; it falls as a cosine.
    pub learning_rate: f64,
    /// The learning rate of the weights at the end, at least 0.
    pub learning_rate_end: f64,
    /// How much of the last step of the weights is kept; from 0 to below 1.
    pub momentum: f64,
    /// How much weights decay, at least 0; scales, shifts and biases do not.
    pub weight_decay: f64,
    /// The largest norm of the gradient of the weights; 0 for no limit.
    pub clip_norm: f64,
    /// The learning rate of α by Adam, above 0.
    pub alpha_learning_rate: f64,
    /// How much α decays, at least 0.
    pub alpha_weight_decay: f64,
    /// Images are moved by up to so many pixels.
    pub augment_crop: usize,
    /// Whether images are mirrored at random.
    pub augment_flip: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            supernet_epochs: 25,
            batch_size: 64,
            learning_rate: 0.025,
            learning_rate_end: 0.001,
            momentum: 0.9,
            weight_decay: 3e-4,
            clip_norm: 5.0,
            alpha_learning_rate: 3e-4,
            alpha_weight_decay: 1e-3,
            augment_crop: 0,
            augment_flip: false,
        }
    }
}

impl Settings {
    fn check(&self, name: &str) -> Result<()> {
        let not_negative = |x: f64| x.is_finite() && x >= 0.0;
        let problems = [
            ((1..=100_000).contains(&self.supernet_epochs), "supernet_epochs must be 1 to 100000"),
            ((2..=65_536).contains(&self.batch_size), "batch_size must be 2 to 65536"),
            (
                [self.learning_rate, self.alpha_learning_rate].map(|x| x.is_finite() && x > 0.0)
                    == [true; 2],
                "learning_rate and alpha_learning_rate must be above 0 and finite",
            ),
            ((0.0..1.0).contains(&self.momentum), "momentum must be from 0 to below 1"),
            (
                [
                    self.learning_rate_end,
                    self.weight_decay,
                    self.clip_norm,
                    self.alpha_weight_decay,
                ]
                .into_iter()
                .all(not_negative),
                "learning_rate_end, weight_decay, clip_norm and alpha_weight_decay must be at \
                 least 0 and finite",
            ),
        ];
        match problems.iter().find(|(is_right, _)| !is_right) {
            Some((_, problem)) => Err(invalid(name, *problem)),
            None => Ok(()),
        }
    }

    fn train_config(&self) -> TrainConfig {
        TrainConfig {
            batch_size: self.batch_size,
            learning_rate: self.learning_rate,
            momentum: self.momentum,
            nesterov: false,
            weight_decay: self.weight_decay,
            clip_norm: self.clip_norm,
            augment_crop: self.augment_crop,
            augment_flip: self.augment_flip,
            ..TrainConfig::default()
        }
    }
}

/// How operations are mixed in a batch.
pub(super) struct Mixture {
    /// How much there is of each operation, or how likely it is.
    pub(super) probabilities: Alpha,
    /// The one operation of each edge that is computed, as a coefficient; if absent, all are, with
    /// their probabilities as coefficients.
    pub(super) taken: Option<Vec<usize>>,
    /// What it was drawn with.
    pub(super) temperature: f64,
    /// How the numbers that it was made of move with α, where they were drawn.
    pub(super) slopes: Option<Vec<f64>>,
}

impl Mixture {
    /// So much of each operation.
    pub(super) fn soft(probabilities: Alpha) -> Self {
        Self { probabilities, taken: None, temperature: 1.0, slopes: None }
    }

    /// The likeliest operation of each edge alone.
    pub(super) fn likeliest(probabilities: Alpha) -> Self {
        let likeliest = |edge: &std::ops::Range<usize>| {
            let by_value = |a: &usize, b: &usize| {
                probabilities.values[*a].total_cmp(&probabilities.values[*b]).then(b.cmp(a))
            };
            edge.clone().max_by(by_value).unwrap_or(edge.start)
        };
        let taken = probabilities.edges().iter().map(likeliest).collect();
        Self { taken: Some(taken), ..Self::soft(probabilities) }
    }

    /// These operations alone, by their coefficients.
    pub(super) fn only(alpha: &Alpha, taken: Vec<usize>) -> Self {
        Self { taken: Some(taken), ..Self::soft(alpha.clone()) }
    }

    /// What the operations are multiplied with.
    pub(super) fn coefficients(&self) -> Vec<f32> {
        match &self.taken {
            None => self.probabilities.values.iter().map(|p| *p as f32).collect(),
            Some(taken) => {
                let mut coefficients = vec![0.0; self.probabilities.values.len()];
                for at in taken {
                    coefficients[*at] = 1.0;
                }
                coefficients
            }
        }
    }
}

/// A batch for the weights and one for α.
pub(super) struct Pair<'a> {
    pub(super) weights: &'a Batch,
    pub(super) alpha: &'a Batch,
}

/// An architecture with its accuracy on the validation examples by the shared weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Scored {
    pub(super) architecture: Architecture,
    pub(super) accuracy: f64,
}

/// What tells the searchers of this folder apart.
pub(super) trait Method: Send {
    /// How operations are mixed in a batch, when this part of the epochs is done.
    fn mix(&self, alpha: &Alpha, progress: f64, rng: &mut Rng) -> Mixture;

    /// Whether there is an α that learns; if not, all training examples are for the weights.
    fn learns_alpha(&self) -> bool {
        true
    }

    /// From the gradient of the coefficients, that of α; none, if it does not learn.
    fn differentiate(&self, mixture: &Mixture, for_coefficients: &[f64]) -> Vec<f64> {
        let _ = mixture;
        vec![0.0; for_coefficients.len()]
    }

    /// How many times behind the last epoch architectures are compared by the shared weights; if
    /// never, they are derived from α.
    fn generations(&self) -> u32 {
        0
    }

    /// Architectures to compare next; those that were compared before come with them, the best
    /// first.
    fn candidates(&self, scored: &[Scored], rng: &mut Rng) -> Vec<Architecture> {
        let _ = (scored, rng);
        Vec::new()
    }

    /// The gradient of α.
    ///
    /// # Errors
    /// If the coefficients do not fit.
    fn alpha_gradient(
        &mut self,
        shared: &mut SharedWeights,
        mixture: &Mixture,
        pair: &Pair<'_>,
        learning_rate: f64,
        seed: Seed,
    ) -> Result<Vec<f64>> {
        let _ = learning_rate;
        first_order(self, shared, mixture, pair, seed)
    }

    /// How strong each operation is: what architectures are derived from.
    fn strengths(&self, alpha: &Alpha) -> Alpha {
        alpha.softmax(1.0)
    }

    /// More numbers for the log.
    fn signals(&self, progress: f64) -> Vec<(&'static str, f64)> {
        let _ = progress;
        Vec::new()
    }
}

/// The gradient of α at the present weights.
pub(super) fn first_order<M: Method + ?Sized>(
    method: &M,
    shared: &mut SharedWeights,
    mixture: &Mixture,
    pair: &Pair<'_>,
    seed: Seed,
) -> Result<Vec<f64>> {
    shared.set_coefficients(&mixture.coefficients())?;
    shared.forward(pair.alpha, seed);
    shared.backward();
    Ok(method.differentiate(mixture, &shared.coefficient_gradients()))
}

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
    /// The epochs that were trained to their end, and behind the last the generations.
    epochs: u32,
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
}

/// The names of the tensors of a snapshot.
const WEIGHTS: &str = "weights";
const MOMENTS: &str = "moments";

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
        let space = Arc::clone(&setup.space);
        let supernet = relaxed(name, &*space)?.supernet();
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
        let alpha = Alpha::drawn(&supernet.edges, &mut seed.derive("alpha", 0).rng());
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
            epochs: 0,
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
        self.signals(loss, accuracy).map(Some)
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
                let mixture = self.method.mix(&self.alpha, progress, &mut rng);
                let gradient = self.method.alpha_gradient(shared, &mixture, &pair, rate, seed)?;
                let Settings { alpha_learning_rate, alpha_weight_decay, .. } = self.settings;
                let alpha = &mut self.alpha.values;
                self.adam.step(alpha, &gradient, alpha_learning_rate, alpha_weight_decay);
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
            .with("entropy", self.method.strengths(&self.alpha).entropy())
            .with("skip_share", skips.count() as f64 / taken as f64);
        for (edge, values) in std::iter::zip(&self.supernet.edges, self.alpha.by_edge()) {
            signals = signals.with_list(format!("alpha.{}", edge.name), values);
        }
        Ok(signals)
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

/// The space as one whose operations can be mixed.
pub(super) fn relaxed<'a>(name: &str, space: &'a dyn SearchSpace) -> Result<&'a dyn Relaxed> {
    space.relaxed().ok_or_else(|| {
        let spaces = crate::space::SPACES.iter().filter(|entry| {
            let made = entry.make(&serde_json::Value::Null, &());
            made.is_ok_and(|space| space.relaxed().is_some())
        });
        let spaces: Vec<&str> = spaces.map(|entry| entry.name).collect();
        let problem = format!(
            "it mixes operations on the edges of cells, and the choices of this space are others; \
             choose the space {}, or another searcher, such as regularized_evolution or gp",
            spaces.join(" or ")
        );
        invalid(name, problem)
    })
}

impl<M: Method> Searcher for OneShot<M> {
    fn ask(&mut self, cx: &mut AskContext<'_>) -> Result<Ask> {
        self.has_trained = false;
        let epochs = self.settings.supernet_epochs + self.method.generations();
        if self.epochs < epochs {
            let trains = self.epochs < self.settings.supernet_epochs;
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
            return Ok(Ask::Trained(Training {
                epoch: self.epochs,
                epochs,
                architecture,
                signals,
            }));
        }
        let pending = cx.pending.iter().map(|trial| &trial.proposal.architecture);
        let open: HashSet<&Architecture> = pending.chain(&self.told).collect();
        let is_new =
            |architecture: &Architecture| !open.contains(architecture) && cx.admits(architecture);
        let next = if self.method.generations() > 0 {
            let mut best = self.scored.iter().map(|scored| &scored.architecture);
            best.find(|architecture| is_new(architecture)).cloned()
        } else {
            let (space, strengths) = (&*self.space, self.method.strengths(&self.alpha));
            ranking::strongest(space, relaxed(self.name, space)?, &strengths, is_new)?
        };
        Ok(next.map_or(Ask::Done, |architecture| Ask::Propose(Proposal::new(architecture))))
    }

    fn tell(&mut self, trial: &Trial) -> Result<()> {
        self.told.insert(trial.proposal.architecture.clone());
        Ok(())
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
        };
        let tensor = |values: &[f32]| Tensor::from_slice(values, values.len(), &Device::Cpu);
        let tensors =
            [(WEIGHTS, tensor(self.shared.weights())?), (MOMENTS, tensor(self.shared.moments())?)];
        let named = tensors.iter().map(|(name, tensor)| ((*name).to_owned(), tensor));
        Ok(Some(weights::write(named, &description)?))
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<()> {
        let damaged = |problem: String| Error::Resume { problem };
        let saved = SafeTensors::deserialize(snapshot).map_err(|e| damaged(e.to_string()))?;
        let Description { searcher, epochs, alpha, adam, scored } = weights::describe(snapshot)?;
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
        Ok(())
    }
}
