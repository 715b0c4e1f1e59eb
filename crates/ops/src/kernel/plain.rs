//! Images in the plain order: for each image, for each channel, its pixels in a row. What needs no
//! neighbors is computed there, because to interleave images would take longer.
//!
//! All work on some images of a batch, and all have a second form for features, which are channels
//! of one pixel: there the channels of an image are the row.

use std::mem::MaybeUninit;

use pulp::{Simd, WithSimd};

use crate::simd::Element;

/// The shape of an image whose pixels need not be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Plain {
    /// Channels.
    pub channels: usize,
    /// Pixels of a channel.
    pub pixels: usize,
}

impl Plain {
    /// The numbers of an image.
    pub fn numbers(&self) -> usize {
        self.channels * self.pixels
    }
}

/// How many sums are kept apart, so that an addition need not wait for the one before.
const APART: usize = 4;

/// Numbers that are added up in their own kind; sums of more are in `f64`.
const PIECE: usize = 4096;

/// Adds up two values of each pair of numbers of two rows. What does not fill a vector is added as
/// `f64`.
#[inline(always)]
fn add_up<S: Simd, E: Element>(
    s: S,
    (a, b): (&[E], &[E]),
    vector: impl Fn(E::Vector<S>, E::Vector<S>, [E::Vector<S>; 2]) -> [E::Vector<S>; 2],
    number: impl Fn(f64, f64) -> [f64; 2],
) -> [f64; 2] {
    let zero = E::splat(s, E::default());
    let mut total = [0.0; 2];
    for (a, b) in std::iter::zip(a.chunks(PIECE), b.chunks(PIECE)) {
        let (a_vectors, b_vectors) = (E::vectors::<S>(a), E::vectors::<S>(b));
        let (a_parts, a_rest) = a_vectors.as_chunks::<APART>();
        let (b_parts, b_rest) = b_vectors.as_chunks::<APART>();
        let mut sums = [[zero; 2]; APART];
        for (a, b) in std::iter::zip(a_parts, b_parts) {
            for i in 0..APART {
                sums[i] = vector(a[i], b[i], sums[i]);
            }
        }
        for (a, b) in std::iter::zip(a_rest, b_rest) {
            sums[0] = vector(*a, *b, sums[0]);
        }
        let whole = a_vectors.len() * E::lanes::<S>();
        let mut rest = [0.0; 2];
        for (a, b) in std::iter::zip(&a[whole..], &b[whole..]) {
            let [first, second] = number(a.wide(), b.wide());
            rest = [rest[0] + first, rest[1] + second];
        }
        for i in 0..2 {
            let pairs = [E::add(s, sums[0][i], sums[1][i]), E::add(s, sums[2][i], sums[3][i])];
            total[i] += E::sum(s, E::add(s, pairs[0], pairs[1])).wide() + rest[i];
        }
    }
    total
}

/// For each channel the sum of a gradient, and the sum of its products with the distances of other
/// numbers from a center. With the distances themselves for a gradient: their sum and that of their
/// squares.
#[derive(Debug)]
pub struct Moments<'a, E> {
    /// The gradient, or nothing.
    pub gradient: Option<&'a [E]>,
    /// The images.
    pub images: &'a [E],
    /// Their shape.
    pub shape: Plain,
    /// For each channel the center.
    pub centers: &'a [E],
    /// For each channel the two sums, to which those of these images are added.
    pub sums: &'a mut [[f64; 2]],
}

