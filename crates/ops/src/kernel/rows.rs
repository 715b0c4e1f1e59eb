//! What is computed pixel by pixel: sums of maps, normalization, the positive part, and their
//! gradients. Nothing here looks at a neighbor.
//!
//! All work on one block of interleaved images, row by row, so that the several passes over a row
//! find it in the cache.

use pulp::{Simd, WithSimd};

use super::Write;
use crate::layout::Planes;
use crate::simd::Element;

/// Which lanes hold an image: 1 there, 0 elsewhere, as many as there are lanes.
///
/// Where nothing is added to a lane without an image it stays 0, and sums over lanes need no case
/// for the last, partly filled block.
pub type Lanes<'a, E> = &'a [E];

/// An image that is read, with its shape.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a, E> {
    /// The numbers of one block.
    pub data: &'a [E],
    /// Their shape.
    pub planes: Planes,
}

/// An image that is written, with its shape.
#[derive(Debug)]
pub struct Target<'a, E> {
    /// The numbers of one block.
    pub data: &'a mut [E],
    /// Their shape.
    pub planes: Planes,
}

/// The row `y` of a channel.
#[inline(always)]
fn row<V>(data: &[V], planes: Planes, channel: usize, y: usize) -> &[V] {
    let start = channel * planes.plane() + planes.first() + y * planes.row();
    &data[start..start + planes.width]
}

#[inline(always)]
fn row_mut<V>(data: &mut [V], planes: Planes, channel: usize, y: usize) -> &mut [V] {
    let start = channel * planes.plane() + planes.first() + y * planes.row();
    &mut data[start..start + planes.width]
}

/// A term of a sum: an image whose channels are scaled and shifted, and all of it multiplied.
#[derive(Clone, Copy, Debug)]
pub struct Term<'a, E> {
    /// The image.
    pub source: Source<'a, E>,
    /// For each channel what it is multiplied with and what is added then; as it is where empty.
    pub scale_shift: &'a [[E; 2]],
    /// What that is multiplied with.
    pub factor: E,
}

/// The sum of images, each scaled and shifted by channel; and its positive part.
#[derive(Debug)]
pub struct Join<'a, E> {
    /// What is added; zeros, if it is nothing.
    pub terms: &'a [Term<'a, E>],
    /// Where the sum goes.
    pub sum: Option<Target<'a, E>>,
    /// Where the positive part of the sum goes.
    pub positive: Option<Target<'a, E>>,
    /// The lanes that hold an image.
    pub lanes: Lanes<'a, E>,
}

impl<E: Element> WithSimd for Join<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { terms, sum, positive, lanes } = self;
        let lanes = E::vectors::<S>(lanes)[0];
        match (sum, positive) {
            (Some(mut sum), positive) => {
                add_up::<S, E>(s, terms, &mut sum, positive, lanes, false);
            }
            (None, Some(mut positive)) => {
                add_up::<S, E>(s, terms, &mut positive, None, lanes, true);
            }
            (None, None) => {}
        }
    }
}

