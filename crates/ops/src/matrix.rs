//! Products of matrices in memory that is there already.

use pulp::{Simd, WithSimd};

use crate::simd::{Element, dispatch};

/// A matrix, row by row or column by column.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a, E = f32> {
    data: &'a [E],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a, E: Element> Matrix<'a, E> {
    /// A matrix whose rows lie one after the other.
    ///
    /// # Panics
    /// If there are not so many numbers.
    pub fn new(data: &'a [E], rows: usize, columns: usize) -> Self {
        assert_eq!(data.len(), rows * columns, "a matrix of {rows} rows and {columns} columns");
        Self { data, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// Rows as columns, in the same memory.
    #[must_use]
    pub fn transposed(self) -> Self {
        let Self { data, rows, columns, row_stride, column_stride } = self;
        Self {
            data,
            rows: columns,
            columns: rows,
            row_stride: column_stride,
            column_stride: row_stride,
        }
    }
}

/// Sets `target`, whose rows lie one after the other, to `keep * target + a * b`.
///
/// # Panics
/// If the sizes do not fit.
pub fn multiply<E: Element>(a: Matrix<'_, E>, b: Matrix<'_, E>, keep: E, target: &mut [E]) {
    let parallel = match rayon::current_num_threads() {
        1 => gemm::Parallelism::None,
        threads => gemm::Parallelism::Rayon(threads),
    };
    assert_eq!(a.columns, b.rows, "the columns of the left are the rows of the right matrix");
    assert_eq!(target.len(), a.rows * b.columns, "the size of the product");
    #[expect(unsafe_code, reason = "gemm takes pointers")]
    // SAFETY: a `Matrix` has as many numbers as rows times columns, at strides that stay inside
    // (`Matrix::new` asserts it, and transposing exchanges both), and the target is of the size of
    // the product, as asserted above. It is borrowed exclusively, so it overlaps with neither.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            target.as_mut_ptr(),
            1,
            b.columns as isize,
            keep != E::default(),
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            keep,
            E::of(1.0),
            false,
            false,
            false,
            parallel,
        );
    }
}

/// Sets each row of `target`, of the width of `row`, to it.
pub fn fill_rows<E: Element>(row: &[E], target: &mut [E]) {
    for target in target.chunks_exact_mut(row.len().max(1)) {
        target.copy_from_slice(row);
    }
}

/// Adds up the columns of rows: `target[i]` is the sum of the numbers at `i` of all rows.
pub fn add_rows<E: Element>(rows: &[E], target: &mut [E]) {
    struct AddRows<'a, E>(&'a [E], &'a mut [E]);
    impl<E: Element> WithSimd for AddRows<'_, E> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, s: S) {
            let Self(rows, target) = self;
            target.fill(E::default());
            for row in rows.chunks_exact(target.len().max(1)) {
                let values = E::vectors::<S>(row);
                for (sum, value) in std::iter::zip(E::vectors_mut::<S>(target), values) {
                    *sum = E::add(s, *sum, *value);
                }
                let whole = values.len() * E::lanes::<S>();
                for (sum, value) in std::iter::zip(&mut target[whole..], &row[whole..]) {
                    *sum = E::of(sum.wide() + value.wide());
                }
            }
        }
    }
    dispatch(AddRows(rows, target));
}
