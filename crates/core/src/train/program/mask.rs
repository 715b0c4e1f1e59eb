//! Images with fewer channels, mixed by the coefficients of a supernet.

use nascent_ops::kernel::Write;
use nascent_ops::kernel::rows::{AddScaled, Target};
use nascent_ops::simd::dispatch;

use super::images::Images;
use super::join::{Coefficients, channels_of, gradient_moments, part_of};
use super::step::{Gradient, Image};

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
