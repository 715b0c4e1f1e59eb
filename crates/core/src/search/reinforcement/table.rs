//! A policy without memory: one logit for each option of each choice.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor, Var};

use super::options::{Decisions, OptionTable};
use super::policy::{Policy, Sampler};
use crate::Result;
use crate::nn::Parameter;

/// The policy, see the [module](self).
pub(super) struct Table {
    options: Arc<OptionTable>,
    /// All logits, by row.
    logits: [Parameter; 1],
}

impl Table {
    /// All options are equally likely.
    pub(super) fn new(options: Arc<OptionTable>) -> Result<Self> {
        let var = Var::zeros(options.rows(), DType::F32, &Device::Cpu)?;
        let logits = Parameter { name: "logits".to_owned(), var, is_weight: true };
        Ok(Self { options, logits: [logits] })
    }
}

impl Policy for Table {
    fn parameters(&self) -> &[Parameter] {
        &self.logits
    }

    fn logits(&self, batch: &[&Decisions]) -> Result<Vec<(usize, Tensor)>> {
        let all = self.logits[0].var.as_tensor();
        let asked = (0..self.options.len()).filter(|at| batch.iter().any(|d| d[*at].is_some()));
        asked
            .map(|at| {
                let count = self.options.count(at);
                let of_choice = all.narrow(0, self.options.first_row(at), count)?;
                Ok((at, of_choice.broadcast_as((batch.len(), count))?))
            })
            .collect()
    }

    fn sampler(&self) -> Result<Arc<dyn Sampler>> {
        let logits = self.logits[0].var.to_vec1()?;
        Ok(Arc::new(TableSampler { options: Arc::clone(&self.options), logits }))
    }
}

struct TableSampler {
    options: Arc<OptionTable>,
    logits: Vec<f32>,
}

impl Sampler for TableSampler {
    fn start(&self) -> Vec<f32> {
        Vec::new()
    }

    fn logits(&self, at: usize, _last: Option<usize>, _memory: &mut Vec<f32>) -> Vec<f32> {
        let first = self.options.first_row(at);
        self.logits[first..first + self.options.count(at)].to_vec()
    }
}
