//! The gradient of the weights.
//!
//! With `y` of the [module above](super) its gradient is `Gᵀ [(A y' Aᵀ) ⊙ (Bᵀ d B)] G`, of which the
//! bracket is summed over all tiles and images before it is multiplied from both sides. For one
//! position of the tiles that sum is the gradient of the weights of a 1x1 convolution.

use pulp::{Simd, WithSimd};

use super::{POSITIONS, Place, SIDE, TILE, column, put_row, transform_rest};
use crate::kernel::correlation::{DEEP, Grid, WIDE};
use crate::simd::Element;

/// Which tiles are transformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Those of the input, whose corners are where the windows begin.
    Input,
    /// Those of the gradient of the output.
    Gradient,
}

/// Transforms some tiles of one channel of a batch. All tiles of a block are counted row by row, and
/// block after block.
#[derive(Debug)]
pub struct WinogradTiles<'a, E> {
    /// The images.
    pub images: &'a [E],
    /// The distance of two blocks, in vectors.
    pub block: usize,
    /// Where the first tile of the channel is; neighbors are next to each other.
    pub from: Grid,
    /// The rows of output pixels.
    pub rows: usize,
    /// The output pixels in a row.
    pub columns: usize,
    /// What the images are.
    pub side: Side,
    /// The first tile.
    pub first: usize,
    /// How many there are.
    pub count: usize,
    /// The transformed tiles, position by position.
    pub target: &'a mut [E],
    /// The distance of two positions, in vectors, not less than the number of tiles.
    pub distance: usize,
}

impl<E: Element> WithSimd for WinogradTiles<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { from, rows, columns, side, first, count, distance, .. } = self;
        let images = E::vectors::<S>(self.images);
        let target = E::vectors_mut::<S>(self.target);
        let across = columns.div_ceil(SIDE);
        let all = rows.div_ceil(SIDE) * across;
        let (mut block, tile) = (first / all, first % all);
        let mut place = Place { y: tile / across * SIDE, x: tile % across * SIDE };
        for tile in 0..count {
            let at = block * self.block + from.first + place.y * from.row + place.x;
            let rest = (rows - place.y, columns - place.x);
            let (images, target) = (&images[at..], &mut target[tile..]);
            match side {
                Side::Input => {
                    let rest = (rest.0 + 2, rest.1 + 2);
                    transform_rest::<S, E>(s, images, from.row, rest, target, distance);
                }
                Side::Gradient => {
                    transform_gradient::<S, E>(s, images, from.row, rest, target, distance);
                }
            }
            place.advance(columns);
            if place.y >= rows {
                (block, place) = (block + 1, Place { y: 0, x: 0 });
            }
        }
    }
}

/// `A y' Aᵀ` of a tile of which perhaps only `rest` rows and columns are there.
#[inline(always)]
fn transform_gradient<S: Simd, E: Element>(
    s: S,
    pixels: &[E::Vector<S>],
    row: usize,
    rest: (usize, usize),
    tiles: &mut [E::Vector<S>],
    distance: usize,
) {
    let tiles = &mut tiles[..=(POSITIONS - 1) * distance];
    let mut whole = [[E::splat(s, E::default()); SIDE]; SIDE];
    let known = rest.1.min(SIDE);
    for (y, whole) in whole.iter_mut().enumerate().take(rest.0) {
        let pixels = &pixels[y * row..][..known];
        for (whole, pixel) in std::iter::zip(whole, pixels) {
            *whole = *pixel;
        }
    }
    let mut columns = [[E::splat(s, E::default()); TILE]; SIDE];
    for (x, spread) in columns.iter_mut().enumerate() {
        *spread = powers::<S, E>(s, [whole[0][x], whole[1][x], whole[2][x], whole[3][x]]);
    }
    #[expect(clippy::needless_range_loop, reason = "slices of the rows take twice the time")]
    for y in 0..TILE {
        let column = [columns[0][y], columns[1][y], columns[2][y], columns[3][y]];
        let row = powers::<S, E>(s, column);
        put_row(tiles, y, distance, row);
    }
}