/// Adds up terms into `main`, its positive part only where `cut`, and the positive part into `copy`.
#[inline(always)]
fn add_up<S: Simd, E: Element>(
    s: S,
    terms: &[Term<'_, E>],
    main: &mut Target<'_, E>,
    copy: Option<Target<'_, E>>,
    lanes: E::Vector<S>,
    cut: bool,
) {
    let planes = main.planes;
    let main = E::vectors_mut::<S>(&mut *main.data);
    let mut copy = copy.map(|copy| (E::vectors_mut::<S>(copy.data), copy.planes));
    let zero = E::splat(s, E::default());
    for channel in 0..planes.channels {
        for y in 0..planes.height {
            let main = row_mut(main, planes, channel, y);
            if terms.is_empty() {
                main.fill(zero);
            }
            for (at, term) in terms.iter().enumerate() {
                let Source { data, planes } = term.source;
                let source = row(E::vectors::<S>(data), planes, channel, y);
                let factor = E::splat(s, term.factor);
                let [scale, shift] = match term.scale_shift.get(channel) {
                    Some([scale, shift]) => {
                        let shift = E::mul(s, E::splat(s, *shift), lanes);
                        [E::mul(s, factor, E::splat(s, *scale)), E::mul(s, factor, shift)]
                    }
                    None => [factor, zero],
                };
                if at == 0 {
                    for (main, value) in std::iter::zip(&mut *main, source) {
                        *main = E::mul_add(s, scale, *value, shift);
                    }
                } else {
                    for (main, value) in std::iter::zip(&mut *main, source) {
                        *main = E::add(s, *main, E::mul_add(s, scale, *value, shift));
                    }
                }
            }
            if let Some((copy, planes)) = &mut copy {
                let copy = row_mut(copy, *planes, channel, y);
                for (copy, value) in std::iter::zip(copy, &*main) {
                    *copy = E::max(s, *value, zero);
                }
            }
            if cut {
                for value in &mut *main {
                    *value = E::max(s, *value, zero);
                }
            }
        }
    }
}

/// How many sums are kept apart, so that an addition need not wait for the one before.
const APART: usize = 4;

/// For each channel the sum of the numbers of one block and the sum of their squares.
#[derive(Debug)]
pub struct Moments<'a, E> {
    /// The image.
    pub source: Source<'a, E>,
    /// For each channel the two sums, to which those of this block are added.
    pub sums: &'a mut [[f64; 2]],
}

impl<E: Element> WithSimd for Moments<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let planes = self.source.planes;
        let data = E::vectors::<S>(self.source.data);
        for (channel, sums) in self.sums.iter_mut().enumerate().take(planes.channels) {
            let mut sum = [E::splat(s, E::default()); APART];
            let mut squares = sum;
            for y in 0..planes.height {
                let (parts, rest) = row(data, planes, channel, y).as_chunks::<APART>();
                for part in parts {
                    for i in 0..APART {
                        sum[i] = E::add(s, sum[i], part[i]);
                        squares[i] = E::mul_add(s, part[i], part[i], squares[i]);
                    }
                }
                for value in rest {
                    sum[0] = E::add(s, sum[0], *value);
                    squares[0] = E::mul_add(s, *value, *value, squares[0]);
                }
            }
            for (total, parts) in std::iter::zip(sums, [sum, squares]) {
                *total += parts.iter().map(|part| E::sum(s, *part).wide()).sum::<f64>();
            }
        }
    }
}

/// For each channel the sum of a gradient over one block, and the sum of its products with what was
/// normalized.
#[derive(Debug)]
pub struct GradientMoments<'a, E> {
    /// The gradient.
    pub gradient: Source<'a, E>,
    /// What was normalized.
    pub source: Source<'a, E>,
    /// For each channel the two sums, to which those of this block are added.
    pub sums: &'a mut [[f64; 2]],
}

impl<E: Element> WithSimd for GradientMoments<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let (planes, other) = (self.gradient.planes, self.source.planes);
        let gradient = E::vectors::<S>(self.gradient.data);
        let source = E::vectors::<S>(self.source.data);
        for (channel, sums) in self.sums.iter_mut().enumerate().take(planes.channels) {
            let mut sum = [E::splat(s, E::default()); APART];
            let mut products = sum;
            for y in 0..planes.height {
                let (a, a_rest) = row(gradient, planes, channel, y).as_chunks::<APART>();
                let (b, b_rest) = row(source, other, channel, y).as_chunks::<APART>();
                for (a, b) in std::iter::zip(a, b) {
                    for i in 0..APART {
                        sum[i] = E::add(s, sum[i], a[i]);
                        products[i] = E::mul_add(s, a[i], b[i], products[i]);
                    }
                }
                for (a, b) in std::iter::zip(a_rest, b_rest) {
                    sum[0] = E::add(s, sum[0], *a);
                    products[0] = E::mul_add(s, *a, *b, products[0]);
                }
            }
            for (total, parts) in std::iter::zip(sums, [sum, products]) {
                *total += parts.iter().map(|part| E::sum(s, *part).wide()).sum::<f64>();
            }
        }
    }
}

