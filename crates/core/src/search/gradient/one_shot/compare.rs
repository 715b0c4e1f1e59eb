//! What networks do with the weights that they share.

use std::collections::HashSet;

use nascent_record::{Architecture, Signals};
use rand::seq::SliceRandom as _;

use super::OneShot;
use crate::search::draw;
use crate::search::gradient::method::{Method, Scored};
use crate::search::gradient::relaxation::relaxed;
use crate::train::{Order, Part, SharedWeights, batches};
use crate::{Error, Result};

/// How often a method is asked for an architecture that is new and keeps the constraints.
pub(super) const TRIES: usize = 20;

/// How often one is drawn evenly after that.
const DRAWS: usize = 200;

impl<M: Method> OneShot<M> {
    /// Loss and accuracy on the validation examples, with what `mix` makes of the supernet for each
    /// batch. Batches are as equally large as can be, and in an order that is drawn once: normalization
    /// may be by them.
    pub(super) fn evaluate(
        &mut self,
        mut mix: impl FnMut(&M, &mut SharedWeights) -> Result<()>,
        is_calibrated: bool,
    ) -> Result<(f64, f64)> {
        let mut examples = self.data.examples(Part::Valid).to_vec();
        examples.shuffle(&mut self.seed.derive("validation", 0).rng());
        let count = examples.len().div_ceil(self.settings.batch_size);
        let size = examples.len().div_ceil(count);
        let order = Order { part: Part::Valid, examples: &examples, size, augment: None };
        let (mut loss, mut right) = (0.0, 0);
        batches(&self.data, order, |batches| {
            while let Some(batch) = batches.take() {
                mix(&self.method, &mut self.shared)?;
                let score = if is_calibrated {
                    self.shared.evaluate(batch)
                } else {
                    self.shared.forward(batch, self.seed)
                };
                loss += score.loss * batch.labels.len() as f64;
                right += score.right;
            }
            Ok::<(), Error>(())
        })?;
        let count = examples.len() as f64;
        Ok((loss / count, right as f64 / count))
    }

    /// Loss and accuracy on the validation examples of the network of an architecture.
    pub(super) fn evaluate_one(&mut self, architecture: &Architecture) -> Result<(f64, f64)> {
        let path = relaxed(self.name, &*self.space)?.path(architecture);
        let one_hot = self.supernet.one_hot(&path);
        let batches = self.method.calibration();
        if batches > 0 {
            self.shared.set_coefficients(&one_hot)?;
            self.calibrate(batches);
        }
        self.evaluate(|_, shared| shared.set_coefficients(&one_hot), batches > 0)
    }

    /// Takes the statistics of normalizations from so many batches of training examples, which are
    /// always the same.
    fn calibrate(&mut self, count: usize) {
        let mut examples = self.data.examples(Part::Train).to_vec();
        examples.shuffle(&mut self.seed.derive("calibration", 0).rng());
        let size = self.settings.batch_size.min(examples.len());
        examples.truncate(count.min(examples.len() / size) * size);
        let order = Order { part: Part::Train, examples: &examples, size, augment: None };
        batches(&self.data, order, |batches| {
            let mut number = 0;
            while let Some(batch) = batches.take() {
                number += 1;
                self.shared.calibrate(batch, number);
            }
        });
    }

    /// Compares more architectures by the shared weights; nothing, if it is to stop.
    pub(super) fn compare(
        &mut self,
        candidates: Vec<Architecture>,
        stops: &(dyn Fn() -> bool + Sync),
    ) -> Result<Option<Signals>> {
        let mut scored = self.scored.clone();
        for architecture in candidates {
            if stops() {
                return Ok(None);
            }
            let (_, accuracy) = self.evaluate_one(&architecture)?;
            scored.push(Scored { architecture, accuracy });
        }
        // Stable: of equals the earlier stays before.
        scored.sort_by(|a, b| b.accuracy.total_cmp(&a.accuracy));
        (self.scored, self.epochs) = (scored, self.epochs + 1);
        let mean = self.scored.iter().map(|scored| scored.accuracy).sum::<f64>();
        let mean = mean / self.scored.len().max(1) as f64;
        let best = self.scored.first().map_or(0.0, |best| best.accuracy);
        let signals = Signals::default()
            .with("compared", self.scored.len() as f64)
            .with("derived_valid_accuracy", best)
            .with("mean_valid_accuracy", mean);
        Ok(Some(signals))
    }

    /// The architectures to compare next: those of the method, and where it has no other that is new
    /// and keeps the constraints, drawn ones. Fewer, where there are no more.
    pub(super) fn candidates(&self, admits: &dyn Fn(&Architecture) -> bool) -> Vec<Architecture> {
        let number = u64::from(self.epochs) + 1;
        let rng = &mut self.seed.derive("candidates", number).rng();
        let mut known: HashSet<Architecture> =
            self.scored.iter().map(|scored| scored.architecture.clone()).collect();
        let mut candidates = Vec::new();
        for number in 0..self.method.compared() {
            let fits =
                |architecture: &Architecture| !known.contains(architecture) && admits(architecture);
            let mut one = || self.method.candidate(&self.scored, number, rng);
            let found = std::iter::repeat_with(&mut one).take(TRIES).flatten().find(&fits);
            let found = found.or_else(|| draw(self.space.spec(), DRAWS, rng, &fits));
            let Some(architecture) = found else { break };
            known.insert(architecture.clone());
            candidates.push(architecture);
        }
        candidates
    }
}
