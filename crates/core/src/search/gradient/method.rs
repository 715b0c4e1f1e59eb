//! What tells the searchers of this folder apart: how operations are mixed, and how α learns.

use candle_core::Tensor;
use nascent_record::Architecture;
use serde::{Deserialize, Serialize};

use super::alpha::Alpha;
use crate::train::{Batch, SharedWeights};
use crate::{Result, Rng, Seed};

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

/// The accuracy of the network of an architecture, with the shared weights, on a batch of the
/// validation examples that is drawn.
pub(super) type Score<'a> = &'a mut dyn FnMut(&Architecture, &mut Rng) -> Result<f64>;

/// What tells the searchers of this folder apart.
pub(super) trait Method: Send {
    /// How operations are mixed in a batch, when this part of the epochs is done.
    fn mix(&self, alpha: &Alpha, progress: f64, rng: &mut Rng) -> Mixture;

    /// In how many parts the channels of a cell are divided, of which one goes through the
    /// operations.
    fn parts(&self) -> usize {
        1
    }

    /// Whether α learns when this part of the epochs is done.
    fn learns_at(&self, progress: f64) -> bool {
        let _ = progress;
        true
    }

    /// Whether there is an α that learns; if not, all training examples are for the weights.
    fn learns_alpha(&self) -> bool {
        true
    }

    /// Whether the mixture is a smooth function of α, and nothing is drawn: then the loss has a
    /// curvature over α.
    fn is_smooth(&self) -> bool {
        false
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

    /// Learns from what networks do with the shared weights, at the end of each epoch of these.
    /// Returns numbers for the log.
    ///
    /// # Errors
    /// If it cannot.
    fn learn(&mut self, score: Score<'_>, rng: &mut Rng) -> Result<Vec<(&'static str, f64)>> {
        let _ = (score, rng);
        Ok(Vec::new())
    }

    /// Takes note of the end of an epoch, counted from 1.
    fn end_epoch(&mut self, alpha: &Alpha, epoch: u32, epochs: u32) {
        let _ = (alpha, epoch, epochs);
    }

    /// What it has learned, by name, for a snapshot.
    ///
    /// # Errors
    /// If the tensor library fails.
    fn state(&self) -> Result<Vec<(String, Tensor)>> {
        Ok(Vec::new())
    }

    /// Goes back to what it had learned. `read` finds a tensor by its name, shaped as another.
    ///
    /// # Errors
    /// If one is of another shape.
    fn restore(&mut self, read: &dyn Fn(&str, &Tensor) -> Result<Option<Tensor>>) -> Result<()> {
        let _ = read;
        Ok(())
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