/// The gradient of what was normalized: by channel `a * gradient + b * source + c`.
#[derive(Debug)]
pub struct NormalizedGradient<'a, E> {
    /// The gradient of the output.
    pub gradient: Source<'a, E>,
    /// What was normalized.
    pub source: Source<'a, E>,
    /// For each channel `a`, `b` and `c`.
    pub factors: &'a [[E; 3]],
    /// Where it goes.
    pub target: Target<'a, E>,
    /// Whether it replaces what is there.
    pub write: Write,
    /// The lanes that hold an image.
    pub lanes: Lanes<'a, E>,
}

impl<E: Element> WithSimd for NormalizedGradient<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let planes = self.gradient.planes;
        let gradient = E::vectors::<S>(self.gradient.data);
        let source = E::vectors::<S>(self.source.data);
        let target = E::vectors_mut::<S>(self.target.data);
        let lanes = E::vectors::<S>(self.lanes)[0];
        for (channel, factors) in self.factors.iter().enumerate().take(planes.channels) {
            let [a, b, c] = factors.map(|factor| E::splat(s, factor));
            let c = E::mul(s, c, lanes);
            for y in 0..planes.height {
                let gradient = row(gradient, planes, channel, y);
                let source = row(source, self.source.planes, channel, y);
                let target = row_mut(target, self.target.planes, channel, y);
                let values = std::iter::zip(gradient, source);
                match self.write {
                    Write::Set => {
                        for (target, (g, x)) in std::iter::zip(target, values) {
                            *target = E::mul_add(s, a, *g, E::mul_add(s, b, *x, c));
                        }
                    }
                    Write::Add => {
                        for (target, (g, x)) in std::iter::zip(target, values) {
                            let value = E::mul_add(s, a, *g, E::mul_add(s, b, *x, c));
                            *target = E::add(s, *target, value);
                        }
                    }
                }
            }
        }
    }
}

/// The gradient that passes a positive part: where that is above 0, the gradient of it.
#[derive(Debug)]
pub struct PositiveGradient<'a, E> {
    /// The gradient of the positive part.
    pub gradient: Source<'a, E>,
    /// The positive part.
    pub positive: Source<'a, E>,
    /// Where it goes.
    pub target: Target<'a, E>,
    /// Whether it replaces what is there.
    pub write: Write,
}

impl<E: Element> WithSimd for PositiveGradient<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let planes = self.gradient.planes;
        let gradient = E::vectors::<S>(self.gradient.data);
        let positive = E::vectors::<S>(self.positive.data);
        let target = E::vectors_mut::<S>(self.target.data);
        let zero = E::splat(s, E::default());
        for channel in 0..planes.channels {
            for y in 0..planes.height {
                let gradient = row(gradient, planes, channel, y);
                let positive = row(positive, self.positive.planes, channel, y);
                let target = row_mut(target, self.target.planes, channel, y);
                let values = std::iter::zip(gradient, positive);
                for (target, (g, p)) in std::iter::zip(target, values) {
                    let passed = E::where_greater(s, *p, zero, *g, zero);
                    *target = match self.write {
                        Write::Set => passed,
                        Write::Add => E::add(s, *target, passed),
                    };
                }
            }
        }
    }
}

/// Copies an image, or adds it, times a number.
#[derive(Debug)]
pub struct AddScaled<'a, E> {
    /// The image.
    pub source: Source<'a, E>,
    /// Where it goes.
    pub target: Target<'a, E>,
    /// What it is multiplied with.
    pub factor: E,
    /// Whether it replaces what is there.
    pub write: Write,
}

