//! The steps, forward and backward.

use nascent_ops::convolution::Scratch;
use nascent_ops::kernel::Write;
use nascent_ops::kernel::rows::{
    AddScaled, ChannelMeans, GradientMoments, Join as JoinKernel, Moments, NormalizedGradient,
    PositiveGradient, Source, Spread, Target, Term as JoinTerm,
};
use nascent_ops::kernel::depthwise::{
    Depthwise, InputGradient as DepthwiseGradient, WeightGradient as DepthwiseWeights,
};
use nascent_ops::kernel::pool::{
    AverageGradient, AveragePool, Divisor, MaxGradient, MaxPool, Pooling,
};
use nascent_ops::kernel::sum_lanes;
use nascent_ops::layout::{Buffer, Planes, pack, unpack, with_scratch};
use nascent_ops::matrix::{Matrix, add_rows, fill_rows, multiply};
use nascent_ops::simd::{dispatch, lanes};
use nascent_ops::windows::Windows;
use rayon::prelude::*;

use super::compile::{Image, Join, Norm, Place, Step, Steps, compile};
use super::images::Images;
use crate::Result;
use crate::nn::{EPSILON, Model, NORM_MOMENTUM};
use crate::train::update::Weights;

/// A network that is ready to be trained on the CPU.
pub(crate) struct Program {
    steps: Steps,
    /// The most examples at a time.
    batch: usize,
    /// The examples of the last forward pass.
    count: usize,
    images: Images,
    rows: Vec<Vec<f32>>,
    row_gradients: Vec<Vec<f32>>,
    norms: Vec<NormState>,
    scratch: Scratch<f32>,
    /// For each block, for each channel, two sums.
    sums: Vec<[f64; 2]>,
    /// For each block, for each channel, a vector.
    means: Vec<f32>,
    /// The normalized examples of a batch.
    examples: Vec<f32>,
    /// What the channels of an example are multiplied with and what is added then.
    input: Vec<[f32; 2]>,
}

/// What a batch normalization has at the moment.
struct NormState {
    running_mean: Vec<f32>,
    running_variance: Vec<f32>,
    mean: Vec<f64>,
    inverse: Vec<f64>,
    scale_shift: Vec<[f32; 2]>,
    factors: Vec<[f32; 3]>,
}

