//! The 3x3 convolution with fewer products.
//!
//! Four output pixels of a 3x3 convolution are 36 products for each input channel. Winograd's
//! minimal filtering F(2x2, 3x3) makes 16 of them: `y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A`, with a 4x4 tile
//! `d` of the input, the weights `g`, and small matrices `A`, `B` and `G` of which only additions and
//! halvings are left. (A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks",
//! CVPR 2016, <https://arxiv.org/abs/1509.09308>.) The gradient of the input is such a convolution
//! too, with the weights turned around.
//!
//! Images are interleaved, so that the tiles need no shuffling either, and the products of one
//! position of all tiles are a 1x1 convolution.

use pulp::{Simd, WithSimd};

use super::Write;
use super::correlation::{Grid, Mix, pack_weights};
use crate::simd::Element;

/// The positions of a tile.
pub const POSITIONS: usize = 16;

/// How many numbers of transformed tiles are worked on at once: what a cache of the second level
/// has room for beside the weights.
const CHUNK_BYTES: usize = 160 << 10;

/// The weights of a convolution in the form in which tiles are multiplied with them: for each
/// position those of a 1x1 convolution. `weight(output, input, tap)` is one of the nine.
pub fn transform_weights<E: Element>(
    outputs: usize,
    inputs: usize,
    weight: impl Fn(usize, usize, usize) -> E,
    plain: &mut [E],
    packed: &mut [E],
) {
    let size = outputs * inputs;
    for output in 0..outputs {
        for input in 0..inputs {
            let g: [[f64; 3]; 3] = std::array::from_fn(|y| {
                std::array::from_fn(|x| weight(output, input, y * 3 + x).wide())
            });
            // Gg, then (Gg)Gᵀ
            let half: [[f64; 4]; 3] = std::array::from_fn(|x| spread([g[0][x], g[1][x], g[2][x]]));
            for y in 0..4 {
                let row = spread([half[0][y], half[1][y], half[2][y]]);
                for (x, value) in row.into_iter().enumerate() {
                    plain[(y * 4 + x) * size + output * inputs + input] = E::of(value);
                }
            }
        }
    }
    let positions = std::iter::zip(plain.chunks_exact(size), packed.chunks_exact_mut(size));
    for (plain, packed) in positions.take(POSITIONS) {
        pack_weights(outputs, inputs, |output, input| plain[output * inputs + input], packed);
    }
}

/// `G` times a column.
fn spread([a, b, c]: [f64; 3]) -> [f64; 4] {
    let (outer, inner) = (0.5 * (a + c), 0.5 * b);
    [a, outer + inner, outer - inner, c]
}

/// One block of a 3x3 convolution with a stride of 1. The output has an even number of rows and
/// columns.
#[derive(Debug)]
pub struct Winograd<'a, E> {
    /// The input, all channels.
    pub input: &'a [E],
    /// Where the window of each output pixel begins; neighbors are next to each other.
    pub from: Grid,
    /// The distance of two input channels.
    pub input_plane: usize,
    /// The input channels.
    pub inputs: usize,
    /// The weights, packed by [`transform_weights`].
    pub weights: &'a [E],
    /// The output, all channels.
    pub output: &'a mut [E],
    /// Where the output pixels are; neighbors are next to each other.
    pub to: Grid,
    /// The distance of two output channels.
    pub output_plane: usize,
    /// The output channels.
    pub outputs: usize,
    /// The rows of output pixels.
    pub rows: usize,
    /// The output pixels in a row.
    pub columns: usize,
    /// Whether the output is replaced.
    pub write: Write,
    /// Room for tiles, see [`scratch_len`].
    pub scratch: &'a mut [E],
}

/// How many vectors lie unused behind the tiles of each position: without them positions would often
/// lie at distances that a cache can hold few of.
const SPACING: usize = 5;

/// How many tiles of a row are worked on together.
fn tiles_together<E>(channels: usize, columns: usize, lanes: usize) -> usize {
    let bytes = channels * POSITIONS * lanes * size_of::<E>();
    (CHUNK_BYTES / bytes.max(1)).clamp(2, columns.div_ceil(2).max(2))
}

/// The numbers of scratch that a [`Winograd`] needs.
pub fn scratch_len<E: Element>(
    inputs: usize,
    outputs: usize,
    columns: usize,
    lanes: usize,
) -> usize {
    let channels = inputs + outputs;
    let together = tiles_together::<E>(channels, columns, lanes);
    (channels * together + 2 * SPACING) * POSITIONS * lanes
}

