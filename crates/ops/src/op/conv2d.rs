//! The convolution of images: `y[n, o, i, j] = bias[o] + Σ weight[o, c, u, v] · x[n, c', s·i + d·u -
//! p, s·j + d·v - p]`, with the stride `s`, the dilation `d`, the padding `p` of zeros, and over the
//! channels `c' = c + group(o) · c_in / groups` of the group of the output channel. As in the other
//! libraries of deep learning, this is a correlation: windows are not flipped.
//!
//! Each block of images is interleaved, with the margin that its windows need, goes through a
//! kernel, and is taken apart again. If each channel is a group of its own, the convolution is
//! depthwise, and a few channels at a time stay in the cache from the first to the last of that.

use std::mem::MaybeUninit;

use candle_core::{Result, Tensor, bail};
use rayon::prelude::*;

use super::custom::{Number, Numbers, Pass, Way, record, written, written_beside};
use super::plain;
use super::pointwise;
use super::{channel_parts, chunk, image_chunks, strided};
use crate::convolution::Convolution;
use crate::kernel::depthwise::{Depthwise, InputGradient, WeightGradient};
use crate::kernel::plane::{PlaneDepthwise, PlaneGradients, PlaneShape};
use crate::kernel::pointwise::PointwiseShape;
use crate::kernel::{Write, sum_lanes};
use crate::layout::{Planes, clear_margin, pack, pack_channels, unpack, unpack_channels};
use crate::scratch::Scratch;
use crate::simd::{dispatch, lanes};
use crate::windows::Windows;

/// How windows lie on the images of a [`conv2d`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv2d {
    /// The distance of two windows, in pixels.
    pub stride: usize,
    /// How many zeros lie around an image, on each side.
    pub padding: usize,
    /// The distance of two pixels of a window.
    pub dilation: usize,
    /// Into how many groups the channels are divided; a group only sees its own channels.
    pub groups: usize,
}

impl Default for Conv2d {
    /// Windows side by side within the image, all channels in one group.
    fn default() -> Self {
        Self { stride: 1, padding: 0, dilation: 1, groups: 1 }
    }
}

/// The convolution of images `[batch, inputs, height, width]` with weights `[outputs, inputs /
/// groups, kernel, kernel]` and a bias `[outputs]`: `[batch, outputs, rows, columns]`, where `rows =
/// (height + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1`.
///
/// # Errors
/// If the shapes do not fit, or there is no room for a window.
pub fn conv2d(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    config: Conv2d,
) -> Result<Tensor> {
    let shape = Shapes::new(x, weight, bias, config)?;
    let mut inputs = vec![x, weight];
    inputs.extend(bias);
    match Way::of(&inputs) {
        Way::F32 => with_kernels::<f32>(&inputs, shape),
        Way::F64 => with_kernels::<f64>(&inputs, shape),
        Way::Reference => reference(x, weight, bias, &shape),
    }
}

/// [`conv2d`], composed of tensor operations: the windows as a matrix, times the weights.
///
/// # Errors
/// As [`conv2d`].
pub fn conv2d_reference(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    config: Conv2d,
) -> Result<Tensor> {
    reference(x, weight, bias, &Shapes::new(x, weight, bias, config)?)
}

/// The shapes of a convolution.
#[derive(Clone, Copy, Debug)]
struct Shapes {
    batch: usize,
    /// Without a margin, like the output.
    input: Planes,
    output: Planes,
    windows: Windows,
    groups: usize,
}