impl<E: Element> WithSimd for Moments<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { gradient, images, shape, centers, sums } = self;
        let Plain { channels, pixels } = shape;
        assert!(channels > 0 && pixels > 0, "images have pixels");
        assert_eq!(centers.len(), channels, "a center for each channel");
        assert_eq!(sums.len(), channels, "sums for each channel");
        if pixels == 1 {
            for (at, image) in images.chunks_exact(channels).enumerate() {
                let gradient = gradient.map(|gradient| &gradient[at * channels..][..channels]);
                let places = std::iter::zip(image, centers).zip(&mut *sums);
                for (channel, ((value, center), sums)) in places.enumerate() {
                    let distance = value.wide() - center.wide();
                    let g = gradient.map_or(distance, |gradient| gradient[channel].wide());
                    *sums = [sums[0] + g, sums[1] + g * distance];
                }
            }
            return;
        }
        for (at, image) in images.chunks_exact(shape.numbers()).enumerate() {
            for (channel, row) in image.chunks_exact(pixels).enumerate() {
                let center = centers[channel].wide();
                let minus = E::splat(s, E::of(-center));
                let [first, second] = match gradient {
                    Some(gradient) => {
                        let start = at * shape.numbers() + channel * pixels;
                        add_up::<S, E>(
                            s,
                            (&gradient[start..start + pixels], row),
                            |g, x, [sum, products]| {
                                [E::add(s, sum, g), E::mul_add(s, g, E::add(s, x, minus), products)]
                            },
                            |g, x| [g, g * (x - center)],
                        )
                    }
                    None => add_up::<S, E>(
                        s,
                        (row, row),
                        |x, _, [sum, squares]| {
                            let distance = E::add(s, x, minus);
                            [E::add(s, sum, distance), E::mul_add(s, distance, distance, squares)]
                        },
                        |x, _| [x - center, (x - center) * (x - center)],
                    ),
                };
                sums[channel] = [sums[channel][0] + first, sums[channel][1] + second];
            }
        }
    }
}

/// By channel `a * gradient + b * images + c`, or without a gradient `b * images + c`.
#[derive(Debug)]
pub struct Combine<'a, E> {
    /// The gradient, or nothing.
    pub gradient: Option<&'a [E]>,
    /// The images.
    pub images: &'a [E],
    /// Their shape.
    pub shape: Plain,
    /// For each channel `a`, `b` and `c`.
    pub factors: &'a [[E; 3]],
    /// Where it goes.
    pub target: &'a mut [E],
}

impl<E: Element> WithSimd for Combine<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { gradient, images, shape, factors, target } = self;
        let Plain { channels, pixels } = shape;
        assert!(channels > 0 && pixels > 0, "images have pixels");
        assert_eq!(factors.len(), channels, "factors for each channel");
        assert_eq!(images.len(), target.len(), "as many results");
        let number = |[a, b, c]: [E; 3], g: f64, x: f64| {
            E::of(a.wide().mul_add(g, b.wide().mul_add(x, c.wide())))
        };
        let targets = target.chunks_exact_mut(shape.numbers());
        for (at, (image, target)) in
            std::iter::zip(images.chunks_exact(shape.numbers()), targets).enumerate()
        {
            let gradient =
                gradient.map(|gradient| &gradient[at * shape.numbers()..][..shape.numbers()]);
            if pixels == 1 {
                for (channel, (target, value)) in std::iter::zip(target, image).enumerate() {
                    let g = gradient.map_or(0.0, |gradient| gradient[channel].wide());
                    *target = number(factors[channel], g, value.wide());
                }
                continue;
            }
            let rows = std::iter::zip(image.chunks_exact(pixels), factors);
            for (channel, ((row, factors), target)) in
                rows.zip(target.chunks_exact_mut(pixels)).enumerate()
            {
                let [a, b, c] = factors.map(|factor| E::splat(s, factor));
                let vectors = E::vectors::<S>(row);
                let whole = vectors.len() * E::lanes::<S>();
                let gradient = gradient.map(|gradient| &gradient[channel * pixels..][..pixels]);
                let targets = E::vectors_mut::<S>(target);
                if let Some(gradient) = gradient {
                    let gradients = E::vectors::<S>(gradient);
                    for ((target, x), g) in std::iter::zip(targets, vectors).zip(gradients) {
                        *target = E::mul_add(s, a, *g, E::mul_add(s, b, *x, c));
                    }
                } else {
                    for (target, x) in std::iter::zip(targets, vectors) {
                        *target = E::mul_add(s, b, *x, c);
                    }
                }
                for i in whole..pixels {
                    let g = gradient.map_or(0.0, |gradient| gradient[i].wide());
                    target[i] = number(*factors, g, row[i].wide());
                }
            }
        }
    }
}

