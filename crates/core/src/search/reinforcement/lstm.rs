//! A policy with memory: a recurrent network that makes one decision after the other.
//!
//! One step for each choice that applies. The input is the embedding of the last decision; each
//! choice has output weights of its own. A choice that does not apply is no step: the network does
//! not see it.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor, Var};

use super::options::{Decisions, OptionTable};
use super::policy::{Policy, Sampler, applies};
use crate::nn::Parameter;
use crate::train::init::{self, Start};
use crate::{Result, Seed};

/// Weights start uniformly between -0.1 and 0.1, as those of ENAS; the biases at 0.
const START: Start = Start::Uniform { fan_in: 100 };

/// The policy, see the [module](self).
pub(super) struct Lstm {
    options: Arc<OptionTable>,
    hidden: usize,
    parameters: Vec<Parameter>,
}

/// The positions of the parameters.
const EMBEDDING: usize = 0; // one row for each option, and one for the start
const INPUT: usize = 1; // the columns are the gates: input, forget, output, candidate
const RECURRENT: usize = 2;
const GATE_BIAS: usize = 3;
const OUTPUT: usize = 4; // one row for each option
const OUTPUT_BIAS: usize = 5;

impl Lstm {
    /// With random weights.
    pub(super) fn new(options: Arc<OptionTable>, hidden: usize, seed: Seed) -> Result<Self> {
        let rows = options.rows();
        let constant = Start::Constant(0.0);
        let shapes: [(&str, Vec<usize>, Start); 6] = [
            ("embedding", vec![rows + 1, hidden], START),
            ("input", vec![hidden, 4 * hidden], START),
            ("recurrent", vec![hidden, 4 * hidden], START),
            ("gate_bias", vec![4 * hidden], constant),
            ("output", vec![rows, hidden], START),
            ("output_bias", vec![rows], constant),
        ];
        let parameters = shapes.into_iter().map(|(name, dims, start)| {
            let value = init::tensor(seed, name, &dims, start, DType::F32, &Device::Cpu)?;
            let (name, is_weight) = (name.to_owned(), dims.len() > 1);
            Ok(Parameter { name, var: Var::from_tensor(&value)?, is_weight })
        });
        Ok(Self { options, hidden, parameters: parameters.collect::<Result<_>>()? })
    }

    fn tensor(&self, parameter: usize) -> &Tensor {
        self.parameters[parameter].var.as_tensor()
    }
}

impl Policy for Lstm {
    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn logits(&self, batch: &[&Decisions]) -> Result<Vec<(usize, Tensor)>> {
        let mut output = Tensor::zeros((batch.len(), self.hidden), DType::F32, &Device::Cpu)?;
        let mut cell = output.clone();
        let mut last = vec![self.options.rows() as u32; batch.len()];
        let mut logits = Vec::new();
        for at in 0..self.options.len() {
            let asked = batch.iter().filter(|d| d[at].is_some()).count();
            if asked == 0 {
                continue;
            }
            let rows = Tensor::from_slice(&last, batch.len(), &Device::Cpu)?;
            let x = self.tensor(EMBEDDING).index_select(&rows, 0)?;
            let recurrent = output.matmul(self.tensor(RECURRENT))?;
            let gates = (x.matmul(self.tensor(INPUT))? + recurrent)?
                .broadcast_add(self.tensor(GATE_BIAS))?
                .chunk(4, 1)?;
            let sigmoid = candle_nn::ops::sigmoid;
            let candidate = (sigmoid(&gates[0])? * gates[3].tanh()?)?;
            let new_cell = ((sigmoid(&gates[1])? * &cell)? + candidate)?;
            let new_output = (sigmoid(&gates[2])? * new_cell.tanh()?)?;

            let (first, count) = (self.options.first_row(at), self.options.count(at));
            let weights = self.tensor(OUTPUT).narrow(0, first, count)?;
            let bias = self.tensor(OUTPUT_BIAS).narrow(0, first, count)?;
            logits.push((at, new_output.matmul(&weights.t()?)?.broadcast_add(&bias)?));

            if asked == batch.len() {
                (cell, output) = (new_cell, new_output);
            } else {
                // Where the choice does not apply, the memory stays as it is.
                let new = applies(batch, at)?.unsqueeze(1)?;
                let old = (1.0 - &new)?;
                let keep = |a: Tensor, b: Tensor| -> Result<Tensor> {
                    Ok((a.broadcast_mul(&old)? + b.broadcast_mul(&new)?)?)
                };
                (cell, output) = (keep(cell, new_cell)?, keep(output, new_output)?);
            }
            for (last, decisions) in std::iter::zip(&mut last, batch) {
                if let Some(option) = decisions[at] {
                    *last = (first + option) as u32;
                }
            }
        }
        Ok(logits)
    }

    fn sampler(&self) -> Result<Arc<dyn Sampler>> {
        let plain = |parameter| -> Result<Vec<f32>> {
            Ok(self.tensor(parameter).flatten_all()?.to_vec1()?)
        };
        // What the input adds to the gates depends on the last decision only.
        let gates = self.tensor(EMBEDDING).matmul(self.tensor(INPUT))?;
        let gates = gates.broadcast_add(self.tensor(GATE_BIAS))?;
        Ok(Arc::new(LstmSampler {
            options: Arc::clone(&self.options),
            hidden: self.hidden,
            input_gates: gates.flatten_all()?.to_vec1()?,
            recurrent: plain(RECURRENT)?,
            output: plain(OUTPUT)?,
            output_bias: plain(OUTPUT_BIAS)?,
        }))
    }
}

struct LstmSampler {
    options: Arc<OptionTable>,
    hidden: usize,
    /// What each possible last decision adds to the gates, with their bias.
    input_gates: Vec<f32>,
    recurrent: Vec<f32>,
    output: Vec<f32>,
    output_bias: Vec<f32>,
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

impl Sampler for LstmSampler {
    /// The cell, then the output.
    fn start(&self) -> Vec<f32> {
        vec![0.0; 2 * self.hidden]
    }

    fn logits(&self, at: usize, last: Option<usize>, memory: &mut Vec<f32>) -> Vec<f32> {
        let (cell, output) = memory.split_at_mut(self.hidden);
        let width = 4 * self.hidden;
        let row = last.unwrap_or(self.options.rows());
        let mut gates = self.input_gates[row * width..(row + 1) * width].to_vec();
        for (out, weights) in std::iter::zip(&*output, self.recurrent.chunks_exact(width)) {
            for (gate, weight) in std::iter::zip(&mut gates, weights) {
                *gate += out * weight;
            }
        }
        for unit in 0..self.hidden {
            let gate = |number: usize| gates[number * self.hidden + unit];
            cell[unit] = sigmoid(gate(1)) * cell[unit] + sigmoid(gate(0)) * gate(3).tanh();
            output[unit] = sigmoid(gate(2)) * cell[unit].tanh();
        }
        let first = self.options.first_row(at);
        (first..first + self.options.count(at))
            .map(|row| {
                let weights = &self.output[row * self.hidden..(row + 1) * self.hidden];
                let product: f32 = std::iter::zip(weights, &*output).map(|(w, o)| w * o).sum();
                product + self.output_bias[row]
            })
            .collect()
    }
}