impl<E: Element> WithSimd for Winograd<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { from, to, inputs, outputs, rows, columns, write, weights, .. } = self;
        let lanes = E::lanes::<S>();
        let together = tiles_together::<E>(inputs + outputs, columns, lanes);
        let tile_distance = inputs * together + SPACING;
        let product_distance = outputs * together + SPACING;
        let (tiles, products) = self.scratch.split_at_mut(POSITIONS * tile_distance * lanes);
        let input = E::vectors::<S>(self.input);
        let output = E::vectors_mut::<S>(self.output);
        for y in (0..rows).step_by(2) {
            for start in (0..columns / 2).step_by(together) {
                let count = (columns / 2 - start).min(together);
                let window = from.first + y * from.row + 2 * start;
                for channel in 0..inputs {
                    let window = window + channel * self.input_plane;
                    let tiles = &mut E::vectors_mut::<S>(tiles)[channel * together..];
                    let window = (window, from.row);
                    transform_inputs::<S, E>(s, input, window, count, tiles, tile_distance);
                }
                for position in 0..POSITIONS {
                    let tile = position * tile_distance * lanes;
                    let product = position * product_distance * lanes;
                    // Compiled by itself, or the compiler runs out of registers.
                    s.vectorize(Mix {
                        input: &tiles[tile..],
                        input_plane: together,
                        inputs,
                        weights: &weights[position * inputs * outputs..][..inputs * outputs],
                        output: &mut products[product..],
                        output_plane: together,
                        outputs,
                        pixels: count,
                        write: Write::Set,
                    });
                }
                let pixel = to.first + y * to.row + 2 * start;
                for channel in 0..outputs {
                    let pixel = pixel + channel * self.output_plane;
                    let products = &E::vectors::<S>(products)[channel * together..];
                    transform_outputs::<S, E>(
                        s,
                        products,
                        product_distance,
                        count,
                        (&mut *output, pixel, to.row),
                        write,
                    );
                }
            }
        }
    }
}

/// `Bᵀ d B` of `count` tiles beside each other, each position `distance` vectors from the last.
#[inline(always)]
fn transform_inputs<S: Simd, E: Element>(
    s: S,
    input: &[E::Vector<S>],
    (window, row): (usize, usize),
    count: usize,
    tiles: &mut [E::Vector<S>],
    distance: usize,
) {
    // Without closures and `from_fn`: they would not all be inlined, and then not be compiled for
    // the instruction set.
    let width = 2 * count + 2;
    let a = &input[window..][..width];
    let b = &input[window + row..][..width];
    let c = &input[window + 2 * row..][..width];
    let d = &input[window + 3 * row..][..width];
    let tiles = &mut tiles[..(POSITIONS - 1) * distance + count];
    // `Bᵀ d` of the last two columns of a tile are those of the first two of the next.
    let mut first = differences::<S, E>(s, [a[0], b[0], c[0], d[0]]);
    let mut second = differences::<S, E>(s, [a[1], b[1], c[1], d[1]]);
    for tile in 0..count {
        let x = 2 * tile + 2;
        let third = differences::<S, E>(s, [a[x], b[x], c[x], d[x]]);
        let x = x + 1;
        let fourth = differences::<S, E>(s, [a[x], b[x], c[x], d[x]]);
        for y in 0..4 {
            let row = differences::<S, E>(s, [first[y], second[y], third[y], fourth[y]]);
            let at = 4 * y * distance + tile;
            tiles[at] = row[0];
            tiles[at + distance] = row[1];
            tiles[at + 2 * distance] = row[2];
            tiles[at + 3 * distance] = row[3];
        }
        (first, second) = (third, fourth);
    }
}

/// `Bᵀ` times a column.
#[inline(always)]
fn differences<S: Simd, E: Element>(s: S, [a, b, c, d]: [E::Vector<S>; 4]) -> [E::Vector<S>; 4] {
    [E::sub(s, a, c), E::add(s, b, c), E::sub(s, c, b), E::sub(s, b, d)]
}

/// `Aᵀ m A` of `count` tiles, to pixels of the output.
#[inline(always)]
fn transform_outputs<S: Simd, E: Element>(
    s: S,
    products: &[E::Vector<S>],
    distance: usize,
    count: usize,
    (output, pixel, row): (&mut [E::Vector<S>], usize, usize),
    write: Write,
) {
    let products = &products[..(POSITIONS - 1) * distance + count];
    let (upper, lower) = output[pixel..][..row + 2 * count].split_at_mut(row);
    let upper = &mut upper[..2 * count];
    let lower = &mut lower[..2 * count];
    for tile in 0..count {
        let mut columns = [[E::splat(s, E::default()); 2]; 4];
        for (x, column) in columns.iter_mut().enumerate() {
            let at = x * distance + tile;
            let (a, b) = (products[at], products[at + 4 * distance]);
            let (c, d) = (products[at + 8 * distance], products[at + 12 * distance]);
            *column = sums::<S, E>(s, [a, b, c, d]);
        }
        let [a, b, c, d] = columns;
        let mut above = sums::<S, E>(s, [a[0], b[0], c[0], d[0]]);
        let mut below = sums::<S, E>(s, [a[1], b[1], c[1], d[1]]);
        let x = 2 * tile;
        if write == Write::Add {
            above = [E::add(s, above[0], upper[x]), E::add(s, above[1], upper[x + 1])];
            below = [E::add(s, below[0], lower[x]), E::add(s, below[1], lower[x + 1])];
        }
        (upper[x], upper[x + 1]) = (above[0], above[1]);
        (lower[x], lower[x + 1]) = (below[0], below[1]);
    }
}

/// `Aᵀ` times a column.
#[inline(always)]
fn sums<S: Simd, E: Element>(s: S, [a, b, c, d]: [E::Vector<S>; 4]) -> [E::Vector<S>; 2] {
    [E::add(s, E::add(s, a, b), c), E::sub(s, E::sub(s, b, c), d)]
}
