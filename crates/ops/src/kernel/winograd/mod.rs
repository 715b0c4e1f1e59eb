//! The 3x3 convolution with fewer products.
//!
//! Sixteen output pixels of a 3x3 convolution are 144 products for each input channel. Winograd's
//! minimal filtering F(4x4, 3x3) makes 36 of them: `y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A`, with a 6x6 tile
//! `d` of the input, the weights `g`, and the matrices `A`, `B` and `G` that stand at the functions
//! below. (A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016,
//! <https://arxiv.org/abs/1509.09308>.) The gradient of the input is such a convolution too, with the
//! weights turned around.
//!
//! Images are interleaved, so that the tiles need no shuffling, and the products of one position of
//! all tiles are a 1x1 convolution. What of the last tiles lies outside of the image is taken as zero
//! and not written.

use pulp::Simd;

use crate::simd::Element;

mod correlation;
mod weight_gradient;

pub use correlation::{Winograd, scratch_len, transform_weights};
pub use weight_gradient::{Side, WinogradSums, WinogradTiles};

/// The side of a tile of the output, and of the tile of the input that it is computed of.
const SIDE: usize = 4;
const TILE: usize = SIDE + 2;

/// The positions of a tile.
pub const POSITIONS: usize = TILE * TILE;

/// How many products an output channel of this size takes for each input channel.
pub fn products(rows: usize, columns: usize) -> usize {
    rows.div_ceil(SIDE) * columns.div_ceil(SIDE) * POSITIONS
}

/// The upper left output pixel of a tile.
#[derive(Clone, Copy)]
struct Place {
    y: usize,
    x: usize,
}

impl Place {
    /// To the next tile, in rows of so many pixels.
    #[inline(always)]
    fn advance(&mut self, columns: usize) {
        self.x += SIDE;
        if self.x >= columns {
            *self = Self { y: self.y + SIDE, x: 0 };
        }
    }
}

/// `Bᵀ d B` of a tile, each position `distance` vectors from the last.
#[inline(always)]
fn transform_input<S: Simd, E: Element>(
    s: S,
    window: &[E::Vector<S>],
    row: usize,
    tiles: &mut [E::Vector<S>],
    distance: usize,
) {
    // Without closures and `from_fn`: they would not all be inlined, and then not be compiled for
    // the instruction set.
    let window = &window[..(TILE - 1) * row + TILE];
    let tiles = &mut tiles[..=(POSITIONS - 1) * distance];
    let mut columns = [[E::splat(s, E::default()); TILE]; TILE];
    for (x, column) in columns.iter_mut().enumerate() {
        let (a, b, c) = (window[x], window[row + x], window[2 * row + x]);
        let (d, e, f) = (window[3 * row + x], window[4 * row + x], window[5 * row + x]);
        *column = differences::<S, E>(s, [a, b, c, d, e, f]);
    }
    #[expect(clippy::needless_range_loop, reason = "slices of the rows take twice the time")]
    for y in 0..TILE {
        let (a, b, c) = (columns[0][y], columns[1][y], columns[2][y]);
        let (d, e, f) = (columns[3][y], columns[4][y], columns[5][y]);
        let row = differences::<S, E>(s, [a, b, c, d, e, f]);
        put_row(tiles, y, distance, row);
    }
}

/// Puts a row of a tile to its positions.
#[inline(always)]
fn put_row<V: Copy>(tiles: &mut [V], y: usize, distance: usize, row: [V; TILE]) {
    let at = TILE * y * distance;
    tiles[at] = row[0];
    tiles[at + distance] = row[1];
    tiles[at + 2 * distance] = row[2];
    tiles[at + 3 * distance] = row[3];
    tiles[at + 4 * distance] = row[4];
    tiles[at + 5 * distance] = row[5];
}

/// A column of a tile, each position `distance` vectors from the last.
#[inline(always)]
fn column<V: Copy>(tiles: &[V], x: usize, distance: usize) -> [V; TILE] {
    let (at, down) = (x * distance, TILE * distance);
    let (a, b, c) = (tiles[at], tiles[at + down], tiles[at + 2 * down]);
    [a, b, c, tiles[at + 3 * down], tiles[at + 4 * down], tiles[at + 5 * down]]
}

/// [`transform_input`] of a tile of which perhaps only `rest` rows and columns are there.
#[inline(always)]
fn transform_rest<S: Simd, E: Element>(
    s: S,
    window: &[E::Vector<S>],
    row: usize,
    rest: (usize, usize),
    tiles: &mut [E::Vector<S>],
    distance: usize,
) {
    if rest.0 >= TILE && rest.1 >= TILE {
        transform_input::<S, E>(s, window, row, tiles, distance);
        return;
    }
    let mut whole = [E::splat(s, E::default()); POSITIONS];
    let (rows, columns) = (rest.0.min(TILE), rest.1.min(TILE));
    for (y, whole) in whole.chunks_exact_mut(TILE).enumerate().take(rows) {
        whole[..columns].copy_from_slice(&window[y * row..][..columns]);
    }
    transform_input::<S, E>(s, &whole, TILE, tiles, distance);
}

/// `Bᵀ` times a column:
///
/// ```text
/// 4  0 -5  0  1  0
/// 0 -4 -4  1  1  0
/// 0  4 -4 -1  1  0
/// 0 -2 -1  2  1  0
/// 0  2 -1 -2  1  0
/// 0  4  0 -5  0  1
/// ```
#[inline(always)]
fn differences<S: Simd, E: Element>(
    s: S,
    [a, b, c, d, e, f]: [E::Vector<S>; TILE],
) -> [E::Vector<S>; TILE] {
    let (two, four) = (E::splat(s, E::of(2.0)), E::splat(s, E::of(4.0)));
    let (less_four, less_five) = (E::splat(s, E::of(-4.0)), E::splat(s, E::of(-5.0)));
    let first = E::mul_add(s, four, a, E::mul_add(s, less_five, c, e));
    let last = E::mul_add(s, four, b, E::mul_add(s, less_five, d, f));
    let (even, odd) = (E::mul_add(s, less_four, c, e), E::mul_add(s, less_four, b, d));
    let (second, third) = (E::add(s, even, odd), E::sub(s, even, odd));
    let (even, odd) = (E::sub(s, e, c), E::mul(s, two, E::sub(s, d, b)));
    [first, second, third, E::add(s, even, odd), E::sub(s, even, odd), last]
}
