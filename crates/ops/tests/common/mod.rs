//! Images in the plain order, and from there into blocks and back.
#![expect(dead_code, reason = "each test uses some of it")]

use nascent_ops::{
    layout::{Buffer, Planes},
    simd::{Element, lanes},
};

/// What lies in the margin of outputs, and has to stay there.
pub(crate) const MARK: f64 = 77.0;

/// Images in the order image, channel, row, column.
#[derive(Clone, Debug)]
pub(crate) struct Images {
    pub(crate) count: usize,
    pub(crate) channels: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) values: Vec<f64>,
}

impl Images {
    pub(crate) fn zeros(count: usize, channels: usize, height: usize, width: usize) -> Self {
        let values = vec![0.0; count * channels * height * width];
        Self { count, channels, height, width, values }
    }

    /// Numbers that look random, multiples of 1/64, so that every kind of number holds them.
    pub(crate) fn noise(
        count: usize,
        channels: usize,
        height: usize,
        width: usize,
        seed: u64,
    ) -> Self {
        let mut images = Self::zeros(count, channels, height, width);
        images.values = noise(images.values.len(), seed);
        images
    }

    pub(crate) fn index(&self, n: usize, c: usize, y: usize, x: usize) -> usize {
        ((n * self.channels + c) * self.height + y) * self.width + x
    }

    pub(crate) fn get(&self, n: usize, c: usize, y: isize, x: isize) -> Option<f64> {
        let inside = |i: isize, end| (i >= 0 && i.cast_unsigned() < end).then(|| i.cast_unsigned());
        let (y, x) = (inside(y, self.height)?, inside(x, self.width)?);
        Some(self.values[self.index(n, c, y, x)])
    }

    pub(crate) fn each(&self) -> impl Iterator<Item = (usize, usize, usize, usize)> + use<> {
        let Self { count, channels, height, width, .. } = *self;
        (0..count * channels * height * width).map(move |i| {
            let (x, i) = (i % width, i / width);
            let (y, i) = (i % height, i / height);
            (i / channels, i % channels, y, x)
        })
    }

    pub(crate) fn planes(&self, margin: usize) -> Planes {
        Planes { channels: self.channels, height: self.height, width: self.width, margin }
    }

    /// As blocks of interleaved images, with `around` in the margin.
    pub(crate) fn blocks<E: Element>(&self, margin: usize, around: f64) -> Vec<Buffer<E>> {
        let planes = self.planes(margin);
        let lanes = lanes::<E>();
        (0..self.count.div_ceil(lanes))
            .map(|block| {
                let mut buffer = Buffer::zeros(planes.vectors() * lanes);
                buffer.as_mut_slice().fill(E::of(around));
                for c in 0..self.channels {
                    for y in 0..self.height {
                        for x in 0..self.width {
                            let at = c * planes.plane() + planes.first() + y * planes.row() + x;
                            for lane in 0..lanes {
                                let n = block * lanes + lane;
                                buffer.as_mut_slice()[at * lanes + lane] = if n < self.count {
                                    E::of(self.values[self.index(n, c, y, x)])
                                } else {
                                    E::default()
                                };
                            }
                        }
                    }
                }
                buffer
            })
            .collect()
    }

    /// Asserts that blocks hold these images, and `around` in the margin.
    pub(crate) fn assert_in<E: Element>(
        &self,
        blocks: &[Buffer<E>],
        margin: usize,
        around: f64,
        tolerance: f64,
    ) {
        let lanes = lanes::<E>();
        for (block, (is, should)) in blocks.iter().zip(self.blocks::<E>(margin, around)).enumerate()
        {
            for (i, (is, should)) in is.as_slice().iter().zip(should.as_slice()).enumerate() {
                if block * lanes + i % lanes < self.count {
                    assert_close(is.wide(), should.wide(), tolerance, &format!("{block}, {i}"));
                }
            }
        }
    }
}

pub(crate) fn noise(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((state >> 33) % 129) as f64 / 64.0 - 1.0
        })
        .collect()
}

pub(crate) fn numbers<E: Element>(values: &[f64]) -> Vec<E> {
    values.iter().map(|value| E::of(*value)).collect()
}

pub(crate) fn assert_close(is: f64, should: f64, tolerance: f64, what: &str) {
    let close = (is - should).abs() <= tolerance * (1.0 + should.abs());
    assert!(close, "{is} should be {should} at {what}");
}
