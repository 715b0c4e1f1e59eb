//! The kernels: loops over one block of interleaved images, see [`layout`](crate::layout).

use pulp::{Simd, WithSimd};

use crate::simd::{Element, dispatch};

pub mod correlation;
pub mod depthwise;
pub mod plain;
pub mod plane;
pub mod pointwise;
pub mod pool;
pub mod rows;
pub mod winograd;

/// Whether a result replaces what was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// It does.
    Set,
    /// It is added.
    Add,
}

/// The sum of the lanes of each vector.
///
/// # Panics
///
/// If there are not as many results as vectors.
pub fn sum_lanes<E: Element>(sums: &[E], out: &mut [E]) {
    struct SumLanes<'a, E>(&'a [E], &'a mut [E]);
    impl<E: Element> WithSimd for SumLanes<'_, E> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, s: S) {
            let sums = E::vectors::<S>(self.0);
            assert_eq!(sums.len(), self.1.len(), "a sum for each vector");
            for (out, sum) in std::iter::zip(self.1, sums) {
                *out = E::sum(s, *sum);
            }
        }
    }
    dispatch(SumLanes(sums, out));
}
