//! Features: what is computed of each example once its image is a row of numbers.

use nascent_ops::kernel::Write;
use nascent_ops::kernel::rows::{AddScaled, ChannelMeans, Source, Spread, Target};
use nascent_ops::layout::{Buffer, pack, unpack};
use nascent_ops::matrix::{Matrix, add_rows, fill_rows, multiply};
use nascent_ops::simd::{dispatch, lanes};
use rayon::prelude::*;

use super::images::Images;
use super::step::{Gradient, Image, Rows};

/// Batches of rows, and their gradients.
pub(super) struct Features {
    pub(super) widths: Vec<usize>,
    pub(super) rows: Vec<Vec<f32>>,
    pub(super) gradients: Vec<Vec<f32>>,
    /// For each block, for each channel, a vector.
    means: Vec<f32>,
    /// The examples of the present batch.
    pub(super) count: usize,
}

/// A linear map: where its weights and biases are.
pub(super) struct Linear<'a> {
    pub(super) x: Rows,
    pub(super) y: Rows,
    pub(super) weights: &'a [f32],
    pub(super) bias: &'a [f32],
}

impl Features {
    /// Memory for so many examples, and for so many channels of images.
    pub(super) fn new(widths: &[usize], batch: usize, channels: usize) -> Self {
        let rows: Vec<Vec<f32>> = widths.iter().map(|width| vec![0.0; batch * width]).collect();
        let lanes = lanes::<f32>();
        Self {
            widths: widths.to_vec(),
            gradients: rows.clone(),
            rows,
            means: vec![0.0; batch.div_ceil(lanes) * channels * lanes],
            count: 0,
        }
    }

    /// The present batch of rows.
    pub(super) fn get(&self, rows: Rows) -> &[f32] {
        &self.rows[rows.0][..self.count * self.widths[rows.0]]
    }

    /// Sets the gradient of the present batch of rows.
    pub(super) fn set_gradient(&mut self, rows: Rows, gradient: &[f32]) {
        self.gradients[rows.0][..gradient.len()].copy_from_slice(gradient);
    }

    pub(super) fn gradient(&self, rows: Rows) -> &[f32] {
        &self.gradients[rows.0][..self.count * self.widths[rows.0]]
    }

    pub(super) fn global_average(&mut self, x: Image, y: Rows, images: &Images) {
        let channels = images.planes(x).channels;
        let lanes = lanes::<f32>();
        let means = self.means.par_chunks_mut(channels * lanes).take(images.blocks);
        means.enumerate().for_each(|(block, means)| {
            dispatch(ChannelMeans { source: images.block(x, block), means });
        });
        let rows = self.rows[y.0].chunks_mut(channels).take(self.count);
        for (example, row) in rows.enumerate() {
            let block = &self.means[example / lanes * channels * lanes..];
            for (channel, value) in row.iter_mut().enumerate() {
                *value = block[channel * lanes + example % lanes];
            }
        }
    }

    pub(super) fn global_average_back(
        &mut self,
        x: Image,
        y: Rows,
        dx: Option<Gradient>,
        images: &mut Images,
    ) {
        let Some((dx, write)) = dx else { return };
        let planes = images.planes(x);
        let (channels, lanes) = (planes.channels, lanes::<f32>());
        self.means[..images.blocks * channels * lanes].fill(0.0);
        let gradients = self.gradients[y.0].chunks(channels).take(self.count);
        for (example, row) in gradients.enumerate() {
            let block = &mut self.means[example / lanes * channels * lanes..];
            for (channel, value) in row.iter().enumerate() {
                block[channel * lanes + example % lanes] = *value;
            }
        }
        let factor = 1.0 / (planes.height * planes.width) as f32;
        images.write_blocks(dx, |_, block, target| {
            let values = &self.means[block * channels * lanes..][..channels * lanes];
            dispatch(Spread { values, factor, target, write });
        });
    }

    pub(super) fn flatten(&mut self, x: Image, y: Rows, images: &Images) {
        let (width, planes) = (self.widths[y.0], images.planes(x));
        let rows = &mut self.rows[y.0][..self.count * width];
        rows.par_chunks_mut(width * lanes::<f32>()).enumerate().for_each(|(block, rows)| {
            unpack(images.block(x, block).data, planes, rows);
        });
    }

    pub(super) fn flatten_back(&self, y: Rows, dx: Option<Gradient>, images: &mut Images) {
        let Some((dx, write)) = dx else { return };
        let width = self.widths[y.0] * lanes::<f32>();
        let gradient = self.gradient(y);
        images.write_blocks(dx, |_, block, Target { data, planes }| {
            let rows = &gradient[block * width..];
            let rows = &rows[..rows.len().min(width)];
            match write {
                Write::Set => pack(rows, planes, data),
                Write::Add => {
                    let mut packed = Buffer::zeros(data.len());
                    pack(rows, planes, packed.as_mut_slice());
                    let source = Source { data: packed.as_slice(), planes };
                    let target = Target { data, planes };
                    dispatch(AddScaled { source, target, factor: 1.0, write });
                }
            }
        });
    }

    pub(super) fn linear(&mut self, Linear { x, y, weights, bias }: &Linear<'_>) {
        let (inputs, outputs) = (self.widths[x.0], self.widths[y.0]);
        let mut target = std::mem::take(&mut self.rows[y.0]);
        let product = &mut target[..self.count * outputs];
        fill_rows(bias, product);
        let matrix = Matrix::new(weights, outputs, inputs);
        multiply(Matrix::new(self.get(*x), self.count, inputs), matrix.transposed(), 1.0, product);
        self.rows[y.0] = target;
    }

    /// The gradients of weights and biases, and of the input unless it is that of the network.
    pub(super) fn linear_back(
        &mut self,
        Linear { x, y, weights, .. }: &Linear<'_>,
        (for_weights, for_bias): (&mut [f32], &mut [f32]),
        is_first: bool,
    ) {
        let (inputs, outputs) = (self.widths[x.0], self.widths[y.0]);
        let mut target = std::mem::take(&mut self.gradients[x.0]);
        let gradient = self.gradient(*y);
        add_rows(gradient, for_bias);
        let gradient = Matrix::new(gradient, self.count, outputs);
        let values = Matrix::new(self.get(*x), self.count, inputs);
        multiply(gradient.transposed(), values, 0.0, for_weights);
        if !is_first {
            let matrix = Matrix::new(weights, outputs, inputs);
            multiply(gradient, matrix, 0.0, &mut target[..self.count * inputs]);
        }
        self.gradients[x.0] = target;
    }
}
