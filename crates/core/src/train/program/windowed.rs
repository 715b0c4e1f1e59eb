//! Steps that slide windows over images.

use nascent_ops::kernel::Write;
use nascent_ops::kernel::depthwise::{
    Depthwise, InputGradient as DepthwiseGradient, WeightGradient as DepthwiseWeights,
};
use nascent_ops::kernel::pool::{
    AverageGradient, AveragePool, Divisor, MaxGradient, MaxPool, Pooling,
};
use nascent_ops::kernel::rows::Target;
use nascent_ops::kernel::sum_lanes;
use nascent_ops::layout::Planes;
use nascent_ops::scratch::Scratch;
use nascent_ops::simd::{dispatch, lanes};
use nascent_ops::windows::Windows;
use rayon::prelude::*;

use super::images::Images;
use super::step::{Convolutions, Windowed};

pub(super) fn convolution(
    step: &Windowed<Box<Convolutions>>,
    images: &mut Images,
    weights: &[f32],
) {
    let kernel = &weights[step.weight.clone()];
    images.write(step.y, |images, y| {
        step.kernel.forward.forward(images.get(step.x), kernel, y, Write::Set);
    });
}

pub(super) fn convolution_back(
    step: &Windowed<Box<Convolutions>>,
    images: &mut Images,
    weights: &[f32],
    gradients: &mut [f32],
) {
    let Some(dy) = step.dy else { return };
    let for_weights = &mut gradients[step.weight.clone()];
    let (x, gradient) = (images.get(step.x), images.get(dy));
    step.kernel.weights.weight_gradient(x, gradient, for_weights);
    if let Some((dx, write)) = step.dx {
        let kernel = &weights[step.weight.clone()];
        images.write(dx, |images, dx| {
            step.kernel.inputs.input_gradient(images.get(dy), kernel, dx, write);
        });
    }
}

pub(super) fn depthwise(step: &Windowed<Windows>, images: &mut Images, weights: &[f32]) {
    let (kernel, window) = (&weights[step.weight.clone()], step.kernel);
    let from = images.planes(step.x);
    images.write_blocks(step.y, |images, block, Target { data, planes: to }| {
        let input = images.block(step.x, block).data;
        let (weights, output, write) = (kernel, data, Write::Set);
        dispatch(Depthwise { input, from, weights, output, to, window, write });
    });
}

pub(super) fn depthwise_back(
    step: &Windowed<Windows>,
    images: &mut Images,
    weights: &[f32],
    gradients: &mut [f32],
) {
    let Some(dy) = step.dy else { return };
    let window = step.kernel;
    let (from, to) = (images.planes(step.x), images.planes(dy));
    let target = &mut gradients[step.weight.clone()];
    let len = target.len() * lanes::<f32>();
    let mut sums = Scratch::new(images.blocks * len);
    sums.fill(0.0);
    sums.par_chunks_exact_mut(len).enumerate().for_each(|(block, sums)| {
        let input = images.block(step.x, block).data;
        let gradient = images.block(dy, block).data;
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
        images.write_blocks(dx, |images, block, Target { data, planes }| {
            let gradient = images.block(dy, block).data;
            let (output, from, to) = (data, to, planes);
            dispatch(DepthwiseGradient { gradient, from, weights, output, to, window, write });
        });
    }
}

pub(super) fn average_pool(step: &Windowed<Windows>, images: &mut Images) {
    let (from, pooling) = (images.planes(step.x), pooling(step.kernel));
    images.write_blocks(step.y, |images, block, Target { data, planes: to }| {
        let input = images.block(step.x, block).data;
        let (output, divisor, write) = (data, Divisor::Inside, Write::Set);
        let scratch = &mut Scratch::new(row_len(from));
        dispatch(AveragePool { input, from, output, to, pooling, divisor, write, scratch });
    });
}

pub(super) fn average_pool_back(step: &Windowed<Windows>, images: &mut Images) {
    let (Some(dy), Some((dx, write))) = (step.dy, step.dx) else { return };
    let (from, pooling) = (images.planes(dy), pooling(step.kernel));
    images.write_blocks(dx, |images, block, Target { data, planes: to }| {
        let gradient = images.block(dy, block).data;
        let (output, divisor) = (data, Divisor::Inside);
        let scratch = &mut Scratch::new(row_len(from));
        dispatch(AverageGradient { gradient, from, output, to, pooling, divisor, write, scratch });
    });
}

pub(super) fn max_pool(step: &Windowed<Windows>, images: &mut Images) {
    let (from, pooling) = (images.planes(step.x), pooling(step.kernel));
    images.write_blocks(step.y, |images, block, Target { data, planes: to }| {
        let input = images.block(step.x, block).data;
        let (output, write) = (data, Write::Set);
        let scratch = &mut Scratch::new(row_len(from));
        dispatch(MaxPool { input, from, output, to, pooling, write, scratch });
    });
}

pub(super) fn max_pool_back(step: &Windowed<Windows>, images: &mut Images) {
    let (Some(dy), Some((dx, write))) = (step.dy, step.dx) else { return };
    let pooling = pooling(step.kernel);
    images.write_blocks(dx, |images, block, output| {
        let [input, maxima, gradient] =
            [step.x, step.y, dy].map(|image| images.block(image, block));
        dispatch(MaxGradient { input, maxima, gradient, output, pooling, write });
    });
}

/// The numbers of a row of one block.
fn row_len(planes: Planes) -> usize {
    planes.width * lanes::<f32>()
}

fn pooling(windows: Windows) -> Pooling {
    let Windows { kernel: size, stride, padding, .. } = windows;
    Pooling { size, stride, padding }
}