/// The sum of each channel of each image.
#[derive(Debug)]
pub struct Sums<'a, E> {
    /// The images.
    pub images: &'a [E],
    /// The pixels of a channel.
    pub pixels: usize,
    /// For each channel of each image its sum, times the factor.
    pub sums: &'a mut [E],
    /// What sums are multiplied with.
    pub factor: f64,
}

impl<E: Element> WithSimd for Sums<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { images, pixels, sums, factor } = self;
        assert!(pixels > 0, "images have pixels");
        for (sum, row) in std::iter::zip(sums, images.chunks_exact(pixels)) {
            let [total, _] = add_up::<S, E>(
                s,
                (row, row),
                |x, _, [sum, none]| [E::add(s, sum, x), none],
                |x, _| [x, 0.0],
            );
            *sum = E::of(total * factor);
        }
    }
}

/// The positive part of numbers; what is not a number stays so. Its output is the target, written.
#[derive(Debug)]
pub struct Positive<'n, 't, E> {
    /// The numbers.
    pub numbers: &'n [E],
    /// As many results.
    pub target: &'t mut [MaybeUninit<E>],
}

impl<'t, E: Element> WithSimd for Positive<'_, 't, E> {
    type Output = &'t mut [E];

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) -> &'t mut [E] {
        let Self { numbers, target } = self;
        assert_eq!(numbers.len(), target.len(), "as many results");
        let zero = E::splat(s, E::default());
        let lanes = E::lanes::<S>();
        let vectors = E::vectors::<S>(numbers);
        let whole = vectors.len() * lanes;
        let (targets, rest) = target.split_at_mut(whole);
        for (target, value) in std::iter::zip(targets.chunks_exact_mut(lanes), vectors) {
            let positive = [E::max(s, zero, *value)];
            target.write_copy_of_slice(bytemuck::cast_slice(&positive));
        }
        for (target, value) in std::iter::zip(rest, &numbers[whole..]) {
            target.write(if *value < E::default() { E::default() } else { *value });
        }
        #[expect(unsafe_code, reason = "there is no safe way to say that all is written")]
        // SAFETY: there are as many targets as numbers: the first loop has written the vectors, for
        // the targets were cut to their length, and the second one all that are left.
        unsafe {
            target.assume_init_mut()
        }
    }
}

/// The gradient that passes a positive part: where that is above 0, the gradient of it. Its output is
/// the target, written.
#[derive(Debug)]
pub struct PositiveGradient<'n, 't, E> {
    /// The positive part.
    pub positive: &'n [E],
    /// Its gradient.
    pub gradient: &'n [E],
    /// As many results.
    pub target: &'t mut [MaybeUninit<E>],
}

impl<'t, E: Element> WithSimd for PositiveGradient<'_, 't, E> {
    type Output = &'t mut [E];

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) -> &'t mut [E] {
        let Self { positive, gradient, target } = self;
        assert!(
            positive.len() == target.len() && gradient.len() == target.len(),
            "as many results"
        );
        let zero = E::splat(s, E::default());
        let lanes = E::lanes::<S>();
        let vectors = std::iter::zip(E::vectors::<S>(positive), E::vectors::<S>(gradient));
        let whole = vectors.len() * lanes;
        let (targets, rest) = target.split_at_mut(whole);
        for (target, (p, g)) in std::iter::zip(targets.chunks_exact_mut(lanes), vectors) {
            let passed = [E::where_greater(s, *p, zero, *g, zero)];
            target.write_copy_of_slice(bytemuck::cast_slice(&passed));
        }
        let numbers = std::iter::zip(&positive[whole..], &gradient[whole..]);
        for (target, (p, g)) in std::iter::zip(rest, numbers) {
            target.write(if *p > E::default() { *g } else { E::default() });
        }
        #[expect(unsafe_code, reason = "there is no safe way to say that all is written")]
        // SAFETY: there are as many targets as numbers: the first loop has written the vectors, for
        // the targets were cut to their length, and the second one all that are left.
        unsafe {
            target.assume_init_mut()
        }
    }
}
