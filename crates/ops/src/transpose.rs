//! Squares of as many rows as a register has lanes, turned so that rows become columns: what
//! interleaving is made of.

use pulp::Simd;

use crate::simd::Element;

/// The most lanes of a register.
pub(crate) const MOST_LANES: usize = 16;

/// Exchanges rows and columns of a square.
///
/// # Panics
///
/// If there are not as many rows as lanes.
#[inline(always)]
pub(crate) fn transpose<S: Simd, E: Element>(rows: &mut [E::Vector<S>]) {
    let lanes = E::lanes::<S>();
    assert_eq!(rows.len(), lanes, "as many rows as columns");
    #[cfg(target_arch = "x86_64")]
    match (size_of::<E>(), lanes) {
        (4, 16) if let Some(v4) = pulp::x86::V4::try_new() => {
            if let [rows] = bytemuck::cast_slice_mut(rows) {
                return x86::transpose_16(v4, rows);
            }
        }
        (4, 8) if let Some(v3) = pulp::x86::V3::try_new() => {
            if let [rows] = bytemuck::cast_slice_mut(rows) {
                return x86::transpose_8(v3, rows);
            }
        }
        _ => {}
    }
    let numbers: &mut [E] = bytemuck::cast_slice_mut(rows);
    for y in 0..lanes {
        for x in 0..y {
            numbers.swap(y * lanes + x, x * lanes + y);
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! Four rows by four columns are turned within each quarter of the registers, as many quarters
    //! at once as there are; then the quarters are.

    use std::arch::x86_64::{__m256, __m512};

    use bytemuck::cast;
    use pulp::x86::{V3, V4};
    use pulp::{f32x8, f32x16};

    #[inline(always)]
    pub(super) fn transpose_16(v4: V4, rows: &mut [f32x16; 16]) {
        let shuffle = v4.avx512f;
        for at in (0..16).step_by(4) {
            let [a, b, c, d]: [__m512; 4] =
                [cast(rows[at]), cast(rows[at + 1]), cast(rows[at + 2]), cast(rows[at + 3])];
            let left =
                (shuffle._mm512_shuffle_ps::<0x44>(a, b), shuffle._mm512_shuffle_ps::<0x44>(c, d));
            let right =
                (shuffle._mm512_shuffle_ps::<0xee>(a, b), shuffle._mm512_shuffle_ps::<0xee>(c, d));
            rows[at] = cast(shuffle._mm512_shuffle_ps::<0x88>(left.0, left.1));
            rows[at + 1] = cast(shuffle._mm512_shuffle_ps::<0xdd>(left.0, left.1));
            rows[at + 2] = cast(shuffle._mm512_shuffle_ps::<0x88>(right.0, right.1));
            rows[at + 3] = cast(shuffle._mm512_shuffle_ps::<0xdd>(right.0, right.1));
        }
        for at in 0..4 {
            let [a, b, c, d]: [__m512; 4] =
                [cast(rows[at]), cast(rows[at + 4]), cast(rows[at + 8]), cast(rows[at + 12])];
            let even = (
                shuffle._mm512_shuffle_f32x4::<0x88>(a, b),
                shuffle._mm512_shuffle_f32x4::<0x88>(c, d),
            );
            let odd = (
                shuffle._mm512_shuffle_f32x4::<0xdd>(a, b),
                shuffle._mm512_shuffle_f32x4::<0xdd>(c, d),
            );
            rows[at] = cast(shuffle._mm512_shuffle_f32x4::<0x88>(even.0, even.1));
            rows[at + 4] = cast(shuffle._mm512_shuffle_f32x4::<0x88>(odd.0, odd.1));
            rows[at + 8] = cast(shuffle._mm512_shuffle_f32x4::<0xdd>(even.0, even.1));
            rows[at + 12] = cast(shuffle._mm512_shuffle_f32x4::<0xdd>(odd.0, odd.1));
        }
    }

    #[inline(always)]
    pub(super) fn transpose_8(v3: V3, rows: &mut [f32x8; 8]) {
        let shuffle = v3.avx;
        for at in (0..8).step_by(4) {
            let [a, b, c, d]: [__m256; 4] =
                [cast(rows[at]), cast(rows[at + 1]), cast(rows[at + 2]), cast(rows[at + 3])];
            let left =
                (shuffle._mm256_shuffle_ps::<0x44>(a, b), shuffle._mm256_shuffle_ps::<0x44>(c, d));
            let right =
                (shuffle._mm256_shuffle_ps::<0xee>(a, b), shuffle._mm256_shuffle_ps::<0xee>(c, d));
            rows[at] = cast(shuffle._mm256_shuffle_ps::<0x88>(left.0, left.1));
            rows[at + 1] = cast(shuffle._mm256_shuffle_ps::<0xdd>(left.0, left.1));
            rows[at + 2] = cast(shuffle._mm256_shuffle_ps::<0x88>(right.0, right.1));
            rows[at + 3] = cast(shuffle._mm256_shuffle_ps::<0xdd>(right.0, right.1));
        }
        for at in 0..4 {
            let (a, b): (__m256, __m256) = (cast(rows[at]), cast(rows[at + 4]));
            rows[at] = cast(shuffle._mm256_permute2f128_ps::<0x20>(a, b));
            rows[at + 4] = cast(shuffle._mm256_permute2f128_ps::<0x31>(a, b));
        }
    }
}
