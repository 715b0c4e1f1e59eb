//! A program: its memory, and its steps forward and backward.

use std::ops::Range;

use nascent_ops::layout::pack;
use nascent_ops::simd::lanes;
use rayon::prelude::*;

use super::Mode;
use super::compile::compile;
use super::drop_path::{drop_path, drop_path_back};
use super::features::{Features, Linear};
use super::halving::{halving, halving_back};
use super::images::Images;
use super::join::{Coefficients, concat, concat_back, join, join_back, zero};
use super::mask::{mask, mask_back};
use super::norm::NormState;
use super::rows::{activation, activation_back};
use super::select::{select, select_back};
use super::step::{Norm, Place, Step, Steps};
use super::windowed::{
    average_pool, average_pool_back, convolution, convolution_back, depthwise, depthwise_back,
    max_pool, max_pool_back,
};
use crate::Result;
use crate::nn::Model;
use crate::train::update::Weights;

/// A network that is ready to be trained on the CPU.
pub(crate) struct Program {
    steps: Steps,
    /// The most examples at a time.
    batch: usize,
    images: Images,
    features: Features,
    norms: Vec<NormState>,
    coefficients: Coefficients,
    /// For each block, for each channel, two sums; or for each feature.
    sums: Vec<[f64; 2]>,
    /// The normalized examples of a batch.
    examples: Vec<f32>,
    /// What the channels of an example are multiplied with and what is added then.
    input: Vec<[f32; 2]>,
}

impl Program {
    /// The program of a model, for up to `batch` examples at a time; `None` if it has something that
    /// programs lack.
    ///
    /// # Errors
    /// If its tensors cannot be read.
    pub(crate) fn new(model: &Model, batch: usize) -> Result<Option<Self>> {
        let Some((trace, output)) = model.trace() else { return Ok(None) };
        let steps = compile(&trace, output, model.parameters())?;
        let lanes = lanes::<f32>();
        let blocks = batch.div_ceil(lanes);
        let shapes = (steps.planes.clone(), steps.parts.clone());
        let images = Images::new(shapes, steps.slots.clone(), &steps.memory, lanes, blocks);
        let channels = steps.planes.iter().map(|planes| planes.channels).max().unwrap_or(0);
        let norms = steps.norms.iter().map(NormState::new).collect::<Result<_>>()?;
        let coefficients = Coefficients {
            values: vec![1.0; steps.coefficients],
            gradients: vec![0.0; steps.coefficients],
        };
        let widest = steps.norms.iter().map(|norm| norm.channels).max().unwrap_or(0);
        Ok(Some(Self {
            batch,
            images,
            features: Features::new(&steps.rows, batch, channels),
            norms,
            coefficients,
            sums: vec![[0.0; 2]; widest.max(blocks * channels)],
            examples: vec![0.0; batch * model.input_shape().iter().product::<usize>()],
            input: model.input_scale_shift()?,
            steps,
        }))
    }

    /// The bytes that the program of a model needs for batches of this size, beside the weights;
    /// `None` if there is none.
    ///
    /// # Errors
    /// If its tensors cannot be read.
    pub(crate) fn bytes(model: &Model, batch: usize) -> Result<Option<usize>> {
        let Some((trace, output)) = model.trace() else { return Ok(None) };
        let steps = compile(&trace, output, model.parameters())?;
        let images = Images::bytes(&steps.memory, lanes::<f32>(), batch);
        let widths = 2 * steps.rows.iter().sum::<usize>();
        let numbers = batch * (widths + model.input_shape().iter().product::<usize>());
        let convolutions = steps.steps.iter().filter_map(|step| match step {
            Step::Convolution(step) => Some(step.kernel.forward.scratch_lens::<f32>()),
            _ => None,
        });
        let scratch =
            convolutions.fold((0, 0), |(a, b), (weights, sums)| (a.max(weights), b.max(sums)));
        Ok(Some(images + (numbers + scratch.0 + scratch.1) * size_of::<f32>()))
    }

    /// The most examples at a time.
    pub(crate) fn batch(&self) -> usize {
        self.batch
    }

    /// The examples of the last forward pass.
    pub(crate) fn examples(&self) -> usize {
        self.features.count
    }

    /// The coefficients of a supernet: what one of them multiplies is not computed while it is 0.
    pub(crate) fn coefficients(&mut self) -> &mut [f32] {
        &mut self.coefficients.values
    }

    /// How many weights stay as they are: scales and shifts of what coefficients multiply.
    pub(crate) fn frozen(&self) -> usize {
        let norms = self.steps.frozen.iter().map(|norm| &self.steps.norms[*norm]);
        norms.map(|norm| norm.scale.len() + norm.shift.len()).sum()
    }

    /// The gradients of the coefficients, from the last backward pass; 0 for those that are 0.
    pub(crate) fn coefficient_gradients(&self) -> &[f64] {
        &self.coefficients.gradients
    }

