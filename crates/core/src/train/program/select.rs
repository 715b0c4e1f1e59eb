//! Some channels of images, in another order.

use nascent_ops::kernel::Write;
use nascent_ops::kernel::rows::{AddScaled, Target};
use nascent_ops::simd::dispatch;

use super::images::Images;
use super::join::{channels_of, part_of};
use super::step::{Gradient, Image};

/// Channels of one image that become those of another.
#[derive(Debug)]
pub(super) struct Select {
    pub(super) x: Image,
    pub(super) y: Image,
    /// Which channel of `x` each channel of `y` is; none twice.
    pub(super) channels: Vec<usize>,
    pub(super) dy: Option<Image>,
    pub(super) dx: Option<Gradient>,
}

impl Select {
    /// Channels behind each other that stay so: the first of `x`, the first of `y`, and how many.
    fn runs(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        let runs = self.channels.chunk_by(|a, b| a + 1 == *b);
        runs.scan(0, |to, run| {
            let first = *to;
            *to += run.len();
            Some((run[0], first, run.len()))
        })
    }
}

pub(super) fn select(step: &Select, images: &mut Images) {
    images.write_blocks(step.y, |images, block, target| {
        let Target { data, planes } = target;
        for (from, to, count) in step.runs() {
            let source = channels_of(images.block(step.x, block), from, count);
            let target = part_of(Target { data: &mut *data, planes }, to, count);
            dispatch(AddScaled { source, target, factor: 1.0, write: Write::Set });
        }
    });
}

pub(super) fn select_back(step: &Select, images: &mut Images) {
    let (Some(dy), Some((dx, write))) = (step.dy, step.dx) else { return };
    images.write_blocks(dx, |images, block, target| {
        let Target { data, planes } = target;
        if write == Write::Set && step.channels.len() < planes.channels {
            data.fill(0.0);
        }
        for (from, to, count) in step.runs() {
            let source = channels_of(images.block(dy, block), to, count);
            let target = part_of(Target { data: &mut *data, planes }, from, count);
            dispatch(AddScaled { source, target, factor: 1.0, write });
        }
    });
}