impl Shapes {
    fn new(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, config: Conv2d) -> Result<Self> {
        let Conv2d { stride, padding, dilation, groups } = config;
        let ([batch, channels, height, width], &[outputs, inputs, kernel, other]) =
            (x.dims(), weight.dims())
        else {
            bail!("conv2d: images {:?} and weights {:?} are not 4-D", x.shape(), weight.shape());
        };
        let (&batch, &channels, &height, &width) = (batch, channels, height, width);
        if kernel != other || kernel == 0 {
            bail!("conv2d: the windows of weights {:?} are no squares", weight.shape());
        }
        if stride == 0 || dilation == 0 || groups == 0 {
            bail!("conv2d: stride, dilation and groups are at least 1, not {config:?}");
        }
        if channels != inputs * groups || outputs % groups != 0 || channels * outputs == 0 {
            bail!(
                "conv2d: images {:?} and weights {:?} do not fit in {groups} groups",
                x.shape(),
                weight.shape()
            );
        }
        if let Some(bias) = bias
            && bias.dims() != [outputs]
        {
            bail!("conv2d: weights {:?} with a bias {:?}", weight.shape(), bias.shape());
        }
        let windows = Windows { kernel, stride, dilation, padding };
        let count = |size: usize| {
            let room = (size + 2 * padding).checked_sub(dilation * (kernel - 1) + 1)?;
            (size > 0).then_some(room / stride + 1)
        };
        let (Some(rows), Some(columns)) = (count(height), count(width)) else {
            let (x, weight) = (x.shape(), weight.shape());
            bail!("conv2d: images {x:?} have no room for weights {weight:?} with {config:?}");
        };
        let input = Planes { channels, height, width, margin: 0 };
        let output = Planes { channels: outputs, height: rows, width: columns, margin: 0 };
        Ok(Self { batch, input, output, windows, groups })
    }

    fn output_shape(&self) -> (usize, usize, usize, usize) {
        (self.batch, self.output.channels, self.output.height, self.output.width)
    }

    /// For a depthwise convolution: its shape for the kernels that need no interleaving.
    /// Rows with their gaps may be up to twice as long as without.
    fn plane(&self) -> Option<PlaneShape> {
        let Self { input, output, windows, .. } = *self;
        let shape = PlaneShape {
            channels: input.channels,
            input: (input.height, input.width),
            output: (output.height, output.width),
            windows,
        };
        let short = shape.row() <= 2 * input.width;
        (short && shape.is_possible()).then_some(shape)
    }

    /// Its shape, if windows are pixels.
    fn pointwise(&self) -> Option<PointwiseShape> {
        let Self { input, output, windows: Windows { kernel, stride, padding, .. }, .. } = *self;
        let (inputs, outputs) = (input.channels, output.channels);
        let pixels = input.height * input.width;
        let all = (kernel, stride, padding, self.groups) == (1, 1, 0, 1);
        all.then_some(PointwiseShape { inputs, outputs, pixels })
    }

    fn depthwise(&self) -> bool {
        self.groups == self.input.channels && self.groups == self.output.channels
    }

    /// The input with the margin that the windows need.
    fn padded_input(&self) -> Planes {
        let (Planes { height, width, .. }, output) = (self.input, self.output);
        let margin = self.windows.margin(height, width, output.height, output.width);
        Planes { margin, ..self.input }
    }

    /// The output with the margin that its gradient needs.
    fn padded_output(&self) -> Planes {
        let margin = Convolution::gradient_margin(self.windows, self.input, self.output);
        Planes { margin, ..self.output }
    }
}

fn reference(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, shape: &Shapes) -> Result<Tensor> {
    let Shapes { batch, input, output, windows, groups } = *shape;
    let Windows { kernel, stride, dilation, padding } = windows;
    let dtype = x.dtype();
    let mut columns = Vec::new();
    let x = x.pad_with_zeros(2, padding, padding)?.pad_with_zeros(3, padding, padding)?;
    for tap in 0..kernel * kernel {
        let (u, v) = (tap / kernel * dilation, tap % kernel * dilation);
        let rows = strided(&x, 2, u, stride, output.height)?;
        columns.push(strided(&rows, 3, v, stride, output.width)?);
    }
    let window = input.channels / groups * kernel * kernel;
    let columns = Tensor::stack(&columns, 2)?.reshape((
        batch,
        groups,
        window,
        output.height * output.width,
    ))?;
    let weight = weight.to_dtype(dtype)?.reshape((1, groups, output.channels / groups, window))?;
    let y = weight.broadcast_matmul(&columns)?.reshape(shape.output_shape())?;
    match bias {
        Some(bias) => {
            y.broadcast_add(&bias.to_dtype(dtype)?.reshape((1, output.channels, 1, 1))?)
        }
        None => Ok(y),
    }
}

