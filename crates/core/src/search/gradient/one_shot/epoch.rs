//! An epoch of a supernet: the weights learn from one half of the training examples, α from the other.

use nascent_record::{Architecture, Signals};
use rand::RngExt as _;
use rand::seq::SliceRandom as _;

use super::OneShot;
use crate::search::gradient::method::{Method, Pair};
use crate::search::gradient::relaxation::relaxed;
use crate::search::gradient::settings::Settings;
use crate::train::{Augment, Batch, BatchScore, Batches, Order, Part, batches};
use crate::{Error, Result, Rng, Seed};

impl<M: Method> OneShot<M> {
    /// The examples of the weights and of α, a half each, in an order of this epoch; all are for the
    /// weights where α does not learn.
    pub(in crate::search::gradient) fn halves(&self, epoch: u32) -> [Vec<usize>; 2] {
        let mut examples = self.data.examples(Part::Train).to_vec();
        examples.shuffle(&mut self.seed.derive("halves", 0).rng());
        let half = if self.of_alpha.is_some() { examples.len() / 2 } else { examples.len() };
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
    pub(super) fn train(&mut self, stops: &(dyn Fn() -> bool + Sync)) -> Result<Option<Signals>> {
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
        let examples =
            if self.of_alpha.is_some() { first.len().min(second.len()) } else { first.len() };
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
        // What is logged is of the architecture that is preferred then.
        let learned = self.learn()?;
        let mut signals = self.signals(loss, accuracy)?;
        for (name, value) in learned {
            signals = signals.with(name, value);
        }
        self.divide()?;
        Ok(Some(signals))
    }

    /// Has the method learn from what networks do with the shared weights.
    fn learn(&mut self) -> Result<Vec<(&'static str, f64)>> {
        let Self { name, method, shared, data, space, supernet, settings, seed, epochs, .. } = self;
        let space = relaxed(name, &**space)?;
        let mut examples = data.examples(Part::Valid).to_vec();
        // Statistics are those of a batch, which is to have examples of all classes.
        examples.shuffle(&mut seed.derive("validation", 0).rng());
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
            let alpha = match &self.of_alpha {
                Some(_) => of_alpha.take(),
                None => Some(weights),
            };
            let Some(alpha) = alpha else { break };
            let BatchScore { loss: of_batch, right: of_right } =
                self.step(&Pair { weights, alpha }, (progress, rate), seed)?;
            let count = weights.labels.len();
            loss += of_batch * count as f64;
            right += of_right;
            seen += count;
        }
        let seen = seen.max(1) as f64;
        Ok(Some((loss / seen, right as f64 / seen)))
    }

    /// One step of α, if it learns, and one of the weights.
    pub(in crate::search::gradient) fn step(
        &mut self,
        pair: &Pair<'_>,
        (progress, rate): (f64, f64),
        seed: Seed,
    ) -> Result<BatchScore> {
        let mut rng = seed.derive("mixture", 0).rng();
        let epochs = self.settings.supernet_epochs;
        if self.of_alpha.is_some() && self.method.learns_at(progress, epochs) {
            self.step_alpha(pair, (progress, rate), seed, &mut rng)?;
        }
        let mixture = self.method.mix(&self.alpha, progress, &mut rng);
        mixture.apply(&mut self.shared)?;
        let score = self.shared.forward(pair.weights, seed);
        self.shared.backward();
        self.shared.step(rate);
        Ok(score)
    }

    /// One step of α, by the gradients of the loss, of the price of the operations, and of what the
    /// method has α pay beside.
    fn step_alpha(
        &mut self,
        pair: &Pair<'_>,
        (progress, rate): (f64, f64),
        seed: Seed,
        rng: &mut Rng,
    ) -> Result<()> {
        let Some(settings) = &self.of_alpha else { return Ok(()) };
        let method = &mut self.method;
        let mixture = method.mix(&self.alpha, progress, rng);
        let mut gradient = method.alpha_gradient(&mut self.shared, &mixture, pair, rate, seed)?;
        let mut add = |weight: f64, others: &[f64]| {
            for (gradient, other) in std::iter::zip(&mut gradient, others) {
                *gradient += weight * other;
            }
        };
        if settings.cost_weight > 0.0 {
            add(settings.cost_weight, &method.price_gradient(&self.alpha, &self.costs));
        }
        if let Some(penalty) = method.penalty(&self.alpha) {
            add(1.0, &penalty);
        }
        let before = self.alpha.values.clone();
        let rates = (settings.alpha_learning_rate, settings.alpha_weight_decay);
        self.adam.step(&mut self.alpha.values, &gradient, method.betas(), rates);
        method.settle(&before, &mut self.alpha);
        Ok(())
    }
}
