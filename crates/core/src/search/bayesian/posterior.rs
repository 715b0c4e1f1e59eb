//! A Gaussian process with what it says of all candidates of a small space, kept up to date by a row
//! for each trial.

use crate::surrogate::gp::Process;
use crate::surrogate::kernel::{Encoder, Hyper, Point};

use super::candidates::Candidates;

/// So many candidates at a time: their part of a solve stays in the cache.
const WIDTH: usize = 256;

/// Some candidates.
struct Tile {
    /// The candidates, by number.
    first: usize,
    len: usize,
    /// L⁻¹ K, a row of `WIDTH` numbers for each trial.
    rows: Vec<f32>,
    /// The variance that is left.
    left: Vec<f32>,
}

/// A process, and its candidates.
pub(super) struct Posterior {
    pub process: Process,
    tiles: Vec<Tile>,
}

impl Posterior {
    /// Of these points; with candidates, what it says of them is kept.
    pub(super) fn new(
        encoder: &Encoder,
        hyper: Hyper,
        points: &[Point],
        candidates: Option<&Candidates>,
    ) -> Self {
        let variance = hyper.variance() as f32;
        let number = candidates.map_or(0, |all| all.points.len());
        let tiles = (0..number).step_by(WIDTH).map(|first| {
            let len = WIDTH.min(number - first);
            let rows = Vec::with_capacity(points.len() * WIDTH);
            Tile { first, len, rows, left: vec![variance; WIDTH] }
        });
        let tiles = tiles.collect();
        let mut all = Self { process: Process::new(hyper), tiles };
        all.extend(encoder, points, candidates);
        all
    }

    /// Adds points.
    pub(super) fn extend(
        &mut self,
        encoder: &Encoder,
        points: &[Point],
        candidates: Option<&Candidates>,
    ) {
        let known = self.process.len();
        for point in points {
            self.process.push(encoder, point.clone());
        }
        let row = |point| Some(candidates?.kernel(encoder, &self.process.hyper, point));
        let rows: Vec<Vec<f32>> = points.iter().filter_map(row).collect();
        for tile in &mut self.tiles {
            for (number, kernel) in rows.iter().enumerate() {
                let factor = self.process.row(known + number);
                let mut new = [0.0_f32; WIDTH];
                new[..tile.len].copy_from_slice(&kernel[tile.first..tile.first + tile.len]);
                let (before, rest) = tile.rows.as_chunks::<WIDTH>();
                debug_assert!(rest.is_empty(), "rows are whole");
                subtract(&mut new, before, factor);
                let scale = 1.0 / factor[factor.len() - 1] as f32;
                for (value, left) in std::iter::zip(&mut new, &mut tile.left) {
                    *value *= scale;
                    *left -= *value * *value;
                }
                tile.rows.extend_from_slice(&new);
            }
        }
    }

    /// The mean of all candidates, from [`Process::weights`], and their standard deviation.
    pub(super) fn all(&self, weights: &[f64]) -> (Vec<f32>, Vec<f32>) {
        let (mut means, mut stds) = (Vec::new(), Vec::new());
        let negative: Vec<f64> = weights.iter().map(|weight| -weight).collect();
        for tile in &self.tiles {
            let mut mean = [0.0_f32; WIDTH];
            subtract(&mut mean, tile.rows.as_chunks().0, &negative);
            means.extend_from_slice(&mean[..tile.len]);
            stds.extend(tile.left[..tile.len].iter().map(|left| left.max(1e-8).sqrt()));
        }
        (means, stds)
    }

    /// What [`Process::whitened`] says of a candidate.
    pub(super) fn whitened(&self, at: usize) -> Vec<f64> {
        let (tile, column) = (&self.tiles[at / WIDTH], at % WIDTH);
        tile.rows.as_chunks::<WIDTH>().0.iter().map(|row| f64::from(row[column])).collect()
    }
}

/// Subtracts each row times its factor. Four at a time, so that the result is loaded less often.
fn subtract(from: &mut [f32; WIDTH], rows: &[[f32; WIDTH]], factors: &[f64]) {
    let (fours, rest) = rows.as_chunks::<4>();
    for ([a, b, c, d], f) in std::iter::zip(fours, factors.as_chunks::<4>().0) {
        let f = f.map(|f| f as f32);
        for i in 0..WIDTH {
            from[i] -= f[0] * a[i] + f[1] * b[i] + (f[2] * c[i] + f[3] * d[i]);
        }
    }
    for (row, f) in std::iter::zip(rest, &factors[fours.len() * 4..]) {
        let f = *f as f32;
        for i in 0..WIDTH {
            from[i] -= f * row[i];
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Seed;
    use crate::space::{SearchSpace, SpecExt as _};

    #[test]
    fn rows_that_came_one_by_one_say_what_a_fresh_process_says() {
        let space = crate::space::find("nas_bench_201").unwrap();
        let space: Arc<dyn SearchSpace> = space.make(&serde_json::Value::Null, &()).unwrap().into();
        let encoder = Encoder::new(space.spec(), true);
        let all = Candidates::of(&space, &encoder, 20_000).unwrap();
        let lengths = (0..encoder.distances()).map(|at| 2.0 + at as f64).collect();
        let hyper = Hyper { lengths, weights: [0.5, 0.3, 0.2], noise: 0.02 };
        let mut rng = Seed::new(4).rng();
        let sample = |_| encoder.encode(&*space, &space.spec().sample(&mut rng));
        let points: Vec<Point> = (0..21).map(sample).collect();
        let values: Vec<f64> = (0..21).map(|i| (f64::from(i) * 0.9).sin()).collect();
        let fresh = Posterior::new(&encoder, hyper.clone(), &points, Some(&all));
        let mut grown = Posterior::new(&encoder, hyper, &points[..7], Some(&all));
        points[7..]
            .iter()
            .for_each(|p| grown.extend(&encoder, std::slice::from_ref(p), Some(&all)));
        assert_eq!(grown.process.weights(&values), fresh.process.weights(&values));
        let weights = fresh.process.weights(&values);
        assert_eq!(grown.all(&weights), fresh.all(&weights));
        // Kept in single precision for all candidates, it is what one asks for in double.
        let (means, stds) = fresh.all(&weights);
        for at in (0..all.points.len()).step_by(397) {
            let whitened = fresh.process.whitened(&encoder, &all.points[at]);
            let exact = fresh.process.predict(&whitened, &weights);
            assert!((f64::from(means[at]) - exact.mean).abs() < 1e-4);
            assert!((f64::from(stds[at]) - exact.std).abs() < 1e-3);
        }
    }
}