/// Whether batches are trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Normalization by the batch.
    Train,
    /// Normalization by running statistics.
    Evaluate,
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
        let images = Images::new(
            steps.planes.clone(),
            steps.slots.clone(),
            &steps.memory,
            lanes,
            blocks,
        );
        let rows: Vec<Vec<f32>> = steps.rows.iter().map(|width| vec![0.0; batch * width]).collect();
        let channels = steps.planes.iter().map(|planes| planes.channels).max().unwrap_or(0);
        let norms = steps.norms.iter().map(NormState::new).collect::<Result<_>>()?;
        Ok(Some(Self {
            batch,
            count: 0,
            images,
            row_gradients: rows.clone(),
            rows,
            norms,
            scratch: Scratch::new(),
            sums: vec![[0.0; 2]; blocks * channels],
            means: vec![0.0; blocks * channels * lanes],
            examples: vec![0.0; batch * model.input_shape().iter().product::<usize>()],
            input: model.input_scale_shift()?,
            steps,
        }))
    }

    /// The most examples at a time.
    pub(crate) fn batch(&self) -> usize {
        self.batch
    }

    /// The examples of the last forward pass.
    pub(crate) fn examples(&self) -> usize {
        self.count
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
    pub(crate) fn parameters(&self) -> &[Option<std::ops::Range<usize>>] {
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

    /// Computes the logits, `[examples, classes]`, of examples one after the other.
    pub(crate) fn forward(&mut self, weights: &Weights, examples: &[f32], mode: Mode) -> &[f32] {
        let count = self.load(examples);
        self.count = count;
        let Self { steps, images, rows, norms, scratch, sums, means, .. } = self;
        let weights = weights.values();
        for step in &steps.steps {
            match step {
                Step::Convolution(step) => {
                    let kernel = &weights[step.weight.clone()];
                    images.write(step.y, |images, y| {
                        step.kernel.forward(images.get(step.x), kernel, y, Write::Set, scratch);
                    });
                }
                Step::Depthwise(step) => {
                    let (kernel, window) = (&weights[step.weight.clone()], step.kernel);
                    let from = images.planes(step.x);
                    write_blocks(images, step.y, |images, block, Target { data, planes: to }| {
                        let input = block_of(images, step.x, block).data;
                        let (weights, output, write) = (kernel, data, Write::Set);
                        dispatch(Depthwise { input, from, weights, output, to, window, write });
                    });
                }
                Step::AveragePool(step) => {
                    let (from, pooling) = (images.planes(step.x), pooling(step.kernel));
                    write_blocks(images, step.y, |images, block, Target { data, planes: to }| {
                        let input = block_of(images, step.x, block).data;
                        let (output, divisor, write) = (data, Divisor::Inside, Write::Set);
                        with_scratch(row_len(from), |scratch| {
                            dispatch(AveragePool {
                                input,
                                from,
                                output,
                                to,
                                pooling,
                                divisor,
                                write,
                                scratch,
                            });
                        });
                    });
                }
                Step::MaxPool(step) => {
                    let (from, pooling) = (images.planes(step.x), pooling(step.kernel));
                    write_blocks(images, step.y, |images, block, Target { data, planes: to }| {
                        let input = block_of(images, step.x, block).data;
                        let (output, write) = (data, Write::Set);
                        with_scratch(row_len(from), |scratch| {
                            dispatch(MaxPool { input, from, output, to, pooling, write, scratch });
                        });
                    });
                }
                Step::Concat { xs, y, .. } => {
                    let mut first = 0;
                    for (x, _) in xs {
                        let channels = images.planes(*x).channels;
                        write_blocks(images, *y, |images, block, target| {
                            let source = block_of(images, *x, block);
                            let target = part_of(target, first, channels);
                            dispatch(AddScaled { source, target, factor: 1.0, write: Write::Set });
                        });
                        first += channels;
                    }
                }
                Step::Join(join) => {
                    for term in &join.terms {
                        if let Some(norm) = term.norm {
                            let (of, state) = (&steps.norms[norm], &mut norms[norm]);
                            let (scale, shift) =
                                (&weights[of.scale.clone()], &weights[of.shift.clone()]);
                            if mode == Mode::Train {
                                let pixels = moments(images, term.x, sums) * count as f64;
                                state.observe(&sums[..of.channels], pixels);
                                state.normalize_by_batch(scale, shift);
                            } else {
                                state.normalize_by_running(scale, shift);
                            }
                        }
                    }
                    join_forward(join, images, norms);
                }
                Step::GlobalAverage { x, y, .. } => {
                    channel_means(images, *x, means);
                    let channels = images.planes(*x).channels;
                    let lanes = lanes::<f32>();
                    for (example, row) in rows[y.0].chunks_mut(channels).take(count).enumerate() {
                        let block = &means[example / lanes * channels * lanes..];
                        for (channel, value) in row.iter_mut().enumerate() {
                            *value = block[channel * lanes + example % lanes];
                        }
                    }
                }
                Step::Linear { x, y, weight, bias, .. } => {
                    let (inputs, outputs) = (steps.rows[x.0], steps.rows[y.0]);
                    let mut target = std::mem::take(&mut rows[y.0]);
                    let matrix = Matrix::new(&weights[weight.clone()], outputs, inputs);
                    let x = Matrix::new(&rows[x.0][..count * inputs], count, inputs);
                    let y_rows = &mut target[..count * outputs];
                    fill_rows(&weights[bias.clone()], y_rows);
                    multiply(x, matrix.transposed(), 1.0, y_rows);
                    rows[y.0] = target;
                }
                Step::PositiveRows { x, y } => {
                    let mut target = std::mem::take(&mut rows[y.0]);
                    for (target, value) in std::iter::zip(&mut target, &rows[x.0]) {
                        *target = value.max(0.0);
                    }
                    rows[y.0] = target;
                }
                Step::Flatten { x, y, .. } => {
                    let (width, planes) = (steps.rows[y.0], images.planes(*x));
                    let rows = rows[y.0][..count * width].par_chunks_mut(width * lanes::<f32>());
                    rows.enumerate().for_each(|(block, rows)| {
                        unpack(block_of(images, *x, block).data, planes, rows);
                    });
                }
            }
        }
        let output = steps.output;
        &rows[output.0][..count * steps.rows[output.0]]
    }

    /// Takes examples in, normalized. Returns how many.
    fn load(&mut self, examples: &[f32]) -> usize {
        let Self { steps, images, rows, examples: normalized, input, batch, .. } = self;
        let size = normalized.len() / (*batch).max(1);
        let count = examples.len() / size;
        let per_channel = size / input.len();
        let target = match steps.input {
            Place::Image(_) => &mut normalized[..examples.len()],
            Place::Rows(rows_of) => &mut rows[rows_of.0][..examples.len()],
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
        if let Place::Image(image) = steps.input {
            let planes = images.planes(image);
            let block_len = images.block_len(image);
            images.write(image, |_, image| {
                let blocks = image.par_chunks_exact_mut(block_len);
                let examples = normalized[..examples.len()].par_chunks(size * lanes::<f32>());
                blocks.zip(examples).for_each(|(block, examples)| pack(examples, planes, block));
            });
        }
        count
    }

    /// Computes the gradients of all weights from those of the logits of the last forward pass.
    pub(crate) fn backward(&mut self, weights: &mut Weights, for_logits: &[f32]) {
        let Self { steps, images, rows, row_gradients, norms, scratch, sums, means, .. } = self;
        let (weights, gradients) = weights.values_and_gradients();
        let width = steps.rows[steps.output.0];
        let count = for_logits.len() / width.max(1);
        row_gradients[steps.output.0][..for_logits.len()].copy_from_slice(for_logits);
        for step in steps.steps.iter().rev() {
            match step {
                Step::Convolution(step) => {
                    let Some(dy) = step.dy else { continue };
                    let for_weights = &mut gradients[step.weight.clone()];
                    let (x, gradient) = (images.get(step.x), images.get(dy));
                    step.kernel.weight_gradient(x, gradient, for_weights, scratch);
                    if let Some((dx, write)) = step.dx {
                        let kernel = &weights[step.weight.clone()];
                        images.write(dx, |images, dx| {
                            step.kernel.input_gradient(images.get(dy), kernel, dx, write, scratch);
                        });
                    }
                }
                Step::Depthwise(step) => {
                    let Some(dy) = step.dy else { continue };
                    let window = step.kernel;
                    let (from, to) = (images.planes(step.x), images.planes(dy));
                    let target = &mut gradients[step.weight.clone()];
                    let len = target.len() * lanes::<f32>();
                    let sums = scratch.sums(images.blocks * len);
                    sums.fill(0.0);
                    sums.par_chunks_exact_mut(len).enumerate().for_each(|(block, sums)| {
                        let input = block_of(images, step.x, block).data;
                        let gradient = block_of(images, dy, block).data;
                        dispatch(DepthwiseWeights { input, from, gradient, to, window, sums });
                    });
                    let (first, rest) = sums.split_at_mut(len);
                    for other in rest.chunks_exact(len) {
                        for (sum, other) in std::iter::zip(&mut *first, other) {
                            *sum += other;
                        }
                    }
                    sum_lanes(first, target);
                    if let Some((dx, write)) = step.dx {
                        let weights = &weights[step.weight.clone()];
                        write_blocks(images, dx, |images, block, Target { data, planes }| {
                            let gradient = block_of(images, dy, block).data;
                            let (output, from, to) = (data, to, planes);
                            dispatch(DepthwiseGradient {
                                gradient,
                                from,
                                weights,
                                output,
                                to,
                                window,
                                write,
                            });
                        });
                    }
                }
                Step::AveragePool(step) => {
                    let (Some(dy), Some((dx, write))) = (step.dy, step.dx) else { continue };
                    let (from, pooling) = (images.planes(dy), pooling(step.kernel));
                    write_blocks(images, dx, |images, block, Target { data, planes: to }| {
                        let gradient = block_of(images, dy, block).data;
                        let (output, divisor) = (data, Divisor::Inside);
                        with_scratch(row_len(from), |scratch| {
                            dispatch(AverageGradient {
                                gradient,
                                from,
                                output,
                                to,
                                pooling,
                                divisor,
                                write,
                                scratch,
                            });
                        });
                    });
                }
                Step::MaxPool(step) => {
                    let (Some(dy), Some((dx, write))) = (step.dy, step.dx) else { continue };
                    let (from, pooling) = (images.planes(dy), pooling(step.kernel));
                    write_blocks(images, dx, |images, block, Target { data, planes: to }| {
                        let input = block_of(images, step.x, block).data;
                        let maxima = block_of(images, step.y, block).data;
                        let gradient = block_of(images, dy, block).data;
                        let output = data;
                        dispatch(MaxGradient {
                            input,
                            maxima,
                            gradient,
                            from,
                            output,
                            to,
                            pooling,
                            write,
                        });
                    });
                }
                Step::Concat { xs, dy, .. } => {
                    let Some(dy) = *dy else { continue };
                    let mut first = 0;
                    for (x, dx) in xs {
                        let channels = images.planes(*x).channels;
                        if let Some((dx, write)) = *dx {
                            write_blocks(images, dx, |images, block, target| {
                                let source = channels_of(block_of(images, dy, block), first, channels);
                                dispatch(AddScaled { source, target, factor: 1.0, write });
                            });
                        }
                        first += channels;
                    }
                }
                Step::Join(join) => {
                    let Some(total) = join.total else { continue };
                    gather_gradient(join, images);
                    for term in &join.terms {
                        let Some(norm) = term.norm else {
                            if let Some(dx) = term.dx {
                                add(images, total, dx);
                            }
                            continue;
                        };
                        let (of, state) = (&steps.norms[norm], &mut norms[norm]);
                        let pixels = gradient_moments(images, total, term.x, sums) * count as f64;
                        let scale = &weights[of.scale.clone()];
                        let for_scale = &mut gradients[of.scale.clone()];
                        state.differentiate(&sums[..of.channels], pixels, scale, for_scale);
                        for (target, [sum, _]) in
                            std::iter::zip(&mut gradients[of.shift.clone()], &*sums)
                        {
                            *target = *sum as f32;
                        }
                        if let Some((dx, write)) = term.dx {
                            normalized_gradient(images, total, term.x, &state.factors, dx, write);
                        }
                    }
                }
                Step::GlobalAverage { x, y, dx } => {
                    let Some((dx, write)) = *dx else { continue };
                    let planes = images.planes(*x);
                    let (channels, lanes) = (planes.channels, lanes::<f32>());
                    means[..images.blocks * channels * lanes].fill(0.0);
                    let gradients = row_gradients[y.0].chunks(channels).take(count);
                    for (example, row) in gradients.enumerate() {
                        let block = &mut means[example / lanes * channels * lanes..];
                        for (channel, value) in row.iter().enumerate() {
                            block[channel * lanes + example % lanes] = *value;
                        }
                    }
                    let factor = 1.0 / (planes.height * planes.width) as f32;
                    let block_len = images.block_len(dx);
                    images.write(dx, |images, dx| {
                        let planes = images.planes(*x);
                        let blocks = dx.par_chunks_exact_mut(block_len);
                        blocks.zip(means.par_chunks(channels * lanes)).for_each(
                            |(data, values)| {
                                let target = Target { data, planes };
                                dispatch(Spread { values, factor, target, write });
                            },
                        );
                    });
                }
                Step::Linear { x, y, weight, bias, is_first } => {
                    let (inputs, outputs) = (steps.rows[x.0], steps.rows[y.0]);
                    let dy = &row_gradients[y.0][..count * outputs];
                    add_rows(dy, &mut gradients[bias.clone()]);
                    let dy = Matrix::new(dy, count, outputs);
                    let values = Matrix::new(&rows[x.0][..count * inputs], count, inputs);
                    multiply(dy.transposed(), values, 0.0, &mut gradients[weight.clone()]);
                    if !is_first {
                        let mut target = std::mem::take(&mut row_gradients[x.0]);
                        let matrix = Matrix::new(&weights[weight.clone()], outputs, inputs);
                        let dy = Matrix::new(
                            &row_gradients[y.0][..count * outputs],
                            count,
                            outputs,
                        );
                        multiply(dy, matrix, 0.0, &mut target[..count * inputs]);
                        row_gradients[x.0] = target;
                    }
                }
                Step::PositiveRows { x, y } => {
                    let mut target = std::mem::take(&mut row_gradients[x.0]);
                    let values = std::iter::zip(&rows[y.0], &row_gradients[y.0]);
                    for (target, (positive, gradient)) in std::iter::zip(&mut target, values) {
                        *target = if *positive > 0.0 { *gradient } else { 0.0 };
                    }
                    row_gradients[x.0] = target;
                }
                Step::Flatten { y, dx, .. } => {
                    let Some((dx, write)) = *dx else { continue };
                    let width = steps.rows[y.0] * lanes::<f32>();
                    let gradient = &row_gradients[y.0][..count * steps.rows[y.0]];
                    write_blocks(images, dx, |_, block, Target { data, planes }| {
                        let rows = &gradient[block * width..];
                        let rows = &rows[..rows.len().min(width)];
                        match write {
                            Write::Set => pack(rows, planes, data),
                            Write::Add => {
                                let mut packed = Buffer::zeros(data.len());
                                pack(rows, planes, packed.as_mut_slice());
                                let source = Source { data: packed.as_slice(), planes };
                                let target = Target { data, planes };
                                dispatch(AddScaled { source, target, factor: 1.0, write });
                            }
                        }
                    });
                }
            }
        }
    }
}

impl NormState {
    fn new(norm: &Norm) -> Result<Self> {
        let channels = norm.channels;
        Ok(Self {
            running_mean: norm.mean.flatten_all()?.to_vec1()?,
            running_variance: norm.variance.flatten_all()?.to_vec1()?,
            mean: vec![0.0; channels],
            inverse: vec![0.0; channels],
            scale_shift: vec![[0.0; 2]; channels],
            factors: vec![[0.0; 3]; channels],
        })
    }

    /// Takes in the sums of a batch, and of its squares, over `n` pixels of a channel.
    fn observe(&mut self, sums: &[[f64; 2]], n: f64) {
        for (channel, [sum, squares]) in sums.iter().enumerate() {
            let mean = sum / n;
            let variance = (squares / n - mean * mean).max(0.0);
            self.mean[channel] = mean;
            self.inverse[channel] = 1.0 / (variance + EPSILON).sqrt();
            let unbiased = variance * n / (n - 1.0).max(1.0);
            let follow = |running: &mut f32, new: f64| {
                let kept = f64::from(*running) * (1.0 - NORM_MOMENTUM);
                *running = (kept + new * NORM_MOMENTUM) as f32;
            };
            follow(&mut self.running_mean[channel], mean);
            follow(&mut self.running_variance[channel], unbiased);
        }
    }

    fn normalize_by_batch(&mut self, scale: &[f32], shift: &[f32]) {
        for (channel, target) in self.scale_shift.iter_mut().enumerate() {
            let factor = f64::from(scale[channel]) * self.inverse[channel];
            let offset = f64::from(shift[channel]) - self.mean[channel] * factor;
            *target = [factor as f32, offset as f32];
        }
    }

    fn normalize_by_running(&mut self, scale: &[f32], shift: &[f32]) {
        for (channel, target) in self.scale_shift.iter_mut().enumerate() {
            let deviation = (f64::from(self.running_variance[channel]) + EPSILON).sqrt();
            let factor = f64::from(scale[channel]) / deviation;
            let mean = f64::from(self.running_mean[channel]);
            *target = [factor as f32, (f64::from(shift[channel]) - mean * factor) as f32];
        }
    }

    /// From the sums of the gradient, and of its products with what was normalized: the gradient of
    /// the scale, and the factors of that of the input, `a * gradient + b * input + c`.
    fn differentiate(
        &mut self,
        sums: &[[f64; 2]],
        n: f64,
        scale: &[f32],
        for_scale: &mut [f32],
    ) {
        for (channel, [sum, products]) in sums.iter().enumerate() {
            let (mean, inverse) = (self.mean[channel], self.inverse[channel]);
            let scaled = (products - mean * sum) * inverse;
            for_scale[channel] = scaled as f32;
            let a = inverse * f64::from(scale[channel]);
            let b = -a * inverse * scaled / n;
            let c = -a * sum / n - b * mean;
            self.factors[channel] = [a as f32, b as f32, c as f32];
        }
    }
}

/// The numbers of a row of one block.
fn row_len(planes: Planes) -> usize {
    planes.width * lanes::<f32>()
}

fn pooling(windows: Windows) -> Pooling {
    let Windows { kernel: size, stride, padding, .. } = windows;
    Pooling { size, stride, padding }
}

/// Some channels of a block that is written.
fn part_of(target: Target<'_, f32>, first: usize, channels: usize) -> Target<'_, f32> {
    let Target { data, planes } = target;
    let len = planes.plane() * lanes::<f32>();
    Target { data: &mut data[first * len..][..channels * len], planes: Planes { channels, ..planes } }
}

/// Some channels of a block that is read.
fn channels_of(source: Source<'_, f32>, first: usize, channels: usize) -> Source<'_, f32> {
    let Source { data, planes } = source;
    let len = planes.plane() * lanes::<f32>();
    Source { data: &data[first * len..][..channels * len], planes: Planes { channels, ..planes } }
}

/// Adds up two sums for each channel over the blocks of a batch, into the first of `sums`: in the
/// order of the blocks, whoever computed them. Returns the pixels of a channel of one image.
fn sum_blocks(
    images: &Images,
    x: Image,
    sums: &mut [[f64; 2]],
    of_block: impl Fn(usize, &mut [[f64; 2]]) + Sync,
) -> f64 {
    let planes = images.planes(x);
    let channels = planes.channels;
    let sums = &mut sums[..images.blocks * channels];
    sums.fill([0.0; 2]);
    sums.par_chunks_exact_mut(channels)
        .enumerate()
        .for_each(|(block, sums)| of_block(block, sums));
    let (first, rest) = sums.split_at_mut(channels);
    for other in rest.chunks_exact(channels) {
        for (total, sums) in std::iter::zip(&mut *first, other) {
            total[0] += sums[0];
            total[1] += sums[1];
        }
    }
    (planes.height * planes.width) as f64
}

fn moments(images: &Images, x: Image, sums: &mut [[f64; 2]]) -> f64 {
    sum_blocks(images, x, sums, |block, sums| {
        dispatch(Moments { source: block_of(images, x, block), sums });
    })
}

fn gradient_moments(images: &Images, gradient: Image, x: Image, sums: &mut [[f64; 2]]) -> f64 {
    sum_blocks(images, x, sums, |block, sums| {
        let source = block_of(images, x, block);
        dispatch(GradientMoments { gradient: block_of(images, gradient, block), source, sums });
    })
}

/// One block of an image.
fn block_of(images: &Images, image: Image, block: usize) -> Source<'_, f32> {
    let len = images.block_len(image);
    Source { data: &images.get(image)[block * len..][..len], planes: images.planes(image) }
}

fn join_forward(join: &Join, images: &mut Images, norms: &[NormState]) {
    let lens = [join.sum, join.positive].map(|image| image.map(|image| images.block_len(image)));
    images.write_two((join.sum, join.positive), |images, sum, positive| {
        let terms: Vec<JoinTerm<'_, f32>> = join
            .terms
            .iter()
            .map(|term| JoinTerm {
                source: Source { data: images.get(term.x), planes: images.planes(term.x) },
                scale_shift: term.norm.map_or(&[][..], |norm| &norms[norm].scale_shift),
            })
            .collect();
        let run = |block: usize, sum: Option<&mut [f32]>, positive: Option<&mut [f32]>| {
            let target = |image: Option<Image>, data| {
                image.map(|image| images.planes(image)).zip(data)
            };
            let into = |(planes, data)| Target { data, planes };
            dispatch(JoinKernel {
                terms: &terms,
                block,
                sum: target(join.sum, sum).map(into),
                positive: target(join.positive, positive).map(into),
                lanes: images.filled(block),
            });
        };
        match (sum.zip(lens[0]), positive.zip(lens[1])) {
            (Some((sum, len)), Some((positive, other))) => {
                let blocks = sum.par_chunks_exact_mut(len).zip(positive.par_chunks_exact_mut(other));
                blocks.enumerate().for_each(|(block, (a, b))| run(block, Some(a), Some(b)));
            }
            (Some((sum, len)), None) => {
                let blocks = sum.par_chunks_exact_mut(len).enumerate();
                blocks.for_each(|(block, a)| run(block, Some(a), None));
            }
            (None, Some((positive, len))) => {
                let blocks = positive.par_chunks_exact_mut(len).enumerate();
                blocks.for_each(|(block, b)| run(block, None, Some(b)));
            }
            (None, None) => {}
        }
    });
}

fn channel_means(images: &Images, x: Image, means: &mut [f32]) {
    let len = images.planes(x).channels * lanes::<f32>();
    means.par_chunks_mut(len).take(images.blocks).enumerate().for_each(|(block, means)| {
        dispatch(ChannelMeans { source: block_of(images, x, block), means });
    });
}

/// Runs `of_block` for each block of an image that is written.
fn write_blocks(
    images: &mut Images,
    target: Image,
    of_block: impl Fn(&Images, usize, Target<'_, f32>) + Sync,
) {
    let len = images.block_len(target);
    images.write(target, |images, data| {
        let planes = images.planes(target);
        data.par_chunks_exact_mut(len).enumerate().for_each(|(block, data)| {
            of_block(images, block, Target { data, planes });
        });
    });
}

/// Brings the gradients of a sum and of its positive part together.
fn gather_gradient(join: &Join, images: &mut Images) {
    if let (Some(total), Some(from), Some(positive)) =
        (join.total, join.from_positive, join.positive)
    {
        let write = if join.from_sum.is_some() { Write::Add } else { Write::Set };
        write_blocks(images, total, |images, block, target| {
            let gradient = block_of(images, from, block);
            let positive = block_of(images, positive, block);
            dispatch(PositiveGradient { gradient, positive, target, write });
        });
    }
}

fn add(images: &mut Images, source: Image, (target, write): (Image, Write)) {
    write_blocks(images, target, |images, block, target| {
        let source = block_of(images, source, block);
        dispatch(AddScaled { source, target, factor: 1.0, write });
    });
}

fn normalized_gradient(
    images: &mut Images,
    gradient: Image,
    x: Image,
    factors: &[[f32; 3]],
    target: Image,
    write: Write,
) {
    write_blocks(images, target, |images, block, target| {
        let (gradient, source) = (block_of(images, gradient, block), block_of(images, x, block));
        let lanes = images.filled(block);
        dispatch(NormalizedGradient { gradient, source, factors, target, write, lanes });
    });
}
