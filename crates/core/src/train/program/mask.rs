//! Images with fewer channels, mixed by the coefficients of a supernet.

use std::collections::HashMap;

use candle_core::{TensorId, Var};
use nascent_ops::kernel::Write;
use nascent_ops::kernel::rows::{AddScaled, Target};
use nascent_ops::simd::dispatch;

use super::images::Images;
use super::join::{Coefficients, channels_of, gradient_moments, part_of};
use super::step::{Gradient, Image};
use super::trace::{Op, Trace, Value};
use crate::nn::Shape;

/// Each channel times the sum of the coefficients of the widths that it is within.
#[derive(Debug)]
pub(super) struct Mask {
    pub(super) x: Image,
    pub(super) y: Image,
    /// The coefficient of the first width.
    pub(super) first: usize,
    pub(super) widths: Vec<usize>,
    pub(super) dy: Option<Image>,
    pub(super) dx: Option<Gradient>,
}

impl Mask {
    /// What a channel is multiplied with.
    fn factor(&self, channel: usize, coefficients: &Coefficients) -> f32 {
        let values = &coefficients.values[self.first..];
        let within = std::iter::zip(&self.widths, values).filter(|(width, _)| channel < **width);
        within.map(|(_, value)| value).sum()
    }

    fn scale(
        &self,
        images: &mut Images,
        coefficients: &Coefficients,
        source: Image,
        (target, write): Gradient,
    ) {
        images.write_blocks(target, |images, block, target| {
            let Target { data, planes } = target;
            for channel in 0..planes.channels {
                let source = channels_of(images.block(source, block), channel, 1);
                let target = part_of(Target { data: &mut *data, planes }, channel, 1);
                let factor = self.factor(channel, coefficients);
                dispatch(AddScaled { source, target, factor, write });
            }
        });
    }
}

pub(super) fn mask(step: &Mask, images: &mut Images, coefficients: &Coefficients) {
    step.scale(images, coefficients, step.x, (step.y, Write::Set));
}

pub(super) fn mask_back(
    step: &Mask,
    images: &mut Images,
    coefficients: &mut Coefficients,
    sums: &mut [[f64; 2]],
) {
    let Some(dy) = step.dy else { return };
    gradient_moments(images, dy, step.x, sums);
    for (at, width) in step.widths.iter().enumerate() {
        if coefficients.leave_out(Some(step.first + at)) {
            continue;
        }
        let products = sums[..*width].iter().map(|[_, products]| products);
        coefficients.gradients[step.first + at] += products.sum::<f64>();
    }
    if let Some(dx) = step.dx {
        step.scale(images, coefficients, dy, dx);
    }
}

/// How many of the first channels there are of the output of an operation, and how many of its
/// input, where these coefficients leave out the others.
struct Widths<'a> {
    coefficients: &'a [f32],
    /// For each value how many of its channels are not masked.
    unmasked: Vec<usize>,
    /// For each value how many of its channels are looked at behind masks.
    needed: Vec<Option<usize>>,
}

impl<'a> Widths<'a> {
    fn new(trace: &Trace, coefficients: &'a [f32]) -> Self {
        let needed = vec![None; trace.ops.len()];
        let mut this = Self { coefficients, unmasked: Vec::new(), needed };
        for (at, op) in trace.ops.iter().enumerate() {
            let (Shape::Image { channels: all, .. } | Shape::Features(all)) = trace.shapes[at];
            let of_inputs = op.inputs().iter().map(|x| this.unmasked[x.0]).max().unwrap_or(all);
            let unmasked = if keeps_channels(op) { of_inputs } else { all };
            let unmasked = this.widest(op).map_or(unmasked, |widest| widest.min(unmasked));
            this.unmasked.push(unmasked);
        }
        for (at, op) in trace.ops.iter().enumerate().rev() {
            let needed = this.count(Value(at));
            let needed = this.widest(op).map_or(needed, |widest| widest.min(needed));
            for x in op.inputs() {
                let needed = if keeps_channels(op) { needed } else { this.unmasked[x.0] };
                this.needed[x.0] = this.needed[x.0].max(Some(needed));
            }
        }
        this
    }

    /// The widest of the widths that a mask lets through, if it is one.
    fn widest(&self, op: &Op) -> Option<usize> {
        let Op::Mask { first, widths, .. } = op else { return None };
        let taken = std::iter::zip(widths, &self.coefficients[*first..]);
        taken.filter(|(_, value)| **value != 0.0).map(|(width, _)| *width).max()
    }

    /// How many of the first channels of a value there are.
    fn count(&self, x: Value) -> usize {
        let unmasked = self.unmasked[x.0];
        self.needed[x.0].map_or(unmasked, |needed| needed.min(unmasked))
    }
}

/// Whether each channel that it computes is computed of the same channel of what it reads.
fn keeps_channels(op: &Op) -> bool {
    match op {
        Op::Depthwise { .. }
        | Op::BatchNorm { .. }
        | Op::Relu { .. }
        | Op::Sum { .. }
        | Op::Mask { .. }
        | Op::DropPath { .. }
        | Op::AveragePool { .. }
        | Op::MaxPool { .. }
        | Op::GlobalAverage { .. }
        | Op::Activation { .. }
        | Op::Dropout { .. } => true,
        Op::Input
        | Op::Zeros
        | Op::Convolution { .. }
        | Op::Halving { .. }
        | Op::Concat { .. }
        | Op::Select { .. }
        | Op::Flatten { .. }
        | Op::Linear { .. }
        | Op::LayerNorm { .. } => false,
    }
}

impl Trace {
    /// For the parameters of images and features the shape that each has in the network of these
    /// coefficients: as many of the first outputs and inputs as masks leave.
    pub(crate) fn narrowed(&self, coefficients: &[f32]) -> HashMap<TensorId, Vec<usize>> {
        let widths = Widths::new(self, coefficients);
        let mut shapes = HashMap::new();
        let mut note = |var: &Var, first: &[usize]| {
            let mut shape = var.dims().to_vec();
            shape[..first.len()].copy_from_slice(first);
            shapes.insert(var.as_tensor().id(), shape);
        };
        for (at, op) in self.ops.iter().enumerate() {
            let outputs = widths.count(Value(at));
            match op {
                Op::Convolution { x, weight, .. } => note(weight, &[outputs, widths.count(*x)]),
                Op::Depthwise { weight, .. } => note(weight, &[outputs]),
                Op::BatchNorm { norm, .. } => {
                    note(&norm.scale, &[outputs]);
                    note(&norm.shift, &[outputs]);
                }
                Op::Linear { x, weight, bias } => {
                    note(weight, &[outputs, widths.count(*x)]);
                    note(bias, &[outputs]);
                }
                _ => {}
            }
        }
        shapes
    }
}