fn with_kernels<E: Number>(inputs: &[&Tensor], shape: Shapes) -> Result<Tensor> {
    let tensors = inputs.iter().map(|x| x.contiguous()).collect::<Result<Vec<_>>>()?;
    let numbers = tensors.iter().map(Numbers::<E>::of).collect::<Result<Vec<_>>>()?;
    let slices = numbers.iter().map(Numbers::get).collect::<Result<Vec<_>>>()?;
    let output = match *slices {
        [x, weight] => forward(&shape, x, weight, None)?,
        [x, weight, bias] => forward(&shape, x, weight, Some(bias))?,
        _ => bail!("conv2d has two or three inputs"),
    };
    record("conv2d", inputs, output, shape.output_shape(), move |pass| backward::<E>(pass, &shape))
}

fn forward<E: Number>(shape: &Shapes, x: &[E], weight: &[E], bias: Option<&[E]>) -> Result<Vec<E>> {
    let (from, to) = (shape.padded_input(), shape.output);
    if shape.depthwise()
        && let Some(plane) = shape.plane()
    {
        let (chunk, size) = (chunk::<E>(to), shape.input.vectors());
        return Ok(written(shape.batch * to.vectors(), chunk, |at, output| {
            let images = &x[at * size * lanes::<E>()..][..output.len() / to.vectors() * size];
            let scratch = &mut Scratch::new(plane.scratch::<E>());
            plane.dispatch::<E, _>(PlaneDepthwise {
                images,
                shape: plane,
                weights: weight,
                bias,
                output,
                scratch,
            })
        }));
    }
    if let Some(shape) = shape.pointwise() {
        return Ok(pointwise::forward(shape, x, weight, bias));
    }
    let mut y = vec![E::default(); shape.batch * to.vectors()];
    let blocks = image_chunks(x, shape.input).zip(super::image_chunks_mut(&mut y, to));
    if shape.depthwise() {
        let size = shape.windows.kernel * shape.windows.kernel;
        blocks.for_each(|(x, y)| {
            for (first, [from, to]) in channel_parts::<E, 2>([from, to]) {
                let mut input = Scratch::new(from.vectors() * lanes::<E>());
                let mut output = Scratch::new(to.vectors() * lanes::<E>());
                clear_margin(from, &mut input);
                pack_channels(x, (shape.input.channels, first), from, &mut input);
                let channels = first..first + to.channels;
                let write = set_bias(bias.map(|bias| &bias[channels.clone()]), to, &mut output);
                dispatch(Depthwise {
                    input: &input,
                    from,
                    weights: &weight[channels.start * size..channels.end * size],
                    output: &mut output,
                    to,
                    window: shape.windows,
                    write,
                });
                unpack_channels(&output, to, (shape.output.channels, first), y);
            }
        });
        return Ok(y);
    }
    let convolution = Convolution::new(from, to, shape.windows, shape.groups)?;
    let packed = convolution.pack_weights(weight);
    blocks.for_each(|(x, y)| {
        let mut input = Scratch::new(from.vectors() * lanes::<E>());
        let mut output = Scratch::new(to.vectors() * lanes::<E>());
        clear_margin(from, &mut input);
        pack(x, from, &mut input);
        let write = set_bias(bias, to, &mut output);
        convolution.forward_block(&input, &packed, &mut output, write);
        unpack(&output, to, y);
    });
    Ok(y)
}

/// Fills a block with a bias, if there is one; says how the rest is written then.
fn set_bias<E: Number>(bias: Option<&[E]>, planes: Planes, block: &mut [E]) -> Write {
    let Some(bias) = bias else {
        return Write::Set;
    };
    let channels = block.chunks_exact_mut(planes.plane() * lanes::<E>());
    for (channel, bias) in std::iter::zip(channels, bias) {
        channel.fill(*bias);
    }
    Write::Add
}

