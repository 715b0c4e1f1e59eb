//! The convolution itself, and the gradient of its input.

use pulp::{Simd, WithSimd};

use super::{POSITIONS, Place, SIDE, TILE, column, transform_rest};
use crate::kernel::Write;
use crate::kernel::correlation::{Grid, Mix, packed_order};
use crate::simd::Element;

/// How many bytes of transformed tiles are worked on at once: what a cache of the second level has
/// room for beside the weights.
const CHUNK_BYTES: usize = 160 << 10;

/// How many weights are transformed together: a line of a cache.
const RUN: usize = 16;

/// The weights of a convolution in the form in which tiles are multiplied with them: for each
/// position those of a 1x1 convolution. `weight(output, input, tap)` is one of the nine.
pub fn transform_weights<E: Element>(
    outputs: usize,
    inputs: usize,
    weight: impl Fn(usize, usize, usize) -> E,
    packed: &mut [E],
) {
    let size = outputs * inputs;
    let mut pairs = packed_order(outputs, inputs);
    for start in (0..size).step_by(RUN) {
        let count = (size - start).min(RUN);
        let mut taps = [[0.0; RUN]; 9];
        for (at, (output, input)) in pairs.by_ref().take(count).enumerate() {
            for (tap, run) in taps.iter_mut().enumerate() {
                run[at] = weight(output, input, tap).wide();
            }
        }
        // Gg, then (Gg)Gᵀ
        let half: [_; 3] = std::array::from_fn(|x| spread([&taps[x], &taps[3 + x], &taps[6 + x]]));
        for y in 0..TILE {
            let row = spread([&half[0][y], &half[1][y], &half[2][y]]);
            for (x, run) in row.iter().enumerate() {
                let packed = &mut packed[(y * TILE + x) * size + start..][..count];
                for (packed, value) in std::iter::zip(packed, run) {
                    *packed = E::of(*value);
                }
            }
        }
    }
}

/// `G` times columns:
///
/// ```text
///  1/4    0     0
/// -1/6  -1/6  -1/6
/// -1/6   1/6  -1/6
/// 1/24  1/12   1/6
/// 1/24 -1/12   1/6
///   0     0     1
/// ```
fn spread([a, b, c]: [&[f64; RUN]; 3]) -> [[f64; RUN]; TILE] {
    const SIXTH: f64 = 1.0 / 6.0;
    let mut spread = [[0.0; RUN]; TILE];
    for at in 0..RUN {
        let (a, b, c) = (a[at], b[at], c[at]);
        let (near, near_b) = ((a + c) * -SIXTH, b * SIXTH);
        let (far, far_b) = ((0.25 * a + c) * SIXTH, 0.5 * b * SIXTH);
        spread[0][at] = 0.25 * a;
        spread[1][at] = near - near_b;
        spread[2][at] = near + near_b;
        spread[3][at] = far + far_b;
        spread[4][at] = far - far_b;
        spread[5][at] = c;
    }
    spread
}

/// One block of a 3x3 convolution with a stride of 1.
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

/// How many tiles are worked on together.
fn tiles_together<E>(channels: usize, tiles: usize, lanes: usize) -> usize {
    let bytes = channels * POSITIONS * lanes * size_of::<E>();
    let least = 4;
    (CHUNK_BYTES / bytes.max(1)).next_multiple_of(2).clamp(least, tiles.max(least))
}

/// The numbers of scratch that a [`Winograd`] needs.
pub fn scratch_len<E: Element>(
    inputs: usize,
    outputs: usize,
    (rows, columns): (usize, usize),
    lanes: usize,
) -> usize {
    let channels = inputs + outputs;
    let tiles = rows.div_ceil(SIDE) * columns.div_ceil(SIDE);
    let together = tiles_together::<E>(channels, tiles, lanes);
    (channels * together + 2 * SPACING) * POSITIONS * lanes
}