impl<E: Element> WithSimd for AddScaled<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let planes = self.source.planes;
        let source = E::vectors::<S>(self.source.data);
        let target = E::vectors_mut::<S>(self.target.data);
        let factor = E::splat(s, self.factor);
        for channel in 0..planes.channels {
            for y in 0..planes.height {
                let source = row(source, planes, channel, y);
                let target = row_mut(target, self.target.planes, channel, y);
                for (target, value) in std::iter::zip(target, source) {
                    *target = match self.write {
                        Write::Set => E::mul(s, factor, *value),
                        Write::Add => E::mul_add(s, factor, *value, *target),
                    };
                }
            }
        }
    }
}

/// Copies images, or adds them, each times a number of its own.
#[derive(Debug)]
pub struct ScaleImages<'a, E> {
    /// The images.
    pub source: Source<'a, E>,
    /// What each is multiplied with.
    pub factors: Lanes<'a, E>,
    /// Where they go.
    pub target: Target<'a, E>,
    /// Whether they replace what is there.
    pub write: Write,
}

impl<E: Element> WithSimd for ScaleImages<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let planes = self.source.planes;
        let source = E::vectors::<S>(self.source.data);
        let target = E::vectors_mut::<S>(self.target.data);
        let [factor] = E::vectors::<S>(self.factors) else { return };
        for channel in 0..planes.channels {
            for y in 0..planes.height {
                let source = row(source, planes, channel, y);
                let target = row_mut(target, self.target.planes, channel, y);
                for (target, value) in std::iter::zip(target, source) {
                    *target = match self.write {
                        Write::Set => E::mul(s, *factor, *value),
                        Write::Add => E::mul_add(s, *factor, *value, *target),
                    };
                }
            }
        }
    }
}

/// The mean of each channel of each image of a block.
#[derive(Debug)]
pub struct ChannelMeans<'a, E> {
    /// The images.
    pub source: Source<'a, E>,
    /// For each channel a vector.
    pub means: &'a mut [E],
}

impl<E: Element> WithSimd for ChannelMeans<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let planes = self.source.planes;
        let data = E::vectors::<S>(self.source.data);
        let share = E::splat(s, E::of(1.0 / (planes.height * planes.width) as f64));
        let means = E::vectors_mut::<S>(self.means);
        for (channel, mean) in means.iter_mut().enumerate().take(planes.channels) {
            let mut sum = [E::splat(s, E::default()); APART];
            for y in 0..planes.height {
                let (parts, rest) = row(data, planes, channel, y).as_chunks::<APART>();
                for part in parts {
                    for i in 0..APART {
                        sum[i] = E::add(s, sum[i], part[i]);
                    }
                }
                for value in rest {
                    sum[0] = E::add(s, sum[0], *value);
                }
            }
            let [a, b, c, d] = sum;
            *mean = E::mul(s, E::add(s, E::add(s, a, b), E::add(s, c, d)), share);
        }
    }
}

/// Gives every pixel of a channel of an image the same number.
#[derive(Debug)]
pub struct Spread<'a, E> {
    /// For each channel a vector.
    pub values: &'a [E],
    /// What they are multiplied with.
    pub factor: E,
    /// The images.
    pub target: Target<'a, E>,
    /// Whether it replaces what is there.
    pub write: Write,
}

impl<E: Element> WithSimd for Spread<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let planes = self.target.planes;
        let target = E::vectors_mut::<S>(self.target.data);
        let factor = E::splat(s, self.factor);
        let values = E::vectors::<S>(self.values);
        for (channel, value) in values.iter().enumerate().take(planes.channels) {
            let value = E::mul(s, *value, factor);
            for y in 0..planes.height {
                for target in row_mut(target, planes, channel, y) {
                    *target = match self.write {
                        Write::Set => value,
                        Write::Add => E::add(s, *target, value),
                    };
                }
            }
        }
    }
}
