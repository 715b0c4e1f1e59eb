//! What is logged of each epoch.

use nascent_record::{Architecture, Signals};

use super::OneShot;
use crate::Result;
use crate::search::gradient::curvature::{Watch, largest_eigenvalue};
use crate::search::gradient::method::{Method, Pair, first_order};
use crate::search::gradient::relaxation::relaxed;
use crate::train::{Batch, Part};

/// What spaces call an option that is a skip connection.
const SKIPS: [&str; 2] = ["skip_connect", "skip"];

impl<M: Method> OneShot<M> {
    /// The architecture that is preferred now, if one is.
    pub(super) fn preferred(&self) -> Result<Option<Architecture>> {
        if self.of_alpha.is_none() {
            return Ok(self.method.preferred());
        }
        let strengths = self.method.strengths(&self.alpha).by_edge();
        relaxed(self.name, &*self.space)?.strongest(&strengths).map(Some)
    }

    /// What an epoch came to.
    pub(super) fn signals(&mut self, train_loss: f64, train_accuracy: f64) -> Result<Signals> {
        let progress = f64::from(self.epochs) / f64::from(self.settings.supernet_epochs);
        let mut rng = self.seed.derive("evaluation", u64::from(self.epochs)).rng();
        let alpha = self.alpha.clone();
        let mix = |method: &M, shared: &mut _| method.mix(&alpha, progress, &mut rng).apply(shared);
        let (valid_loss, valid_accuracy) = self.evaluate(mix, false)?;
        let mut signals = Signals::default()
            .with("train_loss", train_loss)
            .with("train_accuracy", train_accuracy)
            .with("valid_loss", valid_loss)
            .with("valid_accuracy", valid_accuracy);
        for (name, value) in self.method.signals(progress) {
            signals = signals.with(name, value);
        }
        if self.is_watched(progress) {
            let eigenvalue = self.curvature()?;
            signals = signals.with("alpha_eigenvalue", eigenvalue);
            if self.stops_on_collapse(progress)
                && let Some((epoch, alpha)) =
                    self.watch.is_over(self.epochs, eigenvalue, &self.alpha.values)
            {
                self.alpha.values = alpha;
                self.ended = Some(self.epochs);
                signals = signals.with("stopped_with_alpha_of_epoch", f64::from(epoch));
            }
        }
        if let Some(derived) = self.preferred()? {
            let (derived_loss, derived_accuracy) = self.evaluate_one(&derived)?;
            let [skips, free] = self.shares_of(&derived)?;
            signals = signals
                .with("derived_valid_loss", derived_loss)
                .with("derived_valid_accuracy", derived_accuracy)
                .with("discretization_gap", valid_accuracy - derived_accuracy)
                .with("skip_share", skips)
                .with("parameter_free_share", free);
        }
        if self.of_alpha.is_some() {
            signals = signals
                .with("expected_cost", self.expected_cost())
                .with("entropy", self.method.strengths(&self.alpha).entropy());
            for (edge, values) in std::iter::zip(&self.supernet.edges, self.alpha.by_edge()) {
                signals = signals.with_list(format!("alpha.{}", edge.name), values);
            }
            for (number, values) in self.alpha.by_node().enumerate() {
                signals = signals.with_list(format!("beta.{}", number + 1), values);
            }
        }
        Ok(signals)
    }

    /// The shares of the operations of an architecture that are skip connections, and that have no
    /// weights: of those most, poolings, and none.
    fn shares_of(&self, architecture: &Architecture) -> Result<[f64; 2]> {
        let path = relaxed(self.name, &*self.space)?.path(architecture);
        let have_weights = self.shared.have_weights();
        let (mut skips, mut free, mut count) = (0_u32, 0_u32, 0_u32);
        let edges = std::iter::zip(&self.supernet.edges, self.whole.has_operations());
        for ((edge, is_of_operations), option) in std::iter::zip(edges, path) {
            // A width is no operation.
            let Some(at) = option.filter(|_| is_of_operations) else { continue };
            count += 1;
            skips += u32::from(edge.options.get(at).is_some_and(|op| SKIPS.contains(&&**op)));
            free += u32::from(!have_weights[edge.first + at]);
        }
        Ok([skips, free].map(|some| f64::from(some) / f64::from(count.max(1))))
    }

    /// What a network costs on average whose operations are as likely as they are strong, as a share of
    /// the most expensive one. All edges count: where a node takes some of them, it is more than that.
    fn expected_cost(&self) -> f64 {
        let shares = self.method.strengths(&self.alpha).of_each_edge();
        let all = shares.edges().iter().cloned().flatten();
        all.map(|at| shares.values[at] * self.costs[at]).sum()
    }

    /// Whether α learns enough by now, and is to be watched.
    fn stops_on_collapse(&self, progress: f64) -> bool {
        let is_on = self.of_curvature.as_ref().is_some_and(|settings| settings.stop_on_collapse);
        is_on
            && progress > Watch::START
            && self.method.learns_at(progress, self.settings.supernet_epochs)
    }

    /// Whether the curvature of the loss is estimated after this epoch.
    fn is_watched(&self, progress: f64) -> bool {
        let Some(settings) = &self.of_curvature else { return false };
        let every = settings.eigenvalue_every;
        (every > 0 && self.epochs.is_multiple_of(every)) || self.stops_on_collapse(progress)
    }

    /// The largest eigenvalue of the Hessian of the loss over α, of one batch of the examples that α
    /// learns from, each time the same, and from the same first direction.
    fn curvature(&mut self) -> Result<f64> {
        let [_, mut examples] = self.halves(0);
        examples.truncate(self.settings.batch_size);
        let mut batch = Batch::default();
        self.data.batch(Part::Train, &examples, None, &mut batch);
        let progress = f64::from(self.epochs) / f64::from(self.settings.supernet_epochs);
        let seed = self.seed.derive("curvature", 0);
        let (alpha, size) = (self.alpha.clone(), self.alpha.values.len());
        largest_eigenvalue(size, &mut seed.rng(), |moved| {
            let values = std::iter::zip(&alpha.values, moved).map(|(at, by)| at + by).collect();
            let mixture = self.method.mix(&alpha.with(values), progress, &mut seed.rng());
            let pair = Pair { weights: &batch, alpha: &batch };
            first_order(&self.method, &mut self.shared, &mixture, &pair, seed)
        })
    }
}