fn backward<E: Number>(pass: &Pass<'_>, shape: &Shapes) -> Result<Vec<Option<Tensor>>> {
    let (x, weight) = (pass.inputs[0].contiguous()?, pass.inputs[1].contiguous()?);
    let (x, weight) = (Numbers::<E>::of(&x)?, Numbers::<E>::of(&weight)?);
    let gradient = Numbers::<E>::of(pass.gradient)?;
    let wanted = (pass.wanted[0], pass.wanted[1]);
    let tensors = (x.get()?, weight.get()?, gradient.get()?);
    let (for_x, for_weight) = if shape.depthwise() {
        depthwise_gradients(shape, tensors, wanted)
    } else {
        convolution_gradients(shape, tensors, wanted)?
    };
    let mut gradients = Vec::new();
    for (wanted, (gradient, input)) in
        std::iter::zip(pass.wanted, std::iter::zip([for_x, for_weight], pass.inputs))
    {
        let make = || Tensor::from_vec(gradient, input.shape(), input.device());
        gradients.push(wanted.then(make).transpose()?);
    }
    if let [_, _, bias] = pass.inputs {
        let sums = || {
            let sums = plain::channel_sums(gradient.get()?, shape.output);
            Tensor::from_vec(sums, bias.shape(), bias.device())
        };
        gradients.push(pass.wanted[2].then(sums).transpose()?);
    }
    Ok(gradients)
}

/// The gradients of images and weights, empty where they are not wanted.
fn convolution_gradients<E: Number>(
    shape: &Shapes,
    (x, weight, gradient): (&[E], &[E], &[E]),
    wanted: (bool, bool),
) -> Result<(Vec<E>, Vec<E>)> {
    if let Some(shape) = shape.pointwise() {
        let for_x = wanted.0.then(|| pointwise::input_gradient(shape, gradient, weight));
        let for_weight = wanted.1.then(|| pointwise::weight_gradient(shape, x, gradient));
        return Ok((for_x.unwrap_or_default(), for_weight.unwrap_or_default()));
    }
    let (from, to) = (shape.padded_input(), shape.padded_output());
    let convolution = Convolution::new(from, to, shape.windows, shape.groups)?;
    let (block, out_block) = (from.vectors() * lanes::<E>(), to.vectors() * lanes::<E>());
    let blocks = shape.batch.div_ceil(lanes::<E>());
    let mut gradients = Scratch::new(blocks * out_block);
    image_chunks(gradient, shape.output).zip(gradients.par_chunks_exact_mut(out_block)).for_each(
        |(images, block)| {
            clear_margin(to, block);
            pack(images, to, block);
        },
    );
    let mut for_weight = Vec::new();
    if wanted.1 {
        for_weight.resize(weight.len(), E::default());
        let mut inputs = Scratch::new(blocks * block);
        image_chunks(x, shape.input).zip(inputs.par_chunks_exact_mut(block)).for_each(
            |(images, block)| {
                clear_margin(from, block);
                pack(images, from, block);
            },
        );
        convolution.weight_gradient(&inputs, &gradients, &mut for_weight);
    }
    let mut for_x = Vec::new();
    if wanted.0 {
        for_x.resize(x.len(), E::default());
        let packed = convolution.pack_gradient_weights(weight);
        super::image_chunks_mut(&mut for_x, shape.input)
            .zip(gradients.par_chunks_exact(out_block))
            .for_each(|(images, gradient)| {
                let mut target = Scratch::new(block);
                convolution.input_gradient_block(gradient, &packed, &mut target, Write::Set);
                unpack(&target, from, images);
            });
    }
    Ok((for_x, for_weight))
}