    /// Takes what inputs are normalized with.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn load_input(&mut self, model: &Model) -> Result<()> {
        self.input = model.input_scale_shift()?;
        Ok(())
    }

    /// Takes the running statistics of the model.
    ///
    /// # Errors
    /// If they cannot be read.
    pub(crate) fn load_statistics(&mut self) -> Result<()> {
        self.norms = self.steps.norms.iter().map(NormState::new).collect::<Result<_>>()?;
        Ok(())
    }

    /// Where each parameter is among the weights; none for those that nothing depends on.
    pub(crate) fn parameters(&self) -> &[Option<Range<usize>>] {
        &self.steps.parameters
    }

    /// Gives the running statistics to the model.
    ///
    /// # Errors
    /// If the tensor library fails.
    pub(crate) fn save_statistics(&self) -> Result<()> {
        for (norm, state) in std::iter::zip(&self.steps.norms, &self.norms) {
            for (var, values) in
                [(&norm.mean, &state.running_mean), (&norm.variance, &state.running_variance)]
            {
                let values = values.clone();
                let len = values.len();
                var.set(&candle_core::Tensor::from_vec(values, len, var.device())?)?;
            }
        }
        Ok(())
    }

    /// Takes examples in, normalized.
    fn load(&mut self, examples: &[f32]) {
        let Self { steps, images, features, examples: normalized, input, batch, .. } = self;
        let size = normalized.len() / (*batch).max(1);
        let count = examples.len() / size;
        let per_channel = size / input.len();
        let target = match steps.input {
            Place::Image(_) => &mut normalized[..examples.len()],
            Place::Rows(rows) => &mut features.rows[rows.0][..examples.len()],
        };
        let channels = std::iter::zip(
            target.chunks_exact_mut(per_channel),
            examples.chunks_exact(per_channel),
        );
        for ((target, values), [scale, shift]) in channels.zip(input.iter().cycle()) {
            for (target, value) in std::iter::zip(target, values) {
                *target = value * scale + shift;
            }
        }
        images.begin(count);
        features.count = count;
        if let Place::Image(image) = steps.input {
            let planes = images.planes(image);
            let block_len = images.block_len(image);
            images.write(image, |_, image| {
                let blocks = image.par_chunks_exact_mut(block_len);
                let examples = normalized[..examples.len()].par_chunks(size * lanes::<f32>());
                blocks.zip(examples).for_each(|(block, examples)| pack(examples, planes, block));
            });
        }
    }

    /// Computes the logits, `[examples, classes]`, of examples one after the other.
    pub(crate) fn forward(&mut self, weights: &Weights, examples: &[f32], mode: Mode) -> &[f32] {
        self.load(examples);
        let Self { steps, images, features, norms, coefficients, sums, .. } = self;
        let (weights, count) = (weights.values(), features.count);
        let (mut rng, progress, needed) = match mode {
            Mode::Train { seed, progress } => (Some(seed.rng()), progress, steps.steps.len()),
            Mode::Calibrate { .. } | Mode::Evaluate => (None, 0.0, steps.main),
        };
        let share = mode.share();
        for (step, (owner, _)) in std::iter::zip(&mut steps.steps[..needed], &steps.owners) {
            if coefficients.leave_out(*owner) {
                continue;
            }
            match step {
                Step::Convolution(step) => convolution(step, images, weights),
                Step::Depthwise(step) => depthwise(step, images, weights),
                Step::Halving(step) => halving(step, images, weights),
                Step::Select(step) => select(step, images),
                Step::Mask(step) => mask(step, images, coefficients),
                Step::DropPath(step) => {
                    drop_path(step, images, count, rng.as_mut().map(|rng| (rng, progress)));
                }
                Step::AveragePool(step) => average_pool(step, images),
                Step::MaxPool(step) => max_pool(step, images),
                Step::Join(step) => {
                    join(
                        step,
                        images,
                        (weights, coefficients),
                        (&steps.norms, norms),
                        sums,
                        (count, share),
                    );
                }
                Step::Concat { xs, y, .. } => concat(xs, *y, images),
                Step::GlobalAverage { x, y, .. } => features.global_average(*x, *y, images),
                Step::Flatten { x, y, .. } => features.flatten(*x, *y, images),
                Step::Linear { x, y, weight, bias, .. } => features.linear(&Linear {
                    x: *x,
                    y: *y,
                    weights: &weights[weight.clone()],
                    bias: &weights[bias.clone()],
                }),
                Step::Activation { x, y, kind } => {
                    features.compute(*x, *y, |x, y| activation(*kind, x, y));
                }
                Step::NormRows { x, y, norm } => {
                    let (of, state) = (&steps.norms[*norm], &mut norms[*norm]);
                    let (scale, shift) = (&weights[of.scale.clone()], &weights[of.shift.clone()]);
                    let sums = &mut sums[..of.channels];
                    features.batch_norm((*x, *y), state, (scale, shift), sums, share);
                }
                Step::LayerNorm { x, y, scale, shift } => {
                    let (scale, shift) = (&weights[scale.clone()], &weights[shift.clone()]);
                    features.layer_norm(*x, *y, scale, shift);
                }
                Step::Dropout { x, y, mask, rate } => {
                    features.dropout(*x, *y, *mask, rng.as_mut().map(|rng| (rng, *rate)));
                }
            }
        }
        features.get(steps.output)
    }

    /// The auxiliary logits, `[examples, classes]`, of the last forward pass in training, if the
    /// network has some.
    pub(crate) fn auxiliary(&self) -> Option<&[f32]> {
        self.steps.auxiliary.map(|logits| self.features.get(logits))
    }

    /// Sets the gradients of the auxiliary logits for the backward pass, if the network has some.
    pub(crate) fn set_auxiliary_gradient(&mut self, for_logits: &[f32]) {
        if let Some(logits) = self.steps.auxiliary {
            self.features.set_gradient(logits, for_logits);
        }
    }

    /// Computes the gradients of all weights from those of the logits of the last forward pass, which
    /// was one in training.
    pub(crate) fn backward(&mut self, weights: &mut Weights, for_logits: &[f32]) {
        let Self { steps, images, features, norms, coefficients, sums, .. } = self;
        let (weights, gradients) = weights.values_and_gradients();
        coefficients.gradients.fill(0.0);
        if coefficients.values.contains(&0.0) {
            // What is left out writes none.
            gradients.fill(0.0);
        }
        features.set_gradient(steps.output, for_logits);
        for (step, (owner, zeros)) in std::iter::zip(&steps.steps, &steps.owners).rev() {
            if coefficients.leave_out(*owner) {
                for image in zeros {
                    zero(images, *image);
                }
                continue;
            }
            match step {
                Step::Convolution(step) => {
                    convolution_back(step, images, weights, gradients);
                }
                Step::Depthwise(step) => depthwise_back(step, images, weights, gradients),
                Step::Halving(step) => halving_back(step, images, weights, gradients),
                Step::Select(step) => select_back(step, images),
                Step::Mask(step) => mask_back(step, images, coefficients, sums),
                Step::DropPath(step) => drop_path_back(step, images),
                Step::AveragePool(step) => average_pool_back(step, images),
                Step::MaxPool(step) => max_pool_back(step, images),
                Step::Join(step) => {
                    let (weights, norms) =
                        ((weights, &mut *gradients), (&steps.norms[..], &mut norms[..]));
                    join_back(step, images, weights, coefficients, norms, sums, features.count);
                }
                Step::Concat { xs, dy, .. } => concat_back(xs, *dy, images),
                Step::GlobalAverage { x, y, dx } => {
                    features.global_average_back(*x, *y, *dx, images);
                }
                Step::Flatten { y, dx, .. } => features.flatten_back(*y, *dx, images),
                Step::Linear { x, y, weight, bias, is_first } => {
                    // Weights and biases lie one after the other.
                    let (before, behind) = gradients.split_at_mut(bias.start);
                    let targets = (&mut before[weight.clone()], &mut behind[..bias.len()]);
                    let (weights, bias) = (&weights[weight.clone()], &weights[bias.clone()]);
                    let linear = Linear { x: *x, y: *y, weights, bias };
                    features.linear_back(&linear, targets, *is_first);
                }
                Step::Activation { x, y, kind } => {
                    features.differentiate(*x, *y, |pass, dx| activation_back(*kind, pass, dx));
                }
                Step::NormRows { x, y, norm } => {
                    let (of, state) = (&steps.norms[*norm], &mut norms[*norm]);
                    let (before, behind) = gradients.split_at_mut(of.shift.start);
                    let targets = (&mut before[of.scale.clone()], &mut behind[..of.channels]);
                    let scale = &weights[of.scale.clone()];
                    let sums = &mut sums[..of.channels];
                    features.batch_norm_back((*x, *y), state, scale, targets, sums);
                }
                Step::LayerNorm { x, y, scale, shift } => {
                    let (before, behind) = gradients.split_at_mut(shift.start);
                    let targets = (&mut before[scale.clone()], &mut behind[..shift.len()]);
                    features.layer_norm_back(*x, *y, &weights[scale.clone()], targets);
                }
                Step::Dropout { x, y, mask, .. } => features.dropout_back(*x, *y, *mask),
            }
        }
        for norm in &steps.frozen {
            let Norm { scale, shift, .. } = &steps.norms[*norm];
            gradients[scale.clone()].fill(0.0);
            gradients[shift.clone()].fill(0.0);
        }
    }
}
