//! What operations are built with: named parameters, and the count of what they cost.

use std::collections::HashMap;
use std::ops::Range;

use candle_core::{DType, Device, Var};
use nascent_record::Measured;

use super::Shape;
use crate::train::init;
use crate::{Result, Seed};

pub use crate::train::init::Start;

/// What a network costs, known before it is built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Trainable numbers.
    pub params: u64,
    /// Multiply-accumulate operations of convolutions and linear layers, biases included, for one
    /// example. Normalization, activation and pooling do not count, as in NAS-Bench-201.
    pub flops: u64,
    /// Numbers that a training step keeps for the gradient, for one example.
    pub activations: u64,
    /// Numbers that a training step keeps besides, for one example, where convolutions are composed
    /// of tensor operations, as on a GPU: what their windows cover.
    pub unfolded: u64,
}

/// A trainable tensor of a model.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Where it is: `cell_1.edge_0_1.conv.weight`.
    pub name: String,
    /// Its value.
    pub var: Var,
    /// Whether it is a weight, as opposed to a bias or a parameter of a normalization.
    pub is_weight: bool,
}

/// The tensors of a model, in the order in which its operations are built.
#[derive(Default)]
pub(crate) struct Store {
    pub(crate) parameters: Vec<Parameter>,
    /// Running statistics.
    pub(crate) buffers: Vec<(String, Var)>,
    pub(crate) cost: Cost,
    /// What the operations cost that a coefficient multiplies, in all places where it does.
    pub(crate) coefficients: Vec<Cost>,
    /// The parameters of such operations, as many as there are places, with the coefficient.
    pub(crate) multiplied: Vec<(Range<usize>, usize)>,
    /// What the parts of the network make and cost, by their paths, if somebody asks for that.
    pub(crate) measured: Option<HashMap<String, Measured>>,
}

/// What a store held at some moment.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) cost: Cost,
    parameters: usize,
}

/// How tensors are made; absent while counting.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) seed: Seed,
    pub(crate) dtype: DType,
    pub(crate) device: Device,
}

/// Registers the parameters and the cost of an operation while it is built.
///
/// Counting makes no tensors: the operation gets empty ones, and is thrown away.
pub struct Builder<'a> {
    pub(crate) store: &'a mut Store,
    target: Option<&'a Target>,
    path: String,
    classes: usize,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(store: &'a mut Store, target: Option<&'a Target>, classes: usize) -> Self {
        Self { store, target, path: String::new(), classes }
    }

    /// The number of classes of the data.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Where the operation is; empty at the top.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// A builder for a part of the operation.
    pub fn part(&mut self, name: &str) -> Builder<'_> {
        Builder {
            path: self.join(name),
            store: self.store,
            target: self.target,
            classes: self.classes,
        }
    }

    fn join(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// A trainable tensor. Its first value depends on the seed and its own path alone.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn parameter(&mut self, name: &str, dims: &[usize], start: Start) -> Result<Var> {
        self.store.cost.params += dims.iter().product::<usize>() as u64;
        let name = self.join(name);
        let Some(target) = self.target else {
            return Self::empty();
        };
        let value = init::tensor(target.seed, &name, dims, start, target.dtype, &target.device)?;
        let var = Var::from_tensor(&value)?;
        let is_weight = start.is_random() && dims.len() > 1;
        self.store.parameters.push(Parameter { name, var: var.clone(), is_weight });
        Ok(var)
    }

    /// A tensor that is saved with the weights and not trained.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn buffer(&mut self, name: &str, dims: &[usize], value: f64) -> Result<Var> {
        let name = self.join(name);
        let Some(target) = self.target else {
            return Self::empty();
        };
        let start = Start::Constant(value);
        let value = init::tensor(target.seed, &name, dims, start, target.dtype, &target.device)?;
        let var = Var::from_tensor(&value)?;
        self.store.buffers.push((name, var.clone()));
        Ok(var)
    }

    fn empty() -> Result<Var> {
        Ok(Var::zeros(0, DType::F32, &Device::Cpu)?)
    }

    /// What is there already.
    pub(crate) fn mark(&self) -> Mark {
        Mark { cost: self.store.cost, parameters: self.store.parameters.len() }
    }

    /// Notes that a coefficient multiplies what was built since then.
    pub(crate) fn note_coefficient(&mut self, coefficient: usize, since: Mark) {
        let parameters = since.parameters..self.store.parameters.len();
        self.store.multiplied.push((parameters, coefficient));
        let (before, now, costs) = (since.cost, self.store.cost, &mut self.store.coefficients);
        if costs.len() <= coefficient {
            costs.resize(coefficient + 1, Cost::default());
        }
        let cost = &mut costs[coefficient];
        cost.params += now.params - before.params;
        cost.flops += now.flops - before.flops;
        cost.activations += now.activations - before.activations;
        cost.unfolded += now.unfolded - before.unfolded;
    }

    /// Notes what this part makes, and what it has cost since then, if somebody asks for that.
    pub(crate) fn note_measure(&mut self, since: Cost, shape: Shape) {
        let now = self.store.cost;
        if let Some(measured) = &mut self.store.measured {
            let (params, flops) = (now.params - since.params, now.flops - since.flops);
            measured.insert(self.path.clone(), Measured { shape: shape.dims(), params, flops });
        }
    }

    /// Counts multiply-accumulate operations for one example.
    pub fn count_flops(&mut self, flops: usize) {
        self.store.cost.flops += flops as u64;
    }

    /// Counts numbers that a training step keeps for the gradient, for one example.
    pub fn count_activations(&mut self, numbers: usize) {
        self.store.cost.activations += numbers as u64;
    }

    /// Counts numbers that the windows of a convolution cover, for one example.
    pub fn count_unfolded(&mut self, numbers: usize) {
        self.store.cost.unfolded += numbers as u64;
    }
}