impl<E: Element> WithSimd for Winograd<'_, E> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let Self { from, to, inputs, outputs, rows, columns, write, weights, .. } = self;
        let lanes = E::lanes::<S>();
        let all = rows.div_ceil(SIDE) * columns.div_ceil(SIDE);
        let together = tiles_together::<E>(inputs + outputs, all, lanes);
        let tile_distance = inputs * together + SPACING;
        let product_distance = outputs * together + SPACING;
        let (tiles, products) = self.scratch.split_at_mut(POSITIONS * tile_distance * lanes);
        let input = E::vectors::<S>(self.input);
        let output = E::vectors_mut::<S>(self.output);
        let mut next = Place { y: 0, x: 0 };
        for start in (0..all).step_by(together) {
            let count = (all - start).min(together);
            let first = next;
            for channel in 0..inputs {
                let corner = from.first + channel * self.input_plane;
                let tiles = &mut E::vectors_mut::<S>(tiles)[channel * together..];
                let mut place = first;
                for tile in 0..count {
                    let window = &input[corner + place.y * from.row + place.x..];
                    let rest = (rows + 2 - place.y, columns + 2 - place.x);
                    let tiles = &mut tiles[tile..];
                    // What the tile below has that this one has not.
                    for y in TILE..TILE + SIDE {
                        let below = corner + (place.y + y) * from.row + place.x;
                        prefetch(input, below);
                        prefetch(input, below + SIDE / 2);
                    }
                    transform_rest::<S, E>(s, window, from.row, rest, tiles, tile_distance);
                    place.advance(columns);
                }
                next = place;
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
            for channel in 0..outputs {
                let corner = to.first + channel * self.output_plane;
                let products = &E::vectors::<S>(products)[channel * together..];
                let mut place = first;
                for tile in 0..count {
                    let pixels = &mut output[corner + place.y * to.row + place.x..];
                    let rest = (rows - place.y, columns - place.x);
                    let products = &products[tile..];
                    transform_output::<S, E>(
                        s,
                        products,
                        product_distance,
                        (pixels, to.row, rest),
                        write,
                    );
                    place.advance(columns);
                }
            }
        }
    }
}

/// Asks for what will be read soon.
#[inline(always)]
fn prefetch<T>(from: &[T], at: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(place) = from.get(at) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        #[expect(unsafe_code, reason = "the only way to ask")]
        // SAFETY: a prefetch reads nothing that the program sees, and the place exists.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(place).cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (from, at);
}

/// `Aᵀ m A` of a tile, to as many pixels of the output as there are.
#[inline(always)]
fn transform_output<S: Simd, E: Element>(
    s: S,
    products: &[E::Vector<S>],
    distance: usize,
    (pixels, row, rest): (&mut [E::Vector<S>], usize, (usize, usize)),
    write: Write,
) {
    let products = &products[..=(POSITIONS - 1) * distance];
    let mut columns = [[E::splat(s, E::default()); SIDE]; TILE];
    for (x, summed) in columns.iter_mut().enumerate() {
        *summed = sums::<S, E>(s, column(products, x, distance));
    }
    for y in 0..SIDE.min(rest.0) {
        let (a, b, c) = (columns[0][y], columns[1][y], columns[2][y]);
        let (d, e, f) = (columns[3][y], columns[4][y], columns[5][y]);
        let mut sums = sums::<S, E>(s, [a, b, c, d, e, f]);
        let known = SIDE.min(rest.1);
        let pixels = &mut pixels[y * row..][..known];
        if write == Write::Add {
            for (sum, pixel) in std::iter::zip(&mut sums, &*pixels) {
                *sum = E::add(s, *sum, *pixel);
            }
        }
        if let Ok(pixels) = <&mut [E::Vector<S>; SIDE]>::try_from(&mut *pixels) {
            *pixels = sums;
        } else {
            pixels.copy_from_slice(&sums[..known]);
        }
    }
}

/// `Aᵀ` times a column:
///
/// ```text
/// 1  1  1  1  1  0
/// 0  1 -1  2 -2  0
/// 0  1  1  4  4  0
/// 0  1 -1  8 -8  1
/// ```
#[inline(always)]
fn sums<S: Simd, E: Element>(
    s: S,
    [a, b, c, d, e, f]: [E::Vector<S>; TILE],
) -> [E::Vector<S>; SIDE] {
    let (two, four, eight) =
        (E::splat(s, E::of(2.0)), E::splat(s, E::of(4.0)), E::splat(s, E::of(8.0)));
    let (near, far) = (E::add(s, b, c), E::add(s, d, e));
    let (slope, steep) = (E::sub(s, b, c), E::sub(s, d, e));
    [
        E::add(s, a, E::add(s, near, far)),
        E::mul_add(s, two, steep, slope),
        E::mul_add(s, four, far, near),
        E::add(s, f, E::mul_add(s, eight, steep, slope)),
    ]
}
