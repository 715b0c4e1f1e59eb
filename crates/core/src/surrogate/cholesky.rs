//! The Cholesky factor of a matrix that grows by a row and a column at a time.

/// The lower triangular L with L Lᵀ = A.
#[derive(Clone, Debug, Default)]
pub struct Cholesky {
    size: usize,
    /// Row by row, without what is above the diagonal.
    rows: Vec<f64>,
}

/// The sum of products, in eight sums side by side so that it is fast, and always the same ones.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a_eights, a_rest) = a.as_chunks::<8>();
    let (b_eights, b_rest) = b.as_chunks::<8>();
    for (a, b) in std::iter::zip(a_eights, b_eights) {
        for i in 0..8 {
            sums[i] += a[i] * b[i];
        }
    }
    let rest: f64 = std::iter::zip(a_rest, b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

impl Cholesky {
    /// The number of rows.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The row, up to and with the diagonal.
    pub fn row(&self, at: usize) -> &[f64] {
        let start = at * (at + 1) / 2;
        &self.rows[start..=start + at]
    }

    /// Grows by one row: `column` has the new entries of A above the diagonal, then the one on it.
    /// A diagonal that is too small for a factor is raised to `least`.
    pub fn push(&mut self, column: &[f64], diagonal: f64, least: f64) {
        let solved = self.solve_lower(column);
        let left = (diagonal - dot(&solved, &solved)).max(least);
        self.rows.extend(solved);
        self.rows.push(left.sqrt());
        self.size += 1;
    }

    /// L⁻¹ b.
    pub fn solve_lower(&self, b: &[f64]) -> Vec<f64> {
        let mut x = Vec::with_capacity(b.len());
        for (at, value) in b.iter().enumerate().take(self.size) {
            let row = self.row(at);
            x.push((value - dot(&row[..at], &x)) / row[at]);
        }
        x
    }

    /// The columns of L⁻¹, each from its diagonal down: for A⁻¹ = L⁻ᵀ L⁻¹.
    fn inverse_columns(&self) -> Vec<Vec<f64>> {
        let column = |first: usize| {
            let mut x: Vec<f64> = Vec::with_capacity(self.size - first);
            for at in first..self.size {
                let row = self.row(at);
                let unit = if at == first { 1.0 } else { 0.0 };
                x.push((unit - dot(&row[first..at], &x)) / row[at]);
            }
            x
        };
        (0..self.size).map(column).collect()
    }

    /// A⁻¹, the lower triangle row by row.
    pub fn inverse(&self) -> Vec<f64> {
        let columns = self.inverse_columns();
        let mut inverse = Vec::with_capacity(self.rows.len());
        for i in 0..self.size {
            for j in 0..=i {
                inverse.push(dot(&columns[i], &columns[j][i - j..]));
            }
        }
        inverse
    }

    /// The logarithm of the determinant of A.
    pub fn log_determinant(&self) -> f64 {
        2.0 * (0..self.size).map(|at| self.row(at)[at].ln()).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_and_the_inverse_of_a_known_matrix() {
        // A = [[4, 2, 2], [2, 5, 3], [2, 3, 6]]; L = [[2], [1, 2], [1, 1, 2]].
        let mut factor = Cholesky::default();
        factor.push(&[], 4.0, 1e-9);
        factor.push(&[2.0], 5.0, 1e-9);
        factor.push(&[2.0, 3.0], 6.0, 1e-9);
        assert_eq!(factor.row(2), [1.0, 1.0, 2.0]);
        assert!((factor.log_determinant() - 64_f64.ln()).abs() < 1e-12);
        assert_eq!(factor.solve_lower(&[2.0, 3.0, 4.0]), [1.0, 1.0, 1.0]);
        // The adjugate over the determinant of 64.
        let known = [21.0, -6.0, 20.0, -4.0, -8.0, 16.0].map(|x| x / 64.0);
        for (found, known) in std::iter::zip(factor.inverse(), known) {
            assert!((found - known).abs() < 1e-12, "{found} is not {known}");
        }
    }
}