/// `A` times a column:
///
/// ```text
/// 1  0  0  0
/// 1  1  1  1
/// 1 -1  1 -1
/// 1  2  4  8
/// 1 -2  4 -8
/// 0  0  0  1
/// ```
#[inline(always)]
fn powers<S: Simd, E: Element>(s: S, [a, b, c, d]: [E::Vector<S>; SIDE]) -> [E::Vector<S>; TILE] {
    let (two, four) = (E::splat(s, E::of(2.0)), E::splat(s, E::of(4.0)));
    let (even, odd) = (E::add(s, a, c), E::add(s, b, d));
    let (far_even, far_odd) =
        (E::mul_add(s, four, c, a), E::mul(s, two, E::mul_add(s, four, d, b)));
    [
        a,
        E::add(s, even, odd),
        E::sub(s, even, odd),
        E::add(s, far_even, far_odd),
        E::sub(s, far_even, far_odd),
        d,
    ]
}

/// `Gᵀ m G` of the sums of all tiles, to the gradient of the weights of some output channels,
/// `[outputs, inputs, 3, 3]`.
#[derive(Debug)]
pub struct WinogradSums<'a, E> {
    /// The sums of each position, as a
    /// [`WeightGradient`](crate::kernel::correlation::WeightGradient) orders them.
    pub sums: &'a [E],
    /// The distance of two positions, in vectors.
    pub distance: usize,
    /// The output channels.
    pub outputs: usize,
    /// The input channels.
    pub inputs: usize,
    /// The gradient.
    pub target: &'a mut [E],
}

impl<E: Element> WithSimd for WinogradSums<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { distance, outputs, inputs, .. } = self;
        let sums = E::vectors::<S>(self.sums);
        let deep = inputs.div_ceil(DEEP) * DEEP * WIDE;
        let (targets, _) = self.target.as_chunks_mut::<9>();
        for output in 0..outputs {
            for input in 0..inputs {
                let at = output / WIDE * deep
                    + input / DEEP * DEEP * WIDE
                    + output % WIDE * DEEP
                    + input % DEEP;
                let sums = &sums[at..=at + (POSITIONS - 1) * distance];
                let mut columns = [[E::splat(s, E::default()); 3]; TILE];
                for (x, gathered) in columns.iter_mut().enumerate() {
                    *gathered = gather::<S, E>(s, column(sums, x, distance));
                }
                let target = &mut targets[output * inputs + input];
                for y in 0..3 {
                    let (a, b, c) = (columns[0][y], columns[1][y], columns[2][y]);
                    let (d, e, f) = (columns[3][y], columns[4][y], columns[5][y]);
                    let row = gather::<S, E>(s, [a, b, c, d, e, f]);
                    target[3 * y] = E::sum(s, row[0]);
                    target[3 * y + 1] = E::sum(s, row[1]);
                    target[3 * y + 2] = E::sum(s, row[2]);
                }
            }
        }
    }
}

/// `Gᵀ` times a column, see `spread` of the weights.
#[inline(always)]
fn gather<S: Simd, E: Element>(
    s: S,
    [a, b, c, d, e, f]: [E::Vector<S>; TILE],
) -> [E::Vector<S>; 3] {
    let (half, four) = (E::splat(s, E::of(0.5)), E::splat(s, E::of(4.0)));
    let (quarter, sixth) = (E::splat(s, E::of(0.25)), E::splat(s, E::of(1.0 / 6.0)));
    let (near, far) = (E::add(s, b, c), E::add(s, d, e));
    let (slope, steep) = (E::sub(s, c, b), E::sub(s, d, e));
    let first = E::mul_add(s, sixth, E::sub(s, far, E::mul(s, four, near)), a);
    [
        E::mul(s, quarter, first),
        E::mul(s, sixth, E::mul_add(s, half, steep, slope)),
        E::mul_add(s, sixth, E::sub(s, far, near), f),
    ]
}