/// As [`convolution_gradients`], where each channel has weights of its own.
fn depthwise_gradients<E: Number>(
    shape: &Shapes,
    (x, weight, gradient): (&[E], &[E], &[E]),
    wanted: (bool, bool),
) -> (Vec<E>, Vec<E>) {
    let (from, to) = (shape.padded_input(), shape.padded_output());
    let (lanes, window) = (lanes::<E>(), shape.windows);
    let channels = shape.input.channels;
    let size = window.kernel * window.kernel;
    let blocks = shape.batch.div_ceil(lanes);
    // Of each block its own, so that the order of the sum is the same on any number of threads.
    let mut sums = Scratch::new(if wanted.1 { blocks * weight.len() * lanes } else { 0 });
    sums.fill(E::default());
    let sums_of_blocks = super::optional_chunks(&mut sums, weight.len() * lanes, blocks);
    let mut for_x = Vec::new();
    if let Some(plane) = shape.plane() {
        let (chunk, out_chunk) = (chunk::<E>(shape.input), chunk::<E>(shape.output));
        let block = |at: usize| {
            let images = &x[at * chunk..x.len().min((at + 1) * chunk)];
            (images, &gradient[at * out_chunk..gradient.len().min((at + 1) * out_chunk)])
        };
        if wanted.0 {
            for_x = written_beside(x.len(), chunk, sums_of_blocks, |at, sums, room| {
                plane_gradients(plane, block(at), weight, sums, Some(room)).unwrap_or_default()
            });
        } else {
            sums_of_blocks.enumerate().for_each(|(at, sums)| {
                plane_gradients(plane, block(at), weight, sums, None);
            });
        }
        return (for_x, sum_of_blocks(&sums, weight.len()));
    }
    for_x.resize(if wanted.0 { x.len() } else { 0 }, E::default());
    let images = image_chunks(x, shape.input).zip(image_chunks(gradient, shape.output));
    let targets = super::optional_chunks(&mut for_x, super::chunk::<E>(shape.input), blocks);
    images.zip(targets).zip(sums_of_blocks).for_each(|(((x, gradient), mut for_x), mut sums)| {
        for (first, [from, to]) in channel_parts::<E, 2>([from, to]) {
            let mut output = Scratch::new(to.vectors() * lanes);
            let mut input = Scratch::new(from.vectors() * lanes);
            clear_margin(to, &mut output);
            pack_channels(gradient, (channels, first), to, &mut output);
            let weights = first * size..(first + to.channels) * size;
            if let Some(sums) = &mut sums {
                clear_margin(from, &mut input);
                pack_channels(x, (channels, first), from, &mut input);
                dispatch(WeightGradient {
                    input: &input,
                    from,
                    gradient: &output,
                    to,
                    window,
                    sums: &mut sums[weights.start * lanes..weights.end * lanes],
                });
            }
            if let Some(for_x) = &mut for_x {
                dispatch(InputGradient {
                    gradient: &output,
                    from: to,
                    weights: &weight[weights],
                    output: &mut input,
                    to: from,
                    window,
                    write: Write::Set,
                });
                unpack_channels(&input, from, (channels, first), for_x);
            }
        }
    });
    (for_x, sum_of_blocks(&sums, weight.len()))
}

/// The gradients of a block of images in the plain order; that of the images, written.
fn plane_gradients<'t, E: Number>(
    shape: PlaneShape,
    (images, gradient): (&[E], &[E]),
    weights: &[E],
    sums: Option<&mut [E]>,
    for_images: Option<&'t mut [MaybeUninit<E>]>,
) -> Option<&'t mut [E]> {
    let scratch = &mut Scratch::new(shape.scratch::<E>());
    shape.dispatch::<E, _>(PlaneGradients {
        images,
        gradient,
        shape,
        weights,
        for_images,
        sums,
        scratch,
    })
}

/// The sums over all blocks and lanes, of so many numbers; nothing, if there are none.
fn sum_of_blocks<E: Number>(sums: &[E], count: usize) -> Vec<E> {
    let mut total = vec![E::default(); if sums.is_empty() { 0 } else { count }];
    let mut of_block = total.clone();
    for sums in sums.chunks_exact((count * lanes::<E>()).max(1)) {
        sum_lanes(sums, &mut of_block);
        for (sum, value) in std::iter::zip(&mut total, &of_block) {
            *sum += *value;
        }
    }
    total
}
