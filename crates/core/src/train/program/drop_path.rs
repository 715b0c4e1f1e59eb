//! Images that are left out at random.

use nascent_ops::kernel::rows::ScaleImages;
use nascent_ops::simd::{dispatch, lanes};

use super::images::Images;
use super::step::{Gradient, Image};
use crate::Rng;
use crate::train::init::dropout_values;

/// Images some of which are zeros while training, the others larger by as much.
#[derive(Debug)]
pub(super) struct DropPath {
    pub(super) x: Image,
    pub(super) y: Image,
    /// How likely an image is zeros at the end of a training.
    pub(super) rate: f64,
    /// What each image of the last batch was multiplied with.
    pub(super) factors: Vec<f32>,
    pub(super) dy: Option<Image>,
    pub(super) dx: Option<Gradient>,
}

/// `draw` is the generator and the part of the training that is done; none in evaluation.
pub(super) fn drop_path(
    step: &mut DropPath,
    images: &mut Images,
    count: usize,
    draw: Option<(&mut Rng, f64)>,
) {
    let DropPath { x, y, rate, factors, .. } = step;
    factors.clear();
    match draw {
        Some((rng, progress)) => {
            let drawn = dropout_values(rng, *rate * progress).take(count);
            factors.extend(drawn.map(|value| value as f32));
        }
        None => factors.resize(count, 1.0),
    }
    factors.resize(images.blocks * lanes::<f32>(), 0.0);
    scale(images, factors, *x, (*y, nascent_ops::kernel::Write::Set));
}

pub(super) fn drop_path_back(step: &DropPath, images: &mut Images) {
    if let (Some(dy), Some(dx)) = (step.dy, step.dx) {
        scale(images, &step.factors, dy, dx);
    }
}

fn scale(images: &mut Images, factors: &[f32], source: Image, (target, write): Gradient) {
    images.write_blocks(target, |images, block, target| {
        let (source, lanes) = (images.block(source, block), lanes::<f32>());
        let factors = &factors[block * lanes..][..lanes];
        dispatch(ScaleImages { source, factors, target, write });
    });
}
