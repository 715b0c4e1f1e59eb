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

    /// Mixes operations so. What passes by operations counts in full, where the mixture does not say
    /// how much it is to count.
    ///
    /// # Errors
    /// If the coefficients do not fit.
    pub(super) fn apply(&self, shared: &mut SharedWeights) -> Result<()> {
        let mut coefficients = self.coefficients();
        coefficients.resize(shared.coefficients().max(coefficients.len()), 1.0);
        shared.set_coefficients(&coefficients)
    }

    /// What the operations are multiplied with.
    fn coefficients(&self) -> Vec<f32> {
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
    /// operations, when so many of all epochs are done.
    fn parts(&self, epochs: u32, of: u32) -> usize {
        let _ = (epochs, of);
        1
    }

    /// Whether the edges of a node have a weight each, which is learned as α is, where channels are
    /// divided.
    fn weighs_edges(&self) -> bool {
        false
    }

    /// What α is at first, from small numbers that were drawn.
    fn first_alpha(&self, drawn: Alpha) -> Alpha {
        drawn
    }

    /// How much of its moments Adam keeps for α.
    fn betas(&self) -> [f64; 2] {
        [0.5, 0.999]
    }

    /// Whether α learns when this part of so many epochs is done.
    fn learns_at(&self, progress: f64, epochs: u32) -> bool {
        let _ = (progress, epochs);
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

    /// How many architectures are compared each time.
    fn compared(&self) -> usize {
        0
    }

    /// The architecture to compare next, which has this number among them; those that were compared
    /// before come with it, the best first. It is asked again where one was there before, or breaks a
    /// constraint; `None`, if it would not be another one.
    fn candidate(&self, scored: &[Scored], number: usize, rng: &mut Rng) -> Option<Architecture> {
        let _ = (scored, number, rng);
        None
    }

    /// From how many batches of training examples the statistics of normalizations are taken for each
    /// architecture that is compared; 0, if those of each batch are used.
    fn calibration(&self) -> usize {
        0
    }

    /// The gradient of the loss for α.
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

    /// The gradient of what α pays beside the loss, if it does.
    fn penalty(&self, alpha: &Alpha) -> Option<Vec<f64>> {
        let _ = alpha;
        None
    }

    /// Puts α right behind a step, before which it had these values.
    fn settle(&self, before: &[f64], alpha: &mut Alpha) {
        let _ = (before, alpha);
    }

    /// How strong each operation is: what architectures are derived from.
    fn strengths(&self, alpha: &Alpha) -> Alpha {
        alpha.softmax(1.0)
    }

    /// How the strength of each operation moves with its own α, where the sum of those of its edge
    /// stays, if they sum to 1.
    fn slopes(&self, alpha: &Alpha) -> Vec<f64> {
        self.strengths(alpha).of_each_edge().values
    }

    /// The gradient of what the operations cost on average, if they are as likely as they are strong:
    /// for each edge `Σ_o p_o c_o`, with `∂/∂α_o = (∂s_o / ∂α_o) (c_o - Σ p c) / Σ s`.
    fn price_gradient(&self, alpha: &Alpha, costs: &[f64]) -> Vec<f64> {
        let shares = self.strengths(alpha).of_each_edge();
        let mut gradient = self.slopes(alpha);
        gradient.resize(alpha.values.len(), 0.0);
        let mut is_of_edge = vec![false; gradient.len()];
        for edge in shares.edges() {
            let of_edge = std::iter::zip(&shares.values[edge.clone()], &costs[edge.clone()]);
            let mean: f64 = of_edge.map(|(share, cost)| share * cost).sum();
            for at in edge.clone() {
                gradient[at] *= costs[at] - mean;
                is_of_edge[at] = true;
            }
        }
        // What weighs edges has no price.
        for (gradient, _) in std::iter::zip(&mut gradient, is_of_edge).filter(|(_, is)| !is) {
            *gradient = 0.0;
        }
        gradient
    }

    /// The architecture that is likeliest to be drawn, where there is no α and it is known.
    fn preferred(&self) -> Option<Architecture> {
        None
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

/// The gradient of the loss for α at the present weights.
pub(super) fn first_order<M: Method + ?Sized>(
    method: &M,
    shared: &mut SharedWeights,
    mixture: &Mixture,
    pair: &Pair<'_>,
    seed: Seed,
) -> Result<Vec<f64>> {
    mixture.apply(shared)?;
    shared.forward(pair.alpha, seed);
    shared.backward();
    Ok(method.differentiate(mixture, &shared.coefficient_gradients()))
}
